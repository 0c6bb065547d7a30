"""Configs of later versions, rewritten as Keras 2.2's."""

import json

import numpy as np
import pytest

from gpukeras import layers, models, optimizers
from gpukeras.engine.saving_config import normalize_config
from gpukeras.engine.saving_training import arrange_optimizer_weights, normalize_training_config
from gpukeras.utils.generic_utils import custom_object_scope


def obj(class_name, /, **config):
    """An object as tf.keras 2.12 and later write it."""
    return {"module": "keras.x", "class_name": class_name, "config": config, "registered_name": None}


SCALINGS = {
    "GlorotUniform": (1.0, "fan_avg", "uniform"),
    "GlorotNormal": (1.0, "fan_avg", "normal"),
    "HeUniform": (2.0, "fan_in", "uniform"),
    "HeNormal": (2.0, "fan_in", "normal"),
    "LecunUniform": (1.0, "fan_in", "uniform"),
    "LecunNormal": (1.0, "fan_in", "normal"),
}


@pytest.mark.parametrize("name", SCALINGS)
def test_named_scalings(name):
    scale, mode, distribution = SCALINGS[name]
    assert normalize_config(obj(name, seed=3, input_axes=None)) == {
        "class_name": "VarianceScaling",
        "config": {"scale": scale, "mode": mode, "distribution": distribution, "seed": 3},
    }


