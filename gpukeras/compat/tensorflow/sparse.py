"""`tf.SparseTensor` and the little of `tf.sparse` that turns it into something else."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from ... import ops
from ...graph.tensor import Tensor
from ._base import convert, static
from ._gather import scatter_nd
from ._missing import module_getattr
from ._shapes import TensorShape

SparseTensorValue = namedtuple("SparseTensorValue", "indices values dense_shape")


class SparseTensor:
    """A tensor given by the places and values of some elements, the others being 0.

    Arguments:
        indices: int tensor (count, rank).
        values: tensor (count,).
        dense_shape: int vector.
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self.indices = convert(indices, "int64")
        self.values = convert(values)
        self.dense_shape = convert(dense_shape, "int64")

    @property
    def dtype(self) -> Any:
        """Type of the values."""
        return self.values.dtype

    def get_shape(self) -> Any:
        """Static shape."""
        known = getattr(self.dense_shape, "value", self.dense_shape.partial)
        return TensorShape(None if known is None else list(known))

    @property
    def shape(self) -> Any:
        """Static shape."""
        return self.get_shape()

    def to_dense(self, default: Any = 0) -> Tensor:
        """All elements."""
        lengths = [int(n) for n in static(self.dense_shape, "SparseTensor: dense_shape")]
        x = scatter_nd(self.indices, self.values, lengths)
        if isinstance(default, (int, float)) and default == 0:
            return x  # type: ignore[no-any-return]
        given = scatter_nd(self.indices, ops.ones_like(self.values, "int32"), lengths)
        return ops.where(given > 0, x, convert(default, x.dtype))

    def rows(self) -> tuple[Tensor, Tensor]:
        """A matrix of the values, as dense rows of labels, and how many each row has."""
        lengths = [int(n) for n in static(self.dense_shape, "SparseTensor: dense_shape")]
        count = scatter_nd(self.indices[:, :1], ops.ones_like(self.values, "int32"), lengths[:1])
        return self.to_dense(), count


def to_dense(
    sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: str | None = None
) -> Tensor:
    """All elements of a sparse tensor."""
    if isinstance(sp_input, Tensor):
        return sp_input
    return sp_input.to_dense(0 if default_value is None else default_value)  # type: ignore[no-any-return]


def sparse_to_dense(
    sparse_indices: Any, output_shape: Any, sparse_values: Any, default_value: Any = 0, validate_indices: bool = True,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """A tensor with some values at some places and a default elsewhere."""
    values, index = convert(sparse_values), convert(sparse_indices)
    if index.shape is not None and len(index.shape) == 1:
        index = ops.expand_dims(index, -1)
    if values.shape == ():
        values = ops.broadcast_to(values, [ops.shape(index)[0]])
    return SparseTensor(index, values, output_shape).to_dense(default_value)


def sparse_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Tensor:
    """Product of a sparse matrix and a dense one."""
    return ops.matmul(to_dense(sp_a), convert(b), adjoint_a, adjoint_b)


matmul = sparse_dense_matmul
__getattr__ = module_getattr("sparse")
