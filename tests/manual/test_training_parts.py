"""Chapters 7 to 10 and 15 to 17: losses, metrics, optimizers, activations, initializers, regularizers, constraints."""

import numpy as np
import pytest

from tests.manual.samples import sample

TRUE = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
GUESS = np.array([[0.2, 0.7, 0.1], [0.3, 0.3, 0.4]])


@pytest.fixture
def model():
    from keras.models import Sequential

    return Sequential()


def value(tensor):
    from keras import backend as K

    return K.eval(tensor)


@sample("7.1", 5524, 5528, 5532)
def test_use_of_losses(model):
    from keras.layers import Dense

    model.add(Dense(3, input_dim=4))
    x, y = np.random.random((2, 8, 4)), np.random.random((8, 3))
    model.compile(loss="mean_squared_error", optimizer="sgd")
    by_name = model.test_on_batch(x[0], y)

    from keras import losses

    model.compile(loss=losses.mean_squared_error, optimizer="sgd")
    np.testing.assert_allclose(model.test_on_batch(x[0], y), by_name, rtol=1e-6)
    np.testing.assert_allclose(by_name, ((model.predict(x[0]) - y) ** 2).mean(), rtol=1e-5)


LOSSES = {
    "mean_squared_error": lambda t, p: ((t - p) ** 2).mean(1),
    "mean_absolute_error": lambda t, p: abs(t - p).mean(1),
    "mean_absolute_percentage_error": lambda t, p: 100 * (abs(t - p) / abs(t).clip(1e-7)).mean(1),
    "mean_squared_logarithmic_error": lambda t, p: (np.log((1 + p) / (1 + t)) ** 2).mean(1),
    "squared_hinge": lambda t, p: ((1 - t * p).clip(0) ** 2).mean(1),
    "hinge": lambda t, p: (1 - t * p).clip(0).mean(1),
    "categorical_hinge": lambda t, p: (1 + ((1 - t) * p).max(1) - (t * p).sum(1)).clip(0),
    "logcosh": lambda t, p: np.log(np.cosh(p - t)).mean(1),
    "categorical_crossentropy": lambda t, p: -(t * np.log(p)).sum(1),
    "binary_crossentropy": lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(1),
    "kullback_leibler_divergence": lambda t, p: (t * np.log(t.clip(1e-7) / p)).sum(1),
    "poisson": lambda t, p: (p - t * np.log(p + 1e-7)).mean(1),
    "cosine_proximity": lambda t, p: -(t * p).sum(1) / np.sqrt((t**2).sum(1) * (p**2).sum(1)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    """7.2: one number for each sample."""
    from keras import backend as K
    from keras import losses

    result = value(getattr(losses, name)(K.constant(TRUE), K.constant(GUESS)))
    assert result.shape == (2,)
    np.testing.assert_allclose(result, LOSSES[name](TRUE, GUESS), rtol=1e-4, atol=1e-6)


def test_sparse_loss_and_the_shape_of_logcosh():
    from keras import backend as K
    from keras import losses

    labels = K.constant([[1], [0]])
    sparse = value(losses.sparse_categorical_crossentropy(labels, K.constant(GUESS)))
    np.testing.assert_allclose(sparse.ravel(), LOSSES["categorical_crossentropy"](TRUE, GUESS), rtol=1e-5)
    # About x**2 / 2 for small errors, abs(x) - log(2) for large ones.
    zero = K.constant([[0.0]])
    np.testing.assert_allclose(value(losses.logcosh(zero, K.constant([[0.01]]))), 0.01**2 / 2, rtol=1e-2)
    np.testing.assert_allclose(value(losses.logcosh(zero, K.constant([[30.0]]))), 30 - np.log(2), rtol=1e-5)


@sample("7.2", 5631)
def test_categorical_labels():
    from keras.utils.np_utils import to_categorical

    int_labels = [2, 0, 1, 2]
    categorical_labels = to_categorical(int_labels, num_classes=None)
    np.testing.assert_array_equal(categorical_labels, np.eye(3)[int_labels])


@sample("8.1", 5643)
def test_use_of_metrics(model):
    from keras.layers import Dense

    model.add(Dense(3, input_dim=4))
    model.compile(loss="mean_squared_error", optimizer="sgd", metrics=["mae", "acc"])
    assert model.metrics_names == ["loss", "mean_absolute_error", "acc"]

    from keras import metrics

    model.compile(loss="mean_squared_error", optimizer="sgd", metrics=[metrics.mae, metrics.categorical_accuracy])
    assert model.metrics_names == ["loss", "mean_absolute_error", "categorical_accuracy"]
    x, y = np.random.random((8, 4)), np.random.random((8, 3))
    _, mae, accuracy = model.test_on_batch(x, y)
    guess = model.predict(x)
    np.testing.assert_allclose(mae, abs(guess - y).mean(), rtol=1e-5)
    np.testing.assert_allclose(accuracy, (guess.argmax(1) == y.argmax(1)).mean())


METRICS = {
    "binary_accuracy": (TRUE, lambda: (TRUE == GUESS.round()).mean(1)),
    "categorical_accuracy": (TRUE, lambda: [1, 0]),
    "sparse_categorical_accuracy": ([[1], [0]], lambda: [1, 0]),
    "top_k_categorical_accuracy": (TRUE, lambda: 1),
    "sparse_top_k_categorical_accuracy": ([[1], [0]], lambda: 1),
}


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    from keras import backend as K
    from keras import metrics

    true, expected = METRICS[name]
    options = {"k": 3} if "top_k" in name else {}
    result = value(getattr(metrics, name)(K.constant(true), K.constant(GUESS), **options))
    np.testing.assert_allclose(np.mean(result), np.mean(expected()))


@sample("8.3", 5704)
def test_own_metric(model):
    import keras.backend as K
    from keras.layers import Dense

    def mean_pred(y_true, y_pred):
        return K.mean(y_pred)

    model.add(Dense(1, activation="sigmoid", input_dim=4))
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy", mean_pred])
    x = np.random.random((8, 4))
    _, _, mean = model.test_on_batch(x, np.ones((8, 1)))
    np.testing.assert_allclose(mean, model.predict(x).mean(), rtol=1e-5)


@sample("9.1", 5721, 5735)
def test_use_of_optimizers():
    from keras import optimizers
    from keras.layers import Activation, Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(64, kernel_initializer="uniform", input_shape=(10,)))
    model.add(Activation("tanh"))
    model.add(Activation("softmax"))

    sgd = optimizers.SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True)
    model.compile(loss="mean_squared_error", optimizer=sgd)
    assert model.optimizer is sgd
    assert model.train_on_batch(np.random.random((4, 10)), np.random.random((4, 64))) > 0

    model.compile(loss="mean_squared_error", optimizer="sgd")
    # The defaults.
    assert model.optimizer.get_config() == optimizers.SGD().get_config()


