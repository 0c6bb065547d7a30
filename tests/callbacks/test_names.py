"""`acc` and `accuracy` are found under either name wherever a callback or a script looks; a log has one of them."""

import copy
import csv
import json
import pickle

import numpy as np
import pytest

from gpukeras.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from gpukeras.layers import Dense, Input
from gpukeras.models import Model, Sequential
from gpukeras.utils.logs import Logs, find_log

X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = np.eye(3)[np.arange(12) % 3]
SPELLINGS = ["val_acc", "val_accuracy"]


def one_output(*metrics):
    model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("sgd", "categorical_crossentropy", metrics=list(metrics) or ["accuracy"])
    return model


def two_outputs():
    inputs = Input((4,))
    outputs = [Dense(3, activation="softmax", name=name)(inputs) for name in ("out", "other")]
    model = Model(inputs, outputs)
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", "acc"], weighted_metrics=["acc"])
    return model


class TestLogs:
    def test_both_spellings_give_the_value_and_one_key_is_there(self):
        logs = Logs({"loss": 1.0, "val_acc": 0.5})
        assert logs["val_accuracy"] == logs["val_acc"] == logs.get("val_accuracy") == 0.5
        assert "val_accuracy" in logs and "acc" not in logs and "accuracy" not in logs
        assert list(logs) == list(logs.keys()) == ["loss", "val_acc"] and len(logs) == 2
        assert dict(logs) == {"loss": 1.0, "val_acc": 0.5} and repr(logs) == repr(dict(logs))
        assert {**logs} == dict(logs) and list(logs.items()) == list(dict(logs).items())
        logs = Logs(accuracy=0.25)
        assert logs["acc"] == 0.25 and logs.get("val_acc") is None and logs.get("val_acc", 3) == 3

    @pytest.mark.parametrize(
        ("there", "asked"),
        [
            ("out_acc", "out_accuracy"),
            ("val_out_acc", "val_out_accuracy"),
            ("weighted_acc", "weighted_accuracy"),
            ("val_out_weighted_acc_1", "val_out_weighted_accuracy_1"),
            ("acc_2", "accuracy_2"),
            ("a_acc_b_acc", "a_acc_b_accuracy"),
            ("line\nbreak_acc", "line\nbreak_accuracy"),
        ],
    )
    def test_names_of_outputs_and_of_repeated_metrics(self, there, asked):
        assert Logs({there: 1})[asked] == 1 and Logs({asked: 1})[there] == 1

    @pytest.mark.parametrize(
        ("there", "asked"), [("acc", "inaccuracy"), ("macc", "maccuracy"), ("loss", "acc"), ("acc", "accuracy_x")]
    )
    def test_other_names_are_other_names(self, there, asked):
        with pytest.raises(KeyError, match=asked):
            Logs({there: 1})[asked]
        assert asked not in Logs({there: 1}) and find_log({there: 1}, asked) is None

    def test_what_bears_the_very_name_goes_first(self):
        logs = Logs(acc=0.5, accuracy=0.25)
        assert (logs["acc"], logs["accuracy"]) == (0.5, 0.25) and len(logs) == 2
        logs.setdefault("val_accuracy", 1)
        logs.setdefault("val_acc", 2)
        assert (logs["val_accuracy"], logs["val_acc"]) == (1, 2)

    def test_names_that_are_no_strings(self):
        assert Logs({3: 4})[3] == 4 and 5 not in Logs({3: 4}) and Logs().get(3) is None

    @pytest.mark.parametrize("again", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy, copy.copy, Logs.copy])
    def test_copies_know_both_too(self, again):
        logs = Logs(val_acc=[0.5])
        twin = again(logs)
        assert twin == logs and twin is not logs and twin["val_accuracy"] == [0.5]

    def test_plain_dicts(self):
        assert find_log({"acc": 0}, "accuracy") == 0 and find_log({"acc": 0, "accuracy": 1}, "accuracy") == 1
        assert find_log(None, "acc") is None and find_log({}, "acc", 7) == 7


class TestHistory:
    @pytest.mark.parametrize("asked_for", ["acc", "accuracy"])
    def test_scripts_of_every_version_read_it(self, asked_for, tmp_path):
        history = one_output(asked_for).fit(X, Y, epochs=2, validation_split=0.25, verbose=0).history
        assert list(history) == ["val_loss", "val_acc", "loss", "acc"]
        assert history["val_accuracy"] is history["val_acc"] and history["accuracy"] is history["acc"]
        assert json.loads(json.dumps(history)) == history
        np.save(tmp_path / "h.npy", history)
        read = np.load(tmp_path / "h.npy", allow_pickle=True).item()
        assert read == history and read["val_accuracy"] == history["val_acc"]

    def test_data_frame(self):
        pandas = pytest.importorskip("pandas")
        history = one_output().fit(X, Y, epochs=2, validation_split=0.25, verbose=0).history
        frame = pandas.DataFrame(history)
        assert list(frame.columns) == ["val_loss", "val_acc", "loss", "acc"] and frame.shape == (2, 4)
        assert frame["val_acc"].tolist() == history["val_accuracy"]

    def test_outputs_repeats_and_weighted_ones(self):
        model = two_outputs()
        names = model.metrics_names
        history = model.fit(X, [Y, Y], epochs=1, validation_split=0.25, verbose=0).history
        assert names[3:6] == ["out_acc", "out_acc_1", "out_weighted_acc"]
        assert list(history) == ["val_" + name for name in names] + names
        for name in ("out_accuracy", "out_accuracy_1", "val_other_weighted_accuracy"):
            assert history[name] is history[name.replace("accuracy", "acc")]
        assert model.metrics_names == names and len(model.evaluate(X, [Y, Y], verbose=0)) == len(names)

    def test_a_metric_of_ones_own_keeps_its_name(self):
        def accuracy(y_true, y_pred):
            return y_pred[:, 0] * 0 + 7.0

        history = one_output("acc", accuracy).fit(X, Y, verbose=0).history
        assert list(history) == ["loss", "acc", "accuracy"]
        assert history["accuracy"] == [7.0] and history["acc"][0] <= 1
        history = one_output(accuracy).fit(X, Y, verbose=0).history
        assert list(history) == ["loss", "accuracy"] and history["acc"] == [7.0]

    def test_by_hand_and_pickled_whole(self):
        history = History()
        history.on_train_begin()
        history.on_epoch_end(0, {"val_acc": 0.5})
        assert history.history["val_accuracy"] == [0.5]
        again = pickle.loads(pickle.dumps(history))
        assert again.history["val_accuracy"] == [0.5] and again.epoch == [0]

    def test_from_generators(self):
        def batches():
            while True:
                yield X, Y

        seen = []
        record = LambdaCallback(on_batch_end=lambda batch, logs: seen.append(logs["accuracy"]))
        history = (
            one_output()
            .fit_generator(batches(), 2, epochs=1, validation_data=(X, Y), verbose=0, callbacks=[record])
            .history
        )
        assert list(history) == ["val_loss", "val_acc", "loss", "acc"] and history["val_accuracy"] == history["val_acc"]
        assert len(seen) == 2


