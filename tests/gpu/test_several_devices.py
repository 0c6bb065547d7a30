"""Several devices: the same training as on one, on several GPUs and on one that stands for two."""

import numpy as np
import pytest

from gpukeras.kernels import collectives
from gpukeras.runtime import device as runtime_device
from gpukeras.runtime.device import Device
from gpukeras.utils import multi_gpu_model, multi_gpu_utils

from . import devices
from .networks import NETWORKS


def train(gpus, name, rows):
    make, x, y = NETWORKS[name]
    np.random.seed(11)
    template = make()
    model = template if gpus < 2 else multi_gpu_model(template, gpus)
    model.compile("sgd", "sparse_categorical_crossentropy")
    losses = [model.train_on_batch(x[k : k + rows], y[k : k + rows]) for k in (0, 5, 10)]
    return [np.array(losses), *template.get_weights()]


CASES = [("local", 8), ("text", 7), ("lstm", 8), ("lstm", 1)]


def assert_equal(found):
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, 1e-4, 1e-5)


@pytest.mark.multi_gpu
@pytest.mark.parametrize("nccl", [False, True])
@pytest.mark.parametrize("rows", [8, 7, 1])
@pytest.mark.parametrize("name", ["local", "text", "lstm"])
def test_two_devices_train_as_one(name, rows, nccl, monkeypatch):
    if not nccl:
        monkeypatch.setattr(collectives, "_library", lambda function: None)
    found = []
    for gpus in (1, 2):
        with devices.default(devices.make(devices=2)):
            found.append(train(gpus, name, rows))
    assert_equal(found)


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "rows"), CASES)
def test_virtual_devices_train_as_one(name, rows, monkeypatch):
    found = []
    for gpus in (1, 2):
        if gpus > 1:
            monkeypatch.setenv("GPUKERAS_VIRTUAL_DEVICES", "2")
        with devices.default(devices.make()):
            found.append(train(gpus, name, rows))
    assert_equal(found)


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "rows"), [pytest.param("local", 7, marks=pytest.mark.simulated), *CASES])
def test_one_gpu_stands_for_two(name, rows, monkeypatch):
    """Streams, events, graphs and memories of two, and copies between them, where there is but one GPU."""
    monkeypatch.setattr(collectives, "_library", lambda function: None)  # NCCL wants another GPU for each
    monkeypatch.setattr(multi_gpu_utils, "_gpu_numbers", lambda gpus: list(range(gpus)))
    found = []
    for gpus in (1, 2):
        with devices.default(devices.make()) as first:
            other = Device("/gpu:1", first.xp, first.engine, first.number, aside=True)
            monkeypatch.setattr(runtime_device, "_gpus", [first, other][:gpus])
            found.append(train(gpus, name, rows))
            assert (other._stream is not None) == (gpus > 1)
    assert_equal(found)
