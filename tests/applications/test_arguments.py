"""Arguments of the application functions: what is possible, and what is said about what is not."""

import os
import types

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import applications, layers, models, utils
from gpukeras import backend as K
from gpukeras.applications import densenet, imagenet_utils, mobilenet, nasnet
from gpukeras.applications.vgg16 import VGG16

SMALL = {"alpha": 0.25, "input_shape": (32, 32, 3), "weights": None}

# (function, include_top, smallest size)
SIZES = [
    ("VGG16", 32),
    ("VGG19", 32),
    ("ResNet50", 32),
    ("InceptionV3", 75),
    ("InceptionResNetV2", 75),
    ("Xception", 71),
    ("MobileNet", 32),
    ("MobileNetV2", 32),
    ("DenseNet121", 32),
    ("NASNetMobile", 32),
    ("ResNet101V2", 32),
]


class Reached(Exception):
    pass


@pytest.fixture
def no_input(monkeypatch):
    """Stops building where the input layer would be made: all checks of shapes are behind it."""

    def stop(shape):
        raise Reached(shape)

    monkeypatch.setattr(layers, "Input", stop)


def shape_of(name, **arguments):
    with pytest.raises(Reached) as caught:
        getattr(applications, name)(**arguments)
    return caught.value.args[0]


@pytest.mark.parametrize("top", [True, False])
@pytest.mark.parametrize("name, size", SIZES)
def test_smallest_size(name, size, top, no_input):
    assert shape_of(name, weights=None, include_top=top, input_shape=(size, size, 3)) == (size, size, 3)
    for shape in ((size - 1, size, 3), (size, size - 1, 3)):
        with pytest.raises(
            ValueError, match=rf"{name.replace('Mobile', '') if 'NAS' in name else name}: .*at least {size}"
        ):
            getattr(applications, name)(weights=None, include_top=top, input_shape=shape)


@pytest.mark.parametrize("name", ["InceptionV3", "InceptionResNetV2", "Xception"])
def test_networks_that_end_in_a_mean_take_any_size(name, no_input):
    for weights in (None, "imagenet"):
        assert shape_of(name, weights=weights) == (None, None, 3)
        assert shape_of(name, weights=weights, input_shape=(None, 200, 3)) == (None, 200, 3)


@pytest.mark.parametrize("name", ["VGG16", "ResNet50", "MobileNet", "MobileNetV2", "DenseNet201", "NASNetMobile"])
def test_networks_of_fixed_size(name, no_input):
    function = getattr(applications, name)
    for weights in (None, "imagenet"):
        assert shape_of(name, weights=weights) == (224, 224, 3)
        assert shape_of(name, weights=weights, include_top=False) == (None, None, 3)
    assert shape_of(name, weights=None, input_shape=(200, 300, 3)) == (200, 300, 3)
    assert shape_of(name, weights=None, include_top=False, input_shape=(224, None, 1)) == (224, None, 1)
    with pytest.raises(ValueError, match=r"needs the height and width, got input_shape=\(None, None, 3\)"):
        function(weights=None, input_shape=(None, None, 3))
    with pytest.raises(ValueError, match=r"ImageNet weights need input_shape=\(224, 224, 3\), got \(200, 300, 3\)"):
        function(input_shape=(200, 300, 3))


def test_channels(no_input):
    assert shape_of("VGG16", weights=None, input_shape=(224, 224, 1)) == (224, 224, 1)
    with pytest.warns(UserWarning, match="images of 5 channels"):
        assert shape_of("VGG16", weights=None, input_shape=(224, 224, 5)) == (224, 224, 5)
    with pytest.raises(ValueError, match=r"need 3 channels, got input_shape=\(224, 224, 1\)"):
        VGG16(include_top=False, input_shape=(224, 224, 1))
    with pytest.raises(ValueError, match=r"must be \(height, width, channels\) without the batch axis, got \(224, 3\)"):
        VGG16(weights=None, input_shape=(224, 3))


