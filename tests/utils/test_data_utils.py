"""Sequence and the enqueuers: threads, forked and spawned processes; fetched files are tested in test_download.py."""

import collections
import itertools
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback

import numpy as np
import pytest

from gpukeras.utils import GeneratorEnqueuer, OrderedEnqueuer, Sequence


class Batches(Sequence):
    """Batch i holds i times `factor`, and `on_epoch_end` changes the factor."""

    def __init__(self, count=7, factor=1, ends=10):
        self.count, self.factor, self.ends = count, factor, ends

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return np.full((3, 4), index * self.factor)

    def on_epoch_end(self):
        self.factor *= self.ends


class Broken(Batches):
    def __getitem__(self, index):
        if index == 2:
            raise KeyError("batch 2")
        return super().__getitem__(index)


class Suicidal(Batches):
    def __getitem__(self, index):
        if index == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


class Unpicklable(Batches):
    def __getitem__(self, index):
        return lambda: index


class Pids(Batches):
    def __getitem__(self, index):
        return os.getpid(), os.getppid(), np.random.randint(10**9)


class DiesSending(Batches):
    def __getitem__(self, index):
        write = os.write

        def a_part(handle, data):
            write(handle, data[:1000])
            os.kill(os.getpid(), signal.SIGKILL)

        os.write = a_part
        return np.zeros((1000, 1000))


def kinds_of_arrays():
    large = np.arange(60_000.0).reshape(200, 300)
    return {
        "large": large,
        "small": large[:2],
        "columns first": np.asfortranarray(large),
        "transposed": large.T,
        "part": large[::2, ::3],
        "backwards": large[::-1],
        "swapped bytes": large.astype(">f4"),
        "bools": large > 7,
        "text": np.array(["a", "bc"] * 20_000),
        "objects": np.array([[1], None, "x"] * 9, dtype=object),
        "empty": np.zeros((0, 5)),
        "0-d": np.array(3.5),
        "records": np.zeros(9000, dtype=[("a", "i4"), ("b", "f8", (2,))]),
    }


class Kinds(Batches):
    def __getitem__(self, index):
        return kinds_of_arrays()


class Slow(Batches):
    def __getitem__(self, index):
        time.sleep(0.05)
        return super().__getitem__(index)


def read(enqueuer, count, workers=2, size=4):
    enqueuer.start(workers, size)
    try:
        return [int(b[0, 0]) for b in itertools.islice(enqueuer.get(), count)]
    finally:
        enqueuer.stop()


@pytest.fixture(params=["threads", "fork", "spawn"])
def processes(request):
    """Whether to use processes; sets the start method."""
    if request.param == "threads":
        yield False
        return
    before = multiprocessing.get_start_method()
    multiprocessing.set_start_method(request.param, force=True)
    yield True
    multiprocessing.set_start_method(before, force=True)


@pytest.fixture(autouse=True)
def nothing_left_over():
    threads = threading.active_count()
    yield
    assert not multiprocessing.active_children()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if threading.active_count() <= threads:
            return
        time.sleep(0.02)
    pytest.fail(f"threads left: {threading.enumerate()}")


class TestSequence:
    def test_iterates_once(self):
        assert [int(b[0, 0]) for b in Batches()] == list(range(7))

    def test_must_be_defined(self):
        with pytest.raises(NotImplementedError, match="must define __getitem__"):
            Sequence()[0]
        with pytest.raises(NotImplementedError, match="must define __len__"):
            len(Sequence())
        assert Sequence().on_epoch_end() is None


