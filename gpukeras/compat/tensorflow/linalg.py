"""`tf.linalg`: products, factors and properties of matrices."""

from __future__ import annotations

from . import _array, _gather, _math, nn
from ._missing import module_getattr

_SAME = (
    "cholesky", "cholesky_solve", "cross", "einsum", "logdet", "matmul", "matvec", "tensordot", "trace"
)  # fmt: skip
#: Names that `tf` has under others.
_OTHER = {
    "band_part": "matrix_band_part", "det": "matrix_determinant", "diag": "matrix_diag",
    "diag_part": "matrix_diag_part", "eigh": "self_adjoint_eig", "eigvalsh": "self_adjoint_eigvals",
    "inv": "matrix_inverse",
    "set_diag": "matrix_set_diag", "solve": "matrix_solve", "tensor_diag": "diag", "tensor_diag_part": "diag_part",
    "transpose": "matrix_transpose", "adjoint": "matrix_transpose", "triangular_solve": "matrix_triangular_solve",
}  # fmt: skip

globals().update({name: getattr(_gather, name) for name in _SAME})
globals().update({name: getattr(_gather, other) for name, other in _OTHER.items()})
eye, norm, global_norm, l2_normalize = _array.eye, _math.norm, _math.global_norm, nn.l2_normalize
__getattr__ = module_getattr("linalg")
