"""Callbacks in real trainings, with real files: what they write can be read back, what they change has changed."""

import csv

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.callbacks import (
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from gpukeras.layers import Dense
from gpukeras.models import Sequential, load_model

X = np.random.RandomState(0).normal(size=(40, 4)).astype("float32")
Y = np.eye(3)[np.arange(40) % 3]


def classifier(optimizer="adam"):
    model = Sequential([Dense(5, activation="tanh", input_shape=(4,)), Dense(3, activation="softmax")])
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model


class Plan:
    """Puts planned values into the logs, and keeps the weights of every epoch."""

    def __init__(self, **values):
        self.values, self.weights = values, []
        self.callback = LambdaCallback(on_epoch_end=self.put)

    def put(self, epoch, logs):
        logs.update({name: values[epoch] for name, values in self.values.items()})
        self.weights.append(self.callback.model.get_weights())


def same(model, weights):
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))


@pytest.mark.parametrize(
    ("arguments", "values", "saved"),
    [
        ({}, [3, 2, 4, 1], [1, 2, 3, 4]),
        ({"save_best_only": True}, [3, 2, 4, 1], [1, 2, 4]),
        ({"save_best_only": True, "mode": "min"}, [3, 3, 4, 1], [1, 4]),
        ({"save_best_only": True, "mode": "max"}, [3, 2, 4, 1], [1, 3]),
        ({"save_best_only": True, "monitor": "val_acc"}, [0.1, 0.3, 0.2, 0.4], [1, 2, 4]),
        ({"save_best_only": True, "monitor": "val_accuracy", "mode": "min"}, [0.3, 0.1, 0.2, 0.0], [1, 2, 4]),
        ({"save_best_only": True, "monitor": "fmeasure_x"}, [0.3, 0.1, 0.4, 0.0], [1, 3]),
        ({"period": 2}, [3, 2, 4, 1], [2, 4]),
        ({"period": 3}, [3, 2, 4, 1], [3]),
        # Only the epochs that are looked at are compared.
        ({"period": 2, "save_best_only": True}, [1, 3, 2, 4], [2]),
        ({"save_weights_only": True, "verbose": 1}, [3, 2, 4, 1], [1, 2, 3, 4]),
    ],
)
def test_checkpoints(arguments, values, saved, tmp_path, capsys):
    monitor = arguments.get("monitor", "val_loss")
    path = str(tmp_path / ("w.{epoch:02d}-{%s:.2f}-{loss:.3f}.hdf5" % monitor))
    plan = Plan(**{monitor: values, "val_loss": values})
    model = classifier()
    checkpoint = ModelCheckpoint(path, **arguments)
    history = model.fit(X, Y, epochs=4, verbose=0, validation_split=0.25, callbacks=[plan.callback, checkpoint])
    losses = history.history["loss"]
    expected = [f"w.{e:02d}-{values[e - 1]:.2f}-{losses[e - 1]:.3f}.hdf5" for e in saved]
    assert sorted(p.name for p in tmp_path.iterdir()) == expected
    for epoch, name in zip(saved, expected):
        if arguments.get("save_weights_only"):
            twin = classifier()
            twin.load_weights(tmp_path / name)
        else:
            twin = load_model(tmp_path / name)
            assert twin.optimizer.get_config() == model.optimizer.get_config()
        assert same(twin, plan.weights[epoch - 1])
    assert capsys.readouterr().out.count("saving model to") == (len(saved) if "verbose" in arguments else 0)


def test_one_file_for_all_epochs_is_replaced(tmp_path):
    plan = Plan(val_loss=[3, 1, 2])
    model = classifier()
    best = ModelCheckpoint(tmp_path / "best.h5", save_best_only=True)
    last = ModelCheckpoint(tmp_path / "last.h5", save_weights_only=True)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[plan.callback, best, last])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best.h5", "last.h5"]
    assert same(load_model(tmp_path / "best.h5"), plan.weights[1])
    twin = classifier()
    twin.load_weights(tmp_path / "last.h5")
    assert same(twin, plan.weights[2])


def test_a_training_goes_on_from_its_checkpoint(tmp_path):
    np.random.seed(3)
    whole = classifier()
    start = whole.get_weights()
    whole.fit(X, Y, epochs=4, shuffle=False, verbose=0)
    model = classifier()
    model.set_weights(start)
    model.fit(X, Y, epochs=2, shuffle=False, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "m.{epoch}.h5")])
    again = load_model(tmp_path / "m.2.h5")
    history = again.fit(X, Y, initial_epoch=2, epochs=4, shuffle=False, verbose=0)
    assert history.epoch == [2, 3]
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_checkpoint_into_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing"):
        classifier().fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "missing" / "m.h5")])


@pytest.mark.parametrize(
    ("arguments", "values", "epochs", "restored"),
    [
        ({"patience": 2}, [3, 2, 4, 5, 1], 4, None),
        ({"patience": 2, "restore_best_weights": True}, [3, 2, 4, 5, 1], 4, 1),
        ({"patience": 1, "restore_best_weights": True, "mode": "max"}, [3, 4, 2, 5, 1], 3, 1),
        ({"patience": 2, "restore_best_weights": True, "min_delta": 1.5}, [5, 3, 2, 2.5, 1], 4, 1),
        ({"patience": 2, "restore_best_weights": True, "baseline": 2.5}, [5, 2, 3, 4, 1], 4, 1),
        # What never meets the baseline leaves nothing to put back.
        ({"patience": 2, "restore_best_weights": True, "baseline": 0.5}, [5, 2, 3, 4, 1], 2, None),
        # A training that runs to its end keeps its last weights.
        ({"patience": 9, "restore_best_weights": True}, [3, 2, 4, 5, 6], 5, None),
    ],
)
def test_early_stopping(arguments, values, epochs, restored, capsys):
    plan, model = Plan(val_loss=values), classifier()
    stop = EarlyStopping(verbose=1, **arguments)
    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[plan.callback, stop])
    assert len(history.epoch) == epochs
    assert same(model, plan.weights[epochs - 1 if restored is None else restored])
    assert not same(model, plan.weights[0])
    out = capsys.readouterr().out
    assert (f"Epoch {epochs:05d}: early stopping" in out) is (epochs < 5)
    assert ("Restoring model weights" in out) is (restored is not None)