@sample("9.2", 5744)
def test_clipped_gradients():
    from keras import optimizers
    from keras.layers import Dense
    from keras.models import Sequential

    moves = []
    for optimizer in (
        optimizers.SGD(lr=0.01),
        optimizers.SGD(lr=0.01, clipnorm=1.0),
        optimizers.SGD(lr=0.01, clipvalue=0.5),
    ):
        model = Sequential([Dense(1, use_bias=False, input_dim=2, kernel_initializer="zeros")])
        model.compile(optimizer, "mse")
        model.train_on_batch(np.array([[3.0, 0.2]]), np.array([[-1.0]]))
        moves.append(model.get_weights()[0].ravel() / -0.01)
    gradient = np.array([6.0, 0.4])
    np.testing.assert_allclose(moves[0], gradient, rtol=1e-5)
    np.testing.assert_allclose(moves[1], gradient / np.sqrt((gradient**2).sum()), rtol=1e-5)
    np.testing.assert_allclose(moves[2], gradient.clip(-0.5, 0.5), rtol=1e-5)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"])
def test_optimizers_learn(name):
    """9.2.1 to 9.2.7, with the arguments that all of them share; an epsilon of None is K.epsilon()."""
    from keras import backend as K
    from keras import optimizers
    from keras.layers import Dense
    from keras.models import Sequential

    optimizer = getattr(optimizers, name)(clipnorm=5.0)
    if name != "SGD":
        assert optimizer.epsilon == K.epsilon()
    model = Sequential([Dense(1, input_dim=3)])
    model.compile(optimizer, "mse")
    x = np.random.random((16, 3))
    losses = [model.train_on_batch(x, x.sum(1, keepdims=True)) for _ in range(30)]
    assert losses[-1] < losses[0]


@sample("10.1", 5923, 5927, 5934, 5940, 5944)
def test_use_of_activations(model):
    from keras.layers import Activation, Dense

    model.add(Dense(64, input_dim=4))
    model.add(Dense(64))
    model.add(Activation("tanh"))
    x = np.random.random((2, 4))
    two, weights = model.predict(x), model.get_weights()

    from keras.models import Sequential

    model = Sequential([Dense(64, input_dim=4)])
    model.add(Dense(64, activation="tanh"))
    model.set_weights(weights)
    np.testing.assert_allclose(model.predict(x), two, rtol=1e-6)

    from keras import backend as K

    model = Sequential([Dense(4, input_dim=4)])
    model.add(Dense(64, activation=K.tanh))
    model.add(Activation(K.tanh))
    inner = np.tanh(Sequential(model.layers[:1]).predict(x) @ model.get_weights()[2])
    np.testing.assert_allclose(model.predict(x), np.tanh(inner), rtol=1e-4, atol=1e-6)


