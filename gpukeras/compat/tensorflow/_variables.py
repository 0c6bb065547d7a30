"""Variables, how they get values, and the initializers and scopes around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ... import ops
from ...backend.control import update
from ...backend.running import GRAPH, Operation, carry_updates
from ...graph import scope
from ...graph.dtype import as_dtype
from ...graph.tensor import Tensor
from ...graph.tensor import Variable as GraphVariable
from ._base import convert, label
from ._gather import scatter_nd
from ._shapes import TensorShape

AUTO_REUSE = "AUTO_REUSE"


class GraphKeys:
    """Names of collections."""

    GLOBAL_VARIABLES = "variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    LOCAL_VARIABLES = "local_variables"
    MODEL_VARIABLES = "model_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    LOSSES = "losses"
    UPDATE_OPS = "update_ops"
    SUMMARIES = "summaries"
    GLOBAL_STEP = "global_step"
    TABLE_INITIALIZERS = "table_initializer"


# --- the class ----------------------------------------------------------------------------------------------------


class _AnyVariable(type):
    """Makes every variable of the graph, those of Keras layers too, an instance of `tf.Variable`."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, GraphVariable)


class Variable(GraphVariable, metaclass=_AnyVariable):
    """A tensor with a value that lasts between runs.

    Arguments:
        initial_value: number, array, tensor, or function that returns one.
        trainable: whether optimizers take it when they are given no list.
        name: base of its name.
        dtype: element type; default: that of the value, Python floats being float32.
        constraint: function applied by optimizers after an update.
        Others are accepted for TensorFlow's sake.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        value = convert(initial_value() if callable(initial_value) else initial_value, dtype)
        if value.shape is None or None in tuple(value.shape):
            raise ValueError(f"a variable needs an initial value of fully known shape, got {value!r}")
        start = value.value if hasattr(value, "value") and not isinstance(value, GraphVariable) else value
        super().__init__(start, value.dtype, name, constraint)
        self._keras_shape = tuple(self.shape or ())
        self._uses_learning_phase = False
        self.trainable = bool(trainable)
        for key in collections or ():
            GRAPH.add_to_collection(key, self)


# --- giving values ------------------------------------------------------------------------------------------------


def _made(out: Tensor, name: Any) -> Tensor:
    carry_updates()
    renamed: Tensor = label(out, name)
    if renamed is not out and hasattr(out, "_update"):
        renamed._update = out._update  # type: ignore[attr-defined]
    return renamed


def assign(ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None, name: Any = None) -> Tensor:
    """An update that sets a variable; its value is the new value."""
    return _made(update(ref, convert(value, ref.dtype)), name)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: Any = None) -> Tensor:
    """An update that adds to a variable; its value is the new value."""
    return _made(update(ref, ops.add(current(ref), convert(value, ref.dtype))), name)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: Any = None) -> Tensor:
    """An update that subtracts from a variable; its value is the new value."""
    return _made(update(ref, ops.subtract(current(ref), convert(value, ref.dtype))), name)


def current(ref: Any) -> Tensor:
    """A variable as a tensor.

    Raises:
        TypeError: for anything else.
    """
    if not isinstance(ref, GraphVariable):
        raise TypeError(f"expected a variable to update, got {ref!r}")
    return ref


def _row_change(ref: Any, indices: Any, updates: Any) -> tuple[Tensor, Tensor, Tensor]:
    """For rows of a variable: sum of the updates of each, how many there are, and the variable."""
    v, index = current(ref), convert(indices)
    rows = ops.broadcast_to(convert(updates, v.dtype), [*_lengths(index), *_lengths(v)[1:]])
    change = ops.scatter_add(index, rows, _lengths(v))
    count = ops.scatter_add(index, ops.ones_like(index, v.dtype), _lengths(v)[:1])
    return change, ops.reshape(count, [-1] + [1] * (len(v.shape or ()) - 1)), v


def _lengths(x: Tensor) -> list[Any]:
    from ._base import sizes

    return sizes(x)


def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None) -> Tensor:
    """An update that adds to some rows of a variable; rows named twice get both."""
    change, _, v = _row_change(ref, indices, updates)
    return _made(update(ref, v + change), name)


def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None) -> Tensor:
    """An update that subtracts from some rows of a variable; rows named twice lose both."""
    change, _, v = _row_change(ref, indices, updates)
    return _made(update(ref, v - change), name)


def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: Any = True, name: Any = None) -> Tensor:
    """An update that replaces some rows of a variable; a row named twice gets the mean of its updates."""
    change, count, v = _row_change(ref, indices, updates)
    mean = change / ops.maximum(count, 1) if v.dtype.is_floating else change
    return _made(update(ref, ops.where(count > 0, mean, v)), name)


def scatter_nd_add(ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None) -> Tensor:
    """An update that adds to some elements of a variable."""
    v = current(ref)
    return _made(update(ref, v + scatter_nd(indices, convert(updates, v.dtype), _lengths(v))), name)


def scatter_nd_sub(ref: Any, indices: Any, updates: Any, use_locking: Any = False, name: Any = None) -> Tensor:
    """An update that subtracts from some elements of a variable."""
    v = current(ref)
    return _made(update(ref, v - scatter_nd(indices, convert(updates, v.dtype), _lengths(v))), name)


def scatter_nd_update(ref: Any, indices: Any, updates: Any, use_locking: Any = True, name: Any = None) -> Tensor:
    """An update that replaces some elements of a variable."""
    from ._gather import tensor_scatter_update

    return _made(update(ref, tensor_scatter_update(current(ref), indices, updates)), name)


# --- collections and initializers ---------------------------------------------------------------------------------


def _named_variables() -> list[Any]:
    return [v for v in scope.registered().values() if isinstance(v, GraphVariable)]


def _within(variables: Sequence[Any], prefix: str | None) -> list[Any]:
    return [v for v in variables if prefix is None or v.name.startswith(prefix)]


def global_variables(scope: str | None = None) -> list[Any]:
    """All variables of the graph that are in use, those of Keras layers too."""
    return _within([v for v in _named_variables() if v not in GRAPH.get_collection("local_variables")], scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """All variables but those made with trainable=False."""
    return _within([v for v in global_variables() if getattr(v, "trainable", True)], scope)


def local_variables(scope: str | None = None) -> list[Any]:
    """Variables put into the collection of local ones."""
    return GRAPH.get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """Variables put into the collection of moving averages."""
    return GRAPH.get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


model_variables = local_variables
all_variables = global_variables


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """The values in a named collection of the graph."""
    own = {GraphKeys.GLOBAL_VARIABLES: global_variables, GraphKeys.TRAINABLE_VARIABLES: trainable_variables}
    return own[key](scope) if key in own else GRAPH.get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """The list that holds a named collection."""
    return GRAPH.get_collection_ref(key)


def add_to_collection(name: Any, value: Any) -> None:
    """Puts a value into a named collection of the graph."""
    GRAPH.add_to_collection(name, value)


def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Operation:
    """An operation that gives variables their initial values again."""
    return Operation(name, actions=[v.reset for v in var_list])


def global_variables_initializer() -> Operation:
    """An operation that gives every variable its initial value again, Keras' weights too; random ones are redrawn."""
    return Operation("init", actions=[_reset_all])


