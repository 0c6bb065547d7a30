"""`tf.app`: the start of a program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from . import flags
from ._missing import module_getattr

__all__ = ["flags", "run"]


def run(main: Callable[[list[str]], Any] | None = None, argv: list[str] | None = None) -> None:
    """Reads the flags, calls `main` with the rest of the command line, and exits with what it returns."""
    rest = flags.FLAGS(sys.argv if argv is None else argv)
    main = main or sys.modules["__main__"].main
    sys.exit(main(rest))


__getattr__ = module_getattr("app")
