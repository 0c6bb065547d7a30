"""The shared LSTM and GRU bodies, compiled for the host: against formulas in float64, gradients against differences."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

KERNELS = Path(__file__).parents[2] / "csrc" / "kernels"
COMPILER = shutil.which("g++") or shutil.which("clang++")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler is installed")

#: Rows of arrays in, rows out: each function works on one column at a time.
DRIVER = """
#include "recurrent.h"
using namespace gpukeras;
extern "C" void lstm(const float* in, float* out, int n) {
    using Cell = LstmCell<Tanh, Sigmoid>;
    for (int k = 0; k < n; ++k) {
        LstmGates gates = {in[k], in[n + k], in[2 * n + k], in[3 * n + k]};
        const float before = in[4 * n + k], dh = in[5 * n + k];
        float dc = in[6 * n + k];
        const LstmState s = Cell::forward(gates, before);
        const LstmGates dz = Cell::backward(gates, before, s.act_c, dh, dc);
        const float row[] = {s.h, s.c, dz.i, dz.f, dz.g, dz.o, dc};
        for (int j = 0; j < 7; ++j) out[j * n + k] = row[j];
    }
}
extern "C" void gru(const float* in, float* out, int n) {
    using Cell = GruCell<Softsign, HardSigmoid>;
    for (int k = 0; k < n; ++k) {
        GruGates x = {in[k], in[n + k], in[2 * n + k]};
        const GruGates u = {in[3 * n + k], in[4 * n + k], in[5 * n + k]};
        const float before = in[6 * n + k], dh = in[7 * n + k];
        const float h = Cell::forward(x, u, before);
        const GruGradient d = Cell::backward(x, u.g, before, dh);
        const float row[] = {h, d.x.z, d.x.r, d.x.g, d.h.z, d.h.r, d.h.g, d.direct};
        for (int j = 0; j < 8; ++j) out[j * n + k] = row[j];
    }
}
"""

N = 500


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recurrent")
    source, target = folder / "driver.cpp", folder / "driver.so"
    source.write_text(DRIVER)
    flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-shared", "-fPIC"]
    done = subprocess.run(
        [COMPILER, *flags, f"-I{KERNELS}", str(source), "-o", str(target)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(target))


def run(function, rows, count):
    """The driver's outputs for random inputs, in float64, and the inputs."""
    x = np.random.RandomState(0).randn(rows, N).astype(np.float32)
    out = np.full((count, N), 7, np.float32)
    pointer = ctypes.POINTER(ctypes.c_float)
    function(x.ctypes.data_as(pointer), out.ctypes.data_as(pointer), N)
    return x.astype(np.float64), out.astype(np.float64)


def differences(f, x, i):
    """Central differences of f with respect to row i of x."""
    hi, lo = x.copy(), x.copy()
    hi[i] += 1e-6
    lo[i] -= 1e-6
    return (f(hi) - f(lo)) / 2e-6


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_lstm(library):
    x, (h, c, *grads) = run(library.lstm, 7, 7)

    def forward(v):
        c = sigmoid(v[1]) * v[4] + sigmoid(v[0]) * np.tanh(v[2])
        return sigmoid(v[3]) * np.tanh(c), c

    np.testing.assert_allclose([h, c], forward(x), rtol=1e-6, atol=1e-6)

    def loss(v):
        h, c = forward(v)
        return h * x[5] + c * x[6]

    for i, got in enumerate(grads):  # of i, f, g, o and the cell state before
        np.testing.assert_allclose(got, differences(loss, x, i), rtol=1e-5, atol=2e-6)


def test_gru(library):
    x, (h, *grads) = run(library.gru, 8, 8)

    def hard(v):
        return np.clip(0.2 * v + 0.5, 0, 1)

    def forward(v):
        z, r = hard(v[0] + v[3]), hard(v[1] + v[4])
        s = v[2] + r * v[5]
        return z * v[6] + (1 - z) * s / (1 + np.abs(s))

    np.testing.assert_allclose(h, forward(x), rtol=1e-6, atol=1e-6)
    away = np.abs(np.abs(x[:2] + x[3:5]) - 2.5).min(0) > 1e-3  # from the corners of the gates
    assert away.sum() > 0.9 * N
    for i, got in enumerate(grads):  # of the input's products, the state's products, and the state before
        want = differences(lambda v: forward(v) * x[7], x, i)
        np.testing.assert_allclose(got[away], want[away], rtol=1e-5, atol=2e-6)
