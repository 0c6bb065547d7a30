"""Streams, events and graphs of a GPU that is not there.

Work that is queued runs as late as it may: when the host waits for it, or when other work does. What the host or
another stream reads or overwrites without waiting shows. `Machine.early` makes side streams run at once instead, which
shows where they do not wait for the null stream.
"""

import bisect
import itertools
import threading
import weakref
from collections import deque

_numbers = itertools.count(0x1000)
_streams = {}  # by number, for libraries that are given no more


class CUDARuntimeError(RuntimeError):
    """What CuPy raises when CUDA refuses a call."""


class Capture:
    """The work recorded so far, and the streams that have joined."""

    def __init__(self, origin):
        self.origin, self.calls, self.streams, self.open = origin, [], [origin], set()


class Stream:
    """A queue of work.

    Arguments:
        machine: `Machine`.
        device: number of the GPU.
        null: whether it is the default stream.
        blocking: whether it and the null stream wait for each other.
    """

    def __init__(self, machine, device, null=False, blocking=True):
        self.machine, self.device_id, self.null, self.blocking = machine, device, null, blocking
        self.ptr = 0 if null else next(_numbers)
        self.queue, self.put_count, self.done_count = deque(), 0, 0
        self.capture = None
        if not null:
            _streams[self.ptr] = self

    # --- what CuPy offers

    def __enter__(self):
        if self.device_id != self.machine.current_device:
            raise RuntimeError(f"the stream is of device {self.device_id}, not of {self.machine.current_device}")
        self.machine.stacks[self.device_id].append(self)
        return self

    def __exit__(self, *exception):
        assert self.machine.stacks[self.device_id].pop() is self

    def __eq__(self, other):
        return isinstance(other, Stream) and self.ptr == other.ptr and self.device_id == other.device_id

    def __hash__(self):
        return self.ptr

    def use(self):
        self.machine.stacks[self.device_id][-1] = self
        return self

    @property
    def done(self):
        return not self.queue

    @property
    def is_non_blocking(self):
        return not self.blocking

    def is_capturing(self):
        return self.capture is not None

    def synchronize(self):
        self.refuse_while_capturing("cudaStreamSynchronize")
        self.machine.syncs += 1
        self.drain()

    def record(self, event=None):
        event = Event(self.machine) if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        if event.capture is not None:
            self._join(event)
        elif self.capture is not None and event.stream is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureIsolation: waits for work that is not captured")
        elif event.stream is not None and event.stream is not self:
            stream, count = event.stream, event.count
            self.put(lambda: stream.drain(count))

    def begin_capture(self, mode=None):
        if self.null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.capture is not None:
            raise CUDARuntimeError("cudaErrorIllegalState: the stream captures already")
        self.capture = Capture(self)

    def end_capture(self):
        capture = self.capture
        if capture is None or capture.origin is not self:
            raise CUDARuntimeError("cudaErrorIllegalState: the stream began no capture")
        for stream in capture.streams:
            stream.capture = None
        if capture.open:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnjoined: a stream's work is not waited for")
        return Graph(capture.calls, self.machine)

    # --- the machinery

    def _join(self, event):
        if self.capture not in (None, event.capture) or event.capture.origin.capture is not event.capture:
            raise CUDARuntimeError("cudaErrorStreamCaptureMerge: an event of another capture")
        if self.capture is None:
            self.capture = event.capture
            self.capture.streams.append(self)
        self.capture.open.discard(event.stream)

    def refuse_while_capturing(self, call):
        """Raises where waiting for the device would end a capture."""
        if any(s.capture is not None for s in self.machine.all_streams() if s is self or (self.null and s.blocking)):
            raise CUDARuntimeError(f"cudaErrorStreamCaptureUnsupported: {call} while the stream is capturing")

    def put(self, run):
        """Queues a call, or records it."""
        if self.capture is not None:
            self.capture.calls.append(run)
            if self is not self.capture.origin:
                self.capture.open.add(self)
            return
        if self.null or self.blocking:
            for other in self.machine.all_streams():
                if other is not self and other.device_id == self.device_id and (other.null or other.blocking):
                    if self.null == other.null:
                        continue
                    if other.capture is not None:
                        raise CUDARuntimeError("cudaErrorStreamCaptureImplicit: the null stream waits for a capture")
                    if other.queue:
                        self._append(lambda other=other, count=other.put_count: other.drain(count))
        self._append(run)
        if self.machine.early and not self.null:
            self.drain()

    def _append(self, run):
        self.queue.append(run)
        self.put_count += 1

    def drain(self, count=None):
        """Runs what is queued, up to the call of that number."""
        with self.machine.lock:
            while self.queue and (count is None or self.done_count < count):
                run = self.queue.popleft()
                run()
                self.done_count += 1


