"""Callbacks as they are sent to other processes: pickled before and after a training."""

import copy
import pickle

import numpy as np
import pytest

from gpukeras import callbacks
from gpukeras.layers import Dense
from gpukeras.models import Sequential


def schedule(epoch, lr):
    return lr / 2


def at_the_end(epoch, logs):
    logs["seen"] = epoch


MAKERS = {
    "BaseLogger": lambda path: callbacks.BaseLogger(["loss"]),
    "CSVLogger": lambda path: callbacks.CSVLogger(str(path / "log.csv"), ";", True),
    "EarlyStopping": lambda path: callbacks.EarlyStopping("loss", 0.5, 3, restore_best_weights=True),
    "History": lambda path: callbacks.History(),
    "LambdaCallback": lambda path: callbacks.LambdaCallback(on_epoch_end=at_the_end),
    "LearningRateScheduler": lambda path: callbacks.LearningRateScheduler(schedule),
    "ModelCheckpoint": lambda path: callbacks.ModelCheckpoint(str(path / "m.h5"), "loss", period=2),
    "ProgbarLogger": lambda path: callbacks.ProgbarLogger("steps"),
    "ReduceLROnPlateau": lambda path: callbacks.ReduceLROnPlateau("loss", 0.5, patience=0, min_delta=10),
    "RemoteMonitor": lambda path: callbacks.RemoteMonitor(field="x"),
    "TensorBoard": lambda path: callbacks.TensorBoard(str(path), update_freq=10),
    "TerminateOnNaN": lambda path: callbacks.TerminateOnNaN(),
}


def test_none_is_forgotten():
    classes = {name for name in callbacks.__all__ if name not in ("Callback", "CallbackList")}
    assert set(MAKERS) == classes


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize("again", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_before_a_training(name, again, tmp_path):
    made = MAKERS[name](tmp_path)
    twin = again(made)
    assert type(twin) is type(made) and twin is not made
    plain = {k: v for k, v in vars(made).items() if not callable(v)}
    assert {k: v for k, v in vars(twin).items() if not callable(v)} == plain


@pytest.mark.parametrize("name", ["EarlyStopping", "LambdaCallback", "LearningRateScheduler", "ReduceLROnPlateau"])
def test_they_do_their_work_after_it(name, tmp_path):
    twin = pickle.loads(pickle.dumps(MAKERS[name](tmp_path)))
    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    x = np.random.rand(4, 2)
    history = model.fit(x, x[:, :1], epochs=5, verbose=0, callbacks=[twin])
    expected = {
        "EarlyStopping": lambda: len(history.epoch) == 4,
        "LambdaCallback": lambda: history.history["seen"] == [0, 1, 2, 3, 4],
        "LearningRateScheduler": lambda: history.history["lr"][:2] == [0.005, 0.0025],
        "ReduceLROnPlateau": lambda: history.history["lr"] == [0.01, 0.01, 0.005, 0.0025, 0.00125],
    }
    assert expected[name]()
    assert len(pickle.loads(pickle.dumps(history)).epoch) == len(history.epoch)
