"""Networks written as configs, text and pickles, and made again from them."""

import copy
import json
import pickle

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.engine import Input, Layer
from gpukeras.engine.network_config import NetworkBuilder
from gpukeras.layers import Dense, Dropout, concatenate
from gpukeras.models import Model, Sequential, clone_model, model_from_json, model_from_yaml


class Add(Layer):
    """Adds a tensor or number given by keyword."""

    def call(self, x, other=None, factor=1.0):
        return x * factor if other is None else x + factor * other


class Stateful(Layer):
    """Takes its initial state by keyword and, as recurrent layers do, makes it an input of its node."""

    def __call__(self, inputs, state=None, **kwargs):
        if isinstance(inputs, list):
            assert state is None, "the state came twice"
            inputs, state = inputs
        if state is None:
            return super().__call__(inputs, **kwargs)
        return super().__call__([inputs, state], state=state, **kwargs)

    def call(self, inputs, state=None):
        return inputs[0] - 2.0 * inputs[1] if isinstance(inputs, list) else inputs

    def compute_output_shape(self, input_shape):
        return input_shape[0] if isinstance(input_shape, list) else input_shape


OWN = {"Add": Add, "Stateful": Stateful}


def rebuilt(model, custom_objects=None):
    """The model made again from its config as JSON text holds it, with the same weights."""
    config = json.loads(json.dumps(model.get_config()))
    again = Model.from_config(config, custom_objects=custom_objects)
    again.set_weights(model.get_weights())
    assert again.get_config() == model.get_config()
    return again


def check_same(model, custom_objects=None):
    data = [np.random.rand(3, *K.int_shape(x)[1:]) for x in model.inputs]
    want, have = model.predict(data), rebuilt(model, custom_objects).predict(data)
    for w, h in zip(want if isinstance(want, list) else [want], have if isinstance(have, list) else [have]):
        np.testing.assert_allclose(h, w, rtol=1e-6)


def test_layout_of_a_config():
    x = Input((3,), name="x")
    model = Model(x, Dense(2, name="d")(x), name="m")
    config = model.get_config()
    assert list(config) == ["name", "layers", "input_layers", "output_layers"]
    assert config["name"] == "m"
    assert config["input_layers"] == [["x", 0, 0]] and config["output_layers"] == [["d", 0, 0]]
    dense = config["layers"][1]
    assert list(dense) == ["name", "class_name", "config", "inbound_nodes"]
    assert (dense["name"], dense["class_name"], dense["inbound_nodes"]) == ("d", "Dense", [[["x", 0, 0, {}]]])
    assert config["layers"][0]["inbound_nodes"] == []


def test_config_is_a_copy():
    x = Input((3,))
    model = Model(x, Dense(2)(x))
    model.get_config()["layers"][1]["config"]["units"] = 7
    assert model.get_config()["layers"][1]["config"]["units"] == 2


def test_shared_layers():
    x = Input((5,))
    a, b = Dense(5, name="A"), Dense(5, name="B")
    check_same(Model(x, a(b(a(b(x))))))


def test_shared_layers_whose_calls_cross():
    x = Input((3,))
    a, b, c = (Dense(3, name=name) for name in "ABC")
    check_same(Model(x, concatenate([b(a(x)), a(c(x))])))


def test_calls_outside_the_network_are_not_counted():
    layer = Dense(3, name="d")
    layer(Input((2,)))
    x = Input((2,), name="x")
    model = Model(x, layer(x))
    assert model.get_config()["output_layers"] == [["d", 0, 0]]
    check_same(model)


def test_nested_models():
    a, b = Input((4,)), Input((4,))
    x = concatenate([Dense(3)(a), b])
    inner = Model([a, b], [x, Dense(2)(x)], name="inner")
    c, d = Input((4,)), Input((4,))
    first, second = inner([c, d]), inner([d, c])
    outer = Model([c, d], concatenate([first[0], second[1]]))
    nodes = {item["name"]: item for item in outer.get_config()["layers"]}["inner"]["inbound_nodes"]
    assert len(nodes) == 2
    check_same(outer)


def test_sequential_inside_a_network():
    x = Input((4,))
    inner = Sequential([Dense(3, input_dim=4), Dropout(0.2)])
    check_same(Model(x, inner(x)))


def test_call_keywords():
    x = Input((3,))
    model = Model(x, Add(name="add")(Dropout(0.5)(x, training=False), factor=3.0))
    assert model.get_config()["layers"][2]["inbound_nodes"][0][0][3] == {"factor": 3.0}
    check_same(model, OWN)


@pytest.mark.parametrize("value", [np.float32(2.5), np.array([1.0, 2.0, 3.0]), np.int64(4)])
def test_numpy_values_among_call_keywords(value):
    x = Input((3,))
    check_same(Model(x, Add()(x, factor=value)), OWN)


