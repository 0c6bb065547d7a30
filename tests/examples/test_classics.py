"""The classic scripts learn: run with --quick, the loss falls by the factor stated here, and results are right."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"

# script: (factor by which the loss falls, what the script prints its success under, lowest success)
CLASSICS = {
    "addition_rnn.py": (2, None, None),
    "conv_lstm.py": (1.4, None, None),
    "image_ocr.py": (4, r"Read without a mistake: ([\d.]+)", 0.8),
    "imdb_bidirectional_lstm.py": (2, r"Test accuracy: ([\d.]+)", 0.8),
    "imdb_cnn.py": (4, r"Test accuracy: ([\d.]+)", 0.9),
    "imdb_lstm.py": (2, r"Test accuracy: ([\d.]+)", 0.75),
    "lstm_stateful.py": (4, None, None),
    "lstm_text_generation.py": (1.5, None, None),
    "mnist_mlp.py": (2, r"Test accuracy: ([\d.]+)", 0.9),
    "mnist_cnn.py": (3, r"Test accuracy: ([\d.]+)", 0.9),
    "mnist_siamese.py": (4, r"Accuracy on test pairs: ([\d.]+)", 0.94),
    "variational_autoencoder.py": (1.2, None, None),
}


def run(name, *arguments, cwd=None):
    """Runs a script in a process of its own and returns what it printed."""
    # matrices this small gain nothing from threads, which on a busy machine wait for each other
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, env=env, cwd=cwd)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("name", sorted(CLASSICS))
def test_learns(name, tmp_path):
    factor, printed, lowest = CLASSICS[name]
    # A plot is asked for where there is what draws it; nothing else is left behind.
    plot = ["--plot", "curves.png"] if importlib.util.find_spec("matplotlib") else []
    out = run(name, "--quick", *plot, cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == plot[1:]
    if plot:
        assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    first, last = map(float, re.search(r"loss ([\d.]+) -> ([\d.]+)", out).groups())
    assert last < first / factor
    if printed:
        assert float(re.search(printed, out).group(1)) >= lowest


def test_no_script_is_forgotten():
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == {*CLASSICS, "digits_cnn.py", "digits_mlp.py", "reviews.py"}


@pytest.mark.parametrize("name", sorted({*CLASSICS, "digits_cnn.py", "digits_mlp.py"}))
def test_the_first_lines_tell_how_to_call_it(name):
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    (told,) = re.findall(rf"\n    python examples/{name}(.*)\n", text)
    options = set(re.findall(r'add_argument\("(-?-?\w+)"', text))
    assert set(re.findall(r"--\w+", told)) == {option for option in options if option.startswith("--")}
    assert ("path/to" in told) == ("path" in options)
    assert "--plot" in options and ("plot_history(history, plot)" in text or "plot_history({" in text)


def test_help():
    out = run("mnist_cnn.py", "--help")
    assert "usage: mnist_cnn.py [-h] [--quick] [--plot FILE] [path]" in out and "Trains a small convolutional" in out


def test_memory_between_batches_is_what_the_stateful_lstm_needs():
    out = run("lstm_stateful.py", "--quick")
    stateful, stateless = map(float, re.search(r"stateful ([\d.]+), stateless ([\d.]+)", out).groups())
    assert stateful < stateless / 2


@pytest.mark.slow
@pytest.mark.timeout(3600)  # twelve epochs of two convolutions: minutes on a quiet processor, much more on a busy one
def test_mnist_cnn_reaches_99_percent():
    if not MNIST.exists():
        pytest.skip("mnist.npz is not beside this checkout")
    if not os.environ.get("GPUKERAS_LONG_TESTS"):
        pytest.skip("twelve epochs take about a quarter of an hour; GPUKERAS_LONG_TESTS=1 runs them")
    out = run("mnist_cnn.py", MNIST)
    assert float(re.search(r"Test accuracy: ([\d.]+)", out).group(1)) >= 0.99
