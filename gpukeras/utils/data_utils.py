"""Files fetched from the net, and batches made ahead of time by threads or processes."""

from .download import _extract_archive, _hash_file, get_file, validate_file  # noqa: F401
from .enqueuers import GeneratorEnqueuer, OrderedEnqueuer, Sequence, SequenceEnqueuer
from .worker_process import get_index, init_pool, init_pool_generator, next_sample

__all__ = [
    "GeneratorEnqueuer",
    "OrderedEnqueuer",
    "Sequence",
    "SequenceEnqueuer",
    "get_file",
    "get_index",
    "init_pool",
    "init_pool_generator",
    "next_sample",
    "validate_file",
]
