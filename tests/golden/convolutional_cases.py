"""What convolutional, pooling and local layers compute on fixed inputs.

`compute(keras)` runs every case with the package it is given and returns {name: array}. The same code runs under
Keras 2.2.4, whose answers are stored (make_convolutional.py), and under gpukeras in the tests. It therefore keeps to
Python 3.6 and to what both packages offer; images are channels_last, the only layout TensorFlow 1 convolves on a CPU.
"""

import json

import numpy as np


def _rand(seed, *shape):
    return np.random.RandomState(seed).randn(*shape).astype("float32")


SEQUENCES, IMAGES, VOLUMES = (2, 9, 3), (2, 7, 6, 3), (1, 5, 4, 6, 2)


def layer_cases():
    """name -> (class, arguments, input shape)."""
    found = {}

    def add(cls, shape, *variants):
        for settings in variants:
            label = "_".join("%s-%s" % (k, settings[k]) for k in sorted(settings)) or "plain"
            found["%s/%s" % (cls, label.replace(" ", ""))] = (cls, settings, shape)

    same = dict(padding="same")
    filters = dict(filters=4)
    add(
        "Conv1D",
        SEQUENCES,
        *[
            dict(filters, kernel_size=3, **more)
            for more in (
                {},
                same,
                dict(same, strides=2),
                dict(strides=3, activation="relu"),
                dict(dilation_rate=2, use_bias=False),
                dict(padding="causal"),
                dict(padding="causal", dilation_rate=3),
                dict(padding="causal", strides=2),
            )
        ],
    )
    add(
        "Conv2D",
        IMAGES,
        *[
            dict(filters, **more)
            for more in (
                dict(kernel_size=3),
                dict(same, kernel_size=(2, 3)),
                dict(same, kernel_size=3, strides=2),
                dict(same, kernel_size=(4, 2), strides=(3, 2)),
                dict(kernel_size=(3, 2), strides=(2, 1), activation="tanh"),
                dict(kernel_size=1, strides=2),
                dict(kernel_size=1, use_bias=False),
                dict(kernel_size=2, dilation_rate=(2, 3)),
                dict(same, kernel_size=(2, 3), dilation_rate=2),
            )
        ],
    )
    add(
        "Conv3D",
        VOLUMES,
        dict(filters=3, kernel_size=2),
        dict(same, filters=3, kernel_size=(3, 2, 3), strides=(2, 1, 3)),
        dict(same, filters=2, kernel_size=2, use_bias=False),
    )
    add(
        "SeparableConv1D",
        SEQUENCES,
        *[
            dict(filters, kernel_size=3, **more)
            for more in ({}, dict(same, depth_multiplier=2), dict(same, strides=2), dict(dilation_rate=2))
        ],
    )
    add(
        "SeparableConv2D",
        IMAGES,
        *[
            dict(filters, kernel_size=3, **more)
            for more in (
                {},
                dict(same, depth_multiplier=2, activation="relu"),
                dict(same, strides=2),
                dict(same, dilation_rate=2, use_bias=False),
            )
        ],
    )
    add(
        "DepthwiseConv2D",
        IMAGES,
        dict(kernel_size=3),
        dict(same, kernel_size=(2, 3), depth_multiplier=3),
        dict(same, kernel_size=3, strides=2, depth_multiplier=2),
        dict(kernel_size=2, use_bias=False, activation="relu"),
    )
    add(
        "Conv2DTranspose",
        IMAGES,
        *[
            dict(filters, **more)
            for more in (
                dict(kernel_size=3),
                dict(same, kernel_size=3, strides=2),
                dict(kernel_size=(3, 2), strides=(2, 3)),
                dict(kernel_size=2, strides=3),
                dict(same, kernel_size=3, strides=3, output_padding=1),
                dict(kernel_size=3, strides=2, output_padding=(0, 1), use_bias=False),
                dict(kernel_size=3, dilation_rate=2),
                dict(same, kernel_size=(3, 2), dilation_rate=2),
            )
        ],
    )
    add(
        "Conv3DTranspose",
        VOLUMES,
        dict(filters=3, kernel_size=2),
        dict(same, filters=3, kernel_size=3, strides=2),
        dict(filters=2, kernel_size=(2, 3, 2), strides=(2, 1, 2), output_padding=(1, 0, 0)),
    )
    for kind in ("Max", "Average"):
        add(kind + "Pooling1D", SEQUENCES, {}, dict(same, pool_size=3, strides=2), dict(pool_size=3, strides=1))
        add(
            kind + "Pooling2D",
            IMAGES,
            {},
            dict(same, pool_size=(3, 2)),
            dict(same, pool_size=3, strides=(1, 2)),
            dict(pool_size=2, strides=(3, 1)),
        )
        add(kind + "Pooling3D", VOLUMES, {}, dict(same, pool_size=(2, 3, 2), strides=(2, 2, 1)))
        for rank, shape in ((1, SEQUENCES), (2, IMAGES), (3, VOLUMES)):
            add("Global%sPooling%dD" % (kind, rank), shape, {})
            if rank > 1:
                add("Global%sPooling%dD" % (kind, rank), shape, dict(data_format="channels_first"))
    add("LocallyConnected1D", SEQUENCES, dict(filters, kernel_size=3), dict(filters, kernel_size=2, strides=3))
    add(
        "LocallyConnected2D",
        IMAGES,
        dict(filters=2, kernel_size=3),
        dict(filters=2, kernel_size=(2, 3), strides=(2, 1), activation="relu", use_bias=False),
        dict(filters=2, kernel_size=2, data_format="channels_first"),
    )
    add("ZeroPadding1D", SEQUENCES, {}, dict(padding=(0, 2)))
    add("ZeroPadding2D", IMAGES, {}, dict(padding=((0, 1), (2, 3)), data_format="channels_first"))
    add("ZeroPadding3D", VOLUMES, {}, dict(padding=(0, 1, 2)))
    add("Cropping1D", SEQUENCES, {}, dict(cropping=(0, 3)))
    add("Cropping2D", IMAGES, dict(cropping=1), dict(cropping=((0, 1), (2, 0))))
    add("Cropping3D", VOLUMES, {}, dict(cropping=((0, 1), 1, (2, 0)), data_format="channels_last"))
    add("UpSampling1D", SEQUENCES, {}, dict(size=3))
    add(
        "UpSampling2D",
        IMAGES,
        {},
        dict(size=(3, 1), data_format="channels_first"),
        dict(size=(2, 3), interpolation="bilinear"),
        dict(size=(3, 2), interpolation="bilinear", data_format="channels_first"),
    )
    add("UpSampling3D", VOLUMES, {}, dict(size=(1, 2, 3), data_format="channels_first"))
    return found


