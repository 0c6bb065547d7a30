"""`keras.layers` as a whole: names, and building layers from configs."""

import pytest

from gpukeras import layers
from gpukeras.models import Model, Sequential


def test_layers_come_back_from_their_config():
    config = layers.serialize(layers.Dense(3, name="d", activation="relu"))
    assert config["class_name"] == "Dense"
    layer = layers.deserialize(config)
    assert type(layer) is layers.Dense and layer.get_config() == config["config"]


def test_models_are_layers():
    model = Sequential([layers.Dense(3, input_shape=(2,))], name="inner")
    again = layers.deserialize({"class_name": "Sequential", "config": model.get_config()})
    assert isinstance(again, Sequential) and again.name == "inner"
    functional = Model(model.inputs, model.outputs)
    again = layers.deserialize({"class_name": "Model", "config": functional.get_config()})
    assert isinstance(again, Model)


def test_custom_layer():
    class Mine(layers.Layer):
        pass

    config = {"class_name": "Mine", "config": {"name": "m"}}
    assert isinstance(layers.deserialize(config, custom_objects={"Mine": Mine}), Mine)
    with pytest.raises(ValueError, match="Unknown layer: Mine.*custom_objects"):
        layers.deserialize(config)


def test_unknown_layer_lists_close_ones():
    with pytest.raises(ValueError, match="Unknown layer: Dence.*'Dense'"):
        layers.deserialize({"class_name": "Dence", "config": {}})


def test_every_module_is_exported():
    for module in ("core", "merge", "embeddings", "advanced_activations", "noise", "normalization"):
        module = getattr(layers, module)
        for name in module.__all__:
            assert getattr(layers, name) is getattr(module, name)
