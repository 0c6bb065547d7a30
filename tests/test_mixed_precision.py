"""Mixed precision: what is computed in 16 bits and what is not, training against float32, the loss scale."""

import importlib.util

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import backend as K
from gpukeras import mixed_precision as mixed
from gpukeras.layers import (
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Lambda,
    TimeDistributed,
    add,
)
from gpukeras.models import Model, Sequential, load_model
from tests.golden import layers_cases
from tests.test_layers_golden import CONFIGS, _stored

BFLOAT16 = importlib.util.find_spec("ml_dtypes") is not None
POLICIES = ["mixed_float16", *(["mixed_bfloat16"] if BFLOAT16 else [])]


@pytest.fixture(autouse=True)
def policy_is_put_back():
    before = mixed.get_policy()
    yield
    mixed.set_policy(before)


def rand(seed, *shape):
    return np.random.RandomState(seed).randn(*shape).astype("float32")


# --- policies -------------------------------------------------------------------------------------------------------


def test_policies_are_set_by_name(monkeypatch):
    assert mixed.get_policy() == "float32"
    mixed.set_policy("mixed_float16")
    assert mixed.get_policy() == "mixed_float16"
    with pytest.raises(ValueError, match="unknown policy 'float8'; expected one of float32, mixed_float16"):
        mixed.set_policy("float8")
    monkeypatch.setattr(mixed._State, "policy", None)
    monkeypatch.setenv("GPUKERAS_PRECISION", "mixed_float16")
    assert mixed.get_policy() == "mixed_float16"
    monkeypatch.setattr(mixed._State, "policy", None)
    monkeypatch.setenv("GPUKERAS_PRECISION", "half")
    with pytest.raises(ValueError, match="GPUKERAS_PRECISION: unknown policy 'half'"):
        mixed.get_policy()
    monkeypatch.setattr(mixed._State, "policy", "float32")


def dtypes(model):
    return [K.dtype(layer.output) for layer in model.layers]


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_computed_in_which_type(policy):
    mixed.set_policy(policy)
    low = policy.removeprefix("mixed_")
    model = Sequential([
        Conv2D(4, 3, input_shape=(8, 8, 3)), BatchNormalization(), Activation("relu"), GlobalAveragePooling2D(),
        Dense(5, activation="tanh"), Dense(4), Activation("softmax"),
    ])  # fmt: skip
    # Statistics, means and softmax are of float32; the next layer rounds what it takes in.
    assert dtypes(model) == [low, "float32", low, "float32", low, low, "float32"]
    assert {K.dtype(w) for w in model.weights} == {"float32"}
    assert model.predict(rand(0, 2, 8, 8, 3)).dtype == np.float32


def test_outputs_and_targets_are_float32():
    mixed.set_policy("mixed_float16")
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=["mae"])
    assert K.dtype(model.output) == "float16" and K.dtype(model.targets[0]) == K.dtype(model.total_loss) == "float32"
    assert {K.dtype(t) for t in model.metrics_tensors} == {"float32"}
    assert model.predict(rand(0, 2, 4)).dtype == np.float32
    # 1000^2 is beyond float16
    assert model.evaluate(rand(0, 2, 4), np.full((2, 3), 1000.0), verbose=0)[0] > 9e5


def test_a_layer_can_stay_out():
    mixed.set_policy("mixed_float16")
    model = Sequential([Dense(3, input_shape=(4,)), Dense(3, dtype="float32"), Dense(3)])
    assert dtypes(model) == ["float16", "float32", "float16"]
    config = model.get_config()
    again = Sequential.from_config(config)
    assert dtypes(again) == dtypes(model)
    mixed.set_policy("float32")
    again = Sequential.from_config(config)  # the policy is the program's, not the file's
    assert dtypes(again) == ["float32"] * 3
    alone = Sequential([Dense(3, input_shape=(4,)), Dense(3, dtype="mixed_float16"), Dense(2)])
    assert dtypes(alone) == ["float32", "float16", "float32"]
    assert dtypes(Sequential.from_config(alone.get_config())) == dtypes(alone)
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    assert Dense(3, dtype=policy)._policy == "mixed_float16" and Dense(3, dtype=policy).dtype == "float32"


