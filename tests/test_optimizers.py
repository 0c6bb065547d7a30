"""Optimizers: state, schedules, clipping, configs, and what user code does with them.

The numbers of six steps of every optimizer against Keras 2.2.4 are in test_catalogue_golden.py.
"""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import constraints, optimizers
from gpukeras.layers import Dense
from gpukeras.models import Sequential

NAMES = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"]


def _params():
    return [K.variable(np.ones((2, 3)), name="w"), K.variable(np.ones(3), name="b")]


def _loss(params, factor=1.0):
    return factor * K.sum(params[0]) + factor * K.sum(params[1])


def _built(optimizer, factor=1.0):
    params = _params()
    updates = optimizer.get_updates(loss=_loss(params, factor), params=params)
    return params, K.function([], [_loss(params)], updates=updates)


@pytest.mark.parametrize(
    "name, shapes",
    [
        ("SGD", [(), (2, 3), (3,)]),
        ("RMSprop", [(2, 3), (3,)]),
        ("Adagrad", [(2, 3), (3,)]),
        ("Adadelta", [(2, 3), (3,)] * 2),
        ("Adam", [(), (2, 3), (3,), (2, 3), (3,), (1,), (1,)]),
        ("Adamax", [()] + [(2, 3), (3,)] * 2),
        ("Nadam", [()] + [(2, 3), (3,)] * 2),
    ],
)
def test_saved_state(name, shapes):
    optimizer = getattr(optimizers, name)()
    assert optimizer.weights == [] and optimizer.updates == []
    params, step = _built(optimizer)
    assert [w.shape for w in optimizer.get_weights()] == shapes
    for _ in range(3):
        step([])
    state, values = optimizer.get_weights(), K.batch_get_value(params)
    if shapes[0] == ():
        assert state[0] == 3 and K.dtype(optimizer.weights[0]) == "int64"
    step([])
    after = K.batch_get_value(params)
    # A second optimizer goes on from the first one's state.
    other = getattr(optimizers, name)()
    others, other_step = _built(other)
    K.batch_set_value(list(zip(others, values)))
    other.set_weights(state)
    K.set_value(other.iterations, 3)
    other_step([])
    for a, b in zip(after, K.batch_get_value(others)):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_nadams_schedule_goes_on_where_the_counter_says():
    optimizer = optimizers.Nadam()
    _built(optimizer)
    state = optimizer.get_weights()
    for steps in (0, 5, 10**7):
        optimizer.set_weights([np.int64(steps), *state[1:]])
        t = np.arange(1, min(steps, 10**4) + 1)
        want = np.prod(0.9 * (1 - 0.5 * 0.96 ** (t * 0.004)))
        np.testing.assert_allclose(K.get_value(optimizer.m_schedule), want, rtol=1e-6, atol=1e-37)


def test_amsgrad_keeps_full_size_maxima():
    optimizer = optimizers.Adam(amsgrad=True)
    _built(optimizer)
    assert [w.shape for w in optimizer.get_weights()] == [()] + [(2, 3), (3,)] * 3


def test_set_weights_checks():
    optimizer = optimizers.SGD()
    with pytest.raises(ValueError, match=r"weight list \(2\) does not match .* optimizer \(0\)"):
        optimizer.set_weights([1, 2])
    _built(optimizer)
    with pytest.raises(ValueError, match=r"shape \(2, 3\) of .* provided weight shape \(3, 2\)"):
        optimizer.set_weights([np.array(0), np.ones((3, 2)), np.ones(3)])


def test_schedule_through_set_value():
    optimizer = optimizers.SGD(lr=0.1)
    params, step = _built(optimizer)
    step([])
    np.testing.assert_allclose(K.get_value(params[1]), np.full(3, 0.9), rtol=1e-6)
    K.set_value(optimizer.lr, 0.5)
    step([])
    np.testing.assert_allclose(K.get_value(params[1]), np.full(3, 0.4), rtol=1e-6)
    assert K.get_value(optimizer.lr) == np.float32(0.5)


def test_assigning_lr_reaches_the_variable():
    optimizer = optimizers.SGD(lr=0.1)
    params, step = _built(optimizer)
    optimizer.lr = 0.5
    step([])
    np.testing.assert_allclose(K.get_value(params[1]), np.full(3, 0.5), rtol=1e-6)
    optimizer.lr = K.variable(0.25)
    assert K.get_value(optimizer.lr) == 0.25


def test_decay_counts_the_steps_before():
    optimizer = optimizers.SGD(lr=1.0, decay=1.0)
    params, step = _built(optimizer)
    seen = [1.0]
    for _ in range(3):
        step([])
        seen.append(K.get_value(params[1])[0])
    np.testing.assert_allclose(-np.diff(seen), [1, 1 / 2, 1 / 3], rtol=1e-6)


