"""Random tensors: counter-based, so that a seed gives the same numbers on every device and every run.

Each operation has its own 64-bit seed (the key) and counts its runs (the upper half of the counter); the lower
half counts blocks of four words along the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..graph.dtype import DType, as_dtype
from ..graph.op import Binding, Op, Partial, Spec, Thunk
from ..graph.shape import prod
from ..graph.tensor import Tensor, apply
from .elementwise import cast, less
from .philox import Words, chunk_lanes, scratch_specs
from .shaping import StaticShape, shape_operand, static_or_value

__all__ = ["dropout_mask", "random_binomial", "random_normal", "random_uniform", "truncated_normal"]

FLOAT32 = as_dtype("float32")
FLOAT64 = as_dtype("float64")


class RunCounter:
    """How often a random operation has run: one number per device, kept as long as the operation."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, int], Any] = {}

    def array(self, xp: Any) -> Any:
        """The count as a uint64 array of shape (1,) of this array module, on the GPU in use."""
        place = xp.__name__, 0 if xp is np else int(xp.cuda.runtime.getDevice())
        if place not in self._arrays:
            self._arrays[place] = xp.zeros(1, np.uint64)
        return self._arrays[place]


def new_seed() -> int:
    """A seed drawn from NumPy's global generator, so that np.random.seed makes runs repeat."""
    return int(np.random.randint(2**31 - 1))


