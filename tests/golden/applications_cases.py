"""What the application models are made of and what they compute, under Keras 2.2.4 and under gpukeras alike.

The same code describes the models of either package; Keras' answers are stored (make_applications.py). It keeps to
Python 3.6 and to what both packages offer.
"""

import json
import re
import zlib

import numpy as np

# Name of the case -> (function, arguments). Cases of 'imagenet' weights also store which file would be fetched.
STRUCTURES = {}
for _name in (
    "VGG16 VGG19 ResNet50 InceptionV3 InceptionResNetV2 Xception MobileNet MobileNetV2 DenseNet121 DenseNet169 "
    "DenseNet201 NASNetMobile"
).split():
    STRUCTURES[_name] = (_name, {"weights": "imagenet"})
    STRUCTURES[_name + "/notop"] = (_name, {"weights": "imagenet", "include_top": False})
# Without a size Keras builds NASNet otherwise than its weights are, and the model cannot run.
STRUCTURES["NASNetMobile/notop"][1]["input_shape"] = (224, 224, 3)
STRUCTURES.update(
    {
        "NASNetLarge": ("NASNetLarge", {"weights": "imagenet"}),
        "MobileNet/0.25": ("MobileNet", {"weights": "imagenet", "alpha": 0.25, "input_shape": (128, 128, 3)}),
        "MobileNet/0.75": (
            "MobileNet",
            {
                "weights": "imagenet",
                "alpha": 0.75,
                "input_shape": (160, 160, 3),
                "include_top": False,
                "pooling": "avg",
            },
        ),
        "MobileNet/own": ("MobileNet", {"weights": None, "alpha": 0.3, "depth_multiplier": 2, "classes": 7}),
        "MobileNetV2/0.35": ("MobileNetV2", {"weights": "imagenet", "alpha": 0.35, "input_shape": (96, 96, 3)}),
        "MobileNetV2/1.4": (
            "MobileNetV2",
            {"weights": "imagenet", "alpha": 1.4, "include_top": False, "pooling": "max"},
        ),
        "MobileNetV2/own": ("MobileNetV2", {"weights": None, "alpha": 0.6, "input_shape": (97, 131, 3)}),
        "DenseNet121/own": ("DenseNet121", {"weights": None, "input_shape": (65, 33, 1), "classes": 3}),
    }
)

# Small images, odd and even sizes; with the top where it is cheap.
OUTPUTS = {
    "VGG16": ("VGG16", {"include_top": False, "pooling": "max", "input_shape": (48, 40, 3)}),
    "VGG19": ("VGG19", {"include_top": False, "pooling": "avg", "input_shape": (32, 32, 3)}),
    "ResNet50": ("ResNet50", {"input_shape": (64, 71, 3), "classes": 10}),
    "InceptionV3": ("InceptionV3", {"input_shape": (76, 90, 3), "classes": 10}),
    "InceptionResNetV2": ("InceptionResNetV2", {"input_shape": (75, 80, 3), "classes": 10}),
    "Xception": ("Xception", {"input_shape": (71, 76, 3), "classes": 10}),
    "MobileNet": ("MobileNet", {"input_shape": (65, 96, 3), "alpha": 0.5, "classes": 10}),
    "MobileNetV2": ("MobileNetV2", {"input_shape": (65, 96, 3), "alpha": 0.5, "classes": 10}),
    "DenseNet121": ("DenseNet121", {"input_shape": (65, 48, 3), "classes": 10}),
    "NASNetMobile": ("NASNetMobile", {"input_shape": (65, 48, 3), "classes": 10}),
}

# Networks that Keras 2.2.4 does not have; a later version's answers are stored.
LATER = {
    name: (module, name)
    for module, names in (
        ("resnet", ("ResNet50", "ResNet101", "ResNet152")),
        ("resnet_v2", ("ResNet50V2", "ResNet101V2", "ResNet152V2")),
    )
    for name in names
}
_LATER_KEYS = (
    "activation axis batch_input_shape epsilon filters kernel_size momentum padding pool_size strides units use_bias"
).split()


