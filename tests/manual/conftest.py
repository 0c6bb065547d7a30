"""What every sample of the manual gets: `keras` is gpukeras, an empty folder to work in, a cache of its own."""

import pytest

from gpukeras import backend
from gpukeras.compat import alias


@pytest.fixture(autouse=True, scope="module")
def keras_is_gpukeras():
    """Lets a file's samples say `import keras`, and takes the name away again for the tests elsewhere."""
    there = alias.installed()
    # Never TensorFlow itself, should it be installed: the samples are to run on what comes with gpukeras.
    alias.install(tensorflow=True)
    yield
    backend.clear_session()
    if not there:
        alias.remove()


@pytest.fixture(autouse=True)
def as_typed(monkeypatch, tmp_path):
    """Lets a sample write files where it likes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras-home"))
    # One sample sets it.
    monkeypatch.setenv("PYTHONHASHSEED", "0")


@pytest.fixture
def eight_gpus(monkeypatch):
    """GPUs that have names only: what is placed on them is computed on the CPU."""
    names = ["/device:GPU:%d" % i for i in range(8)]
    monkeypatch.setattr(backend.tensorflow_backend, "_get_available_gpus", lambda: names)
