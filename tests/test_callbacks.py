"""Callbacks, driven by hand and by `fit`. What they print is compared with Keras in engine/test_training_golden.py."""

import csv
import json
import types

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import callbacks
from gpukeras.callbacks import (
    BaseLogger,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    RemoteMonitor,
    TerminateOnNaN,
)
from gpukeras.layers import Dense
from gpukeras.models import Sequential, load_model


class FakeModel:
    """Weights that are a number, an optimizer with a learning rate, and a list of what was saved."""

    def __init__(self):
        self.stop_training = False
        self.weights = 0
        self.saved = []
        self.optimizer = types.SimpleNamespace(lr=K.variable(1.0))

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, overwrite=None):
        self.saved.append(("model", path, overwrite))

    def save_weights(self, path, overwrite=None):
        self.saved.append(("weights", path, overwrite))

    @property
    def lr(self):
        return float(K.get_value(self.optimizer.lr))


def run(callback, name, values, begin=True):
    """Gives a callback one epoch per value; returns the model and how many epochs there were."""
    model = FakeModel()
    callback.set_model(model)
    if begin:
        callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.weights = epoch
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {name: value})
        if model.stop_training:
            break
    callback.on_train_end()
    return model, epoch + 1


def small_model(metrics=("acc",)):
    model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("sgd", "categorical_crossentropy", metrics=list(metrics))
    return model


X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = np.eye(3)[np.arange(12) % 3]


class TestProtocol:
    def test_every_hook_exists_and_does_nothing(self):
        callback = Callback()
        for name in ("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"):
            assert getattr(callback, name)(0) is None and getattr(callback, name)(0, {}) is None
        assert callback.on_train_begin() is None and callback.on_train_end({}) is None
        assert callback.model is None and callback.validation_data is None

    def test_subclass_without_super_init(self):
        class Mine(Callback):
            def __init__(self):
                self.seen = []

            def on_batch_end(self, batch, logs=None):
                self.seen.append((batch, logs["size"]))

        mine = Mine()
        small_model().fit(X, Y, batch_size=5, verbose=0, callbacks=[mine])
        assert mine.seen == [(0, 5), (1, 5), (2, 2)]
        assert mine.params["samples"] == 12 and mine.model is not None and mine.validation_data == []

    def test_order(self):
        calls = []
        one, two = (LambdaCallback(on_epoch_end=lambda e, logs, n=n: calls.append(n)) for n in "12")
        chain = CallbackList([one])
        chain.append(two)
        chain.on_epoch_end(0)
        assert calls == ["1", "2"] and list(chain) == [one, two]

    def test_list_reaches_all_hooks(self):
        calls = []

        class Record(Callback):
            def __getattribute__(self, name):
                if name.startswith("on_"):
                    return lambda *args: calls.append((name, *args))
                return super().__getattribute__(name)

        chain = CallbackList([Record()])
        chain.set_model("m")
        chain.set_params({"a": 1})
        chain.on_train_begin()
        chain.on_epoch_begin(0)
        chain.on_batch_begin(3, {"size": 1})
        chain.on_batch_end(3)
        chain.on_epoch_end(0, {"loss": 1})
        chain.on_train_end()
        assert calls == [
            ("on_train_begin", {}),
            ("on_epoch_begin", 0, {}),
            ("on_batch_begin", 3, {"size": 1}),
            ("on_batch_end", 3, {}),
            ("on_epoch_end", 0, {"loss": 1}),
            ("on_train_end", {}),
        ]
        record = chain.callbacks[0]
        assert record.model == "m" and record.params == {"a": 1}

    def test_idle_batch_hooks_are_not_called(self):
        class Idle(Callback):
            pass

        calls = []
        busy = LambdaCallback(on_batch_end=lambda batch, logs: calls.append(batch))
        chain = CallbackList([Idle(), busy])
        chain.on_epoch_begin(0)
        chain.on_batch_begin(0)
        chain.on_batch_end(0)
        assert calls == [0]
        assert chain._begin_hooks == [] and chain._end_hooks == [busy.on_batch_end]

    def test_callback_added_to_the_list_while_running(self):
        calls = []
        chain = CallbackList([])
        chain.on_epoch_begin(0)
        chain.on_batch_end(0)
        chain.callbacks.append(LambdaCallback(on_batch_end=lambda batch, logs: calls.append(batch)))
        chain.on_batch_end(1)
        assert calls == [1]

    def test_slow_hook_warns(self, monkeypatch):
        clock = [1.0]

        def pass_time(seconds):
            clock[0] += seconds

        monkeypatch.setattr(callbacks.base, "perf_counter", lambda: clock[0])
        chain = CallbackList([LambdaCallback(on_batch_end=lambda batch, logs: pass_time(0.2))], queue_length=2)
        chain.on_epoch_begin(0)
        with pytest.warns(UserWarning, match="on_batch_end hooks of the callbacks take .* check your callbacks"):
            for batch in range(3):
                chain.on_batch_begin(batch)
                pass_time(0.1)
                chain.on_batch_end(batch)

    def test_quick_hook_does_not_warn(self):
        chain = CallbackList([LambdaCallback(on_batch_end=lambda batch, logs: None)])
        chain.on_epoch_begin(0)
        for batch in range(20):
            chain.on_batch_begin(batch)
            chain.on_batch_end(batch)


