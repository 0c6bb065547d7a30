"""The command line: `python -m gpukeras info`."""

import argparse
import sys


def main(arguments=None):
    """Runs one command.

    Arguments:
        arguments: list of str, the command line without the program; None takes the process's own.

    Returns:
        The exit status, int.
    """
    parser = argparse.ArgumentParser(prog="python -m gpukeras")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="print versions, devices and engines, and why an engine is off")
    parser.parse_args(arguments)
    from .info import report

    print(report())
    return 0


if __name__ == "__main__":
    sys.exit(main())
