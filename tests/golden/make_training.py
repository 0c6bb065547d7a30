"""Stores what Keras 2.2.4 gives for training_cases.py.

PYTHON_WITH_KERAS_2_2_4 tests/golden/make_training.py tests/golden/training.json
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import keras
import tensorflow
import training_cases


def rounded(value):
    """Seven digits, which is what single precision has."""
    if isinstance(value, float):
        return float("%.7g" % value)
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return value


def main(path):
    """Writes one JSON object, a value per case."""
    assert keras.__version__ == "2.2.4", keras.__version__
    # TensorFlow 1's plain variables are read when an operation gets to run, after their own update included: with
    # shared layers a gradient step then differs from the gradient. Resource variables are read once.
    found = {}
    for name, case in training_cases.CASES.items():
        keras.backend.clear_session()
        # ... but a metric that is to be read before its update must then say so, which Keras has no words for.
        if name == "stateful_metric":
            tensorflow.disable_resource_variables()
        else:
            tensorflow.enable_resource_variables()
        found[name] = rounded(case(keras))
    with open(path, "w") as f:
        json.dump(found, f, sort_keys=True, separators=(",", ":"))
        f.write("\n")
    print(len(found), "cases,", os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
