"""`tf.random`: random tensors; their seeds come from NumPy's generator unless given."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...graph.dtype import as_dtype
from ...graph.tensor import Tensor
from ._base import convert, dims, named, op_seed, rank_of, sizes
from ._missing import module_getattr
from ._session import get_seed, set_random_seed


@named
def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None, name: str | None = None
) -> Tensor:
    """Normally distributed numbers."""
    return ops.random_normal(dims(shape), mean, stddev, as_dtype(dtype), op_seed(seed))


@named
def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None, name: str | None = None
) -> Tensor:
    """Normal numbers none of which is further than two standard deviations from the mean."""
    return ops.truncated_normal(dims(shape), mean, stddev, as_dtype(dtype), op_seed(seed))


@named
def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None, name: str | None = None
) -> Tensor:
    """Uniform numbers in [minval, maxval)."""
    kind = as_dtype(dtype)
    if maxval is None and not kind.is_floating:
        raise ValueError(f"Must specify maxval for integer dtype {kind}")
    if not kind.is_floating and (isinstance(minval, Tensor) or isinstance(maxval, Tensor)):
        span = ops.cast(ops.subtract(convert(maxval), convert(minval)), "float64")
        unit = ops.random_uniform(dims(shape), 0.0, 1.0, "float64", op_seed(seed))
        return ops.cast(ops.floor(unit * span), kind) + ops.cast(convert(minval), kind)
    return ops.random_uniform(dims(shape), minval, 1 if maxval is None else maxval, kind, op_seed(seed))


@named
def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Tensor:
    """The slices along the first axis in random order."""
    x = convert(value)
    keys = ops.random_uniform(sizes(x)[:1], 0.0, 1.0, "float64", op_seed(seed))
    return ops.gather(x, ops.argsort(keys))


@named
def multinomial(
    logits: Any, num_samples: Any, seed: Any = None, name: str | None = None, output_dtype: Any = None
) -> Tensor:
    """Class numbers drawn with probabilities softmax(logits), some for each row (by Gumbel's maxima)."""
    x = convert(logits)
    rows, classes = sizes(x)
    unit = ops.random_uniform([rows, num_samples, classes], 0.0, 1.0, "float64", op_seed(seed))
    noise = -ops.log(-ops.log(ops.maximum(unit, 1e-300)))
    drawn = ops.argmax(ops.cast(ops.expand_dims(x, 1), "float64") + noise, -1)
    return drawn if output_dtype is None else ops.cast(drawn, output_dtype)


def categorical(logits: Any, num_samples: Any, dtype: Any = None, seed: Any = None, name: str | None = None) -> Tensor:
    """Class numbers drawn with probabilities softmax(logits), some for each row."""
    return multinomial(logits, num_samples, seed, name, dtype)  # type: ignore[no-any-return]


@named
def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Tensor:
    """A block of a tensor at a random place."""
    x = convert(value)
    wanted = dims(size)
    for axis in range(rank_of(x, "random_crop")):
        spare = sizes(x)[axis] - wanted[axis]
        if isinstance(spare, int) and spare < 0:
            raise ValueError(f"random_crop: size {wanted} is larger than shape {x.get_shape()}")
        start = uniform([], 0, spare + 1, "int32", None if seed is None else seed + axis)
        x = ops.slice_axis(x, axis, start, wanted[axis])
    return x


def poisson(*args: Any, **kwargs: Any) -> Any:
    """Not available."""
    raise NotImplementedError("tf.random.poisson: draw with np.random.poisson and feed the numbers")


def gamma(*args: Any, **kwargs: Any) -> Any:
    """Not available."""
    raise NotImplementedError("tf.random.gamma: draw with np.random.gamma and feed the numbers")


__all__ = [
    "categorical", "gamma", "get_seed", "multinomial", "normal", "poisson", "random_crop", "set_random_seed",
    "shuffle", "truncated_normal", "uniform",
]  # fmt: skip
__getattr__ = module_getattr("random")
