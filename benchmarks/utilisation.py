"""Where a step's time goes, and how much of the machine's arithmetic it uses: python benchmarks/utilisation.py NAME...

Every step of a workload's plan is bound by itself and timed over and over on its own, with one thread unless
OMP_NUM_THREADS says otherwise, in processor time. The peak is the best of some square matrix products in the same
process.
"""

import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).resolve().parents[1]))

from workloads import WORKLOADS

import gpukeras
from gpukeras.compiler.plan import Binder
from gpukeras.runtime import native
from gpukeras.runtime.memory import Memory


def seconds(call, least=0.05):
    """Processor seconds of one call: the best of three runs that take `least` seconds each."""
    call()
    best = float("inf")
    for _ in range(3):
        count, start = 0, time.process_time()
        while time.process_time() - start < least:
            call()
            count += 1
        best = min(best, (time.process_time() - start) / count)
    return best


def peak():
    """Floating-point operations per second of the fastest of some square matrix products."""
    best = 0.0
    for n in (256, 384, 512, 768, 1024, 1536):
        a, b, out = (np.ones((n, n), np.float32) for _ in range(3))
        primitive = native.load().matmul(a, b, None, out)
        task = primitive.bind(np.empty(primitive.scratch_bytes, np.uint8), a, b, out)
        best = max(best, 2 * n**3 / seconds(task, 0.2))
    return best


def operations(step):
    """Multiplications and additions of a step's products and convolutions."""
    op = getattr(step.op, "op", step.op)
    name, ins, out = op.name, step.ins, step.outs[0]
    if name == "matmul":
        return 2 * out.size * ins[0].shape[-2 if op.transpose_a else -1]
    if name in ("conv", "conv_transpose", "conv_weight"):
        tensors = [ins[0], ins[1], out]
        _, w, y = (tensors[i] for i in op.places)
        return 2 * y.size * w.size // w.shape[-1]
    if name.endswith(("_steps", "_steps_grad")):
        named = dict(zip(op.parts, ins, strict=True))
        steps, samples = named["z" if "z" in named else "ys"].shape[:2]
        return 2 * steps * samples * named["u"].size * (2 if name.endswith("grad") else 1)
    return 0


def plan_of(workload):
    """The plan that trains or predicts one batch."""
    x, y = workload.data(workload.batch)
    model = workload.keras(gpukeras)
    if workload.kind == "fit":
        model.train_on_batch(x, y)
        function = model.train_function
    else:
        model.predict_on_batch(x)
        function = model.predict_function
    (compiled,) = function._compiled.values()
    return next(iter(compiled._plans.values()))


def report(name, peak_rate):
    """Prints one workload's table."""
    plan = plan_of(WORKLOADS[name])
    program, device = plan.program, plan.device
    binder = Binder(program, device, Memory(device).arena(program.arena_bytes))
    rows = defaultdict(lambda: [0, 0.0, 0])
    for step, calls in zip(program.steps, binder.calls_by_step(), strict=True):
        cost = seconds(lambda calls=calls: [call() for call in calls], 0.01)
        row = rows[step.kernel.name if step.kernel else f"numpy:{step.op.name}"]
        for i, amount in enumerate((1, cost, operations(step))):
            row[i] += amount
    total, flops = sum(r[1] for r in rows.values()), sum(r[2] for r in rows.values())
    share = flops / total / peak_rate
    print(f"\n{name}: {1e3 * total:.3f} ms, {flops / total / 1e9:.1f} GFLOP/s, {share:.0%} of the peak")
    for kernel, (count, cost, work) in sorted(rows.items(), key=lambda item: -item[1][1]):
        if cost > 0.005 * total:
            rate = f"{work / cost / 1e9:8.1f} GFLOP/s {work / cost / peak_rate:4.0%}" if work else ""
            print(f"  {1e3 * cost:9.3f} ms {cost / total:4.0%}  {count:4d} x {kernel:60.60} {rate}")


def main():
    """Prints the peak and the tables that the command line asks for."""
    rate = peak()
    print(f"peak: {rate / 1e9:.1f} GFLOP/s on {os.environ['OMP_NUM_THREADS']} thread(s)")
    for name in sys.argv[1:] or WORKLOADS:
        report(name, rate)


if __name__ == "__main__":
    main()
