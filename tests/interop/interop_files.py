"""The files and answers that tests/interop looks at: stored ones, and those of another interpreter now."""

import functools
import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)


STORED = os.path.join(HERE, "golden")


def peer_python():
    """An interpreter with tf-keras: the one that GPUKERAS_TF_KERAS_PYTHON names, or this one; None without."""
    named = os.environ.get("GPUKERAS_TF_KERAS_PYTHON")
    if named:
        return named
    return sys.executable if importlib.util.find_spec("tf_keras") else None


def run_peer(python, *arguments):
    """Runs interop_peer.py in another interpreter and returns what it printed."""
    command = [python, os.path.join(HERE, "interop_peer.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("%s failed:\n%s" % (" ".join(command), done.stderr[-4000:]))
    return done.stdout


class Answers:
    """What a peer made of files: `arrays[name][key]` are lists, `configs` and `errors` are by name and file."""

    def __init__(self, source):
        self.arrays = {}
        with np.load(source) as found:
            self.configs, self.errors = (json.loads(str(found[key])) for key in ("configs", "errors"))
            for key in sorted(found.files):
                if ":" in key:
                    name, part, _ = key.rsplit(":", 2)
                    self.arrays.setdefault(name, {}).setdefault(part, []).append(found[key])


def pack(path, folder):
    """Writes the files of a folder as a tar.xz, the same bytes for the same content."""
    with tarfile.open(path, "w:xz", preset=9) as tar:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as f:
                content = f.read()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def unpack(name, folder):
    """Unpacks golden/NAME.tar.xz into a folder and returns it."""
    with tarfile.open(os.path.join(STORED, name + ".tar.xz")) as tar:
        tar.extractall(folder, filter="data")
    return folder


@functools.cache
def index(name):
    """Names of the cases in golden/NAME.tar.xz: those with a model's file, and those with a file of weights."""
    with tarfile.open(os.path.join(STORED, name + ".tar.xz")) as tar:
        files = tar.getnames()
    weights = [f[: -len("_weights.h5")] for f in files if f.endswith("_weights.h5")]
    models = [f[: -len(".h5")] for f in files if not f.endswith("_weights.h5")]
    return [sorted(f.replace("__", "/") for f in found) for found in (models, weights)]
