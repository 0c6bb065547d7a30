"""Writes the fixtures saving/kXYZ_*.h5 with an original Keras of version X.Y.Z (on TensorFlow 1.13, Python 3.7).

    python tests/golden/make_keras2.py

The committed ones come from Keras 2.0.5, 2.1.6, 2.2.4 (all of them) and 2.3.1. Every file holds, beside what Keras
itself writes, a group `golden`: the inputs `x*`, the predictions `y*` of the saved model, and `after*`: its
predictions after one more `train_on_batch(x*, t*)`, which only agree when the optimizer's state came along (with
TensorFlow 1 they are reproducible for SGD without momentum, RMSprop, Adagrad and Adadelta only).
"""

import os
import sys

import h5py
import keras
import numpy as np
from keras import backend as K
from keras import layers, models, optimizers

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saving")


def arrays(value):
    return value if isinstance(value, list) else [value]


def finish(name, model, x, t, save=None):
    """Trains twice, saves, trains once more and stores inputs and outputs beside the model."""
    for _ in range(2):
        model.train_on_batch(x, t)
    path = os.path.join(HERE, name + ".h5")
    (save or model.save)(path)
    golden = {"y": arrays(model.predict(x)), "x": arrays(x), "t": arrays(t)}
    model.train_on_batch(x, t)
    golden["after"] = arrays(model.predict(x))
    with h5py.File(path, "a") as f:
        for key, values in golden.items():
            for i, value in enumerate(values):
                f["golden/%s%d" % (key, i)] = value
    print(name, os.path.getsize(path))
    K.clear_session()


def sequential():
    model = models.Sequential(
        [
            layers.Dense(6, activation="relu", input_shape=(4,), kernel_regularizer="l2"),
            layers.Dropout(0.0),
            layers.BatchNormalization(),
            layers.Dense(3, activation="softmax", kernel_constraint="max_norm"),
        ]
    )
    model.compile(optimizers.Adam(lr=0.01, decay=0.1), "categorical_crossentropy", metrics=["acc"])
    r = np.random.RandomState(1)
    x, t = r.rand(8, 4).astype("float32"), np.eye(3, dtype="float32")[r.randint(0, 3, 8)]
    return model, x, t


def functional():
    """Two inputs, a shared nested model, two outputs."""
    inner_in = layers.Input((3,))
    inner = models.Model(inner_in, layers.Dense(2, activation="tanh")(layers.Dense(4)(inner_in)), name="inner")
    a, b = layers.Input((3,), name="a"), layers.Input((3,), name="b")
    joined = layers.concatenate([inner(a), inner(b)])
    one = layers.Dense(1, name="one")(joined)
    two = layers.Dense(2, activation="sigmoid", name="two")(layers.PReLU()(joined))
    model = models.Model([a, b], [one, two])
    model.compile(
        optimizers.SGD(lr=0.05, momentum=0.9, nesterov=True),
        {"one": "mse", "two": "binary_crossentropy"},
        metrics={"one": "mae", "two": "accuracy"},
        loss_weights={"one": 1.0, "two": 0.5},
    )
    r = np.random.RandomState(2)
    x = [r.rand(6, 3).astype("float32"), r.rand(6, 3).astype("float32")]
    t = [r.rand(6, 1).astype("float32"), r.randint(0, 2, (6, 2)).astype("float32")]
    return model, x, t


def optimizer(opt):
    model = models.Sequential([layers.Dense(3, activation="tanh", input_dim=2), layers.Dense(1)])
    model.compile(opt, "mse")
    r = np.random.RandomState(3)
    return model, r.rand(5, 2).astype("float32"), r.rand(5, 1).astype("float32")


def main():
    if not keras.__version__.startswith("2."):
        sys.exit("needs Keras 2, this is " + keras.__version__)
    prefix = "k%s_" % keras.__version__.replace(".", "")
    if not os.path.isdir(HERE):
        os.makedirs(HERE)
    np.random.seed(0)
    finish(prefix + "sequential", *sequential())
    finish(prefix + "functional", *functional())
    model, x, t = functional()
    finish(prefix + "functional_weights", model, x, t, save=model.save_weights)
    names = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"]
    for name in names if keras.__version__ == "2.2.4" else ["RMSprop", "Adam"]:
        finish(prefix + name.lower(), *optimizer(getattr(optimizers, name)()))
    if keras.__version__ == "2.2.4":
        finish(prefix + "amsgrad", *optimizer(optimizers.Adam(amsgrad=True)))


if __name__ == "__main__":
    main()