class TestLambdaCallback:
    def test_functions_become_hooks(self):
        calls = []
        names = ["on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"]
        functions = {n: (lambda i, logs, n=n: calls.append((n, i))) for n in names}
        functions.update({n: (lambda logs, n=n: calls.append(n)) for n in ("on_train_begin", "on_train_end")})
        small_model().fit(X, Y, batch_size=12, verbose=0, callbacks=[LambdaCallback(**functions, extra=3)])
        assert calls == ["on_train_begin", *[(n, 0) for n in ("on_epoch_begin", "on_batch_begin", "on_batch_end")]] + [
            ("on_epoch_end", 0),
            "on_train_end",
        ]
        assert LambdaCallback(extra=3).extra == 3


class TestLoggers:
    def test_base_logger_weighs_by_size(self):
        logger = BaseLogger(stateful_metrics=["count"])
        logger.set_params({"metrics": ["loss", "count", "val_loss"]})
        logger.on_epoch_begin(0)
        logger.on_batch_end(0, {"batch": 0, "size": 3, "loss": np.float32(1.0), "count": 5})
        logger.on_batch_end(1, {"batch": 1, "size": 1, "loss": np.float32(2.0), "count": 9})
        logs = {"val_loss": 7.0}
        logger.on_epoch_end(0, logs)
        assert logs == {"val_loss": 7.0, "loss": 1.25, "count": 9}

    def test_base_logger_sums_in_double_precision(self):
        logger = BaseLogger()
        logger.set_params({"metrics": ["loss"]})
        logger.on_epoch_begin(0)
        for batch in range(20000):
            logger.on_batch_end(batch, {"size": 100, "loss": np.float32(0.1)})
        logs = {}
        logger.on_epoch_end(0, logs)
        assert logs["loss"] == pytest.approx(float(np.float32(0.1)), rel=1e-12)

    def test_base_logger_takes_arrays(self):
        logger = BaseLogger()
        logger.set_params({"metrics": ["loss"]})
        logger.on_epoch_begin(0)
        logger.on_batch_end(0, {"size": 2, "loss": np.array([1.0, 2.0])})
        logs = {}
        logger.on_epoch_end(0, logs)
        np.testing.assert_array_equal(logs["loss"], [1.0, 2.0])

    def test_history(self):
        history = History()
        for _ in range(2):
            history.on_train_begin()
            history.on_epoch_end(3, {"loss": 1.0})
            history.on_epoch_end(4, {"loss": 0.5, "lr": 0.1})
            history.on_epoch_end(5)
        assert history.epoch == [3, 4, 5] and history.history == {"loss": [1.0, 0.5], "lr": [0.1]}

    def test_fit_returns_the_history_of_the_model(self):
        model = small_model()
        history = model.fit(X, Y, epochs=2, verbose=0)
        assert history is model.history and isinstance(history, History)
        # Numbers that json can write.
        assert json.loads(json.dumps(history.history)) == history.history

    def test_progbar_logger_by_hand(self, capsys):
        for mode, target in (("samples", 4), ("steps", 2)):
            logger = ProgbarLogger(mode)
            logger.set_params({"verbose": 1, "epochs": 1, "samples": 4, "steps": 2, "metrics": ["loss", "val_loss"]})
            logger.on_train_begin()
            logger.on_epoch_begin(0)
            for batch in range(2):
                logger.on_batch_begin(batch)
                logger.on_batch_end(batch, {"size": 2, "loss": 1.0 + batch, "other": 3})
            logger.on_epoch_end(0, {"loss": 1.5, "val_loss": 7.0})
            out = capsys.readouterr().out
            assert out.startswith("Epoch 1/1\n") and f"\n{target}/{target} [==" in out
            assert out.endswith(" - loss: 1.5000 - val_loss: 7.0000\n")

    def test_progbar_logger_mode(self):
        with pytest.raises(ValueError, match="Unknown `count_mode`: epochs"):
            ProgbarLogger("epochs")

    def test_csv(self, tmp_path):
        path = tmp_path / "log.csv"
        model = small_model()
        logger = CSVLogger(str(path), separator=";")
        history = model.fit(X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[logger])
        with open(path, newline="") as f:
            rows = list(csv.DictReader(f, delimiter=";"))
        assert list(rows[0]) == ["epoch", "acc", "loss", "val_acc", "val_loss"]
        for i, row in enumerate(rows):
            assert row["epoch"] == str(i)
            assert float(row["val_loss"]) == history.history["val_loss"][i]
        again = CSVLogger(str(path), separator=";", append=True)
        for _ in range(2):
            model.fit(X, Y, epochs=1, verbose=0, validation_data=(X, Y), callbacks=[again])
        lines = path.read_text().splitlines()
        assert len(lines) == 5 and sum("epoch" in line for line in lines) == 1

    def test_csv_values(self, tmp_path):
        path = tmp_path / "log.csv"
        logger = CSVLogger(path)
        logger.set_model(FakeModel())
        logger.on_train_begin()
        logger.on_epoch_end(0, {"b": np.array([1, 2]), "a": "text, quoted", "c": np.float32(0.5), "d": [1.0]})
        logger.on_epoch_end(1, {"a": "x", "new": 3})
        logger.on_train_end()
        with open(path, newline="") as f:
            rows = list(csv.reader(f))
        assert rows == [
            ["epoch", "a", "b", "c", "d"],
            ["0", "text, quoted", '"[1, 2]"', "0.5", '"[1.0]"'],
            ["1", "x", "NA", "NA", "NA"],
        ]

    @pytest.mark.parametrize("as_json", [False, True])
    def test_remote_monitor(self, monkeypatch, as_json):
        requests = pytest.importorskip("requests")
        posted = []
        monkeypatch.setattr(requests, "post", lambda url, **kwargs: posted.append((url, kwargs)))
        monitor = RemoteMonitor("http://host:1", "/p/", "field", {"h": "1"}, send_as_json=as_json)
        monitor.on_epoch_end(2, {"loss": np.float32(0.5), "v": np.array([1, 2])})
        ((url, kwargs),) = posted
        sent = kwargs["json"] if as_json else json.loads(kwargs["data"]["field"])
        assert url == "http://host:1/p/" and kwargs["headers"] == {"h": "1"}
        assert sent == {"epoch": 2, "loss": 0.5, "v": [1, 2]}

    def test_remote_monitor_without_a_server(self, monkeypatch):
        requests = pytest.importorskip("requests")

        def post(*args, **kwargs):
            raise requests.exceptions.ConnectionError

        monkeypatch.setattr(requests, "post", post)
        with pytest.warns(
            UserWarning, match="Could not reach the RemoteMonitor server at http://localhost:9000/publish"
        ):
            RemoteMonitor().on_epoch_end(0, {"loss": 1.0})


