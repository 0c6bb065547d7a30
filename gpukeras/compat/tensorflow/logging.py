"""`tf.logging`: messages of the logger named 'tensorflow'."""

from __future__ import annotations

import logging as _logging
from typing import Any

from ._missing import module_getattr

DEBUG, INFO, WARN, ERROR, FATAL = _logging.DEBUG, _logging.INFO, _logging.WARN, _logging.ERROR, _logging.FATAL
_logger = _logging.getLogger("tensorflow")

debug, info, error, fatal = _logger.debug, _logger.info, _logger.error, _logger.fatal
warn = warning = _logger.warning
log = _logger.log


def set_verbosity(v: Any) -> None:
    """Shows messages from this level on."""
    _logger.setLevel(v)


def get_verbosity() -> int:
    """The level from which messages are shown."""
    return _logger.getEffectiveLevel()


def vlog(level: int, msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at a level."""
    _logger.log(level, msg, *args, **kwargs)


def log_if(level: int, msg: str, condition: Any, *args: Any) -> None:
    """Logs if a condition holds."""
    if condition:
        _logger.log(level, msg, *args)


_counts: dict[Any, int] = {}


def log_every_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Logs every n-th call with this message."""
    count = _counts[msg] = _counts.get(msg, -1) + 1
    log_if(level, msg, not count % n, *args)


def log_first_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Logs the first n calls with this message."""
    count = _counts[msg] = _counts.get(msg, -1) + 1
    log_if(level, msg, count < n, *args)


def flush() -> None:
    """Flushes the handlers."""
    for handler in _logger.handlers:
        handler.flush()


__getattr__ = module_getattr("logging")
