"""Writes applications.json.xz: run it with Keras 2.2.4, then once more with tf_keras for the later networks.

    python tests/golden/make_applications.py keras
    python tests/golden/make_applications.py tf_keras

What the file has already is kept; remove it to start anew.
"""

import importlib
import json
import lzma
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import applications_cases as cases  # noqa: E402

PATH = os.path.join(HERE, "applications.json.xz")


def fetched_files(patches):
    """Makes `get_file` note what it is asked for, and loading weights do nothing."""
    files = []

    def get_file(fname, origin, **kwargs):
        files.append([fname, origin, kwargs.get("file_hash") or kwargs.get("md5_hash"), kwargs.get("cache_subdir")])
        return fname

    for owner, name in patches:
        setattr(owner, name, get_file if name == "get_file" else lambda *args, **kwargs: None)
    return files


def describe(keras, files, function, arguments, later=False):
    keras.backend.clear_session()
    del files[:]
    facts = cases.describe(function(**arguments), later)
    if files:
        facts["file"] = files[-1]
    return facts


def output(keras, function, arguments):
    keras.backend.clear_session()
    return cases.output_of(function, arguments).tolist()


def write(data):
    raw = cases.dumps(data).encode("ascii")
    with lzma.open(PATH, "wb", preset=9) as f:
        f.write(raw)


def read():
    if not os.path.exists(PATH):
        return {}
    with lzma.open(PATH, "rt") as f:
        return json.load(f)


def main(package):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    keras = importlib.import_module(package)
    applications = keras.applications
    data = read()

    def add(group, name, make, *args):
        if name not in data.setdefault(group, {}):
            data[group][name] = make(*args)
            write(data)
            print(group, name, flush=True)

    if package == "keras":
        network = importlib.import_module("keras.engine.network").Network
        files = fetched_files([(keras.utils, "get_file"), (network, "load_weights")])
        data["preprocess"] = cases.preprocessed(importlib.import_module("keras.applications.imagenet_utils"))
        for name, (function, arguments) in sorted(cases.OUTPUTS.items()):
            add("outputs", name, output, keras, getattr(applications, function), arguments)
        for name, (function, arguments) in sorted(cases.STRUCTURES.items()):
            function = getattr(applications, function)
            add("structures", name, describe, keras, files, function, arguments)
        return
    internals = importlib.import_module(package + ".src.utils.data_utils")
    files = fetched_files([(internals, "get_file"), (keras.Model, "load_weights")])
    for name, (module, function) in sorted(cases.LATER.items()):
        function = getattr(getattr(applications, module), function)
        for suffix, arguments in (("", {}), ("/notop", {"include_top": False})):
            arguments["weights"] = "imagenet"
            add("later", name + suffix, describe, keras, files, function, arguments, True)


if __name__ == "__main__":
    main(sys.argv[1])
