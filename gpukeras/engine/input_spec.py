"""What a layer demands of its inputs, and the check of that demand."""

from .. import backend as K
from ..utils.generic_utils import to_list


class InputSpec:
    """Describes what one input of a layer must look like; None entries are not checked.

    Arguments:
        dtype: str, expected dtype.
        shape: tuple, expected shape; entries may be None.
        ndim: int, expected rank.
        max_ndim: int, largest rank allowed.
        min_ndim: int, smallest rank allowed.
        axes: dict of int -> int, expected size of single axes.
    """

    def __init__(self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None):
        self.dtype = dtype
        self.shape = shape
        self.ndim = len(shape) if shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = axes or {}

    def __repr__(self):
        wanted = ("dtype", "shape", "ndim", "max_ndim", "min_ndim")
        parts = [f"{key}={getattr(self, key)}" for key in wanted if getattr(self, key) is not None]
        if self.axes:
            parts.append(f"axes={self.axes}")
        return "InputSpec({})".format(", ".join(parts))


def check_are_tensors(layer, inputs):
    """Refuses inputs that are not symbolic tensors.

    Arguments:
        layer: the layer called.
        inputs: a tensor or a list.

    Raises:
        ValueError: for anything that is not a tensor, with its type.
    """
    for position, x in enumerate(to_list(inputs)):
        try:
            K.is_keras_tensor(x)
        except ValueError:
            raise ValueError(
                f"Layer {layer.name} was called with an input that isn't a symbolic tensor: input {position} is of "
                f"type {type(x)}. "
                "All inputs to the layer should be tensors, such as `Input(shape=...)` or the output of "
                f"another layer; to run a model on arrays use `model.predict(x)`. Full input: {inputs}"
            ) from None


def check_compatibility(layer, inputs):
    """Compares inputs with the `input_spec` of a layer.

    Arguments:
        layer: the layer called.
        inputs: a tensor or a list of tensors.

    Raises:
        ValueError: when the number, a rank, a size or a dtype differs.
    """
    specs = layer.input_spec
    if specs is None:
        return
    tensors = to_list(inputs)
    specs = to_list(specs, allow_tuple=True)
    if len(tensors) != len(specs):
        wanted = "one tensor" if len(specs) == 1 else f"a list of {len(specs)} tensors"
        raise ValueError(
            f"Layer {layer.name} expects {len(specs)} inputs, but it received {len(tensors)} input tensors; "
            f"pass {wanted}. Input received: {inputs}"
        )
    for position, (x, spec) in enumerate(zip(tensors, specs, strict=True)):
        if spec is not None:
            problem = _mismatch(x, spec)
            if problem:
                raise ValueError(f"Input {position} is incompatible with layer {layer.name}: {problem}")


def _mismatch(x, spec):
    """Says in words how tensor `x` differs from `spec`; None when it fits."""
    if spec.dtype is not None and K.dtype(x) != spec.dtype:
        return (
            f"expected dtype={spec.dtype}, found dtype={K.dtype(x)}; cast it, e.g. with "
            f"Lambda(lambda t: K.cast(t, '{spec.dtype}'))"
        )
    shape = _known_shape(x)
    if shape is None:
        return None
    ndim = len(shape)
    if spec.ndim is not None and ndim != spec.ndim:
        return f"expected ndim={spec.ndim}, found ndim={ndim} (shape {shape}){_rank_hint(spec.ndim, ndim)}"
    if spec.max_ndim is not None and ndim > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={ndim} (shape {shape}){_rank_hint(spec.max_ndim, ndim)}"
    if spec.min_ndim is not None and ndim < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={ndim} (shape {shape}){_rank_hint(spec.min_ndim, ndim)}"
    return _axis_mismatch(shape, spec) or _shape_mismatch(shape, spec)


def _known_shape(x):
    # A tensor of unknown rank passes: the op that uses it will know more.
    try:
        return K.int_shape(x)
    except (TypeError, ValueError, AttributeError):
        return None


def _rank_hint(expected, found):
    if found < expected:
        return "; add the missing axes to the input shape or with a Reshape layer"
    return "; remove axes with a Flatten or Reshape layer"


def _axis_mismatch(shape, spec):
    for axis, size in spec.axes.items():
        if size is None:
            continue
        inside = -len(shape) <= axis < len(shape)
        if not inside or shape[axis] not in (size, None):
            return (
                f"expected axis {axis} of input shape to have value {size} but got shape {shape} "
                "(the weights were made for that size)"
            )
    return None


def _shape_mismatch(shape, spec):
    if spec.shape is None:
        return None
    for want, have in zip(spec.shape, shape, strict=True):
        if want is not None and have is not None and want != have:
            return f"expected shape={tuple(spec.shape)}, found shape={shape}"
    return None