def describe(model, later=False):
    """The model's layers, connections, configs and weights, as plain lists; equal configs are stored once.

    With `later` only what versions of Keras have in common is kept.
    """
    config = model.get_config()
    configs, layers = [], []
    for layer in config["layers"]:
        own = {k: v for k, v in layer["config"].items() if k != "name"}
        if layer["class_name"] == "Lambda":
            # How a function is stored is up to the package, and to the Python it runs on.
            own = {k: own[k] for k in ("arguments", "output_shape")}
        if later:
            own = {k: v for k, v in own.items() if k in _LATER_KEYS}
            axis = own.get("axis")
            own.update({} if axis is None else {"axis": axis[0] if isinstance(axis, (list, tuple)) else axis})
        own = _plain(own)
        if own not in configs:
            configs.append(own)
        sources = [[_name_of(n[0], later) for n in node] for node in layer["inbound_nodes"]]
        layers.append([layer["class_name"], _name_of(layer["config"]["name"], later), sources, configs.index(own)])
    weights = [[w.name, list(_shape(w))] for layer in model.layers for w in layer.weights]
    return {
        "name": model.name,
        "layers": layers,
        "configs": configs,
        "weights": weights,
        "count": int(model.count_params()),
        "trainable": int(sum(np.prod(_shape(w)) for w in model.trainable_weights)),
        "output_shape": _plain(model.output_shape),
    }


def _name_of(name, later):
    return re.sub(r"^(max_pooling2d)(_\d+)?$", r"\1", name) if later else name


def _plain(value):
    """As JSON gives it back, with whole floats as floats (Keras 2.2.4 keeps some as strings or NumPy numbers)."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    return float(value) if float(value) != int(value) else int(value)


def _shape(variable):
    shape = variable.shape
    return tuple(int(n) for n in (shape.as_list() if hasattr(shape, "as_list") else shape))


_POOL = np.random.RandomState(7).randn(100003).astype("float32")


def _values(name, shape):
    """Numbers that only depend on the weight's name and shape, of a size that keeps signals alive."""
    count = int(np.prod(shape))
    start = zlib.crc32(name.encode("ascii")) % len(_POOL)
    x = np.resize(np.roll(_POOL, -start), count).reshape(shape)
    kind = name.rsplit("/", 1)[1]
    if "depthwise" in kind:
        return x * np.float32(np.sqrt(1.0 / (shape[0] * shape[1])))
    if len(shape) > 1:
        return x * np.float32(np.sqrt(1.5 / np.prod(shape[:-1])))
    if "gamma" in kind or "variance" in kind:
        return 1 + np.float32(0.1) * np.abs(x)
    return np.float32(0.1) * x


def set_weights(model):
    """Gives every weight its values."""
    weights = [w for layer in model.layers for w in layer.weights]
    # Scopes are no part of the name: auto-numbered ones depend on what was built before.
    names = ["/".join(w.name.split(":")[0].split("/")[-2:]) for w in weights]
    model.set_weights([_values(n, _shape(w)) for n, w in zip(names, weights)])


def images(shape):
    """A batch of two images between -1 and 1."""
    return np.random.RandomState(3).uniform(-1, 1, size=(2,) + tuple(shape)).astype("float32")


def output_of(function, arguments):
    """What the model, with the set weights, predicts for the images."""
    model = function(weights=None, **arguments)
    set_weights(model)
    return model.predict(images(arguments["input_shape"]))


def pixels(kind, shape):
    """Pixels of 0 to 255 as integers or floats."""
    x = np.random.RandomState(11).randint(0, 256, size=shape)
    return x.astype(kind)


def preprocessed(utils):
    """name -> array: `preprocess_input` in all modes, layouts and ranks."""
    answers = {}
    for mode in ("caffe", "tf", "torch"):
        for data_format in ("channels_last", "channels_first"):
            for rank in (3, 4):
                shape = (2, 3, 3) if rank == 3 else (1, 2, 3, 3)
                if data_format == "channels_first":
                    shape = shape[:-3] + (3, 2, 3)
                for kind in ("uint8", "float32", "float64"):
                    x = utils.preprocess_input(pixels(kind, shape), data_format, mode=mode)
                    answers["/".join((mode, data_format, str(rank), kind))] = [str(x.dtype), x.tolist()]
    return answers


def dumps(data):
    """JSON without spaces, keys in order: the same facts give the same file."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))
