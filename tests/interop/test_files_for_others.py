"""Files that gpukeras wrote, in tf-keras and Keras 2.2.4, from the answers they gave (see make_golden.py).

The stored answers are about the files that are written today, and say the same as what gpukeras makes of them now.
"""

import json
import os

import h5py
import interop_checks as checks
import interop_files as files
import interop_peer as peer
import numpy as np
import pytest

import gpukeras
from gpukeras.engine.saving_config import normalize_config

TF_KERAS = "tf_keras-2.21.0"
READERS = {TF_KERAS: checks.TO_TF_KERAS, "keras-2.2.4": checks.TO_KERAS_2_2_4}
# A Lambda's bytecode is of this Python, Keras 2.2.4 ran on 3.7.
ERRORS = {TF_KERAS: set(), "keras-2.2.4": {"model__custom.h5"}}
# Weights that a step does not move: a bias in front of a batch normalisation has no gradient, a layer is frozen.
UNMOVED = {"model/nested": [1, 4, 5]}


@pytest.fixture(scope="module")
def answers():
    return {reader: files.Answers(os.path.join(files.STORED, reader + ".answers.npz")) for reader in READERS}


@pytest.mark.parametrize("reader", READERS)
def test_another_reads_every_file(reader, answers):
    assert set(answers[reader].errors) == ERRORS[reader]
    read = {peer.file_name(name) for name in answers[reader].configs}
    models, weights = files.index("gpukeras")
    assert read | ERRORS[reader] == {peer.file_name(name) for name in models}
    assert set(answers[reader].arrays) == set(models) | set(weights)


@pytest.mark.parametrize("name", files.index("gpukeras")[0])
def test_model_in_others(name, answers, unpacked):
    """What others made of a file is what is made of it here, now."""
    folder = unpacked("gpukeras")
    want, _ = peer.read_case(gpukeras, folder, name)
    for reader, table in READERS.items():
        if peer.file_name(name) not in ERRORS[reader]:
            checks.compare_answers(name, answers[reader], want, folder, table, reader == TF_KERAS)
    # The next step moves the weights far more than what is put down to rounding: equal steps are no accident.
    pairs = enumerate(zip(want["b"], want.get("w", [])))
    assert [i for i, (before, after) in pairs if checks.same([before], [after])] == UNMOVED.get(name, [])


@pytest.mark.parametrize(("reader", "name"), [(r, n) for r in READERS for n in files.index("gpukeras")[1]])
def test_weights_in_another(reader, name, answers, unpacked):
    want = peer.stored(os.path.join(unpacked("gpukeras"), peer.file_name(name, weights=True)))["y"]
    checks.compare(answers[reader].arrays[name]["o"], want, "loaded by order")
    checks.compare(answers[reader].arrays[name]["n"], want, "loaded by name")


@pytest.mark.parametrize("name", files.index("gpukeras")[0])
def test_config_that_tf_keras_understood(name, answers, unpacked):
    """tf-keras, asked for the config of a model it loaded, tells what the file said."""
    with h5py.File(os.path.join(unpacked("gpukeras"), peer.file_name(name))) as f:
        written = json.loads(f.attrs["model_config"])
    understood = normalize_config(answers[TF_KERAS].configs[name], {"Scale": object, "Pull": object, "Clip": object})
    assert settings(understood["config"]) == settings(written["config"])


def settings(config, owner=None):
    """A model's config without what only one of the packages writes, and without a Lambda's bytecode."""
    if isinstance(config, dict):
        if "layers" in config and "input_layers" not in config:
            # A Sequential of tf-keras lists its input.
            config = dict(config, layers=[c for c in config["layers"] if c["class_name"] != "InputLayer"])
        free = FREE + OWN.get(owner, ())
        left = {k: settings(v, config.get("class_name")) for k, v in config.items() if k not in free}
        return {k: v for k, v in left.items() if v is not None}
    if isinstance(config, list | tuple):
        return [settings(v) for v in config]
    return float(np.float32(config)) if isinstance(config, float) else config


# Written by one of the packages only, or to no effect.
FREE = ("dtype", "function", "trainable", "build_input_shape", "implementation", "batch_input_shape", "sparse")
OWN = {
    "BatchNormalization": ("axis",),  # -1 here, counted from the front there
    "SeparableConv1D": ("kernel_initializer",),  # the kernels have names of their own
    "SeparableConv2D": ("kernel_initializer",),
    "SpatialDropout2D": ("data_format",),
    "SpatialDropout3D": ("data_format",),
}


@pytest.mark.parametrize(("name", "weights"), [(n, w) for w in (0, 1) for n in files.index("gpukeras")[w]])
def test_files_have_not_changed(name, weights, unpacked, tmp_path):
    """The stored answers are about the files that are written today: same content, up to rounding in the numbers."""
    peer.write_case(gpukeras, str(tmp_path), name)
    file = peer.file_name(name, bool(weights))
    with h5py.File(tmp_path / file) as new, h5py.File(os.path.join(unpacked("gpukeras"), file)) as old:
        compare_groups(new, old)


def compare_groups(new, old):
    assert set(new.attrs) == set(old.attrs)
    for key in old.attrs:
        a, b = new.attrs[key], old.attrs[key]
        if key.endswith("_config"):
            a, b = without_code(json.loads(a)), without_code(json.loads(b))
        assert np.all(a == b), key
    assert set(new) - {"golden"} == set(old) - {"golden"}
    for key in set(old) - {"golden"}:
        if isinstance(old[key], h5py.Group):
            compare_groups(new[key], old[key])
        else:
            assert new[key].dtype == old[key].dtype
            np.testing.assert_allclose(new[key][()], old[key][()], rtol=1e-4, atol=1e-5, err_msg=old[key].name)


def without_code(config):
    if isinstance(config, dict):
        return {k: without_code(v) for k, v in config.items() if k != "function"}
    return [without_code(v) for v in config] if isinstance(config, list) else config
