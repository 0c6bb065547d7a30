"""Times one implementation on GPU workloads in this process, one line of JSON each; gpu.py starts it."""

import contextlib
import importlib
import json
import statistics
import sys
import time
import traceback

import networks
import numpy as np
from gpu import IMPLS
from workloads import WORKLOADS as ALL
from workloads import Workload, classes, network

MOST_REPEATS, LEAST_REPEATS = 9, 2
PER_REPEAT_S = 0.25  # a timed call makes about as many steps as take this long
NAMES = ["mnist_mlp", "wide", "tiny", "mnist_cnn", "vgg_like", "resnet20", "imdb_lstm", "stacked_lstm", "conv1d_text"]


def cudnn_lstm_keras(keras):
    """`imdb_lstm` with cuDNN's LSTM, whose gates are sigmoids."""
    layers = keras.layers
    recurrent = layers.CuDNNLSTM if hasattr(layers, "CuDNNLSTM") else layers.LSTM  # Keras 3 chooses cuDNN by itself
    model = keras.models.Sequential(
        [layers.InputLayer((80,)), layers.Embedding(20000, 128), recurrent(128), layers.Dense(1, activation="sigmoid")]
    )
    return networks.compiled(keras, model, "binary_crossentropy", "adam")


WORKLOADS = {name: ALL[name] for name in NAMES}
WORKLOADS["imdb_cudnnlstm"] = ALL["imdb_lstm"]._replace(keras=cudnn_lstm_keras)
WORKLOADS["resnet50"] = network("resnet50", classes((224, 224, 3), 1000), batch=64, steps=4)
SIMULATED = "simulated"


def _small_keras(keras):
    """4-3, for a dry run."""
    model = keras.models.Sequential([keras.layers.InputLayer((4,)), keras.layers.Dense(3, activation="softmax")])
    return networks.compiled(keras, model, "categorical_crossentropy", "sgd")


def workload_of(name):
    """The workload of a name."""
    return Workload(_small_keras, None, classes((4,), 3), 8, 3) if name == SIMULATED else WORKLOADS[name]


# --- the device ----------------------------------------------------------------------------------------------------


def _timed(xp, call, bytes_or_flops):
    """The rate of a call, from the fastest of several timings by events."""
    for _ in range(3):
        call()
    best = float("inf")
    for _ in range(10):
        start, end = xp.cuda.Event(), xp.cuda.Event()
        start.record()
        call()
        end.record()
        end.synchronize()
        best = min(best, xp.cuda.get_elapsed_time(start, end) / 1e3)
    return bytes_or_flops / best


def device_speed():
    """Bytes per second of a copy, and operations per second of products in float32, TF32 and float16."""
    import os

    import cupy as xp

    x = xp.zeros(1 << 28, xp.uint8)
    y = xp.empty_like(x)
    found = {"copy_bytes": _timed(xp, lambda: xp.copyto(y, x), 2.0 * x.nbytes)}
    n = 8192
    for name, dtype, tf32 in (("single", "f4", "0"), ("tf32", "f4", "1"), ("half", "f2", "0")):
        os.environ["CUPY_TF32"] = tf32
        a, b = (xp.random.rand(n, n).astype(dtype) for _ in range(2))
        out = xp.empty((n, n), dtype)
        found[f"{name}_flops"] = _timed(xp, lambda a=a, b=b, out=out: xp.matmul(a, b, out), 2.0 * n**3)
        del a, b, out
    xp.get_default_memory_pool().free_all_blocks()
    return found


# --- timing ----------------------------------------------------------------------------------------------------------


class Clock:
    """Times a call again and again as long as there is time.

    Arguments:
        seconds: for warm-up and repeats.
        wait: waits for the device.
    """

    def __init__(self, seconds, wait):
        self.end = time.perf_counter() + seconds
        self.wait = wait

    def time(self, call):
        """Seconds the device and the host take for a call."""
        self.wait()
        start = time.perf_counter()
        call()
        self.wait()
        return time.perf_counter() - start

    def repeats(self, call):
        """Seconds of repeated calls: at least two, at most nine."""
        times = []
        while len(times) < MOST_REPEATS:
            if len(times) >= LEAST_REPEATS and time.perf_counter() + statistics.median(times) > self.end:
                break
            times.append(self.time(call))
        return times


