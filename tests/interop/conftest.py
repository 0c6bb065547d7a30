"""Unpacks stored model files once, and has a peer write and read once, however many tests look at it."""

import contextlib
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import interop_files as files
import interop_peer as peer


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    """Function from the name of an archive to the folder with its files."""
    done = {}

    def folder(name):
        if name not in done:
            done[name] = files.unpack(name, tmp_path_factory.mktemp(name))
        return done[name]

    return folder


@contextlib.contextmanager
def _lock(path):
    """Lets one process of several in; a lock whose holder died is let go by the system."""
    import fcntl

    with open(path, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def live(tmp_path_factory, worker_id):
    """(folder that tf-keras wrote, folder that gpukeras wrote, what tf-keras made of that one), made now."""
    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist share the folder above theirs.
    base = (base if worker_id == "master" else base.parent) / "live"
    base.mkdir(exist_ok=True)
    theirs, ours, answers = (base / name for name in ("theirs", "ours", "answers.npz"))
    with _lock(base / "lock"):
        if not answers.exists():
            import gpukeras

            peer.write(gpukeras, str(ours))
            files.run_peer(files.peer_python(), "tf_keras", "--write", str(theirs), "--read", str(ours), str(answers))
    return theirs, ours, files.Answers(answers)


@pytest.fixture(scope="session")
def worker_id(request):
    """The name of this worker of pytest-xdist; 'master' without workers."""
    return os.environ.get("PYTEST_XDIST_WORKER", "master")
