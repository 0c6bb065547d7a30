"""`Dimension` and `TensorShape`, and what indexing the shape of a tensor gives in programs that use them.

Shapes inside gpukeras are tuples of ints and Nones.  In a module that holds the stand-in under the name `tf` or
`tensorflow`, `x.shape[i]` gives a `Dimension`, as TensorFlow does: an int with a `value`, or an object whose value is
None.  All other code keeps plain ints and Nones.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

from ...graph.shape import Shape
from ...graph.tensor import Tensor

_PACKAGE = __name__.rpartition(".")[0]


class Dimension(int):
    """Length of an axis: an int with an attribute `value`.

    Arguments:
        value: int, or None for an unknown length.
    """

    def __new__(cls, value: Any) -> Any:
        """The dimension; an `UnknownDimension` for None."""
        if isinstance(value, UnknownDimension):
            value = None
        if cls is Dimension and value is None:
            return UNKNOWN
        return super().__new__(cls, value)

    @property
    def value(self) -> int | None:
        """The length, or None."""
        return int(self)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both can be the same length."""
        other = Dimension(other)
        return other.value is None or self.value is None or int(self) == int(other)

    def merge_with(self, other: Any) -> Any:
        """What is known of a length from both.

        Raises:
            ValueError: when they differ.
        """
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {other} are not compatible")
        return Dimension(other) if self.value is None else self


def _arithmetic(method: Any) -> Any:
    def compute(self: Any, other: Any) -> Any:
        if isinstance(other, UnknownDimension):
            return UNKNOWN
        result = method(self, other)
        return Dimension(result) if type(result) is int else result

    return compute


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    for _method in (f"__{_name}__", f"__r{_name}__"):
        setattr(Dimension, _method, _arithmetic(getattr(int, _method)))


class UnknownDimension(Dimension):
    """A length that is not known: arithmetic gives an unknown length again, `int()` raises."""

    value = None  # type: ignore[assignment]

    def _unknown(self, *args: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __rfloordiv__ = _unknown  # type: ignore[assignment]
    __mod__ = __rmod__ = __div__ = _unknown  # type: ignore[assignment]

    def _no_number(self, *args: Any) -> Any:
        raise TypeError("the length is not known while the graph is built: use tf.shape(x)[i]")

    __int__ = __index__ = __float__ = __lt__ = __le__ = __gt__ = __ge__ = _no_number  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, UnknownDimension)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __bool__(self) -> bool:
        return False

    def __hash__(self) -> int:
        return hash(None)

    def __repr__(self) -> str:
        return "Dimension(None)"

    def __str__(self) -> str:
        return "?"


UNKNOWN: Any = int.__new__(UnknownDimension, 0)


class TensorShape(Shape):
    """A shape whose entries are `Dimension`s.

    Arguments:
        dims: None (not even the number of axes is known), an int, or a sequence of ints, Nones and dimensions.
    """

    def __new__(cls, dims: Any) -> Any:
        """The shape; an `UnknownShape` for None."""
        if dims is None and cls is TensorShape:
            return UnknownShape([])
        if isinstance(dims, UnknownShape) and cls is TensorShape:
            return dims
        if isinstance(dims, (int, Dimension)):
            dims = [dims]
        entries = (n.value if isinstance(n, Dimension) else n for n in tuple.__iter__(tuple(dims)))
        return super().__new__(cls, tuple(None if n is None else int(n) for n in entries))

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return TensorShape(found) if isinstance(key, slice) else Dimension(found)

    def __iter__(self) -> Iterator[Any]:
        return (Dimension(n) for n in tuple.__iter__(self))

    def __eq__(self, other: object) -> bool:
        try:
            return tuple(self.as_list()) == tuple(TensorShape(other).as_list())
        except (TypeError, ValueError):
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(tuple(self.as_list()))

    def __repr__(self) -> str:
        return f"TensorShape({[Dimension(n) for n in self.as_list()]})"

    def __str__(self) -> str:
        return "(" + ", ".join("?" if n is None else str(n) for n in self.as_list()) + ")"

    def __add__(self, other: Any) -> Any:
        return self.concatenate(other)

    def as_list(self) -> list[Any]:
        """Entries as ints and Nones."""
        return list(tuple.__iter__(self))

    def known(self) -> list[int]:
        """Entries as ints.

        Raises:
            ValueError: when one is unknown.
        """
        if not self.is_fully_defined():
            raise ValueError(f"cannot make a tensor of the partially known shape {self}; use tf.shape(x)")
        return self.as_list()

    @property
    def dims(self) -> Any:
        """Entries as `Dimension`s."""
        return [Dimension(n) for n in self.as_list()]

    def is_fully_defined(self) -> bool:
        """Whether no entry is unknown."""
        return None not in self.as_list()

    def num_elements(self) -> int | None:
        """Product of the entries, None when one is unknown."""
        return Shape(self.as_list()).num_elements()

    def concatenate(self, other: Any) -> Any:
        """This shape followed by another."""
        other = TensorShape(other)
        return other if isinstance(other, UnknownShape) else TensorShape(self.as_list() + other.as_list())

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both can be shapes of the same tensor."""
        other = TensorShape(other)
        if isinstance(other, UnknownShape) or isinstance(self, UnknownShape):
            return True
        a, b = self.as_list(), other.as_list()
        return len(a) == len(b) and all(m is None or n is None or m == n for m, n in zip(a, b))

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises ValueError when the shapes cannot be of the same tensor."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {TensorShape(other)} are incompatible")

    def merge_with(self, other: Any) -> Any:
        """What is known from both shapes.

        Raises:
            ValueError: when they differ.
        """
        self.assert_is_compatible_with(other)
        other = TensorShape(other)
        if isinstance(other, UnknownShape) or isinstance(self, UnknownShape):
            return other if isinstance(self, UnknownShape) else self
        return TensorShape([n if m is None else m for m, n in zip(self.as_list(), other.as_list())])

    def with_rank(self, rank: int) -> Any:
        """This shape, known to have so many axes.

        Raises:
            ValueError: when it has others.
        """
        return self.merge_with([None] * int(rank))

    def assert_has_rank(self, rank: int) -> None:
        """Raises ValueError unless there are so many axes."""
        if not self.is_compatible_with([None] * int(rank)):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank_at_least(self, rank: int) -> Any:
        """This shape, if it has so many axes or more.

        Raises:
            ValueError: when it has fewer.
        """
        if not isinstance(self, UnknownShape) and len(self) < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def assert_is_fully_defined(self) -> None:
        """Raises ValueError when an entry is unknown."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")


