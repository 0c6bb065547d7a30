"""The Sequential model."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.engine import Input, InputLayer, Layer, network
from gpukeras.layers import Activation, BatchNormalization, Concatenate, Dense, Dropout, Embedding, Flatten
from gpukeras.models import Model, Sequential, clone_model


class Two(Layer):
    def call(self, x):
        return [x * 1.0, x * 2.0]

    def compute_output_shape(self, input_shape):
        return [input_shape, input_shape]


class TestAdd:
    def test_shape_of_the_first_layer_builds_the_model(self):
        model = Sequential(name="s")
        model.add(Dense(3, input_shape=(2,), name="one"))
        assert model.built and model.output_shape == (None, 3)
        model.add(Dense(4, name="two"))
        assert model.output_shape == (None, 4) and model.input_shape == (None, 2)
        assert [layer.name for layer in model.layers] == ["one", "two"]
        assert [layer.name for layer in model._layers] == ["one_input", "one", "two"]
        assert model.input_names == ["one_input"] and model.output_names == ["two"]
        assert [w.name for w in model.weights] == ["one/kernel:0", "one/bias:0", "two/kernel:0", "two/bias:0"]

    def test_input_layer_first(self):
        model = Sequential([InputLayer((3,), name="x"), Dense(2, name="d")])
        assert [layer.name for layer in model.layers] == ["d"]
        assert [layer.name for layer in model._layers] == ["x", "d"]
        assert model.input_names == ["x"]
        again = Sequential.from_config(model.get_config())
        assert again.built and again.output_shape == (None, 2)

    @pytest.mark.parametrize("make", [lambda: Sequential([Dense(2, input_dim=3)]), lambda: _functional()])
    def test_model_first(self, make):
        inner = make()
        model = Sequential([inner, Dense(4)])
        assert model.input_shape == (None, 3) and model.output_shape == (None, 4)
        assert model.layers[0] is inner and model.input_names == [inner.name + "_input"]

    def test_not_a_layer(self):
        with pytest.raises(TypeError, match="must be an instance of class Layer. Found: 3"):
            Sequential().add(3)
        with pytest.raises(TypeError, match="add an instance, not the class"):
            Sequential().add(Dense)

    def test_empty_model_first(self):
        with pytest.raises(ValueError, match="empty model"):
            Sequential().add(Sequential())

    def test_model_with_two_inputs_first(self):
        a, b = Input((2,)), Input((2,))
        with pytest.raises(ValueError, match="single input.*has 2 inputs"):
            Sequential([Model([a, b], Concatenate()([a, b]))])

    def test_several_outputs(self):
        with pytest.raises(ValueError, match="single output tensor.*has 2.*functional API"):
            Sequential([Two(input_shape=(3,))])
        with pytest.raises(TypeError, match="single output tensor.*has 2.*functional API"):
            Sequential([Dense(3, input_dim=2), Two()])

    def test_name_used_twice(self):
        with pytest.raises(ValueError, match='"d" is used 2 times'):
            Sequential([Dense(3, input_dim=2, name="d"), Dense(3, name="d")])

    def test_renamed_layers(self):
        model = Sequential([Dense(3, input_dim=2, name="d")])
        model.layers[0].name = "renamed"
        model.add(Dense(3, name="d"))
        assert [layer.name for layer in model.layers] == ["renamed", "d"]
        assert model.get_layer("renamed").units == 3

    def test_layer_that_does_not_fit(self):
        model = Sequential([Dense(3, input_dim=2)])
        layer = Dense(2, name="late")
        layer(Input((5,)))
        with pytest.raises(ValueError, match="'late'.*size 5.*None, 3"):
            model.add(layer)

    def test_same_layer_twice(self):
        layer = Dense(3, input_dim=3)
        model = Sequential([layer, layer])
        assert model.layers == [layer] and model.count_params() == 12
        model.set_weights([2 * np.eye(3), np.zeros(3)])
        np.testing.assert_array_equal(model.predict(np.ones((1, 3))), [[4, 4, 4]])
        again = Sequential.from_config(model.get_config())
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(np.ones((1, 3))), [[4, 4, 4]])

    def test_adding_a_layer_does_not_walk_the_whole_graph(self, monkeypatch):
        walks = []
        map_graph = network.map_graph
        monkeypatch.setattr(network, "map_graph", lambda *ends: walks.append(ends) or map_graph(*ends))
        model = Sequential([Dense(2, input_dim=2)] + [Activation("relu") for _ in range(30)])
        assert walks == []
        assert max(model._layers_by_depth) == len(model.layers) == 31
        assert len(walks) == 1


class TestPop:
    def test_rewires_the_output(self):
        model = Sequential([Dense(3, input_dim=2), Dense(4), Dense(5)])
        model.pop()
        assert len(model.layers) == 2 and model.output_shape == (None, 4)
        assert model.layers[-1]._outbound_nodes == []
        model.add(Dense(6))
        assert model.predict(np.ones((1, 2))).shape == (1, 6)
        assert [layer.output_shape[-1] for layer in model.layers] == [3, 4, 6]

    def test_all(self):
        model = Sequential([Dense(3, input_dim=2)])
        model.pop()
        assert model.layers == [] and model.inputs is None and model.outputs is None and not model.built
        with pytest.raises(TypeError, match="no layers"):
            model.pop()
        model.add(Dense(4, input_dim=7))
        assert model.input_shape == (None, 7)

    def test_before_the_model_is_built(self):
        model = Sequential([Dense(3), Dense(4)])
        model.pop()
        model.build((None, 2))
        assert model.output_shape == (None, 3)

    def test_model_must_be_compiled_again(self):
        model = Sequential([Dense(3, input_dim=2), Dense(4)])
        model.compile("sgd", "mse")
        model.pop()
        assert not model._is_compiled


class TestDeferredBuild:
    def test_build(self):
        model = Sequential([Dense(3, name="a"), Dense(2, name="b")], name="s")
        assert not model.built and model.weights == [] and model.losses == [] and len(model.layers) == 2
        assert model.count_params() == 0
        model.build((None, 4))
        assert model.built and len(model.weights) == 4 and model.input_names == ["s_input"]
        config = model.get_config()
        assert config["build_input_shape"] == (None, 4)
        assert [item["config"]["name"] for item in config["layers"]] == ["a", "b"]
        again = Sequential.from_config(config)
        assert again.built and len(again.weights) == 4

    def test_call(self):
        inner = Sequential([Dense(3), Dense(2)])
        x = Input((4,))
        outer = Model(x, inner(x))
        assert inner.built and len(outer.weights) == 4
        assert outer.predict(np.ones((2, 4))).shape == (2, 2)

    def test_fit(self):
        model = Sequential([Dense(3), Dense(2)])
        model.compile("sgd", "mse")
        assert not model.built
        model.train_on_batch(np.ones((2, 4)), np.ones((2, 2)))
        assert model.built and model.input_shape == (None, 4)

    def test_nested(self):
        inner = Sequential([Dense(3), Dense(3)])
        model = Sequential([inner, Dense(5)])
        model.build((None, 4))
        assert inner.built and len(model.weights) == 6
        again = Sequential.from_config(model.get_config())
        assert again.built and again.layers[0].built and len(again.weights) == 6

    def test_building_again_changes_nothing(self):
        model = Sequential([Dense(3, input_dim=2)])
        x = Input((2,))
        model(x)
        model.build((None, 9))
        model.build()
        assert model.input_shape == (None, 2) or len(model._inbound_nodes) == 2


class TestRest:
    def test_is_a_graph_with_depths(self):
        model = Sequential([Dense(3, input_dim=2, name="a"), Dropout(0.5, name="b")])
        assert [[layer.name for layer in layers] for layers in model._layers_by_depth.values()] == [
            ["a_input"],
            ["a"],
            ["b"],
        ]
        model.add(Dense(1, name="c"))
        assert list(model._layers_by_depth) == [3, 2, 1, 0]

    def test_model_property_warns(self):
        model = Sequential([Dense(3, input_dim=2)])
        with pytest.warns(UserWarning, match="deprecated"):
            assert model.model is model

    def test_config_of_old_versions_is_a_list(self):
        model = Sequential([Dense(3, input_dim=2, name="d")])
        again = Sequential.from_config(model.get_config()["layers"])
        assert [layer.name for layer in again.layers] == ["d"] and again.built

    def test_frozen_model_has_no_updates(self):
        model = Sequential([BatchNormalization(input_shape=(4,))])
        assert len(model.updates) == 2
        model.trainable = False
        assert model.updates == []

    def test_frozen_inner_model(self):
        inner = Sequential([Dense(3, input_dim=2)])
        model = Sequential([inner, Dense(2)])
        assert len(model.trainable_weights) == 4
        inner.trainable = False
        assert len(model.trainable_weights) == 2

    def test_integer_input_keeps_its_type(self):
        model = Sequential([Embedding(5, 3, input_length=4), Flatten()])
        assert model.output_shape == (None, 12)
        assert model.predict(np.array([[1, 2, 3, 4]])).shape == (1, 12)

    def test_classes_and_probabilities(self):
        model = Sequential([Dense(3, input_dim=3, use_bias=False)])
        model.set_weights([np.eye(3)])
        x = np.array([[0.1, 0.7, 0.2], [0.9, 0.0, 0.1]])
        np.testing.assert_array_equal(model.predict_classes(x), [1, 0])
        np.testing.assert_allclose(model.predict_proba(x), x, rtol=1e-6)
        with pytest.warns(UserWarning, match="are no probabilities"):
            model.predict_proba(3 * x)
        one = Sequential([Dense(1, input_dim=1, use_bias=False)])
        one.set_weights([np.eye(1)])
        np.testing.assert_array_equal(one.predict_classes(np.array([[0.2], [0.8]])), [[0], [1]])


def _functional():
    x = Input((3,))
    return Model(x, Dense(2)(x))


class TestClone:
    def data(self):
        return np.random.rand(5, 4), np.random.rand(5, 4)

    def test_sequential(self):
        model = Sequential([Dense(4, input_dim=4), BatchNormalization(), Dropout(0.5), Dense(4)], name="s")
        clone = clone_model(model)
        assert type(clone) is Sequential and clone.name == "s" and clone.get_config() == model.get_config()
        assert all(a is not b for a, b in zip(clone.weights, model.weights))
        clone.set_weights(model.get_weights())
        x, _ = self.data()
        np.testing.assert_allclose(clone.predict(x), model.predict(x), rtol=1e-6)

    def test_deferred_sequential(self):
        model = Sequential([Dense(4), Dense(2)])
        assert not clone_model(model).built
        model.build((None, 3))
        assert clone_model(model).output_shape == (None, 2)

    def test_functional_with_shared_and_nested_layers(self):
        a, b = Input((4,), name="a"), Input((4,), name="b")
        shared = Dense(4)
        inner = Sequential([Dense(4, input_dim=4)])
        model = Model([a, b], Concatenate()([inner(shared(a)), shared(inner(b))]), name="m")
        clone = clone_model(model)
        assert clone.name == "m" and [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
        clone.set_weights(model.get_weights())
        data = list(self.data())
        np.testing.assert_allclose(clone.predict(data), model.predict(data), rtol=1e-6)

    def test_on_new_inputs(self):
        a = Input((4,), name="a")
        model = Model(a, Dense(4)(a))
        new = Input((4,), name="new")
        assert clone_model(model, input_tensors=[new]).inputs == [new]
        assert clone_model(Sequential([Dense(4, input_dim=4)]), input_tensors=new).inputs == [new]

    def test_on_the_output_of_a_layer(self):
        a = Input((4,))
        hidden = Dense(4, name="hidden")(a)
        clone = clone_model(Model(a, Dense(2)(a)), input_tensors=hidden)
        assert hidden._keras_history[0].name == "hidden" and clone.output_shape == (None, 2)
        assert Model(a, hidden).predict(np.ones((1, 4))).shape == (1, 4)

    def test_on_variables(self):
        x, y = self.data()
        for model in (Sequential([Dense(4, input_dim=4)]), clone_model(Sequential([Dense(4, input_dim=4)]))):
            clone = clone_model(model, input_tensors=K.variable(x))
            assert clone._feed_inputs == []
            clone.compile("rmsprop", "mse")
            clone.train_on_batch(None, y)

    def test_custom_layers_inside_need_no_table(self):
        class Own(Layer):
            def call(self, x):
                return x * 3.0

        inner = Sequential([Own(input_shape=(4,))])
        x = Input((4,))
        clone = clone_model(Model(x, inner(x)))
        np.testing.assert_array_equal(clone.predict(np.ones((1, 4))), [[3, 3, 3, 3]])

    def test_wrong_arguments(self):
        with pytest.raises(ValueError, match="to be a `Model` instance, got 3"):
            clone_model(3)
        x = Input((4,))
        with pytest.raises(ValueError, match="has 1 inputs, got 2"):
            clone_model(Model(x, Dense(2)(x)), input_tensors=[x, x])
        with pytest.raises(ValueError, match="at most one tensor"):
            clone_model(Sequential([Dense(2, input_dim=4)]), input_tensors=[x, x])
