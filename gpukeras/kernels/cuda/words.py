"""The argument of a generated kernel: a list of 8-byte words, some of which are known only when arrays are."""

from __future__ import annotations

import struct
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np


class Words:
    """Hands out places in the list; equal entries share one.

    An entry is ('int', value), ('float', value) or a pair of a kind of array and its index.
    """

    def __init__(self) -> None:
        self.entries: list[tuple[str, Any]] = []
        self._known: dict[Hashable, int] = {}

    def word(self, kind: str, value: Any) -> str:
        """C expression of an entry as a 64-bit number without a sign."""
        key = (kind, repr(value))
        if key not in self._known:
            self._known[key] = len(self.entries)
            self.entries.append((kind, value))
        return f"args.word[{self._known[key]}]"

    def integer(self, value: int, ctype: str = "Index") -> str:
        """C expression of a whole number."""
        return f"static_cast<{ctype}>({self.word('int', int(value))})"

    def number(self, value: float) -> str:
        """C expression of a double."""
        return f"double_from_bits({self.word('float', float(value))})"

    def pointer(self, kind: str, index: int, ctype: str) -> str:
        """C expression of an array's address."""
        return f"reinterpret_cast<{ctype}*>({self.word(kind, index)})"

    def struct(self) -> str:
        """Declaration of the argument's type."""
        return f"struct Args {{\n    uint64_t word[{max(len(self.entries), 1)}];\n}};\n"

    def filled(self, arrays: Mapping[str, Mapping[int, int]]) -> np.ndarray:
        """The argument for these arrays, as CuPy passes a structure by value.

        Arguments:
            arrays: by kind of entry, addresses of arrays by index.
        """
        count = max(len(self.entries), 1)
        words = np.zeros(count, np.uint64)
        for i, (kind, value) in enumerate(self.entries):
            if kind == "float":
                (words[i],) = struct.unpack("<Q", struct.pack("<d", value))
            else:
                words[i] = (value if kind == "int" else arrays[kind][value]) & 0xFFFFFFFFFFFFFFFF
        return words.view(np.dtype([("word", np.uint64, (count,))]))
