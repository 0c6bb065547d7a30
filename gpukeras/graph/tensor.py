"""Symbolic tensors: what models are built of before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from ..runtime import device as devices
from ..runtime import replicas
from . import algebra, scope
from .dtype import DType, as_dtype, floatx, is_number
from .op import Op, Partial, Spec
from .shape import Dim, Shape


class Node:
    """One application of an operation to tensors."""

    __slots__ = ("op", "inputs", "outputs", "device", "scope", "id", "label", "__weakref__")

    def __init__(self, op: Op, inputs: tuple[Tensor, ...]) -> None:
        self.op = op
        self.inputs = inputs
        self.outputs: tuple[Tensor, ...] = ()
        self.device = scope.current_device()
        self.scope = scope.current_scope()
        self.id = scope.next_node_id()
        self.label: str | None = None

    @property
    def name(self) -> str:
        """The name it was given, or scope, operation and number."""
        return self.label or f"{self.scope}{self.op.name}_{self.id}"

    def give_name(self, name: str) -> None:
        """Name the node, inside the open scopes, so that it can be found by it."""
        self.label = scope.unique_name(name)
        scope.register(self.label, self)

    @property
    def type(self) -> str:
        """Name of the operation."""
        return self.op.name


class NoLength(AttributeError, TypeError):
    """A tensor has no length: its first dimension is unknown."""


class Tensor:
    """A value that will be computed: knows its node, static shape and dtype.

    Compares and hashes by identity.  Layers hang `_keras_shape`, `_keras_history` and the like on it.
    """

    __array_priority__ = 1000  # before CuPy's arrays; NumPy asks `__array_ufunc__`, which gpukeras.ops installs

    def __init__(self, node: Node | None, index: int, shape: Sequence[Dim] | None, dtype: DType) -> None:
        self.node = node
        self.index = index
        self.shape = None if shape is None else Shape(shape)
        self.dtype = dtype
        self.partial: Partial = None

    @property
    def name(self) -> str:
        """Unique name, 'scope/op_7:0'."""
        return f"{self.node.name}:{self.index}" if self.node is not None else f"tensor_{id(self)}:0"

    @property
    def op(self) -> Any:
        """The node that makes this tensor."""
        return self.node

    @property
    def ndim(self) -> int | None:
        """Number of axes, None when unknown."""
        return None if self.shape is None else len(self.shape)

    @property
    def device(self) -> str | None:
        """Name of the device scope the tensor was made in."""
        return self.node.device if self.node is not None else None

    def get_shape(self) -> Shape | None:
        """Static shape."""
        return self.shape

    def set_shape(self, shape: Sequence[Dim]) -> None:
        """Fill unknown entries of the static shape with what the caller knows."""
        if self.shape is None:
            self.shape = Shape(shape)
            return
        if len(shape) != len(self.shape) or any(
            m is not None and n is not None and m != n for m, n in zip(self.shape, shape, strict=True)
        ):
            raise ValueError(f"{self.name}: shape {tuple(shape)} contradicts {tuple(self.shape)}")
        self.shape = Shape(m if m is not None else n for m, n in zip(self.shape, shape, strict=True))

    def spec(self) -> Spec:
        """Static shape and dtype."""
        return Spec(self.shape, self.dtype)

    def __repr__(self) -> str:
        shape = "unknown rank" if self.shape is None else tuple(self.shape)
        return f"<{type(self).__name__} {self.name!r} shape={shape} dtype={self.dtype}>"

    @property
    def __len__(self) -> Callable[[], int]:
        # Not a method: programs ask hasattr(model.output, "__len__") to tell a list of outputs from a tensor.
        if self.shape and self.shape[0] is not None:
            return self.shape[0].__index__
        raise NoLength(f"len() of {self!r}: its first dimension is unknown while the model is built; use K.shape(x)[0]")

    def __iter__(self) -> Iterator[Tensor]:
        if self.shape and self.shape[0] is not None:
            return (self[i] for i in range(self.shape[0]))
        raise TypeError(f"cannot iterate over {self!r}: its first dimension is unknown; use K.map_fn or K.rnn")

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"the truth of {self!r} is not known while the model is built; "
            "use K.switch(condition, a, b), or K.get_value / K.eval for a value"
        )

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"{self!r} has no value yet, so NumPy cannot read it; use the backend's functions (K.concatenate for "
            "np.concatenate) to make it part of the model, K.eval(x) or a K.function for its value"
        )

    def __getitem__(self, key: Any) -> Tensor:
        raise NotImplementedError  # installed by gpukeras.ops, like the operators

    if TYPE_CHECKING:  # what gpukeras.ops.operators installs

        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __rand__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __ror__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __rxor__(self, other: Any) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...


class Placeholder(Tensor):
    """A tensor fed at every call.

    Attributes:
        default: value used when it is not fed, or None.
    """

    def __init__(
        self, shape: Sequence[Dim] | None, dtype: Any = None, name: str | None = None, default: Any = None
    ) -> None:
        super().__init__(None, 0, shape, as_dtype(dtype))
        self._name = scope.unique_name(name or "Placeholder") + ":0"
        scope.register(self._name[:-2], self)
        self.default = default
        #: The plan is specialised on the value that is fed, not only on its shape (the learning phase).
        self.by_value = False

    @property
    def name(self) -> str:
        """Unique name."""
        return self._name


class Constant(Tensor):
    """A value known when the graph is built."""

    def __init__(self, value: np.ndarray) -> None:
        super().__init__(None, 0, value.shape, as_dtype(value.dtype))
        self.value = value
        if value.ndim < 2 and value.size <= 64 and self.dtype.is_integer:
            self.partial = value.tolist()

    @property
    def name(self) -> str:
        """Name of no use but printing."""
        return f"Const_{id(self)}:0"


_evaluate: Callable[[Tensor], np.ndarray] | None = None


def set_evaluator(function: Callable[[Tensor], np.ndarray]) -> None:
    """Tell variables how to compute a symbolic initial value (the compiler does)."""
    global _evaluate
    _evaluate = function


class _StorageEpoch:
    """Counts replacements of variables' storage; plans bound before the last one are stale."""

    value = 0


