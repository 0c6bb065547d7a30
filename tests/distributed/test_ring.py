"""The ring of processes, here of threads: sums, messages, and what happens when somebody does something else."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gpukeras.distributed import ring
from gpukeras.distributed.ring import HOST, Alone, Ring, introduce

TOKEN = "b1946ac9"


def in_ring(size, program, before=None):
    """Results of `program(ring)` for every rank; exceptions are results too."""
    server = socket.create_server((HOST, 0), backlog=size + 1)
    port = server.getsockname()[1]
    meeting = threading.Thread(target=introduce, args=(server, size, TOKEN, lambda: True), daemon=True)
    meeting.start()
    if before is not None:
        before(port)

    def run(rank):
        link = Ring(rank, size, port, TOKEN)
        try:
            return program(link)
        except Exception as error:
            return error
        finally:
            link.close()

    with ThreadPoolExecutor(size) as threads:
        results = list(threads.map(run, range(size)))
    meeting.join(10)
    return results


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("length", [0, 1, 4, 1000, 300_000])
def test_sums(size, length):
    values = [np.random.rand(length).astype("float32") for _ in range(size)]

    def program(link):
        mine = values[link.rank].copy()
        link.sum(mine)
        return mine

    results = in_ring(size, program)
    for result in results:
        np.testing.assert_array_equal(result, results[0])  # the same bits everywhere
    np.testing.assert_allclose(results[0], sum(values), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "int64"])
def test_sums_of_other_types(dtype):
    def program(link):
        mine = np.arange(7).astype(dtype) * (link.rank + 1)
        link.sum(mine)
        return mine

    for result in in_ring(3, program):
        np.testing.assert_array_equal(result, np.arange(7) * 6)


def test_messages_of_any_length():
    said = [b"", b"two", b"x" * 2_000_000]

    def program(link):
        return link.gather(said[link.rank]), [link.broadcast(said[r] if link.rank == r else None, r) for r in range(3)]

    for gathered, told in in_ring(3, program):
        assert gathered == said and told == said


def test_different_calls_are_an_error():
    def program(link):
        if link.rank == 0:
            link.gather(b"")
        else:
            link.sum(np.zeros(3, "float32"))

    texts = [str(error) for error in in_ring(2, program)]
    assert "rank 0 calls allgather while rank 1 calls allreduce of 12 bytes" in texts[0]
    assert "all processes must make the same calls in the same order" in texts[1]


def test_a_lost_process_is_an_error():
    def program(link):
        if link.rank == 1:
            return None
        link.sum(np.zeros(3, "float32"))

    found = in_ring(3, program)
    assert all(isinstance(e, ConnectionError) and "has lost its neighbour" in str(e) for e in (found[0], found[2]))


def test_a_silent_process_is_an_error(monkeypatch):
    monkeypatch.setattr(ring, "PATIENCE", 1.0)
    done = threading.Event()

    def program(link):
        if link.rank == 1:
            return done.wait(20)
        try:
            link.sum(np.zeros(3, "float32"))
        finally:
            done.set()

    error, _ = in_ring(2, program)
    assert isinstance(error, ConnectionError) and "has heard nothing for 1 s" in str(error)


def test_strangers_stay_outside():
    answers = []

    def knock(port):
        for text in (b'{"token": "guessed", "rank": 0, "port": 1}\n', b"GET / HTTP/1.0\r\n", b"[1]\n"):
            with socket.create_connection((HOST, port), timeout=10) as end:
                end.sendall(text)
                answers.append(end.makefile("rb").read())

    def program(link):
        one = np.ones(2)
        link.sum(one)
        return one

    for result in in_ring(2, program, before=knock):
        np.testing.assert_array_equal(result, 2.0)
    assert answers == [b""] * 3


def test_one_process_alone():
    link, one = Alone(), np.ones(3)
    link.sum(one)
    np.testing.assert_array_equal(one, 1.0)
    assert link.gather(b"a") == [b"a"] and link.broadcast(b"b", 0) == b"b"
    assert (link.rank, link.size, link.local_rank, link.local_size) == (0, 1, 0, 1)
