"""The start-up file: GPUKERAS_AS_KERAS=1 for a whole environment, and never anything in the way of Python."""

import os
import subprocess
import sys
import timeit
from pathlib import Path

import pytest

from gpukeras.compat import startup

PRINT = "import keras, sys; print(keras.__name__, keras.__version__)"


@pytest.fixture
def environment(tmp_path):
    """A virtual environment that has this one's packages; returns its interpreter and its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    packages = next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    lines = [path for path in sys.path if path.endswith("site-packages")] + [os.environ["PYTHONPATH"].split(":")[0]]
    (packages / "others.pth").write_text("\n".join(lines) + "\n")
    return tmp_path / "env" / "bin" / "python", packages


def test_installed_used_and_removed(python, environment, write):
    executable, packages = environment
    file = packages / startup.file_name

    def run(*arguments, **more):
        return python(*arguments, executable=str(executable), PYTHONPATH="", **more)

    assert "start-up file: none" in run("-m", "gpukeras", "alias", "--status").stdout
    assert str(file) in run("-m", "gpukeras", "alias", "--install").stdout
    assert len(file.read_text().splitlines()) == 1 and [p.name for p in packages.glob("gpukeras*")] == [file.name]
    assert run("-c", PRINT, GPUKERAS_AS_KERAS="1").stdout == "gpukeras 2.2.4\n"
    # Not asked for: nothing is changed, nothing is loaded.
    for variables in ({}, {"GPUKERAS_AS_KERAS": "0"}):
        assert "No module named 'keras'" in run("-c", PRINT, status=1, **variables).stderr
    assert "No module named 'keras'" in run("-E", "-c", PRINT, status=1, GPUKERAS_AS_KERAS="1").stderr
    lean = "import sys; print([n for n in sys.modules if n.startswith(('gpukeras', 'numpy', 'keras'))])"
    assert run("-c", lean, GPUKERAS_AS_KERAS="1").stdout == "[]\n"
    # A script's own subprocesses follow it.
    write("child.py", PRINT)
    write("main.py", "import subprocess, sys; subprocess.run([sys.executable, 'child.py'], check=True)")
    assert run("-m", "gpukeras", "main.py").stdout == "gpukeras 2.2.4\n"
    out = run("-m", "gpukeras", "alias", "--status", GPUKERAS_AS_KERAS="1").stdout
    assert str(file) in out and "`import keras` in this process: gpukeras" in out
    assert "removed" in run("-m", "gpukeras", "alias", "--remove").stdout
    assert not file.exists()


def test_a_stale_file_never_stops_python(python, environment):
    executable, packages = environment
    folder = str(Path(startup.__file__).parent)
    assert folder in startup.line()
    (packages / startup.file_name).write_text(startup.line().replace(folder, "/nowhere"))
    assert python("-c", "print(1)", executable=str(executable)).stdout == "1\n"
    done = python("-c", "print(1)", executable=str(executable), GPUKERAS_AS_KERAS="1")
    assert done.stdout == "1\n"
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("GPUKERAS_AS_KERAS=1 had no effect")


def test_a_folder_that_cannot_be_written(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(startup.sysconfig, "get_path", lambda name: str(tmp_path / "file"))
    assert startup.main(["--install"]) == 1
    assert "--user writes it for you alone" in capsys.readouterr().out


def test_costs_microseconds_when_not_asked_for(monkeypatch):
    monkeypatch.delenv("GPUKERAS_AS_KERAS", raising=False)
    line = startup.line()
    assert line.startswith("import ") and "\n" not in line[:-1]
    # Python runs the line with exec(), as here.
    assert min(timeit.repeat(lambda: exec(line), number=1, repeat=20)) < 1e-3
