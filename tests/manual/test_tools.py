"""Chapters 18 to 20 of the manual: drawings, scikit-learn, tools. Less data, fewer epochs, smaller images."""

import hashlib
import io
import math
import os
import shutil
import sys
import types
import zipfile

import numpy as np
import pytest

from tests.manual.samples import sample


def perceptron(units=3, **options):
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(units, activation="relu", input_dim=4), Dense(3, activation="softmax")])
    model.compile(**{"optimizer": "adam", "loss": "categorical_crossentropy", "metrics": ["accuracy"], **options})
    return model


needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@needs_graphviz
@sample("18", 10664, 10676)
def test_drawings(monkeypatch):
    pytest.importorskip("pydot")
    model = perceptron()

    from keras.utils import plot_model

    plot_model(model, to_file="model.png")
    with open("model.png", "rb") as f:
        assert f.read(8) == b"\x89PNG\r\n\x1a\n"
    plot_model(model, to_file="other.png", show_shapes=True, show_layer_names=False, rankdir="LR")
    assert os.path.getsize("other.png") > 0

    # A notebook's class that shows the picture.
    display = types.ModuleType("IPython.display")
    display.SVG = lambda data: data
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    from IPython.display import SVG
    from keras.utils.vis_utils import model_to_dot

    picture = SVG(model_to_dot(model).create(prog="dot", format="svg"))
    assert b"<svg" in picture and model.layers[0].name.encode() in picture


def test_scikit_learn():
    """19: both wrappers, the order in which arguments count, and a search over arguments of model and fit."""
    from keras.layers import Dense
    from keras.models import Sequential
    from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor

    model_selection = pytest.importorskip("sklearn.model_selection")
    x = np.random.random((40, 4))
    labels = np.arange(40) % 3
    classifier = KerasClassifier(build_fn=perceptron, epochs=1, units=5, verbose=0)
    history = classifier.fit(x, labels, epochs=2)
    # What fit is given goes before what the wrapper was given.
    assert len(history.history["loss"]) == 2 and classifier.model.layers[0].units == 5
    assert classifier.predict(x).shape == (40,) and set(classifier.predict(x)) <= {0, 1, 2}
    assert classifier.predict_proba(x, batch_size=8).shape == (40, 3)
    assert 0 <= classifier.score(x, labels) <= 1

    class Line(KerasRegressor):
        def __call__(self, optimizer="sgd"):
            model = Sequential([Dense(1, input_dim=4)])
            model.compile(optimizer, "mse")
            return model

    line = Line(build_fn=None, epochs=1, verbose=0)
    line.fit(x, x.sum(1))
    assert line.predict(x).shape == (40,) and np.isscalar(line.score(x, x.sum(1)))

    search = model_selection.GridSearchCV(
        KerasClassifier(build_fn=perceptron, verbose=0), {"batch_size": [10, 20], "epochs": [1], "units": [2, 3]}, cv=2
    )
    search.fit(x, labels)
    assert set(search.best_params_) == {"batch_size", "epochs", "units"}


@sample("20.1", 10730)
def test_custom_objects():
    from keras import backend as K
    from keras.layers import Dense
    from keras.utils import CustomObjectScope

    def MyObject(weights):
        return 0.1 * K.sum(K.square(weights))

    with CustomObjectScope({"MyObject": MyObject}):
        layer = Dense(3, kernel_regularizer="MyObject")
        config = layer.get_config()
        assert config["kernel_regularizer"] == "MyObject"
        assert Dense.from_config(config).kernel_regularizer is MyObject
    # After it the name is unknown again.
    with pytest.raises(ValueError, match="MyObject"):
        Dense(3, kernel_regularizer="MyObject")


@sample("20.2", 10744)
def test_hdf5_matrix():
    import h5py
    from keras.utils import HDF5Matrix

    os.mkdir("input")
    data = np.random.random((8, 4))
    with h5py.File("input/file.hdf5", "w") as f:
        f["data"] = data
    model = perceptron()
    x_data = HDF5Matrix("input/file.hdf5", "data")
    np.testing.assert_allclose(model.predict(x_data), model.predict(data), rtol=1e-6)
    part = HDF5Matrix("input/file.hdf5", "data", start=2, end=6, normalizer=lambda x: x * 2)
    assert part.shape == (4, 4)
    np.testing.assert_allclose(part[:], data[2:6] * 2)


