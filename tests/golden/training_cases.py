"""Trainings that Keras 2.2.4 and this package run alike; `make_training.py` stores what the original gives.

Every case is a function of the `keras` module that returns what JSON can hold. The code runs on Python 3.7 too.
"""

import io
import re
import sys

import numpy as np


def data(n=22, width=4, seed=3):
    r = np.random.RandomState(seed)
    return r.rand(n, width).astype("float32")


def labels(n=22, classes=3, seed=4):
    return np.random.RandomState(seed).randint(0, classes, n)


def set_weights(model, seed=7):
    r = np.random.RandomState(seed)
    model.set_weights([(r.rand(*w.shape) - 0.5).astype("float32") for w in model.get_weights()])
    return model


def dense(keras, units=3, activation="softmax", **kwargs):
    layers = keras.layers
    first = layers.Dense(5, activation="tanh", input_shape=(4,), name="hidden", **kwargs)
    return set_weights(keras.models.Sequential([first, layers.Dense(units, activation=activation, name="out")]))


def plain(value):
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def result(model, history=None, **more):
    found = {"names": list(model.metrics_names), "weights": model.get_weights()}
    if history is not None:
        found.update(history=history.history, epoch=history.epoch)
    found.update(more)
    return plain(found)


def captured(function):
    """What a function prints, with the durations taken out."""
    out, sys.stdout = sys.stdout, io.StringIO()
    try:
        function()
        text = sys.stdout.getvalue()
    finally:
        sys.stdout = out
    text = re.sub(r"\d+(ms|us|s)\b", "T", text)
    # How often the bar is drawn within an epoch depends on the speed of the machine.
    return re.sub(r"\n *\d+/\d+ \[[^\]]*\] - ETA: [^\n]*", "", text)


def binary(keras):
    model = dense(keras, 1, "sigmoid")
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "mae", "acc"])
    np.random.seed(5)
    y = (labels() > 0).astype("float32")
    history = model.fit(data(), y, batch_size=4, epochs=3, verbose=0, validation_split=0.2)
    return result(
        model,
        history,
        params=dict(history.params.items()),
        evaluate=model.evaluate(data(), y, batch_size=5, verbose=0),
        predict=model.predict(data(), batch_size=7),
        train=model.train_on_batch(data(), y),
        test=model.test_on_batch(data(), y),
    )


def categorical(keras):
    model = dense(keras)
    # Not Adam: the original's step count is read before or after its increment as TensorFlow happens to schedule it.
    sgd = keras.optimizers.SGD(lr=0.05, momentum=0.9, nesterov=True)
    model.compile(
        sgd, "categorical_crossentropy", metrics=["acc", "ce", "categorical_accuracy", "top_k_categorical_accuracy"]
    )
    np.random.seed(6)
    y = np.eye(3)[labels()]
    history = model.fit(
        data(),
        y,
        batch_size=5,
        epochs=2,
        verbose=0,
        class_weight={0: 0.5, 1: 2.0, 2: 1.25},
        validation_data=(data(seed=8), y),
    )
    return result(model, history)


def sparse(keras):
    model = dense(keras)
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["acc", "ce"])
    np.random.seed(7)
    history = model.fit(data(), labels(), batch_size=8, epochs=3, verbose=0, shuffle="batch")
    return result(model, history)


def weighted(keras):
    """Sample weights, some of them 0; metrics with and without them."""
    model = dense(keras)
    model.compile("sgd", "mse", metrics=["mae", "acc"], weighted_metrics=["mae", "acc"])
    w = np.random.RandomState(1).rand(22)
    w[::4] = 0
    y = np.eye(3)[labels()]
    history = model.fit(
        data(),
        y,
        batch_size=4,
        epochs=2,
        verbose=0,
        shuffle=False,
        sample_weight=w,
        validation_data=(data(seed=8), y, w),
    )
    return result(
        model,
        history,
        evaluate=model.evaluate(data(), y, sample_weight=w, verbose=0),
        test=model.test_on_batch(data(), y, sample_weight=w),
    )


def two_outputs(keras):
    layers = keras.layers
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    h = layers.Dense(5, activation="tanh", name="shared")
    one = layers.Dense(3, activation="softmax", name="one")(h(a))
    two = layers.Dense(1, name="two")(layers.add([h(a), h(b)]))
    return set_weights(keras.models.Model([a, b], [one, two]))