class _Random(Op):
    """Base of the random operations: a shape (attribute or input 0), a seed, and words turned into elements.

    A subclass defines `bits`, how many random bits an element takes, and `convert`.
    """

    stateful = True
    no_grad = "random numbers depend on a shape only"

    def __init__(self, target: StaticShape | None, dtype: DType, seed: int | None) -> None:
        self.target = target
        self.shape_inputs = (0,) if target is None else ()
        self.dtype = dtype
        self.seed = new_seed() if seed is None else int(seed)
        self.counter = RunCounter()

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec:
        target = static_or_value(self.target, ins, values, 0)
        return Spec(None if target is None else tuple(target), self.dtype)

    @property
    def bits(self) -> int:
        """Random bits per element: a divisor of 128."""
        return 64 if self.dtype == "float64" else 32

    def work_dtype(self) -> DType:
        """Float type `convert` computes in."""
        return FLOAT64 if self.dtype == "float64" else FLOAT32

    def work_arrays(self) -> int:
        """Number of work arrays of that type `convert` needs, one element per output element of a chunk."""
        return 1

    def _blocks(self, outs: Sequence[Spec]) -> int:
        return -(-prod(outs[0].shape) * self.bits // 128)  # type: ignore[arg-type]

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        blocks = self._blocks(outs)
        size = chunk_lanes(blocks) * 128 // self.bits
        return scratch_specs(blocks) + [Spec((size,), self.work_dtype())] * self.work_arrays()

    def bind(self, b: Binding) -> Sequence[Thunk]:
        xp, draw = b.xp, self.counter.array(b.xp)
        words = Words(xp, self.seed, draw, b.scratch[:4])
        out = b.outs[0].reshape(-1)
        per_block, lanes = 128 // self.bits, words.lanes
        thunks: list[Thunk] = []
        for start in range(0, out.size, lanes * per_block):
            part = out[start : start + lanes * per_block]
            count = -(-part.size // per_block)
            thunks.append(partial(words.chunk, start // per_block, count))
            work = [w[: count * per_block] for w in b.scratch[4:]]
            thunks += self.convert(xp, words.words[: 4 * count], part, work)
        thunks.append(partial(xp.add, draw, 1, draw))
        return [partial(_in_turn, thunks)]  # thousands for large arrays, and nothing can be joined across `chunk`

    def convert(self, xp: Any, words: Any, out: Any, work: list[Any]) -> list[Thunk]:
        """Calls that turn `words` (uint32) into the elements of `out`, which may end before the words do."""
        raise NotImplementedError


def _in_turn(calls: Sequence[Thunk]) -> None:
    for call in calls:
        call()


def _unit(xp: Any, words: Any, out: Any) -> list[Thunk]:
    """Calls that write uniform numbers in [0, 1) to the float array `out`: 24 bits of a word, or 53 of two."""
    if out.dtype == np.float64:
        pairs = words.view(np.uint64)
        return [
            partial(xp.right_shift, pairs, 11, pairs),
            partial(xp.copyto, out, pairs, "unsafe"),
            partial(xp.multiply, out, 2.0**-53, out),
        ]
    return [
        partial(xp.right_shift, words, 8, words),
        partial(xp.copyto, out, words, "unsafe"),
        partial(xp.multiply, out, 2.0**-24, out),
    ]


class RandomUniform(_Random):
    """Uniform floats in [low, high)."""

    name = "random_uniform"

    def __init__(self, target: StaticShape | None, low: float, high: float, dtype: DType, seed: int | None) -> None:
        super().__init__(target, dtype, seed)
        self.low = low
        self.high = high

    def convert(self, xp: Any, words: Any, out: Any, work: list[Any]) -> list[Thunk]:
        kind = out.dtype.type
        u = work[0]
        below = float(np.nextafter(kind(self.high), kind(self.low)))  # rounding must not reach the upper end
        return [
            *_unit(xp, words, u),
            partial(xp.multiply, u, self.high - self.low, u),
            partial(xp.add, u, self.low, u),
            partial(xp.clip, u[: out.size], min(self.low, below), max(self.low, below), u[: out.size]),
            partial(xp.copyto, out, u[: out.size], "same_kind"),
        ]


class RandomIntegers(_Random):
    """Uniform integers in [low, high)."""

    name = "random_integers"

    def __init__(self, target: StaticShape | None, low: int, high: int, dtype: DType, seed: int | None) -> None:
        super().__init__(target, dtype, seed)
        self.low = low
        self.high = high

    @property
    def bits(self) -> int:
        return 32 if self.high - self.low <= 2**32 else 64

    def work_dtype(self) -> DType:
        return as_dtype("uint64")

    def convert(self, xp: Any, words: Any, out: Any, work: list[Any]) -> list[Thunk]:
        span, wide = self.high - self.low, work[0]
        if self.bits == 32:  # the upper half of word * span is uniform in 0 .. span - 1
            draw = [
                partial(xp.copyto, wide, words),
                partial(xp.multiply, wide, span, wide),
                partial(xp.right_shift, wide, 32, wide),
            ]
        else:
            draw = [partial(xp.remainder, words.view(np.uint64), span, wide)]
        signed = wide.view(np.int64)
        return [
            *draw,
            partial(xp.add, signed, self.low, signed),
            partial(xp.copyto, out, signed[: out.size], "unsafe"),
        ]


class RandomNormal(_Random):
    """Normal numbers, two from two uniform ones (G. E. P. Box, M. E. Muller, 1958)."""

    name = "random_normal"

    def __init__(self, target: StaticShape | None, mean: float, stddev: float, dtype: DType, seed: int | None) -> None:
        super().__init__(target, dtype, seed)
        self.mean = mean
        self.stddev = stddev

    def work_arrays(self) -> int:
        return 2

    def convert(self, xp: Any, words: Any, out: Any, work: list[Any]) -> list[Thunk]:
        u, z = work
        n = u.size // 2
        radius, angle = u[0::2], u[1::2]
        cosine = z[0::2]
        sine = z[1::2]
        smallest = 2.0**-53 if u.dtype == np.float64 else 2.0**-24
        return [
            *_unit(xp, words, u),
            partial(xp.add, radius, smallest, radius),  # (0, 1]: the logarithm stays finite
            partial(xp.log, radius, radius),
            partial(xp.multiply, radius, -2.0, radius),
            partial(xp.sqrt, radius, radius),
            partial(xp.multiply, angle, 2 * np.pi, angle),
            partial(xp.cos, angle, cosine[:n]),
            partial(xp.sin, angle, sine[:n]),
            partial(xp.multiply, cosine, radius, cosine),
            partial(xp.multiply, sine, radius, sine),
            partial(xp.multiply, z, self.stddev, z),
            partial(xp.add, z, self.mean, z),
            partial(xp.copyto, out, z[: out.size], "same_kind"),
        ]


# Coefficients of algorithm AS 241 (M. J. Wichura, "The percentage points of the normal distribution", Applied
# Statistics 37, 1988), PPND16: numerator and denominator for the middle and for the nearer tails.
_MIDDLE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
     3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip
TWO_SIDED = 0.9544997361036415855994347  # probability of lying within two standard deviations


def _ratio(xp: Any, coefficients: Any, r: Any, top: Any, bottom: Any) -> list[Thunk]:
    """Calls that write the ratio of two polynomials in r to `top`."""
    thunks: list[Thunk] = []
    for poly, acc in zip(coefficients, (top, bottom)):
        thunks.append(partial(xp.multiply, r, poly[0], acc))
        for c in poly[1:-1]:
            thunks += [partial(xp.add, acc, c, acc), partial(xp.multiply, acc, r, acc)]
        thunks.append(partial(xp.add, acc, poly[-1], acc))
    return [*thunks, partial(xp.divide, top, bottom, top)]


class TruncatedNormal(_Random):
    """Normal numbers conditioned on lying within two standard deviations, by the inverse distribution function."""

    name = "truncated_normal"

    def __init__(self, target: StaticShape | None, mean: float, stddev: float, dtype: DType, seed: int | None) -> None:
        super().__init__(target, dtype, seed)
        self.mean = mean
        self.stddev = stddev

    def work_dtype(self) -> DType:
        return FLOAT64

    def work_arrays(self) -> int:
        return 5

    def convert(self, xp: Any, words: Any, out: Any, work: list[Any]) -> list[Thunk]:
        q, r, top, bottom, tail = work
        if self.bits == 64:
            uniform = _unit(xp, words, q)
        else:
            uniform = [partial(xp.copyto, q, words, "unsafe"), partial(xp.multiply, q, 2.0**-32, q)]
            uniform.append(partial(xp.add, q, 2.0**-33, q))
        return [
            *uniform,
            partial(xp.subtract, q, 0.5, q),
            partial(xp.multiply, q, TWO_SIDED, q),  # P - 1/2 for P between the two bounds
            # tails: sqrt(-log(1/2 - |q|)) - 1.6, the sign put back at the end
            partial(xp.absolute, q, r),
            partial(xp.subtract, 0.5, r, r),
            partial(xp.log, r, r),
            partial(xp.negative, r, r),
            partial(xp.sqrt, r, r),
            partial(xp.subtract, r, 1.6, r),
            *_ratio(xp, _TAIL, r, tail, bottom),
            partial(xp.copysign, tail, q, tail),
            # middle
            partial(xp.multiply, q, q, r),
            partial(xp.subtract, 0.180625, r, r),
            *_ratio(xp, _MIDDLE, r, top, bottom),
            partial(xp.multiply, top, q, top),
            # r >= 0 is the middle: step = 1 there, 0 in the tails
            partial(xp.heaviside, r, 1.0, r),
            partial(xp.subtract, top, tail, top),
            partial(xp.multiply, top, r, top),
            partial(xp.add, tail, top, top),
            partial(xp.clip, top, -2.0, 2.0, top),
            partial(xp.multiply, top, self.stddev, top),
            partial(xp.add, top, self.mean, top),
            partial(xp.copyto, out, top[: out.size], "same_kind"),
        ]


class RandomBinomial(_Random):
    """1 with probability p, else 0."""

    name = "random_binomial"

    def __init__(self, target: StaticShape | None, p: float, dtype: DType, seed: int | None) -> None:
        super().__init__(target, dtype, seed)
        self.p = p

    def work_dtype(self) -> DType:
        return FLOAT64 if self.dtype == "float64" else FLOAT32

    def convert(self, xp: Any, words: Any, out: Any, work: list[Any]) -> list[Thunk]:
        u = work[0]
        return [*_unit(xp, words, u), partial(xp.less, u[: out.size], self.p, out)]


class DropoutMask(_Random):
    """1 / keep_prob with probability keep_prob, else 0.

    Few bits decide an element where they render the probability well (1/2 needs only one of eight): fewer words
    are drawn.  The relative error of either probability stays below 2^-12 with 16 bits, and is 0 with eight.
    """

    name = "dropout_mask"

    def __init__(self, target: StaticShape | None, keep_prob: float, dtype: DType, seed: int | None) -> None:
        super().__init__(target, dtype, seed)
        self.keep_prob = keep_prob
        #: what stands where an element is kept; 16-bit masks are made in float32
        self.kept = min(1 / keep_prob, float(np.finfo("float32" if dtype == "bfloat16" else str(dtype)).max))

    @property
    def bits(self) -> int:
        keep = self.keep_prob
        if keep * 256 == round(keep * 256):
            return 8
        error = abs(round(keep * 65536) / 65536 - keep)
        return 16 if error < min(keep, 1 - keep) / 4096 else 32

    def work_dtype(self) -> DType:
        return as_dtype("bool")

    def convert(self, xp: Any, words: Any, out: Any, work: list[Any]) -> list[Thunk]:
        bits = self.bits
        limit = round(self.keep_prob * 2**bits)
        small = words.view({8: np.uint8, 16: np.uint16, 32: np.uint32}[bits])[: out.size]
        keep = work[0][: out.size]
        return [
            # <= limit - 1, not < limit: 2**bits itself does not fit the type
            partial(xp.less_equal, small, small.dtype.type(limit - 1), keep),
            partial(xp.copyto, out, keep),
            partial(xp.multiply, out, self.kept, out),
        ]


def _draw(make: Callable[[StaticShape | None], Op], shape: Any) -> Tensor:
    static, inputs = shape_operand(shape)
    return apply(make(static), *inputs)  # type: ignore[no-any-return]


def random_uniform(
    shape: Any, minval: Any = 0.0, maxval: Any = None, dtype: Any = None, seed: int | None = None
) -> Tensor:
    """Uniform numbers in [minval, maxval), integers for an integer dtype.

    Arguments:
        shape: ints, scalar tensors, or one int vector tensor.
        minval: lower end.
        maxval: upper end, not included; default: 1, which integers must give themselves.
        dtype: element type; default: floatx.
        seed: int; default: drawn from np.random.

    Returns:
        Tensor.

    Raises:
        ValueError: when the interval of integers is empty.
    """
    kind = as_dtype(dtype)
    if isinstance(minval, Tensor) or isinstance(maxval, Tensor):
        high = 1.0 if maxval is None else maxval
        unit = random_uniform(shape, 0.0, 1.0, kind, seed)
        scaled: Tensor = unit * (high - minval) + minval
        return scaled
    if kind.is_floating:
        low, top = float(minval), 1.0 if maxval is None else float(maxval)
        return _draw(lambda s: RandomUniform(s, low, top, kind, seed), shape)
    if maxval is None or int(maxval) <= int(minval):
        raise ValueError(f"random_uniform: integers need minval < maxval, got {minval} and {maxval}")
    return _draw(lambda s: RandomIntegers(s, int(minval), int(maxval), kind, seed), shape)


def _float_type(dtype: Any, what: str) -> DType:
    kind = as_dtype(dtype)
    if not kind.is_floating:
        raise TypeError(f"{what}: expected a float dtype, got {kind}")
    return kind


def random_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: int | None = None) -> Tensor:
    """Normally distributed numbers.

    Arguments:
        shape: ints, scalar tensors, or one int vector tensor.
        mean: number or tensor.
        stddev: number or tensor.
        dtype: float type; default: floatx.
        seed: int; default: drawn from np.random.

    Returns:
        Tensor.
    """
    kind = _float_type(dtype, "random_normal")
    if isinstance(mean, Tensor) or isinstance(stddev, Tensor):
        scaled: Tensor = random_normal(shape, 0.0, 1.0, kind, seed) * stddev + mean
        return scaled
    return _draw(lambda s: RandomNormal(s, float(mean), float(stddev), kind, seed), shape)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: int | None = None
) -> Tensor:
    """Normal numbers none of which is further than two standard deviations from the mean.

    Arguments:
        shape: ints, scalar tensors, or one int vector tensor.
        mean: number or tensor.
        stddev: number or tensor, of the distribution before it is truncated.
        dtype: float type; default: floatx.
        seed: int; default: drawn from np.random.

    Returns:
        Tensor.
    """
    kind = _float_type(dtype, "truncated_normal")
    if isinstance(mean, Tensor) or isinstance(stddev, Tensor):
        scaled: Tensor = truncated_normal(shape, 0.0, 1.0, kind, seed) * stddev + mean
        return scaled
    return _draw(lambda s: TruncatedNormal(s, float(mean), float(stddev), kind, seed), shape)


def random_binomial(shape: Any, p: Any = 0.0, dtype: Any = None, seed: int | None = None) -> Tensor:
    """Ones with probability `p`, else zeros.

    Arguments:
        shape: ints, scalar tensors, or one int vector tensor.
        p: number or tensor in [0, 1].
        dtype: element type; default: floatx.
        seed: int; default: drawn from np.random.

    Returns:
        Tensor.
    """
    kind = as_dtype(dtype)
    if isinstance(p, Tensor):
        ones: Tensor = cast(less(random_uniform(shape, 0.0, 1.0, p.dtype, seed), p), kind)
        return ones
    return _draw(lambda s: RandomBinomial(s, float(p), kind, seed), shape)


def dropout_mask(shape: Any, keep_prob: float, dtype: Any = None, seed: int | None = None) -> Tensor:
    """The factor of inverted dropout: 1 / keep_prob with probability keep_prob, else 0.

    Arguments:
        shape: ints, scalar tensors, or one int vector tensor.
        keep_prob: number in (0, 1].
        dtype: float type; default: floatx.
        seed: int; default: drawn from np.random.

    Returns:
        Tensor.

    Raises:
        ValueError: when keep_prob is not in (0, 1].
    """
    kind = _float_type(dtype, "dropout_mask")
    if not 0 < keep_prob <= 1:
        raise ValueError(f"dropout_mask: keep_prob must be in (0, 1], got {keep_prob}")
    return _draw(lambda s: DropoutMask(s, float(keep_prob), kind, seed), shape)
