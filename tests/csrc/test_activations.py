"""The shared activation bodies against float64 formulas in NumPy, and their gradients against differences."""

import os
import subprocess
import sys

import numpy as np
import pytest

from gpukeras.runtime import native

ext = native.load()
pytestmark = pytest.mark.skipif(ext is None, reason=f"native engine off: {native.status().reason}")

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "tanh": np.tanh,
    "elu": elu,
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * elu(np.minimum(x, 0))),
    "softplus": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
}


def inputs():
    rng = np.random.default_rng(0)
    spread = rng.standard_normal(100_000) * np.exp(rng.uniform(-20, 3, 100_000))
    return np.concatenate([np.linspace(-110, 88, 100_003), spread, [0.0, -0.0]]).astype(np.float32)


def apply(name, x):
    out = np.full_like(x, 7)
    ext.activation(name, x, out)
    return out


@pytest.mark.parametrize("name", FORMULAS)
def test_values_match_the_formula(name):
    x = inputs()
    expected = FORMULAS[name](x.astype(np.float64))
    # Three units in the last place of float32, and the steps of denormals near 0; hard_sigmoid cancels there.
    absolute = 6e-8 if name == "hard_sigmoid" else 3e-39
    np.testing.assert_allclose(apply(name, x), expected, rtol=3.6e-7, atol=absolute)


@pytest.mark.parametrize("name", FORMULAS)
def test_infinities_and_nan(name):
    x = np.array([np.inf, -np.inf, np.nan, 1000, -1000], np.float32)
    with np.errstate(all="ignore"):
        expected = FORMULAS[name](x.astype(np.float64)).astype(np.float32)
    # One unit in the last place, for selu's product.
    np.testing.assert_allclose(apply(name, x), expected, rtol=1.2e-7, atol=0)


@pytest.mark.parametrize("name", FORMULAS)
def test_gradient_matches_central_differences(name):
    x = np.linspace(-4, 4, 4001).astype(np.float32)
    # Kinks: relu, elu and selu at 0, hard_sigmoid at -2.5 and 2.5.
    x = x[(np.abs(x) > 1e-3) & (np.abs(np.abs(x) - 2.5) > 1e-3)]
    wide, step = x.astype(np.float64), 1e-6
    slope = (FORMULAS[name](wide + step) - FORMULAS[name](wide - step)) / (2 * step)
    dy = np.random.default_rng(1).standard_normal(x.size).astype(np.float32)
    out = np.empty_like(x)
    ext.activation_gradient(name, apply(name, x), dy, out)
    # float32 values y carry half a unit in the last place into the slope: 1.2e-7 of terms up to 1.8.
    np.testing.assert_allclose(out, dy * slope, rtol=2e-6, atol=4e-7 * np.abs(dy).max())


@pytest.mark.parametrize("name", FORMULAS)
def test_in_place_equals_out_of_place(name):
    x = np.random.default_rng(2).standard_normal((3, 20_001)).astype(np.float32)
    y = apply(name, x)
    working = x.copy()
    ext.activation(name, working, working)
    np.testing.assert_array_equal(working, y)
    dx = np.empty_like(x)
    ext.activation_gradient(name, y, x, dx)
    ext.activation_gradient(name, y, x, working)
    np.testing.assert_array_equal(working, dx)


def test_bad_arguments():
    x = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="expected one of linear, relu, .*exponential; got 'swish'"):
        ext.activation("swish", x, x)
    with pytest.raises(ValueError, match="activation: expected arrays of one size, got 3 and 4 elements"):
        ext.activation("relu", x, np.zeros(4, np.float32))
    with pytest.raises(TypeError, match="incompatible function arguments"):
        ext.activation("relu", x.astype(np.float64), x)


CHILD = """
import hashlib, numpy as np
from gpukeras.runtime import native
ext = native.load()
x = np.linspace(-20, 20, 40_001, dtype=np.float32)
digest, out = hashlib.sha256(), np.empty_like(x)
for name in {names!r}:
    ext.activation(name, x, out)
    digest.update(out.tobytes())
    ext.activation_gradient(name, out, x, out)
    digest.update(out.tobytes())
print(native.build_info()["isa"], digest.hexdigest())
"""


def test_every_instruction_set_gives_the_same_digits():
    digests = {}
    for isa in ("base", "avx2", "avx512"):
        environment = dict(os.environ, GPUKERAS_CPU_ISA=isa)
        child = [sys.executable, "-c", CHILD.format(names=list(FORMULAS))]
        done = subprocess.run(child, env=environment, capture_output=True, text=True, check=True)
        used, digest = done.stdout.split()
        digests[used] = digest
    assert "base" in digests
    assert len(set(digests.values())) == 1, digests
