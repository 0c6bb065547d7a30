"""Sessions, their configuration, the graph, and scopes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ... import backend as K
from ...backend.running import (
    GRAPH,
    Graph,
    Session,
    default_session,
    end_default_session,
    set_default_session,
)
from ...graph import scope
from ...graph.scope import device_scope
from ._variables import reset_scopes


class _Message:
    """A message of named fields: keywords set them, attributes read and change them.

    Fields that hold messages themselves come into being when they are asked for.
    """

    FIELDS: dict[str, Any] = {}

    def __init__(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.FIELDS:
            raise AttributeError(
                f"{type(self).__name__} has no field {name!r}; it has {', '.join(sorted(self.FIELDS))}"
            )
        self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.FIELDS:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        default = self.FIELDS[name]
        value = self.__dict__[name] = default() if callable(default) else default
        return value

    def CopyFrom(self, other: Any) -> None:
        """Takes over the fields of another message."""
        self.__dict__.clear()
        self.__dict__.update(other.__dict__)

    MergeFrom = CopyFrom

    def __repr__(self) -> str:
        return "\n".join(f"{k}: {v!r}" for k, v in self.__dict__.items())


class GPUOptions(_Message):
    """What a session may do with GPUs: `per_process_gpu_memory_fraction` limits CuPy's memory pool."""

    FIELDS = {
        "per_process_gpu_memory_fraction": 0.0, "allow_growth": False, "visible_device_list": "", "allocator_type": "",
        "deferred_deletion_bytes": 0, "polling_active_delay_usecs": 0, "polling_inactive_delay_msecs": 0,
        "force_gpu_compatible": False, "experimental": lambda: GPUOptions(),
    }  # fmt: skip


class OptimizerOptions(_Message):
    """Settings of TensorFlow's graph optimizer; kept, and without effect."""

    L0, L1, ON_1, OFF, ON_2 = -1, 0, 1, -1, 2
    FIELDS = {
        "do_common_subexpression_elimination": False, "do_constant_folding": False, "do_function_inlining": False,
        "opt_level": 0, "global_jit_level": 0, "max_folded_constant_in_bytes": 0,
    }  # fmt: skip


class GraphOptions(_Message):
    """Settings of TensorFlow's graph; kept, and without effect."""

    FIELDS = {
        "optimizer_options": OptimizerOptions, "enable_recv_scheduling": False, "build_cost_model": 0,
        "infer_shapes": False, "place_pruned_graph": False, "enable_bfloat16_sendrecv": False, "timeline_step": 0,
        "rewrite_options": lambda: GraphOptions(), "build_cost_model_after": 0,
    }  # fmt: skip


class ConfigProto(_Message):
    """A session's configuration: `gpu_options` and `device_count` have effect, the rest is kept."""

    FIELDS = {
        "gpu_options": GPUOptions, "graph_options": GraphOptions, "device_count": dict, "allow_soft_placement": False,
        "log_device_placement": False, "intra_op_parallelism_threads": 0, "inter_op_parallelism_threads": 0,
        "use_per_session_threads": False, "device_filters": list, "operation_timeout_in_ms": 0, "placement_period": 0,
        "isolate_session_state": False, "cluster_def": dict, "experimental": lambda: GraphOptions(),
        "rpc_options": dict, "session_inter_op_thread_pool": list, "share_cluster_devices_in_session": False,
    }  # fmt: skip


class RunOptions(_Message):
    """Settings of a run; kept, and without effect."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = 0, 1, 2, 3
    FIELDS = {
        "trace_level": 0, "timeout_in_ms": 0, "inter_op_thread_pool": 0, "output_partition_graphs": False,
        "report_tensor_allocations_upon_oom": False, "debug_options": dict,
    }  # fmt: skip


class RunMetadata(_Message):
    """What TensorFlow would report of a run; stays empty."""

    FIELDS = {"step_stats": dict, "cost_graph": dict, "partition_graphs": list}


class InteractiveSession(Session):
    """A session that is the default one from the start."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        set_default_session(self)

    def close(self) -> None:
        """Is no longer the default."""
        super().close()
        end_default_session(self)


def get_default_graph() -> Graph:
    """The graph."""
    return GRAPH


def get_default_session() -> Session | None:
    """The session of the innermost with statement, or None."""
    return default_session()


def reset_default_graph() -> None:
    """Starts anew: names, collections, default sessions."""
    K.clear_session()
    reset_scopes()


def set_random_seed(seed: int) -> None:
    """Makes TensorFlow's random operations made from now on repeat.

    Those of Keras draw their seeds from np.random, as ever.
    """
    GRAPH.seed = None if seed is None else int(seed)
    GRAPH.seeds_taken = 0


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """The seeds of the graph and of an operation."""
    return GRAPH.seed, op_seed


def executing_eagerly() -> bool:
    """False: tensors have no values until they are computed."""
    return False


def enable_eager_execution(*args: Any, **kwargs: Any) -> None:
    """Not available."""
    raise NotImplementedError(
        "tf.enable_eager_execution: tensors have values only when computed; K.eval(x) and K.get_value(x) give them"
    )


def disable_eager_execution() -> None:
    """Does nothing: it never was enabled."""


disable_v2_behavior = disable_v2_tensorshape = disable_resource_variables = enable_resource_variables = (
    disable_eager_execution
)


@contextmanager
def device(device_name_or_function: Any) -> Iterator[None]:
    """Tags what is made inside with a device."""
    name = device_name_or_function if isinstance(device_name_or_function, str) else None
    with device_scope(name):
        yield


@contextmanager
def name_scope(name: str | None, default_name: str | None = None, values: Any = None) -> Iterator[str]:
    """Puts a prefix before the names made inside; one that ends in '/' opens a scope again."""
    chosen = name or default_name or ""
    if chosen.endswith("/"):
        with scope.reopened(chosen):
            yield chosen
        return
    with scope.name_scope(chosen) as prefix:
        yield prefix


op_scope = name_scope


@contextmanager
def colocate_with(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Does nothing: where things are computed is not chosen by it."""
    yield


@contextmanager
def init_scope() -> Iterator[None]:
    """Does nothing but leave scopes that wait for other operations."""
    with scope.hooked(None):
        yield


def get_logger() -> Any:
    """The logger named 'tensorflow'."""
    import logging

    return logging.getLogger("tensorflow")


NAMES = [
    n for n, v in list(globals().items()) if callable(v) and getattr(v, "__module__", "") == __name__ and n[0] != "_"
]
