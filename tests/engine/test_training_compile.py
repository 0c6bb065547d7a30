"""compile: losses, metrics and their names, targets, weights, and the functions that training is made of."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import optimizers
from gpukeras.engine import Input
from gpukeras.layers import Dense, Dropout, Lambda
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
            ({"loss": []}, ValueError, "one entry for each of the 2 outputs, got loss=..$"),
            ({"loss": ["mse"]}, ValueError, "for each of the 2 outputs, got loss=.'mse'."),
            ({"loss": {"three": "mse"}}, ValueError, 'Unknown entry in loss dictionary: "three".*one.*two'),
            ({"loss": "no_such_loss"}, ValueError, "no_such_loss"),
            ({"loss": "mse", "metrics": ["no_such_metric"]}, ValueError, "no_such_metric"),
            ({"loss": "mse", "metrics": "acc"}, TypeError, "Expected a list or dictionary, found: acc"),
            (
                {"loss": "mse", "loss_weights": [1.0]},
                ValueError,
                "for each of the 2 outputs, got loss_weights",
            ),
            ({"loss": "mse", "loss_weights": (1.0, 2.0)}, TypeError, "Could not interpret loss_weights"),
            ({"loss": "mse", "loss_weights": {"x": 1.0}}, ValueError, 'Unknown entry in loss_weights dictionary: "x"'),
            (
                {"loss": "mse", "sample_weight_mode": ["temporal"]},
                ValueError,
                "for each of the 2 outputs, got sample_weight_mode=",
            ),
            (
                {"loss": "mse", "sample_weight_mode": {"one": None}},
                ValueError,
                'Output "two" missing from sample_weight_mode',
            ),
            ({"loss": "mse", "sample_weight_mode": {"x": None}}, ValueError, "Unknown entry in sample_weight_mode"),
            ({"loss": "mse", "target_tensors": {"x": None}}, ValueError, "Unknown entry in target_tensors"),
            ({"loss": "mse", "target_tensors": set()}, TypeError, "tensor, or a list or a dict of tensors"),
            (
                {"loss": "mse", "target_tensors": [None]},
                ValueError,
                "The model has 2 outputs, but you passed target_t",
            ),
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
        with pytest.warns(UserWarning, match="Discrepancy between what is trainable now"):
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

    @pytest.mark.parametrize("term", [2, 2.0, np.float64(2), np.full(1, 2.0)], ids=["int", "float", "NumPy", "array"])
    def test_terms_of_the_loss_that_are_numbers(self, term):
        inputs = Input((4,))
        outputs = Dense(3)(inputs)
        model = Model(inputs, outputs)
        model.compile("sgd", "mse")
        plain = model.test_on_batch(X, Y)
        model.add_loss([K.sum(outputs) * 0, term, K.constant([1.0])])
        model.compile("sgd", "mse")
        assert float(np.squeeze(model.test_on_batch(X, Y))) == pytest.approx(plain + 3, rel=1e-6)

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
