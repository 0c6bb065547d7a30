"""`keras_applications`, `keras_preprocessing` and `tensorflow.keras` beside the name `keras`."""

import importlib.util
import os

import pytest

from gpukeras import backend as K
from gpukeras import layers, models, utils
from gpukeras.compat import keras_applications, keras_preprocessing

STAND_INS = """
import sys
import keras_applications, keras_preprocessing
from keras_applications import imagenet_utils, vgg16
from keras_applications.resnet50 import ResNet50
import keras_applications.mobilenet_v2 as m
import keras_preprocessing.text, keras_preprocessing.image as image
from keras_preprocessing.sequence import pad_sequences
import keras
assert vgg16 is keras.applications.vgg16 is sys.modules["keras_applications.vgg16"]
assert m is keras.applications.mobilenet_v2 and ResNet50 is keras.applications.resnet50.ResNet50
assert keras_applications.densenet is keras.applications.densenet
assert image is keras.preprocessing.image and keras_preprocessing.text is keras.preprocessing.text
assert pad_sequences is keras.preprocessing.sequence.pad_sequences
assert keras_applications.get_keras_submodule("backend") is keras.backend
assert keras_preprocessing.get_keras_submodule("utils") is keras.utils
for module in imagenet_utils, image:
    assert module.__spec__.name == module.__name__
from importlib.metadata import version
assert version("keras_applications") == keras_applications.__version__
assert version("Keras-Preprocessing") == keras_preprocessing.__version__
import importlib.util
assert importlib.util.find_spec("keras_applications.nope") is None
modules = dict(backend=keras.backend, layers=keras.layers, models=keras.models, utils=keras.utils)
net = m.MobileNetV2(input_shape=(32, 32, 3), weights=None, classes=3, alpha=0.35, **modules)
assert net.output_shape == (None, 3) and isinstance(net, keras.models.Model)
"""


def missing(name):
    return importlib.util.find_spec(name) is None


@pytest.mark.skipif(
    not (missing("keras_applications") and missing("keras_preprocessing")),
    reason="the packages themselves are installed",
)
def test_stand_ins(python):
    python("-W", "error", "-m", "gpukeras", "-c", STAND_INS)
    # Not without being asked.
    assert "No module named 'keras_applications'" in python("-c", "import keras_applications", status=1).stderr


INSTALLED = """
import keras_applications, keras_preprocessing.text
import keras
assert keras_applications.__version__ == "as installed" and keras_preprocessing.text.marker == 1
assert keras_applications._KERAS_BACKEND is keras.backend and keras_applications._KERAS_LAYERS is keras.layers
assert keras_applications._KERAS_MODELS is keras.models and keras_applications._KERAS_UTILS is keras.utils
assert keras_preprocessing._KERAS_BACKEND is keras.backend and not hasattr(keras_preprocessing, "_KERAS_LAYERS")
assert keras_applications.__loader__ is keras_applications.__spec__.loader
"""


@pytest.mark.parametrize("first", ["", "import keras_applications, keras_preprocessing\n"], ids=["after", "before"])
def test_installed_packages_are_used_and_given_the_modules(python, write, first):
    names = "_KERAS_BACKEND = _KERAS_LAYERS = _KERAS_MODELS = _KERAS_UTILS = None\n"
    write("site/keras_applications/__init__.py", "__version__ = 'as installed'\n" + names)
    write("site/keras_preprocessing/__init__.py", "_KERAS_BACKEND = _KERAS_UTILS = None\n")
    path = write("site/keras_preprocessing/text.py", "marker = 1\n").parents[1]
    path = os.pathsep.join([str(path), os.environ["PYTHONPATH"]])
    python("-W", "error", "-c", first + "import gpukeras.as_keras\n" + INSTALLED, PYTHONPATH=path)


def test_networks_of_the_package_get_their_modules():
    own = K, layers, models, utils
    assert keras_applications.get_submodules_from_kwargs({}) == own
    assert keras_applications.get_submodules_from_kwargs({"layers": 1}) == (K, 1, models, utils)
    with pytest.raises(TypeError, match="'engine'"):
        keras_applications.get_submodules_from_kwargs({"engine": 1})
    for package in keras_applications, keras_preprocessing:
        assert package.get_keras_submodule("backend") is K
        with pytest.raises(ImportError, match="'nope'"):
            package.get_keras_submodule("nope")
        try:
            package.set_keras_submodules(backend="mine", utils=None)
            assert package.get_keras_submodule("backend") == "mine" and package.get_keras_submodule("utils") is utils
        finally:
            package._given.clear()
    with pytest.raises(AttributeError, match="'nope'"):
        _ = keras_applications.nope
    assert {"vgg16", "correct_pad"} <= set(dir(keras_applications))


