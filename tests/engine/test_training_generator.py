"""fit_generator, evaluate_generator, predict_generator. Numbers are compared in test_training_golden.py."""

import gc
import multiprocessing
import threading
import time

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.callbacks import LambdaCallback
from gpukeras.layers import Dense
from gpukeras.models import Sequential
from gpukeras.utils import Sequence

X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = np.eye(3, dtype="float32")[np.arange(12) % 3]


class Batches(Sequence):
    """Four batches of three samples; notes what is asked of it."""

    def __init__(self, weights=False, x_only=False):
        self.log, self.weights, self.x_only = [], weights, x_only

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.log.append(index)
        rows = slice(3 * index, 3 * index + 3)
        if self.x_only:
            return X[rows]
        return (X[rows], Y[rows], np.ones(3)) if self.weights else (X[rows], Y[rows])

    def on_epoch_end(self):
        self.log.append("end")


class Failing(Batches):
    def __getitem__(self, index):
        if index == 2:
            raise LookupError("batch 2 is broken")
        return super().__getitem__(index)


def batches(count=None, counter=None):
    while count is None or count > 0:
        for index in range(4):
            if counter is not None:
                counter.append(index)
            yield X[3 * index : 3 * index + 3], Y[3 * index : 3 * index + 3]
        count = None if count is None else count - 1


def dense(**kwargs):
    model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("sgd", "mse", **kwargs)
    model.set_weights([np.random.RandomState(1).rand(4, 3), np.zeros(3)])
    return model


@pytest.fixture(autouse=True)
def nothing_left_over():
    threads = threading.active_count()
    yield
    assert not multiprocessing.active_children()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if threading.active_count() <= threads:
            return
        time.sleep(0.02)
    pytest.fail(f"threads left: {threading.enumerate()}")


WORKERS = [{"workers": 0}, {}, {"workers": 3}, {"workers": 2, "use_multiprocessing": True}]


class TestFit:
    @pytest.mark.parametrize("kwargs", WORKERS)
    def test_as_with_arrays(self, kwargs):
        expected = dense(metrics=["acc"])
        history = expected.fit(X, Y, batch_size=3, epochs=3, shuffle=False, verbose=0, validation_data=(X, Y))
        model = dense(metrics=["acc"])
        found = model.fit_generator(Batches(), epochs=3, shuffle=False, verbose=0, validation_data=(X, Y), **kwargs)
        for name, values in history.history.items():
            assert found.history[name] == pytest.approx(values)
        np.testing.assert_allclose(model.get_weights()[0], expected.get_weights()[0], rtol=1e-5)

    @pytest.mark.parametrize("kwargs", [{"workers": 0}, {}])
    def test_generator(self, kwargs):
        log = []
        found = dense().fit_generator(batches(counter=log), 3, epochs=3, verbose=0, **kwargs)
        assert found.epoch == [0, 1, 2] and found.params["steps"] == 3
        # Not one batch more than was trained on, so that the generator can be used further.
        assert log == [0, 1, 2, 3, 0, 1, 2, 3, 0]

    @pytest.mark.parametrize("kwargs", [{"workers": 0}, {"workers": 1}, {"workers": 2}])
    def test_end_of_pass(self, kwargs):
        sequence = Batches()
        dense().fit_generator(sequence, epochs=2, shuffle=False, verbose=0, **kwargs)
        assert sorted(sequence.log[:4]) == sorted(sequence.log[5:]) == [0, 1, 2, 3] and sequence.log[4] == "end"

    def test_shuffle(self):
        orders = []
        for _ in range(4):
            sequence = Batches()
            dense().fit_generator(sequence, verbose=0)
            orders.append(tuple(sequence.log))
        assert len(set(orders)) > 1 and all(sorted(order) == [0, 1, 2, 3] for order in orders)

    def test_validation_by_generator_and_sequence(self):
        model = dense()
        expected = model.evaluate(X, Y, verbose=0)
        sequence, log = Batches(weights=True), []
        for data, steps in ((sequence, None), (batches(counter=log), 4), (batches(1), 4)):
            K.set_value(model.optimizer.lr, 0.0)
            found = model.fit_generator(Batches(), 1, verbose=0, validation_data=data, validation_steps=steps)
            assert found.history["val_loss"] == pytest.approx([expected])
        assert sequence.log == log == [0, 1, 2, 3]

    def test_validation_sequence_is_read_on(self):
        sequence = Batches()
        dense().fit_generator(Batches(), epochs=3, verbose=0, validation_data=sequence, validation_steps=2)
        assert sequence.log == [0, 1, 2, 3, "end", 0, 1]

    def test_weights_count(self):
        def weighted():
            while True:
                yield X, Y, np.arange(12.0)

        loss = dense().fit_generator(weighted(), 1, verbose=0).history["loss"][0]
        assert loss == pytest.approx(dense().evaluate(X, Y, batch_size=12, sample_weight=np.arange(12.0), verbose=0))

    def test_callbacks(self):
        calls = []
        record = LambdaCallback(
            on_epoch_begin=lambda epoch, logs: calls.append(epoch),
            on_batch_end=lambda batch, logs: calls.append((batch, logs["size"])),
        )
        dense().fit_generator(batches(), 2, epochs=4, initial_epoch=2, verbose=0, callbacks=[record])
        assert calls == [2, (0, 3), (1, 3), 3, (0, 3), (1, 3)]

    def test_stop_training(self):
        model = dense()
        stop = LambdaCallback(on_batch_end=lambda batch, logs: setattr(model, "stop_training", batch == 1))
        found = model.fit_generator(Batches(), epochs=5, verbose=0, callbacks=[stop], validation_data=(X, Y))
        assert found.epoch == [0] and list(found.history) == ["loss"]

    def test_dict_and_list_batches(self):
        model = dense()
        name = model.input_names[0]
        data = [([X], [Y]), ({name: X}, Y), [X, Y]]
        assert model.fit_generator(iter(data), 3, verbose=0).params["steps"] == 3

    def test_old_spellings(self):
        with pytest.warns(UserWarning, match="steps_per_epoch"):
            found = dense().fit_generator(
                batches(), samples_per_epoch=2, nb_epoch=2, verbose=0, max_q_size=2, nb_worker=1, pickle_safe=False
            )
        assert found.epoch == [0, 1]
        with pytest.warns(UserWarning, match="validation_steps"):
            dense().fit_generator(batches(), 1, verbose=0, validation_data=batches(), nb_val_samples=2)

    def test_generator_in_processes_warns(self):
        with pytest.warns(UserWarning, match="may duplicate your data.*keras.utils.Sequence"):
            dense().fit_generator(batches(), 2, verbose=0, workers=2, use_multiprocessing=True)


