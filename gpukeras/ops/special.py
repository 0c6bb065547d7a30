"""Special functions that array modules lack."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from ..graph.op import Binding, Thunk
from .elementwise import exp, negative, square
from .pointwise import Unary, unary

__all__ = ["erf"]

# Rational approximations of W. J. Cody, "Rational Chebyshev approximations for the error function",
# Math. Comp. 23 (1969): erf(x) = x P(x^2)/Q(x^2) up to 0.46875, erfc(x) = exp(-x^2) P(x)/Q(x) up to 4.
_NEAR_P = (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
           3.20937758913846947e3)  # fmt: skip
_NEAR_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_FAR_P = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
          2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
          1.23033935479799725e3)  # fmt: skip
_FAR_Q = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
          3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip
_NEAR = 0.46875
# Beyond 6, 1 - erf is under 2^-53; from 4 to 6 the second formula's relative error of 1e-7 in erfc stays below it.
_FAR = 6.0


def _horner(xp: Any, coefficients: tuple[float, ...], x: Any, out: Any) -> list[Thunk]:
    """Polynomial in `x`, highest power first, into `out`."""
    thunks: list[Thunk] = [partial(xp.multiply, x, coefficients[0], out), partial(xp.add, out, coefficients[1], out)]
    for c in coefficients[2:]:
        thunks += [partial(xp.multiply, out, x, out), partial(xp.add, out, c, out)]
    return thunks


def _erf(b: Binding) -> list[Thunk]:
    """erf(min(|x|, edge)), plus erf(|x|) - erf(edge) where |x| is beyond the edge, with the sign of x."""
    (x,), (out,), xp = b.ins, b.outs, b.xp
    near, size, p, q, z, beyond = b.scratch
    return [
        partial(xp.copyto, size, x),
        partial(xp.absolute, size, size),
        partial(xp.greater, size, _NEAR, beyond),
        partial(xp.minimum, size, _NEAR, out=near),
        partial(xp.multiply, near, near, z),
        *_horner(xp, _NEAR_P, z, p),
        *_horner(xp, _NEAR_Q, z, q),
        partial(xp.divide, p, q, p),
        partial(xp.multiply, near, p, near),
        partial(xp.minimum, size, _FAR, out=size),
        *_horner(xp, _FAR_P, size, p),
        *_horner(xp, _FAR_Q, size, q),
        partial(xp.divide, p, q, p),
        partial(xp.multiply, size, size, z),
        partial(xp.negative, z, z),
        partial(xp.exp, z, z),
        partial(xp.multiply, p, z, p),
        partial(xp.subtract, math.erfc(_NEAR), p, p),
        partial(xp.multiply, p, beyond, p),
        partial(xp.add, near, p, near),
        partial(xp.copysign, near, x, near),
        partial(xp.copyto, out, near, "same_kind"),
    ]


erf: Unary = unary(
    "erf", _erf, "erf(x0)", lambda g, y, x: g * (2 / math.sqrt(math.pi)) * exp(negative(square(x))),
    takes="float", scratch=("wide",) * 5 + ("bool",),
)  # fmt: skip