class TestTerminateOnNaN:
    @pytest.mark.parametrize(
        ("loss", "stops"), [(1.0, False), (np.float32("nan"), True), (np.inf, True), (None, False)]
    )
    def test_loss(self, loss, stops, capsys):
        callback = TerminateOnNaN()
        callback.set_model(FakeModel())
        callback.on_batch_end(4, {"loss": loss} if loss is not None else {})
        assert callback.model.stop_training is stops
        assert capsys.readouterr().out == ("Batch 4: Invalid loss, terminating training\n" if stops else "")

    def test_ends_the_epoch_at_once(self):
        x = X.copy()
        x[7] = np.nan
        batches = []
        record = LambdaCallback(on_batch_end=lambda batch, logs: batches.append(batch))
        model = small_model()
        history = model.fit(
            x,
            Y,
            batch_size=2,
            epochs=3,
            shuffle=False,
            verbose=0,
            validation_data=(X, Y),
            callbacks=[TerminateOnNaN(), record],
        )
        assert batches == [0, 1, 2, 3] and history.epoch == [0] and np.isnan(history.history["loss"][0])
        assert "val_loss" not in history.history


class TestEarlyStopping:
    @pytest.mark.parametrize(
        ("values", "kwargs", "epochs"),
        [
            ([3, 2, 2, 1], {}, 3),
            ([3, 2, 2.5, 1, 1, 1], {"patience": 2}, 6),
            ([0.086, 0.1096, 0.104, 0.1019], {"patience": 2}, 3),
            ([3, 2.9, 2.8], {"min_delta": 0.5}, 2),
            ([1, 2, 3, 3], {"mode": "max"}, 4),
            ([0.5, 0.9], {"baseline": 0.4}, 1),
            ([0.3, 0.2, 0.2], {"baseline": 0.4}, 3),
            ([np.nan, np.nan], {}, 1),
        ],
    )
    def test_when(self, values, kwargs, epochs):
        assert run(EarlyStopping("loss", **kwargs), "loss", values)[1] == epochs

    def test_accuracy_is_to_rise(self):
        assert run(EarlyStopping("val_acc", min_delta=0.1), "val_acc", [0.5, 0.7, 0.75])[1] == 3
        assert EarlyStopping("val_acc", min_delta=0.1).min_delta == 0.1
        assert EarlyStopping("loss", min_delta=0.1).min_delta == -0.1

    def test_best_weights(self, capsys):
        values = [0.2, 0.15, 0.1, 0.11, 0.12]
        assert run(EarlyStopping("loss", patience=2), "loss", values)[0].weights == 4
        callback = EarlyStopping("loss", patience=2, restore_best_weights=True, verbose=1)
        assert run(callback, "loss", values)[0].weights == 2
        assert capsys.readouterr().out == (
            "Restoring model weights from the end of the best epoch\nEpoch 00005: early stopping\n"
        )

    def test_no_best_weights(self):
        assert run(EarlyStopping("loss", restore_best_weights=True), "loss", [np.nan])[0].weights == 0

    def test_serves_several_trainings(self):
        callback = EarlyStopping("loss", patience=1)
        for _ in range(2):
            assert run(callback, "loss", [1, 2, 3])[1] == 2

    def test_missing_value(self):
        with pytest.warns(RuntimeWarning, match="metric `val_loss` which is not available.* are: loss"):
            assert run(EarlyStopping(), "loss", [1])[1] == 1

    def test_unknown_mode(self):
        with pytest.warns(RuntimeWarning, match="EarlyStopping mode least is unknown, fallback to auto"):
            assert EarlyStopping("loss", mode="least").monitor_op is np.less


