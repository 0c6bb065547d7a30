"""Which bytecode may be loaded: a Lambda layer's function is code, and a model file may come from anybody.

A function's bytecode is trusted when this program serialised it, or when an earlier program of the same user
wrote it into a model; digests of the latter are kept in `~/.keras/trusted_lambdas`, one a line. The question is asked
where bytecode turns into a function, whatever way a config takes to get there.
"""

import contextlib
import contextvars
import os
import stat
import warnings

from .func_utils import code_bytes, code_digest, func_load, python_of, this_python, written_here

_STORE = "trusted_lambdas"
# What is being loaded, for messages, and whether its bytecode has to be trusted.
_LOADING = contextvars.ContextVar("gpukeras_loading", default=("this config", True))


@contextlib.contextmanager
def loading(source, safe_mode=True):
    """A context in which the functions of a model are rebuilt.

    Arguments:
        source: str, where the model comes from, for messages.
        safe_mode: bool, refuse bytecode of unknown origin.

    Returns:
        Context manager.
    """
    token = _LOADING.set((source, safe_mode))
    try:
        yield
    finally:
        _LOADING.reset(token)


def store_path():
    """Where the digests of trusted bytecode are kept.

    Returns:
        str, a path under `KERAS_HOME` or `~/.keras`; None for a user without a home.
    """
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    home = os.path.expanduser(home)
    # A relative path would mean whatever folder the program was started in.
    return os.path.join(home, _STORE) if os.path.isabs(home) else None


def _only_mine(handle):
    """Whether nobody but this user can have written an open file."""
    if not hasattr(os, "getuid"):
        return True
    info = os.fstat(handle)
    return info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _stored():
    """The digests that earlier programs noted."""
    path = store_path()
    try:
        with open(path or os.devnull, encoding="ascii", errors="replace") as f:
            if path and not _only_mine(f.fileno()):
                warnings.warn(
                    "%s is ignored: others than you can write it, so it cannot tell which code is yours" % path,
                    stacklevel=2,
                )
                return set()
            return {line.split()[0] for line in f if line.split()}
    except OSError:
        return set()


def _note(digests):
    """Adds digests to the store; one short append is atomic, so programs do not disturb each other."""
    path = store_path()
    if path is None:
        raise OSError("there is no home folder")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags, 0o600)
    try:
        if not _only_mine(handle):
            raise OSError("%s can be written by others" % path)
        os.write(handle, "".join(digest + "\n" for digest in digests).encode("ascii"))
    finally:
        os.close(handle)


def remember(config):
    """Notes that this user wrote the bytecode in a config, so that later programs may load it.

    Arguments:
        config: the config of a model that is being saved.
    """
    mine = {code_digest(code_bytes(code)) for code in bytecode_in(config)} & written_here()
    mine = sorted(mine - _stored()) if mine else []
    if not mine:
        return
    try:
        _note(mine)
    except OSError as error:
        warnings.warn(
            "Could not note that the Python code in this model (Lambda layers) is yours: %s. Other programs will load "
            "the file with safe_mode=False or custom_objects only." % error,
            stacklevel=4,
        )


def bytecode_in(config):
    """Finds the serialised functions in a model's config.

    Arguments:
        config: any nesting of dicts and lists, as `get_config` gives it.

    Returns:
        List of str.
    """
    found = []
    if isinstance(config, dict):
        # By the shape of the config, not by class name: subclasses of Lambda save bytecode as well.
        for part in ("function", "output_shape", "mask"):
            code = config.get(part)
            if config.get(part + "_type") == "lambda" and isinstance(code, list | tuple) and isinstance(code[0], str):
                found.append(code[0])
        for value in config.values():
            found += bytecode_in(value)
    elif isinstance(config, list | tuple):
        for value in config:
            found += bytecode_in(value)
    return found


def load_function(stored, globs, layer, supply):
    """Rebuilds a function of a Lambda layer, if its bytecode may be run.

    Arguments:
        stored: str, or list of code, defaults and closure, as `func_dump` gives it.
        globs: dict, the function's globals.
        layer: str, the layer's name.
        supply: str, the name under which `custom_objects` may hold the function instead.

    Returns:
        The function.

    Raises:
        ValueError: naming the layer and the ways out, for bytecode of unknown origin or of another Python.
    """
    code = stored[0] if isinstance(stored, list | tuple) and stored else stored
    source, safe_mode = _LOADING.get()
    if not isinstance(code, str):
        raise ValueError("Lambda layer '%s' of %s holds no function where one is expected" % (layer, source))
    raw = code_bytes(code)
    way = "custom_objects={'%s': <the function>}" % supply
    python = python_of(raw)
    if python not in (None, this_python()):
        raise ValueError(
            "Lambda layer '%s' of %s holds bytecode of another version of Python (%s; this is %s), which cannot be "
            "run. Supply the function with %s, or load the model with the Python it was written by."
            % (layer, source, python, this_python(), way)
        )
    digest = code_digest(raw)
    if safe_mode and digest not in written_here() and digest not in _stored():
        raise ValueError(
            "Lambda layer '%s' of %s holds Python bytecode that was not written by you on this machine; running it "
            "could do anything. Supply the function with %s, or, if you trust the origin, load with safe_mode=False "
            "(load_model, model_from_json, model_from_yaml and model_from_config take it)." % (layer, source, way)
        )
    try:
        return func_load(stored, globs=globs)
    except ValueError as error:
        error.add_note("Lambda layer '%s' of %s: supply its function with %s" % (layer, source, way))
        raise