def test_clipnorm_is_one_norm_over_all():
    params = _params()
    # Nine entries of 2 have norm 6.
    for g in optimizers.SGD(clipnorm=1.0).get_gradients(_loss(params, 2.0), params):
        np.testing.assert_allclose(K.eval(g), np.full(K.int_shape(g), 1 / 3), rtol=1e-6)


def test_clipnorm_leaves_small_and_zero_gradients():
    params = _params()
    for factor in (0.1, 0.0):
        for g in optimizers.SGD(clipnorm=1.0).get_gradients(_loss(params, factor), params):
            np.testing.assert_allclose(K.eval(g), np.full(K.int_shape(g), factor), rtol=1e-6)


def test_clipvalue_and_negative_limits():
    params = _params()
    for g in optimizers.SGD(clipvalue=0.5).get_gradients(_loss(params, -2.0), params):
        np.testing.assert_allclose(K.eval(g), np.full(K.int_shape(g), -0.5))
    off = optimizers.SGD(clipnorm=-1.0, clipvalue=0.0)
    for g in off.get_gradients(_loss(params, 2.0), params):
        np.testing.assert_allclose(K.eval(g), np.full(K.int_shape(g), 2.0))


def test_clip_norm_function():
    g, n = K.variable([3.0, 4.0]), K.constant(5.0)
    np.testing.assert_allclose(K.eval(optimizers.clip_norm(g, 1.0, n)), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(K.eval(optimizers.clip_norm(g, 10.0, n)), [3.0, 4.0])
    assert optimizers.clip_norm(g, 0, n) is g


@pytest.mark.parametrize("name", NAMES)
def test_constraint_is_applied(name):
    params = [K.variable(np.array([0.05, 1.0]), constraint=constraints.NonNeg())]
    optimizer = getattr(optimizers, name)(lr=0.1)
    step = K.function([], [], updates=optimizer.get_updates(K.sum(params[0]), params))
    for _ in range(30):
        step([])
    assert K.get_value(params[0])[0] >= 0.0
    if name not in ("Adadelta",):
        assert K.get_value(params[0])[0] == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_learns(name):
    rng = np.random.RandomState(0)
    x = rng.randn(256, 8)
    y = (x[:, :1] + x[:, 1:2] > 0).astype("float32")
    model = Sequential([Dense(12, activation="relu", input_shape=(8,)), Dense(1, activation="sigmoid")])
    rates = dict(SGD=0.5, Adadelta=20.0, Adagrad=0.1)
    model.compile(getattr(optimizers, name)(lr=rates.get(name, 0.02)), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=12, batch_size=16, verbose=0)
    assert history.history["acc"][-1] > 0.9
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.parametrize("name", NAMES)
def test_config_round_trip(name):
    optimizer = getattr(optimizers, name)(lr=0.25, clipnorm=0.5, clipvalue=2.0)
    config = optimizers.serialize(optimizer)
    assert config["class_name"] == name
    assert config["config"]["lr"] == 0.25
    assert config["config"]["clipnorm"] == 0.5 and config["config"]["clipvalue"] == 2.0
    again = optimizers.deserialize(config)
    assert type(again) is type(optimizer) and again.get_config() == config["config"]
    assert optimizers.get(name.upper()).__class__ is type(optimizer)
    assert getattr(optimizers, name.lower()) is type(optimizer)


def test_default_rates_and_epsilon():
    rates = {n: getattr(optimizers, n)().get_config()["lr"] for n in NAMES}
    expected = dict(SGD=0.01, RMSprop=0.001, Adagrad=0.01, Adadelta=1.0, Adam=0.001, Adamax=0.002, Nadam=0.002)
    assert rates == pytest.approx(expected)
    assert optimizers.Adam().epsilon == K.epsilon()
    assert optimizers.Adam(epsilon=0.25).get_config()["epsilon"] == 0.25


def test_lookup():
    optimizer = optimizers.Adam()
    assert optimizers.get(optimizer) is optimizer
    with pytest.raises(ValueError, match="Unknown optimizer.*adma.*adam"):
        optimizers.get("adma")
    for bad in (None, 3, optimizers.Adam):
        with pytest.raises(ValueError, match="Could not interpret optimizer identifier"):
            optimizers.get(bad)


def test_unknown_keyword():
    with pytest.raises(TypeError, match="Unexpected keyword argument passed to optimizer: learning_rate.*`lr`"):
        optimizers.SGD(learning_rate=0.1)


def test_no_gradient_names_the_weight():
    params = _params()
    with pytest.raises(ValueError, match="None. for gradient.*b"):
        optimizers.SGD().get_gradients(K.sum(params[0]), params)


def test_old_argument_order():
    params = _params()
    with pytest.warns(UserWarning, match="Keras 1"):
        updates = optimizers.SGD(lr=0.5).get_updates(params, [], _loss(params))
    K.function([], [], updates=updates)([])
    np.testing.assert_allclose(K.get_value(params[1]), np.full(3, 0.5))


def test_base_class_wants_a_rule():
    with pytest.raises(NotImplementedError, match="write get_updates"):
        optimizers.Optimizer().get_updates(loss=K.constant(0.0), params=[])


def test_user_written_optimizer():
    class Signs(optimizers.Optimizer):
        def __init__(self, lr=0.1, **kwargs):
            super().__init__(**kwargs)
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")

        def get_updates(self, loss, params):
            self.updates = [K.update_add(self.iterations, 1)]
            self.weights = [self.iterations]
            for p, g in zip(params, self.get_gradients(loss, params)):
                new_p = p - self.lr * K.sign(g)
                if getattr(p, "constraint", None) is not None:
                    new_p = p.constraint(new_p)
                self.updates.append(K.update(p, new_p))
            return self.updates

    class Counting(Signs):
        def get_updates(self, params, loss):
            updates = super().get_updates(loss=loss, params=params)
            self.counter = K.variable(0.0)
            self.updates.append(K.update_add(self.counter, 2.0))
            return updates

    model = Sequential([Dense(1, input_shape=(2,), kernel_constraint="nonneg")])
    optimizer = Counting(lr=0.25)
    model.compile(optimizer, "mse")
    model.set_weights([np.ones((2, 1)), np.zeros(1)])
    for _ in range(2):
        model.train_on_batch(np.ones((4, 2)), -10 * np.ones((4, 1)))
    np.testing.assert_allclose(model.get_weights()[0], np.full((2, 1), 0.5), rtol=1e-6)
    assert K.get_value(optimizer.counter) == 4.0
    assert optimizer.get_weights()[0] == 2


def test_wrapped_optimizer():
    class Plain:
        def compute_gradients(self, loss, params):
            return list(zip(K.gradients(loss, params), params))

        def apply_gradients(self, pairs, global_step=None):
            return [K.update(p, p - 0.5 * g) for g, p in pairs]

    optimizer = optimizers.get(Plain())
    assert isinstance(optimizer, optimizers.TFOptimizer)
    params, step = _built(optimizer)
    step([])
    np.testing.assert_allclose(K.get_value(params[1]), np.full(3, 0.5))
    assert K.get_value(optimizer.iterations) == 1
    for read in (lambda: optimizer.weights, optimizer.get_config, lambda: optimizer.from_config({})):
        with pytest.raises(NotImplementedError, match="TFOptimizer"):
            read()


@pytest.mark.parametrize(
    "class_name, config, expected",
    [
        ("Adam", dict(name="Adam", learning_rate=0.5, decay=0.0, beta_1=0.9), dict(lr=0.5)),
        ("Custom>RMSprop", dict(learning_rate=0.5, centered=False, momentum=0.0, jit_compile=True), dict(lr=0.5)),
        ("Nadam", dict(name="Nadam", learning_rate=0.5, decay=0.01), dict(lr=0.5, schedule_decay=0.01)),
        ("SGD", dict(learning_rate=0.5, clipnorm=None, global_clipnorm=2.0), dict(lr=0.5, clipnorm=2.0)),
    ],
)
def test_config_of_later_versions(class_name, config, expected):
    ours = optimizers.get({"class_name": class_name, "config": config}).get_config()
    assert {k: ours[k] for k in expected} == expected


def test_config_of_later_versions_says_what_is_lost():
    schedule = {"class_name": "ExponentialDecay", "config": {"initial_learning_rate": 0.5}}
    config = dict(learning_rate=schedule, weight_decay=0.1, use_ema=False)
    with pytest.warns(UserWarning, match="weight_decay=0.1, the schedule ExponentialDecay"):
        optimizer = optimizers.get({"class_name": "Adam", "config": config})
    assert optimizer.get_config()["lr"] == 0.5


def test_config_of_a_users_optimizer_with_a_learning_rate_comes_back_as_it_is():
    class Mine(optimizers.SGD):
        def __init__(self, learning_rate=0.01, weight_decay=0.0, **kwargs):
            super().__init__(lr=learning_rate, **kwargs)
            self.weight_decay = weight_decay

    mine = optimizers.deserialize(
        {"class_name": "Mine", "config": {"learning_rate": 0.5, "weight_decay": 0.25}}, {"Mine": Mine}
    )
    assert K.get_value(mine.lr) == 0.5 and mine.weight_decay == 0.25