@pytest.mark.parametrize(
    "shape, kernel, expected",
    [
        ((5, 6, 3), 3, ((1, 1), (0, 1))),
        ((None, 7, 3), 5, ((1, 2), (2, 2))),
        ((4, 5, 1), (3, 7), ((0, 1), (3, 3))),
    ],
)
def test_correct_pad(shape, kernel, expected):
    assert keras_applications.correct_pad(K, layers.Input(shape), kernel) == expected


TENSORFLOW = """
import keras
import tensorflow as tf
assert tf.__version__ == "as installed" and tf.keras is keras, tf.keras
from tensorflow import keras as one
import tensorflow.keras.layers as two
from tensorflow.keras.backend import relu
assert one is keras and two is keras.layers and relu is keras.backend.relu
import tensorflow.python.keras
assert tensorflow.python.keras.own
"""


def test_an_installed_tensorflow_stays_and_its_keras_is_this_one(python, write):
    """It takes `tf.keras` from the package `keras`, which is this one in the process."""
    write("site/tensorflow/__init__.py", "__version__ = 'as installed'\n")
    write("site/tensorflow/python/__init__.py", "")
    path = write("site/tensorflow/python/keras.py", "own = True\n").parents[2]
    path = os.pathsep.join([str(path), os.environ["PYTHONPATH"]])
    python("-W", "error", "-m", "gpukeras", "-c", TENSORFLOW, PYTHONPATH=path)
    late = "import tensorflow, gpukeras.as_keras"
    python("-c", late, PYTHONPATH=path)
    refused = python("-c", late, status=1, PYTHONPATH=path, GPUKERAS_AS_TENSORFLOW="1").stderr
    assert "ImportError: TensorFlow as installed (" in refused


def test_tensorflow_can_be_left_alone(python, write):
    write("site/tensorflow/__init__.py", "keras = 'its own'\n")
    path = os.pathsep.join(
        [str(write("site/tensorflow/keras.py", "own = True\n").parents[1]), os.environ["PYTHONPATH"]]
    )
    code = (
        "from gpukeras.compat import alias; alias.install(tensorflow=False)\n"
        "import tensorflow as tf; assert tf.keras == 'its own'\n"
        "import tensorflow.keras; assert tf.keras.own\n"
    )
    python("-c", code, PYTHONPATH=path)


TENSORBOARD = """
import glob
import numpy as np
import tensorflow
import keras
assert tensorflow.__name__ == "gpukeras.compat.tensorflow"
model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,))])
model.compile("sgd", "mse")
model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[keras.callbacks.TensorBoard("logs")])
assert glob.glob("logs/*tfevents*")
"""


def test_tensorboard_does_without_the_stand_in_for_tensorflow(python):
    pytest.importorskip("tensorboard")
    if not missing("tensorflow"):
        pytest.skip("TensorFlow itself is installed")
    python("-m", "gpukeras", "-c", TENSORBOARD)


TENSORFLOW_STAND_IN = """
import sys
from tensorflow.{0} import keras as inner
import tensorflow as tf
from tensorflow import keras
import tensorflow.{0}.keras.layers.core as core
from tensorflow.keras.layers import Dense
import keras as plain
assert inner is keras is plain is tf.keras is tf.{0}.keras
assert core is plain.layers.core and Dense is core.Dense
assert sys.modules["tensorflow.keras.layers"] is sys.modules["keras.layers"] is plain.layers
import tensorflow.nn
assert tf.nn is sys.modules["gpukeras.compat.tensorflow.nn"] is sys.modules["tensorflow.nn"]
for name, module in list(sys.modules.items()):
    if name.partition(".")[0] in ("tensorflow", "keras", "gpukeras") and getattr(module, "__spec__", None):
        assert module.__spec__.name == module.__name__, (name, module.__spec__)
"""


@pytest.mark.parametrize("inner", ["python", "contrib"])
def test_names_of_the_stand_in_for_tensorflow(python, inner):
    if not missing("tensorflow"):
        pytest.skip("TensorFlow itself is installed")
    python("-W", "error", "-m", "gpukeras", "-c", TENSORFLOW_STAND_IN.format(inner))
