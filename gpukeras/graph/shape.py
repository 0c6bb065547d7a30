"""Static shapes whose entries may be unknown."""

from __future__ import annotations

from collections.abc import Sequence

Dim = int | None


class Shape(tuple[Dim, ...]):
    """A tuple of ints and Nones with the methods scripts call on TensorFlow shapes."""

    __slots__ = ()

    def as_list(self) -> list[Dim]:
        """Entries as a list."""
        return list(self)

    @property
    def ndims(self) -> int:
        """Number of axes."""
        return len(self)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self)

    def is_fully_defined(self) -> bool:
        """Whether no entry is None."""
        return None not in self

    def num_elements(self) -> int | None:
        """Product of the entries, None when one is unknown."""
        count = 1
        for n in self:
            if n is None:
                return None
            count *= n
        return count

    @property
    def dims(self) -> list[Dim]:
        """Entries as a list."""
        return list(self)


def broadcast(a: Sequence[Dim], b: Sequence[Dim], what: str = "operands") -> tuple[Dim, ...]:
    """Shape of an elementwise operation on shapes `a` and `b`.

    An unknown entry meets 1 or unknown as unknown, and meets n > 1 as n.

    Raises:
        ValueError: naming both shapes, when they do not broadcast.
    """
    if len(a) < len(b):
        a, b = b, a
    out = list(a)
    for i in range(1, len(b) + 1):
        m, n = a[-i], b[-i]
        if m == n or n == 1:
            continue
        if m == 1:
            out[-i] = n
        elif m is None:
            out[-i] = n
        elif n is not None:
            raise ValueError(f"{what}: shapes {tuple(a)} and {tuple(b)} do not broadcast (axis {-i}: {m} against {n})")
    return tuple(out)


def prod(shape: Sequence[int]) -> int:
    """Number of elements of a concrete shape."""
    count = 1
    for n in shape:
        count *= n
    return count


def normalize_axis(axis: int, ndim: int, what: str = "axis") -> int:
    """Non-negative axis index.

    Raises:
        ValueError: when it is outside -ndim .. ndim - 1.
    """
    if not -ndim <= axis < ndim:
        raise ValueError(f"{what}: axis {axis} is out of range for a tensor with {ndim} axes")
    return int(axis) % ndim if ndim else 0
