"""What models on several devices and in several processes are made of."""

from __future__ import annotations

from ..graph import scope
from ..graph.tensor import Variable
from ..ops.exchange import exchange
from ..ops.replicas import replica_rows, total

__all__ = ["exchange", "global_variables", "replica_rows", "total"]


def global_variables() -> list[Variable]:
    """All variables in use, of models and optimizers.

    Returns:
        List, in the order in which they were made.
    """
    return [x for x in scope.registered().values() if isinstance(x, Variable)]