def _reset_all() -> None:
    for v in _named_variables():
        v.reset()


def local_variables_initializer() -> Operation:
    """An operation that gives local variables their initial values again."""
    return variables_initializer(local_variables(), "init_local")


def tables_initializer(name: str = "init_all_tables") -> Operation:
    """An operation that does nothing: there are no tables."""
    return Operation(name)


initialize_all_variables = global_variables_initializer
initialize_local_variables = local_variables_initializer
initialize_all_tables = tables_initializer
initialize_variables = variables_initializer


def is_variable_initialized(variable: Any) -> Tensor:
    """True: variables take their initial value by themselves."""
    return convert(True)


def report_uninitialized_variables(var_list: Any = None, name: str = "report_uninitialized_variables") -> Tensor:
    """An empty vector: variables take their initial value by themselves."""
    return convert(np.zeros((0,), "float32"))


# --- scopes -------------------------------------------------------------------------------------------------------


class VariableScope:
    """A prefix of variables' names, and whether they are shared.

    Arguments:
        name: the prefix.
        reuse: None, True or AUTO_REUSE.
        initializer: default for `get_variable`.
    """

    def __init__(self, name: str, reuse: Any = None, initializer: Any = None) -> None:
        self.name = name
        self.reuse = reuse
        self.initializer = initializer

    @property
    def original_name_scope(self) -> str:
        """The prefix with a slash."""
        return self.name + "/"

    def reuse_variables(self) -> None:
        """From now on `get_variable` returns variables that exist."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Sets the default for `get_variable`."""
        self.initializer = initializer


class _Scopes:
    stack: list[VariableScope] = [VariableScope("")]
    shared: dict[str, Any] = {}


def reset_scopes() -> None:
    """Forgets the variables that could be shared."""
    _Scopes.shared.clear()
    del _Scopes.stack[1:]


def get_variable_scope() -> VariableScope:
    """The innermost open scope of variables."""
    return _Scopes.stack[-1]