class TestModelCheckpoint:
    def saved(self, values, monitor="loss", **kwargs):
        callback = ModelCheckpoint("m.{epoch:02d}-{" + monitor + ":.1f}", monitor=monitor, **kwargs)
        return run(callback, monitor, values)[0].saved

    def test_every_epoch(self):
        assert self.saved([1, 2]) == [("model", "m.01-1.0", True), ("model", "m.02-2.0", True)]

    def test_weights_only(self):
        assert self.saved([1], save_weights_only=True) == [("weights", "m.01-1.0", True)]

    def test_period(self):
        assert [path for _, path, _ in self.saved([1] * 5, period=2)] == ["m.02-1.0", "m.04-1.0"]

    def test_best_only(self, capsys):
        assert [path for _, path, _ in self.saved([2, 3, 1], save_best_only=True, verbose=1)] == [
            "m.01-2.0",
            "m.03-1.0",
        ]
        assert capsys.readouterr().out == (
            "\nEpoch 00001: loss improved from inf to 2.00000, saving model to m.01-2.0\n"
            "\nEpoch 00002: loss did not improve from 2.00000\n"
            "\nEpoch 00003: loss improved from 2.00000 to 1.00000, saving model to m.03-1.0\n"
        )
        assert [p for _, p, _ in self.saved([0.2, 0.3], "val_acc", save_best_only=True)] == ["m.01-0.2", "m.02-0.3"]
        assert [p for _, p, _ in self.saved([1, 2], mode="max", save_best_only=True)] == ["m.01-1.0", "m.02-2.0"]

    def test_missing_value(self):
        with pytest.warns(RuntimeWarning, match="Can save best model only with val_loss available, skipping"):
            assert run(ModelCheckpoint("m", save_best_only=True), "loss", [1])[0].saved == []

    def test_missing_name_in_the_path(self):
        with pytest.raises(KeyError, match="needs the value 'val_loss', but logged are: epoch, loss"):
            run(ModelCheckpoint("m{val_loss}"), "loss", [1])

    def test_unknown_mode(self):
        with pytest.warns(RuntimeWarning, match="ModelCheckpoint mode least is unknown"):
            ModelCheckpoint("m", mode="least")

    def test_file_loads(self, tmp_path):
        model = small_model()
        model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "m.{epoch}.h5")])
        np.testing.assert_array_equal(load_model(str(tmp_path / "m.1.h5")).predict(X), model.predict(X))