class Teacher(Sequence):
    """Batches whose targets another model computes, in the worker."""

    def __init__(self, model):
        self.model = model

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x = X[3 * index : 3 * index + 3]
        return x, self.model.predict(x)

    def on_epoch_end(self):
        pass


@pytest.mark.parametrize("method", ["threads", "fork", "spawn"])
def test_models_in_workers(method):
    teacher = dense()
    expected = dense()
    expected.compile("sgd", "mse")
    expected.fit(X, teacher.predict(X), batch_size=3, epochs=2, shuffle=False, verbose=0)
    before = multiprocessing.get_start_method()
    if method != "threads":
        multiprocessing.set_start_method(method, force=True)
    try:
        student = dense()
        student.fit_generator(
            Teacher(teacher), epochs=2, shuffle=False, verbose=0, workers=2, use_multiprocessing=method != "threads"
        )
    finally:
        multiprocessing.set_start_method(before, force=True)
    np.testing.assert_allclose(student.get_weights()[0], expected.get_weights()[0], rtol=1e-5)


class TestOthers:
    @pytest.mark.parametrize("kwargs", WORKERS)
    def test_evaluate(self, kwargs):
        model = dense(metrics=["acc"])
        expected = model.evaluate(X, Y, verbose=0)
        assert model.evaluate_generator(Batches(), **kwargs) == pytest.approx(expected)
        if not kwargs.get("workers", 1) > 1:
            assert model.evaluate_generator(batches(), 4, **kwargs) == pytest.approx(expected)

    @pytest.mark.parametrize("kwargs", WORKERS)
    def test_predict(self, kwargs):
        model = dense()
        expected = model.predict(X)
        for data in (Batches(), Batches(weights=True), Batches(x_only=True)):
            np.testing.assert_allclose(model.predict_generator(data, **kwargs), expected, rtol=1e-6)
        np.testing.assert_allclose(model.predict_generator(Batches(), 1), expected[:3], rtol=1e-6)

    def test_evaluate_weighs_batches_by_size(self):
        model = dense()
        uneven = iter([(X[:1], Y[:1]), (X[1:], Y[1:])])
        assert model.evaluate_generator(uneven, 2) == pytest.approx(model.evaluate(X, Y, verbose=0))

    def test_bars(self, capsys):
        model = dense()
        model.evaluate_generator(Batches(), verbose=1)
        model.predict_generator(Batches(), verbose=1)
        assert capsys.readouterr().out.count("4/4 [====") == 2