def several(keras):
    found = []
    y1, y2 = np.eye(3)[labels()], data(seed=9)[:, :1]
    w = np.random.RandomState(2).rand(22)
    for compiled, given in [
        ({"loss": "mse", "metrics": ["acc"]}, {}),
        (
            {
                "loss": {"two": "mae", "one": "categorical_crossentropy"},
                "loss_weights": {"two": 0.25},
                "metrics": {"one": ["acc", "mse"], "two": "mse"},
                "weighted_metrics": {"two": "mae"},
            },
            {"sample_weight": {"two": w}},
        ),
        ({"loss": ["categorical_crossentropy", "mse"], "loss_weights": [2.0, 0.5]}, {"sample_weight": [None, w]}),
        ({"loss": "mse"}, {"class_weight": {"one": {0: 1.0, 1: 3.0, 2: 0.5}}}),
    ]:
        model = two_outputs(keras)
        model.compile("sgd", **compiled)
        x = {"b": data(seed=10), "a": data()}
        y = {"two": y2, "one": y1}
        history = model.fit(x, y, batch_size=6, epochs=2, verbose=0, shuffle=False, **given)
        scores = model.evaluate([data(), x["b"]], [y1, y2], verbose=0)
        found.append(result(model, history, evaluate=scores, predict=[p.sum() for p in model.predict(x)]))
    return found


def partial_loss(keras):
    import warnings

    model = two_outputs(keras)
    model.get_layer("one").trainable = False  # no gradient reaches it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile("sgd", {"two": "mse"}, metrics={"one": "acc", "two": "mae"})
    history = model.fit([data(), data(seed=10)], data(seed=9)[:, :1], epochs=2, verbose=0, shuffle=False)
    return result(model, history)


def masked(keras):
    """Masked steps with temporal weights: both the mask and the weights count."""
    layers = keras.layers
    x = np.random.RandomState(3).rand(6, 5, 3).astype("float32")
    x[1, 3:] = 0
    x[4, 1:] = 0
    y = np.random.RandomState(4).rand(6, 5, 2)
    w = np.random.RandomState(5).rand(6, 5)
    w[0, 0] = w[2] = 0
    found = []
    for mode, weights in (("temporal", w), (None, w[:, 1]), (None, None)):
        model = keras.models.Sequential([layers.Masking(0.0, input_shape=(5, 3)), layers.Dense(2, name="out")])
        set_weights(model)
        model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"], sample_weight_mode=mode)
        history = model.fit(x, y, batch_size=4, epochs=2, verbose=0, shuffle=False, sample_weight=weights)
        found.append(result(model, history))
    return found


def penalties(keras):
    reg = keras.regularizers
    model = dense(keras, kernel_regularizer=reg.l1_l2(0.01, 0.02), activity_regularizer=reg.l2(0.03))
    model.compile("sgd", "mse", metrics=["mse"])
    y = np.eye(3)[labels()]
    history = model.fit(data(), y, batch_size=6, epochs=2, verbose=0, shuffle=False)
    return result(model, history, evaluate=model.evaluate(data(), y, batch_size=6, verbose=0))


def stateful_metric(keras):
    K = keras.backend

    class Count(keras.layers.Layer):
        """Samples seen since the last reset."""

        def __init__(self, **kwargs):
            super().__init__(name="count", **kwargs)
            self.stateful = True
            self.seen = K.variable(0, dtype="int32")

        def reset_states(self):
            K.set_value(self.seen, 0)

        def __call__(self, y_true, y_pred):
            new = K.sum(K.cast(K.ones_like(y_true[:, 0]), "int32"))
            before = self.seen * 1
            self.add_update(K.update_add(self.seen, new), inputs=[y_true, y_pred])
            return before + new

    model = dense(keras)
    model.compile("sgd", "mse", metrics=["acc", Count()])
    y = np.eye(3)[labels()]
    np.random.seed(3)
    history = model.fit(data(), y, batch_size=5, epochs=2, verbose=0, validation_data=(data()[:13], y[:13]))
    scores = model.evaluate(data(), y, batch_size=4, verbose=0)
    train = [model.train_on_batch(data()[:3], y[:3])[2] for _ in range(2)]
    return result(model, history, evaluate=scores, train=train, stateful=list(model.stateful_metric_names))


def batches(keras):
    class Batches(keras.utils.Sequence):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            rows = slice(6 * i, 6 * i + 6)
            return data()[rows], np.eye(3)[labels()][rows], np.arange(22.0)[rows]

    def endless():
        while True:
            for i in range(4):
                yield Batches()[i][:2]

    model = dense(keras)
    model.compile("sgd", "mse", metrics=["acc"])
    h1 = model.fit_generator(
        Batches(), epochs=2, verbose=0, shuffle=False, validation_data=endless(), validation_steps=3
    )
    h2 = model.fit_generator(
        endless(), 3, epochs=3, initial_epoch=1, verbose=0, validation_data=(data(), np.eye(3)[labels()])
    )
    h3 = model.fit_generator(endless(), 4, verbose=0, workers=0, class_weight={0: 1, 1: 0.1, 2: 3})
    return result(
        model,
        h1,
        h2=h2.history,
        epoch2=h2.epoch,
        h3=h3.history,
        evaluate=model.evaluate_generator(Batches()),
        predict=model.predict_generator(Batches()),
    )


