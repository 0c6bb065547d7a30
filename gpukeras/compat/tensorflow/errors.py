"""`tf.errors`: what running can raise."""

from __future__ import annotations

from ._missing import module_getattr

__all__ = [
    "AbortedError", "AlreadyExistsError", "CancelledError", "DataLossError", "DeadlineExceededError",
    "FailedPreconditionError", "InternalError", "InvalidArgumentError", "NotFoundError", "OpError", "OutOfRangeError",
    "PermissionDeniedError", "ResourceExhaustedError", "UnavailableError", "UnimplementedError", "UnknownError",
]  # fmt: skip


class OpError(Exception):
    """An operation failed."""

    @property
    def message(self) -> str:
        """The text of the error."""
        return str(self)


class InvalidArgumentError(OpError, ValueError):
    """An operation got a value it cannot take; a check did not hold."""


class NotFoundError(OpError):
    """A file was not found."""


class OutOfRangeError(OpError):
    """There is nothing left to read."""


class AbortedError(OpError):
    """Never raised here; programs name it."""


class AlreadyExistsError(OpError):
    """Never raised here; programs name it."""


class CancelledError(OpError):
    """Never raised here; programs name it."""


class DataLossError(OpError):
    """Never raised here; programs name it."""


class DeadlineExceededError(OpError):
    """Never raised here; programs name it."""


class FailedPreconditionError(OpError):
    """Never raised here, where variables take their initial value by themselves; programs name it."""


class InternalError(OpError):
    """Never raised here; programs name it."""


class PermissionDeniedError(OpError):
    """Never raised here; programs name it."""


class ResourceExhaustedError(OpError):
    """Never raised here (memory that runs out is a MemoryError); programs name it."""


class UnavailableError(OpError):
    """Never raised here; programs name it."""


class UnimplementedError(OpError):
    """Never raised here; programs name it."""


class UnknownError(OpError):
    """Never raised here; programs name it."""


__getattr__ = module_getattr("errors")
