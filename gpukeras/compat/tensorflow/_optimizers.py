"""TensorFlow's optimizers: for `minimize` in hand-written loops, and for Keras' `TFOptimizer` and `compile`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import ops
from ...backend.running import Operation
from ...graph import scope
from ...graph.tensor import Tensor
from ...graph.tensor import Variable as GraphVariable
from ._base import convert
from ._control import gradients, with_dependencies
from ._variables import Variable, trainable_variables


class Optimizer:
    """Base of the optimizers.

    Arguments:
        use_locking: accepted for TensorFlow's sake.
        name: base of the names of what it makes.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2

    def __init__(self, use_locking: bool = False, name: str = "Optimizer") -> None:
        self._name = name
        self._slots: dict[tuple[str, GraphVariable], Variable] = {}

    def get_name(self) -> str:
        """The base of the names of what it makes."""
        return self._name

    def minimize(
        self, loss: Any, global_step: Any = None, var_list: Any = None, gate_gradients: Any = GATE_OP,
        aggregation_method: Any = None, colocate_gradients_with_ops: bool = False, name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:  # fmt: skip
        """An operation that makes one step downhill.

        Arguments:
            loss: tensor; the sum of its elements is minimised.
            global_step: variable to add 1 to, or None.
            var_list: variables to change; default: all trainable ones.
            name: of the operation.
            grad_loss: gradient of the loss to start from.

        Raises:
            ValueError: when the loss depends on none of the variables.
        """
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        if all(g is None for g, _ in pairs):
            names = [v.name for _, v in pairs]
            raise ValueError(f"No gradients provided for any variable: the loss {loss!r} does not depend on {names}")
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self, loss: Any, var_list: Any = None, gate_gradients: Any = GATE_OP, aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False, grad_loss: Any = None,
    ) -> list[tuple[Tensor | None, Any]]:  # fmt: skip
        """(gradient, variable) pairs; None for variables the loss does not depend on."""
        if callable(loss):
            raise NotImplementedError("compute_gradients: the loss must be a tensor; eager execution is not available")
        variables = list(trainable_variables() if var_list is None else var_list)
        return list(zip(gradients(loss, variables, grad_loss), variables, strict=True))

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: str | None = None) -> Operation:
        """An operation that applies gradients to variables.

        Raises:
            ValueError: when there is no gradient at all.
        """
        pairs = [(g, v) for g, v in grads_and_vars if g is not None]
        if not pairs:
            raise ValueError(f"No gradients provided for any variable: {[v.name for _, v in grads_and_vars]}.")
        with scope.hooked(None):
            updates = self._shared()
            for gradient, variable in pairs:
                updates += self._step(convert(gradient, variable.dtype), variable)
            if global_step is not None:
                updates.append((global_step, global_step + 1))
        operation = Operation(name or self._name)
        operation.updates = updates
        return with_dependencies(operation)

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """The variable of this kind kept for another variable."""
        return self._slots.get((name, var))

    def get_slot_names(self) -> list[str]:
        """Kinds of variables kept for each variable."""
        return sorted({name for name, _ in self._slots})

    def variables(self) -> list[Variable]:
        """All variables it keeps."""
        return list(self._slots.values())

    def _slot(self, var: GraphVariable, name: str, start: float = 0.0) -> Variable:
        key = (name, var)
        if key not in self._slots:
            zeros = np.full(tuple(var.shape or ()), start, str(var.dtype))
            base = f"{var.name.split(':')[0]}/{self._name}"
            self._slots[key] = Variable(zeros, trainable=False, name=base if name == "" else f"{base}_{name}")
        return self._slots[key]

    def _number(self, value: Any, like: Tensor) -> Any:
        value = value() if callable(value) else value
        if not isinstance(value, Tensor):
            return float(value)
        return value if value.dtype == like.dtype else ops.cast(value, like.dtype)

    def _shared(self) -> list[Any]:
        """Updates made once per step."""
        return []

    def _step(self, g: Tensor, v: GraphVariable) -> list[Any]:
        raise NotImplementedError(f"{type(self).__name__} has no rule for a step")


