"""Chapter 14.5 of the manual: every backend function, with all its arguments by the names the text gives them."""

import numpy as np
import pytest

from tests.manual import samples

X = np.linspace(-2, 3, 12).reshape(3, 4).astype("float32")
P = np.linspace(0.1, 2, 12).reshape(3, 4).astype("float32")
Q = P[::-1].copy()
CUBE = np.arange(24, dtype="float32").reshape(2, 3, 4)
IMAGE = np.linspace(-1, 1, 2 * 5 * 6 * 3).reshape(2, 5, 6, 3).astype("float32")
VOLUME = np.linspace(-1, 1, 2 * 3 * 4 * 5 * 2).reshape(2, 3, 4, 5, 2).astype("float32")
STEPS = np.linspace(-1, 1, 2 * 7 * 3).reshape(2, 7, 3).astype("float32")
PROBABLE = np.array([[0.2, 0.7, 0.1], [0.3, 0.3, 0.4]], dtype="float32")
ONE_HOT = np.eye(3, dtype="float32")[[1, 0]]


def kernel(*shape):
    return np.linspace(-0.5, 0.5, int(np.prod(shape))).reshape(shape).astype("float32")


def windows(x, size, strides=None):
    """Windows over the axes between the first and the last: batch, places..., size..., channels."""
    axes = tuple(range(1, x.ndim - 1))
    view = np.lib.stride_tricks.sliding_window_view(x, size, axes)
    view = np.moveaxis(view, x.ndim - 1, -1)
    steps = strides or (1,) * len(axes)
    return view[(slice(None), *(slice(None, None, s) for s in steps))]


def convolved(x, w, strides=None):
    n = w.ndim - 2
    return np.tensordot(windows(x, w.shape[:n], strides), w, (list(range(1 + n, 2 + 2 * n)), list(range(n + 1))))


def reduction(function):
    return [
        ({"x": CUBE, "axis": 1, "keepdims": False}, lambda x, axis, keepdims: function(x, axis=1)),
        ({"x": CUBE, "axis": -1, "keepdims": True}, lambda x, axis, keepdims: function(x, axis=-1, keepdims=True)),
        ({"x": CUBE, "axis": None, "keepdims": False}, lambda x, axis, keepdims: function(x)),
    ]


def elementwise(function, x=X):
    return [({"x": x}, lambda x: function(x))]


def two(function):
    return [({"x": X, "y": Q}, lambda x, y: function(x, y))]


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def binary(target, output, from_logits):
    p = 1 / (1 + np.exp(-output)) if from_logits else output
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def depthwise(x, depthwise_kernel):
    view = windows(x, depthwise_kernel.shape[:2])
    out = np.einsum("nijabc,abcm->nijcm", view, depthwise_kernel)
    return out.reshape(*out.shape[:3], -1)


def crossed(target, output, from_logits):
    return -(target * np.log(softmax(output) if from_logits else output)).sum(axis=-1)


def local(inputs, kernel, size, places):
    """What an unshared kernel (place, window and channels, filters) makes of each place."""
    view = windows(inputs, size)
    flat = view.reshape(len(inputs), int(np.prod(places)), -1)
    return np.einsum("npk,pkf->npf", flat, kernel).reshape(len(inputs), *places, kernel.shape[-1])