class TestLearningRateScheduler:
    def test_of_the_epoch(self):
        assert run(LearningRateScheduler(lambda epoch: 0.5**epoch), "loss", [1] * 3)[0].lr == 0.25

    def test_of_the_epoch_and_the_rate(self):
        assert run(LearningRateScheduler(lambda epoch, lr: lr / 2), "loss", [1] * 3)[0].lr == 0.125

    def test_error_inside_is_not_hidden(self):
        def schedule(epoch, lr):
            return "1" + epoch

        with pytest.raises(TypeError, match="concatenate"):
            run(LearningRateScheduler(schedule), "loss", [1])

    def test_numpy_float_and_builtin(self):
        assert run(LearningRateScheduler(lambda epoch: np.float32(0.5)), "loss", [1])[0].lr == 0.5
        assert run(LearningRateScheduler({0: 0.25}.get), "loss", [1])[0].lr == 0.25

    def test_not_a_float(self):
        with pytest.raises(ValueError, match='output of the "schedule" function should be float, got None for epoch 0'):
            run(LearningRateScheduler(lambda epoch: None), "loss", [1])

    def test_optimizer_without_lr(self):
        callback = LearningRateScheduler(lambda epoch: 0.1)
        callback.set_model(types.SimpleNamespace(optimizer=object()))
        with pytest.raises(ValueError, match='must have a "lr" attribute: object has none'):
            callback.on_epoch_begin(0)

    def test_logged(self):
        history = small_model().fit(
            X, Y, epochs=2, verbose=0, callbacks=[LearningRateScheduler(lambda e: 0.5 - 0.25 * e)]
        )
        assert [float(lr) for lr in history.history["lr"]] == [0.5, 0.25]