def storage_epoch() -> int:
    """Number of times any variable's array was replaced (not: written to), or plans became useless."""
    return _StorageEpoch.value


def forget_plans() -> None:
    """Make all plans stale, so that they are made anew."""
    _StorageEpoch.value += 1


class Variable(Tensor):
    """A tensor with a value that lasts between runs.

    Arguments:
        initial: array, number, or symbolic tensor that is evaluated when the value is first needed.
        dtype: element type; default: that of `initial`, floats becoming floatx.
        name: base of the unique name.
        constraint: callable applied by optimizers after an update.
    """

    def __init__(self, initial: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> None:
        self._initial: Any = initial
        if not isinstance(initial, Tensor):
            self._initial = np.asarray(initial)
            if dtype is None:
                dtype = floatx() if self._initial.dtype.kind == "f" else self._initial.dtype
        elif dtype is None:
            dtype = initial.dtype
        super().__init__(None, 0, self._initial.shape, as_dtype(dtype))
        self._name = scope.unique_name(name or "Variable") + ":0"
        scope.register(self._name[:-2], self)
        self._data: Any = None
        self._replicas: dict[str, Any] = {}
        self._device = devices.default_device()
        self.constraint = constraint
        self._placement = scope.current_device()

    @property
    def name(self) -> str:
        """Unique name, 'dense_1/kernel:0'."""
        return self._name

    @property
    def device(self) -> str | None:
        """Name of the device scope the variable was made in."""
        return self._placement

    @property
    def data(self) -> Any:
        """The device array; plans hold on to it, so its content changes and it does not."""
        if self._data is None:
            initial = self._initial
            if isinstance(initial, Tensor):
                assert _evaluate is not None
                initial = _evaluate(initial)
            elif initial.size > 16 and (initial == initial.flat[0]).all():
                self._initial = np.broadcast_to(initial.flat[0], initial.shape)  # kept for `reset`, but small
            self._data = self._device.asarray(initial, self.dtype)
        return self._data

    def replica(self, device: devices.Device) -> Any:
        """The array for a copy of the value on another GPU; who reads it sees to its content (`runtime.replicas`)."""
        shape = self.data.shape
        found = self._replicas.get(device.name)
        if found is None or found.shape != shape:
            with device.active():
                found = self._replicas[device.name] = device.empty(shape, self.dtype)
        return found

    def reset(self) -> None:
        """Take the initial value again; one made of random tensors is drawn anew."""
        if self._data is None:
            return
        assert _evaluate is not None
        initial = self._initial
        self.assign_value(_evaluate(initial) if isinstance(initial, Tensor) else initial)

    @property
    def initial(self) -> Any:
        """What the value was at first: an array or a tensor."""
        return self._initial

    def numpy(self) -> np.ndarray:
        """Copy of the value on the host."""
        return self._device.to_host(self.data)

    def assign_value(self, value: Any) -> None:
        """Overwrite the value now.

        Raises:
            ValueError: when the shape differs, naming both.
        """
        value = np.asarray(value)
        if self.shape is not None and (
            len(self.shape) != value.ndim
            or any(m is not None and m != n for m, n in zip(self.shape, value.shape, strict=True))
        ):
            raise ValueError(
                f"cannot set variable {self.name!r} of shape {tuple(self.shape)} to a value of shape {value.shape}"
            )
        replicas.written()
        if self._data is None:
            self._data = self._device.asarray(value, self.dtype)
        elif self._data.shape == value.shape:
            self._device.copy_in(self._data, value)
        else:
            self._data = self._device.asarray(value, self.dtype)
            _StorageEpoch.value += 1

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        twin = Variable(self.numpy(), self.dtype, self._name.split(":")[0].split("/")[-1], self.constraint)
        memo[id(self)] = twin
        return twin


def as_tensor(value: Any, dtype: Any = None) -> Tensor:
    """`value` as a tensor: tensors pass, arrays and numbers become constants.

    Float arrays take `dtype`, or floatx when none is given: NumPy's float64 never leaks in silently.

    Raises:
        TypeError: when the value is not numeric.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(v, Tensor) for v in value):
        stacked: Tensor = algebra.get("stack")([as_tensor(v, dtype) for v in value], 0)
        return stacked
    array = np.asarray(value)
    if not is_number(array.dtype):
        raise TypeError(
            f"cannot make a tensor of {type(value).__name__} {value!r}: expected numbers, got {array.dtype}"
        )
    if dtype is None:
        if array.dtype.kind == "f":
            dtype = floatx()
        elif array.dtype == np.int64 and not isinstance(value, (np.ndarray, np.generic)):
            dtype = "int32"
        else:
            dtype = array.dtype
    return Constant(array.astype(as_dtype(dtype)))


def apply(op: Op, *inputs: Tensor) -> Any:
    """Apply an operation to tensors; returns a tensor, or a tuple where the shape rule gives several specs."""
    if scope.hook() is not None:
        op, inputs = scope.through_hook(op, inputs)
    if op.precision and scope.low_precision() is not None:
        inputs = _in_precision(op, inputs)
    ins = [t.spec() for t in inputs]
    node = Node(op, inputs)
    partials = [t.partial for t in inputs]
    values = [partials[i] if i in op.shape_inputs else None for i in range(len(inputs))]
    if any(s.shape is None for s in ins):
        specs: Any = _unknown_rank(op, ins, values)
    else:
        specs = op.infer(ins, values)
    single = isinstance(specs, Spec)
    outs = tuple(Tensor(node, i, s.shape, s.dtype) for i, s in enumerate([specs] if single else specs))
    if single and outs[0].dtype.is_integer and outs[0].shape is not None and len(outs[0].shape) < 2:
        outs[0].partial = op.partial(partials, ins)
    if any(getattr(t, "_uses_learning_phase", False) for t in inputs):
        for t in outs:
            t._uses_learning_phase = True  # type: ignore[attr-defined]
    node.outputs = outs
    return outs[0] if single else outs


def _in_precision(op: Op, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The inputs of an operation in what it is done in inside a scope of low precision; float64 stays."""
    low = scope.low_precision()
    wanted, others = (low, "float32") if op.precision == "low" else (as_dtype("float32"), low)
    cast = algebra.get("cast")
    return tuple(cast(t, wanted) if t.dtype == others else t for t in inputs)


def is_weight(t: Tensor) -> bool:
    """Whether a tensor is a variable, a constant, or one of these in another shape or order."""
    if t.node is None:
        return isinstance(t, (Variable, Constant))
    return t.node.op.is_view and all(is_weight(x) or not x.dtype.is_floating for x in t.node.inputs)


def _unknown_rank(op: Op, ins: list[Spec], values: list[Partial]) -> Any:
    """Specs when an input's rank is unknown: what the rule gives for scalars, less its shape."""
    known = [s if s.shape is not None else Spec((), s.dtype) for s in ins]
    try:
        specs = op.infer(known, values)
    except (ValueError, IndexError):
        return Spec(None, ins[0].dtype)
    if isinstance(specs, Spec):
        return Spec(None, specs.dtype)
    return [Spec(None, s.dtype) for s in specs]
