"""Batches made ahead of time: `Sequence` and the enqueuers that read one (or a generator) in the background.

Every batch has a ticket, a running number. Workers (threads, or threads that each speak to a process) draw
tickets, at most `max_queue_size` ahead of the consumer, and the consumer takes the batches in the tickets' order.
"""

import itertools
import random
import sys
import threading
import time
import warnings

__all__ = ["GeneratorEnqueuer", "OrderedEnqueuer", "Sequence", "SequenceEnqueuer"]

# Seconds that `stop` waits for threads that are busy in user code, when no time is given.
_STOP_SECONDS = 5.0
# Seconds between two looks at whether the workers still live, while the consumer waits.
_LOOK_SECONDS = 5.0

_UIDS = itertools.count()
_OVER = object()  # what stands for a ticket that a finished generator could not fill


class Sequence:
    """A data set in batches that can be read in any order, and by several workers at once.

    Subclasses define `__getitem__` (one whole batch: `(x, y)` or `(x, y, sample_weight)`) and `__len__` (the number
    of batches), and may define `on_epoch_end` to change the data between two passes.

    Example:
        class Batches(Sequence):
            def __len__(self):
                return len(x_train) // 32

            def __getitem__(self, index):
                rows = slice(index * 32, index * 32 + 32)
                return x_train[rows], y_train[rows]
    """

    def __getitem__(self, index):
        """Returns a batch.

        Arguments:
            index: int, position of the batch.

        Returns:
            The batch.

        Raises:
            NotImplementedError: unless a subclass defines it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __len__(self):
        """Returns the number of batches.

        Returns:
            int.

        Raises:
            NotImplementedError: unless a subclass defines it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self)")

    def on_epoch_end(self):
        """Called between two passes over the data."""

    def __iter__(self):
        """Returns an iterator over the batches, once each.

        Returns:
            Iterator.
        """
        for index in range(len(self)):
            yield self[index]


class _Results(dict):
    """Finished batches by ticket; `enqueuer.queue` answers what programs ask a queue."""

    def qsize(self):
        return len(self)

    def empty(self):
        return not self


