"""Programs in processes of their own: the alias changes what a whole process imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SWITCHES = ("GPUKERAS_AS_KERAS", "GPUKERAS_AS_TENSORFLOW")


@pytest.fixture
def python(tmp_path):
    """A function that runs Python in an empty folder and returns what became of it."""

    def run(*arguments, status=0, stdin=None, executable=sys.executable, **variables):
        environment = {name: value for name, value in os.environ.items() if name not in SWITCHES}
        environment.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", **variables)
        done = subprocess.run(
            [executable, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture
def write(tmp_path):
    """A function that writes a file below the folder of `python`."""

    def make(name, text):
        path = Path(tmp_path, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return make
