"""Runs a program as `python` does, with the alias in force."""

import builtins
import importlib.machinery
import io
import os
import pkgutil
import runpy
import sys
import types

from . import alias

__all__ = ["run_code", "run_module", "run_path", "run_stdin"]


def _new_main():
    """A fresh `__main__`, as the interpreter starts with."""
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    return main


def _set_first_path(folder):
    # With -P or PYTHONSAFEPATH the interpreter put nothing in front.
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _run(step):
    """Calls `step`; a traceback that comes out of it begins with the program's own frames."""
    alias.install()
    frame = sys._getframe()
    try:
        step()
    except SystemExit:
        raise
    except BaseException:
        plain = sys.excepthook

        def hook(kind, error, trace):
            sys.excepthook = plain
            own = trace
            while own is not None and own.tb_frame is not frame:
                own = own.tb_next
            # Two frames are ours: this one and that of `step`.
            for _ in range(2):
                own = own.tb_next if own is not None else None
            sys.last_traceback = error.__traceback__ = own
            plain(kind, error, own)

        sys.excepthook = hook
        raise


def run_path(path, arguments):
    """Runs a script, a folder or an archive that holds a `__main__.py`.

    Arguments:
        path: str.
        arguments: list of str, the script's own.
    """
    sys.argv = [path, *arguments]
    # As the interpreter does: absolute, and otherwise as it was typed.
    full = os.path.join(os.getcwd(), path)
    if pkgutil.get_importer(path) is not None:
        if sys.flags.safe_path:
            sys.path.insert(0, full)
        else:
            sys.path[0] = full
        _new_main()
        _run(lambda: runpy._run_module_as_main("__main__", False))
        return
    try:
        with io.open_code(full) as stream:
            code = pkgutil.read_code(stream)
            if code is None:
                stream.seek(0)
                source = stream.read()
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {full!r}: [Errno {error.errno}] {error.strerror}\n")
        raise SystemExit(2) from None
    _set_first_path(os.path.dirname(os.path.realpath(full)))
    main = _new_main()
    main.__file__ = full
    main.__cached__ = None
    if code is None:
        main.__loader__ = importlib.machinery.SourceFileLoader("__main__", full)
        _run(lambda: exec(compile(source, full, "exec", dont_inherit=True), vars(main)))
    else:
        main.__loader__ = importlib.machinery.SourcelessFileLoader("__main__", full)
        _run(lambda: exec(code, vars(main)))


def run_module(name, arguments):
    """Runs a module as `python -m` does.

    Arguments:
        name: str, dotted.
        arguments: list of str, the module's own.
    """
    sys.argv = ["-m", *arguments]
    _new_main()
    _run(lambda: runpy._run_module_as_main(name))


def run_code(source, arguments):
    """Runs a piece of source as `python -c` does.

    Arguments:
        source: str.
        arguments: list of str.
    """
    sys.argv = ["-c", *arguments]
    _set_first_path("")
    main = _new_main()
    main.__loader__ = importlib.machinery.BuiltinImporter
    _run(lambda: exec(compile(source, "<string>", "exec", dont_inherit=True), vars(main)))


def run_stdin(arguments):
    """Runs what standard input holds, as `python -` does.

    Arguments:
        arguments: list of str.
    """
    sys.argv = ["-", *arguments]
    _set_first_path("")
    main = _new_main()
    main.__file__ = "<stdin>"
    main.__cached__ = None
    main.__loader__ = importlib.machinery.BuiltinImporter
    _run(lambda: exec(compile(sys.stdin.read(), "<stdin>", "exec", dont_inherit=True), vars(main)))
