"""Chapter 13 of the manual: networks for images, with files of weights that are of the right shapes and made up."""

import json
import os

import numpy as np
import pytest

from tests.manual.samples import sample

# 13.3: parameters, size of the input, whether the smallest input that the text allows is stated.
TABLE = {
    "xception.Xception": (22910480, 299, 71),
    "vgg16.VGG16": (138357544, 224, 48),
    "vgg19.VGG19": (143667240, 224, 48),
    "resnet50.ResNet50": (25636712, 224, 197),
    "inception_v3.InceptionV3": (23851784, 299, 139),
    "inception_resnet_v2.InceptionResNetV2": (55873736, 299, 139),
    "mobilenet.MobileNet": (4253864, 224, 32),
    "densenet.DenseNet121": (8062504, 224, None),
    "densenet.DenseNet169": (14307880, 224, None),
    "densenet.DenseNet201": (20242984, 224, None),
    "nasnet.NASNetMobile": (None, 224, None),
    "nasnet.NASNetLarge": (None, 331, None),
}


def function(name):
    import importlib

    module, _, name = name.partition(".")
    return getattr(importlib.import_module(f"keras.applications.{module}"), name)


def imitation(model, path):
    """A file in the format of weights, of which nothing but the fill values is stored.

    Returns:
        The value that every kernel has in it.
    """
    import h5py

    from gpukeras import backend as K

    with h5py.File(path, "w") as f:
        f.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        f.attrs["backend"], f.attrs["keras_version"] = b"tensorflow", b"2.1.6"
        for layer in model.layers:
            group = f.create_group(layer.name)
            group.attrs["weight_names"] = [w.name.encode() for w in layer.weights]
            for w in layer.weights:
                fill = 1.0 if "variance" in w.name or "gamma" in w.name else 0.002
                group.create_dataset(w.name, K.int_shape(w), "float32", fillvalue=fill)
    return 0.002


@pytest.fixture
def published(monkeypatch):
    """Answers what is asked of `get_file`: a weights file for the network that was announced, the classes' names."""
    import keras
    from keras.applications import imagenet_utils

    announced, asked = {}, []

    def get_file(fname, origin, **options):
        assert options["cache_subdir"] == "models" and origin.endswith(fname)
        asked.append(fname)
        path = os.path.join(os.getcwd(), fname)
        if fname.endswith(".json"):
            with open(path, "w") as f:
                json.dump({str(n): [f"n{n:08d}", f"class_{n}"] for n in range(1000)}, f)
        else:
            make, arguments = announced["network"]
            imitation(make(weights=None, **arguments), path)
        return path

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    monkeypatch.setattr(imagenet_utils, "_class_index", None)

    def announce(make, **arguments):
        announced["network"] = make, arguments
        return asked

    return announce


@pytest.fixture
def elephant():
    from PIL import Image

    pixels = np.random.randint(256, size=(30, 40, 3)).astype("uint8")
    Image.fromarray(pixels).save("elephant.jpg")


@sample("13.2.1", 6564, 6580)
def test_classes_with_resnet50(published, elephant, capsys):
    from keras.applications.resnet50 import ResNet50, decode_predictions, preprocess_input
    from keras.preprocessing import image

    asked = published(ResNet50)
    model = ResNet50(weights="imagenet")
    assert (model.get_weights()[0] == np.float32(0.002)).all()

    img_path = "elephant.jpg"
    img = image.load_img(img_path, target_size=(224, 224))
    x = image.img_to_array(img)
    x = np.expand_dims(x, axis=0)
    assert x.shape == (1, 224, 224, 3)
    x = preprocess_input(x)

    preds = model.predict(x)
    assert preds.shape == (1, 1000)
    print("Predicted:", decode_predictions(preds, top=3)[0])
    first, _, _ = decoded = decode_predictions(preds, top=3)[0]
    assert len(decoded) == 3 and first[0].startswith("n") and first[1].startswith("class_")
    np.testing.assert_allclose(first[2], preds.max())
    assert "Predicted: [('n" in capsys.readouterr().out
    assert asked == ["resnet50_weights_tf_dim_ordering_tf_kernels.h5", "imagenet_class_index.json"]


@sample("13.2.2", 6594)
def test_features_with_vgg16(published, elephant):
    from keras.applications.vgg16 import VGG16, preprocess_input
    from keras.preprocessing import image

    asked = published(VGG16, include_top=False)
    model = VGG16(weights="imagenet", include_top=False)
    assert asked == ["vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"]

    img_path = "elephant.jpg"
    img = image.load_img(img_path, target_size=(224, 224))
    x = image.img_to_array(img)
    x = np.expand_dims(x, axis=0)
    x = preprocess_input(x)

    features = model.predict(x)
    assert features.shape == (1, 7, 7, 512)


@sample("13.2.3", 6615, 6634)
def test_features_of_a_layer_of_vgg19(monkeypatch, elephant):
    import keras
    from keras.applications.vgg19 import VGG19, preprocess_input
    from keras.models import Model
    from keras.preprocessing import image

    # Half a gigabyte of weights is not written for this; those drawn at random do.
    asked = []
    monkeypatch.setattr(keras.utils, "get_file", lambda fname, origin, **options: fname)
    monkeypatch.setattr(keras.engine.network.Network, "load_weights", lambda self, path: asked.append(path))

    base_model = VGG19(weights="imagenet")
    model = Model(inputs=base_model.input, outputs=base_model.get_layer("block4_pool").output)
    assert asked == ["vgg19_weights_tf_dim_ordering_tf_kernels.h5"]

    img_path = "elephant.jpg"
    img = image.load_img(img_path, target_size=(224, 224))
    x = image.img_to_array(img)
    x = np.expand_dims(x, axis=0)
    x = preprocess_input(x)

    block4_pool_features = model.predict(x)
    assert block4_pool_features.shape == (1, 14, 14, 512)