D = {"data_format": "channels_last"}
# Name: list of (arguments by name, what NumPy makes of them).
CASES = {
    "constant": [({"value": X, "dtype": None, "shape": (3, 4), "name": "c"}, lambda **a: X)],
    "variable": [({"value": X, "dtype": None, "name": "v", "constraint": None}, lambda **a: X)],
    "zeros": [({"shape": (2, 3), "dtype": None, "name": None}, lambda **a: np.zeros((2, 3)))],
    "ones": [({"shape": (2, 3), "dtype": None, "name": None}, lambda **a: np.ones((2, 3)))],
    "eye": [({"size": 3, "dtype": None, "name": None}, lambda **a: np.eye(3))],
    "zeros_like": [({"x": X, "dtype": None, "name": None}, lambda **a: np.zeros((3, 4)))],
    "ones_like": [({"x": X, "dtype": None, "name": None}, lambda **a: np.ones((3, 4)))],
    "identity": [({"x": X, "name": "i"}, lambda **a: X)],
    "cast": [({"x": X, "dtype": "float64"}, lambda **a: X.astype("float64"))],
    "shape": elementwise(lambda x: np.array([3, 4])),
    "to_dense": [({"tensor": X}, lambda tensor: X)],
    "dot": [
        ({"x": X, "y": kernel(4, 2)}, lambda x, y: x @ y),
        ({"x": kernel(2, 3), "y": kernel(4, 3, 5)}, lambda x, y: np.tensordot(x, y, (1, 1))),
    ],
    "batch_dot": [
        ({"x": CUBE, "y": kernel(2, 4, 5), "axes": None}, lambda x, y, axes: x @ y),
        ({"x": CUBE, "y": kernel(2, 5, 4), "axes": (2, 2)}, lambda x, y, axes: np.einsum("nik,njk->nij", x, y)),
        ({"x": X, "y": Q, "axes": 1}, lambda x, y, axes: (x * y).sum(1, keepdims=True)),
    ],
    "transpose": elementwise(np.transpose),
    "gather": [({"reference": X, "indices": np.array([[2, 0]])}, lambda reference, indices: X[[[2, 0]]])],
    "max": reduction(np.max),
    "min": reduction(np.min),
    "sum": reduction(np.sum),
    "prod": reduction(np.prod),
    "var": reduction(np.var),
    "std": reduction(np.std),
    "mean": [
        *reduction(np.mean),
        ({"x": CUBE, "axis": [0, 2], "keepdims": False}, lambda **a: CUBE.mean(axis=(0, 2))),
    ],
    "any": reduction(np.any),
    "all": reduction(np.all),
    "logsumexp": reduction(lambda x, **a: np.log(np.exp(x.astype("float64")).sum(**a))),
    "cumsum": [({"x": X, "axis": 0}, lambda x, axis: x.cumsum(0)), ({"x": X, "axis": 1}, lambda x, axis: x.cumsum(1))],
    "cumprod": [({"x": P, "axis": 0}, lambda x, axis: x.cumprod(0))],
    "argmax": [({"x": X[:, ::-1].copy(), "axis": -1}, lambda x, axis: x.argmax(-1))],
    "argmin": [({"x": X, "axis": 0}, lambda x, axis: x.argmin(0))],
    "square": elementwise(np.square),
    "abs": elementwise(np.abs),
    "sqrt": elementwise(np.sqrt, P),
    "exp": elementwise(np.exp),
    "log": elementwise(np.log, P),
    # Halves go to the even neighbour.
    "round": elementwise(np.round, np.array([-1.5, -0.5, 0.5, 1.5, 2.5, 2.6], dtype="float32")),
    "sign": elementwise(np.sign),
    "pow": [({"x": X, "a": 3}, lambda x, a: x**3)],
    "clip": [({"x": X, "min_value": -1, "max_value": 1.5}, lambda **a: X.clip(-1, 1.5))],
    "equal": two(np.equal),
    "not_equal": two(np.not_equal),
    "greater": two(np.greater),
    "greater_equal": two(np.greater_equal),
    "less": two(np.less),
    "less_equal": two(np.less_equal),
    "maximum": two(np.maximum),
    "minimum": two(np.minimum),
    "sin": elementwise(np.sin),
    "cos": elementwise(np.cos),
    "batch_normalization": [
        (
            {"x": X, "mean": P[0], "var": P[1], "beta": P[2], "gamma": Q[1], "epsilon": 0.001},
            lambda x, mean, var, beta, gamma, epsilon: (x - mean) / np.sqrt(var + epsilon) * gamma + beta,
        )
    ],
    "concatenate": [({"tensors": [X, Q], "axis": -1}, lambda tensors, axis: np.concatenate(tensors, -1))],
    "reshape": [({"x": X, "shape": (2, -1)}, lambda x, shape: x.reshape(2, 6))],
    "permute_dimensions": [({"x": CUBE, "pattern": (0, 2, 1)}, lambda x, pattern: x.transpose(pattern))],
    "resize_images": [
        (
            {"x": IMAGE, "height_factor": 2, "width_factor": 3, **D},
            lambda x, **a: x.repeat(2, axis=1).repeat(3, axis=2),
        )
    ],
    "resize_volumes": [
        (
            {"x": VOLUME, "depth_factor": 1, "height_factor": 2, "width_factor": 3, **D},
            lambda x, **a: x.repeat(2, axis=2).repeat(3, axis=3),
        )
    ],
    "repeat_elements": [({"x": CUBE, "rep": 2, "axis": 1}, lambda x, rep, axis: x.repeat(2, axis=1))],
    "repeat": [({"x": X, "n": 2}, lambda x, n: np.stack([x, x], axis=1))],
    "arange": [
        ({"start": 5, "stop": None, "step": 1, "dtype": "int32"}, lambda **a: np.arange(5)),
        ({"start": 1, "stop": 9, "step": 3, "dtype": "int32"}, lambda **a: np.arange(1, 9, 3)),
    ],
    "tile": [({"x": X, "n": [2, 3]}, lambda x, n: np.tile(x, n))],
    "flatten": elementwise(np.ravel),
    "batch_flatten": elementwise(lambda x: x.reshape(2, 12), CUBE),
    "expand_dims": [
        ({"x": X, "axis": 1}, lambda x, axis: x[:, None]),
        ({"x": X, "axis": -1}, lambda **a: X[..., None]),
    ],
    "squeeze": [({"x": X[:, None], "axis": 1}, lambda x, axis: X)],
    "temporal_padding": [({"x": CUBE, "padding": (1, 2)}, lambda **a: np.pad(CUBE, ((0, 0), (1, 2), (0, 0))))],
    "spatial_2d_padding": [
        (
            {"x": IMAGE, "padding": ((1, 0), (2, 1)), "data_format": None},
            lambda **a: np.pad(IMAGE, ((0, 0), (1, 0), (2, 1), (0, 0))),
        )
    ],
    "spatial_3d_padding": [
        (
            {"x": VOLUME, "padding": ((1, 0), (2, 1), (0, 3)), "data_format": None},
            lambda **a: np.pad(VOLUME, ((0, 0), (1, 0), (2, 1), (0, 3), (0, 0))),
        )
    ],
    "stack": [({"x": [X, Q], "axis": 1}, lambda x, axis: np.stack(x, axis=1))],
    "one_hot": [({"indices": np.array([[1, 0], [2, 2]]), "num_classes": 3}, lambda indices, **a: np.eye(3)[indices])],
    "reverse": [({"x": CUBE, "axes": (0, 2)}, lambda x, axes: x[::-1, :, ::-1])],
    "print_tensor": [({"x": X, "message": "x is: "}, lambda x, message: x)],
    "stop_gradient": [({"variables": X}, lambda variables: X)],
    "relu": [
        ({"x": X, "alpha": 0.0, "max_value": None}, lambda **a: X.clip(0)),
        ({"x": X, "alpha": 0.1, "max_value": 2.0}, lambda **a: np.where(X < 0, X / 10, X).clip(None, 2)),
    ],
    "elu": [({"x": X, "alpha": 2.0}, lambda x, alpha: np.where(x < 0, 2 * np.expm1(x), x))],
    "softmax": elementwise(softmax),
    "softplus": elementwise(lambda x: np.log1p(np.exp(x))),
    "softsign": elementwise(lambda x: x / (1 + abs(x))),
    "sigmoid": elementwise(lambda x: 1 / (1 + np.exp(-x))),
    "hard_sigmoid": elementwise(lambda x: np.where(x < -2.5, 0, np.where(x > 2.5, 1, 0.2 * x + 0.5)), X * 2),
    "tanh": elementwise(np.tanh),
    "categorical_crossentropy": [
        ({"target": ONE_HOT, "output": PROBABLE, "from_logits": logits}, crossed) for logits in (False, True)
    ],
    "sparse_categorical_crossentropy": [
        (
            {"target": np.array([1, 0]), "output": PROBABLE, "from_logits": logits},
            lambda target, output, from_logits: crossed(ONE_HOT, output, from_logits),
        )
        for logits in (False, True)
    ],
    "binary_crossentropy": [
        ({"target": ONE_HOT, "output": PROBABLE, "from_logits": logits}, binary) for logits in (False, True)
    ],
    "l2_normalize": [({"x": X, "axis": 1}, lambda x, axis: x / np.sqrt((x**2).sum(1, keepdims=True)))],
    "in_top_k": [
        ({"predictions": PROBABLE, "targets": np.array([1, 0], dtype="int32"), "k": 1}, lambda **a: [True, False])
    ],
    "conv1d": [
        (
            {"x": STEPS, "kernel": kernel(3, 3, 2), "strides": 2, "padding": "valid", **D, "dilation_rate": 1},
            lambda x, kernel, **a: convolved(x, kernel, (2,)),
        ),
        (
            {"x": STEPS, "kernel": kernel(3, 3, 2), "strides": 1, "padding": "causal", **D, "dilation_rate": 1},
            lambda x, kernel, **a: convolved(np.pad(x, ((0, 0), (2, 0), (0, 0))), kernel),
        ),
    ],
    "conv2d": [
        (
            {"x": IMAGE, "kernel": kernel(3, 2, 3, 4), "strides": (2, 1), "padding": "valid", **D}
            | {"dilation_rate": (1, 1)},
            lambda x, kernel, **a: convolved(x, kernel, (2, 1)),
        )
    ],
    "conv3d": [
        (
            {"x": VOLUME, "kernel": kernel(2, 2, 3, 2, 4), "strides": (1, 2, 1), "padding": "valid", **D}
            | {"dilation_rate": (1, 1, 1)},
            lambda x, kernel, **a: convolved(x, kernel, (1, 2, 1)),
        )
    ],
    "depthwise_conv2d": [
        (
            {"x": IMAGE, "depthwise_kernel": kernel(3, 2, 3, 2), "strides": (1, 1), "padding": "valid", **D}
            | {"dilation_rate": (1, 1)},
            lambda x, depthwise_kernel, **a: depthwise(x, depthwise_kernel),
        )
    ],
    "separable_conv2d": [
        (
            {"x": IMAGE, "depthwise_kernel": kernel(3, 2, 3, 2), "pointwise_kernel": kernel(1, 1, 6, 4)}
            | {"strides": (1, 1), "padding": "valid", **D, "dilation_rate": (1, 1)},
            lambda x, depthwise_kernel, pointwise_kernel, **a: depthwise(x, depthwise_kernel) @ pointwise_kernel[0, 0],
        )
    ],
    "separable_conv1d": [
        (
            {"x": STEPS, "depthwise_kernel": kernel(3, 3, 2), "pointwise_kernel": kernel(1, 6, 4)}
            | {"strides": 1, "padding": "valid", **D, "dilation_rate": 1},
            lambda x, depthwise_kernel, pointwise_kernel, **a: (
                depthwise(x[:, None], depthwise_kernel[None])[:, 0] @ pointwise_kernel[0]
            ),
        )
    ],
    "pool2d": [
        (
            {"x": IMAGE, "pool_size": (2, 3), "strides": (1, 2), "padding": "valid", **D, "pool_mode": "max"},
            lambda x, **a: windows(x, (2, 3), (1, 2)).max(axis=(3, 4)),
        )
    ],
    "pool3d": [
        (
            {"x": VOLUME, "pool_size": (2, 2, 3), "strides": (1, 1, 1), "padding": "valid", **D, "pool_mode": "avg"},
            lambda x, **a: windows(x, (2, 2, 3)).mean(axis=(4, 5, 6)),
        )
    ],
    "bias_add": [({"x": IMAGE, "bias": kernel(3), "data_format": None}, lambda x, bias, **a: x + bias)],
    "local_conv1d": [
        (
            {"inputs": STEPS, "kernel": kernel(5, 9, 2), "kernel_size": (3,), "strides": (1,), **D},
            lambda inputs, kernel, **a: local(inputs, kernel, (3,), (5,)),
        )
    ],
    "local_conv2d": [
        (
            {"inputs": IMAGE, "kernel": kernel(12, 27, 2), "kernel_size": (3, 3), "strides": (1, 1)}
            | {"output_shape": (3, 4), **D},
            lambda inputs, kernel, **a: local(inputs, kernel, (3, 3), (3, 4)),
        )
    ],
    "switch": [
        ({"condition": np.array(True), "then_expression": X, "else_expression": Q}, lambda **a: X),
        (
            {"condition": X > 0, "then_expression": X, "else_expression": Q},
            lambda condition, **a: np.where(condition, X, Q),
        ),
    ],
    "in_train_phase": [({"x": X, "alt": Q, "training": t}, lambda training, **a: X if training else Q) for t in (0, 1)],
    "in_test_phase": [({"x": X, "alt": Q, "training": t}, lambda training, **a: Q if training else X) for t in (0, 1)],
}
# What these functions are given as it is.
PLAIN = {"value"}


