"""Configs as JSON and YAML, and what YAML may not do."""

import json
import os

import numpy as np
import pytest

from gpukeras.utils import serial

CONFIG = {
    "shape": (None, 3),
    "rate": np.float32(0.5),
    "count": np.int64(3),
    "dtype": np.dtype("float32"),
    "function": len,
    "array": np.arange(6, dtype="float32").reshape(2, 3),
}


def test_json_takes_numpy_values():
    got = json.loads(serial.dump_json(CONFIG))
    assert got["shape"] == [None, 3] and got["rate"] == 0.5 and got["count"] == 3
    assert got["dtype"] == "float32" and got["function"] == "len"
    assert serial.is_stored_array(got["array"])
    array = serial.stored_array(got["array"])
    np.testing.assert_array_equal(array, CONFIG["array"])
    assert array.dtype == np.float32


def test_json_takes_objects_with_a_config():
    class Own:
        def get_config(self):
            return {"a": np.int8(1)}

    assert json.loads(serial.dump_json([Own()])) == [{"class_name": "Own", "config": {"a": 1}}]


def test_json_names_what_it_cannot_write():
    with pytest.raises(TypeError, match="Cannot write .* \\(object\\) into a model's config"):
        serial.dump_json({"a": object()})


def test_yaml_round_trip():
    got = serial.load_yaml(serial.dump_yaml(CONFIG))
    assert got == json.loads(serial.dump_json(CONFIG))


# As PyYAML 5 and NumPy 1 write them, which is what Keras 2's to_yaml() gave.
OLD_YAML = """
shape: !!python/tuple
- null
- 3
value: !!python/object/apply:numpy.core.multiarray._reconstruct
  args:
  - &id001 !!python/name:numpy.ndarray ''
  - !!python/tuple
    - 0
  - !!binary |
    Yg==
  state: !!python/tuple
  - 1
  - !!python/tuple
    - 3
    - 2
  - &id002 !!python/object/apply:numpy.dtype
    args:
    - f8
    - 0
    - 1
    state: !!python/tuple
    - 3
    - <
    - null
    - null
    - null
    - -1
    - -1
    - 0
  - %s
  - !!binary |
    AAAAAAAAAAAAAAAAAAAAQAAAAAAAABBAAAAAAAAA8D8AAAAAAAAIQAAAAAAAABRA
rate: !!python/object/apply:numpy.core.multiarray.scalar
- *id002
- !!binary |
  AAAAAAAA4D8=
"""


def test_yaml_of_keras_2_with_arrays():
    got = serial.load_yaml(OLD_YAML % "true")
    assert got["shape"] == (None, 3) and got["rate"] == 0.5
    np.testing.assert_array_equal(got["value"], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(serial.load_yaml(OLD_YAML % "false")["value"], [[0, 2], [4, 1], [3, 5]])


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.mkdir [{path}]",
        "!!python/object/new:os.mkdir [{path}]",
        "a: !!python/name:os.mkdir ''",
        "!!python/module:os ''",
    ],
)
def test_yaml_never_runs_code(text, tmp_path):
    path = str(tmp_path / "made")
    with pytest.raises(ValueError, match="not a model's config in \\(safe\\) YAML"):
        serial.load_yaml(text.format(path=path))
    assert not os.path.exists(path)


def test_yaml_arrays_of_objects_are_refused():
    text = (OLD_YAML % "false").replace("- f8", "- O8")
    with pytest.raises(ValueError, match="not of Python objects"):
        serial.load_yaml(text)


def test_text_that_is_no_yaml():
    with pytest.raises(ValueError, match="not a model's config"):
        serial.load_yaml("a: [1, 2")
