"""Times one implementation on one workload in this process and prints one line of JSON; run.py starts it."""

import argparse
import importlib
import json
import resource
import statistics
import sys
import time
from pathlib import Path

BATCHES = 8  # different ones that predictions are made of
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def main():
    """Runs the timings that the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("impl")
    parser.add_argument("workload")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the workload's steps to run")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    options.now = CLOCKS[options.clock]

    from impls import IMPLS

    # An installed gpukeras comes first; the checkout that this file belongs to is looked at last.
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    start = time.perf_counter()
    try:
        module = importlib.import_module(IMPLS[options.impl].module)
    except ImportError as error:
        print(json.dumps({"error": f"not installed ({error})"}))
        return
    import_s = time.perf_counter() - start

    from workloads import WORKLOADS

    workload = WORKLOADS[options.workload]
    steps = max(1, round(workload.steps * options.scale))
    measure = measure_torch if options.impl.startswith("torch") else measure_keras
    result = measure(module, workload, steps, options)
    result["import_s"] = import_s
    result["version"] = getattr(module, "__version__", "?")
    result["engine"] = engine_of(module)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["peak_mb"] = kilobytes / (1024 * 1024 if sys.platform == "darwin" else 1024)
    print(json.dumps(result))


def engine_of(module):
    """Says which of gpukeras' engines ran; other implementations have no such choice."""
    if module.__name__ != "gpukeras":
        return ""
    from gpukeras.runtime import native

    return "native" if native.load() is not None else "numpy"


def timed_repeats(call, steps, options):
    """Returns the seconds per step of each of `options.repeats` calls."""
    times = []
    for _ in range(options.repeats):
        start = options.now()
        call()
        times.append((options.now() - start) / steps)
    return times


def timings(times):
    """Summarises seconds per step as milliseconds."""
    return {"step_ms": 1e3 * statistics.median(times), "all_ms": [1e3 * t for t in times]}


def rows_of(x, i, workload):
    """One of the batches that predictions take turns with."""
    start = i % BATCHES * workload.batch
    return x[start : start + workload.batch]


def measure_keras(keras, workload, steps, options):
    """Times build, first step and steady state of a Keras-like, through fit or predict as a user calls them."""
    samples = workload.batch * (steps if workload.kind == "fit" else BATCHES)
    x, y = workload.data(samples)
    start = time.perf_counter()
    model = workload.keras(keras)
    build_s = time.perf_counter() - start
    batch = rows_of(x, 0, workload), rows_of(y, 0, workload)
    start = time.perf_counter()
    if workload.kind == "fit":
        model.train_on_batch(*batch)
    else:
        model.predict(batch[0], verbose=0)
    first_s = time.perf_counter() - start

    losses = []

    def fit():
        history = model.fit(x, y, batch_size=workload.batch, epochs=1, verbose=0)
        losses.append(float(history.history["loss"][0]))

    def predict():
        for i in range(steps):
            model.predict(rows_of(x, i, workload), batch_size=workload.batch, verbose=0)

    call = fit if workload.kind == "fit" else predict
    call()  # warm-up: fit compiles other things than train_on_batch in some of them
    result = timings(timed_repeats(call, steps, options))
    return {**result, "build_s": build_s, "first_s": first_s, "losses": losses}


def measure_torch(torch, workload, steps, options):
    """Times the training loop a PyTorch user writes: shuffle, gather, zero_grad, backward, step."""
    samples = workload.batch * (steps if workload.kind == "fit" else BATCHES)
    x, y = workload.data(samples)
    if x.ndim == 4:  # PyTorch's images have channels first
        x = x.transpose(0, 3, 1, 2).copy()
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    start = time.perf_counter()
    module, loss_function, optimizer = workload.torch(torch)
    model = torch.compile(module) if options.impl == "torch-compile" else module
    build_s = time.perf_counter() - start

    def step(rows):
        optimizer.zero_grad()
        loss = loss_function(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        return loss

    losses = []

    def fit():
        order = torch.randperm(samples)
        total = 0.0
        for i in range(steps):
            total += step(order[i * workload.batch : (i + 1) * workload.batch]).item()
        losses.append(total / steps)

    def predict():
        with torch.no_grad():
            for i in range(steps):
                model(rows_of(x, i, workload)).numpy()

    start = time.perf_counter()
    if workload.kind == "fit":
        step(torch.arange(workload.batch)).item()
    else:
        model.eval()
        with torch.no_grad():
            model(x[: workload.batch])
    first_s = time.perf_counter() - start
    call = fit if workload.kind == "fit" else predict
    call()
    result = timings(timed_repeats(call, steps, options))
    return {**result, "build_s": build_s, "first_s": first_s, "losses": losses}


if __name__ == "__main__":
    main()