def steps_for(first_steps, seconds_each):
    """Steps of a timed call."""
    return max(first_steps, min(400, round(PER_REPEAT_S / max(seconds_each, 1e-6))))


def measure_keras(keras, workload, seconds, wait):
    """Steps through `fit`, as a user makes them."""
    clock = Clock(seconds, wait)
    x, y = workload.data(workload.batch * workload.steps)
    model = workload.keras(keras)
    first = clock.time(lambda: model.train_on_batch(x[: workload.batch], y[: workload.batch]))

    def fit():
        model.fit(x, y, batch_size=workload.batch, epochs=1, verbose=0)

    fit()  # kernels, graphs, whatever else fit compiles
    steps = steps_for(workload.steps, clock.time(fit) / workload.steps)
    if steps > workload.steps:
        repeat = -(-steps // workload.steps)
        x, y = np.concatenate([x] * repeat), np.concatenate([y] * repeat)
        steps = len(x) // workload.batch
    fit()
    times = [t / steps for t in clock.repeats(fit)]
    return {"step_ms": 1e3 * statistics.median(times), "first_s": first, "repeats": len(times), "steps": steps}, model


def measure_torch(torch, workload, seconds, wait, kind):
    """The loop a PyTorch user writes, with the data on the device; `graph` replays a recorded step."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    clock = Clock(seconds, wait)
    x, y = workload.data(workload.batch * workload.steps)
    x = x.transpose(0, 3, 1, 2).copy() if x.ndim == 4 else x
    x, y = torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda()
    module, loss_function, optimizer = workload.torch(torch)
    module = module.cuda()
    if kind == "graph":  # before the first step, which makes the optimizer's state
        for group in optimizer.param_groups:
            group["capturable"] = True
    if x.ndim == 4:
        x, module = (t.to(memory_format=torch.channels_last) for t in (x, module))
    model = torch.compile(module) if kind == "compile" else module
    scaler = torch.amp.GradScaler("cuda") if kind == "mixed" else None
    precision = torch.autocast("cuda", torch.float16) if kind == "mixed" else contextlib.nullcontext()

    def step(xs, ys):
        optimizer.zero_grad(set_to_none=kind != "graph")
        with precision:
            loss = loss_function(model(xs), ys)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return loss

    first = clock.time(lambda: step(x[: workload.batch], y[: workload.batch]))
    if kind == "graph":
        step = _graphed(torch, step, x[: workload.batch], y[: workload.batch])

    def fit(steps):
        order = torch.randperm(len(x), device="cuda")
        total = torch.zeros((), device="cuda")
        for i in range(steps):
            k = i % workload.steps
            rows = order[k * workload.batch : (k + 1) * workload.batch]
            total += step(x[rows], y[rows]).detach()
        return total.item()

    fit(workload.steps)
    steps = steps_for(workload.steps, clock.time(lambda: fit(workload.steps)) / workload.steps)
    times = [t / steps for t in clock.repeats(lambda: fit(steps))]
    result = {"step_ms": 1e3 * statistics.median(times), "first_s": first, "repeats": len(times), "steps": steps}
    return {**result, "peak_bytes": torch.cuda.max_memory_allocated()}


def _graphed(torch, step, x, y):
    """A step that copies its batch into place and replays a CUDA graph."""
    xs, ys = x.clone(), y.clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step(xs, ys)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(xs, ys)

    def replay(new_x, new_y):
        xs.copy_(new_x)
        ys.copy_(new_y)
        graph.replay()
        return loss

    return replay


# --- what a step of ours has to do ---------------------------------------------------------------------------------


def demands(model, workload):
    """Operations of a step's products, convolutions and recurrences, and bytes that it has to read and write."""
    functions = model.train_function._compiled.values()
    plans = [plan for function in functions for plan in function._plans.values() if plan is not None]
    steps = max((plan.program.steps for plan in plans), key=len)
    weights = sum(4.0 * np.prod(w.shape) for w in model.trainable_weights)
    sizes = [
        [n or 1 for n in layer.output_shape[1:]] for layer in model.layers if isinstance(layer.output_shape, tuple)
    ]
    activations = workload.batch * sum(float(np.prod(size)) for size in sizes)
    low = any(getattr(layer, "_policy", "float32") != "float32" for layer in model.layers)
    # Activations are written, read forwards and read backwards; a weight, its gradient and one state read and written.
    moved = 3.0 * activations * (2 if low else 4) + 5.0 * weights
    return {"flops": sum(map(_operations, steps)), "bytes": moved, "low": low}


def _operations(step):
    """Multiplications and additions of a step that multiplies matrices, in whatever form."""
    from gpukeras.ops.conv import Conv, ConvTranspose, ConvWeight
    from gpukeras.ops.linalg import MatMul
    from gpukeras.ops.recurrent_base import Steps, StepsGrad

    op, ins, out = getattr(step.op, "op", step.op), [v.shape for v in step.ins], step.outs[0]
    if isinstance(op, MatMul) and out is not None:
        return 2.0 * out.size * ins[0][-2 if op.transpose_a else -1]
    if isinstance(op, (Conv, ConvTranspose, ConvWeight)) and out is not None:
        # An element of the smaller image is a sum over one of the kernel's windows.
        shapes = {Conv: (out.shape, ins[1]), ConvTranspose: ins[:2], ConvWeight: (ins[1], out.shape)}
        image, kernel = shapes[type(op)]
        return 2.0 * float(np.prod(image)) * float(np.prod(kernel[:-1]))
    if isinstance(op, (Steps, StepsGrad)):
        named = dict(zip(op.parts, ins))
        kernels = sum(float(np.prod(named[k])) for k in ("w", "u", "kernel") if k in named)
        return (2.0 if isinstance(op, Steps) else 4.0) * float(np.prod(ins[0][:2])) * kernels
    return 0.0


def ours(workload, seconds, simulated):
    """gpukeras on one workload."""
    import gpukeras as keras
    from gpukeras import backend as K
    from gpukeras.runtime.device import default_device

    scope = contextlib.nullcontext()
    if simulated:
        from tests.simulated.device import simulated_gpu

        scope = simulated_gpu()
    with scope:
        xp = default_device().xp
        pool = xp.get_default_memory_pool()
        K.clear_session()
        result, model = measure_keras(keras, workload, seconds, lambda: xp.cuda.Device().synchronize())
        result["peak_bytes"] = pool.total_bytes()
        with contextlib.suppress(Exception):
            result.update(demands(model, workload))
        del model
        K.clear_session()
        pool.free_all_blocks()
    return result


def peers(keras, workload, seconds):
    """Keras 3 on one workload."""
    import keras as keras3

    backend = keras3.backend.backend()
    if backend == "torch":
        import torch

        wait = torch.cuda.synchronize
    else:
        import jax

        def wait():
            (jax.device_put(0.0) + 0).block_until_ready()

    return measure_keras(keras, workload, seconds, wait)[0]


def main(task):
    """Measures every workload of a task and prints what was found."""
    kind, name = IMPLS[task["impl"]][0].split(":")
    module = name if kind == "keras" else "torch"
    try:
        loaded = importlib.import_module(module)
        if kind == "torch" and not loaded.cuda.is_available():
            raise ImportError("it sees no GPU")
    except Exception as error:  # a broken peer must not end the comparison
        print(json.dumps({"workload": "", "error": f"not here: {error}"[:160]}), flush=True)
        return
    end = time.monotonic() + task["seconds"]
    for i, workload_name in enumerate(task["workloads"]):
        workload = workload_of(workload_name)
        seconds = max(1.0, (end - time.monotonic()) / (len(task["workloads"]) - i))
        try:
            if module == "gpukeras":
                result = ours(workload, seconds, task["simulated"])
            elif kind == "keras":
                result = peers(loaded, workload, seconds)
            else:
                loaded.cuda.reset_peak_memory_stats()
                result = measure_torch(loaded, workload, seconds, loaded.cuda.synchronize, name)
        except Exception as error:
            traceback.print_exc()
            result = {"error": f"{type(error).__name__}: {error}"[:160].replace("\n", " ")}
        print(json.dumps({"workload": workload_name, **result}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
