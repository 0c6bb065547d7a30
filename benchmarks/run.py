"""Times the same model code side by side: python benchmarks/run.py IMPL... WORKLOAD...

Every implementation and workload runs in a process of its own, in several rounds that take turns, so that a
slow moment of the machine does not fall on one of them alone. Reported are medians over the rounds. Without
names, everything runs; what is not installed says so. Peers may live in their own environments:

    python benchmarks/run.py gpukeras tf-keras mnist_mlp --python 'tf-keras=/path/to/python'
"""

import argparse
import datetime
import fnmatch
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from impls import IMPLS
from workloads import WORKLOADS

HERE = Path(__file__).resolve().parent
COLUMNS = ["step_ms", "import_s", "build_s", "first_s", "peak_mb"]
# What would make one implementation run with another's settings.
FOREIGN = ["KERAS_BACKEND", "GPUKERAS_ENGINE", "TF_CPP_MIN_LOG_LEVEL"]


def parse(arguments):
    """Returns the parsed command line, its names sorted into implementations and workloads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="implementations and workloads, in any order")
    parser.add_argument(
        "--python", action="append", default=[], metavar="IMPL=PATH", help="interpreter; IMPL may have * and ?"
    )
    parser.add_argument("--rounds", type=int, default=3, help="processes per implementation and workload")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls in each process")
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of each workload's steps")
    parser.add_argument(
        "--clock", choices=("wall", "processor"), default="wall", help="processor: for machines busy with other work"
    )
    parser.add_argument("--json", type=Path, default=None, help="where the raw results go")
    parser.add_argument("--list", action="store_true", help="name what there is, and stop")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in IMPLS and name not in WORKLOADS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; --list names what there is")
    options.impls = [name for name in options.names if name in IMPLS] or list(IMPLS)
    options.workloads = [name for name in options.names if name in WORKLOADS] or list(WORKLOADS)
    bad = [entry for entry in options.python if "=" not in entry]
    if bad:
        parser.error(f"--python takes IMPL=PATH, got {bad[0]!r}")
    options.python = [entry.split("=", 1) for entry in options.python]
    return options


def interpreter(impl, choices):
    """Returns the Python for an implementation: the last matching --python, or the running one."""
    matching = [path for pattern, path in choices if fnmatch.fnmatch(impl, pattern)]
    return matching[-1] if matching else sys.executable


def run_once(impl, workload, options):
    """Runs one worker process and returns its measurements, or a dict with `error`."""
    env = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    env.update(IMPLS[impl].env)
    command = [interpreter(impl, options.python), str(HERE / "worker.py"), impl, workload]
    command += ["--repeats", str(options.repeats), "--scale", str(options.scale), "--clock", options.clock]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"error": f"failed: {last}"}
    return json.loads(lines[-1])


def measure(options):
    """Runs all rounds; returns {workload: {impl: [result, ...]}}."""
    results = {workload: {impl: [] for impl in options.impls} for workload in options.workloads}
    for round_number in range(options.rounds):
        for workload in options.workloads:
            # Each round starts with another one.
            shift = round_number % len(options.impls)
            for impl in options.impls[shift:] + options.impls[:shift]:
                runs = results[workload][impl]
                if runs and "error" in runs[0]:
                    continue
                print(f"round {round_number + 1}: {workload} {impl}", file=sys.stderr)
                runs.append(run_once(impl, workload, options))
    return results


def medians(runs):
    """Returns the median of every column over the rounds that worked, or None."""
    good = [run for run in runs if "error" not in run]
    if not good:
        return None
    return {column: statistics.median(run[column] for run in good) for column in COLUMNS}


def table(results):
    """Formats one block per workload; `x` is the step time over that of the first implementation."""
    lines = []
    header = f"{'':20}{'ms/step':>10}{'x':>8}{'import s':>10}{'build s':>9}{'first s':>9}{'peak MB':>9}"
    for workload, by_impl in results.items():
        entry = WORKLOADS[workload]
        lines += ["", f"{workload}: {entry.kind}, batch {entry.batch}", header]
        reference = None
        for impl, runs in by_impl.items():
            row = medians(runs)
            if row is None:
                lines.append(f"{impl:20}  {runs[0]['error']}")
                continue
            reference = reference or row["step_ms"]
            engine = next(run["engine"] for run in runs if "error" not in run)
            lines.append(
                f"{impl:20}{row['step_ms']:>10.3f}{row['step_ms'] / reference:>8.2f}{row['import_s']:>10.2f}"
                f"{row['build_s']:>9.3f}{row['first_s']:>9.3f}{row['peak_mb']:>9.0f}  {engine}".rstrip()
            )
    return "\n".join(lines[1:])


def machine():
    """Describes where the numbers come from."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": {key: os.environ[key] for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if key in os.environ},
    }


def main(arguments=None):
    """Runs the comparison, prints the table and writes the JSON."""
    options = parse(arguments)
    if options.list:
        for name, impl in IMPLS.items():
            print(f"{name:20}{impl.note}")
        for name, workload in WORKLOADS.items():
            print(f"{name:20}{workload.kind}, batch {workload.batch}: {workload.keras.__doc__}")
        return 0
    results = measure(options)
    print(table(results))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
