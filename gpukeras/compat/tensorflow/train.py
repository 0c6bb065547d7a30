"""`tf.train`: optimizers, learning rates that fall, checkpoints."""

from __future__ import annotations

from typing import Any

from ._missing import module_getattr
from ._optimizers import (
    AdadeltaOptimizer,
    AdagradOptimizer,
    AdamOptimizer,
    ExponentialMovingAverage,
    GradientDescentOptimizer,
    MomentumOptimizer,
    Optimizer,
    RMSPropOptimizer,
)  # fmt: skip
from ._saver import (
    CheckpointState,
    Saver,
    checkpoint_exists,
    get_checkpoint_mtimes,
    get_checkpoint_state,
    import_meta_graph,
    latest_checkpoint,
)  # fmt: skip
from ._schedules import (
    cosine_decay,
    create_global_step,
    exponential_decay,
    get_global_step,
    get_or_create_global_step,
    global_step,
    inverse_time_decay,
    natural_exp_decay,
    piecewise_constant,
    piecewise_constant_decay,
    polynomial_decay,
)  # fmt: skip

__all__ = [
    "AdadeltaOptimizer", "AdagradOptimizer", "AdamOptimizer", "CheckpointState", "Coordinator",
    "ExponentialMovingAverage", "GradientDescentOptimizer", "MomentumOptimizer", "Optimizer", "RMSPropOptimizer",
    "Saver", "checkpoint_exists", "cosine_decay", "create_global_step", "exponential_decay", "get_checkpoint_mtimes",
    "get_checkpoint_state", "get_global_step", "get_or_create_global_step", "global_step", "import_meta_graph",
    "inverse_time_decay", "latest_checkpoint", "natural_exp_decay", "piecewise_constant", "piecewise_constant_decay",
    "polynomial_decay", "start_queue_runners", "write_graph",
]  # fmt: skip


class Coordinator:
    """Lets threads ask whether to stop."""

    def __init__(self, clean_stop_exception_types: Any = None) -> None:
        self._stop = False

    def should_stop(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop

    def request_stop(self, ex: Any = None) -> None:
        """Asks for a stop."""
        self._stop = True

    def join(self, threads: Any = None, stop_grace_period_secs: float = 120, ignore_live_threads: bool = False) -> None:
        """Waits for threads."""
        for thread in threads or ():
            thread.join(stop_grace_period_secs)


def start_queue_runners(sess: Any = None, coord: Any = None, **kwargs: Any) -> list[Any]:
    """No threads: there are no queues."""
    return []


def write_graph(*args: Any, **kwargs: Any) -> Any:
    """Not available: TensorFlow's own format of graphs."""
    raise NotImplementedError("tf.train.write_graph: graphs are not written in TensorFlow's format; use model.to_json")


__getattr__ = module_getattr("train")
