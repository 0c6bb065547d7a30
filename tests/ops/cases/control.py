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
    Case("after", lambda x, y: ops.after(x, [y]), [normal(2, 2), normal(3)], lambda x, y: np.array(x), wrt=[0]),
    Case(
        "with_gradient",
        lambda x: ops.with_gradient(ops.stop_gradient(x * x), [x], lambda dy: [dy * x * 2]),
        [normal(2, 2)],
        lambda x: x * x,
        second=True,
    ),
    Case("check", lambda x: ops.check(x < 9, "too large", [x]), [normal(2, 2)], lambda x: x < 9, no_grad=True),
    Case(
        "py_function",
        lambda x: ops.py_function(lambda a: a[a > 0] * 2, [x], ["float32"]),
        [normal(5)],
        lambda x: x[x > 0] * 2,
        dtypes=("float32",),
        no_grad=True,
    ),
    Case("print_tensor", lambda x: ops.print_tensor(x, "x ="), [normal(2, 2)], lambda x: np.array(x)),
]