def test_float64_and_integers_are_left_alone():
    mixed.set_policy("mixed_float16")
    wide, ids = Input((3,), dtype="float64"), Input((2,), dtype="int32")
    assert K.dtype(Lambda(lambda t: t + 1)(wide)) == "float64"
    assert K.dtype(Lambda(lambda t: t + 1)(ids)) == "int32"


def test_ids_of_words_stay_whole():
    mixed.set_policy("mixed_float16")
    ids = np.array([[4095, 2049, 0]])
    for wrap in (lambda layer: layer, lambda layer: TimeDistributed(layer)):
        layer, inputs = Embedding(5000, 4), Input((3, 1))
        model = Model(inputs, wrap(layer)(inputs))
        np.testing.assert_array_equal(model.predict(ids[..., None]).reshape(3, 4), layer.get_weights()[0][ids[0]])


def test_updates_of_layers_are_found():
    mixed.set_policy("mixed_float16")
    inputs = Input((4, 5))
    x = TimeDistributed(BatchNormalization())(inputs)
    model = Model(inputs, BatchNormalization()(x))
    assert len(model.updates) == 4
    again = Model(inputs, model(inputs))
    assert len(again.updates) == 4
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(rand(0, 6, 4, 5) * 3, rand(1, 6, 4, 5))
    assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


# --- against float32 ------------------------------------------------------------------------------------------------


def layer_run(name, policy):
    K.clear_session()
    mixed.set_policy(policy)
    stored = _stored(name)
    targets = stored["target"][0] if stored["target"] else None
    layer = keras.layers.deserialize(CONFIGS[name])
    return layers_cases.run(keras, layer, stored["input"], stored["weight"], targets, bool(stored["after"]))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_layer_is_near_float32(name, policy):
    output, after = layer_run(name, policy)
    want, want_after = layer_run(name, "float32")
    # Some products and sums of numbers with 11 or 8 bits, relative to the largest.
    tolerance = 3e-3 if policy == "mixed_float16" else 2e-2
    for a, b in zip([output, *after], [want, *want_after], strict=True):
        assert a.dtype == b.dtype == np.float32
        assert np.abs(a - b).max() <= tolerance * (1 + np.abs(b).max())


def networks():
    """name -> (model maker, inputs, targets, loss)"""
    images, rows, words = rand(1, 64, 8, 8, 3), rand(2, 64, 6), np.random.RandomState(3).randint(0, 50, (64, 7))

    def residual():
        inputs = Input((8, 8, 3))
        x = Conv2D(8, 3, padding="same", kernel_regularizer="l2")(inputs)
        x = Activation("relu")(BatchNormalization()(x))
        x = add([x, Conv2D(8, 1)(inputs)])
        return Model(inputs, Dense(2, activation="softmax")(GlobalAveragePooling2D()(x)))

    def two_outputs():
        inputs = Input((6,))
        x = Dense(16, activation="relu", activity_regularizer="l2")(inputs)
        return Model(inputs, [Dense(1, name="a")(x), Dense(3, activation="softmax", name="b")(x)])

    def recurrent():
        return Sequential([Embedding(50, 8, input_length=7), Bidirectional(LSTM(6)), Dense(1, activation="sigmoid")])

    def nested():
        inner = Sequential([Dense(8, activation="tanh", input_shape=(6,)), Dense(4)])
        inputs = Input((6,))
        return Model(inputs, Dense(1, activation="sigmoid")(inner(inputs)))

    classes = (images.mean((1, 2, 3)) > 0).astype(int)
    above = (rows[:, :2].sum(1) > 0).astype("float32")
    return {
        "residual": (residual, images, classes, "sparse_categorical_crossentropy"),
        "two outputs": (two_outputs, rows, [rows[:, :1] * 2, np.eye(3)[rows[:, :3].argmax(1)]],
                        {"a": "mse", "b": "categorical_crossentropy"}),
        "recurrent": (recurrent, words, (words > 25).sum(1) > 3, "binary_crossentropy"),
        "nested": (nested, rows, above, "binary_crossentropy"),
    }  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["residual", "two outputs", "recurrent", "nested"])
