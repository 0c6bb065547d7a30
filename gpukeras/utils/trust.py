"""Which bytecode may be loaded: a Lambda layer's function is code, and a model file may come from anybody.

A function's bytecode is trusted when this program serialised it, or when an earlier program of the same user
wrote it into a model; digests of the latter are kept in `~/.keras/trusted_lambdas`, one a line.
"""

import contextlib
import os
import sys

from .func_utils import code_bytes, code_digest, written_here

_STORE = "trusted_lambdas"


def store_path():
    """Where the digests of trusted bytecode are kept.

    Returns:
        str, a path under `KERAS_HOME` or `~/.keras`.
    """
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    return os.path.join(home, _STORE)


def _stored():
    """Digest -> tag of the Python that wrote it."""
    try:
        with open(store_path(), encoding="ascii", errors="replace") as f:
            lines = [line.split() for line in f]
    except OSError:
        return {}
    return {line[0]: line[1] for line in lines if len(line) == 2}


def remember(config):
    """Notes that this user wrote the bytecode in a config, so that later programs may load it.

    Arguments:
        config: the config of a model that is being saved.
    """
    known = None
    for _, code in bytecode_in(config):
        digest = code_digest(code_bytes(code))
        if digest not in written_here():
            continue
        known = _stored() if known is None else known
        if digest in known:
            continue
        line = "%s %s\n" % (digest, sys.implementation.cache_tag)
        # A home that cannot be written to only costs the convenience. One short append is atomic.
        with contextlib.suppress(OSError):
            path = store_path()
            os.makedirs(os.path.dirname(path), exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, line.encode("ascii"))
            finally:
                os.close(handle)
        known[digest] = sys.implementation.cache_tag


def bytecode_in(config):
    """Finds the serialised functions in a model's config.

    Arguments:
        config: any nesting of dicts and lists.

    Returns:
        List of pairs: the config dict of the Lambda layer, the function's text.
    """
    found = []
    if isinstance(config, dict):
        # By the shape of the config, not by class name: subclasses of Lambda load bytecode as well.
        for part in ("function", "output_shape", "mask"):
            if config.get(part + "_type") == "lambda":
                code = config.get(part)
                code = code[0] if isinstance(code, list | tuple) and code else code
                if isinstance(code, str):
                    found.append((config, code))
        for value in config.values():
            found += bytecode_in(value)
    elif isinstance(config, list | tuple):
        for value in config:
            found += bytecode_in(value)
    return found


def require_trust(config, source="this model"):
    """Refuses a config that holds bytecode of unknown origin.

    Arguments:
        config: a model's config, as read from a file or a string.
        source: str, where it came from, for the message.

    Raises:
        ValueError: naming the layer and the ways out.
    """
    known = None
    for layer, code in bytecode_in(config):
        digest = code_digest(code_bytes(code))
        if digest in written_here():
            continue
        known = _stored() if known is None else known
        name = layer.get("name", "?")
        ways = "custom_objects={'%s': <the function>}" % name
        if digest not in known:
            raise ValueError(
                "Lambda layer '%s' of %s holds Python bytecode that was not written by you on this machine; running "
                "it could do anything. Supply the function with %s, or, if you trust the origin, load with "
                "safe_mode=False." % (name, source, ways)
            )
        here = sys.implementation.cache_tag
        if known[digest] != here:
            raise ValueError(
                "Lambda layer '%s' of %s holds bytecode of another version of Python (%s; this is %s), which cannot "
                "be run. Supply the function with %s." % (name, source, known[digest], here, ways)
            )
