"""State of the backend: learning phase, unique numbers, and the session object scripts ask for."""

from __future__ import annotations

import gc
from collections import defaultdict
from typing import Any

import numpy as np

from ..graph import scope
from ..graph.scope import device_scope as device
from ..graph.scope import name_scope
from ..graph.tensor import Placeholder, Tensor
from .running import GRAPH, Session, available_gpus, default_session, set_default_session

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
    GRAPH.collections.clear()
    GRAPH.seed = None
    set_default_session(None)
    gc.collect()  # models are cyclic; scripts call this to get their memory back at once


def manual_variable_initialization(value: bool) -> None:
    """Says whether the caller sees to the initial values of variables.

    Variables here take their initial value by themselves when it is first needed, so nothing has to be done by
    hand; the flag is kept for scripts that set it.

    Arguments:
        value: bool.
    """
    _State.manual_initialization = bool(value)


def get_session() -> Any:
    """Returns the session object: the default one, the one set by `set_session`, or a new one.

    Returns:
        An object with `run`, `graph` and `close`.
    """
    default = default_session()
    if default is not None:
        return default
    if _State.session is None:
        _State.session = Session()
    return _State.session


def set_session(session: Any) -> None:
    """Sets the object `get_session` returns.

    Arguments:
        session: any object; computation does not depend on it.
    """
    _State.session = session


_get_available_gpus = available_gpus