def steps(keras):
    model = dense(keras)
    model.compile("sgd", "mse", metrics=["acc"])
    y = np.eye(3)[labels()]
    history = model.fit(
        data(), y, epochs=2, steps_per_epoch=3, verbose=0, validation_data=(data(), y), validation_steps=2
    )
    return result(
        model,
        history,
        params=dict(history.params.items()),
        evaluate=model.evaluate(data(), y, steps=2, verbose=0),
    )


def printed(keras):
    model = dense(keras)
    model.compile("sgd", "mse", metrics=["acc"])
    x, y = data(), np.eye(3)[labels()]

    def fit(**kwargs):
        return captured(lambda: model.fit(x, y, shuffle=False, **kwargs))

    stop = keras.callbacks.EarlyStopping("loss", min_delta=1.0, patience=1, verbose=1, restore_best_weights=True)
    return [
        fit(epochs=2, batch_size=8),
        fit(epochs=2, batch_size=8, verbose=2, validation_split=0.25),
        fit(epochs=3, initial_epoch=1, validation_data=(x, y)),
        fit(steps_per_epoch=2, validation_data=(x, y), validation_steps=1),
        captured(lambda: model.evaluate(x, y, batch_size=8)),
        captured(lambda: model.evaluate(x, y, steps=2)),
        captured(lambda: model.evaluate(x, y, verbose=2)),
        captured(lambda: model.predict(x, verbose=1)),
        captured(lambda: model.fit_generator(iter([(x, y)] * 4), 2, epochs=2)),
        captured(lambda: model.evaluate_generator(iter([(x, y)] * 2), 2, verbose=1)),
        fit(epochs=5, verbose=0, callbacks=[stop]),
        fit(epochs=3, verbose=0, callbacks=[keras.callbacks.LearningRateScheduler(lambda e: 0.5 / (1 + e), verbose=1)]),
        fit(epochs=2, verbose=0, callbacks=[keras.callbacks.LearningRateScheduler(lambda e, lr: lr * 0.5, verbose=1)]),
        fit(
            epochs=6,
            verbose=0,
            callbacks=[
                keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=5, cooldown=1, verbose=1)
            ],
        ),
        fit(epochs=6, verbose=0, callbacks=[keras.callbacks.EarlyStopping("acc", patience=2, verbose=1, baseline=2.0)]),
    ]


def hooks(keras):
    """The calls that a callback gets, with the numbers left out."""

    class Record(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.calls = []

        def note(self, name, *args):
            self.calls.append([name] + [sorted(a) if isinstance(a, dict) else a for a in args])

        def set_params(self, params):
            self.note("set_params", params)

        def on_train_begin(self, logs=None):
            self.note("train_begin", logs)

        def on_train_end(self, logs=None):
            self.note("train_end", logs)

        def on_epoch_begin(self, epoch, logs=None):
            self.note("epoch_begin", epoch, logs)

        def on_epoch_end(self, epoch, logs=None):
            self.note("epoch_end", epoch, logs)

        def on_batch_begin(self, batch, logs=None):
            self.note("batch_begin", batch, logs["size"], logs)

        def on_batch_end(self, batch, logs=None):
            self.note("batch_end", batch, logs["batch"], logs)

    model = dense(keras)
    model.compile("sgd", "mse", metrics=["acc"])
    x, y = data(), np.eye(3)[labels()]
    found = []
    for run in (
        lambda c: model.fit(x, y, batch_size=16, epochs=2, validation_split=0.2, verbose=0, callbacks=[c]),
        lambda c: model.fit(x, y, steps_per_epoch=2, verbose=0, callbacks=[c]),
        lambda c: model.fit_generator(
            iter([(x, y)] * 4), 2, epochs=2, validation_data=(x, y), verbose=0, callbacks=[c]
        ),
    ):
        record = Record()
        run(record)
        shapes = None if record.validation_data is None else [np.shape(a) for a in record.validation_data]
        found.append([record.calls, shapes])
    return plain(found)


_ALL = [binary, categorical, sparse, weighted, several, partial_loss, masked, penalties, stateful_metric]
_ALL += [batches, steps, printed, hooks]
CASES = {case.__name__: case for case in _ALL}
