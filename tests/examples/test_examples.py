"""The example scripts run as a user runs them and learn what they promise."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"


def run_example(name, *arguments):
    """Runs a script in a process of its own and returns what it printed."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("script, promised", [("digits_mlp.py", 0.97), ("digits_cnn.py", 0.98)])
def test_digits_reach_what_the_script_promises(script, promised, tmp_path):
    plot = ["--plot", tmp_path / "curves.png"] if importlib.util.find_spec("matplotlib") else []
    out = run_example(script, *plot)
    assert not plot or (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert f"at least {promised:.0%}".replace("%", " %") in (EXAMPLES / script).read_text()
    assert float(re.search(r"test accuracy ([\d.]+)", out).group(1)) >= promised


@pytest.mark.slow
@pytest.mark.timeout(1800)  # twenty epochs: two minutes on a quiet processor, much more on a busy one
def test_mnist_mlp_reaches_98_2_percent():
    if not MNIST.exists():
        pytest.skip("mnist.npz is not beside this checkout")
    out = run_example("mnist_mlp.py", MNIST)
    assert float(re.search(r"Test accuracy: ([\d.]+)", out).group(1)) >= 0.982


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_readmes_first_script_runs(readme, tmp_path):
    (script,) = re.findall(r"```python\n(.*?)```", (ROOT / readme).read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "first.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "-W", "error", "first.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    evaluation, predictions = done.stdout.strip().splitlines()[-2:]
    assert float(re.findall(r"[\d.]+", evaluation)[-1]) > 0.95
    assert len(re.findall(r"\d", predictions)) == 10
    assert (tmp_path / "digits.h5").stat().st_size > 10_000
