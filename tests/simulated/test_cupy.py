"""The stand-in for CuPy: what it refuses, in which order it works, and what its graphs and pools do."""

import numpy as np
import pytest

from .cupy import Cupy
from .streams import CUDARuntimeError, enqueue


@pytest.fixture
def cp():
    return Cupy(devices=2, memory=1 << 20)


def test_arrays_do_not_become_numpys_by_themselves(cp):
    a = cp.ones(3, "float32")
    for call in (np.asarray, np.sum, lambda x: np.add(x, 1), lambda x: np.concatenate([x, x])):
        with pytest.raises(TypeError):
            call(a)
    with pytest.raises(TypeError, match="Unsupported type"):
        cp.add(a, np.ones(3, "float32"))
    with pytest.raises(TypeError, match="must be of ArrayType"):
        cp.add(a, a, np.empty(3, "float32"))
    with pytest.raises(ValueError, match="non-scalar"):
        cp.copyto(a, np.ones(3, "float32"))
    assert type(a.get()) is np.ndarray and a.get().tolist() == [1, 1, 1]


def test_what_cupys_functions_ask_for(cp):
    a, b = cp.ones((2, 2), "float32"), cp.ones((2, 2), "float64")
    with pytest.raises(TypeError, match="cannot cast"):
        cp.add(a, 1.5, cp.empty((2, 2), "int32"))
    with pytest.raises(ValueError, match="mismatched"):
        cp.add(a, a, cp.empty((2, 1), "float32"))
    with pytest.raises(TypeError, match="positional"):
        cp.matmul(a, a, a)
    with pytest.raises(TypeError, match="dtype"):
        cp.dot(a, a, b)
    with pytest.raises(ValueError, match="C-contiguous"):
        cp.dot(a, a, b.astype("float32").T)
    with pytest.raises(TypeError, match="does not support"):
        cp.add.at(cp.zeros(2, "int64"), cp.zeros(1, "int64"), cp.ones(1, "int64"))
    with pytest.raises(AttributeError):
        cp.frombuffer  # noqa: B018
    for wrong in (np.ones((2, 2)), np.ones(4, "float32"), [[1, 1], [1, 1]]):
        with pytest.raises((TypeError, ValueError)):
            a.set(wrong)
    with pytest.raises(RuntimeError, match="non-contiguous"):
        a[:, :1].set(np.ones((2, 1), "float32"))


def test_devices_do_not_mix(cp):
    a = cp.ones(3)
    with cp.cuda.Device(1):
        b = cp.ones(3)
        with pytest.raises(ValueError, match="device"):
            cp.add(a, b)
        with pytest.raises(RuntimeError, match="device"), cp.cuda.Stream.null:
            pass
    assert (a.device.id, b.device.id) == (0, 1)


def test_work_waits_until_something_waits_for_it(cp):
    side, done = cp.cuda.Stream(non_blocking=True), []
    enqueue(side.ptr, lambda: done.append("side"))
    event = side.record()
    cp.queue(lambda: done.append("null"))
    assert done == [] and not event.done
    cp.cuda.Device(0)
    cp.cuda.Stream.null.synchronize()
    assert done == ["null"], "a stream that does not block is not waited for"
    cp.cuda.Stream.null.wait_event(event)
    cp.queue(lambda: done.append("after"))
    cp.cuda.Stream.null.synchronize()
    assert done == ["null", "side", "after"] and event.done


def test_a_blocking_stream_and_the_null_stream_wait_for_each_other(cp):
    side, done = cp.cuda.Stream(), []
    cp.queue(lambda: done.append(0))
    enqueue(side.ptr, lambda: done.append(1))
    cp.queue(lambda: done.append(2))
    cp.cuda.Stream.null.synchronize()
    assert done == [0, 1, 2]


def test_copies_from_pinned_memory_read_it_when_their_turn_comes(cp):
    pinned = np.frombuffer(cp.cuda.alloc_pinned_memory(16), "float32", 4)
    pageable = np.zeros(4, "float32")
    pinned[:] = 0
    a, b = cp.empty(4, "float32"), cp.empty(4, "float32")
    a.set(pinned)
    b.set(pageable)
    pinned[:] = pageable[:] = 1
    assert a.get().tolist() == [1] * 4 and b.get().tolist() == [0] * 4


def test_memory_given_back_is_handed_out_again_and_holds_nothing(cp):
    a = cp.ones(100, "float32")
    address = a.data.ptr
    del a
    b = cp.empty(100, "float32")
    assert b.data.ptr == address and np.isnan(b.get()).all()
    with pytest.raises(cp.cuda.memory.OutOfMemoryError, match=r"Out of memory allocating 2,000,384 bytes"):
        cp.empty(2_000_000, "uint8")


def test_a_graph_runs_when_it_is_launched(cp):
    a, stream = cp.zeros(2, "float32"), cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        cp.add(a, 1, a)
        b = cp.multiply(a, 2)
        with pytest.raises(NotImplementedError, match="cuBLAS"):
            cp.dot(a, a)
        with pytest.raises(CUDARuntimeError, match="Unsupported"):
            a.get()
        graph = stream.end_capture()
    assert a.get().tolist() == [0, 0]
    for i in (1, 2):
        graph.launch()
        assert a.get().tolist() == [i, i] and b.get().tolist() == [2 * i, 2 * i]
    with pytest.raises(RuntimeError, match="legacy"):
        cp.cuda.Stream.null.begin_capture()


def test_a_stream_that_joins_a_capture_must_be_waited_for(cp):
    first, second = cp.cuda.Stream(non_blocking=True), cp.cuda.Stream(non_blocking=True)
    done = []
    for joined in (True, False):
        first.begin_capture()
        second.wait_event(first.record())
        enqueue(second.ptr, lambda: done.append(1))
        if joined:
            first.wait_event(second.record())
            graph = first.end_capture()
        else:
            with pytest.raises(CUDARuntimeError, match="Unjoined"):
                first.end_capture()
    assert done == []
    graph.launch(first)
    first.synchronize()
    assert done == [1]
