"""Every sample of the five texts has a test here, and that test makes the sample's calls."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.manual import samples

NO_TEXTS = f"the texts are not at {samples.SHARED}"
needs_texts = pytest.mark.skipif(not samples.SHARED.is_dir(), reason=NO_TEXTS)

# What stands between the fences and is no Python for Keras, and why it has no test.
NOT_RUN = {
    "manual": {
        509: "shell: pip",
        515: "shell: pip",
        523: "shell: git",
        529: "shell: setup.py",
        1547: "BibTeX",
        1565: "shell: flags of Theano",
        1575: "settings of Theano, which are there with that backend only",
        6192: "shell: the TensorBoard program",
        11049: "shell: autopep8",
        11053: "shell: autopep8",
    },
    "notes-models": dict.fromkeys((550, 567, 575, 587, 592, 614), "empty: the fences are the wrong way round")
    | dict.fromkeys((642, 654, 669, 687, 707, 731), "empty: the fences are the wrong way round")
    | {301: "comments only"},
}


@needs_texts
@pytest.mark.parametrize("text", samples.TEXTS)
def test_every_sample_has_a_test(text):
    there = set(samples.blocks(text))
    tested = {line for test in samples.marked() if test.text == text for line in test.lines}
    tested |= {line for row in samples.signatures() if row.text == text for line in row.lines}
    left_out = set(NOT_RUN.get(text, {}))
    assert sorted(tested - there) == [], "marks of lines in which no sample begins"
    assert sorted(tested & left_out) == []
    assert sorted(there - tested - left_out) == [], "samples without a test"


@needs_texts
def test_tests_make_the_calls_of_their_samples():
    found = {text: samples.blocks(text) for text in samples.TEXTS}
    missing = []
    for test in samples.marked():
        code = "\n".join(found[test.text][line] for line in test.lines)
        wanted = samples.calls(samples.statements(code))
        names = set(test.calls.values())
        for call, name in wanted.items():
            # An ellipsis in the text stands for arguments of the reader's choice.
            there = name in names if "..." in call else call in test.calls
            if not there and call not in test.instead:
                missing.append(f"{test.file}::{test.name}: {call}")
        missing += [f"{test.file}::{test.name}: no such call as {c}" for c in test.instead if c not in wanted]
        missing += [f"{test.file}::{test.name}: {c} is made after all" for c in test.instead if c in test.calls]
    assert missing == []


@needs_texts
def test_samples_run_as_they_stand():
    """The complete programs among the samples, taken from the text itself: epochs, sizes and all."""
    found = samples.blocks("manual")
    # Perceptrons for ten and for two classes, LSTMs without and with state.
    program = "\n".join(found[line] for line in (783, 819, 952, 961, 997, 1010)) + "\nprint(score, model.name)\n"
    Path("program.py").write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "gpukeras", "program.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Epoch 20/20") == 2 and done.stdout.count("Epoch 5/5") == 2
    assert done.stdout.splitlines()[-1].endswith("sequential_4")


@needs_texts
def test_signatures_are_those_of_the_texts():
    found = {text: samples.blocks(text) for text in samples.TEXTS}
    for row in samples.signatures():
        shown = re.sub(r"[\s'\"]", "", "".join(found[row.text][line] for line in row.lines))
        assert row.name.rpartition(".")[2] in shown
        for name, default in row.defaults().items():
            assert name in shown, (row.lines, name)
            if isinstance(default, str | bool) and "\n" not in str(default):
                assert f"{name}={str(default).strip()}" in shown, (row.lines, name)


def test_the_call_check_sees_calls():
    code = ">>> x = keras.Input((3,))\n<tensor>\n>>> model.fit(x, epochs=5)\n"
    assert samples.calls(samples.statements(code)) == {
        "keras.Input((3,))": "keras.Input",
        "model.fit(x, epochs=_)": "model.fit",
    }
    broken = "model.add(Dense(2))\n)\n  y = g(\n   a, b=1)\n"
    assert set(samples.calls(samples.statements(broken))) == {"model.add(Dense(2))", "Dense(2)", "g(a, b=1)"}


def test_the_list_is_up_to_date():
    text = (samples.HERE / "README.md").read_text(encoding="utf-8")
    assert samples.table() in text, "run python -m tests.manual.samples"
