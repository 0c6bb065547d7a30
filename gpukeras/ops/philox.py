"""Philox 4x32-10 in array arithmetic: the random words of every device without a kernel of its own.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC11.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..graph.dtype import as_dtype
from ..graph.op import Spec

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # the golden ratio and the square root of 3, less 1
ROUNDS = 10
LANES = 8192  # blocks worked on at a time: the arrays below stay in the second-level cache (measured: 4096 to 16384)
LOW = 0xFFFFFFFF


def chunk_lanes(blocks: int) -> int:
    """Number of blocks made at a time when `blocks` are wanted in all."""
    return max(1, min(blocks, LANES))


def scratch_specs(blocks: int) -> list[Spec]:
    """Work arrays `Words` needs: multiplicands, the words between them, products, and the result."""
    lanes = chunk_lanes(blocks)
    wide = Spec((2, lanes), as_dtype("uint64"))
    return [wide, wide, wide, Spec((lanes * 4,), as_dtype("uint32"))]


class Words:
    """Random words of one seed, chunk by chunk, without allocating.

    A counter (lane low, lane high, draw low, draw high) gives one block of four words; element 4 i + j of a
    stream is word j of the block of lane i.

    Arguments:
        xp: array module.
        seed: 64-bit key.
        draw: uint64 array of shape (1,) on the device: the upper half of the counter, read at each call.
        scratch: arrays of `scratch_specs`.
    """

    def __init__(self, xp: Any, seed: int, draw: Any, scratch: list[Any]) -> None:
        self.xp = xp
        self.seed = seed & 0xFFFFFFFFFFFFFFFF
        self.draw = draw
        self.even, self.odd, self.product, self.words = scratch
        self.lanes = self.even.shape[1]
        self.index = xp.arange(self.lanes, dtype=np.uint64)
        self.multipliers = xp.asarray([[m] for m in MULTIPLIERS], dtype=np.uint64)
        low, high = self.seed & LOW, self.seed >> 32
        self.keys = [
            xp.asarray([[(low + r * WEYL[0]) & LOW], [(high + r * WEYL[1]) & LOW]], dtype=np.uint64)
            for r in range(ROUNDS)
        ]
        self.native = native_fill() if xp is np else None

    def chunk(self, first: int, lanes: int) -> Any:
        """The 4 * `lanes` words of the blocks from `first` on; valid until the next call."""
        words = self.words[: 4 * lanes]
        if self.native is not None:
            self.native(words, self.seed, int(self.draw[0]), first)
            return words
        xp = self.xp
        even, odd, product = self.even[:, :lanes], self.odd[:, :lanes], self.product[:, :lanes]
        # Rows: words 0 and 2, which are multiplied, in `even`; words 1 and 3 in `odd`.
        xp.add(self.index[:lanes], first & LOW, even[0])
        odd[0].fill(first >> 32)
        xp.bitwise_and(self.draw, LOW, even[1])
        xp.right_shift(self.draw, 32, odd[1])
        crossed = product[::-1]  # each product goes to the other row
        for key in self.keys:
            xp.multiply(even, self.multipliers, product)
            xp.right_shift(crossed, 32, even)
            xp.bitwise_xor(even, odd, even)
            xp.bitwise_xor(even, key, even)
            xp.bitwise_and(crossed, LOW, odd)
        out = words.reshape(lanes, 4)
        xp.copyto(out[:, 0::2], even.T, "unsafe")
        xp.copyto(out[:, 1::2], odd.T, "unsafe")
        return words


@cache
def native_fill() -> Any:
    """The extension's `philox_fill_uint32(out, seed, draw, first)`: the same words faster; None where it is off."""
    from ..runtime import native

    return getattr(native.load(), "philox_fill_uint32", None)


def philox_block(counter: tuple[int, int, int, int], key: tuple[int, int]) -> list[int]:
    """One block in plain integers: what the array code is tested against.

    Arguments:
        counter: four 32-bit words.
        key: two 32-bit words.

    Returns:
        Four 32-bit words.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0, p1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & LOW, (p0 >> 32) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW
    return [c0, c1, c2, c3]
