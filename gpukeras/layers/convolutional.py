"""Convolution, padding, cropping and enlarging layers; each kind has a module of its own, all are importable here."""

# ruff: noqa: F401 - private bases and pooling are here for programs and files that look for them in this module
from ..legacy.layers import AtrousConvolution1D, AtrousConvolution2D
from .convolutional_base import _Conv
from .convolutional_plain import Conv1D, Conv2D, Conv3D
from .convolutional_separable import DepthwiseConv2D, SeparableConv1D, SeparableConv2D, _SeparableConv
from .convolutional_sizes import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
    _Cropping,
    _UpSampling,
    _ZeroPadding,
)
from .convolutional_transposed import Conv2DTranspose, Conv3DTranspose
from .pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)

__all__ = [
    "AtrousConv1D",
    "AtrousConv2D",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Deconv2D",
    "Deconv3D",
    "Deconvolution2D",
    "Deconvolution3D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]

Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
Convolution2DTranspose = Deconv2D = Deconvolution2D = Conv2DTranspose
Deconv3D = Deconvolution3D = Conv3DTranspose
AtrousConv1D = AtrousConvolution1D
AtrousConv2D = AtrousConvolution2D
