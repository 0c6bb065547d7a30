"""What an operation is: shape rule, gradient and kernel of one kind of node, in one class."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from .dtype import DType
from .shape import Dim

if TYPE_CHECKING:
    from .tensor import Node, Tensor

Thunk = Callable[[], object]
Partial = Any  # int | None | list[int | None]: what is known of a small integer tensor before it runs


class Spec(NamedTuple):
    """Shape (None entries where unknown; shape None when the rank is unknown) and dtype of a tensor."""

    shape: tuple[Dim, ...] | None
    dtype: DType


class Binding:
    """Everything a kernel is tied to, once, when a plan is built.

    Attributes:
        xp: array module (NumPy or CuPy) the arrays belong to.
        ins: input arrays (may be strided views or read-only broadcasts; never written).
        outs: output arrays of the inferred shape and dtype, C-contiguous, to be written in full.
        scratch: work arrays as asked for by `Op.scratch`, undefined content at every run.
        prepared: what `Op.prepare` returned.
        where: name of the node, for error messages.
    """

    __slots__ = ("xp", "ins", "outs", "scratch", "prepared", "where")

    def __init__(
        self, xp: Any, ins: list[Any], outs: list[Any], scratch: list[Any], prepared: Any = None, where: str = ""
    ) -> None:
        self.xp = xp
        self.ins = ins
        self.outs = outs
        self.scratch = scratch
        self.prepared = prepared
        self.where = where


class Op:
    """Base of all operations; an instance holds the attributes and is never changed after construction.

    A subclass stores its attributes as instance fields (hashable ones: they make up `key`), and defines
    `infer`, `grad` and `bind` (or `view`).  Shapes reach `infer` twice: with unknown entries while a model
    is built, and concrete when a plan is made.
    """

    #: Name of the operation; default: the class name in lower case.
    name: ClassVar[str] = ""
    #: Inputs whose values (not only shapes) the shape rule needs; they are folded to constants first.
    shape_inputs: tuple[int, ...] = ()
    #: A new run may give a new result (random numbers, printing): never merged, folded or dropped as a twin.
    stateful: bool = False
    #: The output's size depends on data: such a graph runs op by op, without a plan.
    dynamic: bool = False
    #: Every output element depends on the input elements at the same (broadcast) place only.
    elementwise: ClassVar[bool] = False
    #: The output may be a strided view of input 0 (see `view`).
    is_view: ClassVar[bool] = False
    #: Outputs nobody reads need not be computed: `bind` then finds None in their place.
    optional_outputs: ClassVar[bool] = False
    #: Inputs whose buffer output 0 may take over when nothing else needs it (same size and dtype).
    inplace: tuple[int, ...] = ()
    #: On a GPU the calls of `bind` can be recorded in a CUDA graph.  False where they come back to the host, need
    #: memory whose size depends on data, or go through cuBLAS or cuRAND by CuPy, which refuses that while recording.
    captures: bool = True
    #: Leaves out inputs that are void (see `ops.replicas`); the outputs of others are void when an input is.
    takes_voids: ClassVar[bool] = False
    #: What it is done in inside a scope of low precision (`graph.scope.precision`): 'low', where most of the work is
    #: and sums are kept in float32; 'full', float32, where 16 bits would overflow or cancel; '': that of its inputs.
    precision: ClassVar[str] = ""
    #: Whether 16-bit floats are computed with in float32 (`compiler.widening`); False for what moves values, or hands
    #: them to somebody else.
    widens: ClassVar[bool] = True
    #: Why `grad` gives None for every input, where it does by nature; '' for differentiable operations.
    no_grad: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    def key(self) -> Hashable:
        """Equal for two instances that compute the same thing from the same inputs."""
        return (type(self), *sorted(self.__dict__.items()))

    def infer(self, ins: Sequence[Spec], values: Sequence[Partial]) -> Spec | Sequence[Spec]:
        """Output spec(s) for input specs; no input has an unknown rank.

        `values[i]` is what is known of the value of input i when i is in `shape_inputs` (an int, or a list
        of ints with None where unknown; None when nothing is known), and None otherwise.  Raises ValueError
        naming the shapes when they do not fit.
        """
        raise NotImplementedError(f"{self.name} has no shape rule")

    def partial(self, ins: Sequence[Partial], specs: Sequence[Spec]) -> Partial:
        """Known part of the (integer, rank 0 or 1) output given the known parts of the inputs."""
        return None

    def grad(self, node: Node, dys: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        """Gradients with respect to the inputs, given those of the outputs; built of other operations."""
        return [None] * len(node.inputs)

    def simplify(self, lowering: Any, ins: list[Any]) -> Any:
        """A cheaper Value equal to the output (a list of them for several) for these concrete Values, or None.

        `lowering` offers emit(op, ins), constant(scalar, shape, dtype) and broadcast(value, shape).
        """
        return None

    def prepare(self, ins: Sequence[Spec], outs: Sequence[Spec]) -> Any:
        """Anything worth computing once per plan from the concrete specs."""
        return None

    def prepare_known(self, ins: Sequence[Spec], outs: Sequence[Spec], values: Sequence[Partial]) -> Any:
        """Like `prepare`, for operations that also want the values of their `shape_inputs`."""
        return self.prepare(ins, outs)

    def prepare_for(self, engine: str, ins: Sequence[Spec], outs: Sequence[Spec], values: Sequence[Partial]) -> Any:
        """Like `prepare_known`, for operations that contain steps themselves and choose an engine's kernels."""
        return self.prepare_known(ins, outs, values)

    def scratch(self, ins: Sequence[Spec], outs: Sequence[Spec], prepared: Any) -> Sequence[Spec]:
        """Specs of the work arrays `bind` needs."""
        return ()

    def bind(self, b: Binding) -> Sequence[Thunk]:
        """Calls that compute the outputs from the inputs; run in order at every step, they allocate nothing."""
        raise NotImplementedError(f"{self.name} has no kernel")

    def view(self, x: Any, shape: tuple[int, ...]) -> Any:
        """For `is_view` operations: output of concrete `shape` as a view of array `x`.

        Raises ValueError when the layout of `x` does not allow it; `bind` then copies.
        """
        raise NotImplementedError

    def compute(self, xp: Any, ins: list[Any]) -> Sequence[Any]:
        """For `dynamic` operations: the output arrays."""
        raise NotImplementedError