@sample("20.3", 10779, instead={"resize(imread(file_name), (200, 200))": "of the size of the test's images"})
def test_sequence(monkeypatch):
    from PIL import Image

    # scikit-image is not needed for this: its two functions do little here.
    for name, function in {
        "io": {"imread": lambda path: np.asarray(Image.open(path))},
        "transform": {"resize": lambda x, size: np.asarray(Image.fromarray(x).resize(size)) / 255},
    }.items():
        module = types.ModuleType(f"skimage.{name}")
        vars(module).update(function)
        monkeypatch.setitem(sys.modules, f"skimage.{name}", module)
    monkeypatch.setitem(sys.modules, "skimage", types.ModuleType("skimage"))

    from keras.layers import Dense, Flatten
    from keras.models import Sequential
    from keras.utils import Sequence
    from skimage.io import imread
    from skimage.transform import resize

    opened = []

    class CIFAR10Sequence(Sequence):
        def __init__(self, x_set, y_set, batch_size):
            self.x, self.y = x_set, y_set
            self.batch_size = batch_size

        def __len__(self):
            return math.ceil(len(self.x) / self.batch_size)

        def __getitem__(self, idx):
            batch_x = self.x[idx * self.batch_size : (idx + 1) * self.batch_size]
            batch_y = self.y[idx * self.batch_size : (idx + 1) * self.batch_size]
            opened.extend(batch_x)

            return np.array([resize(imread(file_name), (8, 8)) for file_name in batch_x]), np.array(batch_y)

    paths = ["%d.png" % n for n in range(10)]
    for path in paths:
        Image.fromarray(np.random.randint(256, size=(12, 12, 3)).astype("uint8")).save(path)
    model = Sequential([Flatten(input_shape=(8, 8, 3)), Dense(1)])
    model.compile("sgd", "mse")
    sequence = CIFAR10Sequence(paths, np.arange(10), 4)
    assert len(sequence) == 3 and sequence[2][0].shape == (2, 8, 8, 3)
    opened.clear()
    model.fit_generator(sequence, epochs=1, workers=0)
    # Every sample once in an epoch.
    assert sorted(opened) == sorted(paths)


def test_to_categorical_and_normalize():
    """20.4 and 20.5"""
    from keras.utils import normalize, to_categorical

    np.testing.assert_array_equal(to_categorical([0, 2], num_classes=4), np.eye(4)[[0, 2]])
    x = np.array([[3.0, 4.0], [0.0, 2.0]])
    np.testing.assert_allclose(normalize(x, axis=-1, order=2), [[0.6, 0.8], [0.0, 1.0]])
    np.testing.assert_allclose(normalize(x, axis=0, order=1), [[1, 4 / 6], [0, 2 / 6]])
    assert x[0, 0] == 3


def read(path):
    with open(path) as f:
        return f.read()


def test_get_file(tmp_path):
    """20.6: places, check sums and archives."""
    from keras.utils import get_file

    source = tmp_path / "source.txt"
    source.write_text("content")
    path = get_file(
        fname="example.txt",
        origin=source.as_uri(),
        untar=False,
        md5_hash=None,
        file_hash=hashlib.sha256(b"content").hexdigest(),
        cache_subdir="datasets",
        hash_algorithm="auto",
        extract=False,
        archive_format="auto",
        cache_dir=None,
    )
    assert path == os.path.join(os.environ["KERAS_HOME"], "datasets", "example.txt")
    assert read(path) == "content"
    md5 = hashlib.md5(b"content").hexdigest()
    for options in (
        {"md5_hash": md5},
        {"file_hash": md5, "hash_algorithm": "md5"},
        {"cache_dir": str(tmp_path / "elsewhere")},
        {"cache_subdir": str(tmp_path / "folder")},
    ):
        assert read(get_file("other.txt", source.as_uri(), **options)) == "content"
    absolute = str(tmp_path / "here.txt")
    assert get_file(absolute, source.as_uri()) == absolute
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("inner/one.txt", "1")
    path = get_file("all.zip", (tmp_path / "all.zip").as_uri(), extract=True, archive_format="zip")
    assert os.path.exists(os.path.join(os.path.dirname(path), "inner", "one.txt"))
    # With other content than the check sum says there is no file.
    with pytest.raises((OSError, ValueError)):
        get_file("wrong.txt", source.as_uri(), file_hash="0" * 32)


