"""Writes model files with one Keras, or reads those of another: what goes on in the other interpreter.

    python interop_peer.py KERAS --write FOLDER             every case as FOLDER/NAME.h5
    python interop_peer.py KERAS --read FOLDER ANSWERS.npz  what this Keras makes of the files in FOLDER

KERAS is gpukeras, tf_keras or keras (2.0 to 2.3, on Python 3.7). A file has, besides what its Keras wrote, the group
`golden`: inputs `x`, targets `t`, predictions `y` of the saved model, then the next step's `loss` and the weights `w`
after it; moving means `m` and variances `v` before and after. Models of `model/` and `cudnn/` also come as
NAME_weights.h5.
"""

import argparse
import importlib
import json
import os
import sys
import traceback
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import h5py
import interop_cases as cases
import numpy as np


def file_name(name, weights=False):
    # Not `.weights.h5`: tf-keras writes another format then.
    return name.replace("/", "__") + ("_weights.h5" if weights else ".h5")


def numbers(model, name, x, t):
    """Predictions, then loss and weights of the next step (for layers with random numbers: the loss of evaluation)."""
    found = {"y": cases.predict(model, x)}
    found["m"], found["v"] = cases.averages_of(model)
    # Each part of a stateful model's run starts from the same state.
    model.reset_states()
    if cases.is_random(name):
        found["loss"] = [cases.evaluate(model, x, t)]
    else:
        found["loss"] = [cases.train(model, x, t)]
        model.reset_states()
        found["w"] = cases.weights_of(model)
        means, variances = cases.averages_of(model)
        found["m"] += means
        found["v"] += variances
    return found


def write_case(keras, folder, name):
    made = cases.build(keras, name)
    if made is None:
        return False
    model, x, t = made
    first = name.endswith("Nadam/first")
    if not cases.is_random(name) and not first:
        for _ in range(2):
            cases.train(model, x, t)
    model.reset_states()
    path = os.path.join(folder, file_name(name))
    if name.split("/")[0] in ("model", "cudnn"):
        weights = os.path.join(folder, file_name(name, weights=True))
        model.save_weights(weights)
        store(weights, {"x": x, "y": cases.predict(model, x)})
        model.reset_states()
    if not name.startswith("cudnn/"):
        model.save(path)
        store(path, dict(numbers(model, name, x, t), x=x, t=t))
    return True


def store(path, golden):
    with h5py.File(path, "a") as f:
        for key, values in golden.items():
            for i, value in enumerate(values):
                f["golden/%s%03d" % (key, i)] = value


def stored(path):
    """The group `golden` of a file: lists of arrays by key."""
    found = {}
    with h5py.File(path, "r") as f:
        for key in sorted(f["golden"]):
            found.setdefault(key[:-3], []).append(f["golden"][key][()])
    return found


def write(keras, folder):
    """Writes every case this Keras has; returns their names."""
    if not os.path.isdir(folder):
        os.makedirs(folder)
    return [name for name in cases.names(keras) if write_case(keras, folder, name)]


def state(optimizer):
    """The arrays that an optimizer keeps, without counters and placeholders."""
    if hasattr(optimizer, "get_weights"):
        values = optimizer.get_weights()
    else:
        variables = optimizer.variables
        values = [v.numpy() for v in (variables() if callable(variables) else variables)]
    return [np.asarray(v) for v in values if np.ndim(v) and np.shape(v) != (1,)]


def read_case(keras, folder, name):
    """What this Keras makes of a file: `numbers`, weights before the step, the optimizer's state; and the config."""
    path = os.path.join(folder, file_name(name))
    golden = stored(path)
    model = keras.models.load_model(path, custom_objects=cases.custom_objects(keras))
    if hasattr(model, "_make_train_function"):
        model._make_train_function()
    found = {"s": state(model.optimizer), "b": cases.weights_of(model)}
    found.update(numbers(model, name, golden["x"], golden["t"]))
    return found, {"class_name": type(model).__name__, "config": model.get_config()}


def read_weights(keras, folder, name):
    """Predictions of a model built here, after loading the file by order (`o`) and by name (`n`)."""
    path, found = os.path.join(folder, file_name(name, weights=True)), {}
    x = stored(path)["x"]
    for key, by_name in (("o", False), ("n", True)):
        model = cases.build(keras, name)[0]
        before = cases.predict(model, x)
        model.reset_states()
        for layer in cases.leaves(model):
            layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
        model.load_weights(path, by_name=by_name)
        found[key] = cases.predict(model, x)
        assert not np.array_equal(found[key][0], before[0]) or name.startswith("cudnn")
    return found


def plain(value):
    """For JSON: what configs hold besides plain values."""
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if hasattr(value, "as_list"):
        return value.as_list()
    if hasattr(value, "__name__"):
        return value.__name__
    return value.item() if isinstance(value, np.generic) or np.ndim(value) == 0 else list(value)


def read(keras, folder, answers):
    """Reads every file in a folder and stores what came out, errors included."""
    arrays, configs, errors = {}, {}, {}
    for file in sorted(os.listdir(folder)):
        weights = file.endswith("_weights.h5")
        name = file[: -len("_weights.h5" if weights else ".h5")].replace("__", "/")
        keras.backend.clear_session()  # TensorFlow 1's graph grows, and everything takes longer with it
        try:
            if weights:
                found = read_weights(keras, folder, name)
            else:
                found, configs[name] = read_case(keras, folder, name)
        except Exception:
            errors[file] = traceback.format_exc()
            continue
        for key, values in found.items():
            for i, value in enumerate(values):
                arrays["%s:%s:%03d" % (name, key, i)] = value
    np.savez_compressed(answers, configs=json.dumps(configs, default=plain), errors=json.dumps(errors), **arrays)
    return errors


def prepare(name):
    """Imports a Keras and makes small models quick in it."""
    if name == "tf_keras":
        import tensorflow

        # Without tracing: hundreds of functions that run once.
        tensorflow.config.run_functions_eagerly(True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keras")
    parser.add_argument("--write", metavar="FOLDER")
    parser.add_argument("--read", nargs=2, metavar=("FOLDER", "ANSWERS"))
    args = parser.parse_args()
    keras = prepare(args.keras)
    warnings.simplefilter("ignore")
    if args.write:
        print("%s %s wrote %d cases" % (args.keras, keras.__version__, len(write(keras, args.write))))
    if args.read:
        errors = read(keras, *args.read)
        print("%s %s read the files, %d errors" % (args.keras, keras.__version__, len(errors)))
        for file, text in sorted(errors.items()):
            print(file + ":", text.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