class TestBad:
    def calls(self, data, steps):
        model = dense()
        yield "steps_per_epoch", lambda: model.fit_generator(data(), steps, verbose=0)
        yield "steps", lambda: model.evaluate_generator(data(), steps)
        yield "steps", lambda: model.predict_generator(data(), steps)

    @pytest.mark.parametrize("workers", [0, 1])
    def test_ends_early(self, workers):
        model = dense()
        with pytest.raises(
            ValueError, match="generator ended early: it gave 0 of 4 batches of epoch 2. .*`steps_per_ep"
        ):
            model.fit_generator(batches(1), 4, epochs=3, verbose=0, workers=workers)
        with pytest.raises(ValueError, match="generator ended early: it gave 4 of 5 batches. .*`steps`"):
            model.evaluate_generator(batches(1), 5, workers=workers)
        with pytest.raises(ValueError, match="generator ended early: it gave 4 of 5 batches. .*`steps`"):
            model.predict_generator(batches(1), 5, workers=workers)
        with pytest.raises(ValueError, match="ended early: it gave 0 of 2 batches. .*`validation_steps`"):
            model.fit_generator(batches(), 1, verbose=0, validation_data=iter([]), validation_steps=2, workers=workers)

    @pytest.mark.parametrize("kwargs", WORKERS)
    def test_raises(self, kwargs):
        model = dense()
        for call in (model.fit_generator, model.evaluate_generator, model.predict_generator):
            with pytest.raises(LookupError, match="batch 2 is broken"):
                call(Failing(), **kwargs)
        with pytest.raises(LookupError, match="batch 2 is broken"):
            model.fit_generator(Batches(), verbose=0, validation_data=Failing(), **kwargs)

    def test_error_in_a_callback_stops_the_workers(self):
        def fail(batch, logs):
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            dense().fit_generator(
                Batches(), verbose=0, validation_data=Batches(), callbacks=[LambdaCallback(on_batch_end=fail)]
            )

    @pytest.mark.parametrize(
        ("bad", "found"),
        [
            ((X,), "[array of shape (12, 4)] (tuple)"),
            ((X, Y, X, Y), ", array of shape (12, 4), array of shape (12, 3)] (tuple)"),
            (X, "array of shape (12, 4) (ndarray)"),
            (3, "3 (int)"),
            ({"x": X}, "{'x': array of shape (12, 4)} (dict)"),
        ],
        ids=["one", "four", "array", "number", "dict"],
    )
    def test_not_a_batch(self, bad, found):
        model = dense()
        for call in (model.fit_generator, model.evaluate_generator):
            with pytest.raises(ValueError, match=r"Output of generator should be a tuple .* Found: ") as error:
                call(iter([bad]), 1)
            assert str(error.value).endswith(found)
        if isinstance(bad, tuple) and len(bad) == 4:
            with pytest.raises(ValueError, match="Output of generator should be a tuple"):
                model.predict_generator(iter([bad]), 1)

    def test_wrong_shape(self):
        with pytest.raises(ValueError, match=r"to have shape \(4,\) but got array with shape \(3,\)"):
            dense().fit_generator(iter([(Y, Y)]), 1)

    def test_empty_batch(self):
        for call in (dense().fit_generator, dense().evaluate_generator):
            with pytest.raises(ValueError, match="Empty data: .* no samples at all"):
                call(iter([(X[:0], Y[:0])]), 1)

    def test_steps(self):
        for name, call in self.calls(batches, None):
            with pytest.raises(
                ValueError, match=f"`{name}=None` needs data that know their length, a `keras.utils.Sequence`"
            ):
                call()
        for name, call in self.calls(batches, 0):
            with pytest.raises(ValueError, match=f"`{name}` must be at least 1, got 0"):
                call()

    def test_not_a_generator(self):
        for _, call in self.calls(lambda: X, 1):
            with pytest.raises(TypeError, match=r"Expected a generator.* got array of shape \(12, 4\) of type ndarray"):
                call()

    def test_validation_data(self):
        with pytest.raises(ValueError, match="`validation_data` should be a tuple .* Found: "):
            dense().fit_generator(batches(), 1, verbose=0, validation_data=(X,))
        with pytest.raises(ValueError, match="`validation_steps=None` needs data that know their length"):
            dense().fit_generator(batches(), 1, verbose=0, validation_data=batches())


def test_a_dropped_generator_is_closed_at_once():
    """What it has open (a file, say) must not wait for the garbage collector."""
    closed = []

    def reading():
        try:
            yield from batches()
        finally:
            closed.append(True)

    gc.disable()
    try:
        dense().fit_generator(reading(), 2, verbose=0)
        assert closed == [True]
    finally:
        gc.enable()
