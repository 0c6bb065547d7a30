"""Stores what Keras 2.2.4 computes for catalogue_cases.py.

PYTHON_WITH_KERAS_2_2_4 tests/golden/make_catalogue.py tests/golden/catalogue.npz
"""

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import catalogue_cases
import keras
import keras.backend


def main(path):
    """Writes one compressed file: float32 arrays by name, and all configs as one JSON string."""
    assert keras.__version__ == "2.2.4", keras.__version__
    configs = catalogue_cases.configs(keras)
    keras.backend.clear_session()
    arrays = catalogue_cases.compute(keras)
    # Names and values go in as three flat arrays: an archive member per case would be mostly headers.
    names = sorted(arrays)
    index = [[name, list(arrays[name].shape), str(arrays[name].dtype)] for name in names]
    values = np.concatenate([arrays[name].ravel().astype("float32") for name in names])
    np.savez_compressed(path, index=json.dumps(index), values=values, configs=json.dumps(configs))
    print("%d cases, %d configs, %d bytes" % (len(names), len(configs), os.path.getsize(path)))


if __name__ == "__main__":
    main(sys.argv[1])