def _layer(keras, name):
    """Output, and the gradients of a weighted sum of it with respect to input and weights."""
    K = keras.backend
    cls, settings, shape = layer_cases()[name]
    layer = getattr(keras.layers, cls)(**settings)
    x = _rand(sum(map(ord, name)), *shape)
    inputs = keras.layers.Input(batch_shape=shape)
    output = layer(inputs)
    layer.set_weights([0.5 * _rand(10 + i, *w.shape) for i, w in enumerate(layer.get_weights())])
    value = K.function([inputs], [output])([x])[0]
    assert tuple(layer.compute_output_shape(shape)) == value.shape, name
    towards = K.constant(_rand(30, *value.shape))
    grads = K.gradients(K.sum(output * towards), [inputs] + layer.trainable_weights)
    return [value] + K.function([inputs], grads)([x])


def _layers(keras):
    for name in sorted(layer_cases()):
        keras.backend.clear_session()  # TensorFlow gets slower the more there is in its graph
        for i, array in enumerate(_layer(keras, name)):
            yield "layer/%s/%d" % (name, i), array


def _ties(keras):
    """Where a window has several largest elements: which of them the gradient goes to."""
    K = keras.backend
    x = np.random.RandomState(7).randint(0, 2, (2, 6, 6, 2)).astype("float32")
    for padding in ("valid", "same"):
        t = K.placeholder(x.shape)
        y = K.pool2d(t, (3, 3), (2, 2), padding)
        loss = K.sum(y * K.constant(_rand(8, *[int(n) for n in K.int_shape(y)])))
        for i, array in enumerate(K.function([t], [y] + K.gradients(loss, [t]))([x])):
            yield "backend/ties/%s/%d" % (padding, i), array


def _functions(keras):
    K = keras.backend
    images, first = K.constant(_rand(40, *IMAGES)), K.constant(_rand(41, 2, 3, 5, 4))
    c = lambda seed, *shape: K.constant(_rand(seed, *shape))
    results = {
        "local_conv2d_first": K.local_conv2d(first, c(42, 12, 12, 2), (2, 2), (1, 1), (4, 3), "channels_first"),
        "separable_even": K.separable_conv2d(images, c(43, 4, 2, 3, 2), c(44, 1, 1, 6, 5), (2, 2), "same"),
        "depthwise_dilated": K.depthwise_conv2d(images, c(45, 3, 2, 3, 2), (1, 1), "same", None, (2, 2)),
        "transpose_from_shape": K.conv2d_transpose(images, c(46, 3, 3, 2, 3), (2, 14, 11, 2), (2, 2), "same"),
        "resize_volumes": K.resize_volumes(c(47, *VOLUMES), 2, 1, 3, "channels_last"),
        "resize_images": K.resize_images(images, 4, 3, "channels_last", "bilinear"),
    }
    for name, t in sorted(results.items()):
        yield "backend/" + name, K.eval(t)


def _masked(keras):
    """Means over the steps that a mask lets through."""
    x = _rand(50, 3, 5, 2)
    x[0, 1] = x[0, 3] = x[1, 0] = x[2, 2:] = 0
    inputs = keras.layers.Input(batch_shape=x.shape)
    output = keras.layers.GlobalAveragePooling1D()(keras.layers.Masking()(inputs))
    yield "masked/mean", keras.backend.function([inputs], [output])([x])[0]


GROUPS = {
    "layer": _layers,
    "backend": lambda keras: list(_ties(keras)) + list(_functions(keras)),
    "masked": _masked,
}


def compute(keras):
    """All cases, as {name: array}."""
    results = {}
    for group in sorted(GROUPS):
        for name, array in GROUPS[group](keras):
            assert name not in results, name
            results[name] = np.asarray(array)
    return results


def configs(keras):
    """name -> config of every layer case, and of calls in the words of Keras 1, as JSON-able values."""
    L = keras.layers
    found = {}
    for name, (cls, settings, _) in sorted(layer_cases().items()):
        keras.backend.clear_session()
        found[name] = getattr(L, cls)(**settings).get_config()
    keras.backend.clear_session()
    found["Conv2D/all"] = L.Conv2D(
        2,
        (1, 2),
        kernel_regularizer="l1_l2",
        bias_constraint="maxnorm",
        activity_regularizer="l2",
        input_shape=(4, 4, 1),
    ).get_config()
    plain = lambda x: x.item() if hasattr(x, "item") else list(x)
    return json.loads(json.dumps(found, default=plain, sort_keys=True))
