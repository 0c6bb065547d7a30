"""Several devices: the same training as on one."""

import numpy as np
import pytest

from gpukeras.utils import multi_gpu_model

from . import devices
from .networks import NETWORKS

pytestmark = pytest.mark.multi_gpu


def train(gpus, name, rows):
    make, x, y = NETWORKS[name]
    np.random.seed(11)
    template = make()
    model = template if gpus < 2 else multi_gpu_model(template, gpus)
    model.compile("sgd", "sparse_categorical_crossentropy")
    losses = [model.train_on_batch(x[k : k + rows], y[k : k + rows]) for k in (0, 5, 10)]
    return [np.array(losses), *template.get_weights()]


@pytest.mark.parametrize("rows", [8, 7, 1])
@pytest.mark.parametrize("name", ["local", "text", "lstm"])
def test_two_devices_train_as_one(name, rows):
    found = []
    for gpus in (1, 2):
        with devices.default(devices.make(devices=2)):
            found.append(train(gpus, name, rows))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, 1e-4, 1e-5)