def test_training_follows_float32(name, policy):
    make, x, y, loss = networks()[name]
    losses, start = {}, None
    for p in ("float32", policy):
        K.clear_session()
        mixed.set_policy(p)
        np.random.seed(5)
        model = make()
        # A scale that leaves out no first steps, as float32 does.
        model.compile(mixed.scale_loss(keras.optimizers.Adam(0.02, clipnorm=1.0), 2.0**10), loss)
        start = start or model.get_weights()
        model.set_weights(start)
        losses[p] = model.fit(x, y, batch_size=16, epochs=6, shuffle=False, verbose=0).history["loss"]
        assert {w.dtype.name for w in model.get_weights()} == {"float32"}
        assert {w.dtype.name for w in model.optimizer.get_weights()} <= {"float32", "int64", "int32"}
    assert losses["float32"][-1] < 0.9 * losses["float32"][0]
    np.testing.assert_allclose(losses[policy], losses["float32"], rtol=0.02 if policy == "mixed_float16" else 0.1)


def test_small_steps_are_not_lost():
    """An update below half a unit of float16's last place reaches the float32 weights."""
    mixed.set_policy("mixed_float16")
    model = Sequential([Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))])
    model.compile(mixed.scale_loss(keras.optimizers.SGD(1e-4), 64.0), "mse")
    for _ in range(10):
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
    np.testing.assert_allclose(model.get_weights()[0], [[0.998]], rtol=1e-5)


# --- the loss scale -------------------------------------------------------------------------------------------------


def stepper(initial=8.0, growth_steps=3, optimizer=None):
    """A step of a weight w along the gradient of w * x for a fed x, and the scale's variables."""
    w, x = K.variable([1.0, 2.0]), K.placeholder((2,))
    optimizer = mixed.scale_loss(optimizer or keras.optimizers.SGD(0.5, momentum=0.5), initial, growth_steps)
    updates = optimizer.guarded(optimizer.get_updates(K.sum(w * x), [w]))
    return K.function([x], [K.sum(w)], updates), w, optimizer


def test_dynamics_of_the_scale():
    step, _, optimizer = stepper()
    good, bad, worse = [1.0, 1.0], [np.inf, 1.0], [1.0, np.nan]
    seen = []
    for x in (good, good, good, good, bad, good, good, worse, good, good, good, good):
        step([x])
        seen.append(tuple(K.batch_get_value(optimizer.loss_scale.weights)))
    assert seen == [
        (8, 1), (8, 2), (16, 0), (16, 1), (8, 0), (8, 1), (8, 2), (4, 0), (4, 1), (4, 2), (8, 0), (8, 1),
    ]  # fmt: skip
    for _ in range(6):
        step([bad])
    assert K.batch_get_value(optimizer.loss_scale.weights) == [1, 0]  # no lower


def test_a_bad_step_changes_nothing():
    step, w, optimizer = stepper(optimizer=keras.optimizers.Adam(0.1))
    step([[1.0, -1.0]])
    before = [K.get_value(w), *optimizer.get_weights()[:-2]]
    step([[np.nan, 1.0]])
    for a, b in zip(before, [K.get_value(w), *optimizer.get_weights()[:-2]], strict=True):
        np.testing.assert_array_equal(a, b)
    step([[1.0, -1.0]])
    assert not np.array_equal(K.get_value(w), before[0])
    assert K.get_value(optimizer.iterations) == 2


@pytest.mark.parametrize("options", [{}, {"clipnorm": 0.1}, {"clipvalue": 0.05}])
def test_the_scale_does_not_change_steps(options):
    results = []
    for initial in (1.0, 2.0**20):
        step, w, _ = stepper(initial, optimizer=keras.optimizers.SGD(0.5, **options))
        step([[3.0, -4.0]])
        results.append(K.get_value(w))
    np.testing.assert_array_equal(*results)


def test_gradients_below_the_range_of_float16_arrive():
    moved = {}
    for initial in (1.0, 2.0**15):
        K.clear_session()
        mixed.set_policy("mixed_float16")
        inputs = Input((4,))
        hidden = Dense(3, use_bias=False, kernel_initializer="ones", activation="relu")(inputs)
        model = Model(inputs, Lambda(lambda t: K.cast(t, "float32") * 1e-9, dtype="float32")(hidden))
        model.compile(mixed.scale_loss(keras.optimizers.SGD(1e7), initial), lambda t, y: K.sum(y, -1))
        before = model.get_weights()[0]
        model.train_on_batch(np.ones((2, 4)), np.zeros((2, 3)))
        moved[initial] = np.abs(model.get_weights()[0] - before).max()
    assert moved[1.0] == 0
    np.testing.assert_allclose(moved[2.0**15], 1e-2, rtol=1e-2)


