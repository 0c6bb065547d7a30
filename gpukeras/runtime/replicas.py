"""When the copies that other GPUs have of variables are out of date.

Variables live on the first GPU. What writes to any says so here, whether a plan or the host, and before a plan reads
copies it renews them all if something was written since it did so last: once per step in training, never in a row of
predictions.
"""

from __future__ import annotations


class _Writes:
    count = 0


def written() -> None:
    """Says that a variable has, or will have when the work in the queue is done, another value."""
    _Writes.count += 1


def writes() -> int:
    """A number that is another one when variables have been written to."""
    return _Writes.count