@pytest.mark.parametrize(
    ("arguments", "values", "rates"),
    [
        ({"patience": 1}, [3, 3, 3, 3], [1.0, 1.0, 0.1, 0.01]),
        ({"patience": 2, "factor": 0.5}, [3, 3, 3, 3], [1.0, 1.0, 1.0, 0.5]),
        ({"patience": 1, "factor": 0.5, "cooldown": 2}, [3, 3, 3, 3], [1.0, 1.0, 0.5, 0.5]),
        ({"patience": 1, "factor": 0.5, "min_lr": 0.4}, [3, 3, 3, 3], [1.0, 1.0, 0.5, 0.4]),
        ({"patience": 1, "factor": 0.5, "min_delta": 2}, [3, 2, 1.5, 1], [1.0, 1.0, 0.5, 0.25]),
        ({"patience": 1, "factor": 0.5, "mode": "max"}, [1, 2, 3, 4], [1.0] * 4),
    ],
)
def test_reduce_on_plateau(arguments, values, rates):
    plan, model = Plan(val_loss=values), classifier("sgd")
    K.set_value(model.optimizer.lr, 1.0)
    reduce = ReduceLROnPlateau(**arguments)
    history = model.fit(X, Y, epochs=4, verbose=0, callbacks=[plan.callback, reduce])
    assert history.history["lr"] == pytest.approx(rates)


@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.5 / (epoch + 1), lambda epoch, lr: lr * epoch / (epoch + 1) or 0.5]
)
def test_scheduler_moves_the_weights_by_its_rate(schedule, capsys):
    """With one batch per epoch each step of plain gradient descent is the gradient times the rate."""
    model = Sequential([Dense(1, input_shape=(4,), use_bias=False)])
    model.compile("sgd", "mse")
    weights = [model.get_weights()[0]]
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()[0]))
    scheduler = LearningRateScheduler(schedule, verbose=1)
    y = X @ np.arange(4.0)[:, None]
    history = model.fit(X, y, batch_size=40, epochs=3, verbose=0, callbacks=[scheduler, keep])
    assert history.history["lr"] == pytest.approx([0.5, 0.25, 0.5 / 3])
    for rate, before, after in zip(history.history["lr"], weights, weights[1:]):
        step = rate * 2 * X.T @ (X @ before - y) / len(X)
        np.testing.assert_allclose(before - after, step, rtol=1e-3, atol=1e-5)
    assert "Epoch 00002: LearningRateScheduler setting learning rate to 0.25" in capsys.readouterr().out


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_logs_of_several_trainings(separator, tmp_path):
    path, model = tmp_path / "log.csv", classifier()
    made = []
    for append in (False, True, True, False):
        logger = CSVLogger(path, separator, append)
        histories = [
            model.fit(X, Y, initial_epoch=2 * i, epochs=2 * i + 2, verbose=0, validation_split=0.25, callbacks=[logger])
            for i in range(2 if append else 1)
        ]
        rows = [
            [str(e), *(history.history[name][i] for name in ("acc", "loss", "val_acc", "val_loss"))]
            for history in histories
            for i, e in enumerate(history.epoch)
        ]
        made = made + rows if append else rows
        with open(path, newline="") as f:
            header, *found = csv.reader(f, delimiter=separator)
        assert header == ["epoch", "acc", "loss", "val_acc", "val_loss"]
        assert [[row[0], *map(float, row[1:])] for row in found] == made
    assert len(made) == 2


def test_a_log_that_ends_in_the_middle_of_a_line_gets_a_new_one(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"epoch,acc,loss\r\n0,0.5,0.25\r\n1,0.")
    classifier().fit(X, Y, verbose=0, callbacks=[CSVLogger(path, append=True)])
    with open(path, newline="") as f:
        rows = list(csv.reader(f))
    assert rows[2] == ["1", "0."] and len(rows) == 4 and len(rows[3]) == 3
    path.write_bytes(b"")
    classifier().fit(X, Y, verbose=0, callbacks=[CSVLogger(path, append=True)])
    assert path.read_text().startswith("epoch,acc,loss\n")


def test_nan_is_logged_and_ends_the_training(tmp_path, capsys):
    x = X.copy()
    x[3] = np.nan
    checkpoint = ModelCheckpoint(tmp_path / "best.h5", monitor="loss", save_best_only=True)
    history = classifier().fit(
        x, Y, epochs=3, verbose=0, callbacks=[TerminateOnNaN(), checkpoint, CSVLogger(tmp_path / "log.csv")]
    )
    assert history.epoch == [0] and "Invalid loss, terminating training" in capsys.readouterr().out
    assert (tmp_path / "log.csv").read_text().splitlines()[1].endswith(",nan")
    # Not a number is no improvement.
    assert not (tmp_path / "best.h5").exists()
