"""Times training steps on a GPU beside the peers', and against what the device can do: python benchmarks/gpu.py.

One process per implementation, which takes the workloads in turn. Every timing is warmed up first (kernels compiled,
graphs recorded), the device is waited for at both ends, and medians are reported. `--budget` seconds are shared out;
where they run short, repeats are dropped and not workloads. What is not installed says so. The roofline comes from a
copy and a matrix product timed on the same device: no step can be faster than its bytes and its products.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TF32 = {"GPUKERAS_TF32": "1"}
#: name -> (kind, environment)
IMPLS = {
    "gpukeras": ("keras:gpukeras", TF32),
    "gpukeras fp32": ("keras:gpukeras", {"GPUKERAS_TF32": "0"}),
    "gpukeras mixed": ("keras:gpukeras", {**TF32, "GPUKERAS_PRECISION": "mixed_float16"}),
    "keras3-jax": ("keras:keras", {"KERAS_BACKEND": "jax", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}),
    "keras3-torch": ("keras:keras", {"KERAS_BACKEND": "torch"}),
    "torch": ("torch:eager", {}),
    "torch-compile": ("torch:compile", {}),
    "torch-graph": ("torch:graph", {}),
    "torch mixed": ("torch:mixed", {}),
}
FIRST = "gpukeras"
PRODUCTS = {"float32": "single_flops", "TF32": "tf32_flops", "float16": "half_flops"}


def parse(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="implementations and workloads, in any order; all without names")
    parser.add_argument("--budget", type=float, default=440, help="seconds for everything")
    parser.add_argument("--json", type=Path, help="where the raw results go")
    parser.add_argument(
        "--simulated", action="store_true", help="a dry run on the simulated device, one small workload"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def no_gpu(simulated):
    """Why nothing can be timed; empty where it can."""
    if simulated:
        return ""
    sys.path.insert(0, str(ROOT))
    from gpukeras.runtime.device import cupy_or_reason

    return cupy_or_reason()[1]


def run_impl(name, workloads, seconds, simulated):
    """What one implementation's process measured: workload -> dict; a dict with `error` where it could not."""
    _, changes = IMPLS[name]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("KERAS_BACKEND", "GPUKERAS_"))}
    env.update(changes, PYTHONPATH=os.pathsep.join([str(ROOT), str(HERE)]))
    task = {"impl": name, "workloads": workloads, "seconds": seconds, "simulated": simulated}
    command = [sys.executable, str(HERE / "gpu_worker.py"), json.dumps(task)]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=seconds + 60, check=False)
        output, error = done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        output = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
        error = f"took longer than {seconds + 60:.0f} s"
    found = {}
    for line in output.splitlines():
        if line.startswith("{"):
            result = json.loads(line)
            found[result.pop("workload")] = result
    last = error.strip().splitlines()[-1:] or ["no result"]
    return {w: found.get(w) or found.get("") or {"error": last[0][:160]} for w in workloads}


def measure(options, impls, workloads):
    """workload -> implementation -> results; the device's own speed under the name ''."""
    start, results = time.monotonic(), {w: {} for w in workloads}
    for i, name in enumerate(impls):
        left = options.budget - (time.monotonic() - start)
        seconds = max(5.0, left / (len(impls) - i))
        print(f"{name}: {seconds:.0f} s", file=sys.stderr)
        for workload, result in run_impl(name, workloads, seconds, options.simulated).items():
            results[workload][name] = result
    return results


def floor_ms(result, device):
    """The step's roofline: its bytes at the copy's speed and its products at the matrix unit's, added up."""
    if not device or "flops" not in result:
        return None
    rate = device["half_flops"] if result["low"] else device["tf32_flops"]
    return 1e3 * (result["flops"] / rate + result["bytes"] / device["copy_bytes"])


def table(results, device):
    """The results as lines of Markdown."""
    lines = []
    if device:
        rates = ", ".join(f"{name} {device[key] / 1e12:.1f}" for name, key in PRODUCTS.items())
        lines += [f"Measured: copy {device['copy_bytes'] / 1e9:.0f} GB/s; products, TFLOP/s: {rates}.", ""]
    columns = ["workload", "implementation", "ms/step", f"{FIRST} faster by", "roofline ms", "first step s", "peak MiB"]
    lines += [f"| {' | '.join([*columns, 'repeats'])} |", "|---|---|" + "---:|" * 6]
    for workload, by_impl in results.items():
        ours = by_impl.get(FIRST, {}).get("step_ms")
        for name, r in by_impl.items():
            if "error" in r:
                lines.append(f"| {workload} | {name} | {r['error'].replace('|', '/')} | | | | | |")
                continue
            gain = f"{r['step_ms'] / ours:.2f}" if ours else ""
            floor = floor_ms(r, device)
            least = "" if floor is None else f"{floor:.3f}"
            peak = f"{r['peak_bytes'] / 2**20:.0f}" if r.get("peak_bytes") else ""
            lines.append(
                f"| {workload} | {name} | {r['step_ms']:.3f} | {gain} | {least} | {r['first_s']:.2f} | {peak} "
                f"| {r['repeats']} |"
            )
    return "\n".join([*lines, "", *summary(results)])


def summary(results):
    """What the table comes to: the geometric mean over the peers, and the recurrent kernels beside cuDNN's."""
    lines = []
    for peer in (name for name in IMPLS if not name.startswith("gpukeras")):
        ratios = [
            by[peer]["step_ms"] / by[FIRST]["step_ms"]
            for by in results.values()
            if "step_ms" in by.get(peer, {}) and "step_ms" in by.get(FIRST, {}) and "mixed" not in peer
        ]
        if ratios:
            mean = statistics.geometric_mean(ratios)
            lines.append(
                f"- against {peer}: geometric mean {mean:.2f}, least {min(ratios):.2f}, {len(ratios)} workloads"
            )
    own, library = (results.get(w, {}).get(FIRST, {}).get("step_ms") for w in ("imdb_lstm", "imdb_cudnnlstm"))
    if own and library:
        lines.append(f"- LSTM with hard_sigmoid takes {own / library:.2f} times what CuDNNLSTM takes")
    return lines


def main(arguments=None):
    """Runs the comparison, prints the tables and writes the JSON; returns the exit status."""
    options = parse(arguments)
    reason = no_gpu(options.simulated)
    if reason:
        print(f"no GPU, nothing was timed: {reason}")
        return 3
    sys.path.insert(0, str(HERE))
    from gpu_worker import SIMULATED, WORKLOADS, device_speed

    unknown = [n for n in options.names if n not in IMPLS and n not in WORKLOADS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; implementations: {', '.join(IMPLS)}; workloads: {', '.join(WORKLOADS)}")
        return 2
    impls = [n for n in options.names if n in IMPLS] or list(IMPLS)
    workloads = [n for n in options.names if n in WORKLOADS] or list(WORKLOADS)
    if options.simulated:
        impls, workloads = impls[:2], [SIMULATED]
    device = None if options.simulated else device_speed()
    results = measure(options, impls, workloads)
    print(table(results, device))
    if options.json:
        options.json.write_text(json.dumps({"device": device, "results": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