class Event:
    """A place in a stream of the device on which it was made."""

    def __init__(self, machine):
        self.machine, self.stream, self.count, self.capture = machine, None, 0, None
        self.device_id = machine.current_device

    def record(self, stream=None):
        stream = self.machine.stream() if stream is None else stream
        if stream.device_id != self.device_id:
            raise CUDARuntimeError("cudaErrorInvalidResourceHandle: the event is of another device than the stream")
        self.stream, self.count, self.capture = stream, stream.put_count, stream.capture

    @property
    def done(self):
        return self.stream is None or self.stream.done_count >= self.count

    def synchronize(self):
        if self.capture is not None:
            raise CUDARuntimeError("cudaErrorCapturedEvent: the event was recorded in a capture")
        if self.stream is not None and not self.done:
            self.machine.waits += 1
            self.stream.drain(self.count)


class Graph:
    """Recorded calls. As with CuPy's, no array is kept alive by it."""

    def __init__(self, calls, machine):
        self.calls, self.machine, self.device_id = calls, machine, machine.current_device
        machine.graphs.append(self)
        self.launches = 0

    def launch(self, stream=None):
        stream = self.machine.stream() if stream is None else stream
        if stream.capture is not None:
            raise CUDARuntimeError("a graph is launched into a capture")
        if stream.device_id != self.device_id:
            raise CUDARuntimeError("cudaErrorInvalidResourceHandle: a graph of another device than the stream")
        self.launches += 1
        stream.put(lambda: [call() for call in self.calls])

    def upload(self, stream=None):
        pass


class ThreadState(threading.local):
    """The part of the state that is a thread's own: device and streams in use."""

    def __init__(self, shared):
        self.shared = shared
        self.current_device = 0
        self.stacks = [[s] for s in shared.nulls]
        self.allocators = [None]


def enqueue(ptr, run):
    """Queues a call on the stream with this number, as libraries do that get a `cudaStream_t`.

    Arguments:
        ptr: `Stream.ptr`, of the device in use; 0 is its null stream.
        run: function without arguments.
    """
    stream = stream_of(ptr, latest.current_device)
    if stream.device_id != latest.current_device:
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: the stream is of another device")
    stream.put(run)


def stream_of(ptr, device):
    """The stream with this number; 0 is the null stream of a device."""
    return _streams[ptr] if ptr else latest.nulls[device]


def check_addresses(addresses):
    """Raises where an address is in the memory of another device than the one in use.

    Arguments:
        addresses: ints, or None.
    """
    for address in addresses:
        found = latest.device_of(address) if address else None
        if found not in (None, latest.current_device):
            raise CUDARuntimeError(
                f"cudaErrorIllegalAddress: memory of device {found} in a kernel of device {latest.current_device}"
            )


class Machine:
    """The machine that all threads see.

    Attributes:
        early: whether side streams run at once; otherwise everything waits until it must run.
        syncs: how often the host waited for a stream.  waits: for an event that was not done.
        reads: how often the host read from the device.
        graphs: all graphs that were made.
    """

    def __init__(self, devices):
        self.lock = threading.RLock()
        self.nulls, self._others = [], []
        self.nulls += [Stream(self, i, null=True) for i in range(devices)]
        self.early = False
        self.syncs = self.reads = self.waits = 0
        self.graphs = []
        self._starts, self._memory = [], {}
        self.thread = ThreadState(self)
        global latest
        latest = self

    current_device = property(lambda self: self.thread.current_device)
    stacks = property(lambda self: self.thread.stacks)

    def own(self, raw, device):
        """Keeps in mind, as long as it exists, of which device memory is."""
        start = raw.ctypes.data
        with self.lock:
            bisect.insort(self._starts, start)
            self._memory[start] = start + raw.nbytes, device
        weakref.finalize(raw, self._disown, start).atexit = False

    def _disown(self, start):
        with self.lock:
            self._starts.remove(start)
            del self._memory[start]

    def device_of(self, address):
        """The device whose memory an address is in, or None."""
        i = bisect.bisect_right(self._starts, address) - 1
        end, device = self._memory[self._starts[i]] if i >= 0 else (0, None)
        return device if address < end else None

    def all_streams(self):
        return [*self.nulls, *self._others]

    def new_stream(self, blocking):
        made = Stream(self, self.current_device, blocking=blocking)
        self._others.append(made)
        return made

    def stream(self, device=-1):
        """The stream in use."""
        global latest
        latest = self
        return self.stacks[self.current_device if device < 0 else device][-1]

    def null_stream(self):
        return self.nulls[self.current_device]

    def drain(self):
        for stream in self.all_streams():
            stream.drain()


latest = None