@pytest.mark.parametrize("name, which", [(name, n) for name in CASES for n in range(len(CASES[name]))])
def test_function(name, which):
    from keras import backend as K

    arguments, expected = CASES[name][which]

    def tensor(key, value):
        if isinstance(value, list) and isinstance(value[0], np.ndarray):
            return [tensor(key, part) for part in value]
        if isinstance(value, np.ndarray) and key not in PLAIN:
            return K.constant(value, dtype=value.dtype.name)
        return value

    result = getattr(K, name)(**{key: tensor(key, value) for key, value in arguments.items()})
    result, expected = K.eval(result), np.asarray(expected(**arguments))
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


OTHERS = """
backend batch_get_value batch_set_value cast_to_floatx clear_session conv2d_transpose conv3d_transpose count_params
ctc_batch_cost ctc_decode ctc_label_dense_to_sparse dropout dtype epsilon eval floatx foldl foldr function get_uid
get_value gradients image_data_format int_shape is_keras_tensor is_placeholder is_sparse learning_phase
manual_variable_initialization map_fn moving_average_update ndim normalize_batch_in_training placeholder
random_binomial random_normal random_normal_variable random_uniform random_uniform_variable reset_uids rnn
set_epsilon set_floatx set_image_data_format set_learning_phase set_value truncated_normal update update_add update_sub
""".split()