class TestReduceLROnPlateau:
    def lr(self, values, monitor="loss", **kwargs):
        return run(ReduceLROnPlateau(monitor, **{"factor": 0.5, **kwargs}), monitor, values)[0].lr

    def test_when(self):
        assert self.lr([1, 1, 1], patience=2) == 0.5
        assert self.lr([1, 0.5, 0.4, 0.3], patience=1) == 1.0
        assert self.lr([1, 0.9, 0.8], patience=1, min_delta=0.5) == 0.25
        assert self.lr([0.5, 0.6, 0.7], "val_acc", patience=1) == 1.0
        assert self.lr([1, 2, 3], mode="max", patience=1) == 1.0

    def test_cooldown(self):
        # Reduced after epochs 1 and 4: two epochs to cool down, of which the second counts again.
        assert self.lr([1] * 5, patience=1, cooldown=2) == 0.25
        assert self.lr([1] * 4, patience=1, cooldown=3) == 0.5

    def test_min_lr(self):
        assert self.lr([1] * 5, patience=1, min_lr=0.3) == pytest.approx(0.3)

    def test_works_without_on_train_begin(self):
        assert run(ReduceLROnPlateau("loss", patience=2), "loss", [0.086, 0.1096, 0.104], begin=False)[0].lr < 1

    def test_logged_and_printed(self, capsys):
        logs = {"loss": 1.0}
        callback = ReduceLROnPlateau("loss", factor=0.5, patience=1, verbose=1)
        callback.set_model(FakeModel())
        for epoch in range(2):
            callback.on_epoch_end(epoch, logs)
        assert float(logs["lr"]) == 1.0
        assert capsys.readouterr().out == "\nEpoch 00002: ReduceLROnPlateau reducing learning rate to 0.5.\n"

    def test_arguments(self):
        with pytest.raises(ValueError, match="does not support a factor >= 1.0, got 1.5"):
            ReduceLROnPlateau(factor=1.5)
        with pytest.raises(TypeError, match="unknown keyword arguments \\['wait'\\]"):
            ReduceLROnPlateau(wait=3)
        with pytest.warns(UserWarning, match="`epsilon` argument is deprecated"):
            callback = ReduceLROnPlateau(epsilon=0.5)
        assert callback.min_delta == 0.5 and not hasattr(callback, "epsilon")
        with pytest.warns(RuntimeWarning, match="ReduceLROnPlateau mode least is unknown"):
            ReduceLROnPlateau(mode="least")

    def test_missing_value(self):
        with pytest.warns(RuntimeWarning, match="metric `val_loss` which is not available"):
            run(ReduceLROnPlateau(), "loss", [1])


def test_several_at_once(tmp_path):
    """A training with all of them, as a script would."""
    log = tmp_path / "log.csv"
    history = small_model().fit(
        X,
        Y,
        epochs=30,
        batch_size=4,
        verbose=0,
        validation_split=0.25,
        callbacks=[
            ModelCheckpoint(tmp_path / "best.h5", save_best_only=True),
            ReduceLROnPlateau(patience=1, min_delta=10, factor=0.1),
            EarlyStopping(min_delta=10, patience=3),
            CSVLogger(log),
            TerminateOnNaN(),
        ],
    )
    assert history.epoch == [0, 1, 2, 3] and len(log.read_text().splitlines()) == 5
    assert [float(v) for v in history.history["lr"]] == pytest.approx([0.01, 0.01, 0.001, 0.0001])
    assert (tmp_path / "best.h5").exists()
