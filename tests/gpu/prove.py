"""Builds what can be built, runs tests/gpu and benchmarks/gpu.py, and writes one dated report: see run.sh."""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTEST = ["-m", "pytest", "-q", "-c", "tests/gpu/settings.ini", "--rootdir=.", "--confcutdir=tests"]
PYTEST += ["-p", "no:cacheprovider"]
NO_GPU = 3
FAILURE_LINES = 40


def parse(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/gpu/run.sh", description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=["all", "tests", "sanitizer", "benchmarks"])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "gpu", help="folder of the report")
    parser.add_argument("--seconds", type=float, default=440, help="for each part, builds aside")
    parser.add_argument("--shares", type=int, default=0, help="processes that run tests side by side")
    parser.add_argument("--simulated", action="store_true", help="a dry run of a few tests on the simulated device")
    return parser.parse_args(arguments)


def environment(simulated):
    """Variables of the processes that are started."""
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    env.setdefault("OMP_NUM_THREADS", "2")
    if simulated:
        env["GPUKERAS_SIMULATED_GPU"] = "1"
    return env


def output_of(command, env, seconds):
    """Standard output and error of a Python command, whatever becomes of it."""
    try:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=env, text=True, timeout=seconds, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        text = late.stdout or ""
        return 124, (text.decode() if isinstance(text, bytes) else text) + f"\nstopped after {seconds:.0f} s"


def why_no_gpu(env):
    """Why there is no GPU; empty where there is one."""
    code = "from gpukeras.runtime.device import cupy_or_reason as f; print('REASON', f()[1])"
    status, text = output_of(["-c", code], env, 120)
    found = re.search(r"^REASON ?(.*)$", text, re.MULTILINE)
    return found.group(1) if found else f"gpukeras does not import (status {status}): {text.strip()[-500:]}"


# --- tests ---------------------------------------------------------------------------------------------------------


def run_tests(options, env, marks, shares):
    """Section of the report about some tests, and whether all is well."""
    with tempfile.TemporaryDirectory() as folder:
        started, processes = time.monotonic(), []
        for i in range(shares):
            log = Path(folder) / f"{i}.jsonl"
            command = [sys.executable, *PYTEST, "-m", marks, "--share", f"{i}/{shares}", "--log", str(log)]
            command += ["--deadline", str(options.seconds), "tests/gpu"]
            output = (Path(folder) / f"{i}.txt").open("w")
            processes.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT))
        for p in processes:
            try:
                p.wait(max(1.0, options.seconds + 60 - (time.monotonic() - started)))
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        lines = [line for path in sorted(Path(folder).glob("*.jsonl")) for line in path.read_text().splitlines()]
        texts = [path.read_text() for path in sorted(Path(folder).glob("*.txt"))]
    broken = [text for p, text in zip(processes, texts, strict=True) if p.returncode not in (0, 1, 5)]
    return describe([json.loads(line) for line in lines], broken, time.monotonic() - started)


def describe(results, broken, seconds):
    """The results of tests as Markdown, and whether all is well.

    Arguments:
        results: dicts with `test`, `outcome`, `seconds` and `text`; the outcome 'selected' has the number of tests.
        broken: output of processes that did not end as they should.
        seconds: what it took.
    """
    selected = sum(r["count"] for r in results if r["outcome"] == "selected")
    ran = [r for r in results if r["outcome"] != "selected"]
    counts = Counter(r["outcome"] for r in ran)
    failed = [r for r in ran if r["outcome"] == "failed"]
    lines = [f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped, in {seconds:.0f} s."]
    if selected > len(ran):
        lines.append(f"{selected - len(ran)} of {selected} were not reached in the time there was.")
    skips = Counter(r["text"].strip().splitlines()[-1][:200] for r in ran if r["outcome"] == "skipped" and r["text"])
    lines += [f"- skipped {n}: {reason}" for reason, n in skips.most_common(8)]
    slow = sorted(ran, key=lambda r: -r["seconds"])[:5]
    lines += ["", "Slowest: " + "; ".join(f"`{r['test']}` {r['seconds']:.1f} s" for r in slow)] if slow else []
    for r in failed:
        lines += ["", f"### {r['test']}", "", "```", *r["text"].strip().splitlines()[-FAILURE_LINES:], "```"]
    for text in broken:
        lines += ["", "### A process broke off", "", "```", *text.strip().splitlines()[-FAILURE_LINES:], "```"]
    good = not failed and not broken and counts["passed"] > 0 and selected == len(ran)
    return "\n".join(lines), good


# --- the report ------------------------------------------------------------------------------------------------------


def prepared(env):
    """Section about the machine and what was built: both at once, as they take a minute each."""
    commands = [["tests/gpu/build_native.py"], ["-m", "gpukeras", "build-cuda"]]
    running = [
        subprocess.Popen([sys.executable, *c], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
        for c in commands
    ]  # fmt: skip
    built = []
    for process in running:
        try:
            text, _ = process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            process.kill()
            text = "building took longer than 240 s\n"
        built += text.strip().splitlines()[-12:]
    _, info = output_of(["-m", "gpukeras", "info"], env, 120)
    smi = ""
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv,noheader"]
        smi = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        pass
    lines = ["```", *(line.rstrip() for line in info.strip().splitlines())]
    lines += ["", f"nvidia-smi: {smi}"] if smi else []
    return "\n".join([*lines, "", *built, "```"])


def write(path, title, sections):
    """Writes sections into the day's report, in place of those of the same name that it has."""
    old = path.read_text() if path.is_file() else ""
    parts = dict(re.findall(r"^## ([^\n]+)\n\n(.*?)\n*(?=^## |\Z)", old, re.MULTILINE | re.DOTALL))
    parts.update(sections)
    order = ["Machine", "Tests", "Sanitizer", "Benchmarks"]
    body = "\n\n".join(f"## {name}\n\n{parts[name].strip()}" for name in order if name in parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {title}\n\n{body}\n")


def main(arguments=None):
    """Runs the parts asked for; returns the exit status: 0 if all is well, 1 if not, 3 where there is no GPU."""
    options = parse(arguments)
    env = environment(options.simulated)
    reason = "" if options.simulated else why_no_gpu(env)
    if reason:
        print(f"no GPU, nothing was run: {reason}")
        return NO_GPU
    day = datetime.date.today().isoformat()
    title = f"The CUDA engine on {day}"
    if options.simulated:
        title += ": a dry run on the simulated device, which says nothing about a GPU"
        options.seconds = min(options.seconds, 120)
    sections, good = {"Machine": prepared(env)}, True
    print(sections["Machine"])
    shares = options.shares or (1 if options.simulated else max(1, min(6, (os.cpu_count() or 2) // 2)))
    if options.part in ("all", "tests"):
        marks = "simulated" if options.simulated else "not slow"
        sections["Tests"], well = run_tests(options, env, marks, shares)
        good &= well
    if options.part in ("all", "sanitizer") and not options.simulated:
        sections["Sanitizer"], well = run_tests(options, env, "slow", 3)
        good &= well
    if options.part in ("all", "benchmarks"):
        command = ["benchmarks/gpu.py", "--budget", str(options.seconds)] + ["--simulated"] * options.simulated
        status, sections["Benchmarks"] = output_of(command, env, options.seconds + 100)
        good &= status == 0
    path = options.out / f"{day}{'-simulated' if options.simulated else ''}.md"
    write(path, title, sections)
    print("\n\n".join(sections[name] for name in sections if name != "Machine"))
    print(f"\n{'all is well' if good else 'NOT all is well'}; report: {path}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
