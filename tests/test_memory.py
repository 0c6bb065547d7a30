"""Peak memory of training, measured in a process of its own: what a plan keeps, and nothing beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read from /proc/self/status"),
]

# The network of the manual's "VGG-like convnet": 100x100 pixels, 10 classes, batches of 32.
VGG_LIKE = """
from gpukeras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from gpukeras.optimizers import SGD
model = Sequential()
model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(100, 100, 3)))
model.add(Conv2D(32, (3, 3), activation="relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Conv2D(64, (3, 3), activation="relu"))
model.add(Conv2D(64, (3, 3), activation="relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(256, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(10, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True))
x, y = np.random.rand(64, 100, 100, 3), np.eye(10)[np.random.randint(10, size=64)]
"""

LSTM_400 = """
from gpukeras.layers import LSTM, Dense
model = Sequential([LSTM(128, input_shape=(400, 64)), Dense(1)])
model.compile("rmsprop", "mse")
x, y = np.random.rand(64, 400, 64), np.random.rand(64, 1)
"""

SCRIPT = """
import numpy as np
from gpukeras.models import Sequential
{model}
losses = model.fit(x, y, batch_size=32, epochs=2, verbose=0).history["loss"]
model.evaluate(x, y, batch_size=32, verbose=0)
assert np.isfinite(losses).all()
with open("/proc/self/status") as f:
    (peak,) = [line.split()[1] for line in f if line.startswith("VmHWM:")]
print("peak", peak)
"""


@pytest.mark.parametrize(
    ("model", "limit"), [pytest.param(VGG_LIKE, 1.5e9, id="vgg_like"), pytest.param(LSTM_400, 1.0e9, id="lstm_400")]
)
def test_peak_memory_of_training(model, limit):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "GPUKERAS_ENGINE": "cpu"}
    command = [sys.executable, "-W", "error", "-c", SCRIPT.format(model=model)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr[-4000:]
    peak = 1024 * int(done.stdout.split()[-1])
    assert peak < limit, f"peak memory {peak / 1e6:.0f} MB"
    print(f"peak memory {peak / 1e6:.0f} MB")