@contextmanager
def variable_scope(
    name_or_scope: Any, default_name: str | None = None, values: Any = None, initializer: Any = None,
    reuse: Any = None, **kwargs: Any,
) -> Iterator[VariableScope]:  # fmt: skip
    """Puts a prefix before the names of variables made inside; with `reuse` those that exist are shared."""
    outer = get_variable_scope()
    if isinstance(name_or_scope, VariableScope):
        name = name_or_scope.name
        reuse = reuse or name_or_scope.reuse
    else:
        short = name_or_scope or default_name
        if short is None:
            raise ValueError("If default_name is None then name_or_scope is required")
        name = f"{outer.name}/{short}" if outer.name else short
    opened = VariableScope(name, reuse or outer.reuse, initializer or outer.initializer)
    _Scopes.stack.append(opened)
    try:
        with scope.name_scope(name.rsplit("/", 1)[-1]):
            yield opened
    finally:
        _Scopes.stack.remove(opened)


def get_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, regularizer: Any = None,
    trainable: Any = None, collections: Any = None, caching_device: Any = None, partitioner: Any = None,
    validate_shape: bool = True, use_resource: Any = None, custom_getter: Any = None, constraint: Any = None,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """A variable of the open scope: an existing one where the scope says to share, else a new one.

    Raises:
        ValueError: when it exists and is not to be shared, or the other way round.
    """
    current_scope = get_variable_scope()
    full = f"{current_scope.name}/{name}" if current_scope.name else name
    found = _Scopes.shared.get(full)
    if found is not None:
        if not current_scope.reuse:
            raise ValueError(f"Variable {full} already exists, disallowed. Did you mean to set reuse=True?")
        if shape is not None and not TensorShape(shape).is_compatible_with(tuple(found.shape)):
            raise ValueError(f"Trying to share variable {full}, but specified shape {shape} and found {found.shape}")
        return found
    if current_scope.reuse is True:
        raise ValueError(f"Variable {full} does not exist, or was not created with tf.get_variable()")
    value = _start(initializer or current_scope.initializer, shape, as_dtype(dtype or "float32"), full)
    keep = True if trainable is None else trainable
    variable = Variable(value, trainable=keep, name=name, dtype=dtype, constraint=constraint, collections=collections)
    variable._name = f"{full}:0"  # names of shared variables follow their scope alone
    scope.register(full, variable)
    if regularizer is not None:
        GRAPH.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, regularizer(variable))
    _Scopes.shared[full] = variable
    return variable


def _start(initializer: Any, shape: Any, dtype: Any, name: str) -> Any:
    if initializer is not None and not callable(initializer):
        return convert(initializer, dtype)
    if shape is None:
        raise ValueError(f"Shape of a new variable ({name}) must be fully defined, but instead was None.")
    dims = TensorShape(shape).known()
    if initializer is None:
        from ...initializers import glorot_uniform

        initializer = glorot_uniform() if dtype.is_floating else (lambda s, dtype: ops.fill(s, 0, dtype))
    elif isinstance(initializer, type):
        initializer = initializer()
    return initializer(dims, dtype=dtype)


# --- methods of variables -----------------------------------------------------------------------------------------


def _assign(self: Any, value: Any, use_locking: bool = False, name: Any = None, read_value: bool = True) -> Tensor:
    """An update that sets the variable; its value is the new value."""
    return assign(self, value, name=name)


def _assign_add(self: Any, delta: Any, use_locking: bool = False, name: Any = None, read_value: bool = True) -> Tensor:
    """An update that adds to the variable; its value is the new value."""
    return assign_add(self, delta, name=name)


def _assign_sub(self: Any, delta: Any, use_locking: bool = False, name: Any = None, read_value: bool = True) -> Tensor:
    """An update that subtracts from the variable; its value is the new value."""
    return assign_sub(self, delta, name=name)


def _value(self: Any) -> Tensor:
    """The value as a tensor."""
    return ops.identity(self)


def install() -> None:
    """Gives variables the methods of TensorFlow's."""
    methods: dict[str, Any] = {
        "assign": _assign,
        "assign_add": _assign_add,
        "assign_sub": _assign_sub,
        "value": _value,
        "read_value": _value,
        "initialized_value": _value,
        "initializer": property(lambda self: variables_initializer([self]), doc="Gives the initial value again."),
        "initial_value": property(lambda self: convert(self.initial, self.dtype), doc="The initial value, a tensor."),
    }
    for name, method in methods.items():
        setattr(GraphVariable, name, method)


install()
NAMES = [
    n
    for n, v in list(globals().items())
    if callable(v)
    and getattr(v, "__module__", "") == __name__
    and n[0] != "_"
    and n not in ("install", "current", "reset_scopes")
] + ["AUTO_REUSE"]
