"""Worker processes of the enqueuers: each answers requests for batches over a pipe of its own.

A pipe per worker, and no pool: a worker that is killed is noticed at once and named in an error, where a pool would
leave the caller waiting; and a worker whose parent has gone ends by itself.
"""

import io
import os
import pickle
import random
import signal
import struct
import sys
import threading
import traceback
import warnings

import numpy as np

__all__ = ["ProcessRunner", "WorkerTraceback", "get_index", "init_pool", "init_pool_generator", "next_sample"]

# What this process was given to read from: uid of the enqueuer -> Sequence or generator.
_SHARED_SEQUENCES = {}

# Arrays of as many bytes or more are sent beside the pickled rest.
_LARGE = 1 << 16
_CAN_READ_INTO = hasattr(os, "readv")

# Seconds between two looks at whether the other side still lives, while there is nothing to read.
_HEARTBEAT = 1.0


def init_pool(seqs):
    """Makes sequences known in a worker process.

    Arguments:
        seqs: dict from an enqueuer's uid to its `Sequence`.
    """
    _SHARED_SEQUENCES.update(seqs)


def init_pool_generator(gens, random_seed=None):
    """Makes generators known in a worker process.

    Arguments:
        gens: dict from an enqueuer's uid to its generator.
        random_seed: int that, with the process's number added, seeds NumPy; None leaves NumPy alone.
    """
    _SHARED_SEQUENCES.update(gens)
    if random_seed is not None:
        np.random.seed((random_seed + os.getpid()) % 2**32)


def get_index(uid, i):
    """Reads a batch of a known sequence.

    Arguments:
        uid: int, the enqueuer.
        i: int, index of the batch.

    Returns:
        The batch.
    """
    return _SHARED_SEQUENCES[uid][i]


def next_sample(uid):
    """Reads the next batch of a known generator.

    Arguments:
        uid: int, the enqueuer.

    Returns:
        The batch.
    """
    return next(_SHARED_SEQUENCES[uid])


class WorkerTraceback(Exception):
    """Carries the traceback of an exception raised in a worker process, as text.

    Arguments:
        text: string.
    """

    def __init__(self, text):
        super().__init__(text)
        self.text = text

    def __str__(self):
        return "\n\n--- traceback in the worker process ---\n" + self.text


def _serve(connection, uid, source, seed, numbered):
    """Main function of a worker: answers requests until told to stop or left alone.

    Arguments:
        connection: the worker's end of the pipe.
        uid: int, the enqueuer.
        source: `Sequence` or generator.
        seed: int for Python's and NumPy's generators, so that no two workers draw the same numbers.
        numbered: bool, whether a request names the batch (a `Sequence`) or asks for the next one.
    """
    # Ctrl-C reaches the whole process group; the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    random.seed(seed)
    np.random.seed(seed)
    _SHARED_SEQUENCES.clear()
    init_pool({uid: source})
    parent = os.getppid()
    try:
        while True:
            while not connection.poll(_HEARTBEAT):
                if os.getppid() != parent:
                    return
            kind, payload = connection.recv()
            if kind == "stop":
                return
            if kind == "source":
                _SHARED_SEQUENCES[uid] = payload
                continue
            _answer(connection, uid, payload, numbered)
    except (EOFError, OSError):  # the parent has closed its end
        return


def _answer(connection, uid, index, numbered):
    try:
        reply = (True, get_index(uid, index) if numbered else next_sample(uid))
    except BaseException as error:
        reply = (False, _packed(error))
    try:
        message, arrays = _packed_reply(reply)
    except Exception as error:  # whatever pickling raises: the batch cannot be sent
        what = RuntimeError(f"A worker process made a batch that cannot be pickled: {error}")
        message, arrays = _packed_reply((False, (what, traceback.format_exc())))
    connection.send_bytes(message)
    for rest in arrays:
        while rest:
            rest = rest[os.write(connection.fileno(), rest) :]


def _packed_reply(reply):
    """A reply as bytes, and the memory of its large arrays, which follows without being copied in between.

    The bytes are: the number of large arrays and their sizes, then the pickled rest.
    """
    # Imported here because programs without worker processes need not wait for it.
    from multiprocessing.reduction import ForkingPickler

    arrays, out = [], io.BytesIO()

    def is_small(buffer):
        memory = buffer.raw()
        if not _CAN_READ_INTO or memory.nbytes < _LARGE:
            return True
        arrays.append(memory)
        return False

    ForkingPickler(out, 5, True, is_small).dump(reply)
    sizes = [len(arrays), *(memory.nbytes for memory in arrays)]
    return struct.pack(f"!{len(sizes)}Q", *sizes) + out.getbuffer(), arrays


