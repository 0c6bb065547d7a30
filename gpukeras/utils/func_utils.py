"""Signatures of functions, and functions as text: what a Lambda layer stores in a model's config."""

import base64
import binascii
import dis
import hashlib
import inspect
import marshal
import sys
import types

# Stands behind the bytecode of a function that is written here, where unmarshalling does not look, followed by the
# Python's name: bytecode itself does not say what it was made for.
_WRITTEN_BY = b"\x00python:"

_VAR_KINDS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def getargspec(fn):
    """Returns the argument names and defaults of a callable.

    Arguments:
        fn: a function, method, class or callable object.

    Returns:
        An `inspect.FullArgSpec`.
    """
    return inspect.getfullargspec(fn)


def has_arg(fn, name, accept_all=False):
    """Whether a callable can be given an argument by keyword.

    Arguments:
        fn: the callable.
        name: str, the argument.
        accept_all: bool, count a `**kwargs` as taking every name.

    Returns:
        bool.
    """
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):
        # Some built-ins publish no signature: nothing is known, so nothing is promised.
        return False
    found = parameters.get(name)
    if found is not None and found.kind not in _VAR_KINDS:
        return found.kind is not inspect.Parameter.POSITIONAL_ONLY
    return accept_all and any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def func_dump(func):
    """Serialises a function: its bytecode as base64 text, its defaults and what it closes over.

    Arguments:
        func: a Python function or lambda.

    Returns:
        Tuple `(code, defaults, closure)`.
    """
    raw = marshal.dumps(func.__code__) + _WRITTEN_BY + this_python().encode("ascii")
    _WRITTEN_HERE.add(code_digest(raw))
    code = base64.encodebytes(raw).decode("ascii")
    closure = tuple(c.cell_contents for c in func.__closure__) if func.__closure__ else None
    return code, func.__defaults__, closure


def func_load(code, defaults=None, closure=None, globs=None):
    """Rebuilds a function from what `func_dump` gave.

    Running the result runs whatever the bytecode says: only load what you trust.

    Arguments:
        code: str, the bytecode as text (the raw strings of Keras before 2.1.2 too), or the tuple or
            list that `func_dump` returned.
        defaults: tuple of default values.
        closure: tuple of cells or of the values to put into them.
        globs: dict, the function's globals; by default those of this module.

    Returns:
        A function.

    Raises:
        ValueError: when the bytecode was written by another version of Python.
    """
    if isinstance(code, (tuple, list)):
        code, defaults, closure = code
        if isinstance(defaults, list):
            defaults = tuple(defaults)
    if closure is not None:
        closure = tuple(c if isinstance(c, types.CellType) else types.CellType(c) for c in closure)
    body = _load_code(code_bytes(code))
    if globs is None:
        globs = globals()
    return types.FunctionType(body, globs, name=body.co_name, argdefs=defaults, closure=closure)


def code_bytes(text):
    """The marshalled bytes behind a serialised function's text.

    Arguments:
        text: str, base64 text, or a raw string as Keras wrote it before 2.1.2.

    Returns:
        bytes.
    """
    try:
        raw = base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
        # 'c', with or without the reference flag, opens every marshalled code object.
        if raw[:1] in (b"c", b"\xe3"):
            return raw
    except (UnicodeEncodeError, binascii.Error):
        pass
    return text.encode("raw_unicode_escape")


def this_python():
    """The name of this interpreter's bytecode.

    Returns:
        str, such as 'cpython-312'.
    """
    return sys.implementation.cache_tag or sys.implementation.name


def python_of(raw):
    """The Python that a function's bytecode says it was written by.

    Arguments:
        raw: bytes, the marshalled code with what follows it.

    Returns:
        str such as 'cpython-312', or None for code of other writers, which do not say.
    """
    _, mark, python = raw[-64:].rpartition(_WRITTEN_BY)
    return python.decode("ascii", "replace") if mark else None


def _other_python(why):
    return ValueError(
        "This function's bytecode does not fit Python %d.%d (%s): it was written by another version of Python, or "
        "is damaged. Load the model with custom_objects={<layer name>: <function>} to supply the function anew, or "
        "load it with the Python it was written by." % (sys.version_info[0], sys.version_info[1], why)
    )


def _load_code(raw):
    if python_of(raw) not in (None, this_python()):
        raise _other_python("it is of %s" % python_of(raw))
    try:
        body = marshal.loads(raw)
    except (ValueError, EOFError, TypeError, SystemError) as error:
        raise _other_python(error) from None
    if not isinstance(body, types.CodeType):
        raise _other_python("holds %s, no code" % type(body).__name__)
    _check_code(body, raw)
    return body


def _check_code(body, raw):
    """Refuses bytecode laid out for another interpreter, which could crash this one.

    Opcode numbers and the count of inline cache slots after each instruction change between versions.
    `co_code` blanks what this interpreter takes for cache slots: code of its own reads back unchanged.
    """
    code = body.co_code
    if code not in raw:
        raise _other_python("its instructions are laid out otherwise")
    resumed = False
    caches = getattr(dis, "_inline_cache_entries", ())
    at = 0
    while at < len(code):
        op = code[at]
        name = dis.opname[op]
        if name.startswith("<") or name == "CACHE":
            raise _other_python("unknown instruction %d" % op)
        slots = caches.get(name, 0) if isinstance(caches, dict) else caches[op] if caches else 0
        at += 2 + 2 * slots
        resumed = resumed or name.startswith("RESUME")
    if not resumed and "RESUME" in dis.opmap:
        raise _other_python("no RESUME instruction")
    for const in body.co_consts:
        if isinstance(const, types.CodeType):
            _check_code(const, raw)


def code_digest(raw):
    """Names a piece of marshalled bytecode.

    Arguments:
        raw: bytes.

    Returns:
        str, its SHA-256 in hexadecimal.
    """
    return hashlib.sha256(raw).hexdigest()


# Digests of all bytecode this program serialised: reading it back runs nothing new.
_WRITTEN_HERE = set()


def written_here():
    """The digests of the bytecode that this program has serialised.

    Returns:
        A set of str.
    """
    return _WRITTEN_HERE
