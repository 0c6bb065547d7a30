"""Initializers: distributions, fans, seeds, configs."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import initializers

DENSE, CONV = (80, 60), (3, 3, 40, 30)


def _value(initializer, shape):
    return K.get_value(K.variable(initializer(shape)))


@pytest.mark.parametrize("shape", [DENSE, CONV])
@pytest.mark.parametrize(
    "name, scale, mode",
    [
        ("glorot_uniform", 1.0, "fan_avg"),
        ("glorot_normal", 1.0, "fan_avg"),
        ("he_uniform", 2.0, "fan_in"),
        ("he_normal", 2.0, "fan_in"),
        ("lecun_uniform", 1.0, "fan_in"),
        ("lecun_normal", 1.0, "fan_in"),
    ],
)
def test_variance_scaling(name, scale, mode, shape):
    fan_in, fan_out = initializers._compute_fans(shape)
    n = fan_in if mode == "fan_in" else (fan_in + fan_out) / 2
    value = _value(initializers.get(name), shape)
    assert value.shape == shape
    # 4800 and more draws: three standard errors of a deviation are about 3 %.
    np.testing.assert_allclose(value.std(), np.sqrt(scale / n), rtol=0.04)
    np.testing.assert_allclose(value.mean(), 0.0, atol=4 * np.sqrt(scale / n / value.size))
    limit = np.sqrt(3 * scale / n) if "uniform" in name else 2 * np.sqrt(scale / n) / 0.87962566
    assert np.abs(value).max() <= limit * 1.0001


def test_fan_out():
    value = _value(initializers.VarianceScaling(3.0, "fan_out", "uniform"), (10, 2000))
    assert np.abs(value).max() <= np.sqrt(9 / 2000.0)
    np.testing.assert_allclose(value.std(), np.sqrt(3 / 2000.0), rtol=0.04)


@pytest.mark.parametrize(
    "shape, data_format, expected",
    [
        ((3, 4), "channels_last", (3, 4)),
        ((5, 3, 4), "channels_last", (15, 20)),
        ((2, 5, 3, 4), "channels_last", (30, 40)),
        ((2, 2, 5, 3, 4), "channels_last", (60, 80)),
        ((4, 3, 5), "channels_first", (15, 20)),
        ((9,), "channels_last", (3, 3)),
        ((), "channels_last", (1, 1)),
    ],
)
def test_fans(shape, data_format, expected):
    assert initializers._compute_fans(shape, data_format) == expected


def test_fans_of_an_unknown_format():
    with pytest.raises(ValueError, match="Invalid data_format: 'nchw'"):
        initializers._compute_fans((3, 3, 4, 4), "nchw")


def test_simple_distributions():
    shape = (100, 100)
    value = _value(initializers.RandomNormal(1.0, 0.5), shape)
    np.testing.assert_allclose([value.mean(), value.std()], [1.0, 0.5], rtol=0.04)
    value = _value(initializers.RandomUniform(-1, 3), shape)
    np.testing.assert_allclose([value.min(), value.max(), value.mean()], [-1, 3, 1], atol=0.06)
    value = _value(initializers.TruncatedNormal(1.0, 0.5), shape)
    np.testing.assert_allclose([value.mean(), value.std()], [1.0, 0.5 * 0.8796], rtol=0.04)
    assert value.min() >= 0.0 and value.max() <= 2.0
    np.testing.assert_array_equal(_value(initializers.Zeros(), (2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(_value(initializers.Ones(), (2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(_value(initializers.Constant([1, 2]), (2,)), [1, 2])


def test_dtype():
    for initializer in (initializers.Zeros(), initializers.glorot_uniform(), initializers.RandomNormal()):
        assert K.dtype(initializer((2, 3), dtype="float64")) == "float64"


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (3, 3, 2, 5), (2, 2, 30)])
def test_orthogonal(shape):
    q = initializers.Orthogonal(gain=2.0, seed=3)(shape)
    assert isinstance(q, np.ndarray) and q.shape == shape
    m = q.reshape((-1, shape[-1])) / 2.0
    gram = m.T.dot(m) if m.shape[0] >= m.shape[1] else m.dot(m.T)
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


def test_orthogonal_draws_what_the_original_draws():
    # From Keras 2.2.4, up to the sign that a singular vector is free to choose.
    q = initializers.Orthogonal(seed=3)((2, 3))
    expected = [[-0.97430278, -0.18953441, -0.12169959], [-0.00843326, 0.57062213, -0.82116945]]
    np.testing.assert_allclose(np.abs(q), np.abs(expected), rtol=1e-6)


def test_identity():
    np.testing.assert_array_equal(initializers.Identity(2.0)((2, 2)), 2 * np.eye(2))
    np.testing.assert_array_equal(initializers.Identity()((2, 4)), [[1, 0, 1, 0], [0, 1, 0, 1]])
    np.testing.assert_array_equal(initializers.Identity()((4, 2)), [[1, 0], [0, 1], [1, 0], [0, 1]])
    with pytest.raises(ValueError, match="only be used for 2D matrices, got shape"):
        initializers.Identity()((2, 2, 2))
    with pytest.raises(ValueError, match=r"multiple of the short side, got shape \(2, 3\)"):
        initializers.Identity()((2, 3))


@pytest.mark.parametrize("cls", ["RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Orthogonal"])
def test_seeds(cls):
    cls = getattr(initializers, cls)
    seeded = cls(seed=5)
    first = _value(seeded, (4, 6))
    np.testing.assert_array_equal(first, _value(seeded, (4, 6)))
    np.testing.assert_array_equal(first, _value(cls.from_config(seeded.get_config()), (4, 6)))
    assert np.abs(first - _value(cls(seed=6), (4, 6))).max() > 1e-4
    free = cls()
    assert np.abs(_value(free, (4, 6)) - _value(free, (4, 6))).max() > 1e-4


def test_numpy_seed_decides_when_none_is_given():
    values = []
    for _ in range(2):
        np.random.seed(11)
        values.append(_value(initializers.glorot_uniform(), (4, 6)))
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize(
    "name",
    "zero zeros one ones constant uniform random_uniform normal random_normal truncated_normal identity "
    "orthogonal glorot_uniform glorot_normal he_normal he_uniform lecun_normal lecun_uniform "
    "Zeros VarianceScaling Orthogonal".split(),
)
def test_names_and_configs(name):
    initializer = initializers.get(name)
    config = initializers.serialize(initializer)
    again = initializers.deserialize(config)
    assert type(again) is type(initializer) and again.get_config() == initializer.get_config()


def test_names_of_tf_keras():
    for name, ours in (("GlorotUniform", "glorot_uniform"), ("HeNormal", "he_normal")):
        config = {"class_name": name, "config": {"seed": None}, "module": "keras.initializers"}
        assert initializers.get(config).get_config() == initializers.get(ours).get_config()
    config = dict(scale=2.0, mode="fan_in", distribution="truncated_normal", seed=None, dtype="float32")
    made = initializers.get({"class_name": "VarianceScaling", "config": config})
    assert made.get_config() == initializers.he_normal().get_config()


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(scale=-1.0), "`scale` must be a positive float, got -1.0"),
        (dict(mode="fan"), "invalid `mode` argument.*got 'fan'"),
        (dict(distribution="gauss"), "invalid `distribution` argument.*got 'gauss'"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        initializers.VarianceScaling(**settings)


def test_lookup():
    mine = lambda shape, dtype=None: np.ones(shape)
    assert initializers.get(mine) is mine
    with pytest.raises(ValueError, match="Unknown initializer.*glorot_unifrom.*glorot_uniform"):
        initializers.get("glorot_unifrom")
    for bad in (None, 3):
        with pytest.raises(ValueError, match="Could not interpret initializer identifier"):
            initializers.get(bad)
    with pytest.raises(ValueError, match="at least two axes"):
        initializers.Orthogonal()((3,))