def test_summary(capsys):
    """20.7"""
    from keras.utils import print_summary

    model = perceptron()
    print_summary(model, line_length=None, positions=None, print_fn=None)
    plain = capsys.readouterr().out
    for text in ("Layer (type)", "Output Shape", "Param #", "(None, 3)", "Total params: 27", "Trainable params: 27"):
        assert text in plain
    lines = []
    print_summary(model, line_length=60, positions=[0.5, 0.8, 1.0], print_fn=lines.append)
    assert capsys.readouterr().out == "" and {len(line) for line in lines if set(line) <= {"_", "="}} == {60}
    out = io.StringIO()
    model.summary(print_fn=lambda line: print(line, file=out))
    assert out.getvalue() == plain


@sample("20.9", 10940, 10966)
def test_eight_gpus(eight_gpus):
    import tensorflow as tf
    from keras.applications import Xception
    from keras.utils import multi_gpu_model

    # 8 small images in place of 1000 of 224 x 224, and 10 classes.
    num_samples = 8
    height = 71
    width = 71
    num_classes = 10

    with tf.device("/cpu:0"):
        model = Xception(weights=None, input_shape=(height, width, 3), classes=num_classes)

    parallel_model = multi_gpu_model(model, gpus=8)
    assert parallel_model.output_shape == (None, 10)
    assert parallel_model.count_params() == model.count_params()

    parallel_model.compile(loss="categorical_crossentropy", optimizer="rmsprop")

    x = np.random.random((num_samples, height, width, 3))
    y = np.random.random((num_samples, num_classes))

    # To plan a training step of eight Xceptions takes half a minute; the test below trains smaller networks.
    if os.environ.get("GPUKERAS_LONG_TESTS"):
        before = model.get_weights()[0].copy()
        history = parallel_model.fit(x, y, epochs=1, batch_size=256)
        assert np.isfinite(history.history["loss"]).all()
        assert (model.get_weights()[0] != before).any()

    # The template has the weights.
    model.save("my_model.h5")
    assert os.path.getsize("my_model.h5") > 4 * model.count_params()


def test_shares_of_a_batch(eight_gpus):
    """20.9: with 2 GPUs a batch of 64 is cut in two of 32; numbers of GPUs may be listed; the template is trained."""
    from keras import backend as K
    from keras.layers import Dense, Lambda
    from keras.models import Sequential
    from keras.utils import multi_gpu_model

    for gpus, share in [(2, 32), ([1, 3, 5, 7], 16)]:
        rows = Lambda(lambda x: x * 0 + K.cast(K.shape(x)[0], "float32"))
        counting = multi_gpu_model(Sequential([Dense(1, input_dim=4), rows]), gpus)
        assert (counting.predict(np.random.random((64, 4)), batch_size=64) == share).all()

        model = perceptron()
        parallel_model = multi_gpu_model(model, gpus)
        parallel_model.compile(loss="categorical_crossentropy", optimizer="rmsprop")
        x, y = np.random.random((64, 4)), np.eye(3)[np.random.randint(3, size=64)]
        before = model.get_weights()[0].copy()
        history = parallel_model.fit(x, y, epochs=2, batch_size=64, verbose=0)
        assert np.isfinite(history.history["loss"]).all()
        assert (model.get_weights()[0] != before).any()
    with pytest.raises(ValueError):
        multi_gpu_model(model, 1)