class TestOrdered:
    def test_order_and_end_of_pass(self, processes):
        found = read(OrderedEnqueuer(Batches(), use_multiprocessing=processes), 16, workers=3)
        assert found == list(range(7)) + [10 * i for i in range(7)] + [0, 100]

    def test_a_sequence_that_does_not_change_keeps_its_processes(self):
        class Plain(Sequence):
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return os.getpid()

        enqueuer = OrderedEnqueuer(Plain(), use_multiprocessing=True)
        enqueuer.start(1, 2)
        pids = set(itertools.islice(enqueuer.get(), 6))
        enqueuer.stop()
        assert len(pids) == 1

    def test_shuffle(self, processes):
        import random

        random.seed(1)
        found = read(OrderedEnqueuer(Batches(20, ends=1), use_multiprocessing=processes, shuffle=True), 40)
        assert sorted(found[:20]) == sorted(found[20:]) == list(range(20))
        assert found[:20] != list(range(20)) and found[:20] != found[20:]

    def test_workers_draw_different_random_numbers(self):
        enqueuer = OrderedEnqueuer(Pids(20), use_multiprocessing=True)
        enqueuer.start(2, 4)
        found = list(itertools.islice(enqueuer.get(), 20))
        enqueuer.stop()
        assert all(parent == os.getpid() != child for child, parent, _ in found)
        first_of = {child: number for child, _, number in reversed(found)}
        assert len(set(first_of.values())) == len(first_of)

    @pytest.mark.parametrize("size", [1, 3])
    def test_no_more_ahead_than_asked(self, size):
        log = []

        class Logged(Batches):
            def __getitem__(self, index):
                log.append(index)
                return super().__getitem__(index)

        enqueuer = OrderedEnqueuer(Logged(100))
        enqueuer.start(2, size)
        batches = enqueuer.get()
        for taken in range(1, 6):
            next(batches)
            time.sleep(0.02)
            assert taken <= len(log) <= taken + size
        enqueuer.stop()

    def test_workers_are_woken_for_several_batches_at_a_time(self):
        enqueuer = OrderedEnqueuer(Batches(100))
        enqueuer.start(1, 8)
        batches = enqueuer.get()

        def ready():
            end = time.monotonic() + 20
            while enqueuer.queue.qsize() < 8 and time.monotonic() < end:
                time.sleep(0.001)
            return enqueuer.queue.qsize()

        assert ready() == 8
        woken = []
        with enqueuer._changed:  # the worker has told of its last batch, and waits
            notify = enqueuer._changed.notify_all
            enqueuer._changed.notify_all = lambda: (woken.append(threading.current_thread()), notify())
        for _ in range(3):
            next(batches)
        assert not woken and enqueuer.queue.qsize() == 5
        next(batches)
        assert woken[0] is threading.current_thread() and ready() == 8
        enqueuer.stop()

    def test_limit(self):
        log = []

        class Logged(Batches):
            def __getitem__(self, index):
                log.append(index)
                return super().__getitem__(index)

        enqueuer = OrderedEnqueuer(Logged(3, ends=1))
        enqueuer.limit = 5
        assert read(enqueuer, 100, size=10) == [0, 1, 2, 0, 1]
        assert len(log) == 5

    def test_error_comes_in_its_turn_with_its_traceback(self, processes):
        enqueuer = OrderedEnqueuer(Broken(), use_multiprocessing=processes)
        enqueuer.start(2, 4)
        batches = enqueuer.get()
        assert [int(next(batches)[0, 0]) for _ in range(2)] == [0, 1]
        with pytest.raises(KeyError, match="batch 2") as error:
            next(batches)
        text = "".join(traceback.format_exception(error.value))
        assert 'raise KeyError("batch 2")' in text
        assert not enqueuer.is_running()

    def test_killed_worker_is_an_error(self):
        enqueuer = OrderedEnqueuer(Suicidal(), use_multiprocessing=True)
        with pytest.raises(RuntimeError, match=r"worker process died \(exit code -9\)"):
            read(enqueuer, 7)

    def test_worker_killed_between_two_batches(self):
        enqueuer = OrderedEnqueuer(Batches(), use_multiprocessing=True)
        enqueuer.start(2, 1)
        batches = enqueuer.get()
        next(batches)
        for process in multiprocessing.active_children():
            process.kill()
        with pytest.raises(RuntimeError, match=r"worker process died \(exit code -9\)"):
            for _ in batches:
                pass

    @pytest.mark.parametrize("processes", ["fork", "spawn"], indirect=True)
    def test_worker_killed_while_it_sends(self, processes):
        with pytest.raises(RuntimeError, match=r"worker process died \(exit code -9\)"):
            read(OrderedEnqueuer(DiesSending(), use_multiprocessing=True), 3)

    def test_arrays_arrive_as_they_were(self, processes):
        expected = kinds_of_arrays()
        enqueuer = OrderedEnqueuer(Kinds(), use_multiprocessing=processes)
        enqueuer.start(2, 2)
        for batch in itertools.islice(enqueuer.get(), 3):
            assert batch.keys() == expected.keys()
            for name, array in batch.items():
                np.testing.assert_array_equal(array, expected[name], err_msg=name)
                assert array.dtype == expected[name].dtype and array.flags.writeable, name
        enqueuer.stop()

    def test_processes_do_not_read_ahead(self):
        count = multiprocessing.get_context("fork").Value("i", 0)

        class Counted(Batches):
            def __getitem__(self, index):
                with count.get_lock():
                    count.value += 1
                return super().__getitem__(index)

        enqueuer = OrderedEnqueuer(Counted(100), use_multiprocessing=True)
        enqueuer.start(4, 3)
        batches = enqueuer.get()
        for taken in range(1, 6):
            next(batches)
            time.sleep(0.05)
            assert taken <= count.value <= taken + 3
        enqueuer.stop()

    def test_batch_that_cannot_be_pickled(self):
        enqueuer = OrderedEnqueuer(Unpicklable(), use_multiprocessing=True)
        with pytest.raises(RuntimeError, match="cannot be pickled"):
            read(enqueuer, 1)

    def test_error_at_the_end_of_a_pass(self):
        class Bad(Batches):
            def on_epoch_end(self):
                raise OSError("no more disk")

        enqueuer = OrderedEnqueuer(Bad(2))
        enqueuer.start(2, 4)
        batches = enqueuer.get()
        next(batches), next(batches)
        with pytest.raises(OSError, match="no more disk"):
            next(batches)

    def test_empty(self):
        with pytest.raises(ValueError, match="Batches has no batches: its len\\(\\) is 0"):
            OrderedEnqueuer(Batches(0)).start()

    def test_start_twice(self):
        enqueuer = OrderedEnqueuer(Batches())
        enqueuer.start()
        with pytest.raises(RuntimeError, match="runs already"):
            enqueuer.start()
        enqueuer.stop()
        assert not enqueuer.is_running()
        assert read(enqueuer, 3) == [0, 1, 2]

    @pytest.mark.parametrize("processes", ["spawn"], indirect=True)
    def test_start_that_fails(self, processes):
        enqueuer = OrderedEnqueuer(Batches(factor=lambda: 0), use_multiprocessing=True)
        for _ in range(2):
            with pytest.raises((AttributeError, pickle.PicklingError), match="by pickling") as error:
                enqueuer.start(3)
            assert "which lambdas, local classes, locks and open files do not allow" in error.value.__notes__[0]
            assert not enqueuer.is_running()
            enqueuer.stop()

    def test_how_many_are_ready(self):
        enqueuer = OrderedEnqueuer(Batches())
        enqueuer.start(1, 3)
        deadline = time.monotonic() + 60
        while enqueuer.queue.qsize() < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert enqueuer.queue.qsize() == 3 and not enqueuer.queue.empty()
        enqueuer.stop()
        assert enqueuer.queue.empty()

    def test_not_started(self):
        with pytest.raises(RuntimeError, match="call start\\(\\) first"):
            next(OrderedEnqueuer(Batches()).get())

    def test_start_that_fails_half_way(self, monkeypatch):
        enqueuer = OrderedEnqueuer(Batches(), use_multiprocessing=True)
        make = enqueuer._runner

        def no_more_processes(number):
            if number == 2:
                raise BlockingIOError("no more processes")
            return make(number)

        monkeypatch.setattr(enqueuer, "_runner", no_more_processes)
        with pytest.raises(BlockingIOError):
            enqueuer.start(3)
        assert not multiprocessing.active_children() and not enqueuer.is_running()

    def test_stop_ends_the_generator_and_may_be_repeated(self, processes):
        enqueuer = OrderedEnqueuer(Slow(), use_multiprocessing=processes)
        enqueuer.stop()
        enqueuer.start(2, 2)
        batches = enqueuer.get()
        next(batches)
        enqueuer.stop()
        assert list(batches) == []
        enqueuer.stop()

    def test_stop_does_not_wait_for_a_worker_that_hangs(self):
        release = threading.Event()

        class Hanging(Batches):
            def __getitem__(self, index):
                release.wait(30)

        enqueuer = OrderedEnqueuer(Hanging())
        enqueuer.start(1, 1)
        start = time.monotonic()
        enqueuer.stop(timeout=0.1)
        assert time.monotonic() - start < 20
        release.set()


