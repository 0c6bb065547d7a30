"""Writes the fixtures saving/tfk_*.h5 with tf-keras and saving/keras3_*.h5 with Keras 3 (its HDF5 format).

    python tests/golden/make_tfkeras.py

The group `golden` in each file is as in make_keras2.py; `after*` is left out for Keras 3, whose optimizers
have another formula.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras as keras3
import numpy as np
import tf_keras

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saving")


def arrays(value):
    return value if isinstance(value, list) else [value]


def finish(name, model, x, t, save=None, after=True):
    """Trains twice, saves, trains once more and stores inputs and outputs beside the model."""
    for _ in range(2):
        model.train_on_batch(x, t)
    path = os.path.join(HERE, name + ".h5")
    (save or model.save)(path)
    golden = {"y": arrays(model.predict(x, verbose=0)), "x": arrays(x), "t": arrays(t)}
    if after:
        model.train_on_batch(x, t)
        golden["after"] = arrays(model.predict(x, verbose=0))
    with h5py.File(path, "a") as f:
        for key, values in golden.items():
            for i, value in enumerate(values):
                f["golden/%s%d" % (key, i)] = value
    print(name, os.path.getsize(path))


def sequential(k):
    layers = k.layers
    model = k.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(6, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.0),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.1),
            layers.Dense(3, activation="softmax", kernel_initializer="he_normal", kernel_constraint="max_norm"),
        ]
    )
    model.compile(k.optimizers.SGD(0.01), "categorical_crossentropy", metrics=["accuracy"])
    r = np.random.RandomState(1)
    x, t = r.rand(8, 4).astype("float32"), np.eye(3, dtype="float32")[r.randint(0, 3, 8)]
    return model, x, t


def functional(k):
    """Two inputs, a shared nested model, two outputs, losses and metrics given as objects."""
    layers = k.layers
    inner_in = layers.Input((3,))
    inner = k.Model(inner_in, layers.Dense(2, activation="tanh")(layers.Dense(4)(inner_in)), name="inner")
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    joined = layers.concatenate([inner(a), inner(b)])
    one = layers.Dense(1, name="one", kernel_regularizer=k.regularizers.L1(0.01))(joined)
    two = layers.Dense(2, activation="sigmoid", name="two")(layers.PReLU()(joined))
    model = k.Model([a, b], [one, two])
    model.compile(
        k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        {"one": k.losses.MeanSquaredError(), "two": "binary_crossentropy"},
        metrics={"one": ["mae"], "two": ["accuracy", k.metrics.AUC(name="auc")]},
        loss_weights={"one": 1.0, "two": 0.5},
    )
    r = np.random.RandomState(2)
    x = [r.rand(6, 3).astype("float32"), r.rand(6, 3).astype("float32")]
    t = [r.rand(6, 1).astype("float32"), r.randint(0, 2, (6, 2)).astype("float32")]
    return model, x, t


def optimizer(k, opt):
    model = k.Sequential([k.layers.Dense(3, activation="tanh", input_shape=(2,)), k.layers.Dense(1)])
    model.compile(opt, "mse")
    r = np.random.RandomState(3)
    return model, r.rand(5, 2).astype("float32"), r.rand(5, 1).astype("float32")


def main():
    os.makedirs(HERE, exist_ok=True)
    tf_keras.utils.set_random_seed(0)
    finish("tfk_sequential", *sequential(tf_keras))
    finish("tfk_functional", *functional(tf_keras))
    model, x, t = functional(tf_keras)
    finish("tfk_functional_weights", model, x, t, save=model.save_weights)
    # Adadelta, Adagrad, RMSprop and Nadam are other formulas there (epsilon's place, start values, schedule).
    for name in ("SGD", "Adam", "Adamax", "RMSprop"):
        opts = {"tfk_": tf_keras.optimizers, "tfk_legacy_": tf_keras.optimizers.legacy}
        for prefix, where in opts.items():
            finish(prefix + name.lower(), *optimizer(tf_keras, getattr(where, name)()))
    for where, prefix in ((tf_keras.optimizers, "tfk_"), (tf_keras.optimizers.legacy, "tfk_legacy_")):
        finish(prefix + "amsgrad", *optimizer(tf_keras, where.Adam(amsgrad=True)))
        finish(prefix + "momentum", *optimizer(tf_keras, where.SGD(momentum=0.5)))
    finish("keras3_sequential", *sequential(keras3), after=False)
    finish("keras3_functional", *functional(keras3), after=False)


if __name__ == "__main__":
    main()
