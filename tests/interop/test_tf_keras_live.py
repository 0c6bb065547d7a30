"""The same with tf-keras at work now: its files in gpukeras and ours in it. Needs tf-keras.

GPUKERAS_TF_KERAS_PYTHON names an interpreter that has it, unless this one has. test_stored_files.py does without.
"""

import os

import interop_checks as checks
import interop_files as files
import interop_peer as peer
import pytest

pytestmark = [pytest.mark.peers, pytest.mark.timeout(900)]

if files.peer_python() is None:
    pytest.skip("no tf-keras here: set GPUKERAS_TF_KERAS_PYTHON", allow_module_level=True)

OURS, THEIRS = files.index("gpukeras"), files.index("tf_keras-2.21.0")


@pytest.mark.parametrize("name", THEIRS[0])
def test_model_of_tf_keras(name, live):
    checks.read_model(str(live[0]), name, checks.FROM_TF_KERAS, True)


@pytest.mark.parametrize("name", THEIRS[1])
def test_weights_of_tf_keras(name, live):
    checks.read_weights(str(live[0]), name)


@pytest.mark.parametrize("name", OURS[0])
def test_model_in_tf_keras(name, live):
    _, folder, answers = live
    assert peer.file_name(name) not in answers.errors
    want = peer.stored(os.path.join(folder, peer.file_name(name)))
    checks.compare_answers(name, answers, want, str(folder), checks.TO_TF_KERAS, True)


@pytest.mark.parametrize("name", OURS[1])
def test_weights_in_tf_keras(name, live):
    _, folder, answers = live
    want = peer.stored(os.path.join(folder, peer.file_name(name, weights=True)))["y"]
    checks.compare(answers.arrays[name]["o"], want, "loaded by order")
    checks.compare(answers.arrays[name]["n"], want, "loaded by name")
