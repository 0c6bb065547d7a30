"""Optimizers whose gradients are averages over all processes."""

from .. import backend as K
from .. import optimizers
from .process import current

# Subclasses made, by the optimizer's class: equal classes for equal optimizers.
_classes = {}


def DistributedOptimizer(
    optimizer,
    name=None,
    device_dense="",
    device_sparse="",
    compression=None,
    sparse_as_dense=False,
):
    """Makes an optimizer average its gradients over all processes before it uses them.

    The class keeps its name, so models saved with it load where there is one process.  `clipnorm` and `clipvalue`
    clip the averages, as they would clip the gradients of the whole batch.

    Arguments:
        optimizer: `Optimizer`, or a name.
        name: accepted, without effect.
        device_dense: accepted, without effect.
        device_sparse: accepted, without effect.
        compression: None; there is no compression.
        sparse_as_dense: accepted: gradients always are dense.

    Returns:
        `Optimizer` with the settings of the one given.

    Raises:
        ValueError: for a compression.
    """
    if compression is not None:
        raise ValueError(
            f"DistributedOptimizer: gradients are not compressed, so compression={compression!r} is refused"
        )
    optimizer = optimizers.get(optimizer)
    base = type(optimizer)
    if issubclass(base, _Averaging):
        return optimizer
    return _distributed(base).from_config(optimizer.get_config())


def _average(flat):
    """Averages a flat array over all processes, in place."""
    link = current()
    link.sum(flat)
    flat /= flat.dtype.type(link.size)


class _Averaging:
    def _derivatives(self, loss, params):
        grads = super()._derivatives(loss, params)
        if current().size == 1:
            return grads
        known = [g for g in grads if g is not None]

        averages = iter(K.exchange(known, _average))
        return [None if g is None else next(averages) for g in grads]


def _distributed(base):
    if base not in _classes:
        _classes[base] = type(
            base.__name__, (_Averaging, base), {"__module__": base.__module__, "__doc__": base.__doc__}
        )
    return _classes[base]


def load_model(filepath, custom_optimizers=None, custom_objects=None, compression=None):
    """Loads a model and makes its optimizer a `DistributedOptimizer`, with the state that was saved.

    Arguments:
        filepath: str or path.
        custom_optimizers: list of further `Optimizer` classes that the file may name.
        custom_objects: dict of further names.
        compression: None; there is no compression.

    Returns:
        `Model`.

    Raises:
        ValueError: for a compression.
    """
    from ..models import load_model as load

    if compression is not None:
        raise ValueError(f"load_model: gradients are not compressed, so compression={compression!r} is refused")
    known = [c for c in vars(optimizers).values() if isinstance(c, type) and issubclass(c, optimizers.Optimizer)]
    wrapped = {
        c.__name__: _distributed(c) for c in [*known, *(custom_optimizers or [])] if c is not optimizers.Optimizer
    }
    names = {**wrapped, **{name.lower(): c for name, c in wrapped.items()}}
    return load(filepath, custom_objects={**names, **(custom_objects or {})})
