"""Configuration: float type, fuzz factor, layout of images, keras.json."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from gpukeras import backend as K


def ask(expression, home, **env):
    """What a fresh interpreter answers with its settings in `home`."""
    code = f"from gpukeras import backend as K; print({expression})"
    env = {**os.environ, "KERAS_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), **env}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)


def test_floatx():
    assert K.floatx() == "float32"
    assert type(K.floatx()) is str
    for name in ("float16", "float64"):
        K.set_floatx(name)
        assert K.floatx() == name
        assert K.dtype(K.ones((2,))) == K.dtype(K.placeholder((2,))) == K.dtype(K.constant(1)) == name
        assert K.cast_to_floatx([1, 2]).dtype == name
    with pytest.raises(ValueError, match="float24"):
        K.set_floatx("float24")


def test_cast_to_floatx_takes_tensors():
    y = K.cast_to_floatx(K.variable([1, 2], dtype="int32"))
    assert K.dtype(y) == "float32"
    np.testing.assert_array_equal(K.eval(y), [1, 2])


def test_epsilon():
    assert K.epsilon() == 1e-7
    K.set_epsilon(1e-3)
    assert K.epsilon() == 1e-3
    loss = K.binary_crossentropy(K.zeros((1,)), K.zeros((1,)))
    np.testing.assert_allclose(K.eval(loss), -np.log(1 - 1e-3), rtol=1e-4)


def test_image_data_format():
    K.set_image_data_format("channels_first")
    assert (K.image_data_format(), K.image_dim_ordering()) == ("channels_first", "th")
    K.set_image_dim_ordering("tf")
    assert (K.image_data_format(), K.image_dim_ordering()) == ("channels_last", "tf")
    assert K.normalize_data_format(None) == "channels_last"
    assert K.normalize_data_format("Channels_First") == "channels_first"
    for wrong in ("channels_middle", 3):
        with pytest.raises(ValueError, match="'channels_first' or 'channels_last'"):
            K.normalize_data_format(wrong)
    with pytest.raises(ValueError, match="channels_middle"):
        K.set_image_data_format("channels_middle")
    with pytest.raises(ValueError, match="'tf' or 'th'"):
        K.set_image_dim_ordering("channels_last")


def test_settings_file_is_made_and_read(tmp_path):
    home = tmp_path / "settings"
    assert ask("K.backend()", home).stdout.split() == ["tensorflow"]
    path = home / "keras.json"
    found = json.loads(path.read_text())
    assert found == {
        "floatx": "float32",
        "epsilon": 1e-7,
        "backend": "tensorflow",
        "image_data_format": "channels_last",
    }
    assert [p.name for p in home.iterdir()] == ["keras.json"]
    path.write_text(json.dumps({"floatx": "float64", "epsilon": 1e-4, "image_data_format": "channels_first"}))
    out = ask("K.floatx(), K.epsilon(), K.image_data_format()", home).stdout
    assert out.split() == ["float64", "0.0001", "channels_first"] or "('float64', 0.0001, 'channels_first')" in out


def test_settings_file_that_cannot_be_used(tmp_path):
    path = tmp_path / "keras.json"
    path.write_text("not json")
    assert "float32" in ask("K.floatx()", tmp_path).stdout
    assert path.read_text() == "not json"
    path.write_text(json.dumps({"floatx": "float24"}))
    failed = ask("K.floatx()", tmp_path)
    assert failed.returncode and "keras.json" in failed.stderr and "float24" in failed.stderr


def test_home_that_cannot_be_written_is_left_alone(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "float32" in ask("K.floatx()", blocked / "below").stdout


def test_backend_name_can_be_asked_for(tmp_path):
    assert ask("K.backend()", tmp_path, KERAS_BACKEND="theano").stdout.split() == ["theano"]
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "cntk"}))
    assert ask("K.backend()", tmp_path).stdout.split() == ["cntk"]
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "jax"}))  # a file of Keras 3
    assert ask("K.backend()", tmp_path).stdout.split() == ["tensorflow"]