class SequenceEnqueuer:
    """Base class: workers fill a queue of batches that `get` reads.

    Arguments:
        sequence: where the batches come from.
        use_multiprocessing: bool, whether the workers are processes instead of threads.

    Example:
        enqueuer = OrderedEnqueuer(sequence)
        enqueuer.start(workers=2, max_queue_size=10)
        for batch in enqueuer.get():
            ...  # an endless loop: leave it when enough
        enqueuer.stop()
    """

    def __init__(self, sequence, use_multiprocessing=False):
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self.uid = next(_UIDS)
        self.workers = 0
        self.executor_fn = None
        self.queue = None
        self.run_thread = None
        self.stop_signal = None
        # The number of batches that will be read in all, when it is known: no more are made than that.
        self.limit = None

    def is_running(self):
        """Tells whether the workers have been started and not stopped.

        Returns:
            bool.
        """
        return self.stop_signal is not None and not self.stop_signal.is_set()

    def start(self, workers=1, max_queue_size=10):
        """Starts the workers.

        Arguments:
            workers: int, number of threads or processes.
            max_queue_size: int, batches made ahead of the consumer at most.

        Raises:
            RuntimeError: when they run already.
        """
        if self.is_running():
            raise RuntimeError("The enqueuer runs already; call stop() before another start().")
        self.workers = max(1, workers)
        self._capacity = max(1, max_queue_size)
        self._changed = threading.Condition()
        self._results = self.queue = _Results()  # ticket -> (True, batch) or (False, exception)
        self._issued = 0  # tickets drawn by workers
        self._taken = 0  # tickets whose batch the consumer has
        self._begin()
        self._runners = []
        try:
            for number in range(self.workers):
                self._runners.append(self._runner(number))
        except BaseException:
            for runner in self._runners:
                self._close(runner)
            raise
        self.stop_signal = threading.Event()
        self._active = self.workers
        self._threads = [threading.Thread(target=self._work, args=(r,), daemon=True) for r in self._runners]
        self.run_thread = self._threads[0]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout=None):
        """Stops the workers; processes are ended, threads finish the batch they are at.

        Arguments:
            timeout: float, seconds to wait for threads; 5 when None.
        """
        if self.stop_signal is None:
            return
        with self._changed:
            self.stop_signal.set()
            self._results.clear()
            self._changed.notify_all()
        for runner in self._runners:
            self._close(runner)
        end = time.monotonic() + (_STOP_SECONDS if timeout is None else timeout)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))
        # They may be bound methods: without them the enqueuer, and the generator in it, go when they are dropped.
        self._runners = []

    def get(self):
        """Reads the batches in order.

        Returns:
            A generator; it ends when `stop` is called or the source is exhausted, and raises what a worker raised.

        Raises:
            RuntimeError: at the first batch, when the workers have not been started.
        """
        if self.stop_signal is None:
            raise RuntimeError(f"{type(self).__name__}.get: no worker makes batches; call start() first.")
        while True:
            result = self._take()
            if result is None:
                return
            good, value = result
            if not good:
                self.stop()
                raise value
            yield value

    # What subclasses decide.

    def _begin(self):
        """Prepares the state of a run."""

    def _runner(self, number):
        """Makes the callable (or `ProcessRunner`) that makes batches for worker `number`."""
        raise NotImplementedError

    def _draw(self):
        """With the lock held: the argument for the next ticket, None to wait, or _OVER to end the worker."""
        raise NotImplementedError

    def _between(self):
        """Without the lock: work to be done by one worker before it draws again, if any."""

    # The machinery.

    def _close(self, runner):
        close = getattr(runner, "close", None)
        if close is not None and self.use_multiprocessing:
            close()

    def _limit_reached(self):
        return self.limit is not None and self._issued >= self.limit

    def _work(self, runner):
        try:
            while True:
                ticket, argument = self._next_ticket()
                if argument is _OVER:
                    return
                try:
                    result = (True, runner(argument))
                except StopIteration as end:
                    result = self._exhausted(end)
                except BaseException as error:
                    result = (False, self._explained(error))
                with self._changed:
                    if not self.stop_signal.is_set():
                        self._results[ticket] = result
                    self._changed.notify_all()
                if result is _OVER:
                    return
        finally:
            with self._changed:
                self._active -= 1
                self._changed.notify_all()
            self._close(runner)

    def _next_ticket(self):
        while True:
            with self._changed:
                while True:
                    if self.stop_signal.is_set() or self._limit_reached():
                        return None, _OVER
                    argument = self._draw()
                    if argument is _OVER:
                        return None, _OVER
                    if argument is not None:
                        ticket = self._issued
                        self._issued += 1
                        return ticket, argument[0]
                    if self._wants_between():
                        break
                    self._changed.wait()
            try:
                self._between()
            except BaseException as error:
                with self._changed:
                    self._results[self._issued] = (False, error)
                    self._issued += 1
                    self._changed.notify_all()
                return None, _OVER

    def _wants_between(self):
        return False

    def _exhausted(self, end):
        return False, self._explained(end)

    def _explained(self, error):
        return error

    def _take(self):
        """The next result in order, or None when there will be no more."""
        with self._changed:
            while True:
                if self.stop_signal.is_set():
                    return None
                if self._taken in self._results:
                    result = self._results.pop(self._taken)
                    self._taken += 1
                    # Workers that wait for room are woken for several batches at a time.
                    if self._issued - self._taken <= self._capacity // 2:
                        self._changed.notify_all()
                    if result is _OVER:
                        continue
                    return result
                if self._active == 0:
                    if self._taken >= self._issued:
                        return None
                    raise RuntimeError("The workers ended without delivering a batch they had begun.")
                self._changed.wait(_LOOK_SECONDS)