def _packed(error):
    """The exception and its traceback in a form that can be sent."""
    text = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    return error, text


class ProcessRunner:
    """The caller's side of a worker process: a callable that asks it for a batch and waits.

    Arguments:
        context: `multiprocessing` context (fork or spawn).
        uid: int, the enqueuer.
        source: `Sequence` or generator.
        seed: int.
        numbered: bool, whether `source` is a `Sequence`.
    """

    def __init__(self, context, uid, source, seed, numbered):
        self._context = context
        self._arguments = (uid, source, seed, numbered)
        self._lock = threading.Lock()
        self._closed = False
        self._start()

    def _start(self):
        uid, source, seed, numbered = self._arguments
        self._connection, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs, uid, source, seed, numbered), daemon=True)
        try:
            if sys.version_info < (3, 12):
                self._process.start()
            else:
                with warnings.catch_warnings():
                    # Python warns of forking a program with threads; the worker runs none of their code.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    self._process.start()
        except BaseException as error:
            self._connection.close()
            method = self._context.get_start_method()
            if method != "fork" and not isinstance(error, OSError):
                error.add_note(
                    f"With the start method '{method}' a worker process gets {type(source).__name__} by pickling, "
                    "which lambdas, local classes, locks and open files do not allow. Leave them out of it, or use "
                    "threads (use_multiprocessing=False)."
                )
            raise
        finally:
            theirs.close()

    def __call__(self, index):
        """Asks for a batch.

        Arguments:
            index: int, or None for the next one of a generator.

        Returns:
            The batch.

        Raises:
            RuntimeError: when the process has died; else whatever the source raised there.
        """
        process = self._process
        try:
            self._connection.send(("batch", index))
            good, value = self._receive()
        except (EOFError, OSError):
            process.join(_HEARTBEAT)
            good = None
        # Not raised above, where it would keep the broken connection's buffers alive as its context.
        if good is None:
            raise RuntimeError(
                f"A worker process died (exit code {process.exitcode}) while it made a batch. A negative code is the "
                "signal that ended it (-9: often out of memory). With start method 'spawn', code 1 often "
                "means that the script lacks its `if __name__ == '__main__':` guard."
            )
        if good:
            return value
        error, text = value
        error.__cause__ = WorkerTraceback(text)
        raise error

    def _receive(self):
        self._wait()
        message = memoryview(self._connection.recv_bytes())
        (count,) = struct.unpack_from("!Q", message)
        sizes = struct.unpack_from(f"!{count}Q", message, 8)
        arrays = [np.empty(size, np.uint8) for size in sizes]
        for array in arrays:
            rest = memoryview(array)
            while rest:
                self._wait()
                done = os.readv(self._connection.fileno(), [rest])
                if not done:
                    raise EOFError
                rest = rest[done:]
        return pickle.loads(message[8 + 8 * count :], buffers=arrays)

    def _wait(self):
        """Waits until there is something to read, as long as the process lives."""
        while not self._connection.poll(_HEARTBEAT):
            if not self._process.is_alive() and not self._connection.poll(0):
                raise EOFError

    def refresh(self, source, seed):
        """Makes the worker read from the source as it is now.

        Arguments:
            source: `Sequence`.
            seed: int for a new process.
        """
        with self._lock:
            if self._closed:
                return
            uid, _, _, numbered = self._arguments
            self._arguments = (uid, source, seed, numbered)
            if self._context.get_start_method() == "fork":
                # A new fork sees the new state without pickling what may be gigabytes.
                self._end()
                self._start()
            else:
                self._connection.send(("source", source))

    def close(self):
        """Ends the process."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._end()

    def _end(self):
        process = self._process
        process.terminate()
        process.join(_HEARTBEAT)
        if process.is_alive():
            process.kill()
            process.join()
        self._connection.close()


def worker_seed(number):
    """A seed that differs between workers and follows from NumPy's state without drawing from it.

    Arguments:
        number: int, counts the workers.

    Returns:
        int below 2**32.
    """
    state = np.random.get_state()
    key = np.append(state[1], np.uint32(state[2] + 1))
    return int(np.random.SeedSequence([*key.tolist(), number]).generate_state(1)[0])
