"""Lambda layers: whose bytecode is loaded, and what to do about other people's."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers, models
from gpukeras.utils import func_utils

X = np.random.RandomState(0).rand(4, 3)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def build(function, **kwargs):
    model = models.Sequential([layers.Lambda(function, input_shape=(3,), name="lam", **kwargs)])
    model.compile("sgd", "mse")
    return model


@pytest.fixture
def stranger(monkeypatch):
    """Call it to become a program that wrote nothing yet, of a user who wrote nothing yet."""

    def become(tmp_path):
        monkeypatch.setenv("KERAS_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setattr(func_utils, "_WRITTEN_HERE", set())

    return become


def test_the_same_program_loads_what_it_wrote(tmp_path):
    factor = 3.0
    model = build(lambda x: x * factor + K.sum(x))
    model.save(tmp_path / "m.h5")
    want = model.predict(X)
    for loaded in (
        models.load_model(tmp_path / "m.h5"),
        models.model_from_json(model.to_json()),
        models.model_from_yaml(model.to_yaml()),
    ):
        np.testing.assert_allclose(loaded.predict(X), want)


def fivefold(x):
    return x * 5


def test_globals_come_from_custom_objects(tmp_path):
    build(lambda x: fivefold(x)).save(tmp_path / "m.h5")
    loaded = models.load_model(tmp_path / "m.h5", custom_objects={"fivefold": fivefold})
    np.testing.assert_allclose(loaded.predict(X), X * 5, rtol=1e-6)


PROGRAM = """
import sys, numpy as np
from gpukeras import layers, models
if sys.argv[1] == "save":
    models.Sequential([layers.Lambda(lambda x: x * 7, input_shape=(3,))]).save(sys.argv[2])
else:
    print(models.load_model(sys.argv[2], compile=False).predict(np.ones((1, 3)))[0, 0])
"""


def run(*args, home):
    env = dict(os.environ, KERAS_HOME=str(home), PYTHONPATH=ROOT)
    return subprocess.run([sys.executable, "-c", PROGRAM, *args], capture_output=True, text=True, env=env)


def test_another_program_of_the_same_user_loads_it(tmp_path):
    path = str(tmp_path / "m.h5")
    assert run("save", path, home=tmp_path / "home").returncode == 0
    again = run("load", path, home=tmp_path / "home")
    assert again.stdout.strip() == "7.0", again.stderr
    other = run("load", path, home=tmp_path / "other")
    assert other.returncode != 0 and "not written by you on this machine" in other.stderr


def test_a_strangers_file_is_refused_until_trusted(tmp_path, stranger):
    model = build(lambda x: x * 11)
    model.save(tmp_path / "m.h5")
    text, yaml = model.to_json(), model.to_yaml()
    stranger(tmp_path)
    message = r"Lambda layer 'lam' of .* not written by you .*custom_objects=\{'lam'.*safe_mode=False"
    for load, source in (
        (models.load_model, tmp_path / "m.h5"),
        (models.model_from_json, text),
        (models.model_from_yaml, yaml),
        (models.model_from_config, json.loads(text)),
    ):
        with pytest.raises(ValueError, match=message):
            load(source)
        np.testing.assert_allclose(load(source, safe_mode=False).predict(X), X * 11, rtol=1e-6)


def test_a_supplied_function_takes_the_place_of_the_code(tmp_path, stranger):
    build(lambda x: x * 13).save(tmp_path / "m.h5")
    stranger(tmp_path)
    loaded = models.load_model(tmp_path / "m.h5", custom_objects={"lam": lambda x: x * 2})
    np.testing.assert_allclose(loaded.predict(X), X * 2, rtol=1e-6)


def test_hidden_code_is_found(tmp_path, stranger):
    """A Lambda inside a nested model, under a package's name."""
    inner = build(lambda x: x * 17)
    x = layers.Input((3,))
    model = models.Model(x, inner(x))
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as f:
        config = f.attrs["model_config"].replace('"class_name": "Lambda"', '"class_name": "pack>Lambda"')
        assert "pack>Lambda" in config
        f.attrs["model_config"] = config.encode()
    stranger(tmp_path)
    with pytest.raises(ValueError, match="bytecode"):
        models.load_model(tmp_path / "m.h5")


def test_code_of_another_python_is_reported(tmp_path):
    model = build(lambda x: x * 19)
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as f:
        config = json.loads(f.attrs["model_config"])
        # A lambda of Python 3.7: `lambda x, k: x * k`.
        config["config"]["layers"][0]["config"]["function"][0] = (
            "4wMAAAAAAAAAAwAAAAIAAABDAAAAcwgAAAB8AHwBFABTACkBTqkAKQPaAXjaAWvaAWFyAQAAAHIB\n"
            "AAAA+gc8c3RkaW4+2gg8bGFtYmRhPgMAAADzAAAAAA==\n"
        )
        f.attrs["model_config"] = json.dumps(config).encode()
    with pytest.raises(ValueError, match="bytecode does not fit Python .*another version of Python"):
        models.load_model(tmp_path / "m.h5", safe_mode=False)


def test_array_arguments_come_back(tmp_path):
    mean = np.random.random((3,)).astype("float32")
    model = build(lambda x, mu, k: (x - mu) * k, arguments={"mu": mean, "k": np.float32(2)})
    model.save(tmp_path / "m.h5")
    loaded = models.load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(loaded.layers[0].arguments["mu"], mean)
    np.testing.assert_allclose(loaded.predict(X), (X - mean) * 2, rtol=1e-5)


# As tf-keras 2.21 and Keras 3 write a Lambda; the code is put in by the test.
TF_KERAS = {"name": "lam", "trainable": True, "dtype": "float32", "batch_input_shape": [None, 3], "module": "__main__",
            "function_type": "lambda", "output_shape": None, "output_shape_type": "raw", "output_shape_module": None,
            "arguments": {}}  # fmt: skip
KERAS_3 = {"name": "lam", "trainable": True, "batch_shape": [None, 3], "output_shape": [3], "arguments": {},
           "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}}  # fmt: skip


def test_lambdas_of_later_versions():
    code, defaults, closure = func_utils.func_dump(lambda x: x * 23)
    wrapped = {"class_name": "__lambda__", "config": {"code": code, "defaults": defaults, "closure": closure}}
    for config in (dict(TF_KERAS, function=[code, defaults, closure]), dict(TF_KERAS, function=wrapped)):
        config = {"class_name": "Sequential", "config": [{"class_name": "Lambda", "config": config}]}
        model = models.model_from_config(config)
        np.testing.assert_allclose(model.predict(X), X * 23, rtol=1e-6)


def test_lambdas_of_keras_3(tmp_path, stranger):
    code, defaults, closure = func_utils.func_dump(lambda x: x * 29)
    wrapped = {"class_name": "__lambda__", "config": {"code": code, "defaults": defaults, "closure": closure}}
    first = {"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "i"}}
    config = {k: v for k, v in KERAS_3.items() if k != "batch_shape"}
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
        first, {"class_name": "Lambda", "config": dict(config, function=wrapped)}]}}  # fmt: skip
    np.testing.assert_allclose(models.model_from_config(config).predict(X), X * 29, rtol=1e-6)
    stranger(tmp_path)
    with pytest.raises(ValueError, match="bytecode"):
        models.model_from_config(config)
