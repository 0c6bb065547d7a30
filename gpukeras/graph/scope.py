"""Name scopes, device scopes and unique names of the graph being built."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary


class _State:
    """Names in use and the scopes that are open."""

    def __init__(self) -> None:
        self.names: defaultdict[str, int] = defaultdict(int)
        self.prefix = ""
        self.device: str | None = None
        self.nodes = 0
        self.found: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self.hook: Callable[[Any, Any], Any] | None = None
        self.low: Any = None


_state = _State()


def reset() -> None:
    """Forget all names (a new graph)."""
    _state.names.clear()
    _state.found.clear()


def register(name: str, thing: Any) -> None:
    """Let a placeholder, variable or named node be found by its name as long as it is in use."""
    _state.found[name] = thing


def registered() -> dict[str, Any]:
    """Placeholders, variables and named nodes by name, in the order they were made."""
    return dict(_state.found.items())  # items() holds on to what it gives; keys could lose theirs meanwhile


def next_node_id() -> int:
    """A number that grows with every node made."""
    _state.nodes += 1
    return _state.nodes


def unique_name(name: str) -> str:
    """`name` inside the open scopes, with _1, _2, ... when taken."""
    full = _state.prefix + name
    seen = _state.names[full]
    _state.names[full] += 1
    if not seen:
        return full
    candidate = f"{full}_{seen}"
    while candidate in _state.names:
        seen += 1
        candidate = f"{full}_{seen}"
    _state.names[candidate] = 1
    return candidate


def current_scope() -> str:
    """Open scopes, each followed by a slash; '' outside any."""
    return _state.prefix


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Put `name/` before the names made inside."""
    before = _state.prefix
    _state.prefix = unique_name(name) + "/" if name else ""
    try:
        yield _state.prefix
    finally:
        _state.prefix = before


@contextmanager
def reopened(prefix: str) -> Iterator[str]:
    """Put exactly `prefix` before the names made inside, whatever scopes are open."""
    before = _state.prefix
    _state.prefix = prefix
    try:
        yield prefix
    finally:
        _state.prefix = before


def current_device() -> str | None:
    """Name of the innermost open device scope."""
    return _state.device


@contextmanager
def device_scope(name: str | None) -> Iterator[None]:
    """Tag the operations made inside with a device."""
    before = _state.device
    _state.device = name
    try:
        yield
    finally:
        _state.device = before


@contextmanager
def gradient_scope(of: str) -> Iterator[None]:
    """Name operations made inside after the scope of those they are gradients of: 'training/gradients/dense_1/'."""
    before = _state.prefix
    _state.prefix = f"{before}gradients/{of.rpartition('gradients/')[2]}"
    try:
        yield
    finally:
        _state.prefix = before


def low_precision() -> Any:
    """The 16-bit dtype that operations are to be done in where they can be; None: each in that of its inputs."""
    return _state.low


@contextmanager
def precision(low: Any) -> Iterator[None]:
    """Let the operations made inside be done in a 16-bit dtype where that is safe; None: in that of their inputs."""
    before = _state.low
    _state.low = low
    try:
        yield
    finally:
        _state.low = before


def hook() -> Callable[[Any, Any], Any] | None:
    """What changes operations and their inputs before they are applied: None unless a scope asks for it."""
    return _state.hook


def through_hook(op: Any, inputs: Any) -> Any:
    """An operation and its inputs as the open scopes want them."""
    change = _state.hook
    assert change is not None
    with hooked(None):
        return change(op, inputs)


@contextmanager
def hooked(change: Callable[[Any, Any], Any] | None) -> Iterator[None]:
    """Pass every operation made inside, with its inputs, through `change`; None: through nothing."""
    before = _state.hook
    _state.hook = change
    try:
        yield
    finally:
        _state.hook = before
