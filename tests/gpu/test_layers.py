"""Every layer on the device, against numbers stored from Keras 2.2.4: outputs, gradients, a training step."""

import functools
import warnings

import numpy as np
import pytest

import gpukeras as keras
from tests import test_layers_golden as all_layers
from tests.golden import convolutional_cases, layers_cases, recurrent_cases, wrappers_cases
from tests.layers import test_convolutional_golden as convolutional
from tests.layers import test_recurrent_golden as recurrent
from tests.layers import test_wrappers_golden as wrappers

from . import devices
from .devices import selected

pytestmark = pytest.mark.gpu
# float32 sums of up to some hundred products in another order, carried through some steps
RTOL, ATOL = 2e-4, 2e-5


@pytest.mark.parametrize("name", selected(sorted(all_layers.CONFIGS), 41))
def test_output_and_step(gpu, name):
    stored = all_layers._stored(name)
    layer = keras.layers.deserialize(all_layers.CONFIGS[name])
    targets = stored["target"][0] if stored["target"] else None
    output, after = layers_cases.run(keras, layer, stored["input"], stored["weight"], targets, bool(stored["after"]))
    np.testing.assert_allclose(output, stored["output"][0], RTOL, ATOL)
    if "BatchNormalization" in name:  # TensorFlow corrects a moving average's first step
        after, stored["after"] = after[:2], stored["after"][:2]
    for ours, theirs in zip(after, stored["after"], strict=True):
        np.testing.assert_allclose(ours, theirs, RTOL, ATOL)


@pytest.mark.parametrize("name", selected(sorted(convolutional_cases.layer_cases()), 41))
def test_output_and_gradients(gpu, name):
    for i, array in enumerate(convolutional_cases._layer(keras, name)):
        np.testing.assert_allclose(array, convolutional.ARRAYS[f"layer/{name}/{i}"], RTOL, ATOL)


@functools.cache
def computed(module, group):
    """All arrays of a group of cases, by name: the cases are made to be computed together."""
    with devices.default(devices.make()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*reverse_state_order")
        found = module.GROUPS[group](keras)
        if isinstance(found, dict):
            return {f"{name}/{i}": np.asarray(a) for name, arrays in found.items() for i, a in enumerate(arrays)}
        return {name: np.asarray(array) for name, array in found}


SEQUENCES = [pytest.param(recurrent_cases, recurrent.ARRAYS, case, id=f"recurrent-{case}") for case in recurrent.CASES]
WRAPPED = [pytest.param(wrappers_cases, wrappers.ARRAYS, case, id=f"wrappers-{case}") for case in wrappers.CASES]


@pytest.mark.parametrize(("module", "stored", "case"), SEQUENCES + WRAPPED)
def test_sequences_states_and_masks(module, stored, case):
    ours = {k: v for k, v in computed(module, case.split("/")[0]).items() if k.rsplit("/", 1)[0] == case}
    assert set(ours) == {name for name in stored if name.rsplit("/", 1)[0] == case}
    for name, array in ours.items():
        np.testing.assert_allclose(array, stored[name], RTOL, ATOL, err_msg=name)
