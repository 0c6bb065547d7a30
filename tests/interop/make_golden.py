"""Makes the files under tests/interop/golden.

    python tests/interop/make_golden.py gpukeras
    python tests/interop/make_golden.py tf_keras=PYTHON keras=PYTHON keras=PYTHON_OF_AN_OLDER_ONE ...

The first form packs what gpukeras writes into gpukeras.tar.xz. The second runs interop_peer.py with the package in the
given interpreter, packs what that writes into PACKAGE-VERSION.tar.xz and, for tf-keras and Keras 2.2.4, stores what it
makes of gpukeras.tar.xz in PACKAGE-VERSION.answers.npz. The committed ones come from tf-keras 2.21.0 on TensorFlow
2.21, and from Keras 2.0.5, 2.1.6, 2.2.4 and 2.3.1 on TensorFlow 1.13 and Python 3.7.
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]

import interop_files as files  # noqa: E402
import interop_peer as peer  # noqa: E402


def make_ours():
    import gpukeras

    with tempfile.TemporaryDirectory() as folder:
        peer.write(gpukeras, folder)
        files.pack(os.path.join(files.STORED, "gpukeras.tar.xz"), folder)


def make_peers(package, python):
    ask = "import %s as keras; print(keras.__version__)" % package
    version = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    name = os.path.join(files.STORED, "%s-%s" % (package, version))
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = os.path.join(folder, "ours"), os.path.join(folder, "theirs")
        print(files.run_peer(python, package, "--write", theirs))
        files.pack(name + ".tar.xz", theirs)
        if package == "tf_keras" or version == "2.2.4":
            files.unpack("gpukeras", ours)
            print(files.run_peer(python, package, "--read", ours, name + ".answers.npz"))


def main():
    os.makedirs(files.STORED, exist_ok=True)
    for argument in sys.argv[1:]:
        package, _, python = argument.partition("=")
        make_peers(package, python) if python else make_ours()


if __name__ == "__main__":
    main()
