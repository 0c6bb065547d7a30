"""The networks, layer for layer, weight for weight and file for file, against what Keras 2.2.4 builds."""

import functools
import json
import lzma
import os
import time

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import applications
from gpukeras import backend as K
from gpukeras.engine.network import Network
from tests.golden import applications_cases as cases

PATH = os.path.join(os.path.dirname(os.path.dirname(__file__)), "golden", "applications.json.xz")

# The manual's table.
COUNTS = {
    "Xception": 22_910_480,
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
    "ResNet50": 25_636_712,
    "InceptionV3": 23_851_784,
    "InceptionResNetV2": 55_873_736,
    "MobileNet": 4_253_864,
    "MobileNetV2": 3_538_984,
    "DenseNet121": 8_062_504,
    "DenseNet169": 14_307_880,
    "DenseNet201": 20_242_984,
    "NASNetMobile": 5_326_716,
    "NASNetLarge": 88_949_818,
}


@functools.lru_cache(maxsize=1)
def stored():
    with lzma.open(PATH, "rt") as f:
        return json.load(f)


@pytest.fixture
def fetched(monkeypatch):
    """What is asked of `get_file` and of `load_weights`, instead of it being done."""
    calls = []

    def get_file(fname, origin, file_hash=None, cache_subdir="datasets"):
        calls.append([fname, origin, file_hash, cache_subdir])
        return fname

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    monkeypatch.setattr(Network, "load_weights", lambda self, path: calls.append(path))
    return calls


def check(facts, expected, fetched):
    if "file" in expected:
        assert fetched == [expected["file"], expected["file"][0]]
    else:
        assert fetched == []
    for mine, theirs in zip(facts["layers"], expected["layers"]):
        assert mine[:3] == theirs[:3]
        own = facts["configs"][mine[3]]
        other = expected["configs"][theirs[3]]
        assert {k: own.get(k) for k in other} == other, mine[1]
    assert len(facts["layers"]) == len(expected["layers"])
    assert facts["weights"] == expected["weights"]
    for name in ("name", "count", "trainable", "output_shape"):
        assert facts[name] == expected[name], name


@pytest.mark.parametrize("name", sorted(cases.STRUCTURES))
def test_network(name, fetched):
    function, arguments = cases.STRUCTURES[name]
    K.clear_session()
    facts = cases.describe(getattr(applications, function)(**arguments))
    check(facts, stored()["structures"][name], fetched)
    if name in COUNTS:
        assert facts["count"] == COUNTS[name]


def test_every_case_is_stored():
    assert set(COUNTS) <= set(cases.STRUCTURES)
    assert set(stored()["structures"]) == set(cases.STRUCTURES)
    assert set(stored()["outputs"]) == set(cases.OUTPUTS)
    assert {n.partition("/")[0] for n in stored()["later"]} == set(cases.LATER)


@pytest.mark.parametrize("top", [True, False])
@pytest.mark.parametrize("name", sorted(cases.LATER))
def test_later_network(name, top, fetched):
    module, function = cases.LATER[name]
    K.clear_session()
    model = getattr(getattr(applications, module), function)(weights="imagenet", include_top=top)
    facts = cases.describe(model, later=True)
    expected = stored()["later"][name if top else name + "/notop"]
    check(facts, expected, fetched)


@pytest.mark.parametrize("name", sorted(cases.OUTPUTS))
def test_output(name):
    function, arguments = cases.OUTPUTS[name]
    expected = np.array(stored()["outputs"][name], dtype="float32")
    # The values of weights follow from their names, and names from what was built before.
    K.clear_session()
    answer = cases.output_of(getattr(applications, function), arguments)
    assert answer.shape == expected.shape
    # float32 sums in another order, through up to 500 layers (4e-6 of the largest number where this was written).
    tolerance = 2e-5 * np.abs(expected).max()
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=tolerance)
    assert np.abs(expected[0] - expected[1]).max() > 4 * tolerance, "the images must make a difference"


@pytest.mark.parametrize("name", sorted(cases.OUTPUTS))
def test_channels_first_is_the_same_network(name):
    function, arguments = cases.OUTPUTS[name]
    shape = arguments["input_shape"]
    arguments = {**arguments, "include_top": False, "pooling": "avg"}
    arguments.pop("classes", None)
    x = cases.images(shape)
    function = getattr(applications, function)
    last = function(weights=None, **arguments)
    cases.set_weights(last)
    K.set_image_data_format("channels_first")
    first = function(weights=None, **{**arguments, "input_shape": (shape[2], *shape[:2])})
    first.set_weights(last.get_weights())
    expected = last.predict(x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(first.predict(np.moveaxis(x, 3, 1)), expected, rtol=1e-4, atol=2e-5 * scale)


@pytest.mark.parametrize("name, limit", [("ResNet50", 3.0), ("NASNetLarge", 15.0)])
def test_building_is_quick(name, limit):
    start = time.process_time()
    getattr(applications, name)(weights=None)
    assert time.process_time() - start < limit


def test_nasnet_of_unknown_size_is_the_network_its_weights_are_for():
    K.clear_session()
    names = [w.name for w in applications.NASNetMobile(weights=None, include_top=False).weights]
    K.clear_session()
    sized = applications.NASNetMobile(weights=None, include_top=False, input_shape=(225, 225, 3))
    assert names == [w.name for w in sized.weights]


def test_nasnet_of_unknown_size_computes_what_the_sized_one_does():
    shape = (65, 65, 3)
    free = applications.NASNetMobile(weights=None, include_top=False, pooling="avg")
    sized = applications.NASNetMobile(weights=None, include_top=False, pooling="avg", input_shape=shape)
    cases.set_weights(sized)
    free.set_weights(sized.get_weights())
    np.testing.assert_array_equal(free.predict(cases.images(shape)), sized.predict(cases.images(shape)))
