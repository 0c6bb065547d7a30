"""Convolutions of a training step against oneDNN alone: python benchmarks/convolutions.py [WORKLOAD...]

Every convolution of a workload's plan is timed as the plan runs it: the kernel brought into oneDNN's layout, the
convolution, bias and activation. Beside it stands the bare primitive with the kernel in the layout it likes best
(onednn_alone.cpp, compiled here with g++ against the wheel onednn-devel-cpu-gomp). Both on one thread unless
OMP_NUM_THREADS says otherwise, in processor time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from utilisation import plan_of, seconds
from workloads import WORKLOADS

from gpukeras.compiler.plan import Binder
from gpukeras.ops.conv_geometry import resolve_pads
from gpukeras.runtime.memory import Memory

HERE = Path(__file__).resolve().parent
PASSES = {"conv": 0, "conv_transpose": 1, "conv_weight": 2}
NETWORKS = ["mnist_cnn", "vgg_like", "resnet20", "conv1d_text", "resnet50_predict", "mobilenet_predict"]


def description(step):
    """The line of onednn_alone.cpp for a step, or None where the step is no convolution."""
    op = getattr(step.op, "op", step.op)
    if op.name not in PASSES:
        return None
    tensors = [step.ins[0], step.ins[1], step.outs[0]]
    x, w, _ = (tensors[i].shape for i in op.places)
    pads = resolve_pads(op.pads, x[1:-1], w[:-2], op.strides, op.dilation)
    missing = 4 - len(x)  # a sequence is an image of one row
    one = (1,) * missing
    before, after = (0,) * missing, (0,) * missing
    numbers = [
        PASSES[op.name], x[0], *one, *x[1:-1], x[-1], w[-1], *one, *w[:-2], *one, *op.strides, *one, *op.dilation,
        *before, *(lo for lo, _ in pads), *after, *(hi for _, hi in pads), op.groups,
    ]  # fmt: skip
    return " ".join(map(str, numbers))


def compiled(prefix, folder):
    """The program, built with oneDNN's headers and library of an environment."""
    program = str(Path(folder) / "onednn_alone")
    libraries = f"{prefix}/lib"
    command = ["g++", "-O2", "-std=c++17", str(HERE / "onednn_alone.cpp"), "-o", program]
    subprocess.run(
        [*command, f"-I{prefix}/include", f"{libraries}/libdnnl.so.3", f"-Wl,-rpath,{libraries}"], check=True
    )
    return program


def report(name, program):
    """Prints the sums of one workload's convolutions, by pass."""
    plan = plan_of(WORKLOADS[name])
    binder = Binder(plan.program, plan.device, Memory(plan.device).arena(plan.program.arena_bytes))
    found = [
        (line, calls)
        for step, calls in zip(plan.program.steps, binder.calls_by_step(), strict=True)
        if (line := description(step)) is not None
    ]
    text = "\n".join(line for line, _ in found)
    alone = subprocess.run([program], input=text, capture_output=True, text=True, check=True).stdout.split()
    rows = {}
    for (line, calls), bare in zip(found, map(float, alone), strict=True):
        ours = seconds(lambda calls=calls: [call() for call in calls])
        for key in (["forward", "images", "kernel"][int(line[0])], "all"):
            row = rows.setdefault(key, [0, 0.0, 0.0])
            for i, amount in enumerate((1, ours, bare)):
                row[i] += amount
    print(f"\n{name}")
    for key, (count, ours, bare) in rows.items():
        print(f"  {key:8} {count:3d} x  {1e3 * ours:8.3f} ms   oneDNN alone {1e3 * bare:8.3f} ms   {ours / bare:5.2f}")


def main():
    """Prints a table per workload."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=NETWORKS)
    parser.add_argument("--prefix", default=sys.prefix, help="where include/oneapi and lib/libdnnl.so.3 are")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(options.prefix, folder)
        print(f"{os.environ['OMP_NUM_THREADS']} thread(s)")
        for name in options.workloads:
            report(name, program)


if __name__ == "__main__":
    main()
