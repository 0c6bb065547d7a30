"""`keras` as a name of this package: the same modules, found lazily, left as they were."""

import pickle
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

SAME_MODULES = """
import importlib, pkgutil, sys
import keras, gpukeras
assert keras is gpukeras
own = sorted(name for name in sys.modules if name.startswith("gpukeras."))
# What is loaded is entered at once, as it is after importing the original.
for name in ("layers.core", "engine.training", "backend.tensorflow_backend", "legacy.interfaces", "utils.np_utils"):
    assert sys.modules["keras." + name] is sys.modules["gpukeras." + name], name
count = 0
for info in pkgutil.walk_packages(keras.__path__, "keras."):
    if info.name.split(".")[1] in ("compat", "__main__", "as_keras", "_native"):
        continue
    real = "gpukeras" + info.name[5:]
    before = vars(sys.modules[real]).copy() if real in sys.modules else None
    module = importlib.import_module(info.name)
    assert module is sys.modules[real] is sys.modules[info.name], info.name
    assert module.__name__ == module.__spec__.name == real, (info.name, module.__spec__)
    assert module.__spec__.loader is module.__loader__ and not module.__spec__._initializing
    assert module.__package__ == (real if hasattr(module, "__path__") else real.rpartition(".")[0])
    if before is not None:
        for key in ("__name__", "__spec__", "__loader__", "__package__", "__file__"):
            assert vars(module)[key] is before[key], (info.name, key)
    count += 1
print(count)
"""


def test_every_module_is_the_same_object(python):
    done = python("-W", "error", "-m", "gpukeras", "-c", SAME_MODULES)
    assert int(done.stdout) > 150


IMPORTS = """
import sys
import gpukeras.as_keras
import keras.layers.core as core
assert core is sys.modules["gpukeras.layers.core"]
import keras

for path in ("engine.training", "wrappers", "legacy.layers", "backend.tensorflow_backend", "preprocessing.image",
             "applications.vgg16", "datasets.mnist", "utils.vis_utils", "layers.convolutional_recurrent"):
    found = keras
    for part in path.split("."):
        found = getattr(found, part)
    assert found is sys.modules["gpukeras." + path]
from keras.engine.topology import Layer, InputSpec
from keras import backend as K, layers
from keras.backend import tensorflow_backend as KTF
assert layers.Layer is Layer and KTF.relu is K.relu and K.backend() == "tensorflow"
space = {}
exec("from keras import *", space)
assert space["layers"] is layers and space["Sequential"] is keras.models.Sequential
import importlib.util, importlib
assert importlib.util.find_spec("keras").origin == keras.__file__
assert importlib.reload(keras.losses) is sys.modules["keras.losses"] is sys.modules["gpukeras.losses"]
assert keras.losses.__spec__.name == "gpukeras.losses"
del sys.modules["keras.losses"]
import keras.losses as again
assert again is sys.modules["gpukeras.losses"]
for name in ("keras.nope", "keras.layers.nope", "keras.layers.core.nope"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        assert error.name == name and repr(name) in str(error), error
    else:
        raise AssertionError(name)
assert importlib.util.find_spec("keras.nope") is None
from importlib.metadata import version, metadata, distributions
assert version("keras") == version("Keras") == keras.__version__ == "2.2.4"
assert metadata("keras")["Version"] == "2.2.4"
list(distributions())
"""


def test_ways_to_import(python):
    python("-W", "error", "-c", IMPORTS)


LAZY = """
import importlib.util, sys
import gpukeras
before = set(sys.modules)
import gpukeras.as_keras
added = {name for name in set(sys.modules) - before if name.startswith("gpukeras")}
assert added == {"gpukeras.as_keras", "gpukeras.compat", "gpukeras.compat.alias"}, added
spec = importlib.util.find_spec("keras.engine.topology")
assert spec.name == "keras.engine.topology" and spec.origin.endswith("topology.py")
assert "gpukeras.engine.topology" not in sys.modules
before = {name for name in sys.modules if name.startswith("gpukeras")}
import keras
assert {name for name in sys.modules if name.startswith("gpukeras")} == before
"""


def test_nothing_is_imported_that_was_not_asked_for(python):
    python("-c", LAZY)


THREADS = """
import importlib, sys, threading
sys.setswitchinterval(1e-6)
import gpukeras.as_keras
names = ["keras", "keras.engine.topology", "keras.layers.core", "keras.datasets.mnist", "keras.losses",
         "gpukeras.losses", "keras.applications.resnet_v2", "keras.utils.test_utils", "keras.engine.saving",
         "keras.wrappers.scikit_learn"]
gate, wrong = threading.Barrier(12), []
def work(shift):
    gate.wait()
    for name in names[shift:] + names[:shift]:
        module = importlib.import_module(name)
        if module is not sys.modules["gpukeras" + name[name.index("keras") + 5:]]:
            wrong.append(name)
threads = [threading.Thread(target=work, args=(i % len(names),)) for i in range(12)]
[t.start() for t in threads]
[t.join() for t in threads]
assert not wrong, wrong
for name, module in list(sys.modules.items()):
    if name.startswith(("keras", "gpukeras")):
        assert module.__spec__.name == module.__name__, (name, module.__spec__)
"""


def test_imports_in_many_threads(python):
    python("-c", THREADS)


