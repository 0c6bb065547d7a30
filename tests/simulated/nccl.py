"""NCCL in NumPy, behind the functions of the glue, between simulated GPUs of one process or of several."""

import ctypes

import numpy as np

from gpukeras.kernels.cuda.glue import GlueError

from . import streams

TYPES = [np.float32, np.float64, np.float16]


class Nccl:
    """The part 'nccl'.

    Arguments:
        works: whether communicators can be made.

    Attributes:
        groups: the calls made: kind, GPUs, number of arrays.
        made: of each communicator, all GPUs and its own.
    """

    def __init__(self, works=True):
        self.works, self.groups, self.made = works, [], []

    def create(self, devices, which, communicators):
        """One communicator per GPU."""
        if not self.works:
            raise GlueError("ncclCommInitAll: unhandled system error")
        for i in range(devices):
            self.made.append((tuple(which[:devices]), which[i]))
            communicators[i] = len(self.made)

    def broadcast(self, devices, communicators, arrays, buffers, sizes, queues):
        """Bytes from the first GPU to the others."""
        gpus = self._gpus(devices, communicators)
        self.groups.append(("broadcast", gpus, arrays))
        rows = [list(buffers[i * devices : (i + 1) * devices]) for i in range(arrays)]
        self._check(gpus, rows)
        counts = list(sizes)

        def run():
            for (source, *others), count in zip(rows, counts, strict=True):
                for other in others:
                    ctypes.memmove(other, source, count)

        self._meet(gpus, queues, run)

    def reduce(self, devices, communicators, arrays, buffers, sums, sizes, types, queues):
        """Sums on the first GPU, in an order of its own."""
        gpus = self._gpus(devices, communicators)
        self.groups.append(("reduce", gpus, arrays))
        rows = [list(buffers[i * devices : (i + 1) * devices]) for i in range(arrays)]
        self._check(gpus, rows)
        self._check(gpus[:1], [[total] for total in sums])
        settings = list(zip(rows, list(sums), list(sizes), [TYPES[t] for t in types], strict=True))

        def run():
            for terms, total, size, dtype in settings:
                view(total, size, dtype)[...] = sum(view(t, size, dtype) for t in reversed(terms))

        self._meet(gpus, queues, run)

    def _gpus(self, devices, communicators):
        found = [self.made[communicators[i] - 1] for i in range(devices)]
        assert tuple(gpu for _, gpu in found) == found[0][0], "communicators that were not made together"
        return found[0][0]

    @staticmethod
    def _check(gpus, rows):
        for row in rows:
            for gpu, address in zip(gpus, row, strict=True):
                assert streams.latest.device_of(address) == gpu, f"memory that is not on GPU {gpu}"

    @staticmethod
    def _meet(gpus, queues, run):
        """Runs when all streams have come so far; none goes on before."""
        found = [streams.stream_of(ptr, gpu) for gpu, ptr in zip(gpus, queues, strict=True)]
        assert [s.device_id for s in found] == list(gpus), "a communicator's stream is of another GPU"
        places = [s.put_count for s in found]
        first, *others = found

        def together():
            for stream, place in zip(others, places[1:], strict=True):
                stream.drain(place)
            run()

        first.put(together)
        reached = first.put_count
        for stream in others:
            stream.put(lambda: first.drain(reached))


class NcclOfProcesses:
    """The part 'nccl' in a program of several processes, who add up through their ring.

    Arguments:
        link: function that gives the ring.

    Attributes:
        calls: number of elements and type of each call.
    """

    NUMBER = bytes(range(128))

    def __init__(self, link):
        self.link, self.calls, self._handle = link, [], 0

    def unique_id(self, room):
        """What all must be told."""
        room[:128] = self.NUMBER

    def join(self, size, rank, number, communicator):
        """Takes part."""
        if bytes(number[:128]) != self.NUMBER or (size, rank) != (self.link().size, self.link().rank):
            raise GlueError("ncclCommInitRank: invalid argument")
        self._handle += 1
        communicator[0] = self._handle

    def all_reduce(self, communicator, buffer, size, number, mean, stream):
        """The mean over all, when the stream gets there."""
        assert communicator == self._handle and mean == 1
        streams.check_addresses([buffer])
        self.calls.append((size, number))

        def run():
            array = view(buffer, size, TYPES[number])
            self.link().sum(array)
            array /= array.dtype.type(self.link().size)

        streams.enqueue(stream, run)


def view(address, size, dtype):
    """The array of this size at an address."""
    return np.frombuffer((ctypes.c_char * (size * np.dtype(dtype).itemsize)).from_address(address), dtype)