def test_channels_first_shapes(no_input):
    K.set_image_data_format("channels_first")
    assert shape_of("VGG16", weights=None) == (3, 224, 224)
    assert shape_of("VGG16", weights=None, include_top=False) == (3, None, None)
    assert shape_of("VGG16", weights=None, input_shape=(1, 40, 50)) == (1, 40, 50)
    with pytest.raises(ValueError, match=r"at least 32, got input_shape=\(3, 31, 40\)"):
        VGG16(weights=None, input_shape=(3, 31, 40))


def test_weights_classes_and_pooling():
    with pytest.raises(ValueError, match="there is no file 'nowhere.h5'"):
        VGG16(weights="nowhere.h5")
    with pytest.raises(ValueError, match="1000 classes apart, got classes=10"):
        VGG16(classes=10)
    with pytest.raises(ValueError, match="`pooling` must be None, 'avg' or 'max', got 'mean'"):
        VGG16(weights=None, include_top=False, pooling="mean")
    with pytest.raises(TypeError, match="unexpected keyword argument 'include_tops'"):
        VGG16(include_tops=False)


@pytest.mark.parametrize("pooling, shape", [(None, (None, 1, 1, 256)), ("avg", (None, 256)), ("max", (None, 256))])
def test_pooling(pooling, shape):
    model = applications.MobileNet(include_top=False, pooling=pooling, **SMALL)
    assert model.output_shape == shape


def test_input_tensor_of_a_layer():
    x = layers.Input((32, 32, 3), name="pixels")
    model = applications.MobileNet(input_tensor=x, classes=4, **SMALL)
    assert model.inputs[0] is x and model.output_shape == (None, 4)
    # In the middle of a model: the new model starts where the tensor comes from.
    y = layers.Conv2D(3, 1, name="colours")(layers.Input((32, 32, 1), name="grey"))
    model = applications.MobileNet(input_tensor=y, classes=4, **SMALL)
    assert [layer.name for layer in model.layers[:3]] == ["grey", "colours", "conv1_pad"]
    assert model.predict(np.zeros((1, 32, 32, 1))).shape == (1, 4)


def test_input_tensor_of_the_backend():
    value = np.random.rand(2, 32, 32, 3).astype("float32")
    model = applications.MobileNet(input_tensor=K.variable(value), classes=4, **SMALL)
    answer = K.function([K.learning_phase()], model.outputs)([0])[0]
    other = applications.MobileNet(classes=4, **SMALL)
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(answer, other.predict(value), rtol=1e-5, atol=1e-7)


def test_weights_of_a_file(tmp_path):
    model = applications.MobileNet(**SMALL)
    path = os.path.join(tmp_path, "mine.h5")
    model.save_weights(path)
    again = applications.MobileNet(**{**SMALL, "weights": path})
    for a, b in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_imagenet_weights_are_loaded_from_the_fetched_file(tmp_path, monkeypatch):
    model = applications.MobileNet(weights=None, alpha=0.25, input_shape=(128, 128, 3))
    path = os.path.join(tmp_path, "fetched.h5")
    model.save_weights(path)
    monkeypatch.setattr(utils, "get_file", lambda *args, **kwargs: path)
    again = applications.MobileNet(alpha=0.25, input_shape=(128, 128, 3))
    np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])


def test_mobile_networks_weights():
    with pytest.raises(ValueError, match="alpha in 0.25, 0.5, 0.75, 1.0; got 0.6"):
        applications.MobileNet(alpha=0.6)
    with pytest.raises(ValueError, match="alpha in 0.35, 0.5, 0.75, 1.0, 1.3, 1.4; got 0.6"):
        applications.MobileNetV2(alpha=0.6)
    for function in (applications.MobileNet, applications.MobileNetV2):
        with pytest.raises(ValueError, match="need depth_multiplier=1, got 2"):
            function(depth_multiplier=2)
    with pytest.raises(ValueError, match=r"need input_shape=\(224, 224, 3\), got \(96, 96, 3\)"):
        applications.MobileNet(input_shape=(96, 96, 3))


def test_mobile_networks_of_other_sizes_take_the_weights_for_224(monkeypatch):
    fetched = []
    monkeypatch.setattr(utils, "get_file", lambda name, *args, **kwargs: fetched.append(name))
    monkeypatch.setattr(models.Model, "load_weights", lambda *args: None)
    with pytest.warns(UserWarning, match=r"not for input_shape=\(128, 160, 3\); those for 224 are loaded"):
        applications.MobileNet(input_shape=(128, 160, 3), include_top=False)
    applications.MobileNet(include_top=False)
    assert fetched == ["mobilenet_1_0_224_tf_no_top.h5"] * 2


