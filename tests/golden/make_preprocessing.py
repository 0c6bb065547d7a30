"""Stores what Keras 2.2.4 gives for preprocessing_cases.py.

PYTHON_WITH_KERAS_2_2_4 tests/golden/make_preprocessing.py tests/golden/preprocessing.json
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import keras
import preprocessing_cases
from keras.preprocessing import image, sequence, text  # noqa: F401


def main(path):
    """Writes one JSON object, a value per case."""
    assert keras.__version__ == "2.2.4", keras.__version__
    found = {name: preprocessing_cases.run(name, keras) for name in preprocessing_cases.CASES}
    with open(path, "w") as f:
        json.dump(found, f, sort_keys=True, separators=(",", ":"))
        f.write("\n")
    print(len(found), "cases,", os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