def test_compile_adds_a_scale_where_it_is_needed():
    def compiled(**kwargs):
        model = Sequential([Dense(2, input_shape=(3,), **kwargs)])
        model.compile("adam", "mse")
        return model.optimizer.loss_scale

    assert compiled() is None
    mixed.set_policy("mixed_float16")
    assert isinstance(compiled(), mixed.LossScale)
    if BFLOAT16:
        mixed.set_policy("mixed_bfloat16")
        assert compiled() is None  # the range is that of float32
    mixed.set_policy("mixed_float16")
    own = mixed.scale_loss(keras.optimizers.SGD(), 4.0, 10)
    model = Sequential([Dense(2, input_shape=(3,))])
    model.compile(own, "mse")
    assert model.optimizer is own and own.loss_scale.get_config() == {"initial": 4.0, "growth_steps": 10}
    again = keras.optimizers.deserialize(keras.optimizers.serialize(own))
    assert again.loss_scale.get_config() == own.loss_scale.get_config()


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam"])
def test_every_optimizer_takes_a_scale(optimizer):
    mixed.set_policy("mixed_float16")
    model = Sequential([Dense(2, input_shape=(3,))])
    model.compile(optimizer, "mse")
    before = model.get_weights()[0]
    model.train_on_batch(rand(0, 4, 3), rand(1, 4, 2))
    assert not np.array_equal(model.get_weights()[0], before)
    state = model.optimizer.get_weights()
    assert list(state[-2:]) == [2.0**15, 1]
    model.optimizer.set_weights(state)


def test_files_hold_the_scale_and_load_everywhere(tmp_path):
    mixed.set_policy("mixed_float16")
    model = Sequential([Dense(4, activation="relu", input_shape=(3,)), Dense(2)])
    model.compile(mixed.scale_loss(keras.optimizers.Adam(), growth_steps=2000), "mse")
    x, y = rand(0, 8, 3), rand(1, 8, 2)
    for _ in range(3):
        model.train_on_batch(x, y)
    path = str(tmp_path / "model.h5")
    model.save(path)
    again = load_model(path)
    assert K.batch_get_value(again.optimizer.loss_scale.weights) == [2.0**15, 3]
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.train_on_batch(x, y) == model.train_on_batch(x, y)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    mixed.set_policy("float32")
    plain = load_model(path)  # warnings are errors: the optimizer's state fits
    assert plain.optimizer.loss_scale is None and K.get_value(plain.optimizer.iterations) == 3
    plain.save(path)
    mixed.set_policy("mixed_float16")
    assert K.batch_get_value(load_model(path).optimizer.loss_scale.weights) == [2.0**15, 0]


def test_optimizers_of_ones_own():
    class Plain(keras.optimizers.Optimizer):
        def get_updates(self, loss, params):
            self.weights = []
            return [K.update_sub(p, 0.1 * g) for p, g in zip(params, self.get_gradients(loss, params))]

    class Stubborn(Plain):
        def get_gradients(self, loss, params):
            return K.gradients(loss, params)

    mixed.set_policy("mixed_float16")
    results = []
    for cls in (Plain, Stubborn):
        model = Sequential([Dense(1, kernel_initializer="ones", input_shape=(2,))])
        model.compile(mixed.scale_loss(cls(), 64.0), "mse")
        model.train_on_batch(np.ones((2, 2)), np.zeros((2, 1)))
        results.append(model.get_weights()[0])
    np.testing.assert_allclose(*results, rtol=1e-3)
    assert K.get_value(model.optimizer.loss_scale.good_steps) == 0  # not used


