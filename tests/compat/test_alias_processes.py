"""Processes that a program starts: workers import `keras` before anything of the program has told them what it is."""

import os

import pytest

WORKERS = """
import os, sys
import keras
from keras.layers.core import Dense

def work(x):
    import keras.engine.topology, gpukeras.engine.topology
    same = keras.engine.topology is sys.modules["gpukeras.engine.topology"]
    layer = keras.layers.deserialize(keras.layers.serialize(Dense(x)))
    return os.getpid(), same and layer.units == x and os.path.dirname(keras.__file__) == FOLDER

FOLDER = os.path.dirname(keras.__file__)

def check(results):
    assert all(good for _, good in results), results
    assert {pid for pid, _ in results}.isdisjoint({os.getpid()})
"""
POOL = """
if __name__ == "__main__":
    import multiprocessing
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        check(pool.map(work, [1, 2, 3]))
    print("done")
"""
EXECUTOR = """
if __name__ == "__main__":
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1])) as pool:
        check(list(pool.map(work, [1, 2, 3])))
    print("done")
"""
JOBLIB = """
if __name__ == "__main__":
    from joblib import Parallel, delayed
    check(Parallel(2, backend=sys.argv[1])(delayed(work)(i) for i in [1, 2, 3]))
    print("done")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools(python, write, method):
    write("main.py", WORKERS + POOL)
    assert python("-m", "gpukeras", "main.py", method).stdout == "done\n"


@pytest.mark.parametrize("method", ["spawn"])
def test_executors(python, write, method):
    write("main.py", WORKERS + EXECUTOR)
    assert python("-m", "gpukeras", "main.py", method).stdout == "done\n"


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_joblib(python, write, backend):
    pytest.importorskip("joblib")
    write("main.py", WORKERS + JOBLIB)
    assert python("-m", "gpukeras", "main.py", backend).stdout == "done\n"


def test_a_module_run_as_the_program(python, write):
    write("package/__init__.py", "")
    write("package/main.py", WORKERS + POOL)
    assert python("-m", "gpukeras", "-m", "package.main", "spawn").stdout == "done\n"


def test_a_program_that_switches_itself(python, write):
    """Its workers run the same line; what they import before it goes by the parent already."""
    write("helper.py", "import keras.layers\n")
    program = "import multiprocessing, multiprocessing.spawn\n" + "import gpukeras.as_keras\nimport helper\n"
    write("main.py", program + WORKERS + POOL)
    assert python("main.py", "spawn").stdout == "done\n"
    # Unpickled before the main module is run there.
    write(
        "main.py", "import multiprocessing\nif __name__ == '__main__':\n    import gpukeras.as_keras\n" + WORKERS + POOL
    )
    assert python("main.py", "spawn").stdout == "done\n"


def test_workers_use_the_same_copy_of_the_package(python, write):
    """The parent found it in a folder that nothing names to the worker."""
    import gpukeras

    root = os.path.dirname(os.path.dirname(gpukeras.__file__))
    find = f"import sys; sys.path.insert(0, {root!r}); import gpukeras.as_keras; sys.path.remove({root!r})\n"
    write("main.py", "if __name__ == '__main__':\n    " + find + WORKERS + POOL)
    assert python("main.py", "spawn", PYTHONPATH="").stdout == "done\n"


PRELOAD = """
import multiprocessing, sys
def work(_):
    import early
    return early.server == __import__("os").getppid(), early.name
if __name__ == "__main__":
    import keras
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["early"])
    with context.Pool(1) as pool:
        print(pool.map(work, [0]))
"""


def test_what_the_fork_server_imports_beforehand(python, write):
    write("early.py", "import os, keras\nserver, name = os.getpid(), keras.__name__\n")
    write("main.py", PRELOAD)
    assert python("-m", "gpukeras", "main.py").stdout == "[(True, 'gpukeras')]\n"


def test_training_with_worker_processes(python, write):
    write(
        "main.py",
        "import numpy as np\n"
        "import keras\n"
        "from keras.utils import Sequence\n"
        "class Batches(Sequence):\n"
        "    def __len__(self):\n"
        "        return 4\n"
        "    def __getitem__(self, index):\n"
        "        import keras.utils.np_utils\n"
        "        return np.ones((2, 3)), keras.utils.np_utils.to_categorical([0, 1], 2)\n"
        "if __name__ == '__main__':\n"
        "    model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(3,))])\n"
        "    model.compile('sgd', 'mse')\n"
        "    model.fit_generator(Batches(), use_multiprocessing=True, workers=2, verbose=0)\n"
        "    print('done')\n",
    )
    assert python("-m", "gpukeras", "main.py").stdout == "done\n"