class OrderedEnqueuer(SequenceEnqueuer):
    """Reads a `Sequence` pass after pass, keeping its order.

    Arguments:
        sequence: `Sequence`; between two passes its `on_epoch_end` is called.
        use_multiprocessing: bool, whether the workers are processes instead of threads.
        shuffle: bool, whether every pass reads the batches in a random order.
    """

    def __init__(self, sequence, use_multiprocessing=False, shuffle=False):
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def get(self):
        """Reads the batches in order.

        Returns:
            A generator without end; it raises what a worker raised.
        """
        return super().get()

    def _begin(self):
        # What all worker processes must agree on, an order of the samples for one, is drawn before they start.
        prepare = getattr(self.sequence, "_prepare_workers", None)
        if self.use_multiprocessing and prepare is not None:
            prepare()
        self._seeds = itertools.count()
        self._turning = False
        self._pass_start = 0
        self._new_order()

    def _new_order(self):
        count = len(self.sequence)
        if count <= 0:
            raise ValueError(f"{type(self.sequence).__name__} has no batches: its len() is {count}.")
        self._order = list(range(count))
        if self.shuffle:
            random.shuffle(self._order)

    def _runner(self, number):
        if self.use_multiprocessing:
            import multiprocessing

            from .worker_process import ProcessRunner, worker_seed

            seed = worker_seed(next(self._seeds))
            runner = ProcessRunner(multiprocessing.get_context(), self.uid, self.sequence, seed, numbered=True)
            return runner
        return self._read

    def _read(self, index):
        return self.sequence[index]

    def _draw(self):
        position = self._issued - self._pass_start
        if self._turning or position >= len(self._order) or self._issued - self._taken >= self._capacity:
            return None
        return (self._order[position],)

    def _wants_between(self):
        # The pass is over when its last batch has been taken, not when it has been made: the consumer may still
        # be using what `on_epoch_end` changes.
        if self._turning or self._taken < self._pass_start + len(self._order):
            return False
        self._turning = True
        return True

    def _between(self):
        sequence = self.sequence
        sequence.on_epoch_end()
        changes = getattr(type(sequence), "on_epoch_end", None) is not Sequence.on_epoch_end
        if self.use_multiprocessing and changes:
            from .worker_process import worker_seed

            for runner in self._runners:
                runner.refresh(sequence, worker_seed(next(self._seeds)))
        length = len(self._order)
        self._new_order()
        with self._changed:
            self._pass_start += length
            self._turning = False
            self._changed.notify_all()

    def _explained(self, error):
        if isinstance(error, StopIteration):
            return RuntimeError(f"{type(self.sequence).__name__}.__getitem__ raised StopIteration.")
        return error


class GeneratorEnqueuer(SequenceEnqueuer):
    """Reads a generator in the background.

    Threads share the generator, which must then be safe to be called by several at once; every process runs a copy
    of its own, so that several of them deliver each batch several times. A `Sequence` has neither problem.

    Arguments:
        sequence: generator or iterator.
        use_multiprocessing: bool, whether the workers are processes (start method 'fork' only).
        wait_time: no longer used.
        random_seed: int that seeds NumPy in the worker processes, the worker's number added; None for a seed that
            follows from NumPy's state.
    """

    def __init__(self, sequence, use_multiprocessing=False, wait_time=None, random_seed=None):
        super().__init__(sequence, use_multiprocessing)
        self.random_seed = random_seed
        if wait_time is not None:
            warnings.warn("`wait_time` is not used anymore.", DeprecationWarning, stacklevel=2)

    def get(self):
        """Reads the batches in the order of their tickets.

        Returns:
            A generator; it ends when the source ends, and raises what a worker raised.
        """
        return super().get()

    def _begin(self):
        self._ended = False

    def _runner(self, number):
        if not self.use_multiprocessing:
            return self._read
        import multiprocessing

        from .worker_process import ProcessRunner, worker_seed

        context = multiprocessing.get_context()
        if context.get_start_method() != "fork":
            raise ValueError(
                "A generator cannot be sent to worker processes: the start method is "
                f"'{context.get_start_method()}' on {sys.platform}, and only 'fork' hands generators over. Use threads "
                "(use_multiprocessing=False) or a `Sequence`."
            )
        seed = worker_seed(number) if self.random_seed is None else (self.random_seed + number) % 2**32
        return ProcessRunner(context, self.uid, self.sequence, seed, numbered=False)

    def _read(self, _):
        return next(self.sequence)

    def _draw(self):
        if self._ended:
            return _OVER
        if self._issued - self._taken >= self._capacity:
            return None
        return (None,)

    def _exhausted(self, end):
        # One generator shared by threads is at its end for all; of processes each has its own.
        if not self.use_multiprocessing:
            self._ended = True
        return _OVER

    def _explained(self, error):
        if isinstance(error, ValueError) and "generator already executing" in str(error):
            explained = RuntimeError(
                "Your generator is NOT thread-safe: two workers called it at the same time. Use workers=1, guard its "
                "next() with a lock, or write a `Sequence`."
            )
            explained.__cause__ = error
            return explained
        return error
