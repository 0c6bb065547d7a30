"""Networks made from tensors: structure, nesting, sharing, masks, losses, weights, errors."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.engine import Input, Layer
from gpukeras.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Lambda,
    Masking,
    add,
    concatenate,
)
from gpukeras.models import Model, Sequential


def two_in_two_out(name="model"):
    a, b = Input((8,), name="a"), Input((8,), name="b")
    shared = Dense(4, name="shared")
    merged = concatenate([shared(a), shared(b)], name="merge")
    c = Dense(6, name="c")(merged)
    return Model([a, b], [c, Dense(5, name="d")(c)], name=name)


class Add(Layer):
    """Adds a tensor given by keyword."""

    def call(self, x, other=None, factor=1.0):
        return x if other is None else x + factor * other


class TestStructure:
    def test_layers_names_and_ends(self):
        model = two_in_two_out()
        assert [layer.name for layer in model.layers] == ["a", "b", "shared", "merge", "c", "d"]
        assert model.input_names == ["a", "b"] and model.output_names == ["c", "d"]
        assert [layer.name for layer in model._input_layers] == ["a", "b"]
        assert [layer.name for layer in model._output_layers] == ["c", "d"]
        assert model._feed_input_names == ["a", "b"] and model._feed_inputs == model.inputs
        assert model._feed_input_shapes == [(None, 8), (None, 8)]
        assert model.input == model.inputs and model.output == model.outputs
        assert model.input_shape == [(None, 8)] * 2 and model.output_shape == [(None, 6), (None, 5)]
        assert "shared_ib-1" in model._network_nodes
        assert list(model._layers_by_depth) == [4, 3, 2, 1, 0]
        assert [len(nodes) for nodes in model._nodes_by_depth.values()] == [2, 2, 1, 1, 1]

    def test_single_tensors_need_no_list(self):
        x = Input((3,))
        model = Model(x, Dense(2)(x))
        assert model.inputs == [x] and model.input is x and model.output_shape == (None, 2)

    def test_tuples_and_old_keywords(self):
        x = Input((3,))
        y = Dense(2)(x)
        assert Model((x,), (y,)).outputs == [y]
        with pytest.warns(UserWarning, match="outputs"):
            assert Model(input=x, output=y).outputs == [y]

    def test_shared_layer_is_as_deep_as_its_deepest_call(self):
        one, two = Input((10,), name="one"), Input((10,), name="two")
        embedding = Embedding(5, 10)
        x, y = embedding(one), embedding(two)
        model = Model([one, two], Dense(2)(concatenate([x, Dense(6)(Dense(3)(y))])))
        depth_of = {layer.name: depth for depth, layers in model._layers_by_depth.items() for layer in layers}
        assert depth_of["one"] == depth_of["two"]

    def test_input_that_no_output_needs_is_fed_and_saved(self):
        a, b = Input((3,), name="a"), Input((3,), name="b")
        model = Model([a, b], Dense(2, name="d")(a))
        assert model.input_names == ["a", "b"] and [layer.name for layer in model.layers] == ["a", "d"]
        again = Model.from_config(model.get_config())
        assert again.input_names == ["a", "b"]
        assert again.predict([np.ones((2, 3)), np.ones((2, 3))]).shape == (2, 2)

    def test_default_name_is_the_class_in_lower_case(self):
        K.clear_session()

        class MyNet(Model):
            pass

        x = Input((2,))
        assert [Model(x, Dense(1)(x)).name, MyNet(x, Dense(1)(x)).name] == ["model_1", "mynet_1"]

    def test_get_layer(self):
        model = two_in_two_out()
        assert model.get_layer("merge") is model.layers[3] is model.get_layer(index=3) is model.get_layer(index=-3)
        with pytest.raises(ValueError, match=r"No such layer: merg\..*'merge'"):
            model.get_layer("merg")
        with pytest.raises(ValueError, match="index 9 but model 'model' only has 6 layers"):
            model.get_layer(index=9)
        with pytest.raises(ValueError, match="either a layer name or layer index"):
            model.get_layer()


class TestErrors:
    def test_graph_disconnected(self):
        a, b = Input((3,), name="a"), Input((3,), name="b")
        x = Dense(2, name="x")(a)
        with pytest.raises(ValueError, match=r"Graph disconnected.*layer \"b\".*\['a', 'x'\].*Add that input"):
            Model(a, concatenate([x, b]))

    def test_input_from_the_middle_of_another_network(self):
        a = Input((3,), name="a")
        x = Dense(2, name="x")(a)
        y = Dense(2, name="y")(x)
        with (
            pytest.warns(UserWarning, match="is an output of layer x: what lies before it"),
            pytest.raises(ValueError, match="Graph disconnected.*is the output of layer x: start from a new Input"),
        ):
            Model(x, y)

    @pytest.mark.parametrize("bad", [3, "x", np.ones(2), None])
    def test_output_that_is_no_tensor(self, bad):
        a = Input((3,))
        with pytest.raises((ValueError, TypeError), match="(Output tensors to a Model|needs both)"):
            Model(a, bad)

    def test_output_that_no_layer_made(self):
        a = Input((3,))
        with pytest.raises(ValueError, match="Wrap backend operations in a `Lambda` layer"):
            Model(a, K.square(a))

    def test_tensor_inside_that_no_layer_made(self):
        a = Input((3,))
        with pytest.raises(ValueError, match="not made by a layer"):
            Model(a, add([a, K.ones((2, 3))]))

    def test_input_without_history(self):
        with pytest.raises(ValueError, match=r"must come from `keras.layers.Input`.*Input\(tensor=x\)"):
            Model(K.placeholder((2, 3)), Dense(2)(Input((3,))))

    def test_input_given_twice(self):
        a = Input((3,))
        with pytest.raises(ValueError, match="redundant"):
            Model([a, a], Dense(2)(a))

    def test_name_used_twice(self):
        a = Input((3,))
        with pytest.raises(ValueError, match='"same" is used 2 times.*another `name`'):
            Model(a, Dense(2, name="same")(Dense(2, name="same")(a)))

    def test_missing_outputs(self):
        with pytest.raises(TypeError, match="needs both `inputs` and `outputs`"):
            Model(Input((3,)))

    def test_cycle(self):
        a = Input((3,))
        layer = Dense(3)
        y = layer(a)
        node = layer._inbound_nodes[0]
        node.inbound_layers, node.node_indices, node.input_tensors = [layer], [0], [y]
        with pytest.raises(ValueError, match="part of a cycle"):
            Model(a, y)

    def test_wrong_number_of_inputs(self):
        model = two_in_two_out()
        with pytest.raises(ValueError, match="Layer model expects 2 inputs, but it received 1"):
            model(Input((8,)))
        with pytest.raises(ValueError, match="has 2 inputs, got 1 input shapes"):
            model.compute_output_shape((None, 8))

    def test_inner_layer_is_named_when_it_cannot_take_the_input(self):
        x = Input((3,))
        model = Model(x, Dense(2, name="d")(x), name="m")
        with pytest.raises(ValueError) as error:
            model(Input((4,)))
        assert any("layer 'd' of model 'm'" in note for note in error.value.__notes__)


class TestAsALayer:
    def test_nested_model_computes_the_same(self):
        inner = two_in_two_out("inner")
        e, f = Input((8,)), Input((8,))
        g, h = inner([e, f])
        assert (g._keras_shape, h._keras_shape) == ((None, 6), (None, 5))
        outer = Model([e, f], [Dense(7, name="i")(h), g], name="outer")
        assert [layer.name for layer in outer.layers][2:] == ["inner", "i"]
        assert outer.output_names == ["i", "inner"]
        data = [np.random.rand(3, 8), np.random.rand(3, 8)]
        np.testing.assert_allclose(outer.predict(data)[1], inner.predict(data)[0], rtol=1e-6)

    def test_two_calls_make_two_nodes(self):
        inner = two_in_two_out()
        e, f = Input((8,)), Input((8,))
        x, _ = inner([e, f])
        y, _ = inner([f, e])
        assert len(inner._inbound_nodes) == 3
        assert x._keras_history[:2] == (inner, 1) and y._keras_history[:2] == (inner, 2)
        with pytest.raises(AttributeError, match="get_output_at"):
            inner.output  # noqa: B018
        assert inner.get_output_at(0) == inner.outputs

    def test_shapes_for_other_inputs(self):
        model = two_in_two_out()
        assert model.compute_output_shape([(10, 8), (10, 8)]) == [(10, 6), (10, 5)]
        x = Input((None, 8))
        assert Model(x, Dense(2)(x)).compute_output_shape((4, 7, 8)) == (4, 7, 2)

    def test_masks_pass_through(self):
        x = Input((4, 2))
        model = Model(x, Dropout(0.5)(Masking()(x)))
        y = Input((4, 2))
        out = model(y)
        mask = out._keras_history[0]._inbound_nodes[1].output_masks[0]
        assert mask is not None and mask is not model._inbound_nodes[0].output_masks[0]
        data = np.ones((1, 4, 2))
        data[0, 2] = 0
        np.testing.assert_array_equal(K.function([y], [mask])([data])[0], [[True, True, False, True]])
        assert model.compute_mask(x, None) is model._inbound_nodes[0].output_masks[0]
        assert two_in_two_out().compute_mask([Input((8,)), Input((8,))], [None, None]) == [None, None]

    def test_incoming_mask_reaches_the_layers(self):
        class Keep(Layer):
            supports = True

            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.supports_masking = True
                self.seen = []

            def call(self, x, mask=None):
                self.seen.append(mask)
                return x * 1.0

        keep = Keep()
        x = Input((4, 2))
        model = Model(x, keep(x))
        masked = Masking()(Input((4, 2)))
        model(masked)
        assert keep.seen == [None, masked._keras_history[0].output_mask]

    def test_repeated_call_on_the_same_tensor_is_computed_once(self):
        calls = []
        x = Input((2,))
        model = Model(x, Lambda(lambda t: calls.append(1) or t * 2.0, output_shape=(2,))(x))
        y = Input((2,))
        before = len(calls)
        model.run_internal_graph([y])
        model.run_internal_graph([y])
        assert len(calls) == before + 1
        outputs, masks, shapes = model.run_internal_graph([y], [None])
        assert (len(outputs), masks, shapes) == (1, [None], [(None, 2)])

    def test_learning_phase(self):
        x = Input((2,))
        assert not Model(x, Dense(2)(x)).uses_learning_phase
        dropping = Model(x, Dropout(0.5)(x))
        assert dropping.uses_learning_phase and dropping(Input((2,)))._uses_learning_phase
        always = Model(x, Dropout(0.5)(x, training=True))
        assert not always.uses_learning_phase and not always(Input((2,)))._uses_learning_phase

    def test_tensor_given_by_keyword_is_recomputed(self):
        a, b = Input((3,)), Input((3,))
        model = Model([a, b], Add()(a, other=Dense(3, name="inner")(b), factor=2.0))
        assert "inner" in [layer.name for layer in model.layers]
        c, d = Input((3,)), Input((3,))
        outer = Model([c, d], model([c, d]))
        data = [np.random.rand(2, 3), np.random.rand(2, 3)]
        np.testing.assert_allclose(outer.predict(data), model.predict(data), rtol=1e-6)

    def test_called_on_a_tensor_that_is_not_keras(self):
        model = two_in_two_out()
        x, y = K.placeholder((None, 8)), K.variable(np.ones((3, 8)))
        g, h = model([x, y])
        assert K.int_shape(g)[1:] == (6,) and K.int_shape(h)[1:] == (5,)


class TestWeights:
    def test_trainable(self):
        x = Input((2,))
        model = Model(x, BatchNormalization()(Dense(3)(x)))
        assert len(model.trainable_weights) == 4 and len(model.non_trainable_weights) == 2
        assert model.weights == model.trainable_weights + model.non_trainable_weights
        model.trainable = False
        assert model.trainable_weights == [] and len(model.non_trainable_weights) == 6
        model.trainable = True
        model.layers[1].trainable = False
        assert len(model.trainable_weights) == 2

    def test_inner_model_can_be_frozen(self):
        inner = Sequential([Dense(2, input_dim=3)])
        x = Input((3,))
        outer = Model(x, inner(x))
        inner.trainable = False
        assert outer.trainable_weights == []
        inner.trainable = True
        inner.layers[0].trainable = False
        assert outer.trainable_weights == []

    def test_weights_go_layer_by_layer(self):
        x = Input((2,))
        model = Model(x, Dense(3)(BatchNormalization()(x)))
        assert [w.shape for w in model.get_weights()] == [(2,), (2,), (2,), (2,), (2, 3), (3,)]
        new = [np.full_like(w, i) for i, w in enumerate(model.get_weights())]
        model.set_weights(new)
        for have, want in zip(model.get_weights(), new):
            np.testing.assert_array_equal(have, want)

    def test_set_weights_checks(self):
        model = two_in_two_out()
        with pytest.raises(ValueError, match='"model" with a weight list of length 1.*expecting 6'):
            model.set_weights([np.ones(2)])
        values = model.get_weights()
        values[0] = values[0].T
        with pytest.raises(ValueError, match=r"shared.*/kernel:0 has shape \(8, 4\).*\(4, 8\)"):
            model.set_weights(values)

    def test_weights_of_a_layer_in_two_places_appear_once(self):
        layer = Dense(2)
        inner = Sequential([layer], name="inner")
        x = Input((2,))
        outer = Model(x, layer(inner(x)))
        assert len(outer.trainable_weights) == 2 and outer.count_params() == 6


class TestLossesAndUpdates:
    def make(self):
        a = Input((3,))
        x = Dense(2, kernel_regularizer="l2", activity_regularizer="l1")(a)
        inner = Model(a, [x, BatchNormalization()(x)])
        inner.add_loss(K.sum(x))
        b = Input((3,))
        return inner, a, b, Model(b, inner(b))

    def test_nested_terms_are_those_of_the_call(self):
        inner, a, b, outer = self.make()
        # The penalty on the kernel, the activity penalty, and the model's own term.
        assert len(inner.losses) == 3 == len(outer.losses)
        assert len(inner.get_losses_for(b)) == 1
        assert inner.layers[1].get_losses_for(a) != inner.get_losses_for(b)
        assert len(inner.updates) == 2 == len(outer.updates)
        assert inner.get_updates_for(b) == outer.updates
        assert not set(map(id, inner.updates)) & set(map(id, outer.updates))

    def test_freezing_shows_at_any_depth(self):
        inner, _, b, outer = self.make()
        c = Input((3,))
        outermost = Model(c, outer(c))
        assert len(outermost.updates) == 2
        inner.layers[-1].trainable = False
        assert inner.updates == outer.updates == outermost.updates == []
        inner.layers[-1].trainable = True
        inner.trainable = False
        assert inner.updates == outer.updates == outermost.updates == inner.get_updates_for(b) == []

    def test_calls_outside_the_network_do_not_count(self):
        layer = BatchNormalization()
        x, y = Input((2,)), Input((2,))
        one, two = Model(x, layer(x)), Model(y, layer(y))
        assert len(one.updates) == len(two.updates) == 2 and len(layer.updates) == 4
        assert not set(map(id, one.updates)) & set(map(id, two.updates))

    def test_terms_of_the_model_itself(self):
        x = Input((2,))
        model = Model(x, Dense(1)(x))
        model.add_loss([1, 2])
        model.add_loss(3, inputs=[x])
        model.add_update(4)
        assert sorted(model.losses) == [1, 2, 3] and model.updates == [4]

    def test_values(self):
        inner, _, b, outer = self.make()
        weights = [np.ones((3, 2)), np.zeros(2)]
        inner.layers[1].set_weights(weights)
        values = K.function([b], outer.get_losses_for(b) + inner.get_losses_for(b))([np.ones((4, 3))])
        assert values[-1] == pytest.approx(0.01 * 24)


def test_states():
    class Counter(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.stateful = True
            self.resets = 0

        def call(self, x):
            self.count = K.variable(0.0)
            self.add_update([K.update_add(self.count, 1.0)], x)
            return x * 1.0

        def reset_states(self):
            self.resets += 1

    x = Input((2,))
    layer = Counter()
    model = Model(x, Activation("relu")(layer(x)))
    assert model.stateful and len(model.state_updates) == 1
    model.trainable = layer.trainable = False
    assert len(model.updates) == 1
    model.reset_states()
    assert layer.resets == 1
    assert not Model(x, Dense(2)(x)).stateful


def test_deep_networks_need_no_recursion():
    x = first = Input((2,))
    for _ in range(1500):
        x = Activation("relu")(x)
    model = Model(first, x)
    outer_input = Input((2,))
    outer = Model(outer_input, model(outer_input))
    again = Model.from_config(model.get_config())
    assert len(model.layers) == len(again.layers) == 1501 and len(outer.layers) == 2
    assert max(model._layers_by_depth) == 1500


def test_concatenate_of_one_tensor_twice():
    x = Input((2,))
    assert Model(x, Concatenate()([x, x])).predict(np.ones((1, 2))).shape == (1, 4)


def test_layers_cut_off_by_hand():
    x = Input((3,))
    model = Model(x, Dense(5, name="top")(Dense(4, name="features")(x)))
    model.layers.pop()
    model.outputs = [model.layers[-1].output]
    model.layers[-1].outbound_nodes = []
    assert model.layers[-1].outbound_nodes == model.layers[-1]._outbound_nodes == []
    again = Model(model.input, Dense(2)(model.layers[-1].output))
    assert [layer.name for layer in again.layers[1:-1]] == ["features"] and again.output_shape == (None, 2)
    model.layers[-1].inbound_nodes = []
    assert model.layers[-1]._inbound_nodes == []
