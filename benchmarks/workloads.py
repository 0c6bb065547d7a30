"""The workloads: one entry each, with the Keras code every Keras-like runs and its PyTorch equivalent.

A new workload is a function that returns a compiled Keras model, one that returns the same in PyTorch, and an
entry of WORKLOADS that names them with the shapes of the data.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import networks
import numpy as np


class Workload(NamedTuple):
    """One model, its data and what is timed on it."""

    keras: Callable[[Any], Any]  # keras module -> compiled model
    torch: Callable[[Any], tuple]  # torch module -> (module, loss function, optimizer)
    data: Callable[[int], tuple]  # number of samples -> (x, y)
    batch: int
    steps: int  # batches in one timed call of fit; calls of predict on one batch where kind is "predict"
    kind: str = "fit"


def classes(shape, count):
    """Returns a maker of float32 inputs of `shape` with one-hot labels of `count` classes."""

    def make(samples):
        rng = np.random.default_rng(0)
        x = rng.random((samples, *shape), dtype=np.float32)
        y = np.eye(count, dtype=np.float32)[rng.integers(0, count, samples)]
        return x, y

    return make


def numbers(shape):
    """Returns a maker of float32 inputs of `shape` with one target number each."""

    def make(samples):
        rng = np.random.default_rng(0)
        x = rng.random((samples, *shape), dtype=np.float32)
        return x, x.sum(axis=1, keepdims=True)

    return make


def dense_keras(keras, sizes, dropout, last, loss, optimizer, metrics):
    """A stack of Dense layers with relu, as any Keras user would write it."""
    inputs = keras.layers.Input(shape=(sizes[0],))
    x = inputs
    for units in sizes[1:-1]:
        x = keras.layers.Dense(units, activation="relu")(x)
        if dropout:
            x = keras.layers.Dropout(dropout)(x)
    outputs = keras.layers.Dense(sizes[-1], activation=last)(x)
    model = keras.models.Model(inputs, outputs)
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics)
    return model


def dense_torch(torch, sizes, dropout):
    """The same stack in PyTorch; the last layer gives logits where a softmax follows."""
    layers = []
    for i, units in enumerate(sizes[1:]):
        layers.append(torch.nn.Linear(sizes[i], units))
        if i < len(sizes) - 2:
            layers.append(torch.nn.ReLU())
            if dropout:
                layers.append(torch.nn.Dropout(dropout))
    return torch.nn.Sequential(*layers)


def mnist_mlp_keras(keras):
    """784-512-512-10 with dropout and RMSprop: Keras' own MNIST example."""
    sizes = [784, 512, 512, 10]
    return dense_keras(keras, sizes, 0.2, "softmax", "categorical_crossentropy", "rmsprop", ["accuracy"])


def mnist_mlp_torch(torch):
    """The PyTorch equivalent of `mnist_mlp_keras`."""
    model = dense_torch(torch, [784, 512, 512, 10], 0.2)
    return model, torch.nn.CrossEntropyLoss(), torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9)


def wide_keras(keras):
    """1024-2048-2048-1000: time goes to matrix products and the optimizer."""
    sizes = [1024, 2048, 2048, 1000]
    return dense_keras(keras, sizes, 0, "softmax", "categorical_crossentropy", "adam", ["accuracy"])


def wide_torch(torch):
    """The PyTorch equivalent of `wide_keras`."""
    model = dense_torch(torch, [1024, 2048, 2048, 1000], 0)
    return model, torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-3)


def tiny_keras(keras):
    """20-64-64-1: time goes to whatever a framework does around the arithmetic."""
    return dense_keras(keras, [20, 64, 64, 1], 0, None, "mean_squared_error", "adam", [])


def tiny_torch(torch):
    """The PyTorch equivalent of `tiny_keras`."""
    model = dense_torch(torch, [20, 64, 64, 1], 0)
    return model, torch.nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-3)


def network(name, data, **options):
    """The workload of a network that `networks` has in Keras and in PyTorch."""
    return Workload(getattr(networks, f"{name}_keras"), getattr(networks, f"{name}_torch"), data, **options)


WORKLOADS = {
    "mnist_mlp": Workload(mnist_mlp_keras, mnist_mlp_torch, classes((784,), 10), batch=128, steps=150),
    "wide": Workload(wide_keras, wide_torch, classes((1024,), 1000), batch=256, steps=12),
    "tiny": Workload(tiny_keras, tiny_torch, numbers((20,)), batch=32, steps=1000),
    "predict1": Workload(mnist_mlp_keras, mnist_mlp_torch, classes((784,), 10), batch=1, steps=200, kind="predict"),
    "mnist_cnn": network("mnist_cnn", classes((28, 28, 1), 10), batch=128, steps=20),
    "vgg_like": network("vgg_like", classes((100, 100, 3), 10), batch=32, steps=4),
    "resnet20": network("resnet20", classes((32, 32, 3), 10), batch=32, steps=20),
    "imdb_lstm": network("imdb_lstm", networks.words(20000, 80), batch=32, steps=30),
    "stacked_lstm": network("stacked_lstm", classes((8, 16), 10), batch=64, steps=200),
    "conv1d_text": network("conv1d_text", networks.words(5000, 400), batch=32, steps=30),
    "resnet50_predict": network("resnet50", classes((224, 224, 3), 1000), batch=8, steps=3, kind="predict"),
    "mobilenet_predict": network("mobilenet", classes((224, 224, 3), 1000), batch=1, steps=20, kind="predict"),
}
