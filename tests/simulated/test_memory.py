"""Memory of a GPU: staging buffers that take turns, arenas in the pool, limits, and the error when it ends."""

import gc
import os
import re
from types import SimpleNamespace

import numpy as np
import pytest

from gpukeras import ops
from gpukeras.backend.running import apply_config
from gpukeras.compiler.function import Function
from gpukeras.compiler.gpu import GpuOutOfMemory
from gpukeras.graph.tensor import Placeholder, Variable
from gpukeras.runtime import device as runtime_device
from gpukeras.runtime.device import Device, limit_gpu_memory
from gpukeras.runtime.feed import Rows
from gpukeras.runtime.staging import Place, Readback, Staging

from .cupy import Cupy
from .device import simulated_gpu


@pytest.fixture(params=["late", "early"])
def fake(request):
    """Side streams run as late as they may, or at once."""
    made = Cupy()
    made.machine.early = request.param == "early"
    return made


def staging(fake, count):
    region = fake.empty((4 * count,), "uint8")
    return Staging(fake, region, [Place(0, (count,), np.dtype("float32"))]), region.view("float32")


# --- staging ----------------------------------------------------------------------------------------------------


def test_a_fed_array_may_change_at_once(fake):
    stage, region = staging(fake, 3)
    seen, x = [], np.zeros(3, "float32")
    for i in range(6):
        x[:] = i
        stage.feed([x])
        x[:] = -1
        seen.append(region.copy())
    assert [a.get().tolist() for a in seen] == [[i] * 3 for i in range(6)]


def test_a_buffer_in_flight_is_not_written(fake):
    stage, region = staging(fake, 2)
    waits = []
    for i in range(4):
        stage.feed([np.full(2, i, "float32")])
        waits.append(fake.machine.waits)
    # the third feed needs the first buffer again, whose copy nothing has made happen yet
    assert waits == ([0, 0, 1, 2] if not fake.machine.early else [0, 0, 0, 0])
    assert region.get().tolist() == [3, 3]


def test_the_next_batch_is_copied_while_a_step_is_queued():
    fake = Cupy()
    stage, region = staging(fake, 2)
    stage.feed([np.zeros(2, "float32")])
    result = region + 1
    stage.feed([np.ones(2, "float32")])
    assert not stage.stream.done and fake.machine.syncs == fake.machine.reads == 0
    stage.stream.drain()  # the copy needs nothing of the step that is still queued
    assert stage.stream.done and not fake.machine.null_stream().done
    assert result.get().tolist() == [1, 1] and region.get().tolist() == [1, 1]


def test_rows_are_gathered_and_converted_into_the_buffer(fake):
    stage, region = staging(fake, 3)
    stage.feed([Rows(np.arange(10), np.array([7, 2, 2]))])
    assert region.get().tolist() == [7, 2, 2]
    stage.feed([Rows(np.arange(10, dtype="float32"), slice(4, 7))])
    assert region.get().tolist() == [4, 5, 6]


def test_feeds_of_all_types_and_shapes_arrive(fake):
    kinds = ["float32", "float16", "int64", "bool", "float64", "uint8"]
    shapes = [(2, 3), (5,), (), (3, 1), (1,), (7, 2)]
    fed = [Placeholder(s, k) for s, k in zip(shapes, kinds, strict=True)]
    f = Function(fed, [ops.add(t, t) if t.dtype != "bool" else ops.logical_not(t) for t in fed], [],
                 Device("/gpu:0", fake, "numpy"))  # fmt: skip
    rng = np.random.default_rng(0)
    for _ in range(4):
        arrays = [np.asarray(rng.integers(0, 2, s) * 3).astype(k) for s, k in zip(shapes, kinds, strict=True)]
        for a, g in zip(arrays, f(arrays), strict=True):
            assert g.dtype == a.dtype and np.array_equal(g, ~a if a.dtype == bool else a + a)


def test_feeds_too_large_for_staging_are_copied_as_they_are(fake, monkeypatch):
    monkeypatch.setattr("gpukeras.compiler.gpu.MOST", 8)
    x = Placeholder((None, 4), "float32")
    f = Function([x], [ops.exp(x)], [], Device("/gpu:0", fake, "numpy"))
    for i in range(4):
        v = np.full((2, 4), i, "float64")
        np.testing.assert_allclose(f([v])[0], np.exp(v), 1e-6)
        np.testing.assert_allclose(f([Rows(v, np.array([1, 0]))])[0], np.exp(v), 1e-6)


def test_an_input_without_elements_is_no_trouble(fake):
    x = Placeholder((None, 4), "float32")
    f = Function([x], [ops.sum(ops.exp(x))], [], Device("/gpu:0", fake, "numpy"))
    for _ in range(3):
        assert f([np.zeros((0, 4), "float32")])[0] == 0


def test_outputs_are_read_with_one_wait(fake):
    arrays = [fake.full((), i, "float32") for i in range(5)] + [fake.arange(6, dtype="int32").reshape(2, 3)]
    back = Readback(fake, arrays)
    for _ in range(2):
        syncs = fake.machine.syncs
        got = back.read()
        assert fake.machine.syncs == syncs + 1
        assert [int(g) for g in got[:5]] == [0, 1, 2, 3, 4] and got[5].tolist() == [[0, 1, 2], [3, 4, 5]]
    arrays[0].fill(9)
    assert back.read()[0] == 9 and got[0] == 0, "what was read does not change any more"


# --- the pool ---------------------------------------------------------------------------------------------------