def test_tensor_among_call_keywords():
    a, b = Input((3,)), Input((3,))
    shared = Dense(3, name="shared")
    # The tensor comes from the second call of a layer, later in the graph than the layer that takes it.
    y = Add(name="add")(shared(a), other=shared(shared(b)), factor=0.5)
    model = Model([a, b], y)
    config = {item["name"]: item for item in model.get_config()["layers"]}["add"]
    assert config["inbound_nodes"] == [[["shared", 0, 0, {"other": ["shared", 2, 0], "factor": 0.5}]]]
    check_same(model, OWN)


def test_keyword_that_is_an_input_already_is_not_written():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], Stateful(name="s")(a, state=b))
    assert model.layers[-1]._inbound_nodes[0].arguments == {"state": b}
    assert model.get_config()["layers"][-1]["inbound_nodes"] == [[["a", 0, 0, {}], ["b", 0, 0, {}]]]
    check_same(model, OWN)
    c, d = Input((3,)), Input((3,))
    data = [np.random.rand(2, 3), np.random.rand(2, 3)]
    for other in (Model([c, d], model([c, d])), clone_model(model)):
        np.testing.assert_allclose(other.predict(data), model.predict(data), rtol=1e-6)


def test_value_that_cannot_be_saved_is_left_out_with_a_warning():
    x = Input((3,))
    model = Model(x, Add(name="add")(x, other=K.ones((3,))))
    with pytest.warns(UserWarning, match="Layer add was passed a keyword argument that cannot be saved: other="):
        config = model.get_config()
    assert config["layers"][1]["inbound_nodes"] == [[[model.input_names[0], 0, 0, {}]]]


def test_order_of_layers_in_the_config_does_not_matter():
    x = Input((5,))
    a, b = Dense(5, name="A"), Dense(5, name="B")
    model = Model(x, a(b(a(b(x)))))
    config = model.get_config()
    config["layers"].reverse()
    again = Model.from_config(config)
    again.set_weights(model.get_weights())
    data = np.random.rand(2, 5)
    np.testing.assert_allclose(again.predict(data), model.predict(data), rtol=1e-6)


def test_config_that_names_an_unknown_layer():
    x = Input((3,), name="x")
    config = Model(x, Dense(2, name="d")(x), name="m").get_config()
    broken = copy.deepcopy(config)
    broken["layers"][1]["inbound_nodes"][0][0][0] = "gone"
    with pytest.raises(ValueError, match="'m'.*layer 'd'.*'gone'"):
        Model.from_config(broken)
    broken = copy.deepcopy(config)
    broken["output_layers"][0][0] = "gone"
    with pytest.raises(ValueError, match="'m'.*gone"):
        Model.from_config(broken)
    broken = copy.deepcopy(config)
    broken["layers"].append(broken["layers"][1])
    with pytest.raises(ValueError, match="two layers named 'd'"):
        Model.from_config(broken)
    broken = copy.deepcopy(config)
    broken["layers"][1]["class_name"] = "Denze"
    with pytest.raises(ValueError, match="Denze"):
        Model.from_config(broken)


def test_bare_references_of_newer_writers():
    x = Input((3,), name="x")
    config = Model(x, Dense(2, name="d")(x)).get_config()
    config["input_layers"], config["output_layers"] = ["x", 0, 0], ["d", 0, 0]
    config["layers"][1]["inbound_nodes"] = [["x", 0, 0, {}]]
    inputs, outputs = NetworkBuilder(config).build()
    assert len(inputs) == len(outputs) == 1


def test_json_and_yaml():
    x = Input((3,))
    model = Model(x, Dense(2)(x))
    for again in (model_from_json(model.to_json(indent=2)), model_from_yaml(model.to_yaml())):
        assert again.get_config() == model.get_config()
    top = json.loads(model.to_json())
    assert (top["class_name"], top["keras_version"], top["backend"]) == ("Model", "2.2.4", "tensorflow")


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("kind", ["model", "sequential"])
def test_pickle_and_copy(kind, duplicate):
    x = Input((3,))
    model = Model(x, Dense(2)(x)) if kind == "model" else Sequential([Dense(2, input_dim=3)])
    model.compile("adam", "mse")
    data = np.random.rand(4, 3), np.random.rand(4, 2)
    model.train_on_batch(*data)
    again = duplicate(model)
    assert again is not model and type(again) is type(model)
    np.testing.assert_allclose(again.predict(data[0]), model.predict(data[0]), rtol=1e-6)
    assert again.weights[0] is not model.weights[0]
    assert again._inbound_nodes[0].outbound_layer is again
    np.testing.assert_allclose(again.train_on_batch(*data), model.train_on_batch(*data), rtol=1e-5)
    y = Input((3,))
    assert Model(y, again(y)).get_layer(again.name) is again