def test_every_function_of_the_text_is_called():
    """Here, in the tests below, or in test_backend_guide."""
    shown = {r.name.rpartition(".")[2] for r in samples.signatures() if r.name.startswith("keras.backend.")}
    assert sorted(shown - set(CASES) - set(OTHERS)) == []
    called = " ".join((samples.HERE / f"test_backend_{part}.py").read_text() for part in ("guide", "functions"))
    assert [name for name in OTHERS if f"K.{name}(" not in called and f"backend.{name}(" not in called] == []
    assert set(CASES) <= shown


def test_identifiers():
    from keras import backend as K

    K.reset_uids()
    assert [K.get_uid(prefix="a"), K.get_uid(prefix="a"), K.get_uid(prefix="b")] == [1, 2, 1]
    K.clear_session()
    assert K.get_uid(prefix="a") == 1
    K.manual_variable_initialization(value=False)


def test_learning_phase():
    from keras import backend as K

    phase = K.learning_phase()
    assert not isinstance(phase, int)
    choose = K.function([phase], [K.in_train_phase(K.constant(1.0), K.constant(0.0))])
    assert choose([0])[0] == 0 and choose([1])[0] == 1
    try:
        K.set_learning_phase(value=1)
        assert K.learning_phase() == 1
        assert K.eval(K.in_train_phase(K.constant(1.0), K.constant(0.0))) == 1
        assert K.eval(K.in_test_phase(K.constant(1.0), K.constant(0.0))) == 0
        with pytest.raises(ValueError):
            K.set_learning_phase(value=2)
    finally:
        K.clear_session()