class TestCallbacks:
    def test_logs_of_every_hook(self):
        seen = []

        class Mine(Callback):
            def on_batch_end(self, batch, logs=None):
                seen.append((logs["accuracy"] == logs.get("accuracy") == logs["acc"], list(logs)))

            def on_epoch_end(self, epoch, logs=None):
                seen.append((logs.get("val_accuracy") == logs["val_acc"], list(logs)))

        one_output().fit(X, Y, batch_size=12, validation_data=(X, Y), verbose=0, callbacks=[Mine()])
        assert seen == [
            (True, ["batch", "size", "loss", "acc"]),
            (True, ["val_loss", "val_acc", "loss", "acc"]),
        ]

    @pytest.mark.parametrize("monitor", SPELLINGS)
    @pytest.mark.parametrize("logged", SPELLINGS)
    @pytest.mark.parametrize("kind", [dict, Logs])
    def test_monitors_by_hand(self, monitor, logged, kind, recwarn):
        model = one_output()
        stop, reduce = EarlyStopping(monitor, patience=2), ReduceLROnPlateau(monitor, factor=0.5, patience=1)
        for callback in (stop, reduce):
            callback.set_model(model)
            callback.on_train_begin()
            for epoch, value in enumerate([0.5, 0.4]):
                callback.on_epoch_end(epoch, kind({logged: value}))
        assert stop.wait == 1 and stop.best == 0.5 and not getattr(model, "stop_training", False)
        assert reduce.best == 0.5 and reduce.cooldown_counter == 0
        logs = kind({logged: 0.4})
        reduce.on_epoch_end(2, logs)
        assert logs["lr"] == 0.005
        stop.on_epoch_end(2, kind({logged: 0.4}))
        assert model.stop_training and not recwarn.list

    @pytest.mark.parametrize("monitor", SPELLINGS)
    @pytest.mark.parametrize("logged", SPELLINGS)
    @pytest.mark.parametrize("kind", [dict, Logs])
    def test_checkpoints_by_hand(self, monitor, logged, kind, tmp_path):
        path = str(tmp_path / ("m.{epoch:02d}-{%s:.2f}.h5" % monitor))
        callback = ModelCheckpoint(path, monitor=monitor, save_best_only=True, save_weights_only=True)
        callback.set_model(one_output())
        for epoch, value in enumerate([0.25, 0.125, 0.5]):
            callback.on_epoch_end(epoch, kind({logged: value}))
        assert sorted(p.name for p in tmp_path.iterdir()) == ["m.01-0.25.h5", "m.03-0.50.h5"]

    def test_in_a_training(self, tmp_path):
        history = one_output().fit(
            X,
            Y,
            epochs=9,
            validation_data=(X, Y),
            verbose=0,
            callbacks=[
                ModelCheckpoint(str(tmp_path / "{epoch}-{val_accuracy:.3f}-{acc:.3f}-{accuracy:.3f}.h5")),
                ReduceLROnPlateau("val_accuracy", patience=1, min_delta=10),
                EarlyStopping("val_accuracy", patience=2, min_delta=10),
                CSVLogger(tmp_path / "log.csv"),
            ],
        )
        values = history.history
        assert len(history.epoch) == 3
        expected = [
            f"{e + 1}-{values['val_acc'][e]:.3f}-{values['acc'][e]:.3f}-{values['acc'][e]:.3f}.h5" for e in range(3)
        ]
        assert sorted(p.name for p in tmp_path.glob("*.h5")) == expected
        with open(tmp_path / "log.csv", newline="") as f:
            assert next(csv.reader(f)) == ["epoch", "acc", "loss", "lr", "val_acc", "val_loss"]
        # Rates that JSON can write, and as people write them.
        assert values["lr"] == [0.01, 0.01, pytest.approx(0.001)] and json.loads(json.dumps(values)) == values

    def test_a_name_that_is_in_neither_spelling(self, tmp_path):
        callback = ModelCheckpoint(str(tmp_path / "{val_accuracy:.2f}.h5"))
        callback.set_model(one_output())
        with pytest.raises(KeyError, match="needs the value 'val_accuracy', but logged are: epoch, loss, acc"):
            callback.on_epoch_end(0, {"loss": 1.0, "acc": 0.5})
