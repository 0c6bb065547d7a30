"""Files that tf-keras and Keras 2.0 to 2.3 wrote, in gpukeras; stored ones (see make_golden.py).

Every layer, every optimizer, and models put together in many ways: predictions, optimizer state, loss and weights of
the next training step. Where a number differs on purpose, interop_checks.py says why.
"""

import os
import warnings

import interop_checks as checks
import interop_files as files
import interop_peer as peer
import pytest

import gpukeras

TF_KERAS = "tf_keras-2.21.0"
WRITERS = {
    TF_KERAS: checks.FROM_TF_KERAS,
    "keras-2.0.5": checks.FROM_KERAS_2_1,
    "keras-2.1.6": checks.FROM_KERAS_2_1,
    "keras-2.2.4": checks.AVERAGES,
    "keras-2.3.1": checks.AVERAGES,
}


# Keras 2.0.5 lacks two of the merge layers, so that the same model cannot be built here.
OTHER_MODELS = [("keras-2.0.5", "model/merging")]
# Layers, or settings in a case, that came after a version.
AFTER_2_1 = {"Conv2DTranspose", "ReLU", "UpSampling2D/bilinear"}
MISSING = {
    "keras-2.1.6": AFTER_2_1,
    "keras-2.0.5": AFTER_2_1
    | {"AlphaDropout", "Conv3DTranspose", "DepthwiseConv2D", "GRU/reset_after", "Minimum", "RNN/GRUCell"}
    | {"RNN/SimpleRNNCell", "RNN/StackedRNNCells", "SeparableConv1D", "Softmax", "Subtract"},
}


def cases(weights=False):
    found = [(writer, name) for writer in WRITERS for name in files.index(writer)[weights]]
    return [case for case in found if not (weights and case in OTHER_MODELS)]


@pytest.mark.parametrize(("writer", "name"), cases())
def test_model_of_another(writer, name, unpacked):
    checks.read_model(unpacked(writer), name, WRITERS[writer], writer == TF_KERAS)


@pytest.mark.parametrize(("writer", "name"), cases(weights=True))
def test_weights_of_another(writer, name, unpacked):
    checks.read_weights(unpacked(writer), name)


@pytest.mark.parametrize("writer", [*WRITERS, "gpukeras"])
def test_every_layer_and_optimizer_is_there(writer):
    names = files.index(writer)[0]
    missing = {name.split("/", 1)[1] for name in peer.cases.layer_names(gpukeras) if name not in names}
    assert missing == MISSING.get(writer, set())
    optimizers = {"optimizer/" + name for name in peer.cases.OPTIMIZERS} - set(names)
    if writer == "keras-2.0.5":
        assert optimizers == {"optimizer/Adam/amsgrad"}
    elif writer == TF_KERAS:
        # The newer optimizers have no decay; the legacy ones are there as well.
        assert optimizers == {"optimizer/SGD/decay", "optimizer/Adam/decay"}
        assert {"legacy_optimizer/" + name for name in peer.cases.OPTIMIZERS} <= set(names)
    else:
        assert not optimizers


def test_archives_stay_small():
    sizes = [os.path.getsize(os.path.join(files.STORED, name)) for name in os.listdir(files.STORED)]
    assert sum(sizes) < 3_000_000


def test_clipping_of_each_weight_is_said():
    from gpukeras.engine.saving_training import normalize_optimizer

    config = {"name": "SGD", "learning_rate": 0.1, "clipnorm": 0.5, "global_clipnorm": None}
    with pytest.warns(UserWarning, match="SGD was saved with clipnorm=0.5, which later versions apply to each weight"):
        found = normalize_optimizer({"class_name": "SGD", "config": config}, {})
    assert found["config"] == {"lr": 0.1, "clipnorm": 0.5}
    with warnings.catch_warnings():
        config = {"learning_rate": 0.1, "clipnorm": None, "global_clipnorm": 0.5}
        assert normalize_optimizer({"class_name": "SGD", "config": config}, {})["config"] == found["config"]