def test_placeholders():
    from keras import backend as K

    x = K.placeholder(shape=None, ndim=2, dtype="float64", sparse=False, name="x")
    assert K.is_placeholder(x=x) and not K.is_placeholder(K.zeros((1,))) and K.dtype(x) == "float64"
    assert K.int_shape(x) == (None, None)


def test_values_of_variables():
    from keras import backend as K

    a, b = K.variable(X), K.variable(Q)
    np.testing.assert_array_equal(K.get_value(x=a), X)
    K.set_value(x=a, value=Q)
    np.testing.assert_array_equal(K.get_value(a), Q)
    K.batch_set_value(tuples=[(a, X), (b, P)])
    for got, given in zip(K.batch_get_value(ops=[a, b]), [X, P]):
        np.testing.assert_array_equal(got, given)


def test_updates():
    from keras import backend as K

    v = K.variable(X)
    for update, expected in [
        (K.update(x=v, new_x=K.constant(P)), P),
        (K.update_add(x=v, increment=K.constant(Q)), P + Q),
        (K.update_sub(x=v, decrement=K.constant(P)), Q),
        (K.moving_average_update(x=v, value=K.constant(P), momentum=0.9), 0.9 * Q + 0.1 * P),
    ]:
        K.function(inputs=[], outputs=[], updates=[update])([])
        np.testing.assert_allclose(K.get_value(v), expected, rtol=1e-5)


