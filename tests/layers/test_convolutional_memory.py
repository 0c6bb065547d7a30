"""How much memory and how many bytes of work convolutional networks take, read off their plans without running them."""

import numpy as np

from gpukeras import layers
from gpukeras.compiler.program import Program
from gpukeras.models import Sequential

MEGABYTE = 1 << 20


def _training_program(model, batch):
    """The program of a training step on a batch of that size."""
    model._make_train_function()
    function = model.train_function
    shapes = [(batch, *model.input_shape[1:]), (batch, *model.output_shape[1:]), (batch,)]
    feeds = dict(zip(function.inputs, shapes, strict=False))
    known = {t: np.ones((), t.dtype.name) for t in function.inputs[3:]}  # the learning phase
    return Program(function.outputs, function.updates, feeds, known)


def test_memory_of_a_vgg_like_network():
    """The network of the manual, 100x100x3 images in batches of 32: all a step holds beside the weights."""
    model = Sequential(
        [
            layers.Conv2D(32, (3, 3), activation="relu", input_shape=(100, 100, 3)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Dropout(0.25),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("sgd", "categorical_crossentropy")
    activations = sum(int(np.prod(layer.output_shape[1:])) for layer in model.layers) * 32 * 4
    program = _training_program(model, 32)
    assert program.arena_bytes < 400 * MEGABYTE
    # what the backward pass needs of the forward one, the gradients in flight, and work arrays of some megabytes
    assert program.arena_bytes < 2 * activations


def test_work_memory_does_not_grow_with_the_batch():
    model = Sequential(
        [layers.Conv2D(8, 5, padding="same", input_shape=(64, 64, 16)), layers.MaxPooling2D(3, 2), layers.Flatten()]
    )
    model.compile("sgd", "mse")

    def work(batch):
        program = _training_program(model, batch)
        pairs = zip(program.steps, program.scratch, strict=True)
        found = {
            step.op.name: sum(int(np.prod(s.shape)) * s.dtype.itemsize for _, s in specs)
            for step, specs in pairs
            if specs
        }
        return {name: size for name, size in found.items() if "conv" in name or "pool" in name}

    small, large = work(64), work(512)
    assert small == large and set(small) == {"conv", "conv_weight", "max_pool_grad"}
