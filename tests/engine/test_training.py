"""fit, evaluate and predict on arrays. Numbers are compared in test_training_golden.py."""

import warnings

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import optimizers
from gpukeras.engine import Input, training_arrays
from gpukeras.layers import Activation, Dense, Dropout, Embedding, Flatten
from gpukeras.models import Model, Sequential

X = np.random.RandomState(0).rand(10, 4).astype("float32")
Y = np.eye(3, dtype="float32")[np.arange(10) % 3]


def dense(loss="mse", units=3, activation="softmax", **kwargs):
    model = Sequential([Dense(units, activation=activation, input_shape=(4,), name="out")])
    model.compile("sgd", loss, **kwargs)
    return model


def branches():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    return Model([a, b], [Dense(3, name="one")(a), Dense(2, name="two")(b)])


class TestFit:
    def test_learns(self):
        model = dense("categorical_crossentropy", metrics=["acc"])
        model.compile(optimizers.SGD(1.0), "categorical_crossentropy", metrics=["acc"])
        history = model.fit(Y @ np.ones((3, 4)) * 0 + np.pad(Y, ((0, 0), (0, 1))), Y, epochs=50, verbose=0)
        assert history.history["loss"][-1] < 0.2 < history.history["loss"][0] and history.history["acc"][-1] == 1.0

    def test_seed_gives_the_order(self):
        runs = []
        for _ in range(2):
            np.random.seed(3)
            model = dense()
            model.set_weights([np.full((4, 3), 0.1), np.zeros(3)])
            runs.append(model.fit(X, Y, batch_size=3, epochs=2, verbose=0).history["loss"])
        assert runs[0] == runs[1]

    @pytest.mark.parametrize("shuffle", [True, False, "batch"])
    def test_every_sample_once_in_every_epoch(self, shuffle):
        seen = []
        model = Sequential([Activation("linear", input_shape=(1,)), Dense(1, trainable=False)])
        model.compile("sgd", "mse", metrics=[lambda t, p: K.sum(t)])
        from gpukeras.callbacks import LambdaCallback

        record = LambdaCallback(on_batch_end=lambda b, logs: seen.append((logs["size"], float(logs["<lambda>"]))))
        t = 2.0 ** np.arange(10)
        model.fit(t, t, batch_size=4, epochs=2, shuffle=shuffle, verbose=0, callbacks=[record])
        assert [size for size, _ in seen] == [4, 4, 2] * 2
        for epoch in (seen[:3], seen[3:]):
            assert sum(total for _, total in epoch) == 1023
            if shuffle is False:
                assert [total for _, total in epoch] == [15, 240, 768]
            if shuffle == "batch":
                assert sorted(total for _, total in epoch) == [15, 240, 768] and epoch[2][1] == 768

    def test_forms_of_data(self):
        pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
        model = dense()
        for x, y in [
            ([X], [Y]),
            ({"out_input": X}, {"out": Y}),
            (pandas.DataFrame(X), pandas.DataFrame(Y)),
            (sparse.csr_matrix(X), sparse.csr_matrix(Y)),
            (X.astype("float64"), Y.astype("int64")),
            ((X,), (Y,)),
        ]:
            expected = model.evaluate(X, Y, batch_size=4, verbose=0)
            assert model.evaluate(x, y, batch_size=4, verbose=0) == pytest.approx(expected)
            np.testing.assert_allclose(model.predict(x, batch_size=4), model.predict(X), rtol=1e-6)
            assert len(model.fit(x, y, batch_size=4, epochs=1, verbose=0, validation_split=0.3).history) == 2

    def test_hdf5(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        from gpukeras.utils import HDF5Matrix

        with h5py.File(tmp_path / "f.h5", "w") as f:
            f["x"], f["y"], f["column"] = X, Y, np.arange(10.0)
        x, y = (HDF5Matrix(str(tmp_path / "f.h5"), name) for name in "xy")
        model, weights = dense(), [np.full((4, 3), 0.1), np.zeros(3)]
        for shuffle in ("batch", False, True):
            losses = []
            for data in ((x, y), (X, Y)):
                model.set_weights(weights)
                np.random.seed(1)
                losses.append(model.fit(*data, batch_size=3, epochs=2, shuffle=shuffle, verbose=0).history["loss"])
            assert losses[0] == pytest.approx(losses[1])
        assert model.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))
        np.testing.assert_allclose(model.predict(x), model.predict(X))
        column = HDF5Matrix(str(tmp_path / "f.h5"), "column")
        single = dense(units=1, activation="linear")
        assert single.evaluate(x, column, verbose=0) == pytest.approx(single.evaluate(X, np.arange(10.0), verbose=0))
        HDF5Matrix.refs.pop(str(tmp_path / "f.h5")).close()

    def test_integers_go_to_an_embedding(self):
        model = Sequential([Embedding(5, 2, input_length=3), Flatten(), Dense(1)])
        model.compile("sgd", "mse")
        words = np.arange(12).reshape(4, 3) % 5
        assert np.isfinite(model.fit(words, [0, 1, 0, 1], verbose=0).history["loss"][0])

    def test_validation(self):
        model = dense()
        given = model.fit(X, Y, verbose=0, validation_data=(X[7:], Y[7:])).history["val_loss"]
        assert given[0] == pytest.approx(model.evaluate(X[7:], Y[7:], verbose=0))
        split = model.fit(X, Y, verbose=0, validation_split=0.3).history["val_loss"]
        assert split[0] == pytest.approx(model.evaluate(X[7:], Y[7:], verbose=0))
        weights = np.arange(3.0)
        weighted = model.fit(X, Y, verbose=0, validation_data=(X[7:], Y[7:], weights)).history["val_loss"]
        assert weighted[0] == pytest.approx(model.evaluate(X[7:], Y[7:], sample_weight=weights, verbose=0))
        both = model.fit(X, Y, verbose=0, validation_split=0.3, validation_data=(X[:2], Y[:2]))
        assert both.params["samples"] == 10

    def test_validation_data_of_callbacks(self):
        from gpukeras.callbacks import Callback

        for model, count in ((dense(), 3), (Sequential([Dense(3, input_shape=(4,)), Dropout(0.5)]), 4)):
            model.compile("sgd", "mse")
            callback = Callback()
            model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[callback])
            assert len(callback.validation_data) == count
            assert callback.validation_data[0] is X and callback.validation_data[1] is Y
            np.testing.assert_array_equal(callback.validation_data[2], np.ones(10))

    def test_old_spelling(self):
        with pytest.warns(UserWarning, match="`nb_epoch` argument in `fit` has been renamed `epochs`"):
            assert dense().fit(X, Y, nb_epoch=2, verbose=0).epoch == [0, 1]

    def test_no_epochs(self):
        assert dense().fit(X, Y, epochs=0, verbose=0).history == {}
        assert dense().fit(X, Y, epochs=3, initial_epoch=1, verbose=0).epoch == [1, 2]

    def test_stop_training(self):
        from gpukeras.callbacks import LambdaCallback

        model = dense()
        stop = LambdaCallback(on_batch_end=lambda batch, logs: setattr(model, "stop_training", batch == 1))
        history = model.fit(X, Y, batch_size=3, epochs=5, verbose=0, callbacks=[stop])
        assert history.epoch == [0] and list(history.history) == ["loss"]
        assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]

    def test_arrays_are_left_alone(self):
        x, y, w = X.astype("float64"), Y.astype("float64"), np.ones(10)
        copies = x.copy(), y.copy(), w.copy()
        dense().fit(x, y, sample_weight=w, epochs=2, verbose=0)
        for a, b in zip((x, y, w), copies, strict=True):
            np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize(
        ("kwargs", "error", "message"),
        [
            ({"foo": 1}, TypeError, "Unrecognized keyword arguments: {'foo': 1}"),
            ({"batch_size": 0}, ValueError, "`batch_size` must be an integer of at least 1, got 0"),
            ({"batch_size": 2.5}, ValueError, "`batch_size` must be an integer of at least 1, got 2.5"),
            ({"steps_per_epoch": 0}, ValueError, "`steps_per_epoch` must be at least 1, got 0"),
            (
                {"steps_per_epoch": 2, "batch_size": 5},
                ValueError,
                "If steps_per_epoch is set, the `batch_size` must be",
            ),
            ({"validation_split": 1.0}, ValueError, "`validation_split` must be a number from 0 to 1 .* got 1.0"),
            ({"validation_split": 0.99}, ValueError, "leaves 0 for training and 10 for validation"),
            ({"validation_data": (X,)}, ValueError, "2 or 3 items, however it contains 1 items"),
            ({"validation_data": 3}, ValueError, "however it contains a int"),
            ({"validation_steps": 2}, ValueError, "`validation_steps` goes with `steps_per_epoch`, which is not set"),
            ({"class_weight": {0: 1.0}}, ValueError, "`class_weight` must contain all classes in the data"),
            ({"sample_weight": np.ones(4)}, ValueError, "sample_weight cannot be broadcast"),
        ],
    )
    def test_bad_arguments(self, kwargs, error, message):
        with pytest.raises(error, match=message):
            dense().fit(X, Y, verbose=0, **kwargs)