@sample("13.2.4", 6640, 6678)
def test_fine_tuning_of_inception_v3(published, capsys):
    from keras.applications.inception_v3 import InceptionV3
    from keras.layers import Dense, GlobalAveragePooling2D
    from keras.models import Model

    published(InceptionV3, include_top=False)
    base_model = InceptionV3(weights="imagenet", include_top=False)
    assert len(base_model.layers) == 311 and base_model.output_shape == (None, None, None, 2048)

    x = base_model.output
    x = GlobalAveragePooling2D()(x)
    x = Dense(1024, activation="relu")(x)
    predictions = Dense(200, activation="softmax")(x)

    model = Model(inputs=base_model.input, outputs=predictions)

    for layer in base_model.layers:
        layer.trainable = False

    model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
    assert len(model.trainable_weights) == 4

    # Two batches of two small images for an epoch.
    def batches():
        while True:
            yield np.random.random((2, 75, 75, 3)), np.eye(200)[np.random.randint(200, size=2)]

    frozen = base_model.get_layer("conv2d_94" if "conv2d_94" in names(base_model) else names(base_model)[-5])
    before = [w.copy() for w in frozen.get_weights()]
    history = model.fit_generator(batches(), steps_per_epoch=2, epochs=1)
    assert np.isfinite(history.history["loss"]).all()
    for ours, old in zip(frozen.get_weights(), before):
        np.testing.assert_array_equal(ours, old)

    for i, layer in enumerate(base_model.layers):
        print(i, layer.name)
    assert capsys.readouterr().out.splitlines()[-1] == "310 mixed10"

    for layer in model.layers[:249]:
        layer.trainable = False
    for layer in model.layers[249:]:
        layer.trainable = True

    from keras.optimizers import SGD

    model.compile(optimizer=SGD(lr=0.0001, momentum=0.9), loss="categorical_crossentropy")
    # From the 249th layer on: two blocks and the two layers on top.
    assert model.layers[248].name == "mixed8" and len(model.trainable_weights) == 40

    history = model.fit_generator(batches(), steps_per_epoch=1, epochs=1)
    assert np.isfinite(history.history["loss"]).all()


def names(model):
    return [layer.name for layer in model.layers]


@sample("13.2.5", 6702)
def test_inception_v3_on_a_tensor(published):
    from keras.applications.inception_v3 import InceptionV3
    from keras.layers import Input

    published(InceptionV3, input_shape=(224, 224, 3))
    input_tensor = Input(shape=(224, 224, 3))

    model = InceptionV3(input_tensor=input_tensor, weights="imagenet", include_top=True)
    assert model.input is input_tensor
    assert (model.input_shape, model.output_shape) == ((None, 224, 224, 3), (None, 1000))


@pytest.mark.parametrize("name", TABLE)
def test_table_of_networks(name):
    """13.3: parameters and size of each; pooling; classes."""
    make = function(name)
    count, size, smallest = TABLE[name]
    model = make(include_top=True, weights=None, classes=1000)
    # Some take images of other sizes as well, since Keras 2.2.
    assert model.input_shape[1:3] in [(size, size), (None, None)] and model.input_shape[3] == 3
    assert model.compute_output_shape((None, size, size, 3)) == (None, 1000)
    if count is not None:
        assert model.count_params() == count
    if smallest is None:
        return
    assert make(weights=None, classes=7).output_shape == (None, 7)
    ranks = []
    for pooling in (None, "avg", "max"):
        bare = make(include_top=False, weights=None, input_shape=(smallest, smallest, 3), pooling=pooling)
        ranks.append(len(bare.output_shape))
        assert bare.input_shape == (None, smallest, smallest, 3)
    assert ranks == [4, 2, 2]


@pytest.mark.parametrize("name", ["vgg19.VGG19", "vgg16.VGG16", "mobilenet.MobileNet"])
def test_what_networks_refuse(name):
    make = function(name)
    refused = [
        {"weights": "no such file"},
        {"weights": "imagenet", "classes": 7},
        {"weights": "imagenet", "input_shape": (160, 192, 3)},
        {"weights": None, "include_top": False, "input_shape": (20, 20, 3)},
    ]
    for arguments in refused:
        with pytest.raises(ValueError):
            make(**arguments)


@sample("13.3.7", 6970)
def test_mobilenet_from_a_file():
    from keras.applications import mobilenet
    from keras.models import load_model

    # A quarter of the filters.
    saved = mobilenet.MobileNet(input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=3)
    saved.save("mobilenet.h5")
    with pytest.warns(UserWarning, match="compile"):
        model = load_model(
            "mobilenet.h5",
            custom_objects={"relu6": mobilenet.relu6, "DepthwiseConv2D": mobilenet.DepthwiseConv2D},
        )
    x = np.random.random((2, 32, 32, 3))
    np.testing.assert_array_equal(model.predict(x), saved.predict(x))
    assert saved.count_params() < mobilenet.MobileNet(input_shape=(32, 32, 3), weights=None, classes=3).count_params()
