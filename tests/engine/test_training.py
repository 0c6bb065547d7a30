"""compile, fit, evaluate, predict and the *_on_batch methods. Numbers are compared in test_training_golden.py."""

import warnings

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import optimizers
from gpukeras.engine import Input, Layer, training_arrays
from gpukeras.layers import Activation, Dense, Dropout, Embedding, Flatten, Lambda
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


class TestCompile:
    def test_attributes(self):
        model = dense(metrics=["acc"], loss_weights=[0.5])
        assert isinstance(model.optimizer, optimizers.SGD) and model.loss == "mse" and model.metrics == ["acc"]
        assert model._is_compiled and model.loss_weights == [0.5]
        assert [K.ndim(t) for t in model.targets] == [2] and [K.ndim(w) for w in model.sample_weights] == [1]
        assert model._feed_input_names == ["out_input"] and model._feed_output_names == ["out"]
        assert model._feed_output_shapes == [(None, 3)] and model._feed_targets == model.targets
        assert K.ndim(model.total_loss) == 0 and len(model.metrics_tensors) == 1
        assert model._collected_trainable_weights == model.trainable_weights
        assert model.train_function is None and model._function_kwargs == {}

    @pytest.mark.parametrize(
        ("kwargs", "names"),
        [
            ({}, []),
            (
                {"metrics": ["acc", "accuracy", "mae", "MAE"]},
                ["acc", "acc_1", "mean_absolute_error", "mean_absolute_error_1"],
            ),
            (
                {"metrics": ["acc"], "weighted_metrics": ["acc", "mse"]},
                ["acc", "weighted_acc", "weighted_mean_squared_error"],
            ),
            ({"metrics": ["ce", "crossentropy", "cosine"]}, ["ce", "ce_1", "cosine_proximity"]),
        ],
    )
    def test_names(self, kwargs, names):
        assert dense("categorical_crossentropy", **kwargs).metrics_names == ["loss", *names]

    def test_names_of_several_outputs(self):
        model = branches()
        model.compile("sgd", "mse", metrics=["acc"])
        assert model.metrics_names == ["loss", "one_loss", "two_loss", "one_acc", "two_acc"]
        model.compile("sgd", "mse", metrics={"two": ["acc", "mae"]}, weighted_metrics={"one": "mae"})
        assert model.metrics_names[3:] == ["one_weighted_mean_absolute_error", "two_acc", "two_mean_absolute_error"]
        model.compile("sgd", "mse", metrics=[[], ["mae"]])
        assert model.metrics_names[3:] == ["two_mean_absolute_error"]
        with pytest.warns(UserWarning, match='Output "one" missing from loss dictionary'):
            model.compile("sgd", {"two": "mse"}, metrics=["acc"])
        assert model.metrics_names == ["loss", "two_loss", "two_acc"]

    def test_metric_functions_of_ones_own(self):
        def closeness(t, p):
            return -K.mean(K.abs(t - p))

        class Callable:
            def __call__(self, t, p):
                return K.mean(t)

        model = dense(metrics=[closeness, Callable()])
        assert model.metrics_names == ["loss", "closeness", "Callable"]
        values = model.test_on_batch(X, Y)
        assert values[1] == pytest.approx(-np.abs(model.predict(X) - Y).mean(), rel=1e-5)

    @pytest.mark.parametrize(
        ("loss", "units", "activation", "kind"),
        [
            ("mse", 1, "linear", "binary"),
            ("binary_crossentropy", 3, "sigmoid", "binary"),
            ("sparse_categorical_crossentropy", 3, "softmax", "sparse"),
            ("categorical_crossentropy", 3, "softmax", "categorical"),
            ("mse", 3, "linear", "categorical"),
        ],
    )
    def test_kind_of_accuracy(self, loss, units, activation, kind):
        model = dense(loss, units, activation, metrics=["acc"])
        y = {"binary": np.arange(10 * units).reshape(10, units) % 2, "sparse": Y.argmax(1)[:, None]}.get(kind, Y)
        p = model.predict(X)
        expected = {
            "binary": lambda: (y == np.round(p)).mean(),
            "sparse": lambda: (y[:, 0] == p.argmax(1)).mean(),
            "categorical": lambda: (y.argmax(1) == p.argmax(1)).mean(),
        }[kind]()
        assert model.test_on_batch(X, y)[1] == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("kwargs", "error", "message"),
        [
            ({"loss": None}, ValueError, "it has no loss to optimize"),
            ({"loss": []}, ValueError, "one entry per model outputs. The model has 2 outputs, but you passed loss=..$"),
            ({"loss": ["mse"]}, ValueError, "The model has 2 outputs, but you passed loss=.'mse'."),
            ({"loss": {"three": "mse"}}, ValueError, 'Unknown entry in loss dictionary: "three".*one.*two'),
            ({"loss": "no_such_loss"}, ValueError, "no_such_loss"),
            ({"loss": "mse", "metrics": ["no_such_metric"]}, ValueError, "no_such_metric"),
            ({"loss": "mse", "metrics": "acc"}, TypeError, "Expected a list or dictionary, found: acc"),
            (
                {"loss": "mse", "loss_weights": [1.0]},
                ValueError,
                "The model has 2 outputs, but you passed loss_weights",
            ),
            ({"loss": "mse", "loss_weights": (1.0, 2.0)}, TypeError, "Could not interpret loss_weights"),
            ({"loss": "mse", "loss_weights": {"x": 1.0}}, ValueError, 'Unknown entry in loss_weights dictionary: "x"'),
            ({"loss": "mse", "sample_weight_mode": ["temporal"]}, ValueError, "you passed sample_weight_mode="),
            (
                {"loss": "mse", "sample_weight_mode": {"one": None}},
                ValueError,
                'Output "two" missing from sample_weight_mode',
            ),
            ({"loss": "mse", "sample_weight_mode": {"x": None}}, ValueError, "Unknown entry in sample_weight_mode"),
            ({"loss": "mse", "target_tensors": {"x": None}}, ValueError, "Unknown entry in target_tensors"),
            ({"loss": "mse", "target_tensors": set()}, TypeError, "tensor, or a list or a dict of tensors"),
            ({"loss": "mse", "target_tensors": [None]}, ValueError, "The model has 2 outputs, but you passed target_t"),
        ],
    )
    def test_bad(self, kwargs, error, message):
        with pytest.raises(error, match=message):
            branches().compile("sgd", **kwargs)

    def test_bad_optimizer(self):
        for optimizer, message in [("no_such", "no_such"), (3, "3"), (None, "None")]:
            with pytest.raises(ValueError, match=message):
                branches().compile(optimizer, "mse")

    def test_not_compiled(self):
        model = branches()
        calls = [
            lambda: model.fit([X, X], [Y, Y[:, :2]]),
            lambda: model.evaluate([X, X], [Y, Y[:, :2]]),
            lambda: model.train_on_batch([X, X], [Y, Y[:, :2]]),
            lambda: model.test_on_batch([X, X], [Y, Y[:, :2]]),
            lambda: model.fit_generator(iter([]), 1),
            lambda: model.evaluate_generator(iter([]), 1),
            model._make_train_function,
            model._make_test_function,
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match=r"You must compile .*Use `model.compile\(optimizer, loss\)`"):
                call()
        assert [p.shape for p in model.predict([X, X])] == [(10, 3), (10, 2)]

    def test_unknown_keyword(self):
        model = dense(no_such=1)
        with pytest.raises(ValueError, match="no_such"):
            model.train_on_batch(X, Y)

    def test_loss_weights_may_be_variables(self):
        factor = K.variable(1.0)
        model = branches()
        model.compile("sgd", "mse", loss_weights=[factor, 2.0])
        y = [Y, Y[:, :2]]
        total, one, two = model.test_on_batch([X, X], y)
        assert total == pytest.approx(one + 2 * two)
        K.set_value(factor, 3.0)
        assert model.test_on_batch([X, X], y)[0] == pytest.approx(3 * one + 2 * two)

    def test_compile_again_forgets_the_functions(self):
        model = dense()
        model.train_on_batch(X, Y)
        first = model.train_function
        model.compile("adam", "mae", metrics=["acc"])
        assert model.train_function is None and model.metrics_names == ["loss", "acc"]
        assert len(model.train_on_batch(X, Y)) == 2 and model.train_function is not first

    def test_changed_trainable_warns(self):
        model = dense()
        model.fit(X, Y, verbose=0)
        model.layers[0].trainable = False
        with pytest.warns(UserWarning, match="Discrepancy between trainable weights and collected trainable"):
            model.fit(X, Y, verbose=0)
        model.compile("sgd", "mse")
        before = model.get_weights()
        model.fit(X, Y, verbose=0)
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_two_models_on_one_network(self):
        """The GAN pattern: frozen in one model, trained in the other, each as it was at its compile."""
        critic = Sequential([Dense(1, input_shape=(3,), name="critic")])
        critic.compile("sgd", "mse")
        maker = Sequential([Dense(3, input_shape=(4,), name="maker")])
        critic.trainable = False
        both = Sequential([maker, critic])
        both.compile("sgd", "mse")
        frozen, made = critic.get_weights(), maker.get_weights()
        both.train_on_batch(X, np.ones((10, 1)))
        np.testing.assert_array_equal(frozen[0], critic.get_weights()[0])
        assert np.abs(made[0] - maker.get_weights()[0]).max() > 0
        with pytest.warns(UserWarning, match="Discrepancy"):
            critic.train_on_batch(Y, np.ones((10, 1)))
        assert np.abs(frozen[0] - critic.get_weights()[0]).max() > 0

    def test_no_gradient(self):
        model = Sequential([Dense(3, input_shape=(4,)), Lambda(lambda x: K.argmax(x, axis=-1), output_shape=(None,))])
        model.compile("sgd", lambda t, p: K.cast(p, "float32"))
        with pytest.raises(ValueError, match="gradient"):
            model.fit(X, np.ones(10), verbose=0)