def test_under_pytest_modules_named_like_tests_are_the_same_too(python, write):
    """Pytest's own finder, put in front later, would load a second copy of keras.utils.test_utils."""
    write(
        "test_it.py",
        "import keras.utils.test_utils as a\nimport gpukeras.utils.test_utils as b\n\n"
        "def test_it():\n    assert a is b\n",
    )
    assert "1 passed" in python("-m", "gpukeras", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py").stdout


@pytest.fixture
def real_keras(write):
    """Another Keras on the path; returns the folder."""
    write("other/keras/__init__.py", "__version__ = '9.9'\n")
    write("other/keras/layers.py", "class Dense: pass\n")
    return write("other/keras-9.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: keras\nVersion: 9.9\n").parents[1]


def with_other(folder):
    import os

    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ["PYTHONPATH"]])}


def test_another_keras_is_left_alone_until_asked(python, real_keras):
    code = "import gpukeras, keras, keras.layers, importlib.metadata as m; print(keras.__version__, m.version('keras'))"
    assert python("-c", code, **with_other(real_keras)).stdout == "9.9 9.9\n"
    assert python("-m", "gpukeras", "-c", code, **with_other(real_keras)).stdout == "2.2.4 2.2.4\n"


TOO_LATE = """
import keras.layers
dense = keras.layers.Dense
try:
    import gpukeras.as_keras
except ImportError as error:
    print(error)
import keras.layers
assert keras.layers.Dense is dense
"""


def test_too_late_when_another_keras_is_imported(python, real_keras):
    out = python("-c", TOO_LATE, **with_other(real_keras)).stdout
    assert out.startswith("Keras 9.9 (") and "import gpukeras.as_keras before anything that imports it" in out


IN_A_SESSION = """
import os, sys
import gpukeras
from gpukeras.layers import Dense
import gpukeras.as_keras
import gpukeras.as_keras as again
from keras.layers import Dense as Same
assert Same is Dense and os.environ["GPUKERAS_AS_KERAS"] == "1"
from gpukeras.compat import alias
assert alias.installed()
assert sum(getattr(finder, "gpukeras_alias", False) for finder in sys.meta_path) == 1
alias.remove()
assert not alias.installed() and "GPUKERAS_AS_KERAS" not in os.environ and "keras.layers" not in sys.modules
import keras
assert keras.__version__ == "9.9" and gpukeras.__version__ == "2.2.4"
"""


def test_in_the_middle_of_a_session_and_undone(python, real_keras):
    python("-W", "error", "-c", IN_A_SESSION, **with_other(real_keras))


PICKLES = """
import pickle, sys
import numpy as np
stored = pickle.load(sys.stdin.buffer)
objects = {name: pickle.loads(value) for name, value in stored.items() if name != "expected"}
import keras
want = stored["expected"]
x, y = np.arange(8.0).reshape(2, 4) / 8, np.ones((2, 2))
for model in objects["model"], objects["history"].model:
    assert type(model) is keras.models.Sequential
    np.testing.assert_allclose(model.predict(x), want["predictions"], rtol=1e-5)
    np.testing.assert_allclose(model.train_on_batch(x, y), want["trained"], rtol=1e-5)
    np.testing.assert_allclose(model.predict(x), want["after"], rtol=1e-5)
assert sorted(objects["history"].history) == ["loss", "mean_absolute_error"]
assert objects["tokenizer"].texts_to_sequences(["a c"]) == [[3, 2]]
assert objects["generator"].rotation_range == 3 and objects["generator"].channel_axis == 3
assert keras.backend.eval(objects["initializer"]((2, 2))).shape == (2, 2)
assert objects["constraint"].max_value == 2 and float(objects["regularizer"].l2) == 0.5
assert objects["function"] is keras.activations.relu and objects["class"] is keras.layers.Dense
"""


def test_pickles_of_real_keras_load(python):
    """Written by Keras 2.2.4 itself: their modules are called keras.* and keras_preprocessing.*."""
    text = (GOLDEN / "keras2_pickles.pkl").read_bytes()
    assert b"keras.engine.sequential" in pickle.loads(text)["model"]
    # Text is what the fixture sends.
    code = PICKLES.replace("pickle.load(sys.stdin.buffer)", "pickle.loads(bytes.fromhex(sys.stdin.read()))")
    python("-m", "gpukeras", "-c", code, stdin=text.hex())


WRITE = """
import pickle, sys
import numpy as np
from keras.models import Sequential
from keras.layers import Dense
from keras.preprocessing.text import Tokenizer
model = Sequential([Dense(2, input_shape=(3,))])
model.compile("sgd", "mse")
tokenizer = Tokenizer()
tokenizer.fit_on_texts(["a b"])
print(pickle.dumps((model, tokenizer, model.predict(np.ones((1, 3))))).hex())
"""
READ = """
import pickle, sys
import numpy as np
model, tokenizer, want = pickle.loads(bytes.fromhex(sys.stdin.read()))
np.testing.assert_array_equal(model.predict(np.ones((1, 3))), want)
assert tokenizer.word_index == {"a": 1, "b": 2} and "keras" not in sys.modules
"""


def test_pickles_written_under_the_alias_load_without_it(python):
    python("-c", READ, stdin=python("-m", "gpukeras", "-c", WRITE).stdout.strip())