PROGRAM = """
import multiprocessing, sys, time
from gpukeras.utils import OrderedEnqueuer, Sequence

class Batches(Sequence):
    def __len__(self):
        return 1000

    def __getitem__(self, index):
        time.sleep(0.01)
        return index

enqueuer = OrderedEnqueuer(Batches(), use_multiprocessing=True)
enqueuer.start(2, 4)
batches = enqueuer.get()
next(batches)
try:  # the interrupt may come as soon as the line below is read
    print(*[p.pid for p in multiprocessing.active_children()], flush=True)
    for batch in batches:
        pass
except KeyboardInterrupt:
    enqueuer.stop()
    print(len(multiprocessing.active_children()), "left", flush=True)
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_do_not_outlive_the_program(end):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # A session of its own, so that Ctrl-C reaches the workers as it does in a terminal.
    program = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + PROGRAM],
        stdout=subprocess.PIPE,
        cwd=root,
        text=True,
        start_new_session=True,
    )
    try:
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) == 2 and all(map(alive, pids))
        if end == signal.SIGINT:
            os.killpg(program.pid, end)
            assert program.stdout.read() == "0 left\n"
        else:
            program.send_signal(end)
        program.wait(60)
        deadline = time.monotonic() + 60
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(alive, pids))
    finally:
        program.kill()
        program.stdout.close()
        program.wait()


def count(n=None):
    for i in itertools.count() if n is None else range(n):
        yield np.full((2, 2), i)


class Locked:
    """A generator that threads may share."""

    def __init__(self, generator):
        self.generator, self.lock = generator, threading.Lock()

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.generator)


class TestGenerator:
    def test_one_thread_keeps_the_order(self):
        assert read(GeneratorEnqueuer(count()), 20, workers=1) == list(range(20))

    def test_threads_share_a_safe_generator(self):
        assert sorted(read(GeneratorEnqueuer(Locked(count())), 20, workers=3, size=3))[:15] == list(range(15))

    def test_finite(self):
        enqueuer = GeneratorEnqueuer(Locked(count(9)))
        enqueuer.start(3, 4)
        assert sorted(int(b[0, 0]) for b in enqueuer.get()) == list(range(9))
        enqueuer.stop()

    def test_threads_that_collide(self):
        def slow():
            while True:
                time.sleep(0.01)
                yield np.zeros((1, 1))

        with pytest.raises(RuntimeError, match="NOT thread-safe"):
            read(GeneratorEnqueuer(slow()), 1000, workers=3)

    def test_processes_have_a_copy_each(self):
        def numbered():
            for number in itertools.count():
                time.sleep(0.01)
                yield np.array([os.getpid(), number])

        enqueuer = GeneratorEnqueuer(numbered(), use_multiprocessing=True)
        enqueuer.start(3, 4)
        found = collections.defaultdict(list)
        for pid, number in itertools.islice(enqueuer.get(), 5000):
            found[pid].append(number)
            # Until every worker has had its turn.
            if len(found) == 3:
                break
        enqueuer.stop()
        assert len(found) == 3
        assert all(numbers == list(range(len(numbers))) for numbers in found.values())

    def test_finite_in_processes(self):
        enqueuer = GeneratorEnqueuer(count(4), use_multiprocessing=True)
        enqueuer.start(2, 3)
        assert sorted(int(b[0, 0]) for b in enqueuer.get()) == [0, 0, 1, 1, 2, 2, 3, 3]
        enqueuer.stop()

    def test_processes_need_fork(self):
        before = multiprocessing.get_start_method()
        multiprocessing.set_start_method("spawn", force=True)
        try:
            with pytest.raises(ValueError, match="only 'fork' hands generators over"):
                GeneratorEnqueuer(count(), use_multiprocessing=True).start()
        finally:
            multiprocessing.set_start_method(before, force=True)

    @pytest.mark.parametrize("use_multiprocessing", [False, True])
    def test_error(self, use_multiprocessing):
        def broken():
            yield np.zeros((1, 1))
            raise LookupError("the disk is empty")

        enqueuer = GeneratorEnqueuer(broken(), use_multiprocessing=use_multiprocessing)
        with pytest.raises(LookupError, match="the disk is empty"):
            read(enqueuer, 3, workers=1)

    def test_random_seed(self):
        def draws():
            while True:
                yield np.full((1, 1), np.random.randint(10**9))

        runs = [read(GeneratorEnqueuer(draws(), True, random_seed=seed), 4, workers=1) for seed in (5, 5, 6)]
        assert runs[0] == runs[1] != runs[2]

    def test_wait_time_is_old(self):
        with pytest.warns(DeprecationWarning, match="`wait_time` is not used"):
            GeneratorEnqueuer(count(), wait_time=0.1)
