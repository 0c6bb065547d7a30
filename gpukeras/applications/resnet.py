"""ResNet-50, -101 and -152 (K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition, 2015).

Layer names are those of later versions of Keras; `applications.ResNet50` has the names, and the weights, of Keras 2.2.
"""

from ._resnet import build, residual_block
from ._shared import Build
from .imagenet_utils import decode_predictions, preprocess_input

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


def ResNet50(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds ResNet-50: 16 residual blocks of 3 convolutions; the first of a stage halves the size.

    Arguments:
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        input_shape: tuple, shape of one image, height and width at least 32; (224, 224, 3) when None, of any size
            without the top.
        pooling: what follows the last block when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    b = Build("ResNet50", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    hashes = ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626")
    return build(b, residual_block, (3, 4, 6, 3), hashes)


def ResNet101(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds ResNet-101: 33 residual blocks of 3 convolutions; the first of a stage halves the size.

    Arguments:
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        input_shape: tuple, shape of one image, height and width at least 32; (224, 224, 3) when None, of any size
            without the top.
        pooling: what follows the last block when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    b = Build("ResNet101", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    hashes = ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21")
    return build(b, residual_block, (3, 4, 23, 3), hashes)


def ResNet152(
    include_top=True, weights="imagenet", input_tensor=None, input_shape=None, pooling=None, classes=1000, **kwargs
):
    """Builds ResNet-152: 50 residual blocks of 3 convolutions; the first of a stage halves the size.

    Arguments:
        include_top: bool, whether the dense layer at the end is part of it.
        weights: None (random), 'imagenet' (downloaded at first use) or the path of a file of weights.
        input_tensor: tensor to build the model on.
        input_shape: tuple, shape of one image, height and width at least 32; (224, 224, 3) when None, of any size
            without the top.
        pooling: what follows the last block when `include_top` is False: None, 'avg' or 'max'.
        classes: int, how many classes the top tells apart.
        **kwargs: `backend`, `layers`, `models`, `utils`: modules to build with instead of the package's own.

    Returns:
        `Model`.

    Raises:
        ValueError: when an argument, or the combination of them, is not possible.
    """
    b = Build("ResNet152", include_top, weights, input_tensor, input_shape, pooling, classes, kwargs)
    hashes = ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c")
    return build(b, residual_block, (3, 8, 36, 3), hashes)
