"""`tf.while_loop` and `tf.TensorArray`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import backend as K
from ... import ops
from ...compiler import loop as loops
from ...graph.dtype import as_dtype
from ...graph.tensor import Tensor
from ._base import convert, static
from ._control import flatten, rebuild
from ._shapes import TensorShape


class TensorArray:
    """Tensors put aside one by one and read, or stacked, later.

    Arguments:
        dtype: type of the elements.
        size: how many there are; only a hint.
        Others are accepted for TensorFlow's sake.
    """

    def __init__(
        self, dtype: Any, size: Any = None, dynamic_size: Any = None, clear_after_read: Any = None,
        tensor_array_name: Any = None, handle: Any = None, flow: Any = None, infer_shape: bool = True,
        element_shape: Any = None, colocate_with_first_write_call: bool = True, name: Any = None,
    ) -> None:  # fmt: skip
        self.dtype = as_dtype(dtype)
        self.element_shape = element_shape
        self._size = size
        self._rows: dict[int, Tensor] = {}
        self._tail: Tensor | None = None  # rows from index len(_rows) on, stacked
        self._writes: list[tuple[Tensor, Tensor]] | None = None  # inside a loop
        self._outer: TensorArray | None = None
        self.flow = self.handle = None

    def _copy(self) -> TensorArray:
        twin = TensorArray(self.dtype, self._size, element_shape=self.element_shape)
        twin._rows, twin._tail, twin._outer = dict(self._rows), self._tail, self._outer
        twin._writes = None if self._writes is None else list(self._writes)
        return twin

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """This array with an element put at an index."""
        twin = self._copy()
        x = convert(value, self.dtype)
        if twin._writes is not None:
            twin._writes.append((convert(index), x))
            return twin
        place = int(static(index, "TensorArray.write: the index outside a loop"))
        if twin._tail is not None:
            raise NotImplementedError("TensorArray.write after a loop has written or after unstack")
        twin._rows[place] = x
        return twin

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """The element at an index."""
        if self._outer is not None:
            if self._writes:
                raise NotImplementedError(
                    "TensorArray.read after a write in the same loop: carry the value as a tensor"
                )
            return self._outer.read(index)
        known = index if isinstance(index, int) else index.partial if isinstance(index, Tensor) else int(index)
        if isinstance(known, int) and known in self._rows:
            return self._rows[known]
        return ops.gather(self.stack(), convert(index))

    def stack(self, name: str | None = None) -> Tensor:
        """All elements along a new first axis."""
        if self._outer is not None:
            raise NotImplementedError("TensorArray.stack inside the loop that writes it")
        if sorted(self._rows) != list(range(len(self._rows))):
            raise ValueError(f"TensorArray.stack: only the elements {sorted(self._rows)} were written")
        rows = ops.stack([self._rows[i] for i in range(len(self._rows))], 0) if self._rows else None
        parts = [p for p in (rows, self._tail) if p is not None]
        if not parts:
            raise ValueError("TensorArray.stack: nothing was written")
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, 0)

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements at some indices, along a new first axis."""
        return ops.gather(self.stack(), convert(indices))

    def concat(self, name: str | None = None) -> Tensor:
        """All elements one after the other along their first axis."""
        rows = self.stack()
        from ._base import sizes

        lengths = sizes(rows)
        return ops.reshape(rows, [-1, *lengths[2:]])

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """An array of the slices of a tensor along its first axis."""
        twin = TensorArray(self.dtype, self._size)
        twin._tail = convert(value, self.dtype)
        return twin

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """This array with the slices of a tensor put at some indices."""
        twin = self
        rows = convert(value)
        for k, i in enumerate(static(indices, "TensorArray.scatter: the indices")):
            twin = twin.write(int(i), rows[k])
        return twin

    def size(self, name: str | None = None) -> Tensor:
        """The number of elements."""
        if self._tail is None:
            return convert(max(len(self._rows), int(static(self._size or 0, "size"))))
        return ops.shape(self.stack())[0]

    def identity(self) -> TensorArray:
        """This array."""
        return self

    def close(self, name: str | None = None) -> None:
        """Does nothing."""


