"""Cases of branches and printing."""

from __future__ import annotations

import numpy as np

from gpukeras import ops
from tests.ops.harness import Case, exactly, ints, normal

CASES = [
    *[
        Case(
            f"cond/{pred!r} {dtype}",
            ops.cond,
            [exactly(pred, dtype), normal(2, 3), normal(2, 3)],
            lambda p, a, b: a if p.item() else b,
        )
        for pred, dtype in [(True, "bool"), (False, "bool"), (0, "int32"), (2, "int32"), ([True], "bool")]
    ],
    Case("cond/scalars", ops.cond, [exactly(True, "bool"), normal(), normal()], lambda p, a, b: a),
    Case(
        "cond/int",
        ops.cond,
        [exactly(False, "bool"), ints(3, lo=0, hi=5), ints(3, lo=5, hi=9)],
        lambda p, a, b: b,
        no_grad=True,
    ),
    Case("print_tensor", lambda x: ops.print_tensor(x, "x ="), [normal(2, 2)], lambda x: np.array(x)),
]