def test_functions_and_gradients():
    from keras import backend as K

    x, v = K.placeholder((3, 4)), K.variable(Q)
    loss = K.sum(x * v * v) + K.sum(K.stop_gradient(v))
    (gradient,) = K.gradients(loss=loss, variables=[v])
    f = K.function(inputs=[x], outputs=[loss, gradient], updates=None)
    total, slope = f([X])
    assert isinstance(slope, np.ndarray)
    np.testing.assert_allclose(total, (X * Q * Q).sum() + Q.sum(), rtol=1e-4)
    np.testing.assert_allclose(slope, 2 * X * Q, rtol=1e-5)


def test_normalization_in_training():
    from keras import backend as K

    normal, mean, variance = K.normalize_batch_in_training(
        x=K.constant(X), gamma=K.ones((4,)), beta=K.zeros((4,)), reduction_axes=[0], epsilon=0.001
    )
    np.testing.assert_allclose(K.eval(mean), X.mean(0), rtol=1e-5)
    np.testing.assert_allclose(K.eval(variance), X.var(0), rtol=1e-5)
    np.testing.assert_allclose(K.eval(normal), (X - X.mean(0)) / np.sqrt(X.var(0) + 0.001), rtol=1e-4, atol=1e-6)


def test_transposed_convolutions():
    """They are the gradients of convolutions: the product with any image is the same on either side."""
    from keras import backend as K

    w = kernel(3, 2, 4, 3)
    y = K.conv2d_transpose(
        x=K.constant(IMAGE),
        kernel=K.constant(w),
        output_shape=(2, 7, 7, 4),
        strides=(1, 1),
        padding="valid",
        data_format=None,
    )
    other = kernel(2, 7, 7, 4)
    np.testing.assert_allclose((K.eval(y) * other).sum(), (IMAGE * convolved(other, w)).sum(), rtol=1e-3)
    w = kernel(2, 2, 2, 3, 2)
    y = K.conv3d_transpose(
        x=K.constant(VOLUME),
        kernel=K.constant(w),
        output_shape=(2, 4, 5, 6, 3),
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
    )
    other = kernel(2, 4, 5, 6, 3) ** 2
    np.testing.assert_allclose((K.eval(y) * other).sum(), (VOLUME * convolved(other, w)).sum(), rtol=1e-3)