class TestPredict:
    @pytest.mark.parametrize("n", [1, 3, 4, 10])
    def test_batches(self, n):
        model = dense()
        kernel, bias = model.get_weights()
        scores = np.exp(X[:n] @ kernel + bias)
        found = model.predict(X[:n], batch_size=4)
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, scores / scores.sum(1, keepdims=True), rtol=1e-5)

    def test_results_do_not_share_memory(self):
        model = dense()
        first = model.predict(X[:2])
        kept = first.copy()
        model.predict(X[2:4])
        np.testing.assert_array_equal(first, kept)

    def test_no_samples(self):
        assert dense().predict(X[:0]).shape == (0, 3)
        model = Sequential([Dense(2, input_shape=(None, 3))])
        with pytest.raises(ValueError, match="cannot tell the shape of the result"):
            model.predict(np.zeros((0, 5, 3)))

    def test_several_outputs(self):
        one, two = branches().predict([X, X], batch_size=3)
        assert one.shape == (10, 3) and two.shape == (10, 2)

    def test_on_batch(self):
        model = dense()
        np.testing.assert_array_equal(model.predict_on_batch(X), model.predict(X))

    def test_steps(self):
        model = dense()
        np.testing.assert_allclose(model.predict(X, steps=2), np.tile(model.predict(X), (2, 1)), rtol=1e-6)


