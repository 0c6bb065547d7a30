"""State of the backend: learning phase, unique numbers, and the session object scripts ask for."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..compiler.function import Function as Compiled
from ..graph import scope
from ..graph.scope import device_scope as device
from ..graph.scope import name_scope
from ..graph.tensor import Placeholder, Tensor
from ..runtime import device as _devices
from .sparse import expand_feeds

__all__ = [
    "clear_session",
    "device",
    "get_session",
    "get_uid",
    "learning_phase",
    "manual_variable_initialization",
    "name_scope",
    "reset_uids",
    "set_learning_phase",
    "set_session",
]


class _State:
    """What `clear_session` starts anew."""

    learning_phase: int | Placeholder | None = None
    uids: defaultdict[str, int] = defaultdict(int)
    session: Any = None
    manual_initialization = False


def learning_phase() -> Any:
    """Returns the learning phase: 0 for testing, 1 for training.

    Returns:
        A boolean scalar tensor to be fed to functions (0 when it is not), or the int set by `set_learning_phase`.
    """
    if _State.learning_phase is None:
        phase = Placeholder((), "bool", "keras_learning_phase", default=np.False_)
        phase.by_value = True
        _State.learning_phase = phase
    return _State.learning_phase


def set_learning_phase(value: int) -> None:
    """Fixes the learning phase for everything built from now on.

    Arguments:
        value: 0 (testing) or 1 (training).

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, Tensor) or value not in (0, 1):
        raise ValueError(f"Expected learning phase to be 0 or 1, got {value!r}")
    _State.learning_phase = int(value)


def get_uid(prefix: str = "") -> int:
    """Returns the next number for a prefix: 1, 2, ...

    Arguments:
        prefix: string; every prefix counts by itself.

    Returns:
        An int.
    """
    _State.uids[prefix] += 1
    return _State.uids[prefix]


def reset_uids() -> None:
    """Makes `get_uid` count from 1 again for every prefix."""
    _State.uids.clear()


def clear_session() -> None:
    """Starts anew: names and layer numbers, learning phase, and the memory of models no longer referred to."""
    scope.reset()
    reset_uids()
    _State.learning_phase = None
    _State.session = None
    gc.collect()  # models are cyclic; scripts call this to get their memory back at once


def manual_variable_initialization(value: bool) -> None:
    """Says whether the caller sees to the initial values of variables.

    Variables here take their initial value by themselves when it is first needed, so nothing has to be done by
    hand; the flag is kept for scripts that set it.

    Arguments:
        value: bool.
    """
    _State.manual_initialization = bool(value)


class Graph:
    """Stands for the one graph there is, for scripts written around `session.graph`."""

    @contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Does nothing: tensors of any thread belong to the same graph."""
        yield self

    def finalize(self) -> None:
        """Does nothing: a graph may always grow."""


class Session:
    """Stands for a TensorFlow session, for scripts that reach for `K.get_session()`.

    Arguments:
        target, graph, config: accepted and kept; they configure TensorFlow, which is not here.
    """

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        self.target = target
        self.graph = graph if graph is not None else _GRAPH
        self.config = config

    def run(self, fetches: Any, feed_dict: dict[Tensor, Any] | None = None) -> Any:
        """Computes tensors.

        Arguments:
            fetches: tensor, or list, tuple or dict of tensors; update tensors are carried out.
            feed_dict: values of placeholders, or of any tensor to be replaced.

        Returns:
            Arrays in the structure of `fetches`.
        """
        feeds = feed_dict or {}
        leaves: list[Tensor] = []
        _collect(fetches, leaves)
        updates = [t._update for t in leaves if hasattr(t, "_update")]
        inputs, fed = expand_feeds(list(feeds), list(feeds.values()))
        values = iter(Compiled(inputs, leaves, updates)(fed))
        return _rebuild(fetches, values)

    def close(self) -> None:
        """Does nothing: there is nothing to release."""

    def list_devices(self) -> list[str]:
        """Names of the devices."""
        return ["/device:CPU:0", *_get_available_gpus()]

    @contextmanager
    def as_default(self) -> Iterator[Session]:
        """Uses this session inside a with statement."""
        before, _State.session = _State.session, self
        try:
            yield self
        finally:
            _State.session = before

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: Any) -> None:
        return None


def _collect(fetches: Any, leaves: list[Tensor]) -> None:
    if isinstance(fetches, Tensor):
        leaves.append(fetches)
    elif isinstance(fetches, (list, tuple)):
        for part in fetches:
            _collect(part, leaves)
    elif isinstance(fetches, dict):
        for part in fetches.values():
            _collect(part, leaves)
    elif fetches is not None:
        raise TypeError(f"a session runs tensors, or lists, tuples and dicts of them; got {fetches!r}")


def _rebuild(fetches: Any, values: Iterator[Any]) -> Any:
    if isinstance(fetches, Tensor):
        return next(values)
    if isinstance(fetches, dict):
        return {key: _rebuild(part, values) for key, part in fetches.items()}
    if isinstance(fetches, (list, tuple)):
        return type(fetches)([_rebuild(part, values) for part in fetches])
    return None


_GRAPH = Graph()


def get_session() -> Any:
    """Returns the session object: the one set by `set_session`, or a stand-in.

    Returns:
        An object with `run`, `graph` and `close`.
    """
    if _State.session is None:
        _State.session = Session()
    return _State.session


def set_session(session: Any) -> None:
    """Sets the object `get_session` returns.

    Arguments:
        session: any object; computation does not depend on it.
    """
    _State.session = session


def _get_available_gpus() -> list[str]:
    """Names of the GPUs in use, as TensorFlow spells them."""
    xp, _ = _devices.cupy_or_reason()
    return [] if xp is None else [f"/device:GPU:{i}" for i in range(int(xp.cuda.runtime.getDeviceCount()))]
