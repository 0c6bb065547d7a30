"""Models on several devices, with GPUs that only have names: the numbers are those of the model itself."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.layers import Dense, Input, concatenate
from gpukeras.models import Model, Sequential, load_model
from gpukeras.utils import multi_gpu_model


@pytest.fixture
def three_gpus(monkeypatch):
    names = ["/device:GPU:%d" % i for i in range(3)]
    monkeypatch.setattr(K.tensorflow_backend, "_get_available_gpus", lambda: names)


def two_inputs_two_outputs():
    a, b = Input((4,), name="a"), Input((3,), name="b")
    h = Dense(5, activation="tanh")(concatenate([a, b]))
    return Model([a, b], [Dense(2, name="first")(h), Dense(1, name="second")(h)])


@pytest.mark.parametrize("gpus", [2, 3, [0, 2], None])
@pytest.mark.parametrize("rows", [6, 7])
def test_outputs_are_those_of_the_template(three_gpus, gpus, rows):
    model = two_inputs_two_outputs()
    parallel = multi_gpu_model(model, gpus)
    assert parallel.output_names == ["first", "second"]
    x = [np.random.rand(rows, 4), np.random.rand(rows, 3)]
    for ours, theirs in zip(parallel.predict(x), model.predict(x), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_training_moves_the_weights_of_the_template_as_training_it_would(three_gpus, tmp_path):
    x, y = np.random.rand(9, 4), np.random.rand(9, 2)
    model = Sequential([Dense(3, input_shape=(4,), activation="tanh"), Dense(2)])
    alone = Sequential([Dense(3, input_shape=(4,), activation="tanh"), Dense(2)])
    alone.set_weights(model.get_weights())
    parallel = multi_gpu_model(model, 2, cpu_merge=False)
    for m in (parallel, alone):
        m.compile("sgd", "mse")
        m.fit(x, y, epochs=2, batch_size=5, shuffle=False, verbose=0)
    for ours, theirs in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    model.save(tmp_path / "template.h5")
    np.testing.assert_array_equal(load_model(tmp_path / "template.h5", compile=False).predict(x), model.predict(x))


def test_relocation_leaves_the_template_alone(three_gpus):
    model = Sequential([Dense(2, input_shape=(4,))])
    parallel = multi_gpu_model(model, 2, cpu_relocation=True)
    x = np.random.rand(4, 4)
    np.testing.assert_allclose(parallel.predict(x), model.predict(x), rtol=1e-6)
    assert not set(parallel.weights) & set(model.weights)


@pytest.mark.parametrize(
    ("gpus", "message"),
    [
        (1, "at least two GPUs, got gpus=1"),
        ([1], "at least two GPUs"),
        (4, r"gpus=4, but GPU 3 is not there; this machine has 3: \[0, 1, 2\]"),
        ([0, 7], "GPU 7 is not there"),
        ([1, 1], "names a GPU twice"),
        ("all", "an int or a list of ints, got 'all'"),
        (2.0, "an int or a list of ints, got 2.0"),
    ],
)
def test_gpus_that_cannot_be_used_are_named(three_gpus, gpus, message):
    with pytest.raises(ValueError, match=message):
        multi_gpu_model(Sequential([Dense(2, input_shape=(4,))]), gpus)


def test_a_machine_without_gpus_says_so(monkeypatch):
    monkeypatch.setattr(K.tensorflow_backend, "_get_available_gpus", list)
    with pytest.raises(ValueError, match="GPU 0, 1 is not there; this machine has 0"):
        multi_gpu_model(Sequential([Dense(2, input_shape=(4,))]), 2)
