"""Chapter 11 of the manual: callbacks. Fewer epochs, less data."""

import csv
import json
import os

import numpy as np
import pytest

from tests.manual.samples import sample


def pixels(rows=64):
    return np.random.random((rows, 784)), np.eye(10)[np.random.randint(10, size=rows)]


def classifier(**options):
    from keras.layers import Activation, Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop", **options)
    return model


def test_what_logs_contain():
    """11.1.1"""
    import keras

    seen = {}

    class Note(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen["epoch_end"] = set(logs)

        def on_batch_begin(self, batch, logs=None):
            seen["batch_begin"] = logs["size"]

        def on_batch_end(self, batch, logs=None):
            seen["batch_end"] = set(logs)

        def on_train_end(self, logs=None):
            seen["params"] = self.params
            seen["model"] = self.model

    model = classifier(metrics=["accuracy"])
    x, y = pixels()
    model.fit(x, y, validation_split=0.25, batch_size=24, callbacks=[Note()], verbose=0)
    assert seen["epoch_end"] == {"loss", "acc", "val_loss", "val_acc"}
    assert seen["batch_begin"] == 24 and {"loss", "acc"} <= seen["batch_end"]
    assert seen["model"] is model
    assert seen["params"]["epochs"] == 1 and seen["params"]["batch_size"] == 24 and seen["params"]["verbose"] == 0


def test_small_callbacks(capsys):
    """11.1.2 to 11.1.5, 11.1.9: those with one purpose."""
    import keras

    model = classifier()
    x, y = pixels()
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1), verbose=0)
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[schedule, keras.callbacks.History()])
    assert isinstance(history, keras.callbacks.History)
    np.testing.assert_allclose(keras.backend.get_value(model.optimizer.lr), 0.25)
    model.fit(x, y, verbose=0, callbacks=[keras.callbacks.BaseLogger(), keras.callbacks.ProgbarLogger()])
    assert capsys.readouterr().out == ""
    with pytest.raises(ValueError, match="count_mode"):
        keras.callbacks.ProgbarLogger(count_mode="no")
    history = model.fit(x * np.nan, y, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert history.epoch == [0]


def test_files_of_checkpoints():
    """11.1.6: names with the epoch and logs in them, and every so many epochs."""
    from keras.callbacks import ModelCheckpoint
    from keras.models import load_model

    model = classifier()
    x, y = pixels()
    every = ModelCheckpoint("weights.{epoch:02d}-{val_loss:.2f}.hdf5", period=2)
    weights = ModelCheckpoint("weights.h5", save_weights_only=True)
    history = model.fit(x, y, epochs=4, validation_split=0.2, verbose=0, callbacks=[every, weights])
    losses = history.history["val_loss"]
    names = [f"weights.{epoch:02d}-{losses[epoch - 1]:.2f}.hdf5" for epoch in (2, 4)]
    assert sorted(os.listdir()) == sorted([*names, "weights.h5"])
    np.testing.assert_allclose(load_model(names[1]).predict(x), model.predict(x), rtol=1e-6)
    model.load_weights("weights.h5")


@pytest.mark.parametrize("mode", ["auto", "min", "max"])
def test_direction_of_early_stopping(mode):
    """11.1.7"""
    from keras.callbacks import EarlyStopping

    model = classifier()
    x, y = pixels()
    stop = EarlyStopping(monitor="loss", min_delta=0, patience=0, verbose=0, mode=mode)
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[stop])
    # The loss falls: an end to a rise is seen at once.
    assert history.epoch == ([0, 1] if mode == "max" else [0, 1, 2])


def test_remote_monitor(monkeypatch):
    """11.1.8: what happens is posted to root + path, as JSON in one field."""
    import http.server
    import threading
    import urllib.parse

    import keras

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers.get("X-Key"), urllib.parse.parse_qs(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monitor = keras.callbacks.RemoteMonitor(
            root="http://127.0.0.1:%d" % server.server_port,
            path="/publish/epoch/end/",
            field="data",
            headers={"X-Key": "3"},
        )
        x, y = pixels(8)
        classifier().fit(x, y, verbose=0, callbacks=[monitor])
        server.shutdown()
    ((path, key, fields),) = got
    assert path == "/publish/epoch/end/" and key == "3"
    assert set(json.loads(fields["data"][0])) == {"epoch", "loss"}


def test_tensorboard():
    """11.1.10: with all there is to write."""
    import keras

    x, y = pixels(16)
    board = keras.callbacks.TensorBoard(
        log_dir="./logs", histogram_freq=1, batch_size=8, write_graph=True, write_grads=True, write_images=True
    )
    classifier().fit(x, y, validation_data=(x, y), verbose=0, callbacks=[board])
    (name,) = os.listdir("logs")
    assert name.startswith("events.out.tfevents.") and os.path.getsize(os.path.join("logs", name)) > 1000


@sample("11.1.11", 6221)
def test_reduced_learning_rate():
    from keras import backend as K
    from keras.callbacks import ReduceLROnPlateau

    model = classifier()
    X_train, Y_train = pixels()
    reduce_lr = ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=5, min_lr=0.001)
    # Without validation, as typed, there is nothing to look at, which it says.
    with pytest.warns(RuntimeWarning, match="val_loss"):
        model.fit(X_train, Y_train, callbacks=[reduce_lr])

    # New rate = rate * factor, and not below min_lr.
    rates = []
    plateau = ReduceLROnPlateau(monitor="loss", factor=0.2, patience=2, min_lr=0.001, min_delta=100)
    model.optimizer.lr = K.variable(0.01)
    model.fit(X_train, Y_train, epochs=6, verbose=0, callbacks=[plateau, noting(rates)])
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.002, 0.002, 0.001, 0.001], rtol=1e-5)


