"""Every signature that the texts show: its names and defaults are ours, and calls with all of them spelt out work."""

import functools
import inspect

import numpy as np
import pytest

from tests.manual import samples

# Where Keras 2.2.4, which this package follows, is later than the texts: (name, parameter) -> why.
LATER = {
    ("ReduceLROnPlateau", "epsilon"): "called min_delta; epsilon is taken too",
    ("fit", "epochs"): "10 in notes on a Keras before 2.0.5, 1 since",
    ("fit", "batch_size"): "None, which stands for 32",
    ("evaluate", "batch_size"): "None, which stands for 32",
    ("predict", "batch_size"): "None, which stands for 32",
    ("predict_classes", "batch_size"): "None, which stands for 32",
    ("predict_proba", "batch_size"): "None, which stands for 32",
    ("predict_classes", "verbose"): "quiet since Keras 2.0.7",
    ("predict_proba", "verbose"): "quiet since Keras 2.0.7",
}
# Keras 1 names, which are taken with a warning.
OLD = {"max_q_size": "max_queue_size", "pickle_safe": "use_multiprocessing"}
# The texts show the last two arguments in one order for Sequential and in the other for Model; Keras has the latter.
SWAPPED = {"train_on_batch"}
ROWS = samples.signatures()


def find(name):
    """Imports what a dotted name stands for."""
    import importlib

    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:split]))
        except ImportError:
            continue
        return functools.reduce(getattr, parts[split:], found)
    raise ImportError(name)


@pytest.mark.parametrize("row", ROWS, ids=[f"{r.name.partition('.')[2]}-{r.text}" for r in ROWS])
def test_names_and_defaults(row):
    own = {name: p for name, p in inspect.signature(find(row.name)).parameters.items() if name != "self"}
    short = row.name.rpartition(".")[2]
    shown = row.defaults()
    for name, default in shown.items():
        name = OLD.get(name, name)
        if default == 32 and name == "batch_size" or (short, name) in LATER:
            assert name not in own or own[name].default in (None, 0, 1, 32), name
            continue
        # What the texts require may have become optional.
        assert name in own and default in (own[name].default, inspect.Parameter.empty), name
    # Arguments have been added in between, none has moved.
    order = [OLD.get(name, name) for name in shown]
    order = [name for name in order if name in own]
    if short in SWAPPED:
        order, own = sorted(order), sorted(own)
    assert [name for name in own if name in order] == order


def made_up(name):
    """An argument that the texts leave open."""
    from keras import layers

    return {
        "activation": "relu",
        "alpha": 0.5,
        "axes": 1,
        "cell": layers.LSTMCell(2),
        "cells": [layers.LSTMCell(2), layers.GRUCell(2)],
        "dims": (2, 1),
        "fname": "file.txt",
        "filename": "log.csv",
        "filepath": "weights.h5",
        "filters": 2,
        "function": np.abs,
        "input_dim": 5,
        "kernel_size": 2,
        "layer": layers.LSTM(2),
        "n": 3,
        "optimizer": None,
        "output_dim": 2,
        "rate": 0.5,
        "schedule": lambda epoch: 0.1,
        "sequence": [1, 2, 3, 1],
        "sequences": [[1, 2], [3]],
        "size": 4,
        "stddev": 0.1,
        "target_shape": (4, 1),
        "text": "The cat sat on the mat.",
        "units": 2,
        "vocabulary_size": 4,
    }[name]


CLASSES = ("keras.layers.", "keras.optimizers.", "keras.callbacks.", "keras.initializers.", "keras.preprocessing.")
SPELT_OUT = [
    row
    for row in ROWS
    # The functions that join tensors get theirs in test_layer_shapes.
    if row.name.startswith(CLASSES) and not row.parameters.startswith("inputs") and "TFOptimizer" not in row.name
]


@pytest.mark.parametrize("row", SPELT_OUT, ids=[r.name.partition(".")[2] for r in SPELT_OUT])
def test_calls_with_every_argument_spelt_out(row):
    called = find(row.name)
    given = {}
    for name, default in row.defaults().items():
        given[name] = made_up(name) if default is inspect.Parameter.empty else default
    if (row.name.rpartition(".")[2], "epsilon") in LATER:
        with pytest.warns(UserWarning, match="min_delta"):
            result = called(**given)
    else:
        result = called(**given)
    if not inspect.isclass(called):
        assert result is not None
        return
    assert isinstance(result, called)
    config = result.get_config() if hasattr(result, "get_config") else {}
    for name, value in given.items():
        # What a configuration keeps in another form (a tuple, an object for a name) is looked at elsewhere.
        if name in config and isinstance(value, bool | float):
            assert config[name] == pytest.approx(value), name