# --- everything in float16 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_layer_in_float16(name):
    want, want_after = layer_run(name, "float32")
    K.set_floatx("float16")
    output, after = layer_run(name, "float32")
    if "dtype" not in CONFIGS[name]["config"]:
        assert {output.dtype, *(a.dtype for a in after)} == {np.dtype("float16")}
    for a, b in zip([output, *after], [want, *want_after], strict=True):
        assert np.abs(a - b).max() <= 3e-3 * (1 + np.abs(b).max())


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam"])
def test_every_optimizer_in_float16(optimizer):
    K.set_floatx("float16")
    # The default of 1e-7 is next to nothing in float16, and squares of small gradients are nothing.
    K.set_epsilon(1e-4)
    model = Sequential([Dense(8, activation="tanh", input_shape=(3,)), Dense(1)])
    model.compile(optimizer, "mse", metrics=["mae"])
    x = rand(0, 64, 3)
    y = x[:, :1] - x[:, 1:2]
    history = model.fit(x, y, batch_size=16, epochs=15, verbose=0).history["loss"]
    assert np.isfinite(history).all() and history[-1] < history[0]
    assert {w.dtype.name for w in model.get_weights()} == {"float16"}


LOSSES = [
    "mse", "mae", "mape", "msle", "squared_hinge", "hinge", "categorical_hinge", "logcosh", "categorical_crossentropy",
    "sparse_categorical_crossentropy", "binary_crossentropy", "kld", "poisson", "cosine_proximity",
]  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_its_gradient_in_float16(loss):
    rng = np.random.RandomState(2)
    p = rng.uniform(0.1, 1, (5, 4))
    p = (p / p.sum(-1, keepdims=True)).astype("float16")
    true = rng.randint(0, 4, (5, 1)) if loss.startswith("sparse") else np.eye(4)[rng.randint(0, 4, 5)]
    results = []
    for dtype in ("float32", "float16"):
        K.set_floatx(dtype)
        y, t = K.placeholder((5, 4)), K.placeholder(true.shape)
        value = K.mean(getattr(keras.losses, loss)(t, y))
        assert K.dtype(value) == dtype
        results.append(K.function([t, y], [value, *K.gradients(value, [y])])([true, p]))
    for single, half in zip(*results):
        if loss == "mape":  # what is relative to a target of 0 is beyond float16
            continue
        np.testing.assert_allclose(half.astype("float32"), single, rtol=1e-2, atol=2e-3)


def test_metrics_in_float16():
    K.set_floatx("float16")
    model = Sequential([Flatten(input_shape=(2, 2)), Dense(3, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["acc", "top_k_categorical_accuracy", "mse"])
    values = model.evaluate(rand(0, 6, 2, 2), np.eye(3)[[0, 1, 2, 0, 1, 2]], verbose=0)
    assert len(values) == 4 and np.isfinite(values).all()


@pytest.mark.parametrize("layer", ["CuDNNLSTM", "CuDNNGRU", "LSTM"])
def test_stateful_recurrent_layers(layer):
    """States are variables, and so of float32; what is summed over steps is too."""
    losses = {}
    for policy in ("float32", *POLICIES):
        K.clear_session()
        mixed.set_policy(policy)
        model = Sequential([getattr(keras.layers, layer)(4, stateful=True, batch_input_shape=(4, 6, 3)), Dense(1)])
        model.set_weights([0.4 * rand(i, *w.shape) for i, w in enumerate(model.get_weights())])
        model.compile(mixed.scale_loss(keras.optimizers.SGD(0.1), 2.0**8), "mse")
        losses[policy] = [model.train_on_batch(rand(1, 4, 6, 3), rand(2, 4, 1)) for _ in range(4)]
        assert {K.dtype(s) for s in model.layers[0].states} == {"float32"}
    for policy in POLICIES:
        np.testing.assert_allclose(losses[policy], losses["float32"], rtol=2e-2)


def test_gradients_are_looked_through_in_one_go():
    from gpukeras.compiler.program import Program
    from gpukeras.kernels.native.opcodes import opcodes

    if not opcodes():
        pytest.skip("fused loops need the native extension")
    grads = [K.placeholder(shape) for shape in ((100,), (5, 7), (3, 3, 2, 4))]
    program = Program([K.all_finite(grads)], [], {t: tuple(t.shape) for t in grads}, engine="native")
    assert len(program.steps) == 2  # counts of all gradients, and their sum
    f = K.function(grads, [K.all_finite(grads)])
    arrays = [rand(i, *t.shape) for i, t in enumerate(grads)]
    assert f(arrays)[0]
    for value in (np.inf, -np.inf, np.nan):
        arrays[1][2, 3] = value
        assert not f(arrays)[0]