def noting(rates):
    from keras import backend as K
    from keras.callbacks import Callback

    class Note(Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(K.get_value(self.model.optimizer.lr))

    return Note()


@sample("11.1.12", 6250)
def test_csv_logger():
    from keras.callbacks import CSVLogger

    model = classifier()
    X_train, Y_train = pixels()
    csv_logger = CSVLogger("training.log")
    history = model.fit(X_train, Y_train, callbacks=[csv_logger])
    model.fit(X_train, Y_train, callbacks=[CSVLogger("training.log", separator=",", append=True)])
    with open("training.log", newline="") as f:
        rows = list(csv.reader(f))
    assert rows[0] == ["epoch", "loss"] and [row[0] for row in rows[1:]] == ["0", "0"]
    np.testing.assert_allclose(float(rows[1][1]), history.history["loss"][0], rtol=1e-6)


@sample("11.1.13", 6290, 6299, 6311)
def test_lambda_callback(capsys):
    import json
    import subprocess
    import sys

    from keras.callbacks import LambdaCallback

    batch_print_callback = LambdaCallback(on_batch_begin=lambda batch, logs: print(batch))

    json_log = open("loss_log.json", mode="w", buffering=1)
    json_logging_callback = LambdaCallback(
        on_epoch_end=lambda epoch, logs: json_log.write(json.dumps({"epoch": epoch, "loss": logs["loss"]}) + "\n"),
        on_train_end=lambda logs: json_log.close(),
    )

    class Process(subprocess.Popen):
        def is_alive(self):
            return self.poll() is None

    processes = [Process([sys.executable, "-c", "import time; time.sleep(60)"])]
    cleanup_callback = LambdaCallback(on_train_end=lambda logs: [p.terminate() for p in processes if p.is_alive()])

    model = classifier()
    x, y = pixels()
    history = model.fit(
        x,
        y,
        batch_size=16,
        epochs=2,
        verbose=0,
        callbacks=[batch_print_callback, json_logging_callback, cleanup_callback],
    )
    assert capsys.readouterr().out.split() == list("01230123")
    assert json_log.closed
    with open("loss_log.json") as f:
        lines = [json.loads(line) for line in f]
    assert [line["epoch"] for line in lines] == [0, 1]
    np.testing.assert_allclose([line["loss"] for line in lines], history.history["loss"])
    assert processes[0].wait(timeout=10) != 0


@sample("11.2", 6329)
@sample("11.2.1", 6340, 6349)
def test_history_of_losses(capsys):
    import keras
    from keras.layers import Activation, Dense
    from keras.models import Sequential

    class LossHistory(keras.callbacks.Callback):
        def on_train_begin(self, logs={}):  # noqa: B006 (as typed)
            self.losses = []

        def on_batch_end(self, batch, logs={}):  # noqa: B006 (as typed)
            self.losses.append(logs.get("loss"))

    model = Sequential()
    model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop")

    x_train, y_train = pixels(256)
    history = LossHistory()
    model.fit(x_train, y_train, batch_size=128, epochs=3, verbose=0, callbacks=[history])

    print(history.losses)
    assert len(history.losses) == 6 and np.isfinite(history.losses).all()
    # A list of plain numbers, as it is shown.
    assert capsys.readouterr().out.startswith("[")


@sample(
    "11.2.2",
    6367,
    6374,
    instead={
        "ModelCheckpoint(filepath='/tmp/weights.hdf5', verbose=1, save_best_only=True)": "a file of the test's folder",
    },
)
def test_checkpoints(tmp_path, capsys):
    from keras.callbacks import ModelCheckpoint
    from keras.layers import Activation, Dense
    from keras.models import Sequential, load_model

    model = Sequential()
    model.add(Dense(10, input_dim=784, kernel_initializer="uniform"))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="rmsprop")

    (x_train, y_train), (X_test, Y_test) = pixels(), pixels()
    path = str(tmp_path / "weights.hdf5")
    checkpointer = ModelCheckpoint(filepath=path, verbose=1, save_best_only=True)
    history = model.fit(
        x_train,
        y_train,
        batch_size=128,
        epochs=4,
        verbose=0,
        validation_data=(X_test, Y_test),
        callbacks=[checkpointer],
    )
    best = min(history.history["val_loss"])
    np.testing.assert_allclose(load_model(path).evaluate(X_test, Y_test, verbose=0), best, rtol=1e-5)
    out = capsys.readouterr().out
    assert f"val_loss improved from inf to {history.history['val_loss'][0]:.5f}, saving model to {path}" in out
