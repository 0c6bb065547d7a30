"""Networks for images, with weights trained on ImageNet."""

import functools

from . import mobilenetv2
from .densenet import DenseNet121, DenseNet169, DenseNet201
from .inception_resnet_v2 import InceptionResNetV2
from .inception_v3 import InceptionV3
from .mobilenet import MobileNet
from .mobilenet_v2 import MobileNetV2
from .nasnet import NASNetLarge, NASNetMobile
from .resnet import ResNet101, ResNet152
from .resnet50 import ResNet50
from .resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from .vgg16 import VGG16
from .vgg19 import VGG19
from .xception import Xception


def keras_modules_injection(base_fun):
    """Makes a function of the `keras_applications` package work with this package.

    Arguments:
        base_fun: function that takes `backend`, `layers`, `models` and `utils` as keyword arguments.

    Returns:
        Function that supplies those, unless the caller does.
    """

    @functools.wraps(base_fun)
    def wrapper(*args, **kwargs):
        from ._shared import modules

        names = ("backend", "layers", "models", "utils")
        own = modules({name: kwargs.pop(name) for name in names if name in kwargs})
        return base_fun(*args, **own._asdict(), **kwargs)

    return wrapper