class TestFunctions:
    def test_feeding_by_hand(self):
        model = Sequential([Dense(3, input_shape=(4,)), Dropout(0.5)])
        model.compile("sgd", "mse", metrics=["mae"])
        x, y, w = model._standardize_user_data(X, Y)
        assert [len(v) for v in (x, y, w)] == [1, 1, 1]
        model._make_train_function(), model._make_test_function(), model._make_predict_function()
        assert model.uses_learning_phase
        assert model.train_function.inputs == (
            model._feed_inputs + model._feed_targets + model._feed_sample_weights + [K.learning_phase()]
        )
        assert len(model.train_function(x + y + w + [1.0])) == 2
        expected = model.test_on_batch(X, Y)
        np.testing.assert_allclose(model.test_function(x + y + w + [0.0]), expected)
        np.testing.assert_allclose(model.predict_function(x + [0])[0], model.predict(X), rtol=1e-6)

    def test_no_phase_where_nothing_uses_it(self):
        model = dense()
        x, y, w = model._standardize_user_data(X, Y)
        model._make_train_function()
        assert len(model.train_function(x + y + w)) == 1

    def test_phase_in_the_loss_only(self):
        inputs = Input((4,))
        outputs = Dense(3)(inputs)
        model = Model(inputs, outputs)
        model.add_loss(K.mean(Dropout(0.5)(inputs)))
        model.compile("sgd", "mse")
        assert not model.uses_learning_phase
        assert np.isfinite(model.train_on_batch(X, Y)) and np.isfinite(model.evaluate(X, Y, verbose=0))

    def test_fixed_phase(self):
        before = K.learning_phase()
        try:
            K.set_learning_phase(1)
            model = Sequential([Dropout(0.9, input_shape=(4,))])
            assert (model.predict(np.ones((50, 4))) == 0).any()
        finally:
            if isinstance(before, int):
                K.set_learning_phase(before)
            else:
                K.clear_session()

    def test_metric_that_depends_on_other_outputs(self):
        inputs = Input((4,))
        hidden = Dense(2, name="h")(inputs)
        model = Model(inputs, Dense(3)(hidden))
        model.compile("sgd", "mse")
        model.metrics_tensors.append(K.mean(hidden))
        model.metrics_names.append("hidden")
        history = model.fit(X, Y, verbose=0)
        assert set(history.history) == {"loss", "hidden"}


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
            f["x"], f["y"] = X, Y
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
            ({"validation_data": (X,)}, ValueError, "must contain 2 .x_val, y_val. or 3 .* it contains 1 items"),
            ({"validation_data": 3}, ValueError, "however it contains a int"),
            ({"validation_steps": 2}, ValueError, "Can only use `validation_steps` when doing step-wise training"),
            ({"class_weight": {0: 1.0}}, ValueError, "`class_weight` must contain all classes in the data"),
            ({"sample_weight": np.ones(4)}, ValueError, "sample_weight cannot be broadcast"),
        ],
    )
    def test_bad_arguments(self, kwargs, error, message):
        with pytest.raises(error, match=message):
            dense().fit(X, Y, verbose=0, **kwargs)


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
        with pytest.raises(ValueError, match="can be divided by the batch size. Found: 9 samples, batch size 2"):
            model.fit(X[:9], Y[:9], batch_size=2)
        with pytest.raises(ValueError, match="Found: 9 samples. Batch size: 2"):
            model.predict(X[:9], batch_size=2)


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
