"""Memory of the device: what a step takes, that it does not grow, and the error when it ends."""

import gc

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.layers import Dense
from gpukeras.models import Sequential

pytestmark = pytest.mark.gpu


def used(device):
    return device.xp.get_default_memory_pool().used_bytes()


@pytest.mark.simulated
def test_steps_take_no_more_memory(gpu):
    model = Sequential([Dense(5, input_shape=(3,))])
    model.compile("sgd", "mse")
    x, y = np.ones((8, 3)), np.zeros((8, 5))
    for _ in range(4):  # the first runs, the recording, a replay
        model.train_on_batch(x, y)
    before = used(gpu)
    for _ in range(20):
        model.train_on_batch(x, y)
    assert used(gpu) == before


def test_models_let_their_memory_go(gpu):
    before = used(gpu)
    for _ in range(2):
        model = Sequential([Dense(64, input_shape=(64,))])
        model.compile("sgd", "mse")
        model.train_on_batch(np.zeros((8, 64)), np.zeros((8, 64)))
        del model
        K.clear_session()
    gc.collect()
    assert used(gpu) - before < 64 * 64 * 4 * 4


def test_the_error_names_the_largest_buffers_and_what_to_do(gpu):
    pool = gpu.xp.get_default_memory_pool()
    model = Sequential([Dense(512, input_shape=(64,), name="wide_one"), Dense(8)])
    model.compile("sgd", "mse")
    model.train_on_batch(np.zeros((4, 64)), np.zeros((4, 8)))
    pool.set_limit(size=pool.total_bytes() + (8 << 20))
    try:
        with pytest.raises(MemoryError, match=r"(?s)out of GPU memory.*wide_one.*a batch smaller than 65536"):
            model.train_on_batch(np.zeros((65536, 64)), np.zeros((65536, 8)))
    finally:
        pool.set_limit(size=0)
    assert np.isfinite(model.train_on_batch(np.zeros((4, 64)), np.zeros((4, 8))))
