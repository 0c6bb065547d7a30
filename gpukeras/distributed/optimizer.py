"""Optimizers whose gradients are averages over all processes."""

from .. import backend as K
from .. import optimizers
from .gpus import Average
from .process import current

# Subclasses made, by the optimizer's class and the compression: equal classes for equal optimizers.
_classes = {}


class Compression:
    """How gradients travel: as they are (`none`), or rounded to half precision (`fp16`)."""

    none = None
    fp16 = "fp16"


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
        compression: `Compression.none` or `Compression.fp16`.
        sparse_as_dense: accepted: gradients always are dense.

    Returns:
        `Optimizer` with the settings of the one given.

    Raises:
        ValueError: for another compression.
    """
    optimizer = optimizers.get(optimizer)
    base = type(optimizer)
    if issubclass(base, _Averaging):
        return optimizer
    return _distributed(base, compression).from_config(optimizer.get_config())


_AVERAGES = {Compression.none: Average(current), Compression.fp16: Average(current, halves=True)}


class _Averaging:
    _compression = None
    _averaged = False

    def _derivatives(self, loss, params):
        return self._mean(super()._derivatives(loss, params))

    def get_gradients(self, loss, params):
        self._averaged = False
        grads = super().get_gradients(loss, params)
        return grads if self._averaged else self._mean(grads)  # a class with a method of its own

    def get_updates(self, *args, **kwargs):
        self._averaged = False
        updates = super().get_updates(*args, **kwargs)
        if not self._averaged:
            raise ValueError(
                f"DistributedOptimizer: the gradients of {type(self).__name__} cannot be averaged, because its "
                "get_updates does not take them from self.get_gradients(loss, params)"
            )
        return updates

    def _mean(self, grads):
        self._averaged = True
        if current().size == 1:
            return grads
        averages = iter(K.exchange([g for g in grads if g is not None], _AVERAGES[self._compression]))
        return [None if g is None else next(averages) for g in grads]


def _distributed(base, compression):
    if compression not in _AVERAGES:
        raise ValueError(f"compression should be Compression.none or Compression.fp16, got {compression!r}")
    key = base, compression
    if key not in _classes:
        names = {"__module__": base.__module__, "__doc__": base.__doc__, "_compression": compression}
        _classes[key] = type(base.__name__, (_Averaging, base), names)
    return _classes[key]


def load_model(filepath, custom_optimizers=None, custom_objects=None, compression=None):
    """Loads a model and makes its optimizer a `DistributedOptimizer`, with the state that was saved.

    Arguments:
        filepath: str or path.
        custom_optimizers: list of further `Optimizer` classes that the file may name.
        custom_objects: dict of further names.
        compression: `Compression.none` or `Compression.fp16`.

    Returns:
        `Model`.

    Raises:
        ValueError: for another compression.
    """
    from ..models import load_model as load

    known = [c for c in vars(optimizers).values() if isinstance(c, type) and issubclass(c, optimizers.Optimizer)]
    wrapped = {
        c.__name__: _distributed(c, compression)
        for c in [*known, *(custom_optimizers or [])]
        if c is not optimizers.Optimizer
    }
    names = {**wrapped, **{name.lower(): c for name, c in wrapped.items()}}
    return load(filepath, custom_objects={**names, **(custom_objects or {})})
