"""Functions: inputs and outputs of a graph as a callable of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiler.function import Function as Compiled
from ..compiler.steps import GpuSteps, Steps, steps_of
from ..graph.tensor import Tensor, Variable
from ..runtime.feed import Rows
from .control import update as _checked_update
from .running import hidden_updates
from .sparse import SparsePlaceholder, densify, expand_feeds, is_scipy_sparse

__all__ = ["Function", "function"]

_PASSED_ON = (Rows, int, float, bool, np.float32)
_TENSORFLOW_ONLY = ("options", "run_metadata")


class Function:
    """Computes outputs from inputs and carries out updates.

    Arguments:
        inputs: list of tensors to feed; ints (a learning phase that was set) keep their place, nothing more.
        outputs: list of tensors to return.
        updates: list of (variable, new value) pairs and update tensors; all read the old values.
        name: name for messages.
        session_kwargs: `fetches`, a list of tensors and update tensors computed besides, not returned;
            `feed_dict`, a dict of values for further placeholders, read at every call.

    Raises:
        TypeError: when `inputs`, `outputs` or `updates` is not a list or tuple.
        ValueError: for other keywords.
    """

    def __init__(
        self, inputs: Any, outputs: Any, updates: Any = None, name: str | None = None, **session_kwargs: Any
    ) -> None:
        updates = [] if updates is None else updates
        for what, value in (("inputs", inputs), ("outputs", outputs), ("updates", updates)):
            if not isinstance(value, (list, tuple)):
                raise TypeError(f"`{what}` of a function should be a list or tuple, got {value!r}")
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.name = name
        self.feed_dict: dict[Tensor, Any] = session_kwargs.pop("feed_dict", None) or {}
        self.fetches = session_kwargs.pop("fetches", None) or []
        if not isinstance(self.fetches, (list, tuple)):
            self.fetches = [self.fetches]
        if session_kwargs:
            key = next(iter(session_kwargs))
            why = "it configures TensorFlow, which is not used" if key in _TENSORFLOW_ONLY else "it is not known"
            raise ValueError(f"K.function does not take {key!r}: {why}; it takes fetches and feed_dict")
        self._fed = tuple(i for i, t in enumerate(self.inputs) if isinstance(t, Tensor))
        self._sparse = any(isinstance(t, SparsePlaceholder) for t in self.inputs)
        for i, t in enumerate(self.inputs):
            if not isinstance(t, (Tensor, int, np.integer)):
                raise TypeError(f"input {i} of a function should be a tensor, got {t!r}")
        for i, t in enumerate(self.outputs):
            if not isinstance(t, Tensor):
                raise TypeError(f"output {i} of a function should be a tensor, got {t!r}")
        pairs: dict[tuple[Variable, Tensor], None] = {}  # an update that comes twice is carried out once
        self._extra: list[Tensor] = []
        for item in [*updates, *self.fetches, *[t for t in self.outputs if hasattr(t, "_update")]]:
            pair = _update_pair(item)
            if pair is not None:
                pairs[pair] = None
            else:
                self._extra.append(item)
        self.updates = list(pairs)
        self._compiled: dict[Any, Compiled] = {}

    def _function(self, given: tuple[int, ...]) -> Compiled:
        """The compiled function for the inputs at these positions (and feed_dict)."""
        key = (given, *self.feed_dict) if self.feed_dict else given
        compiled = self._compiled.get(key)
        if compiled is None:
            inputs, _ = expand_feeds([self.inputs[i] for i in given] + list(self.feed_dict))
            computed = self.outputs + self._extra
            carried = hidden_updates([*computed, *(new for _, new in self.updates)], inputs)
            updates = list(dict.fromkeys([*self.updates, *carried])) if carried else self.updates
            compiled = self._compiled[key] = Compiled(inputs, computed, updates)
        return compiled

    def _numbers(self, i: int, value: np.ndarray) -> np.ndarray:
        """An array of objects as one of the type of input `i`."""
        try:
            return value.astype(self.inputs[i].dtype.name)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"input {self.inputs[i].name!r} of a function: expected numbers, got an array of dtype {value.dtype} "
                f"and shape {value.shape} ({error})"
            ) from None

    def _short(self, inputs: Any) -> list[Any]:
        """Runs without the last inputs: Keras needs no values for what nothing reads, or for the learning phase."""
        names = ", ".join(t.name if isinstance(t, Tensor) else repr(t) for t in self.inputs)
        refusal = f"function {self.name or ''} takes {len(self.inputs)} inputs ({names}), got {len(inputs)}"
        if len(inputs) > len(self.inputs):
            raise ValueError(refusal)
        try:
            return self([*inputs, *(None for _ in self.inputs[len(inputs) :])])
        except ValueError as error:
            if "is needed but not fed" not in str(error):
                raise
            raise ValueError(f"{refusal}: {error}") from None

    def _evaluated(self, values: list[Any]) -> None:
        """Replaces symbolic tensors among the values by what they are now, computed together."""
        symbols = tuple(x for x in values if isinstance(x, Tensor))
        compiled = self._compiled.get(symbols)
        if compiled is None:
            compiled = self._compiled[symbols] = Compiled([], symbols)
        arrays = iter(compiled([]))
        values[:] = [next(arrays) if isinstance(x, Tensor) else x for x in values]

    def steps(self, inputs: list[Any]) -> Steps | GpuSteps | None:
        """What makes steps over rows of the same arrays, one batch after the other.

        Arguments:
            inputs: list of arrays of N rows, and numbers for a learning phase, one per input.

        Returns:
            A `Steps`, or what stands for it on a GPU; None where the function is to be called with each batch.
        """
        if self._sparse or self.feed_dict or self._extra or len(inputs) != len(self.inputs):
            return None
        given = tuple([i for i in self._fed if inputs[i] is not None])
        return steps_of(self._function(given), [inputs[i] for i in given])

    def __call__(self, inputs: Any) -> list[Any]:
        """Runs on one set of values.

        Arguments:
            inputs: list of arrays, numbers, SciPy sparse matrices or symbolic tensors (evaluated), one per input;
                None leaves an input at its default.  The last ones may be left out when they have a default or
                nothing reads them.

        Returns:
            List of NumPy arrays, NumPy scalars for outputs without axes.

        Raises:
            TypeError: when `inputs` is not a list or tuple.
            ValueError: when their number or a shape does not fit.
        """
        if not isinstance(inputs, (list, tuple)):
            raise TypeError(f"`inputs` should be a list or tuple, got {type(inputs).__name__}")
        if len(inputs) != len(self.inputs):
            return self._short(inputs)
        given = self._fed
        values = [inputs[i] for i in given]
        for value in values:
            if value is None:
                given = tuple([i for i in self._fed if inputs[i] is not None])
                values = [inputs[i] for i in given]
                break
        for i, value in enumerate(values):
            if type(value) is np.ndarray:
                if value.dtype.kind not in "fiub":
                    values[i] = self._numbers(given[i], value)
            elif type(value) in _PASSED_ON:
                continue
            elif is_scipy_sparse(value):
                if not self._sparse:
                    values[i] = densify(value)
            elif isinstance(value, Tensor):
                self._evaluated(values)
        if self._sparse or self.feed_dict:
            values.extend(self.feed_dict.values())
            _, values = expand_feeds([self.inputs[i] for i in given] + list(self.feed_dict), values)
        results = self._function(given)(values)
        return results[: len(self.outputs)] if self._extra else results


def _update_pair(item: Any) -> tuple[Variable, Tensor] | None:
    """Variable and new value of an update; None for a tensor that is computed for its effect only."""
    if isinstance(item, (list, tuple)) and len(item) == 2:
        item = _checked_update(*item)
    if not isinstance(item, Tensor):
        raise TypeError(f"an update should be a (variable, new value) pair or an update tensor, got {item!r}")
    pair: tuple[Variable, Tensor] | None = getattr(item, "_update", None)
    return pair


def function(inputs: Any, outputs: Any, updates: Any = None, **kwargs: Any) -> Function:
    """Makes a function of arrays.

    Arguments:
        inputs: list of tensors to feed.
        outputs: list of tensors to return.
        updates: list of (variable, new value) pairs and update tensors.
        kwargs: `name`, `fetches`, `feed_dict`; see `Function`.

    Returns:
        A `Function`: called with a list of arrays it returns a list of arrays.

    Raises:
        TypeError: when an argument is not a list or tuple.
        ValueError: for other keywords.
    """
    return Function(inputs, outputs, updates=updates, **kwargs)