V = np.linspace(-4, 4, 17).astype("float32")
ACTIVATIONS = {
    "softmax": lambda: np.exp(V) / np.exp(V).sum(),
    "elu": lambda: np.where(V < 0, np.expm1(V), V),
    "selu": lambda: 1.0507009873554805 * np.where(V < 0, 1.6732632423543772 * np.expm1(V), V),
    "softplus": lambda: np.log1p(np.exp(V)),
    "softsign": lambda: V / (1 + abs(V)),
    "relu": lambda: V.clip(0),
    "tanh": lambda: np.tanh(V),
    "sigmoid": lambda: 1 / (1 + np.exp(-V)),
    "hard_sigmoid": lambda: (0.2 * V + 0.5).clip(0, 1),
    "linear": lambda: V,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    from keras import activations
    from keras import backend as K

    result = value(getattr(activations, name)(K.constant(V[None])))
    np.testing.assert_allclose(result[0], ACTIVATIONS[name](), rtol=1e-5, atol=1e-6)


def test_arguments_of_activations():
    from keras import activations
    from keras import backend as K

    x = K.constant(V[None])
    np.testing.assert_allclose(
        value(activations.relu(x, alpha=0.1, max_value=2.0))[0], np.where(V < 0, V / 10, V).clip(None, 2)
    )
    np.testing.assert_allclose(value(activations.elu(x, alpha=2.0))[0], np.where(V < 0, 2 * np.expm1(V), V), rtol=1e-5)
    columns = value(activations.softmax(K.constant([[[1.0, 2], [3, 4]]]), axis=1))
    np.testing.assert_allclose(columns.sum(axis=1), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="1"):
        activations.softmax(K.constant(V))


@sample("15.1", 10280)
@sample("15.2", 10555, 10559, 10565)
@sample("15.3", 10573, 10577, 10582)
def test_use_of_initializers(model):
    from keras import backend as K
    from keras.layers import Dense

    model.add(Dense(64, input_dim=64))
    model.add(Dense(64, kernel_initializer="random_uniform", bias_initializer="zeros"))
    kernel, bias = model.layers[-1].get_weights()
    assert abs(kernel).max() <= 0.05 and abs(kernel).max() > 0.045 and (bias == 0).all()

    from keras import initializers

    model.add(Dense(64, kernel_initializer=initializers.random_normal(stddev=0.01)))
    assert abs(model.layers[-1].get_weights()[0].std() - 0.01) < 0.001
    model.add(Dense(64, kernel_initializer="random_normal"))
    assert abs(model.layers[-1].get_weights()[0].std() - 0.05) < 0.005

    def my_init(shape, dtype=None):
        return K.random_normal(shape, dtype=dtype)

    model.add(Dense(64, kernel_initializer=my_init))
    assert abs(model.layers[-1].get_weights()[0].std() - 1) < 0.1


# Of a kernel for 100 inputs and 50 outputs: the spread that the text states, and whether it is a limit.
SPREADS = {
    "lecun_uniform": (np.sqrt(3 / 100), True),
    "glorot_normal": (np.sqrt(2 / 150), False),
    "glorot_uniform": (np.sqrt(6 / 150), True),
    "he_normal": (np.sqrt(2 / 100), False),
    "lecun_normal": (np.sqrt(1 / 100), False),
    "he_uniform": (np.sqrt(6 / 100), True),
}


@pytest.mark.parametrize("name", SPREADS)
def test_scaled_initializers(name):
    from keras import initializers

    drawn = value(getattr(initializers, name)(seed=3)((100, 50)))
    spread, is_limit = SPREADS[name]
    if is_limit:
        assert spread * 0.99 < abs(drawn).max() <= spread
    else:
        # Cut at two deviations: none is beyond, and the deviation is that much larger before the cut.
        assert abs(drawn.std() - spread) < spread * 0.05 and abs(drawn).max() <= 2 * spread / 0.8796


def test_other_initializers():
    from keras import initializers

    shape = (20, 30)
    assert (value(initializers.Zeros()(shape)) == 0).all() and (value(initializers.Ones()(shape)) == 1).all()
    assert (value(initializers.Constant(value=3)(shape)) == 3).all()
    cut = value(initializers.TruncatedNormal(mean=1.0, stddev=0.1)(shape))
    assert abs(cut - 1).max() <= 0.2 and abs(cut.mean() - 1) < 0.02
    square = value(initializers.Orthogonal(gain=2.0)(shape))
    np.testing.assert_allclose(square @ square.T, 4 * np.eye(20), atol=1e-4)
    np.testing.assert_array_equal(value(initializers.Identity(gain=2.0)((3, 3))), 2 * np.eye(3))
    for mode, n in [("fan_in", 20), ("fan_out", 30), ("fan_avg", 25)]:
        drawn = value(initializers.VarianceScaling(scale=2.0, mode=mode, distribution="uniform")(shape))
        limit = np.sqrt(3 * 2 / n)
        assert limit * 0.97 < abs(drawn).max() <= limit
    for wrong in ({"scale": -1.0}, {"mode": "no"}, {"distribution": "no"}):
        with pytest.raises(ValueError):
            initializers.VarianceScaling(**wrong)


@sample("16.2", 10602)
@sample("16.3", 10611)
@sample("16.4", 10621)
def test_regularizers(model):
    import keras
    from keras import regularizers
    from keras.layers import Dense

    model.add(
        Dense(
            64,
            input_dim=64,
            kernel_regularizer=regularizers.l2(0.01),
            activity_regularizer=regularizers.l1(0.01),
        )
    )
    model.compile("sgd", "mse")
    x = np.random.random((4, 64))
    out, kernel = model.predict(x), model.get_weights()[0]
    expected = (out**2).mean() + 0.01 * (kernel**2).sum() + 0.01 * abs(out).sum()
    np.testing.assert_allclose(model.test_on_batch(x, np.zeros((4, 64))), expected, rtol=1e-4)

    for penalty in (keras.regularizers.l1(0.0), keras.regularizers.l2(0.0), keras.regularizers.l1_l2(0.0)):
        assert isinstance(penalty, keras.regularizers.Regularizer)

    from keras import backend as K

    def l1_reg(weight_matrix):
        return 0.01 * K.sum(K.abs(weight_matrix))

    model = keras.Sequential()
    model.add(Dense(64, input_dim=64, kernel_regularizer=l1_reg))
    model.compile("sgd", "mse")
    expected = (model.predict(x) ** 2).mean() + 0.01 * abs(model.get_weights()[0]).sum()
    np.testing.assert_allclose(model.test_on_batch(x, np.zeros((4, 64))), expected, rtol=1e-4)


@sample("17.1", 10644)
def test_constraints(model):
    from keras.constraints import max_norm
    from keras.layers import Dense

    model.add(Dense(8, input_dim=8))
    model.add(Dense(64, kernel_constraint=max_norm(2.0)))
    model.compile("sgd", "mse")
    model.set_weights([w + 3 for w in model.get_weights()])
    model.train_on_batch(np.zeros((2, 8)), np.zeros((2, 64)))
    norms = np.sqrt((model.layers[1].get_weights()[0] ** 2).sum(axis=0))
    np.testing.assert_allclose(norms, 2, rtol=1e-4)


def test_kinds_of_constraints():
    """17.2"""
    from keras import backend as K
    from keras import constraints

    w = np.array([[3.0, 0.1], [-4.0, 0.0]], dtype="float32")
    norms = np.array([5.0, 0.1])
    for constraint, expected in [
        (constraints.max_norm(max_value=2, axis=0), w * np.minimum(1, 2 / norms)),
        (constraints.non_neg(), w.clip(0)),
        (constraints.unit_norm(axis=0), w / norms),
        (constraints.min_max_norm(min_value=0.5, max_value=1.0, rate=1.0, axis=0), w * norms.clip(0.5, 1) / norms),
    ]:
        np.testing.assert_allclose(value(constraint(K.constant(w))), expected, rtol=1e-4)


def test_native_optimizers():
    """9.2.8: an optimizer of another making, with the two methods of TensorFlow's, in a wrapper."""
    import keras
    from keras import backend as K

    class Descent:
        def compute_gradients(self, loss, params):
            return list(zip(K.gradients(loss, params), params))

        def apply_gradients(self, pairs, global_step):
            return [K.update_sub(p, 0.1 * g) for g, p in pairs]

    optimizer = keras.optimizers.TFOptimizer(Descent())
    model = keras.Sequential([keras.layers.Dense(1, use_bias=False, input_dim=1, kernel_initializer="zeros")])
    model.compile(optimizer, "mse")
    model.train_on_batch(np.array([[1.0]]), np.array([[1.0]]))
    np.testing.assert_allclose(model.get_weights()[0], [[0.2]], rtol=1e-5)