@pytest.mark.parametrize(
    "value, expected",
    [
        (obj("L2", l2=0.5), {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}),
        (obj("L1", l1=0.5), {"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.0}}),
        (obj("Zeros", dtype="float32"), {"class_name": "Zeros", "config": {}}),
        (obj("VarianceScaling", scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None),
         {"class_name": "VarianceScaling",
          "config": {"scale": 1.0, "mode": "fan_in", "distribution": "normal", "seed": None}}),
        (obj("DTypePolicy", name="mixed_float16"), "float32"),
        ({"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}, "relu"),
        ({"class_name": "__tuple__", "items": [1, [2]]}, (1, [2])),
        ({"class_name": "TensorShape", "items": [None, 3]}, [None, 3]),
        ({"a": [obj("L2", l2=0.5)]}, {"a": [{"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}}]}),
    ],
)  # fmt: skip
def test_values(value, expected):
    assert normalize_config(value) == expected


def test_custom_objects_are_left_alone():
    value = {"class_name": "L2", "config": {"mine": 1, "registered_name": "x"}}
    assert normalize_config(value, {"L2": object})["config"] == value["config"]
    with custom_object_scope({"L2": object}):
        assert normalize_config(value)["class_name"] == "L2"


def test_foreign_keys_that_change_nothing_are_dropped():
    got = normalize_config(obj("Dense", name="d", units=3, quantization_config=None, module="x", dtype="float32"))
    assert got == {"class_name": "Dense", "config": {"name": "d", "units": 3, "dtype": "float32"}}
    got = normalize_config(obj("InputLayer", batch_shape=[None, 3], dtype="int32", ragged=False, optional=False))
    assert got["config"] == {"batch_input_shape": [None, 3], "dtype": "int32"}
    got = normalize_config(obj("BatchNormalization", axis=[1], synchronized=False, renorm_clipping={}))
    assert got["config"] == {"axis": 1}
    assert normalize_config(obj("LeakyReLU", negative_slope=0.1))["config"] == {"alpha": 0.1}


@pytest.mark.parametrize(
    "value, message",
    [
        (obj("InputLayer", name="in", batch_shape=[None, 3], ragged=True), r"'in' \(InputLayer\) .* ragged=True"),
        (obj("BatchNormalization", name="bn", renorm=True), r"'bn' \(BatchNormalization\) .* renorm=True"),
        (obj("Dense", name="d", units=3, lora_rank=4), r"'d' \(Dense\) .* lora_rank=4.*expected None"),
    ],
)
def test_foreign_keys_that_mean_something_are_reported(value, message):
    with pytest.raises(ValueError, match=message):
        normalize_config(value)


def test_keys_nobody_knows_reach_the_constructor():
    config = {"class_name": "Sequential", "config": [obj("Dense", units=3, nonsense=1)]}
    with pytest.raises(TypeError, match="nonsense"):
        models.model_from_config(config)


def test_sequential_takes_the_shape_it_was_built_with():
    config = {
        "class_name": "Sequential",
        "config": {"name": "s", "dtype": "float32", "layers": [obj("Dense", units=3)], "build_input_shape": [None, 4]},
    }
    assert models.model_from_config(config).input_shape == (None, 4)


def test_unknown_layers_are_named():
    config = {"class_name": "Sequential", "config": [obj("Attention2", units=3)]}
    with pytest.raises(ValueError, match="Unknown layer: Attention2.*custom_objects"):
        models.model_from_config(config)
    with pytest.raises(TypeError, match="Sequential.from_config"):
        models.model_from_config([])


def tensor(name, node=0, index=0):
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "keras_history": [name, node, index]}}


def test_nodes_of_keras_3():
    """Arguments by position and keyword become inputs and constants; what only made masks falls away."""
    layer_configs = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "a"}, "name": "a",
         "inbound_nodes": []},
        {"module": "keras.src.ops.numpy", "class_name": "NotEqual", "config": {"name": "ne"}, "name": "ne",
         "inbound_nodes": [{"args": [tensor("a")], "kwargs": {}}]},
        {"class_name": "Dense", "config": {"units": 3, "name": "d"}, "name": "d",
         "inbound_nodes": [{"args": [tensor("a")], "kwargs": {"mask": tensor("ne"), "training": False}},
                           {"args": [tensor("d")], "kwargs": {}}]},
        {"class_name": "Add", "config": {"name": "sum"}, "name": "sum",
         "inbound_nodes": [{"args": [[tensor("a"), tensor("d", 1)]], "kwargs": {}}]},
    ]  # fmt: skip
    config = {
        "class_name": "Functional",
        "config": {"name": "f", "layers": layer_configs, "input_layers": ["a", 0, 0], "output_layers": ["sum", 0, 0]},
    }
    got = normalize_config(config)["config"]
    assert got["input_layers"] == [["a", 0, 0]] and got["output_layers"] == [["sum", 0, 0]]
    assert [layer["name"] for layer in got["layers"]] == ["a", "d", "sum"]
    assert got["layers"][1]["inbound_nodes"] == [[["a", 0, 0, {}]], [["d", 0, 0, {}]]]
    assert got["layers"][2]["inbound_nodes"] == [[["a", 0, 0, {}], ["d", 1, 0, {}]]]
    model = models.model_from_config(config)
    kernel = np.arange(9.0).reshape(3, 3) / 10
    model.set_weights([kernel, np.zeros(3)])
    x = np.ones((2, 3))
    np.testing.assert_allclose(model.predict(x), x + x @ kernel @ kernel, rtol=1e-6)


def test_the_argument_is_not_changed():
    config = {"class_name": "Sequential", "config": {"layers": [obj("LeakyReLU", negative_slope=0.1, dtype="float32")]}}
    before = json.dumps(config)
    normalize_config(config)
    assert json.dumps(config) == before


def test_own_configs_pass_unchanged():
    x = layers.Input((3,))
    y = layers.Dense(2, kernel_regularizer="l2", activation="relu")(x)
    y = layers.BatchNormalization()(layers.add([y, layers.Dropout(0.5)(y)]))
    model = models.Model(x, y)
    config = {"class_name": "Model", "config": model.get_config()}
    assert json.loads(json.dumps(normalize_config(config))) == json.loads(json.dumps(config))


# ------------------------------------------------------------------------------------ training configurations
def training(optimizer="SGD", settings=None, **more):
    return {"optimizer_config": {"class_name": optimizer, "config": settings or {}}, "loss": "mse", **more}


def test_optimizer_settings():
    settings = {
        "name": "Adam", "learning_rate": 0.01, "weight_decay": None, "clipnorm": None, "global_clipnorm": 2.0,
        "use_ema": False, "ema_momentum": 0.99, "jit_compile": True, "is_legacy_optimizer": False, "beta_1": 0.8,
    }  # fmt: skip
    got = normalize_training_config(training("Custom>Adam", settings), ["y"])["optimizer_config"]
    assert got == {"class_name": "Adam", "config": {"lr": 0.01, "clipnorm": 2.0, "beta_1": 0.8}}
    with pytest.warns(UserWarning, match="weight_decay=0.1"):
        normalize_training_config(training("SGD", {"weight_decay": 0.1}), ["y"])


def test_learning_rate_schedules_become_their_first_rate():
    rate = obj("ExponentialDecay", initial_learning_rate=0.5, decay_steps=10, decay_rate=0.9)
    with pytest.warns(UserWarning, match="ExponentialDecay.*its initial 0.5"):
        got = normalize_training_config(training("SGD", {"learning_rate": rate}), ["y"])
    assert got["optimizer_config"]["config"] == {"lr": 0.5}


def test_unknown_optimizers_are_named():
    with pytest.raises(ValueError, match="Unknown optimizer: Lion"):
        optimizers.deserialize(normalize_training_config(training("Custom>Lion"), ["y"])["optimizer_config"])


@pytest.mark.parametrize(
    "loss, expected",
    [
        (obj("MeanSquaredError", reduction="auto"), "mean_squared_error"),
        ([obj("KLDivergence"), "mae"], ["kullback_leibler_divergence", "mae"]),
        ({"a": obj("BinaryCrossentropy", from_logits=False, label_smoothing=0.0)}, {"a": "binary_crossentropy"}),
        (obj("LossFunctionWrapper", fn="my_loss"), "my_loss"),
        ("log_cosh", "logcosh"),
        (None, None),
    ],
)
def test_losses(loss, expected):
    assert normalize_training_config(dict(training(), loss=loss), ["a"])["loss"] == expected


def wrapper(name, fn):
    return obj("MeanMetricWrapper", name=name, dtype="float32", fn=fn)


@pytest.mark.parametrize(
    "metrics, outputs, expected",
    [
        (None, ["a"], []),
        (["acc"], ["a"], ["acc"]),
        ([[wrapper("accuracy", "categorical_accuracy")]], ["a"], ["accuracy"]),
        ([[wrapper("a_mae", "mean_absolute_error")], [wrapper("b_acc", "binary_accuracy")]], ["a", "b"],
         {"a": ["mean_absolute_error"], "b": ["acc"]}),
        ({"a": "mae", "b": [obj("MeanSquaredError", name="mse")]}, ["a", "b"],
         {"a": "mae", "b": ["mean_squared_error"]}),
    ],
)  # fmt: skip
def test_metrics(metrics, outputs, expected):
    assert normalize_training_config(training(metrics=metrics), outputs)["metrics"] == expected


class FakeOptimizer:
    def __init__(self, shapes, iterations=True):
        self.weights = [np.zeros(s) for s in shapes]
        if iterations:
            self.iterations = self.weights[0]


def arrange(kind, shapes, names, values, iterations=True):
    optimizer = type(kind, (FakeOptimizer,), {})(shapes, iterations)
    return arrange_optimizer_weights(optimizer, names, values)


K_, B_ = np.full((2, 3), 1.0), np.full((3,), 2.0)
ADAM = [(), (2, 3), (3,), (2, 3), (3,)]


def test_alternating_slots_are_grouped():
    names = ["iteration:0", "Adam/m/d/kernel:0", "Adam/v/d/kernel:0", "Adam/m/d/bias:0", "Adam/v/d/bias:0"]
    got = arrange("Adam", ADAM + [(1,), (1,)], names, [np.int64(7), K_, K_ * 10, B_, B_ * 10])
    assert got[0] == 7
    for value, want in zip(got[1:], [K_, B_, K_ * 10, B_ * 10, np.zeros(1), np.zeros(1)], strict=True):
        np.testing.assert_array_equal(value, want)


def test_slots_of_keras_3():
    names = ["adam/iteration", "adam/learning_rate", "adam/d_kernel_momentum", "adam/d_kernel_velocity",
             "adam/d_bias_momentum", "adam/d_bias_velocity"]  # fmt: skip
    values = [np.int64(7), np.float32(0.1), K_, K_ * 10, B_, B_ * 10]
    got = arrange("Adam", ADAM + [(1,), (1,)], names, values)
    np.testing.assert_array_equal(got[1], K_)
    np.testing.assert_array_equal(got[3], K_ * 10)


def test_a_step_count_that_this_version_does_not_keep_is_dropped():
    """Keras 2.3 and tf.keras count steps with every optimizer."""
    for names in (
        ["RMSprop/iter:0", "RMSprop/d/kernel/rms:0"],
        ["RMSprop/iterations:0", "training/RMSprop/Variable:0"],
    ):
        (got,) = arrange("RMSprop", [(2, 3)], names, [np.int64(7), K_], iterations=False)
        np.testing.assert_array_equal(got, K_)


def test_states_of_custom_optimizers_keep_their_order():
    names = ["a/m/x:0", "a/v/y:0"]
    got = arrange("Mine", [(2, 3), (3,)], names, [K_, B_], iterations=False)
    assert got[0] is K_ and got[1] is B_


def test_states_in_the_order_of_names():
    """Before 2.0.6 Keras sorted weights by name: bias before kernel, dense_10 before dense_2."""
    parameters = ["dense_2/kernel:0", "dense_2/bias:0", "dense_10/kernel:0", "dense_10/bias:0"]
    mine = [np.full((2, 3), 1.0), np.full(3, 2.0), np.full((3, 1), 3.0), np.full(1, 4.0)]
    file_order = [mine[3], mine[2], mine[1], mine[0]]
    optimizer = FakeOptimizer([()] + [v.shape for v in mine] * 2)
    optimizer.__class__ = type("Adam", (FakeOptimizer,), {})
    values = [np.int64(5)] + file_order + [v * 10 for v in file_order]
    got = arrange_optimizer_weights(optimizer, ["iterations:0"] + ["Variable:0"] * 8, values, parameters)
    assert got[0] == 5
    for value, want in zip(got[1:], mine + [v * 10 for v in mine], strict=True):
        np.testing.assert_array_equal(value, want)


def test_states_that_do_not_fit_are_none():
    assert arrange("Adam", ADAM, ["Adam/iter:0", "Adam/a/m:0"], [np.int64(1), K_]) is None
    assert arrange("Mine", [(2, 3)], ["a"], [B_], iterations=False) is None


def test_states_of_untrained_models_are_zeros():
    """Later versions make the slots at the first step; a file from before it has counters only."""
    found = arrange("Adam", ADAM, ["Adam/iter:0", "Adam/learning_rate:0"], [np.int64(0), np.float32(0.1)])
    assert [v.shape for v in found] == list(ADAM) and not any(v.any() for v in found)
    found = arrange("Adam", ADAM, ["Adam/iter:0", "Adam/momentum_cache:0"], [np.int64(0), np.float32(1)])
    assert [v.shape for v in found] == list(ADAM)


def test_nadams_schedule_is_no_step_count():
    """Keras 2.3 and tf-keras keep it between the step count and the moments."""
    for schedule, slots in (("Nadam/m_schedule:0", ["m_0", "m_1", "v_0", "v_1"]), ("Nadam/momentum_cache:0", None)):
        slots = slots or ["Nadam/a/kernel/m:0", "Nadam/a/bias/m:0", "Nadam/a/kernel/v:0", "Nadam/a/bias/v:0"]
        values = [np.int64(7), np.float32(0.25), K_, B_, K_ * 10, B_ * 10]
        got = arrange("Nadam", ADAM, ["Nadam/iterations:0", schedule, *slots], values)
        assert got[0] == 7
        np.testing.assert_array_equal(got[4], B_ * 10)
