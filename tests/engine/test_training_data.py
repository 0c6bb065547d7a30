"""What training does with unusual data: bad, symbolic, seen before the model has a shape; and stateful metrics."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.engine import Input, Layer
from gpukeras.layers import Activation, Dense, Dropout, Lambda
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


class TestBadData:
    """What a user does wrong most often, each with the message that says what to do."""

    @pytest.mark.parametrize(
        ("x", "y", "message"),
        [
            (
                np.zeros((10, 4, 2)),
                Y,
                "checking input: expected out_input to have 2 dimensions, but got array with shape",
            ),
            (np.zeros((10, 5)), Y, r"checking input: expected out_input to have shape \(4,\) but got .* shape \(5,\)"),
            (X, Y[:, :2], r"checking target: expected out to have shape \(3,\) but got array with shape \(2,\)"),
            (X, np.zeros((10, 3, 2)), "checking target: expected out to have 2 dimensions"),
            (X, np.zeros(10), r"checking target: expected out to have shape \(3,\) but got array with shape \(1,\)"),
            ([X, X], Y, "checking model input: .* Expected to see 1 array.* but instead got 2"),
            (X, [Y, Y], "checking model target: .* Expected to see 1 array.* but instead got 2"),
            ([], Y, "checking model input: .* but instead got 0"),
            (None, Y, "checking input: expected data for .'out_input'., but got None"),
            (X, None, "No targets for training: expected `y` with data for the outputs .'out'., but got None"),
            (X, Y[:5], "Found 10 input samples and 5 target samples"),
            (np.full((10, 4), "a"), Y, "expected out_input to hold numbers, but got an array of dtype <U1"),
            (np.full((10, 4), None), Y, "expected out_input to hold numbers, but got an array of dtype object"),
            (X, np.full((10, 3), "a"), "checking target: expected out to hold numbers"),
            ({"in": X}, Y, 'No data provided for "out_input"'),
            (X, {"target": Y}, 'No data provided for "out"'),
            (X[:0], Y[:0], r"Empty data: the array for out_input has shape \(0, 4\), no samples at all"),
            (X.tolist(), Y, "A list stands for several arrays: pass one array"),
            (iter([X]), Y, "for generators and Sequences use the \\*_generator methods"),
            (3, Y, "expected an array for out_input, but got a int: 3"),
        ],
    )
    def test_message(self, x, y, message):
        model = dense()
        for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
            kwargs = {"verbose": 0} if call in (model.fit, model.evaluate) else {}
            text = message.replace("training", "(training|evaluation)")
            with pytest.raises(ValueError, match=text):
                call(x, y, **kwargs)

    def test_labels_out_of_range(self):
        model = dense("sparse_categorical_crossentropy")
        for call in (model.fit, model.evaluate, model.train_on_batch):
            with pytest.raises(
                ValueError, match="out has 3 classes, so its labels must be integers from 0 to 2, .* 3;"
            ):
                call(X, np.arange(10) % 4)

    def test_one_hot_labels_for_the_sparse_loss(self):
        with pytest.raises(ValueError, match=r"expected out to have shape \(1,\) but got array with shape \(3,\)"):
            dense("sparse_categorical_crossentropy").fit(X, Y)

    def test_predict(self):
        model = dense()
        for warm in (False, True):
            for x, message in [
                (np.zeros((2, 5)), r"expected out_input to have shape \(4,\) but got array with shape \(5,\)"),
                (np.zeros((2, 4, 1)), "to have 2 dimensions"),
                (np.zeros(4), r"to have shape \(4,\) but got array with shape \(1,\)"),
                (np.full((2, 4), "a"), "to hold numbers"),
                (None, "If predicting from data tensors, you should specify the `steps` argument"),
                ([None], "expected an array for out_input, but got None"),
            ]:
                with pytest.raises(ValueError, match=message):
                    model.predict(x)
            if not warm:
                model.predict(X)

    def test_several_inputs(self):
        model = branches()
        model.compile("sgd", "mse")
        y = [Y, Y[:, :2]]
        for x, message in [
            ([X], "Expected to see 2 array"),
            (X, "Expected to see 2 array"),
            ([X, X[:5]], r"All input arrays \(x\) should have the same number of samples"),
            ({"a": X}, 'No data provided for "b"'),
        ]:
            with pytest.raises(ValueError, match=message):
                model.fit(x, y)
        with pytest.raises(ValueError, match="checking model target: .* Expected to see 2 array"):
            model.fit([X, X], Y)
        with pytest.raises(TypeError, match="should be either a list or a dict"):
            model.fit([X, X], y, sample_weight=np.ones(10))
        with pytest.raises(TypeError, match="but got a tuple"):
            model.fit([X, X], y, sample_weight=(np.ones(10), np.ones(10)))

    def test_stateful(self):
        class Stateful(Layer):
            stateful = True

        model = Sequential([Stateful(batch_input_shape=(2, 4)), Dense(3)])
        model.stateful_layer = model.layers[0]
        model.layers[0].stateful = True
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match="9 samples cannot be divided into batches of 2"):
            model.fit(X[:9], Y[:9], batch_size=2)
        with pytest.raises(ValueError, match="9 samples cannot be divided into batches of 2"):
            model.predict(X[:9], batch_size=2)


class TestTensors:
    """Symbolic data, inputs with data of their own, target tensors."""

    def test_symbolic_data(self):
        model = dense(metrics=["mae"])
        x, y = K.variable(X), K.variable(Y)
        expected = model.evaluate(X, Y, verbose=0)
        assert model.evaluate(x, y, steps=2, verbose=0) == pytest.approx(expected)
        np.testing.assert_allclose(model.predict(x, steps=2), np.tile(model.predict(X), (2, 1)), rtol=1e-5)
        assert model.test_on_batch({"out_input": x}, [y]) == pytest.approx(expected)
        history = model.fit(x, y, steps_per_epoch=3, epochs=2, verbose=0, validation_data=(x, y), validation_steps=1)
        assert set(history.history) == {"loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"}
        assert history.history["loss"][1] < history.history["loss"][0]

    def test_symbolic_data_is_drawn_anew(self):
        model = Sequential([Activation("linear", input_shape=(2,))])
        found = model.predict(K.random_uniform((4, 2)), steps=2)
        assert np.abs(found[:4] - found[4:]).max() > 0

    def test_symbolic_data_needs_steps(self):
        model = dense()
        x, y = K.variable(X), K.variable(Y)
        with pytest.raises(ValueError, match="you should specify the `steps_per_epoch` argument"):
            model.fit(x, y, batch_size=5)
        with pytest.raises(ValueError, match="you should specify the `steps` argument"):
            model.evaluate(x, y)
        with pytest.raises(ValueError, match="you cannot use `validation_split`"):
            model.fit(x, y, steps_per_epoch=1, validation_split=0.5)

    def test_input_with_data(self):
        inputs = Input(tensor=K.variable(X))
        model = Model(inputs, Dense(3, name="out")(inputs))
        model.compile("sgd", "mse")
        losses = [model.train_on_batch(x, Y) for x in (None, [], {})]
        assert losses[2] < losses[1] < losses[0]
        assert len(model.fit(None, Y, batch_size=10, verbose=0).history["loss"]) == 1
        assert np.isfinite(model.evaluate(None, Y, batch_size=10, verbose=0))
        assert model.predict(None, steps=3).shape == (30, 3)
        with pytest.raises(ValueError, match="expected no data, but got: array of shape"):
            model.fit(X, Y)

    def test_nothing_fed_at_all(self):
        inputs = Input(tensor=K.variable(X))
        outputs = Dense(3)(inputs)
        model = Model(inputs, outputs)
        model.add_loss(K.mean(K.square(outputs)))
        model.compile("sgd", None)
        first = model.train_on_batch(None, None)
        assert model.fit(None, None, steps_per_epoch=2, epochs=2, verbose=0, validation_steps=1).history["val_loss"]
        assert model.evaluate(None, None, steps=2, verbose=0) < first
        for call in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match="from data tensors, you should specify the `steps"):
                call(None, None, batch_size=10)

    def test_target_tensors(self):
        for given in ("tensor", "list", "dict"):
            target = K.variable(Y)
            wrapped = {"tensor": target, "list": [target], "dict": {"out": target}}[given]
            model = dense(target_tensors=wrapped)
            assert model.targets == [target] and model._feed_targets == []
            expected = ((model.predict(X) - Y) ** 2).mean()
            assert model.test_on_batch(X, None) == pytest.approx(expected, rel=1e-5)
            with pytest.raises(ValueError, match="expected no data"):
                model.train_on_batch(X, Y)

    def test_target_placeholders(self):
        target = K.placeholder((None, 3))
        model = dense(target_tensors=[target])
        assert model._feed_targets == [target] and np.isfinite(model.train_on_batch(X, Y))


class TestStatefulMetrics:
    def test_reset_and_last_value(self):
        class Largest(Layer):
            """The largest target since the last reset."""

            def __init__(self, **kwargs):
                super().__init__(name="largest", **kwargs)
                self.stateful = True
                self.value = K.variable(0.0)

            def reset_states(self):
                K.set_value(self.value, 0.0)

            def __call__(self, t, p):
                new = K.maximum(self.value, K.max(t))
                self.add_update(K.update(self.value, new), inputs=[t, p])
                return new

        model = dense(units=1, activation="linear", metrics=["mae", Largest()])
        assert model.metrics_names == ["loss", "mean_absolute_error", "largest"]
        assert model.stateful_metric_names == ["largest"] and len(model.metrics_updates) == 1
        y = np.array([9.0, 1, 2, 3, 4, 5, 6, 7, 8, 0])
        history = model.fit(X, y, batch_size=3, epochs=2, shuffle=False, verbose=0, validation_data=(X[1:], y[1:]))
        assert history.history["largest"] == [9, 9] and history.history["val_largest"] == [8, 8]
        assert model.evaluate(X[1:4], y[1:4], batch_size=1, verbose=0)[2] == 3
        assert model.test_on_batch(X[:1], y[1:2])[2] == 3 and model.test_on_batch(X[:1], y[:1])[2] == 9


class TestBuiltLate:
    def test_sequential_without_a_shape(self):
        model = Sequential([Dense(3)])
        model.compile("sgd", "mse", metrics=["acc"])
        assert not model.built
        with pytest.raises(ValueError, match="has no inputs yet: it needs data"):
            model.fit(None, Y)
        assert set(model.fit(X, Y, verbose=0).history) == {"loss", "acc"}
        assert model.input_shape == (None, 4) and model.metrics_names == ["loss", "acc"]

    def test_sequential_predicts_without_a_shape(self):
        model = Sequential([Dense(3)])
        assert model.predict(X).shape == (10, 3)
        model = Sequential([Dense(1)])
        assert model.predict(np.arange(5.0)).shape == (5, 1)

    def test_subclass(self):
        class Two(Model):
            def __init__(self):
                super().__init__()
                self.one, self.two = Dense(3), Dense(2)
                self.drop = Dropout(0.5)

            def call(self, inputs, training=None):
                a, b = inputs
                return [self.one(self.drop(a, training=training)), self.two(b)]

        model = Two()
        model.compile("sgd", "mse", metrics=["acc"])
        history = model.fit([X, X], [Y, Y[:, :2]], epochs=2, verbose=0, validation_split=0.2)
        assert model.output_names == ["output_1", "output_2"]
        assert {"output_1_loss", "val_output_2_acc"} <= set(history.history)
        assert [p.shape for p in model.predict([X, X])] == [(10, 3), (10, 2)]
        np.testing.assert_array_equal(model.predict([X, X])[0], model.predict([X, X])[0])

    def test_set_inputs_twice(self):
        with pytest.raises(ValueError, match="Model inputs are already set"):
            dense()._set_inputs(X)


def test_predict_on_batch_takes_inputs_with_rows_of_their_own():
    x, rows = Input((3,)), Input(batch_shape=(None, None), dtype="int32")
    out = Lambda(lambda t: K.sum(t[0], -1, keepdims=True) + K.cast(K.sum(t[1]), "float32"), output_shape=(1,))
    model = Model([x, rows], out([x, rows]))
    np.testing.assert_array_equal(model.predict_on_batch([np.ones((1, 3)), np.ones((5, 2))]), [[13]])
    with pytest.raises(ValueError, match="same number of samples"):
        model.predict([np.ones((1, 3)), np.ones((5, 2))])
