"""Starts a program several times on this machine, as processes that find each other."""

import argparse
import os
import secrets
import socket
import subprocess
import sys
import threading
import time

from .ring import HOST, MEETING, RANK, SIZE, TOKEN, introduce

GRACE = 5.0  # seconds for the others to end by themselves when one has failed


def launch(size, command):
    """Runs a Python program in several processes and waits for them.

    Arguments:
        size: int, number of processes.
        command: list of str, the program and its arguments as `python` takes them.

    Returns:
        int, the exit status: 0, or that of the first process that failed; the others are ended then.
    """
    token = secrets.token_hex(16)
    server = socket.create_server((HOST, 0), backlog=size)
    port = server.getsockname()[1]
    processes = []
    meeting = threading.Thread(target=introduce, args=(server, size, token, lambda: _all_alive(processes)), daemon=True)
    try:
        for rank in range(size):
            environment = {**os.environ, RANK: str(rank), SIZE: str(size), MEETING: str(port), TOKEN: token}
            # They share the processors.
            environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // size)))
            processes.append(subprocess.Popen([sys.executable, "-m", "gpukeras", *command], env=environment))
        meeting.start()
        return _wait(processes)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def _all_alive(processes):
    return all(process.poll() is None for process in processes)


def _wait(processes):
    """Waits for all, or for one to fail; returns the exit status."""
    while True:
        codes = [process.poll() for process in processes]
        failed = [code for code in codes if code]
        if failed:
            break
        if None not in codes:
            return 0
        time.sleep(0.05)
    deadline = time.monotonic() + GRACE  # they notice, and say so
    while time.monotonic() < deadline and any(process.poll() is None for process in processes):
        time.sleep(0.05)
    for process in processes:
        if process.poll() is None:
            process.terminate()
    rank = codes.index(failed[0])
    sys.stderr.write(f"gpukeras.distributed: rank {rank} ended with status {failed[0]}; the others were stopped\n")
    return failed[0] if failed[0] > 0 else 128 - failed[0]


def main(arguments=None):
    """The command line: `python -m gpukeras.distributed -n 2 script.py ...`.

    Arguments:
        arguments: list of str; None takes the process's own.

    Returns:
        int, the exit status.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gpukeras.distributed",
        description="Run a Keras program in several processes on this machine; `import keras` means gpukeras in it.",
    )
    parser.add_argument("-n", "--processes", type=int, required=True, help="number of processes")
    parser.add_argument(
        "program", nargs=argparse.REMAINDER, help="script (or -m module) and its arguments", metavar="program ..."
    )
    given = parser.parse_args(arguments)
    if given.processes < 1:
        parser.error(f"-n should be at least 1, got {given.processes}")
    if not given.program:
        parser.error("a script is needed")
    return launch(given.processes, given.program)