def test_recurrence():
    from keras import backend as K

    def step(x, states):
        # The constants come after the states.
        h = x + 0.5 * states[0] + states[1]
        return h, [h]

    once = K.constant(np.ones((2, 3)))
    last, outputs, states = K.rnn(
        step_function=step,
        inputs=K.constant(STEPS),
        initial_states=[K.zeros((2, 3))],
        go_backwards=False,
        mask=None,
        constants=[once],
        unroll=False,
        input_length=None,
    )
    expected, h = [], np.zeros((2, 3))
    for t in range(7):
        h = STEPS[:, t] + 0.5 * h + 1
        expected.append(h)
    np.testing.assert_allclose(K.eval(outputs), np.stack(expected, 1), rtol=1e-4)
    np.testing.assert_allclose(K.eval(last), h, rtol=1e-4)
    np.testing.assert_allclose(K.eval(states[0]), h, rtol=1e-4)
    mask = np.ones((2, 7))
    mask[:, 5:] = 0
    masked, _, _ = K.rnn(step, K.constant(STEPS), [K.zeros((2, 3))], mask=K.constant(mask), constants=[once])
    np.testing.assert_allclose(K.eval(masked), expected[4], rtol=1e-4)
    with pytest.raises(ValueError):
        K.rnn(step, K.constant(X), [K.zeros((3, 4))])
    with pytest.raises(ValueError):
        K.rnn(step, K.placeholder((2, None, 3)), [K.zeros((2, 3))], unroll=True)
    with pytest.raises(ValueError):
        K.rnn(lambda x, s: (x, []), K.constant(STEPS), [], mask=K.constant(mask))


def test_random_numbers():
    from keras import backend as K

    shape = (200, 100)
    for drawn, mean, spread in [
        (K.random_normal(shape=shape, mean=1.0, stddev=2.0, dtype=None, seed=3), 1, 2),
        (K.random_uniform(shape=shape, minval=1.0, maxval=3.0, dtype=None, seed=3), 2, 2 / np.sqrt(12)),
        (K.random_binomial(shape=shape, p=0.3, dtype=None, seed=3), 0.3, np.sqrt(0.21)),
        (K.truncated_normal(shape=shape, mean=1.0, stddev=2.0, dtype=None, seed=3), 1, 2 * 0.8796),
    ]:
        value = K.eval(drawn)
        assert value.shape == shape and value.dtype == np.float32
        assert abs(value.mean() - mean) < 0.06 and abs(value.std() - spread) < 0.06
    cut = K.eval(K.truncated_normal(shape, 1.0, 2.0))
    assert abs(cut - 1).max() <= 4
    dropped = K.eval(K.dropout(x=K.ones(shape), level=0.25, noise_shape=(200, 1), seed=3))
    # Whole rows, and the rest is scaled.
    assert (dropped == dropped[:, :1]).all()
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.75], rtol=1e-6)


def test_ctc():
    from keras import backend as K

    labels, lengths = np.array([[0, 1], [1, 0]], dtype="int32"), np.array([[2], [1]], dtype="int32")
    sparse = K.ctc_label_dense_to_sparse(labels=K.constant(labels, "int32"), label_lengths=K.constant([2, 1], "int32"))
    assert K.is_sparse(sparse)
    steps = softmax(kernel(2, 5, 3) * 4)
    cost = K.ctc_batch_cost(
        y_true=K.constant(labels),
        y_pred=K.constant(steps),
        input_length=K.constant([[5], [5]]),
        label_length=K.constant(lengths),
    )
    np.testing.assert_allclose(
        K.eval(cost)[:, 0], [-np.log(paths(steps[0], [0, 1])), -np.log(paths(steps[1], [1]))], rtol=1e-3
    )
    path = np.eye(3, dtype="float32")[[[0, 0, 2, 1, 1], [1, 2, 1, 2, 2]]] * 0.8 + 0.1
    # The beam search keeps one of several equal labels in a row, also where a blank is between them.
    for options, found in [
        ({"greedy": True, "beam_width": 100, "top_paths": 1}, [[0, 1], [1, 1]]),
        ({"greedy": False, "beam_width": 5, "top_paths": 1}, [[0, 1], [1, -1]]),
    ]:
        decoded, scores = K.ctc_decode(y_pred=K.constant(path), input_length=K.constant([5, 5], "int32"), **options)
        assert K.eval(decoded[0]).tolist() == found
        assert K.eval(scores).shape == (2, 1)