def test_arenas_are_the_pools_and_go_back_to_it():
    fake = Cupy()
    pool = fake.get_default_memory_pool()
    x = Placeholder((1000,), "float32")
    f = Function([x], [ops.exp(ops.sin(x))], [], Device("/gpu:0", fake, "numpy"))
    for _ in range(3):
        f([np.zeros(1000, "float32")])
    assert pool.used_bytes() >= 4000
    del f
    gc.collect()
    assert pool.used_bytes() == 0 and pool.free_bytes() > 0


def test_the_pools_are_limited_and_say_so():
    with simulated_gpu(memory=1 << 20, devices=2) as fake:
        assert limit_gpu_memory(0.25) == 1 << 18
        for number in range(2):
            with fake.cuda.Device(number):
                fake.zeros((1 << 16,), "uint8")
                with pytest.raises(fake.cuda.memory.OutOfMemoryError, match="limit set to: 262,144 bytes"):
                    fake.zeros((1 << 19,), "uint8")
        assert limit_gpu_memory(0) == 0
        assert fake.zeros((1 << 19,), "uint8").size == 1 << 19


# --- what a session's configuration says --------------------------------------------------------------------------


def configure(device_count=None, **options):
    """As `tf.Session(config=...)` does."""
    apply_config(SimpleNamespace(gpu_options=SimpleNamespace(**options), device_count=device_count))


@pytest.fixture
def gpus(monkeypatch):
    """Three GPUs, none of which is in use yet."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with simulated_gpu(devices=3) as fake:
        runtime_device._default = None
        yield fake


def test_a_session_limits_memory(gpus):
    configure(per_process_gpu_memory_fraction=0.5)
    assert gpus.get_default_memory_pool().get_limit() == gpus.memory // 2
    configure(allow_growth=True)
    assert gpus.get_default_memory_pool().get_limit() == 0


def test_a_session_chooses_a_gpu(gpus):
    configure(visible_device_list="1", per_process_gpu_memory_fraction=0.5)
    model, x, y = too_large()
    model.fit(x, y, batch_size=25, epochs=3, verbose=0)
    assert repr(runtime_device.default_device()) == "Device('/gpu:1')"
    assert all(w.data.device_id == 1 for w in model.weights)
    pool = gpus.get_default_memory_pool()
    assert pool.used_bytes() > 0 and pool.get_limit() == gpus.memory // 2
    with gpus.cuda.Device(0):
        assert pool.total_bytes() == pool.get_limit() == 0
    configure(visible_device_list="1")
    with pytest.raises(RuntimeError, match="GPU 1 is in use already"):
        configure(visible_device_list="2")


def test_a_session_chooses_the_cpu(gpus):
    configure({"GPU": 0}, per_process_gpu_memory_fraction=0.5)
    assert not runtime_device.default_device().is_gpu
    assert gpus.get_default_memory_pool().get_limit() == 0


@pytest.mark.parametrize("before, chosen, after", [("", "1,0", "1,0"), ("4,5,6", "2,0", "6,4"), ("7", "3", "7")])
def test_gpus_are_chosen_among_those_seen(monkeypatch, before, chosen, after):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
    monkeypatch.setattr(runtime_device, "_default", None)
    monkeypatch.setattr(runtime_device, "cupy_or_reason", lambda: (None, "none here"))
    runtime_device.use_gpus([int(i) for i in chosen.split(",")])
    assert os.environ["CUDA_VISIBLE_DEVICES"] == after


# --- when memory ends ---------------------------------------------------------------------------------------------


def too_large():
    """A model that does not fit a small GPU, and data for a batch of 50."""
    from gpukeras.layers import Dense
    from gpukeras.models import Sequential

    model = Sequential([Dense(2000, input_shape=(10,), name="wide", activation="tanh"), Dense(1, name="narrow")])
    model.compile("sgd", "mse")
    return model, np.zeros((50, 10), "float32"), np.zeros((50, 1), "float32")


def test_the_error_names_layers_sizes_and_ways_out():
    with simulated_gpu(memory=900_000):
        model, x, y = too_large()
        model.train_on_batch(x[:2], y[:2])
        with pytest.raises(GpuOutOfMemory) as found:
            model.train_on_batch(x, y)
        model.train_on_batch(x[:2], y[:2])  # it goes on with what fits
    text = str(found.value)
    assert isinstance(found.value, MemoryError) and isinstance(found.value.__cause__, MemoryError)
    for part in ("out of GPU memory", "(50, 10)", "wide", "(50, 2000) float32", "390.6 KiB", "smaller than 50",
                 "made by wide/", "gradients/wide/", "mixed precision", "allow_growth",
                 "of 878.9 KiB are free"):  # fmt: skip
        assert part in text, (part, text)
    sizes = [float(s) for s in re.findall(r"^  ([0-9.]+) KiB", text, re.MULTILINE)]
    assert sizes == sorted(sizes, reverse=True)


def test_the_error_names_a_limit():
    with simulated_gpu(memory=1 << 24) as fake:
        model, x, y = too_large()
        fake.get_default_memory_pool().set_limit(size=300_000)
        with pytest.raises(GpuOutOfMemory, match=r"limits itself to 293.0 KiB"):
            model.fit(x, y, batch_size=50, verbose=0)


def test_memory_that_ends_while_a_step_runs_is_the_same_error(monkeypatch):
    fake = Cupy()
    w = Variable(np.zeros(3, "float32"), name="w")
    device = Device("/gpu:0", fake, "numpy")
    w._device = device
    f = Function([], [ops.add(w, 1.0)], [], device)

    def full():
        raise fake.cuda.memory.OutOfMemoryError(512, 0)

    f.plan([]).gpu.replay._parts = [full]
    with pytest.raises(GpuOutOfMemory, match="the plan without inputs needs"):
        f([])
