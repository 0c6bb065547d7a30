"""`python -m gpukeras PROGRAM` against `python PROGRAM`: what a program sees of itself, and how it ends."""

import signal

import pytest

SELF = """
'''Its own text.'''
import os, pickle, sys
class Thing:
    pass
own = sys.modules["__main__"]
assert own.__dict__ is globals() and type(pickle.loads(pickle.dumps(Thing()))) is Thing
print(sorted(globals()), __doc__, __name__, __file__, __package__, __spec__, __cached__)
print(type(__loader__).__name__, __loader__.name, __loader__.path, __builtins__ is __import__("builtins"))
print(sys.argv, sys.path[0], os.path.basename(sys.executable))
import beside
"""
ERROR = """
def inner():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise ValueError("wrong") from error
inner()
"""
HOOK = """
import atexit, sys, traceback
atexit.register(lambda: print("at exit", sys.last_value, len(traceback.extract_tb(sys.last_traceback))))
def hook(kind, value, trace):
    print("hook", kind.__name__, len(traceback.extract_tb(trace)), len(traceback.extract_tb(value.__traceback__)))
sys.excepthook = hook
raise ValueError("wrong")
"""
THREAD = """
import threading, time
def work():
    time.sleep(0.2)
    print("still there", hello)
hello = "global"
threading.Thread(target=work).start()
raise SystemExit(5)
"""
FILES = {
    "sub/self.py": SELF,
    "sub/beside.py": "print('beside')",
    "error.py": ERROR,
    "hook.py": HOOK,
    "thread.py": THREAD,
    "syntax.py": "a b",
    "bye.py": "import sys; sys.exit('bye')",
    "interrupted.py": "raise KeyboardInterrupt",
    "info.py": "print('a script')",
    "info": "print('a script without an ending')",
    "pack/__init__.py": "",
    "pack/__main__.py": "import sys; from . import other; print(__name__, __package__, sys.argv); 1 / 0",
    "pack/other.py": "print('other')",
    "folder/__main__.py": "import sys; print(sys.argv, sys.path[0], __file__, __package__, __spec__.name)",
}
WHO = "import sys; print(sys.argv, repr(sys.path[0]), sorted(globals()), __name__); 1 / 0"

CASES = {
    "script": ["sub/self.py", "-m", "--flag", "x"],
    "error": ["error.py"],
    "own hook": ["hook.py"],
    "thread": ["thread.py"],
    "syntax error": ["syntax.py"],
    "exit message": ["bye.py"],
    "interrupt": ["interrupted.py"],
    "missing": ["nothing.py"],
    "script called info": ["./info"],
    "script called info.py": ["info.py"],
    "folder": ["folder", "x"],
    "module": ["-m", "pack", "-c", "x"],
    "module joined": ["-mpack", "x"],
    "missing module": ["-m", "pack.nothing"],
    "code": ["-c", WHO, "x"],
    "input": ["-", "x"],
}


@pytest.mark.parametrize("arguments", CASES.values(), ids=CASES)
def test_as_plain_python(python, write, arguments):
    for name, text in FILES.items():
        write(name, text)
    stdin = WHO if arguments[0] == "-" else None
    status = {"error.py": 1, "thread.py": 5, "interrupted.py": -signal.SIGINT, "nothing.py": 2}
    ends_well = ("sub/self.py", "./info", "info.py", "folder")
    expected = status.get(arguments[0], 0 if arguments[0] in ends_well else 1)
    plain = python(*arguments, status=expected, stdin=stdin)
    ours = python("-m", "gpukeras", *arguments, status=expected, stdin=stdin)
    assert plain.stdout or plain.stderr
    assert ours.stdout == plain.stdout
    if arguments[0] == "-c":
        # Python 3.13 shows the line of source as well, by means that only the interpreter has.
        plain.stderr = "".join(line for line in plain.stderr.splitlines(True) if not line.startswith("    "))
    assert ours.stderr == plain.stderr


def test_a_symlinked_script_finds_what_is_beside_its_target(python, write, tmp_path):
    write("sub/beside.py", "print('beside')")
    (tmp_path / "link.py").symlink_to(write("sub/main.py", "import beside, keras; print(keras.__version__)"))
    assert python("-m", "gpukeras", "link.py").stdout == "beside\n2.2.4\n"


def test_without_the_unsafe_path(python, write):
    write("sub/main.py", "import sys; print(sys.path)")
    assert python("-P", "-m", "gpukeras", "sub/main.py").stdout == python("-P", "sub/main.py").stdout


def test_staying_in_the_program(python, write):
    write("main.py", "import keras; value = 41")
    for ending in ("", "; 1 / 0"):
        write("main.py", "import keras; value = 41" + ending)
        done = python("-i", "-m", "gpukeras", "main.py", stdin="print(keras.__version__, value + 1)\n")
        assert done.stdout == "2.2.4 42\n"


def test_a_program_runs(python, write):
    """Names of every depth, as old scripts import them."""
    write(
        "train.py",
        "from __future__ import print_function\n"
        "import numpy as np\n"
        "import keras\n"
        "from keras.models import Sequential\n"
        "from keras.layers.core import Dense, Dropout\n"
        "from keras.engine.topology import Layer\n"
        "from keras.utils.np_utils import to_categorical\n"
        "import keras.backend as K\n"
        "assert K.backend() == 'tensorflow'\n"
        "model = Sequential([Dense(4, activation='relu', input_shape=(3,)), Dropout(0.5), Dense(2)])\n"
        "model.compile(keras.optimizers.SGD(lr=0.1), 'mse')\n"
        "model.fit(np.ones((8, 3)), to_categorical(np.zeros(8), 2), epochs=1, verbose=2)\n"
        "print(isinstance(model.layers[0], Layer), keras.__version__)\n",
    )
    out = python("-W", "error", "-m", "gpukeras", "train.py").stdout
    assert out.startswith("Epoch 1/1") and out.endswith("True 2.2.4\n")


def test_help_and_refusals(python):
    assert "python -m gpukeras SCRIPT" in python("-m", "gpukeras", "--help").stdout
    for arguments, message in (
        ([], "a script or a command is needed"),
        (["-m"], "-m needs a value"),
        (["--fast", "x.py"], "unknown option '--fast'"),
        (["info", "more"], "run as ./info"),
    ):
        assert message in python("-m", "gpukeras", *arguments, status=2).stderr


def test_the_alias_command_says_what_is_in_force(python):
    out = python("-m", "gpukeras", "alias", "--status").stdout
    assert "GPUKERAS_AS_KERAS: not set" in out
    assert python("-m", "gpukeras", "alias", status=2).stderr
