"""Training in several processes: each has a copy of the model and its own part of the data, gradients are averaged.

The names and meanings are those of `horovod.keras`:

    import gpukeras.distributed as hvd
    hvd.init()
    optimizer = hvd.DistributedOptimizer(keras.optimizers.SGD(0.01 * hvd.size()))
    model.compile(optimizer, 'mse')
    model.fit(x[hvd.rank()::hvd.size()], y[hvd.rank()::hvd.size()],
              callbacks=[hvd.callbacks.BroadcastGlobalVariablesCallback(0)])

`python -m gpukeras.distributed -n 2 script.py` starts such a program on one machine; `mpirun` does with mpi4py.
"""

import json

import numpy as np

from .. import backend as K
from . import callbacks
from .optimizer import Compression, DistributedOptimizer, load_model
from .process import current, init, is_initialized, shutdown

__all__ = [
    "Compression",
    "DistributedOptimizer",
    "allgather",
    "allreduce",
    "broadcast",
    "broadcast_global_variables",
    "callbacks",
    "init",
    "is_initialized",
    "load_model",
    "local_rank",
    "local_size",
    "rank",
    "shutdown",
    "size",
]


def size():
    """Number of processes.

    Raises:
        ValueError: before `init`.
    """
    return current().size


def rank():
    """Number of this process, from 0.

    Raises:
        ValueError: before `init`.
    """
    return current().rank


def local_size():
    """Number of processes on this machine.

    Raises:
        ValueError: before `init`.
    """
    return current().local_size


def local_rank():
    """Number of this process on its machine, from 0: the number of the GPU it should use.

    Raises:
        ValueError: before `init`.
    """
    return current().local_rank


def _array(value):
    return np.array(K.eval(value) if K.is_tensor(value) else value, order="C")


def allreduce(value, name=None, average=True):
    """Averages or adds up a value over all processes.

    Arguments:
        value: number, array or tensor, of the same shape and type everywhere.
        name: accepted; calls are matched by their order.
        average: bool, whether to divide the sum by the number of processes.

    Returns:
        NumPy array or number, the same everywhere.

    Raises:
        ValueError: before `init`.
        RuntimeError: when another process makes another call.
    """
    array = _array(value)
    if average and array.dtype.kind not in "fc":
        array = array.astype("float64")
    flat = array.reshape(-1)
    current().sum(flat)
    return (flat / array.dtype.type(size()) if average else flat).reshape(array.shape)[()]


def allgather(value, name=None):
    """Joins the arrays of all processes along their first axis.

    Arguments:
        value: array or tensor; the first axis may differ from process to process.
        name: accepted; calls are matched by their order.

    Returns:
        NumPy array, the same everywhere.

    Raises:
        ValueError: before `init`, or for arrays that do not fit.
    """
    array = np.atleast_1d(_array(value))
    return np.concatenate([_unpack(data)[0] for data in current().gather(_pack([array]))], axis=0)


def broadcast(value, root_rank, name=None):
    """Gives all processes the value that one has.

    Arguments:
        value: number, array or tensor; only that of `root_rank` counts.
        root_rank: int.
        name: accepted; calls are matched by their order.

    Returns:
        NumPy array or number.

    Raises:
        ValueError: before `init`, or when there is no such process.
    """
    mine = rank() == _checked(root_rank)
    return _unpack(current().broadcast(_pack([_array(value)]) if mine else None, root_rank))[0][()]


def broadcast_global_variables(root_rank):
    """Gives the variables of all processes the values of one: weights, and states of optimizers.

    Arguments:
        root_rank: int, that process.

    Raises:
        ValueError: before `init`, when there is no such process, or when a variable has another shape here than there.
    """
    own = {v.name: v for v in K.global_variables()}
    data = None
    if rank() == _checked(root_rank):
        names = list(own)
        told = json.dumps(names).encode()
        data = len(told).to_bytes(8, "big") + told + _pack([np.asarray(K.get_value(own[name])) for name in names])
    data = current().broadcast(data, root_rank)
    if rank() == root_rank:
        return
    start = 8 + int.from_bytes(data[:8], "big")
    values = dict(zip(json.loads(data[8:start]), _unpack(data[start:]), strict=True))
    for name in own.keys() & values.keys():
        if tuple(K.int_shape(own[name])) != values[name].shape:
            raise ValueError(
                f"broadcast_global_variables: variable {name!r} has shape {tuple(K.int_shape(own[name]))} on rank "
                f"{rank()} and {values[name].shape} on rank {root_rank}; all processes must build the same model"
            )
    K.batch_set_value([(own[name], values[name]) for name in own if name in values])


def _checked(root_rank):
    if not 0 <= root_rank < size():
        raise ValueError(f"root_rank should be from 0 to {size() - 1}, got {root_rank!r}")
    return root_rank


def _pack(arrays):
    """Arrays as bytes: types and shapes, then the contents."""
    told = json.dumps([(a.dtype.str, a.shape) for a in arrays]).encode()
    return b"".join([len(told).to_bytes(8, "big"), told, *(np.ascontiguousarray(a).tobytes() for a in arrays)])


def _unpack(data):
    start = 8 + int.from_bytes(data[:8], "big")
    arrays = []
    for dtype, shape in json.loads(data[8:start]):
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(data, dtype, count, start).reshape(shape).copy())
        start += arrays[-1].nbytes
    return arrays
