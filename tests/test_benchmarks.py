"""benchmarks/run.py: a short run for real, and its handling of names, peers that are missing and failures."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("gpukeras_benchmarks_run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_short_run_prints_a_table_and_writes_json(run, tmp_path, capsys):
    out = tmp_path / "results.json"
    names = ["gpukeras", "gpukeras-numpy", "tiny", "predict1"]
    run.main([*names, "--rounds", "1", "--repeats", "2", "--scale", "0.01", "--json", str(out)])
    table = capsys.readouterr().out
    assert "tiny: fit, batch 32" in table and "predict1: predict, batch 1" in table
    content = json.loads(out.read_text())
    assert set(content["results"]) == {"tiny", "predict1"}
    for by_impl in content["results"].values():
        assert set(by_impl) == {"gpukeras", "gpukeras-numpy"}
        for runs in by_impl.values():
            (result,) = runs
            assert "error" not in result, result
            assert result["step_ms"] > 0 and result["import_s"] > 0 and result["peak_mb"] > 10
            assert len(result["all_ms"]) == 2
    assert content["results"]["tiny"]["gpukeras-numpy"][0]["engine"] == "numpy"


def test_training_in_a_benchmark_learns(run, tmp_path):
    out = tmp_path / "results.json"
    command = ["gpukeras", "tiny", "--rounds", "1", "--repeats", "4", "--scale", "0.1", "--json", str(out)]
    run.main(command)
    (result,) = json.loads(out.read_text())["results"]["tiny"]["gpukeras"]
    assert result["losses"][-1] < 0.5 * result["losses"][0]


def test_missing_peer_says_so(run):
    from impls import IMPLS, Impl

    name = "torch-nowhere"
    IMPLS[name] = Impl("a_module_that_is_not_there", {}, "")
    try:
        command = [sys.executable, "-c", "import json; print(json.dumps({'error': 'not installed (x)'}))"]
        options = run.parse([name, "tiny"])
        result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        text = run.table({"tiny": {name: [result]}})
        assert "not installed (x)" in text
        # The child reads its own table, where the name is unknown: a failure is reported, not raised.
        assert run.run_once(name, "tiny", options)["error"].startswith("failed: ")
    finally:
        del IMPLS[name]


def test_absent_module_is_reported_by_the_worker(run):
    options = run.parse(["keras3-jax", "tiny", "--scale", "0.01"])
    probe = subprocess.run([sys.executable, "-c", "import keras, jax"], capture_output=True, check=False)
    if probe.returncode == 0:
        pytest.skip("Keras 3 is installed here")
    assert run.run_once("keras3-jax", "tiny", options)["error"].startswith("not installed (")


def test_interpreters_are_chosen_by_pattern(run):
    options = run.parse(["--python", "keras3-*=/one", "--python", "keras3-jax=/two"])
    assert run.interpreter("keras3-torch", options.python) == "/one"
    assert run.interpreter("keras3-jax", options.python) == "/two"
    assert run.interpreter("gpukeras", options.python) == sys.executable


@pytest.mark.parametrize("bad, message", [(["nothing"], "unknown: nothing"), (["--python", "x"], "IMPL=PATH")])
def test_bad_command_lines(run, bad, message, capsys):
    with pytest.raises(SystemExit):
        run.parse(bad)
    assert message in capsys.readouterr().err


def test_table_takes_medians_and_ratios(run):
    def result(ms):
        return {"step_ms": ms, "import_s": 1, "build_s": 1, "first_s": 1, "peak_mb": 1, "engine": ""}

    lines = run.table({"tiny": {"gpukeras": [result(1), result(9), result(2)], "torch": [result(5)]}}).splitlines()
    assert lines[2].split()[:3] == ["gpukeras", "2.000", "1.00"]
    assert lines[3].split()[:3] == ["torch", "5.000", "2.50"]


LINES = """
import sys
sys.path.insert(0, "benchmarks")
from convolutions import WORKLOADS, description, plan_of
for step in plan_of(WORKLOADS[sys.argv[1]]).program.steps:
    line = description(step)
    if line:
        print(line)
"""


@pytest.mark.parametrize(
    "workload,lines",
    [
        (
            "mnist_cnn",
            {
                "0 128 28 28 1 32 3 3 1 1 1 1 0 0 0 0 1",
                "0 128 26 26 32 64 3 3 1 1 1 1 0 0 0 0 1",
                "1 128 26 26 32 64 3 3 1 1 1 1 0 0 0 0 1",
                "2 128 28 28 1 32 3 3 1 1 1 1 0 0 0 0 1",
                "2 128 26 26 32 64 3 3 1 1 1 1 0 0 0 0 1",
            },
        ),
        # A sequence is an image of one row.
        ("conv1d_text", {f"{which} 32 1 400 50 250 1 3 1 1 1 1 0 0 0 0 1" for which in (0, 1, 2)}),
    ],
)
def test_convolutions_of_a_training_step(workload, lines):
    command = [sys.executable, "-c", LINES, workload]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=True)
    found = done.stdout.split("\n")[:-1]
    assert len(found) == len(lines) and set(found) == lines


def test_gpu_benchmarks_say_that_there_is_no_gpu():
    done = subprocess.run(
        [sys.executable, str(FOLDER / "gpu.py")],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ, GPUKERAS_ENGINE="numpy"),
    )
    assert done.returncode == 3 and "no GPU, nothing was timed: GPUKERAS_ENGINE=numpy" in done.stdout


def test_gpu_table(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("gpukeras_benchmarks_gpu", FOLDER / "gpu.py")
    gpu = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gpu)
    device = {"copy_bytes": 2e12, "single_flops": 5e13, "tf32_flops": 4e14, "half_flops": 8e14}
    measured = {"step_ms": 2.0, "first_s": 0.5, "repeats": 9, "flops": 4e11, "bytes": 2e9, "low": False}
    results = {
        "wide": {"gpukeras": measured, "torch": {**measured, "step_ms": 5.0}, "keras3-jax": {"error": "not here"}},
        "imdb_lstm": {"gpukeras": {**measured, "step_ms": 3.0}, "torch": {**measured, "step_ms": 30.0}},
        "imdb_cudnnlstm": {"gpukeras": {**measured, "step_ms": 2.5}},
    }
    lines = gpu.table(results, device).splitlines()
    assert "copy 2000 GB/s" in lines[0] and "TF32 400.0" in lines[0]
    assert "| wide | torch | 5.000 | 2.50 | 2.000 | 0.50 |  | 9 |" in lines
    assert any("wide | keras3-jax | not here" in line for line in lines)
    assert "- against torch: geometric mean 5.00, least 2.50, 2 workloads" in lines
    assert lines[-1] == "- LSTM with hard_sigmoid takes 1.20 times what CuDNNLSTM takes"
