"""The command line: run a Keras program on gpukeras, or ask about this installation."""

import sys

USAGE = """\
usage: python -m gpukeras SCRIPT [ARGUMENT ...]       run a Keras script: `import keras` means gpukeras
       python -m gpukeras -m MODULE [ARGUMENT ...]    run a module the same way
       python -m gpukeras -c CODE [ARGUMENT ...]      run a piece of code the same way
       python -m gpukeras - [ARGUMENT ...]            run what standard input holds the same way
       python -m gpukeras info                        print versions, devices and engines, and why an engine is off
       python -m gpukeras alias --install | --remove | --status
                                                      the start-up file that makes GPUKERAS_AS_KERAS=1 mean this for
                                                      every program of the environment
       python -m gpukeras build-cuda [PART ...]       compile the CUDA engine's C++ glue now, not at its first use

A script named `info`, `alias` or `build-cuda` is run as ./info, ./alias or ./build-cuda.
"""


def _refuse(message):
    sys.stderr.write(USAGE + "\n" + f"python -m gpukeras: error: {message}\n")
    raise SystemExit(2)


def main(arguments=None):
    """Runs one command.

    Arguments:
        arguments: list of str, the command line without the program; None takes the process's own.

    Returns:
        The exit status, int; None after a program that ended without one.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments:
        _refuse("a script or a command is needed")
    first, rest = arguments[0], arguments[1:]
    if first in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0
    if first == "info":
        from .info import report

        if rest:
            _refuse(f"info takes no arguments, got {rest[0]!r}; a script of this name is run as ./info")
        print(report())
        return 0
    if first == "alias":
        from .compat import startup

        return startup.main(rest)
    if first == "build-cuda":
        from .kernels.cuda import glue_build

        return glue_build.main(rest)
    return _run_program(first, rest)


def _run_program(first, rest):
    from .compat import launch

    if first == "-":
        return launch.run_stdin(rest)
    if first[:2] in ("-m", "-c"):
        # As Python takes it: the value may be joined to the letter.
        words = ([first[2:]] if first[2:] else []) + rest
        if not words:
            _refuse(f"{first} needs a value")
        return (launch.run_module if first[1] == "m" else launch.run_code)(words[0], words[1:])
    if first.startswith("-"):
        _refuse(f"unknown option {first!r}")
    return launch.run_path(first, rest)


if __name__ == "__main__":
    _status = main()
    # Nothing is raised after a program that simply ended, so that `python -i` stays in it.
    if _status is not None:
        sys.exit(_status)
