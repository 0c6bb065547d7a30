"""Looking up, once per function, which arguments a callable takes."""

import functools
import types

from ..utils.generic_utils import has_arg


def takes_argument(function, name):
    """Whether a function, a method or a callable object has a named argument.

    Arguments:
        function: the callable.
        name: str.

    Returns:
        bool.
    """
    if isinstance(function, types.FunctionType):
        # Not cached: closures made per layer would only pile up in the cache.
        return has_arg(function, name)
    plain = getattr(function, "__func__", None)
    if plain is None and not isinstance(function, type):
        plain = next((c.__dict__["__call__"] for c in type(function).__mro__ if "__call__" in c.__dict__), None)
    if isinstance(plain, types.FunctionType):
        return _method_takes(plain, name)
    return has_arg(function, name)


@functools.lru_cache(maxsize=4096)
def _method_takes(function, name):
    return has_arg(function, name)
