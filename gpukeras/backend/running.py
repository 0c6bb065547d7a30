"""Running parts of the graph by hand: sessions, operations and the graph as an object, as TensorFlow 1 has them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..compiler.function import Function as Compiled
from ..graph import scope
from ..graph.gradient import ancestors
from ..graph.tensor import Node, Tensor, Variable
from ..runtime import device as _devices
from ..runtime.lanes import virtual_devices
from .sparse import expand_feeds

__all__: list[str] = []

MAX_FUNCTIONS = 64  # compiled functions a session keeps, one per set of fetches and feeds

Update = tuple[Variable, Tensor]


class _State:
    sessions: list[Session] = []
    #: Whether a program has made updates that tensors carry with them (see `hidden_updates`).
    carries_updates = False


class Operation:
    """Something a program runs for its effect: a group of updates, an initializer, a training step.

    Arguments:
        name: base of its name.
        tensors: computed when it runs; those that update a variable do so.
        updates: (variable, new value) pairs.
        actions: functions without arguments, called before anything is computed.
    """

    def __init__(
        self,
        name: str,
        tensors: Sequence[Tensor] = (),
        updates: Sequence[Update] = (),
        actions: Sequence[Callable[[], Any]] = (),
    ) -> None:
        self.name = scope.unique_name(name)
        self.type = name
        self.tensors = list(tensors)
        self.updates = list(updates)
        self.actions = list(actions)
        self.inputs = self.tensors
        self.outputs: list[Tensor] = []
        scope.register(self.name, self)

    @property
    def op(self) -> Operation:
        """Itself, as a tensor has its operation."""
        return self

    @property
    def graph(self) -> Graph:
        """The graph."""
        return GRAPH

    def run(self, feed_dict: dict[Any, Any] | None = None, session: Session | None = None) -> None:
        """Runs it.

        Arguments:
            feed_dict: values of placeholders.
            session: a session; default: the current one.
        """
        current_session(session).run(self, feed_dict)

    def as_updates(self) -> list[Any]:
        """Its updates, for the `updates` of a function.

        Raises:
            NotImplementedError: when it does more than compute.
        """
        if self.actions:
            raise NotImplementedError(f"{self.name}: an operation that initializes variables cannot be a step")
        return [*self.updates, *self.tensors]

    def __repr__(self) -> str:
        return f"<Operation {self.name!r}>"


def carry_updates() -> None:
    """From now on functions look for updates behind the tensors they compute."""
    _State.carries_updates = True


def hidden_updates(tensors: Sequence[Tensor], leaves: Collection[Tensor] = ()) -> list[Update]:
    """Updates that must happen because `tensors` are computed from them (none unless a program made such)."""
    if not _State.carries_updates:
        return []
    outs = [t for node in ancestors(tensors, leaves) for t in node.outputs]
    return [t._update for t in outs if hasattr(t, "_update")]


class Leaf:
    """The operation of a tensor that no operation makes: a placeholder, variable or constant."""

    def __init__(self, tensor: Tensor) -> None:
        self.name = tensor.name.split(":")[0]
        self.type = type(tensor).__name__
        self.inputs: tuple[Tensor, ...] = ()
        self.outputs = (tensor,)
        self.device = tensor.device
        self.graph = GRAPH


class Graph:
    """The one graph there is, for programs that ask for it."""

    def __init__(self) -> None:
        self.seed: int | None = None  # TensorFlow's graph seed, and how many operations took theirs from it
        self.seeds_taken = 0
        self.collections: dict[Any, list[Any]] = {}

    @contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Does nothing: tensors of any thread belong to the same graph."""
        yield self

    def finalize(self) -> None:
        """Does nothing: a graph may always grow."""

    @contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """Tags what is made inside with a device."""
        with scope.device_scope(name):
            yield

    @contextmanager
    def name_scope(self, name: str) -> Iterator[str]:
        """Puts a prefix before the names made inside."""
        with scope.name_scope(name) as prefix:
            yield prefix

    def get_operations(self) -> list[Any]:
        """Placeholders, variables and operations that were given names; others have none that last."""
        return [Leaf(x) if isinstance(x, Tensor) else x for x in scope.registered().values()]

    def get_operation_by_name(self, name: str) -> Any:
        """The operation of this name.

        Raises:
            KeyError: when there is none.
        """
        found = scope.registered().get(name)
        if found is None:
            raise KeyError(
                f"The name {name!r} refers to an operation that is not in the graph; placeholders, variables and "
                "operations made with `name=` can be found by name"
            )
        return Leaf(found) if isinstance(found, Tensor) else found

    def get_tensor_by_name(self, name: str) -> Tensor:
        """The tensor of this name, such as 'x:0'.

        Raises:
            KeyError: when there is none.
            ValueError: when the name has no ':' and number.
        """
        base, colon, index = name.partition(":")
        if not colon or not index.isdigit():
            raise ValueError(f"Tensor names must be of the form 'operation:number', got {name!r}; try '{base}:0'")
        outputs = self.get_operation_by_name(base).outputs
        if int(index) >= len(outputs):
            raise KeyError(f"The operation {base!r} has {len(outputs)} outputs; there is no {name!r}")
        tensor: Tensor = outputs[int(index)]
        return tensor

    def as_graph_element(self, thing: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """The tensor or operation that `thing`, itself one or a name, stands for."""
        if isinstance(thing, str):
            return self.get_tensor_by_name(thing) if ":" in thing else self.get_operation_by_name(thing)
        return thing

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """A name no operation has yet."""
        return scope.unique_name(name)

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Puts a value into a named collection."""
        self.collections.setdefault(name, []).append(value)

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """The values in a named collection; with `scope`, those whose names begin with it."""
        values = list(self.collections.get(name, ()))
        return values if scope is None else [v for v in values if str(getattr(v, "name", "")).startswith(scope)]

    def get_collection_ref(self, name: Any) -> list[Any]:
        """The list that holds a named collection."""
        return self.collections.setdefault(name, [])

    def as_graph_def(self, *args: Any, **kwargs: Any) -> Any:
        """Not available: TensorFlow's own format of graphs."""
        raise NotImplementedError(
            "Graph.as_graph_def: graphs are not written in TensorFlow's format; model.save writes Keras'"
        )


GRAPH = Graph()


class Session:
    """Computes tensors by hand.

    Arguments:
        target: accepted; there is no server to connect to.
        graph: accepted; there is one graph.
        config: object whose `gpu_options` set the limit of the GPU memory pool; see `apply_config`.
    """

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.target = target
        self.graph = graph if graph is not None else GRAPH
        self.sess_str = target
        self.config = config
        self._functions: OrderedDict[Any, Compiled] = OrderedDict()
        self._open: list[Any] = []
        if config is not None:
            apply_config(config)

    def run(
        self, fetches: Any, feed_dict: dict[Any, Any] | None = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Computes tensors and runs operations.

        Arguments:
            fetches: tensor, operation or name, or (nested) list, tuple or dict of them; updates are carried out.
            feed_dict: values of placeholders, or of any tensor to be replaced.
            options, run_metadata: accepted; they configure TensorFlow.

        Returns:
            Arrays in the structure of `fetches`, None for operations.

        Raises:
            TypeError: for anything else among the fetches or feeds.
        """
        leaves: list[Any] = []
        plan = _collect(fetches, leaves)
        feeds: dict[Tensor, Any] = {}
        for key, value in (feed_dict or {}).items():
            tensor = self.graph.as_graph_element(key)
            if not isinstance(tensor, Tensor):
                raise TypeError(f"The key {key!r} of a feed_dict cannot be fed: expected a tensor or its name")
            feeds[tensor] = value
        inputs, fed = expand_feeds(list(feeds), list(feeds.values()))
        tensors = [t for t in leaves if isinstance(t, Tensor)]
        operations = [op for op in leaves if isinstance(op, Operation)]
        for op in operations:
            for action in op.actions:
                action()
        extra = [t for op in operations for t in op.tensors]
        updates = [pair for op in operations for pair in op.updates]
        function = self._function(tensors, extra, updates, inputs)
        values = iter(function(fed)) if tensors or extra or updates else iter(())
        return _rebuild(plan, values)

    def _function(
        self, tensors: list[Tensor], extra: list[Tensor], updates: list[Update], inputs: list[Tensor]
    ) -> Compiled:
        key = (*tensors, None, *extra, None, *updates, None, *inputs)
        function = self._functions.get(key)
        if function is None:
            outputs = [*tensors, *extra]
            carried = [t._update for t in outputs if hasattr(t, "_update")]
            carried += hidden_updates([*outputs, *(new for _, new in updates)], inputs)
            pairs = list(dict.fromkeys([*updates, *carried]))
            function = self._functions[key] = Compiled(inputs, outputs, pairs)
            if len(self._functions) > MAX_FUNCTIONS:
                self._functions.popitem(last=False)
        else:
            self._functions.move_to_end(key)
        return function

    def make_callable(self, fetches: Any, feed_list: Sequence[Tensor] = ()) -> Callable[..., Any]:
        """A function of the values of `feed_list` that runs `fetches`."""
        return lambda *values: self.run(fetches, dict(zip(feed_list, values, strict=True)))

    def close(self) -> None:
        """Lets go of what was compiled."""
        self._functions.clear()

    def list_devices(self) -> list[str]:
        """Names of the devices."""
        return ["/device:CPU:0", *available_gpus()]

    @contextmanager
    def as_default(self) -> Iterator[Session]:
        """Makes this the default session inside a with statement."""
        _State.sessions.append(self)
        try:
            yield self
        finally:
            end_default_session(self)

    def __enter__(self) -> Session:
        self._open.append(self.as_default())
        self._open[-1].__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._open.pop().__exit__(*exc)


def default_session() -> Session | None:
    """The innermost session in use as the default, or None."""
    return _State.sessions[-1] if _State.sessions else None


def set_default_session(session: Session | None) -> None:
    """Makes a session the default until it is closed (an interactive session); None ends all defaults."""
    if session is None:
        _State.sessions.clear()
    else:
        _State.sessions.append(session)


def end_default_session(session: Session) -> None:
    """Ends what `set_default_session` or a with statement began, once."""
    if session in _State.sessions:
        _State.sessions.reverse()
        _State.sessions.remove(session)
        _State.sessions.reverse()


def current_session(session: Any = None) -> Any:
    """The session given, or the default one, or any: values do not depend on it."""
    return session or default_session() or Session()


def _collect(fetches: Any, leaves: list[Any]) -> Any:
    """What is to be run, appended to `leaves`; returns `fetches` with names resolved."""
    if isinstance(fetches, str):
        fetches = GRAPH.as_graph_element(fetches)
    if isinstance(fetches, Node):
        fetches = Operation("run", fetches.outputs)
    elif isinstance(fetches, Leaf):
        fetches = Operation("run", [t for t in fetches.outputs if isinstance(t, Variable)])
    if isinstance(fetches, (Tensor, Operation)):
        leaves.append(fetches)
        return fetches
    if isinstance(fetches, (list, tuple)):
        parts = [_collect(part, leaves) for part in fetches]
        return type(fetches)(*parts) if hasattr(fetches, "_fields") else type(fetches)(parts)
    if isinstance(fetches, dict):
        return {key: _collect(part, leaves) for key, part in fetches.items()}
    raise TypeError(
        f"a session runs tensors, operations and their names, or lists, tuples and dicts of them; got {fetches!r}"
    )


def _rebuild(plan: Any, values: Iterator[Any]) -> Any:
    if isinstance(plan, Tensor):
        return next(values)
    if isinstance(plan, dict):
        return {key: _rebuild(part, values) for key, part in plan.items()}
    if isinstance(plan, (list, tuple)):
        parts = [_rebuild(part, values) for part in plan]
        return type(plan)(*parts) if hasattr(plan, "_fields") else type(plan)(parts)
    return None


def available_gpus() -> list[str]:
    """Names of the GPUs in use, as TensorFlow spells them; `GPUKERAS_VIRTUAL_DEVICES` of them where it is set."""
    if virtual_devices():
        return [f"/device:GPU:{i}" for i in range(virtual_devices())]
    xp, _ = _devices.cupy_or_reason()
    return [] if xp is None else [f"/device:GPU:{i}" for i in range(int(xp.cuda.runtime.getDeviceCount()))]


def apply_config(config: Any) -> None:
    """Carries out what a session's configuration says about devices and memory.

    Arguments:
        config: object with `gpu_options` (`per_process_gpu_memory_fraction`, `allow_growth`,
            `visible_device_list`) and `device_count`; a GPU's memory pool is limited to the fraction, and has no
            limit where growth is allowed without one.
    """
    options = getattr(config, "gpu_options", None)
    if (getattr(config, "device_count", None) or {}).get("GPU") == 0:
        _devices.use_cpu()
    elif getattr(options, "visible_device_list", ""):
        _devices.use_gpus([int(i) for i in str(options.visible_device_list).split(",")])
    fraction = float(getattr(options, "per_process_gpu_memory_fraction", 0) or 0)
    if fraction or getattr(options, "allow_growth", False):
        _devices.limit_gpu_memory(fraction)


# --- methods that programs call on tensors ------------------------------------------------------------------------


def _eval(self: Tensor, feed_dict: dict[Any, Any] | None = None, session: Any = None) -> Any:
    """Computes the value of the tensor.

    Arguments:
        feed_dict: values of placeholders.
        session: a session; default: the current one.

    Returns:
        Array.
    """
    return current_session(session).run(self, feed_dict)


def _evaluate_variable(self: Variable, session: Any = None) -> np.ndarray:
    """Computes the value of the variable."""
    return self.numpy()[()]  # type: ignore[no-any-return]


def _load(self: Variable, value: Any, session: Any = None) -> None:
    """Overwrites the value of the variable."""
    self.assign_value(value)


Tensor.eval = _eval  # type: ignore[attr-defined]
Tensor.graph = property(lambda self: GRAPH, doc="The graph.")  # type: ignore[attr-defined]
Tensor.op = property(lambda self: Leaf(self) if self.node is None else self.node, doc="What makes the tensor.")  # type: ignore[method-assign,assignment]
Variable.eval = _evaluate_variable  # type: ignore[attr-defined]
Variable.load = _load  # type: ignore[attr-defined]
Node.graph = property(lambda self: GRAPH, doc="The graph.")  # type: ignore[attr-defined]
