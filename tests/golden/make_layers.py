"""Stores what Keras 2.2.4 computes for layers_cases.py, or compares tf-keras with what is stored.

PYTHON_WITH_KERAS_2_2_4 tests/golden/make_layers.py tests/golden/layers.npz
PYTHON_WITH_TF_KERAS    tests/golden/make_layers.py OTHER.npz --with tf_keras

The second form writes the same kind of file and prints where it differs from the stored one. Known differences, where
Keras 2.2.4 is right for us: the gates of LSTM and GRU are hard sigmoids by default; a GRU applies the reset gate before
the product by default, and its bias has one row; activity penalties are summed over the batch; bilinear enlarging
samples at i / scale. The first step of batch normalisation's moving averages is corrected in Keras 2.2.4 only, and not
in gpukeras.
"""

import argparse
import importlib
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import layers_cases

STORED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers.npz")


def pack(path, arrays, configs):
    """Writes one compressed file: all numbers in a row, their names, shapes and types, and the configs as JSON."""
    names = sorted(arrays)
    index = [[name, list(arrays[name].shape), str(arrays[name].dtype)] for name in names]
    values = np.concatenate([arrays[name].ravel().astype("float32") for name in names])
    np.savez_compressed(path, index=json.dumps(index), values=values, configs=json.dumps(configs))
    print("%d arrays, %d configs, %d bytes" % (len(names), len(configs), os.path.getsize(path)))


def unpack(path):
    """Returns (arrays by name, configs by name) from such a file."""
    with np.load(path) as f:
        index, values, configs = json.loads(str(f["index"])), f["values"], json.loads(str(f["configs"]))
    arrays, start = {}, 0
    for name, shape, dtype in index:
        size = int(np.prod(shape))
        arrays[name] = values[start : start + size].reshape(shape).astype(dtype)
        start += size
    assert start == len(values)
    return arrays, configs


def compare(ours, stored):
    """Prints the names of the arrays that differ, and by how much."""
    for name in sorted(set(ours) | set(stored)):
        a, b = ours.get(name), stored.get(name)
        if a is None or b is None or a.shape != b.shape:
            print(name, "is", None if a is None else a.shape, "here and", None if b is None else b.shape, "there")
        elif not np.allclose(a, b, 1e-3, 1e-4):
            print(name, "differs by up to", np.abs(a - b).max())


def main():
    """Runs every case with the package named and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("--with", dest="package", default="keras", help="package to ask (keras, tf_keras)")
    options = parser.parse_args()
    keras = importlib.import_module(options.package)
    importlib.import_module(options.package + ".backend")
    if options.package == "keras":
        assert keras.__version__ == "2.2.4", keras.__version__
    elif os.path.abspath(options.path) == STORED:
        parser.error("the stored numbers are those of Keras 2.2.4: give another path")
    arrays, configs = layers_cases.compute(keras)
    if options.package == "keras":
        # tf-keras has CTC, but no symbolic gradients to ask for
        arrays.update(("ctc:" + name, value) for name, value in layers_cases.ctc(keras).items())
    pack(options.path, arrays, configs)
    if options.package != "keras":
        compare(arrays, {k: v for k, v in unpack(STORED)[0].items() if not k.startswith("ctc:")})


if __name__ == "__main__":
    main()