class UnknownShape(TensorShape):
    """A shape of which not even the number of axes is known."""

    def as_list(self) -> list[Any]:
        """Not known.

        Raises:
            ValueError: always.
        """
        raise ValueError("as_list() is not defined on an unknown TensorShape.")

    dims = ndims = rank = None  # type: ignore[assignment]

    def __len__(self) -> int:
        raise ValueError("Cannot take the length of Shape with unknown rank.")

    def __getitem__(self, key: Any) -> Any:
        return TensorShape(None) if isinstance(key, slice) else UNKNOWN

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, UnknownShape)

    def __hash__(self) -> int:
        return hash(None)

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "TensorShape(None)"

    def __str__(self) -> str:
        return "<unknown>"

    def is_fully_defined(self) -> bool:
        """False."""
        return False

    def num_elements(self) -> int | None:
        """None."""
        return None

    def concatenate(self, other: Any) -> Any:
        """Unknown again."""
        return self


def _asks_for_dimensions(module: dict[str, Any]) -> bool:
    """Whether a module's globals hold the stand-in."""
    standin = sys.modules[_PACKAGE]
    return module.get("tf") is standin or module.get("tensorflow") is standin


def _index(self: Shape, key: Any) -> Any:
    found = tuple.__getitem__(self, key)
    if isinstance(key, slice):
        return TensorShape(found) if _asks_for_dimensions(sys._getframe(1).f_globals) else Shape(found)
    return Dimension(found) if _asks_for_dimensions(sys._getframe(1).f_globals) else found


def _get_shape(self: Tensor) -> Any:
    """Static shape, as a `TensorShape`."""
    return TensorShape(None if self.shape is None else tuple(self.shape))


def _set_shape(self: Tensor, shape: Any) -> None:
    """Fill unknown entries of the static shape with what the caller knows."""
    if shape is None or isinstance(shape, UnknownShape):
        return
    wanted = TensorShape(shape).as_list()
    if not TensorShape(None if self.shape is None else tuple(self.shape)).is_compatible_with(wanted):
        raise ValueError(f"{self.name}: shape {wanted} contradicts {self.shape}")
    _plain_set_shape(self, wanted)


_plain_set_shape = Tensor.set_shape


def _of_shape(method: Any) -> Any:
    @functools.wraps(method)
    def call(self: Shape, other: Any) -> Any:
        return method(TensorShape(tuple(self)), other)

    return call


def install() -> None:
    """Gives shapes and tensors these methods."""
    Shape.__getitem__ = _index  # type: ignore[method-assign,assignment]
    for name in ("is_compatible_with", "merge_with", "with_rank", "assert_has_rank", "concatenate"):
        setattr(Shape, name, _of_shape(getattr(TensorShape, name)))
    Tensor.get_shape = _get_shape  # type: ignore[method-assign]
    Tensor.set_shape = _set_shape  # type: ignore[method-assign]


install()