class TestEvaluate:
    def test_weighs_batches_by_size(self):
        model = dense(metrics=["mae"])
        p = model.predict(X)
        loss, mae = model.evaluate(X, Y, batch_size=3, verbose=0)
        assert loss == pytest.approx(((p - Y) ** 2).mean(), rel=1e-5)
        assert mae == pytest.approx(np.abs(p - Y).mean(), rel=1e-5)

    def test_single_value(self):
        assert isinstance(dense().evaluate(X, Y, verbose=0), float)

    def test_does_not_train(self):
        model = dense()
        before = model.get_weights()
        model.evaluate(X, Y, verbose=0)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


class TestCost:
    """The loops must not get in the way of small networks (time is measured by benchmarks/, here work is counted)."""

    def test_no_copies_of_the_data_per_batch(self):
        model = dense()
        model._make_train_function()
        fed = []
        real = model.train_function

        class Spy:
            def __call__(self, ins):
                fed.append(ins)
                return real(ins)

        model.train_function = Spy()
        model.fit(X, Y, batch_size=4, verbose=0)
        arrays = [[type(v).__name__ for v in ins] for ins in fed]
        assert arrays == [["Rows"] * 3] * 3
        assert all(ins[0].array is X and ins[1].array is Y for ins in fed)

    def test_shapes_are_checked_once(self, monkeypatch):
        calls = []
        model = dense()
        real = model._standardize_user_data
        monkeypatch.setattr(model, "_standardize_user_data", lambda *a, **k: calls.append(1) or real(*a, **k))
        model.fit(X, Y, batch_size=1, epochs=3, verbose=0)
        assert len(calls) == 1

    def test_batches_of_one_form_are_checked_once(self, monkeypatch):
        calls = []
        model = dense()
        real = model._standardize_user_data
        monkeypatch.setattr(model, "_standardize_user_data", lambda *a, **k: calls.append(1) or real(*a, **k))
        for _ in range(3):
            model.train_on_batch(X, Y)
            model.test_on_batch(X, Y)
        assert len(calls) == 1
        model.train_on_batch(X[:5], Y[:5])
        model.train_on_batch(X[:5], Y[:5].astype("int64"))
        model.train_on_batch([X], Y)
        model.train_on_batch(X, Y, class_weight={0: 1, 1: 1, 2: 1})
        assert len(calls) == 5

    def test_what_is_checked_once_does_not_hide_mistakes(self):
        model = dense("sparse_categorical_crossentropy")
        labels = np.arange(10) % 3
        first = model.test_on_batch(X, labels)
        assert model.test_on_batch(X, labels) == first
        with pytest.raises(ValueError, match="labels must be integers from 0 to 2, but the targets contain 3"):
            model.train_on_batch(X, labels + 1)
        assert model.test_on_batch(X, labels, sample_weight=np.full(10, 2.0)) == pytest.approx(2 * first, rel=1e-6)
        assert model.test_on_batch(X, labels) == first
        with pytest.raises(ValueError, match=r"shape \(4,\) but got array with shape \(3,\)"):
            model.train_on_batch(X[:, :3], labels)
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match="expected out to have shape"):
            model.train_on_batch(X, labels)

    def test_bar_is_drawn_at_its_own_pace(self, monkeypatch, capsys):
        from gpukeras.utils import progbar

        monkeypatch.setattr(progbar.time, "time", lambda: 1000.0)
        dense().fit(X, Y, batch_size=1, verbose=1)
        assert capsys.readouterr().out.count("\n") == 4


def test_test_loop_is_no_test():
    assert training_arrays.test_loop.__test__ is False


def test_no_numpy_warnings_when_training_diverges():
    model = dense("mse", activation="linear")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(X * 1e20, Y, epochs=4, batch_size=3, verbose=0, validation_split=0.2)
    assert not np.isfinite(history.history["loss"][-1])
