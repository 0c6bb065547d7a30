"""Stores pickles that Keras 2.2.4 writes, and what the pickled model predicts.

PYTHON_WITH_KERAS_2_2_4 tests/golden/make_pickles.py tests/golden/keras2_pickles.pkl
"""

import pickle
import sys

import keras
import numpy as np


def main(path):
    """Writes one pickle: a dict of pickles, and plain values under 'expected'."""
    assert keras.__version__ == "2.2.4", keras.__version__
    np.random.seed(0)
    layers = [keras.layers.Dense(3, activation="tanh", input_shape=(4,)), keras.layers.Dense(2)]
    model = keras.models.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
    x, y = np.arange(8.0).reshape(2, 4) / 8, np.ones((2, 2))
    history = model.fit(x, y, epochs=2, verbose=0)
    tokenizer = keras.preprocessing.text.Tokenizer(num_words=10)
    tokenizer.fit_on_texts(["a b c", "b c"])
    objects = {
        "model": model,
        "history": history,
        "tokenizer": tokenizer,
        "generator": keras.preprocessing.image.ImageDataGenerator(rotation_range=3),
        "initializer": keras.initializers.glorot_uniform(seed=3),
        "constraint": keras.constraints.MaxNorm(2),
        "regularizer": keras.regularizers.l2(0.5),
        "function": keras.activations.relu,
        "class": keras.layers.Dense,
    }
    stored = {name: pickle.dumps(value, 2) for name, value in objects.items()}
    predictions = model.predict(x).tolist()
    trained = [float(value) for value in model.train_on_batch(x, y)]
    stored["expected"] = {"predictions": predictions, "trained": trained, "after": model.predict(x).tolist()}
    with open(path, "wb") as stream:
        pickle.dump(stored, stream, 2)
    print({name: len(value) for name, value in stored.items()})


if __name__ == "__main__":
    main(sys.argv[1])
