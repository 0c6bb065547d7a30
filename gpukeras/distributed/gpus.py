"""Averages over processes that have a GPU each: by NCCL, from GPU to GPU."""

import logging
import socket

from ..kernels import collectives


def between(link, flat):
    """What connects the processes' GPUs; the first time, all processes settle it together.

    Every process says which GPU its arrays are on.  Where all have one, and no two the same, the first one's number is
    told to all, and each joins by it; where one has none, gradients go by way of the hosts' memory.

    Arguments:
        link: the connection of the processes.
        flat: the array to be averaged, in the host's memory or on a GPU.

    Returns:
        `gpukeras.kernels.collectives.ProcessGroup`, or None.
    """
    if link.gpus is None:
        link.gpus = _settled(link, flat) or False
    return link.gpus or None


def _settled(link, flat):
    place = collectives.gpu_of(flat)
    mine = f"{socket.gethostname()} {place}" if place else ""
    told = link.gather(mine.encode())
    if b"" in told or len(set(told)) < len(told):
        return None
    number = link.broadcast(_made(collectives.new_group) if link.rank == 0 else None, 0)
    group = _made(collectives.ProcessGroup, link.size, link.rank, number) if number else None
    answers = link.gather(b"there" if group else b"")
    return group if b"" not in answers else None


def _made(make, *args):
    """What a function makes, or nothing where NCCL refuses."""
    try:
        return make(*args)
    except RuntimeError as error:
        logging.getLogger("gpukeras").warning("NCCL is not used between the processes: %s", error)
        return b""


class Average:
    """Averages flat arrays over all processes, in place.

    Arguments:
        current: function that gives the connection of the processes.
        halves: whether numbers travel in half precision.
    """

    def __init__(self, current, halves=False):
        self._current = current
        self._halves = halves

    def __call__(self, flat):
        link = self._current()
        between(link, flat)
        half = self._narrow(flat)
        link.sum(half)
        half /= half.dtype.type(link.size)
        if half is not flat:
            flat[:] = half

    def on_gpu(self, flat):
        """The same for an array on a GPU, from GPU to GPU; nothing waits for it but what comes after it there.

        Arguments:
            flat: array of CuPy's.

        Returns:
            bool, whether it was done; otherwise the array is to be passed by way of the host's memory.
        """
        link = self._current()
        group = between(link, flat)
        if group is None or not collectives.can_add_up(flat.dtype):
            return False
        half = self._narrow(flat)
        link.agree(half.nbytes)
        group.average(half)
        if half is not flat:
            flat[...] = half
        return True

    def _narrow(self, flat):
        return flat.astype("float16") if self._halves and flat.dtype.itemsize > 2 else flat