def _inside(array: TensorArray) -> TensorArray:
    """Stands for an array in the body of a loop."""
    twin = array._copy()
    twin._outer, twin._writes = array, []
    return twin


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, shape_invariants: Any = None,
    parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
    maximum_iterations: Any = None, return_same_structure: bool = False,
) -> Any:  # fmt: skip
    """Repeats `body` on some tensors as long as `cond` of them holds.

    A loop with a counter (`i < n` and `i + 1`) or with `maximum_iterations` has a gradient and a static plan.  Any
    other runs operation by operation until its condition fails, and has none.

    Arguments:
        cond: function of the loop's tensors that returns a scalar truth value.
        body: function of the loop's tensors that returns new ones in the same structure.
        loop_vars: (nested) list of tensors and TensorArrays.
        shape_invariants: what is known of their shapes at every step, where they change.
        Others are accepted for TensorFlow's sake.

    Returns:
        The last values, in the structure of `loop_vars`; a single one by itself.
    """
    if not callable(cond) or not callable(body):
        raise TypeError("cond and body must be callable.")
    if not isinstance(loop_vars, (list, tuple)):
        loop_vars = [loop_vars]
    leaves = [x if isinstance(x, TensorArray) else convert(x) for x in flatten(loop_vars)]
    arrays = [x for x in leaves if isinstance(x, TensorArray)]
    initial = [x for x in leaves if isinstance(x, Tensor)]
    limit = None if maximum_iterations is None else int(static(maximum_iterations, "maximum_iterations"))

    def with_arrays(states: list[Any], stand_ins: list[Any]) -> Any:
        a, b = iter(states), iter(stand_ins)
        return rebuild(loop_vars, iter([next(b) if isinstance(x, TensorArray) else next(a) for x in leaves]))

    written: list[bool] = []  # which arrays a step writes; the others are read only

    def goes_on(states: list[Tensor]) -> Any:
        return cond(*with_arrays(states, [_inside(a) for a in arrays]))

    def step(states: list[Tensor]) -> Any:
        result = body(*with_arrays(states, [_inside(a) for a in arrays]))
        new = flatten(result if isinstance(result, (list, tuple)) else [result])
        after = [x for x in new if isinstance(x, TensorArray)]
        written[:] = [bool(x._writes) for x in after]
        extras = [_write_of(x) for x in after if x._writes]
        return [x if isinstance(x, Tensor) else convert(x) for x in new if not isinstance(x, TensorArray)], extras

    shapes = _shapes(initial, leaves, shape_invariants)
    trace = loops.trace(goes_on, step, initial, shapes)
    finals, rows = _run(trace, goes_on, step, initial, limit, back_prop)
    filled = iter(rows)
    full = [_filled(a, next(filled)) if wrote else a for a, wrote in zip(arrays, written)]
    out = with_arrays(finals if back_prop else [K.stop_gradient(x) for x in finals], full)
    return out[0] if len(out) == 1 and not return_same_structure else out


def _write_of(array: TensorArray) -> tuple[Tensor, Tensor]:
    assert array._writes
    if len(array._writes) != 1:
        raise NotImplementedError(f"while_loop: a step may write a TensorArray once, got {len(array._writes)} times")
    return array._writes[0]


def _shapes(initial: list[Tensor], leaves: list[Any], invariants: Any) -> list[Any]:
    if invariants is None:
        return [None if t.shape is None else tuple(t.shape) for t in initial]
    given = [s for s, x in zip(_flat_shapes(invariants), leaves) if not isinstance(x, TensorArray)]
    return [None if s == TensorShape(None) else tuple(TensorShape(s).as_list()) for s in given]


def _flat_shapes(structure: Any) -> list[Any]:
    if isinstance(structure, TensorShape) or structure is None:
        return [structure]
    return [s for part in structure for s in _flat_shapes(part)]


def _run(
    trace: Any, goes_on: Any, step: Any, initial: list[Tensor], limit: int | None, back_prop: bool
) -> tuple[list[Tensor], list[Tensor]]:
    keeps_shapes = all(_agree(s.shape, a.shape) for s, a in zip(initial, trace.after))
    counter = loops.find_counter(trace.condition, trace.states, trace.after) if keeps_shapes else None
    if counter is not None:
        place = trace.states[counter.place]
        if all(loops.uncast(index) is place for index, _ in trace.extras):
            return loops.counted(step, counter, initial, limit)
    if trace.extras:
        raise NotImplementedError(
            "while_loop: a TensorArray can be written at the counter of a loop `i < n` with `i + 1` only; "
            "use tf.map_fn, tf.scan or K.rnn"
        )
    if limit is not None and keeps_shapes:
        return loops.limited(goes_on, step, initial, limit), []
    return loops.open_ended(trace, initial, back_prop, limit), []


def _agree(a: Any, b: Any) -> bool:
    return a is not None and b is not None and tuple(a) == tuple(b)


def _filled(array: TensorArray, rows: Tensor) -> TensorArray:
    """The array after a loop: what was written before it, then what its steps wrote."""
    twin = array._copy()
    if twin._tail is not None:
        raise NotImplementedError("while_loop: a TensorArray that another loop or unstack has filled is written again")
    twin._tail = rows
    return twin


NAMES = ["TensorArray", "while_loop"]