def test_densenet_and_nasnet_of_other_sizes():
    model = densenet.DenseNet([1, 1, 1, 1], weights=None, input_shape=(32, 32, 3), classes=2)
    assert model.name == "densenet" and model.output_shape == (None, 2)
    with pytest.raises(ValueError, match=r"weights for blocks=\[6, 12, 24, 16\].*got \[1, 1, 1, 1\]"):
        densenet.DenseNet([1, 1, 1, 1])
    model = nasnet.NASNet((32, 32, 3), 96, 1, 8, skip_reduction=True, classes=2)
    assert model.predict(np.zeros((1, 32, 32, 3))).shape == (1, 2)
    with pytest.raises(ValueError, match="must be a multiple of 96 .* got 100"):
        nasnet.NASNet((32, 32, 3), 100)
    with pytest.raises(ValueError, match="only NASNetLarge and NASNetMobile"):
        nasnet.NASNet(weights="imagenet")


def test_modules_handed_in():
    made = []

    class Spy(types.ModuleType):
        def __getattr__(self, name):
            made.append(name)
            return getattr(layers, name)

    model = VGG16(weights=None, input_shape=(32, 32, 3), classes=2, layers=Spy("layers"), backend=K, models=models)
    assert isinstance(model, models.Model) and {"Input", "Conv2D", "Dense"} <= set(made)


def test_keras_modules_injection():
    @applications.keras_modules_injection
    def network(size, backend=None, layers=None, models=None, utils=None):
        """Text."""
        return size, backend, layers, models, utils

    assert network(3) == (3, K, layers, models, utils)
    assert network(3, backend="mine") == (3, "mine", layers, models, utils)
    assert network.__name__ == "network" and network.__doc__ == "Text."


def test_names_of_old_models():
    assert mobilenet.DepthwiseConv2D is layers.DepthwiseConv2D
    np.testing.assert_array_equal(K.eval(mobilenet.relu6(K.constant([-1.0, 3.0, 7.0]))), [0, 3, 6])
    assert applications.mobilenetv2.MobileNetV2 is applications.mobilenet_v2.MobileNetV2
    for module in ("vgg16", "inception_v3", "nasnet", "resnet50"):
        assert getattr(applications, module).decode_predictions is imagenet_utils.decode_predictions


def test_inception_resnet_survives_saving(tmp_path):
    """Its Lambda layers are saved by name: no bytecode, so nothing to trust and no Python version to match."""
    x = layers.Input((2, 2, 3))
    arguments = {"scale": 0.5}
    function = applications.inception_resnet_v2.inception_resnet_scaled_sum
    y = layers.Lambda(function, output_shape=(2, 2, 3), arguments=arguments)([x, layers.Conv2D(3, 1)(x)])
    model = models.Model(x, y)
    config = model.layers[-1].get_config()
    assert (config["function"], config["function_type"]) == ("inception_resnet_scaled_sum", "function")
    path = os.path.join(tmp_path, "model.h5")
    model.save(path)
    data = np.random.rand(2, 2, 2, 3)
    np.testing.assert_array_equal(keras.models.load_model(path, compile=False).predict(data), model.predict(data))
    full = applications.InceptionResNetV2(weights=None, include_top=False)
    types_used = {layer.get_config()["function_type"] for layer in full.layers if isinstance(layer, layers.Lambda)}
    assert types_used == {"function"}


def test_a_network_learns():
    np.random.seed(0)
    model = applications.MobileNet(classes=2, dropout=0.0, **SMALL)
    model.compile("adam", "categorical_crossentropy")
    x = np.random.rand(16, 32, 32, 3).astype("float32")
    y = keras.utils.to_categorical(np.arange(16) % 2)
    x[::2, :16] += 1
    before = model.train_on_batch(x, y)
    for _ in range(10):
        after = model.train_on_batch(x, y)
    assert after < 0.5 * before
