"""Stores what Keras 2.2.4 computes for wrappers_cases.py.

PYTHON_WITH_KERAS_2_2_4 tests/golden/make_wrappers.py tests/golden/wrappers.npz
"""

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import keras
import keras.backend
import wrappers_cases


def main(path):
    """Writes one compressed file: all numbers in a row, their names and shapes, and all configs as JSON."""
    assert keras.__version__ == "2.2.4", keras.__version__
    configs = wrappers_cases.configs(keras)
    keras.backend.clear_session()
    arrays = wrappers_cases.compute(keras)
    names = sorted(arrays)
    index = [[name, list(arrays[name].shape)] for name in names]
    values = np.concatenate([arrays[name].ravel().astype("float32") for name in names])
    np.savez_compressed(path, index=json.dumps(index), values=values, configs=json.dumps(configs))
    print("%d arrays, %d configs, %d bytes" % (len(names), len(configs), os.path.getsize(path)))


if __name__ == "__main__":
    main(sys.argv[1])