class GradientDescentOptimizer(Optimizer):
    """Plain gradient descent."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _step(self, g: Tensor, v: GraphVariable) -> list[Any]:
        return [(v, v - self._number(self._learning_rate, v) * g)]


class MomentumOptimizer(Optimizer):
    """Gradient descent with momentum, Nesterov's too."""

    def __init__(
        self, learning_rate: Any, momentum: Any, use_locking: bool = False, name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate, self._momentum, self._nesterov = learning_rate, momentum, use_nesterov

    def _step(self, g: Tensor, v: GraphVariable) -> list[Any]:
        rate, momentum = self._number(self._learning_rate, v), self._number(self._momentum, v)
        slot = self._slot(v, "")
        total = momentum * slot + g
        return [(slot, total), (v, v - rate * (g + momentum * total if self._nesterov else total))]


class AdagradOptimizer(Optimizer):
    """Adagrad (Duchi et al., JMLR 12, 2011)."""

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        self._learning_rate, self._start = learning_rate, initial_accumulator_value

    def _step(self, g: Tensor, v: GraphVariable) -> list[Any]:
        slot = self._slot(v, "", self._start)
        total = slot + ops.square(g)
        return [(slot, total), (v, v - self._number(self._learning_rate, v) * g * ops.rsqrt(total))]


class AdadeltaOptimizer(Optimizer):
    """Adadelta (Zeiler, arXiv:1212.5701)."""

    def __init__(
        self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-8, use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate, self._rho, self._epsilon = learning_rate, rho, epsilon

    def _step(self, g: Tensor, v: GraphVariable) -> list[Any]:
        rate, rho, eps = (self._number(x, v) for x in (self._learning_rate, self._rho, self._epsilon))
        squares, moves = self._slot(v, ""), self._slot(v, "1")
        total = rho * squares + (1 - rho) * ops.square(g)
        move = ops.sqrt(moves + eps) * ops.rsqrt(total + eps) * g
        return [(squares, total), (moves, rho * moves + (1 - rho) * ops.square(move)), (v, v - rate * move)]


class RMSPropOptimizer(Optimizer):
    """RMSProp (Hinton, Coursera 2012), also with momentum and centred (Graves, arXiv:1308.0850)."""

    def __init__(
        self, learning_rate: Any, decay: Any = 0.9, momentum: Any = 0.0, epsilon: Any = 1e-10,
        use_locking: bool = False, centered: bool = False, name: str = "RMSProp",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate, self._decay, self._momentum = learning_rate, decay, momentum
        self._epsilon, self._centered = epsilon, centered

    def _step(self, g: Tensor, v: GraphVariable) -> list[Any]:
        rate, decay, momentum, eps = (
            self._number(x, v) for x in (self._learning_rate, self._decay, self._momentum, self._epsilon)
        )
        squares, moves = self._slot(v, "", 1.0), self._slot(v, "1")
        total = decay * squares + (1 - decay) * ops.square(g)
        updates: list[Any] = [(squares, total)]
        spread = total
        if self._centered:
            means = self._slot(v, "2")
            mean = decay * means + (1 - decay) * g
            updates.append((means, mean))
            spread = total - ops.square(mean)
        move = momentum * moves + rate * g * ops.rsqrt(spread + eps)
        return [*updates, (moves, move), (v, v - move)]


class AdamOptimizer(Optimizer):
    """Adam (Kingma and Ba, arXiv:1412.6980)."""

    def __init__(
        self, learning_rate: Any = 0.001, beta1: Any = 0.9, beta2: Any = 0.999, epsilon: Any = 1e-8,
        use_locking: bool = False, name: str = "Adam",
    ) -> None:  # fmt: skip
        super().__init__(use_locking, name)
        self._learning_rate, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon
        self._powers: tuple[Any, Any] | None = None

    def variables(self) -> list[Variable]:
        """All variables it keeps."""
        return [*(self._powers or ()), *super().variables()]

    def _shared(self) -> list[Any]:
        if self._powers is None:
            self._powers = tuple(  # type: ignore[assignment]
                Variable(1.0 if isinstance(b, Tensor) else float(b), trainable=False, name=f"beta{i}_power")
                for i, b in ((1, self._beta1), (2, self._beta2))
            )
        assert self._powers is not None
        one, two = self._powers
        return [(one, one * self._number(self._beta1, one)), (two, two * self._number(self._beta2, two))]

    def _step(self, g: Tensor, v: GraphVariable) -> list[Any]:
        assert self._powers is not None
        rate, b1, b2, eps = (self._number(x, v) for x in (self._learning_rate, self._beta1, self._beta2, self._epsilon))
        power1, power2 = (self._number(p, v) for p in self._powers)
        rate = rate * ops.sqrt(1 - power2) / (1 - power1)
        first, second = self._slot(v, ""), self._slot(v, "1")
        m = b1 * first + (1 - b1) * g
        s = b2 * second + (1 - b2) * ops.square(g)
        return [(first, m), (second, s), (v, v - rate * m / (ops.sqrt(s) + eps))]


class ExponentialMovingAverage:
    """Averages of variables or tensors that forget exponentially.

    Arguments:
        decay: weight of the old average.
        num_updates: counter that lets the average move faster at first, or None.
        zero_debias: not available.
        name: base of names.
    """

    def __init__(
        self, decay: Any, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage"
    ) -> None:
        if zero_debias:
            raise NotImplementedError("ExponentialMovingAverage: zero_debias=True; use K.moving_average_update")
        self._decay, self._num_updates, self.name = decay, num_updates, name
        self._averages: dict[Tensor, Variable] = {}

    def apply(self, var_list: Sequence[Any] | None = None) -> Operation:
        """An operation that moves the averages towards the present values."""
        updates: list[Any] = []
        for x in trainable_variables() if var_list is None else var_list:
            if x not in self._averages:
                start = x.initial if isinstance(x, GraphVariable) else np.zeros(tuple(x.shape), str(x.dtype))
                name = f"{x.name.split(':')[0]}/{self.name}"
                self._averages[x] = Variable(start, trainable=False, name=name, dtype=x.dtype)
            average = self._averages[x]
            decay: Any = convert(self._decay, x.dtype)
            if self._num_updates is not None:
                count = ops.cast(convert(self._num_updates), x.dtype)
                decay = ops.minimum(decay, (1.0 + count) / (10.0 + count))
            updates.append((average, average - (1 - decay) * (average - x)))
        operation = Operation(self.name)
        operation.updates = updates
        return with_dependencies(operation)

    def average(self, var: Any) -> Any:
        """The variable that holds the average of another, or None."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """Name of that variable."""
        found = self._averages.get(var)
        return f"{var.name.split(':')[0]}/{self.name}" if found is None else found.name.split(":")[0]

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """Names under which `tf.train.Saver` finds the averages, and the variables they are for."""
        averaged = set(self._averages.values())
        found = {self.average_name(v): v for v in trainable_variables()}
        return {name: v for name, v in found.items() if v not in averaged}