def paths(steps, label):
    """The probability of a label: the sum over all paths, each tried. The last class is the blank."""
    import itertools

    total = 0.0
    for path in itertools.product(range(steps.shape[1]), repeat=len(steps)):
        merged = [c for c, _ in itertools.groupby(path)]
        if [c for c in merged if c != steps.shape[1] - 1] == label:
            total += np.prod([steps[t, c] for t, c in enumerate(path)])
    return total


def test_maps_and_folds():
    from keras import backend as K

    mapped = K.map_fn(fn=lambda row: K.sum(row), elems=K.constant(X), name="m", dtype="float32")
    np.testing.assert_allclose(K.eval(mapped), X.sum(1), rtol=1e-5)
    for fold, rows in [(K.foldl, X), (K.foldr, X[::-1])]:
        plain = fold(fn=lambda acc, x: acc * 0.5 + x, elems=K.constant(X), initializer=None, name="f")
        begun = fold(fn=lambda acc, x: acc * 0.5 + x, elems=K.constant(X), initializer=K.constant(P[0]), name="f")
        acc, other = rows[0], P[0] * 0.5 + rows[0]
        for row in rows[1:]:
            acc, other = acc * 0.5 + row, other * 0.5 + row
        np.testing.assert_allclose(K.eval(plain), acc, rtol=1e-5)
        np.testing.assert_allclose(K.eval(begun), other, rtol=1e-5)
    assert K.eval(K.foldl(fn=lambda acc, x: acc + x, elems=K.constant([1.0, 2, 3]))) == 6
    assert K.eval(K.foldr(fn=lambda acc, x: acc + x, elems=K.constant([1.0, 2, 3]))) == 6


def test_what_functions_refuse():
    """Each of the errors that the text announces."""
    from keras import backend as K

    image, volume, steps = K.constant(IMAGE), K.constant(VOLUME), K.constant(STEPS)
    wrong = {"data_format": "channels_middle"}
    refused = [
        lambda: K.resize_images(image, 2, 2, **wrong),
        lambda: K.resize_volumes(volume, 2, 2, 2, **wrong),
        lambda: K.spatial_2d_padding(image, **wrong),
        lambda: K.spatial_3d_padding(volume, **wrong),
        lambda: K.conv1d(steps, K.constant(kernel(3, 3, 2)), **wrong),
        lambda: K.conv2d(image, K.constant(kernel(3, 2, 3, 4)), **wrong),
        lambda: K.conv2d_transpose(image, K.constant(kernel(3, 2, 4, 3)), (2, 7, 7, 4), **wrong),
        lambda: K.separable_conv1d(steps, K.constant(kernel(3, 3, 2)), K.constant(kernel(1, 6, 4)), **wrong),
        lambda: K.separable_conv2d(image, K.constant(kernel(3, 2, 3, 2)), K.constant(kernel(1, 1, 6, 4)), **wrong),
        lambda: K.depthwise_conv2d(image, K.constant(kernel(3, 2, 3, 2)), **wrong),
        lambda: K.conv3d(volume, K.constant(kernel(2, 2, 3, 2, 4)), **wrong),
        lambda: K.conv3d_transpose(volume, K.constant(kernel(2, 2, 2, 3, 2)), (2, 4, 5, 6, 3), **wrong),
        lambda: K.pool2d(image, (2, 2), **wrong),
        lambda: K.pool2d(image, (2, 2), pool_mode="no"),
        lambda: K.pool3d(volume, (2, 2, 2), **wrong),
        lambda: K.pool3d(volume, (2, 2, 2), pool_mode="no"),
        lambda: K.bias_add(image, K.constant(kernel(3)), **wrong),
        lambda: K.bias_add(image, K.constant(kernel(3, 3))),
        lambda: K.local_conv1d(steps, K.constant(kernel(5, 9, 2)), (3,), (1,), **wrong),
        lambda: K.local_conv2d(image, K.constant(kernel(12, 27, 2)), (3, 3), (1, 1), (3, 4), **wrong),
        lambda: K.switch(K.constant(X > 0, "bool"), K.constant(X[0]), K.constant(Q[0])),
        lambda: K.function([], [], no_such_argument=1),
    ]
    for refuse in refused:
        with pytest.raises(ValueError):
            refuse()
