"""The start-up file that lets an environment variable switch the alias on: written and removed on request only."""

import argparse
import importlib.metadata
import os
import site
import sysconfig

from . import alias

__all__ = ["file_name", "line", "main"]

#: Its name in site-packages.
file_name = "gpukeras-as-keras.pth"


def line():
    """The file's one line, which Python runs at every start.

    With the variable unset it compares a string.  An error is told in one line and never stops Python.

    Returns:
        str.
    """
    failure = f"{alias.VARIABLE}=1 had no effect, `python -m gpukeras alias --remove` removes this start-up file: "
    code = (
        "import sys\n"
        "if not sys.flags.ignore_environment:\n"
        "    try:\n"
        f"        {alias.bootstrap(tensorflow=None)}\n"
        "    except Exception as error:\n"
        # In a virtual environment Python reads these files twice.
        "        if not hasattr(sys, '_gpukeras_alias_failed'):\n"
        "            sys._gpukeras_alias_failed = True\n"
        f"            sys.stderr.write({failure!r} + repr(error) + chr(10))\n"
    )
    return f"import os; os.environ.get({alias.VARIABLE!r}, '') in ('', '0') or exec({code!r}, {{}})\n"


def _folders():
    folders = [sysconfig.get_path("purelib")]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return folders


def _install(user):
    folder = site.getusersitepackages() if user else sysconfig.get_path("purelib")
    path = os.path.join(folder, file_name)
    try:
        os.makedirs(folder, exist_ok=True)
        temporary = path + f".{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write(line())
        os.replace(temporary, path)
    except OSError as error:
        hint = "" if user else "; --user writes it for you alone"
        print(f"{path} cannot be written: {error.strerror}{hint}")
        return 1
    print(f"wrote {path}\n{alias.VARIABLE}=1 now makes `import keras` mean gpukeras in this environment")
    return 0


def _remove():
    found = [path for folder in _folders() if os.path.exists(path := os.path.join(folder, file_name))]
    for path in found:
        try:
            os.remove(path)
        except OSError as error:
            print(f"{path} cannot be removed: {error.strerror}")
            return 1
        print(f"removed {path}")
    if not found:
        print("there is no start-up file")
    return 0


def _status():
    found = [path for folder in _folders() if os.path.exists(path := os.path.join(folder, file_name))]
    print("start-up file: " + (", ".join(found) if found else "none; `python -m gpukeras alias --install` writes it"))
    print(f"{alias.VARIABLE}: {os.environ.get(alias.VARIABLE) or 'not set'}")
    means = "gpukeras" if alias.installed() else _other() or "nothing, it is not installed"
    print(f"`import keras` in this process: {means}")
    return 0


def _other():
    """What else is installed under the name."""
    try:
        return f"Keras {importlib.metadata.version('keras')}"
    except importlib.metadata.PackageNotFoundError:
        return None


def main(arguments):
    """Runs `python -m gpukeras alias`.

    Arguments:
        arguments: list of str.

    Returns:
        The exit status, int.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gpukeras alias",
        description=f"The start-up file {file_name} in site-packages, by which {alias.VARIABLE}=1 makes "
        "`import keras` mean gpukeras in every program of the environment.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--install", action="store_true", help="write the file")
    what.add_argument("--remove", action="store_true", help="remove it")
    what.add_argument("--status", action="store_true", help="say what is in force")
    parser.add_argument("--user", action="store_true", help="with --install: for this user only")
    options = parser.parse_args(arguments)
    if options.install:
        return _install(options.user)
    return _remove() if options.remove else _status()
