"""Threads, forked processes and instruction sets: every program here runs in a process of its own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from gpukeras.kernels.native.primitive import extension

ROOT = Path(__file__).resolve().parents[2]

MODEL = """
import os, sys, threading, time
import numpy as np
import gpukeras as keras
from gpukeras.runtime import native

np.random.seed(5)
model = keras.models.Sequential([
    keras.layers.Conv2D(8, 3, activation="relu", input_shape=(12, 12, 3)),
    keras.layers.MaxPooling2D(),
    keras.layers.BatchNormalization(),
    keras.layers.Flatten(),
    keras.layers.Dense(256, activation="tanh"),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(keras.optimizers.SGD(0.05), "categorical_crossentropy")
x = np.random.RandomState(1).rand(64, 12, 12, 3).astype("float32")
y = np.eye(10, dtype="float32")[np.arange(64) % 10]
"""


def python(program, timeout=60, **env):
    """Runs a program after `MODEL` and returns what it prints."""
    known = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "GPUKERAS_CPU"))}
    done = subprocess.run(
        [sys.executable, "-c", MODEL + textwrap.dedent(program)],
        env={**known, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "2", **env},
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_predicts_and_trains(tmp_path):
    printed = python(
        """
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
        before = model.predict(x)
        child = os.fork()
        if child == 0:
            import signal
            signal.alarm(40)
            same = np.abs(model.predict(x) - before).max() < 1e-6
            model.fit(x, y, batch_size=16, epochs=1, verbose=0, shuffle=False)
            np.save(os.environ["RESULT"], model.get_weights()[0])
            os._exit(0 if same else 3)
        model.fit(x, y, batch_size=16, epochs=1, verbose=0, shuffle=False)
        _, status = os.waitpid(child, 0)
        theirs = np.load(os.environ["RESULT"])
        print(os.waitstatus_to_exitcode(status), np.abs(theirs - model.get_weights()[0]).max() < 1e-5)
        """,
        OMP_NUM_THREADS="2",
        RESULT=str(tmp_path / "weights.npy"),
    )
    assert printed == ["0", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_of_a_thread_that_holds_the_lock():
    printed = python(
        """
        model.predict(x)
        function = next(iter(model.predict_function._compiled.values()))
        held, done = threading.Event(), threading.Event()

        def hold():
            with function.lock:
                held.set()
                done.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            import signal
            signal.alarm(40)
            os._exit(0 if np.isfinite(model.predict(x)).all() else 3)
        _, status = os.waitpid(child, 0)
        done.set()
        thread.join()
        print(os.waitstatus_to_exitcode(status))
        """,
        OMP_NUM_THREADS="2",
    )
    assert printed == ["0"]


def test_threads_predict_at_once():
    printed = python(
        """
        other = keras.models.clone_model(model)
        other.set_weights(model.get_weights())
        expected = model.predict(x)
        wrong = []

        def work(number):
            for i in range(25):
                chosen = model if (i + number) % 2 else other
                rows = slice(0, 64 if i % 3 else 17)
                wrong.append(np.abs(chosen.predict(x[rows], batch_size=16) - expected[rows]).max())

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        print(len(wrong), max(wrong) < 1e-6)
        """,
        OMP_NUM_THREADS="2",
    )
    assert printed == ["100", "True"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs Linux' /proc")
def test_threads_of_numpy_sleep_while_we_train():
    if extension() is None:
        pytest.skip("the extension is built without oneDNN: NumPy multiplies matrices")
    printed = python(
        """
        def spent():
            ticks = {}
            for task in os.listdir("/proc/self/task"):
                with open(f"/proc/self/task/{task}/stat") as stream:
                    fields = stream.read().rsplit(")", 1)[1].split()
                ticks[int(task)] = int(fields[11]) + int(fields[12])
            return ticks

        blas = set(spent()) - {threading.get_native_id()}
        a = np.ones((600, 600), "float32")
        for _ in range(10):
            a @ a
        blas |= set(spent()) - {threading.get_native_id()}
        model.fit(x, y, batch_size=16, epochs=3, verbose=0)
        time.sleep(0.5)  # after a product of their own they stay awake for some tens of milliseconds
        before = spent()
        model.fit(x, y, batch_size=16, epochs=800, verbose=0)
        after = spent()
        print(sum(after[t] - before[t] for t in blas), sum(after.values()) - sum(before.values()))
        """,
        OMP_NUM_THREADS="1",
    )
    numpys, all_ticks = map(int, printed)
    assert all_ticks > 20 and numpys <= 0.02 * all_ticks


def test_the_number_of_threads_holds_in_every_thread():
    printed = python(
        """
        counts = []

        def count():
            native.adopt_threads()
            counts.append(native.build_info()["threads"])

        count()
        thread = threading.Thread(target=count)
        thread.start()
        thread.join()
        print(*counts)
        """,
        OMP_NUM_THREADS="3",
    )
    assert printed == ["3", "3"]


def test_all_instruction_sets_agree():
    losses = {}
    for isa in ("base", "avx2", "avx512"):
        printed = python(
            """
            history = model.fit(x, y, batch_size=16, epochs=3, verbose=0, shuffle=False).history["loss"]
            plan = next(iter(next(iter(model.train_function._compiled.values()))._plans.values()))
            used = " ".join(s.kernel.name for s in plan.program.steps if s.kernel)
            print(native.build_info()["isa"], *history, "avx512" in used, "avx2" in used)
            """,
            OMP_NUM_THREADS="1",
            GPUKERAS_CPU_ISA=isa,
        )
        losses[printed[0]] = np.array(printed[1:4], "float64")
        if printed[0] != "avx512":
            assert printed[4] == "False"
        if printed[0] == "base":
            assert printed[5] == "False"
    for found in losses.values():
        np.testing.assert_allclose(found, losses["base"], rtol=1e-4)
