"""The layer: weights, losses, updates, masks, nodes, checks of its input."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.engine import Input, InputSpec, Layer
from gpukeras.engine.base_layer import snake_case
from gpukeras.layers import BatchNormalization, Dense, Dropout, Masking, concatenate
from gpukeras.models import Model


class Scale(Layer):
    """Multiplies by a weight and adds a constant given by keyword."""

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=(input_shape[-1],), initializer="ones")
        super().build(input_shape)

    def call(self, inputs, offset=0.0):
        return inputs * self.factor + offset


class Split(Layer):
    def call(self, inputs):
        return [inputs * 1.0, inputs * 2.0]

    def compute_output_shape(self, input_shape):
        return [input_shape, input_shape]


class TestConstruction:
    @pytest.mark.parametrize(
        ("class_name", "expected"),
        [
            ("Dense", "dense"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("ReLU", "re_lu"),
            ("PReLU", "p_re_lu"),
            ("CuDNNGRU", "cu_dnngru"),
            ("LSTM", "lstm"),
            ("GRUCell", "gru_cell"),
            ("My2DThing", "my2d_thing"),
            ("_Priv", "private__priv"),
        ],
    )
    def test_name_of_a_class(self, class_name, expected):
        assert snake_case(class_name) == expected

    def test_names_count_from_one_after_clear_session(self):
        K.clear_session()
        assert [Scale().name, Scale().name, Dense(2).name] == ["scale_1", "scale_2", "dense_1"]
        K.clear_session()
        assert Scale().name == "scale_1"

    def test_unknown_keyword_is_named(self):
        with pytest.raises(TypeError, match="'unitz'"):
            Dense(3, unitz=4)

    def test_config_has_shape_and_dtype_only_when_given(self):
        assert set(Layer(name="a").get_config()) == {"name", "trainable"}
        config = Layer(name="a", input_shape=[3], batch_size=5, input_dtype="int32", trainable=False).get_config()
        assert config == {"name": "a", "trainable": False, "batch_input_shape": (5, 3), "dtype": "int32"}
        assert Layer.from_config(config).get_config() == config

    def test_scalar_input_shape_says_what_to_write(self):
        with pytest.raises(TypeError, match=r"such as \(3,\)"):
            Dense(2, input_shape=3)

    def test_attributes_may_be_set_before_init(self):
        class Early(Layer):
            def __init__(self, units, **kwargs):
                self.units = units
                self.state_size = units
                super().__init__(**kwargs)

        assert Early(4).units == 4


class TestWeights:
    def test_build_makes_named_weights_once(self):
        layer = Scale(name="built_once")
        layer(Input((3,)))
        layer(Input((3,)))
        assert [w.name for w in layer.weights] == ["built_once/factor:0"]
        assert layer.built and layer.count_params() == 3

    def test_initial_weights_are_set_at_build(self):
        layer = Scale(weights=[np.array([1.0, 2.0, 3.0])])
        layer(Input((3,)))
        np.testing.assert_array_equal(layer.get_weights()[0], [1, 2, 3])

    def test_wrong_initial_weights_name_both_counts(self):
        with pytest.raises(ValueError, match="length 2.*expecting 1 weights"):
            Scale(weights=[np.ones(3), np.ones(3)])(Input((3,)))

    def test_wrong_shape_names_both_shapes(self):
        layer = Scale(name="shaped")
        layer(Input((3,)))
        with pytest.raises(ValueError, match=r"shaped/factor.*\(3,\).*\(4,\)"):
            layer.set_weights([np.ones(4)])

    def test_trainable_moves_weights_at_once(self):
        layer = Scale()
        layer(Input((3,)))
        weights = layer.weights
        assert layer.trainable_weights == weights
        layer.trainable = False
        assert layer.trainable_weights == []
        assert layer.non_trainable_weights == weights

    def test_lists_can_be_assigned_in_build(self):
        class Old(Layer):
            def build(self, input_shape):
                self.a = K.variable(np.ones(2), name="a")
                self.b = K.variable(np.ones(2), name="b")
                self.trainable_weights = [self.a]
                self.non_trainable_weights = [self.b]
                self.built = True

            def call(self, x):
                return x * self.a + self.b

        layer = Old()
        layer(Input((2,)))
        assert layer.weights == [layer.a, layer.b]
        assert layer._trainable_weights == [layer.a]

    def test_regularizer_joins_losses_and_constraint_stays_on_the_weight(self):
        class Penalised(Layer):
            def build(self, input_shape):
                self.w = self.add_weight(
                    "w", (2,), initializer="ones", regularizer=lambda w: 3.0 * K.sum(w), constraint=K.abs
                )
                self.n = self.add_weight("n", (2,), initializer="zeros", trainable=False)

        layer = Penalised()
        layer(Input((2,)))
        assert K.eval(layer.losses[0]) == 6.0
        assert layer.get_losses_for(None) == layer.losses
        assert layer.w.constraint is K.abs
        assert (layer.trainable_weights, layer.non_trainable_weights) == ([layer.w], [layer.n])

    def test_initializer_may_take_the_shape_alone(self):
        layer = Layer()
        weight = layer.add_weight("w", (2, 3), initializer=lambda shape: np.full(shape, 4.0))
        np.testing.assert_array_equal(K.eval(weight), np.full((2, 3), 4.0))
        assert K.dtype(weight) == K.floatx()

    def test_keras_1_order_of_arguments(self):
        layer = Layer()
        weight = layer.add_weight((2,), initializer="ones", name="w")
        assert K.int_shape(weight) == (2,)

    def test_unknown_size_is_refused_with_the_weight_named(self):
        with pytest.raises(ValueError, match="weight 'w'.*None"):
            Layer(name="l").add_weight("w", (None, 3), initializer="ones")

    def test_count_params_of_an_unbuilt_layer_says_how_to_build(self):
        with pytest.raises(RuntimeError, match=r"d\.build\(batch_input_shape\)"):
            Dense(3, name="d").count_params()


class TestLossesAndUpdates:
    def test_terms_are_found_by_their_inputs(self):
        a, b = Input((2,)), Input((2,))
        layer = Layer()
        layer.add_loss(0, inputs=a)
        layer.add_loss([1, 2], inputs=None)
        layer.add_update(3, inputs=[a, b])
        layer.add_update([], inputs=a)
        assert layer.get_losses_for(a) == [0] == layer.get_losses_for([a])
        assert layer.get_losses_for(None) == [1, 2]
        assert layer.get_losses_for(b) == []
        assert layer.get_updates_for([a, b]) == [3]
        assert layer.get_updates_for([b, a]) == []
        assert layer.losses == [0, 1, 2]
        assert layer.updates == [3]

    def test_frozen_layer_has_no_updates_unless_stateful(self):
        layer = Layer()
        layer.add_update(1)
        layer.trainable = False
        assert layer.updates == [] == layer.get_updates_for(None)
        layer.stateful = True
        assert layer.updates == [1] == layer.get_updates_for(None)

    def test_activity_penalty_is_the_sum_over_the_batch(self):
        x = Input((2,))
        layer = Dense(2, kernel_initializer="ones", use_bias=False, activity_regularizer=K.sum)
        layer(x)
        assert len(layer.get_losses_for(x)) == 1
        value = K.function([x], layer.get_losses_for(x))([np.ones((3, 2))])[0]
        assert value == 12.0


class TestCalls:
    def test_nodes_record_each_call(self):
        a, b = Input((4,), name="a"), Input((4,), name="b")
        layer = Dense(3)
        x, y = layer(a), layer(b)
        first, second = layer._inbound_nodes
        assert layer.inbound_nodes is layer._inbound_nodes
        assert (first.inbound_layers, first.node_indices, first.tensor_indices) == ([a._keras_history[0]], [0], [0])
        assert (first.input_tensors, first.output_tensors) == ([a], [x])
        assert (second.input_shapes, second.output_shapes) == ([(None, 4)], [(None, 3)])
        assert a._keras_history[0].outbound_nodes == [first]
        assert x._keras_history == (layer, 0, 0) and y._keras_history == (layer, 1, 0)
        assert first.get_config() == {
            "outbound_layer": layer.name,
            "inbound_layers": ["a"],
            "node_indices": [0],
            "tensor_indices": [0],
        }
        assert layer.get_input_at(1) is b and layer.get_output_at(0) is x
        assert layer.get_input_shape_at(1) == (None, 4) and layer.get_output_shape_at(1) == (None, 3)
        assert layer.get_input_mask_at(0) is None and layer.get_output_mask_at(0) is None

    @pytest.mark.parametrize("name", ["input", "output", "input_mask", "output_mask", "input_shape", "output_shape"])
    def test_properties_need_a_call(self, name):
        layer = Dense(2, name="d")
        assert not hasattr(layer, name)
        with pytest.raises(AttributeError, match="d"):
            getattr(layer, name)

    @pytest.mark.parametrize("name", ["input", "output", "input_mask", "output_mask"])
    def test_properties_of_a_layer_called_twice_point_to_the_getter(self, name):
        layer = Dense(2)
        layer(Input((3,)))
        layer(Input((3,)))
        with pytest.raises(AttributeError, match=rf"get_{name}_at\(node_index\)"):
            getattr(layer, name)
        assert layer.output_shape == (None, 2)

    def test_shape_is_ill_defined_when_calls_differ(self):
        layer = Dropout(0.5)
        layer(Input((3,)))
        layer(Input((4,)))
        with pytest.raises(AttributeError, match="get_output_shape_at"):
            layer.output_shape  # noqa: B018

    def test_node_index_out_of_range(self):
        layer = Dense(2, name="d")
        with pytest.raises(RuntimeError, match="never been called"):
            layer.get_input_at(0)
        layer(Input((3,)))
        with pytest.raises(ValueError, match="at node 3.*only 1 inbound"):
            layer.get_output_at(3)

    def test_keywords_reach_call_and_are_recorded_without_the_mask(self):
        masked = Masking()(Input((4, 2)))

        class Taking(Scale):
            def call(self, inputs, mask=None, offset=0.0):
                self.seen = mask
                return inputs + offset

        layer = Taking()
        layer.supports_masking = True
        layer(masked, offset=2.0)
        assert layer.seen is masked._keras_history[0].output_mask
        assert layer._inbound_nodes[0].arguments == {"offset": 2.0}
        assert layer.output_mask is layer.seen

    def test_lists_are_copied_and_tuples_taken(self):
        a, b = Input((2,)), Input((2,))
        inputs = [a, b]
        x = concatenate(inputs)
        inputs.pop()
        assert x._keras_history[0].input == [a, b]

        class Sum(Layer):
            def call(self, inputs):
                return inputs[0] + inputs[1]

            def compute_output_shape(self, input_shape):
                return input_shape[0]

        assert Sum()((a, b))._keras_shape == (None, 2)

    def test_layer_that_returns_its_input_gives_a_new_tensor(self):
        x = Input((2,))
        layer = Layer()
        y = layer(x)
        assert y is not x and y._keras_history == (layer, 0, 0)
        assert x._keras_history[0] is not layer
        np.testing.assert_array_equal(K.function([x], [y])([np.ones((1, 2))])[0], np.ones((1, 2)))

    def test_several_outputs(self):
        x = Input((2,))
        layer = Split()
        one, two = layer(x)
        assert (one._keras_history[2], two._keras_history[2]) == (0, 1)
        assert layer.output_shape == [(None, 2), (None, 2)]
        assert layer.output_mask == [None, None]

    def test_learning_phase_mark(self):
        x = Input((2,))
        assert not Dense(2)(x)._uses_learning_phase
        assert Dense(2)(Dropout(0.5)(x))._uses_learning_phase
        assert not Dropout(0.5)(x, training=True)._uses_learning_phase

    def test_keras_shape_comes_from_compute_output_shape(self):
        class Wide(Layer):
            def call(self, x):
                return K.tile(x, [1, 2])

            def compute_output_shape(self, input_shape):
                return [None, input_shape[1] * 2]

        assert Wide()(Input((3,)))._keras_shape == (None, 6)


class TestInputChecks:
    @pytest.mark.parametrize("value", [np.ones((2, 3)), [1.0, 2.0], "text", None])
    def test_not_a_tensor(self, value):
        kind = type(value[0] if isinstance(value, list) else value).__name__
        with pytest.raises(ValueError, match=rf"Layer d was called.*isn't a symbolic tensor.*{kind}"):
            Dense(2, name="d")(value)

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            (InputSpec(ndim=3), r"expected ndim=3, found ndim=2.*Reshape"),
            (InputSpec(min_ndim=3), r"expected min_ndim=3, found ndim=2"),
            (InputSpec(max_ndim=1), r"expected max_ndim=1, found ndim=2.*Flatten"),
            (InputSpec(axes={-1: 7}), r"expected axis -1 of input shape to have value 7 but got shape \(None, 4\)"),
            (InputSpec(shape=(None, 5)), r"expected shape=\(None, 5\), found shape=\(None, 4\)"),
            (InputSpec(dtype="int32"), r"expected dtype=int32, found dtype=float32"),
            ([InputSpec(), InputSpec()], r"expects 2 inputs, but it received 1 input tensors; pass a list of 2"),
        ],
    )
    def test_spec(self, spec, message):
        layer = Layer(name="checked")
        layer.input_spec = spec
        with pytest.raises(ValueError, match=message) as error:
            layer(Input((4,)))
        assert "checked" in str(error.value)

    def test_list_of_one_for_a_layer_of_one_input(self):
        x = Input((3,))
        y = BatchNormalization()([Dense(2, name="d")([x])])
        assert K.int_shape(y) == (None, 2) and Model(x, y).predict(np.ones((4, 3))).shape == (4, 2)

    @pytest.mark.parametrize(
        "spec",
        [InputSpec(ndim=2), InputSpec(shape=(3, 4)), InputSpec(axes={-1: 4, 0: 9}), InputSpec(dtype="float32"), [None]],
    )
    def test_spec_that_fits(self, spec):
        layer = Layer()
        layer.input_spec = spec
        layer(Input((4,)))

    def test_width_of_a_built_layer(self):
        class Fixed(Scale):
            def build(self, input_shape):
                self.input_spec = InputSpec(axes={-1: input_shape[-1]})
                super().build(input_shape)

        layer = Fixed(name="fixed")
        layer(Input((3,)))
        with pytest.raises(ValueError, match="Input 0 is incompatible with layer fixed: expected axis -1"):
            layer(Input((4,)))

    def test_repr_of_a_spec_names_what_is_set(self):
        assert repr(InputSpec(ndim=3, axes={-1: 2})) == "InputSpec(ndim=3, axes={-1: 2})"


class TestMasks:
    def test_layer_without_masking_refuses_a_mask(self):
        masked = Masking()(Input((3, 3)))
        with pytest.raises(TypeError, match="plain does not support masking"):
            Scale(name="plain")(masked)

    def test_mask_is_passed_on_by_layers_that_support_it(self):
        masked = Masking()(Input((4, 2)))
        layer = Dropout(0.5)
        layer(masked)
        assert layer.input_mask is masked._keras_history[0].output_mask is layer.output_mask

    def test_lists_of_none_are_no_mask(self):
        layer = Layer()
        assert layer.compute_mask([1, 2], [None, None]) is None
        with pytest.raises(TypeError):
            layer.compute_mask([1], np.array([[0.0, 1.0]]))


def test_a_layer_used_in_two_models_keeps_one_set_of_weights():
    shared = Dense(2)
    a, b = Input((3,)), Input((3,))
    one, two = Model(a, shared(a)), Model(b, shared(b))
    one.set_weights([np.ones((3, 2)), np.zeros(2)])
    np.testing.assert_array_equal(two.predict(np.ones((1, 3))), [[3.0, 3.0]])
