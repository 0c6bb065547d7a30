"""What is left on the disk when a training is killed (kill -9) while it saves."""

import csv
import json
import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes as POSIX does")

KILLS = 20

# A process that forks writers, kills each at a random moment, and looks at what is there then.  What a writer saves has
# one number in all its weights, a higher one in each save; its first save is complete before the clock starts.
PROGRAM = """
    import glob, json, os, random, signal, sys, time
    import numpy as np
    from gpukeras import backend as K
    from gpukeras.callbacks import CSVLogger, ModelCheckpoint
    from gpukeras.layers import Dense
    from gpukeras.models import Sequential, load_model

    kind, folder, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
    path = os.path.join(folder, "saved")
    random.seed(kind)

    def build():
        model = Sequential([Dense(300, input_shape=(300,), activation="relu"), Dense(300), Dense(10)])
        model.compile("adam", "mse")
        return model

    def fill(model, number):
        variables = model.weights + model.optimizer.weights
        K.batch_set_value([(v, np.full(K.int_shape(v), number)) for v in variables])

    def numbers(model):
        values = K.batch_get_value(model.weights + model.optimizer.weights)
        return {float(number) for value in values for number in np.unique(value)}

    model = build()
    model._make_train_function()

    def write(start, ready):
        if kind == "csv":
            callback = CSVLogger(path, append=True)
            callback.on_train_begin()
        else:
            callback = ModelCheckpoint(path, save_weights_only=kind == "weights")
            callback.set_model(model)
        for number in range(start, start + 10**9):
            if kind != "csv":
                fill(model, number)
            callback.on_epoch_end(number, {"loss": number + 0.5, "acc": number})
            if number == start:
                os.write(ready, b"!")

    report = {"seen": [], "parts": 0}
    twin = build()
    kill = 0
    # On a busy machine a writer may not get to its second save in time: more are killed then.
    while kill < kills or kind != "csv" and report["parts"] < kills // 4 and kill < 20 * kills:
        start = 1000 * (kill + 1)
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                write(start, tell)
            finally:
                os._exit(1)
        os.close(tell)
        assert os.read(ready, 1) == b"!"
        os.close(ready)
        time.sleep(random.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the writer failed"
        report["parts"] += len([name for name in os.listdir(folder) if name.endswith(".part")])
        if kind == "model":
            report["seen"].append(sorted(numbers(load_model(path))))
        elif kind == "weights":
            fill(twin, 0)
            twin.load_weights(path)
            report["seen"].append(sorted(numbers(twin) - {0}))
        kill += 1
    report["left"] = len(os.listdir(folder))
    print(json.dumps(report))
"""


def killed(kind, folder):
    """Runs the program above; returns what it found."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM), kind, str(folder), str(KILLS)]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["model", "weights"])
def test_the_file_is_always_a_whole_one(kind, tmp_path):
    report = killed(kind, tmp_path)
    assert len(report["seen"]) >= KILLS
    for kill, found in enumerate(report["seen"]):
        # All weights come from one save, and from the last writer.
        (number,) = found
        assert 1000 * (kill + 1) <= number < 1000 * (kill + 2)
    assert report["parts"] >= KILLS // 4, "kills should have struck in the middle of a save"
    # What the last of them was writing; the others' has been tidied up.
    assert report["left"] <= 2


def test_the_rows_of_a_log_are_whole(tmp_path):
    killed("csv", tmp_path)
    text = (tmp_path / "saved").read_text()
    header, *rows = csv.reader(text.splitlines())
    assert header == ["epoch", "acc", "loss"] and text.endswith("\n")
    starts = set()
    for epoch, acc, loss in rows:
        assert acc == epoch and float(loss) == int(epoch) + 0.5
        starts.add(int(epoch) // 1000)
    assert len(rows) >= KILLS and len(starts) >= KILLS
