"""Chapter 14 of the manual: the backend, its configuration, and the samples typed at the prompt."""

import json
import os
import re
import subprocess
import sys

import numpy
import numpy as np
import pytest

from tests.manual.samples import sample


@sample("3.3.19", 1972)
@sample("14.2", 7113, 7126)
@sample("14.3", 7135, 7140)
def test_configuration_file(tmp_path):
    """The file is made on the first import, in `.keras` below the home folder; a variable overrules it."""
    environment = {**os.environ, "HOME": str(tmp_path), "KERAS_BACKEND": "tensorflow"}
    environment.pop("KERAS_HOME")
    code = "import gpukeras.as_keras\nfrom keras import backend\nprint(backend.backend(), backend.image_data_format())"

    def run():
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert run() == ["tensorflow", "channels_last"]
    path = tmp_path / ".keras" / "keras.json"
    assert json.loads(path.read_text()) == {
        "image_data_format": "channels_last",
        "epsilon": 1e-07,
        "floatx": "float32",
        "backend": "tensorflow",
    }
    path.write_text('{"image_data_format": "channels_first", "floatx": "float64", "backend": "theano"}')
    assert run() == ["tensorflow", "channels_first"]


@sample("14.4", 7162, 7168, 7180, 7197, 7205)
def test_code_for_the_backend():
    from keras import backend as K

    inputs = K.placeholder(shape=(2, 4, 5))
    assert K.int_shape(inputs) == (2, 4, 5)
    inputs = K.placeholder(shape=(None, 4, 5))
    assert K.int_shape(inputs) == (None, 4, 5)
    inputs = K.placeholder(ndim=3)
    assert K.int_shape(inputs) == (None, None, None)

    val = np.random.random((3, 4, 5))
    var = K.variable(value=val)
    np.testing.assert_allclose(K.eval(var), val, rtol=1e-6)
    var = K.zeros(shape=(3, 4, 5))
    assert (K.eval(var) == 0).all()
    var = K.ones(shape=(3, 4, 5))
    assert (K.eval(var) == 1).all() and K.eval(var).shape == (3, 4, 5)

    b = K.random_uniform_variable(shape=(3, 4), low=0, high=1)
    c = K.random_normal_variable(shape=(3, 4), mean=0, scale=1)
    d = K.random_normal_variable(shape=(3, 4), mean=0, scale=1)
    vb, vc, vd = K.eval(b), K.eval(c), K.eval(d)
    assert 0 <= vb.min() and vb.max() <= 1 and (vc != vd).all()

    a = b + c * K.abs(d)
    va = vb + vc * abs(vd)
    np.testing.assert_allclose(K.eval(a), va, rtol=1e-5)
    c = K.dot(a, K.transpose(b))
    np.testing.assert_allclose(K.eval(c), va @ vb.T, rtol=1e-4)
    a = K.sum(b, axis=1)
    np.testing.assert_allclose(K.eval(a), vb.sum(axis=1), rtol=1e-5)
    a = K.softmax(b)
    np.testing.assert_allclose(K.eval(a), np.exp(vb) / np.exp(vb).sum(axis=1, keepdims=True), rtol=1e-5)
    a = K.concatenate([b, c], axis=-1)
    assert K.int_shape(a) == (3, 7)


@sample("14.5 epsilon", 7230)
@sample("14.5 set_epsilon", 7249)
@sample("14.5 floatx", 7270)
@sample("14.5 set_floatx", 7287)
@sample("14.5 image_data_format", 7339)
@sample("14.5 set_image_data_format", 7356)
def test_settings():
    import keras
    from keras import backend as K

    assert keras.backend.epsilon() == 1e-07
    assert K.epsilon() == 1e-07
    K.set_epsilon(1e-05)
    assert K.epsilon() == 1e-05

    assert keras.backend.floatx() == "float32"
    assert K.floatx() == "float32"
    K.set_floatx("float16")
    assert K.floatx() == "float16"

    # The text has them set to channels first.
    K.set_image_data_format("channels_first")
    assert keras.backend.image_data_format() == "channels_first"
    assert K.image_data_format() == "channels_first"
    K.set_image_data_format("channels_last")
    assert K.image_data_format() == "channels_last"


@sample("14.5 cast_to_floatx", 7313)
def test_cast_to_floatx():
    from keras import backend as K

    assert K.floatx() == "float32"
    arr = numpy.array([1.0, 2.0], dtype="float64")
    assert repr(arr.dtype) == "dtype('float64')"
    new_arr = K.cast_to_floatx(arr)
    # NumPy shows numbers without the blanks of its earlier versions.
    assert repr(new_arr) == "array([1., 2.], dtype=float32)"
    assert repr(new_arr.dtype) == "dtype('float32')"


@sample("14.5 is_sparse", 7459)
@sample("14.5 to_dense", 7485)
def test_sparse(capsys):
    from keras import backend as K

    a = K.placeholder((2, 2), sparse=False)
    print(K.is_sparse(a))
    b = K.placeholder((2, 2), sparse=True)
    print(K.is_sparse(b))

    c = K.to_dense(b)
    print(K.is_sparse(c))
    assert capsys.readouterr().out == "False\nTrue\nFalse\n"


@sample("14.5 variable", 7514)
def test_variable():
    from keras import backend as K

    val = np.array([[1, 2], [3, 4]])
    kvar = K.variable(value=val, dtype="float64", name="example_var")
    assert K.dtype(kvar) == "float64"
    # Theano's prints as its name alone.
    assert "example_var" in str(kvar)
    shown(K.eval(kvar), [[1.0, 2.0], [3.0, 4.0]], "float64")


def shown(result, expected, dtype="float32"):
    """Compares with what the prompt shows, the type included."""
    assert isinstance(result, np.ndarray) and result.dtype == dtype
    np.testing.assert_array_equal(result, expected)


@sample("14.5 is_keras_tensor", 7566)
def test_is_keras_tensor():
    import tensorflow as tf
    from keras import backend as K
    from keras.layers import Dense, Input

    np_var = numpy.array([1, 2])
    with pytest.raises(ValueError):
        K.is_keras_tensor(np_var)
    k_var = tf.placeholder("float32", shape=(1, 1))
    assert K.is_keras_tensor(k_var) is False
    keras_var = K.variable(np_var)
    assert K.is_keras_tensor(keras_var) is False
    keras_placeholder = K.placeholder(shape=(2, 4, 5))
    assert K.is_keras_tensor(keras_placeholder) is False
    keras_input = Input([10])
    assert K.is_keras_tensor(keras_input) is True
    keras_layer_output = Dense(10)(keras_input)
    assert K.is_keras_tensor(keras_layer_output) is True


def displayed(tensor, text):
    """Compares with how the prompt shows a tensor: shape and type; name and kind are TensorFlow's there."""
    details = re.search(r"shape=.*", text).group()
    assert repr(tensor).endswith(details), repr(tensor)


@sample("14.5 placeholder", 7612)
@sample("14.5 cast", 8062)
def test_placeholder_and_cast():
    from keras import backend as K

    input_ph = K.placeholder(shape=(2, 4, 5))
    assert input_ph._keras_shape == (2, 4, 5)
    displayed(input_ph, "<tf.Tensor 'Placeholder_4:0' shape=(2, 4, 5) dtype=float32>")

    input = K.placeholder((2, 3), dtype="float32")
    displayed(input, "<tf.Tensor 'Placeholder_2:0' shape=(2, 3) dtype=float32>")
    displayed(K.cast(input, dtype="float16"), "<tf.Tensor 'Cast_1:0' shape=(2, 3) dtype=float16>")
    displayed(input, "<tf.Tensor 'Placeholder_2:0' shape=(2, 3) dtype=float32>")
    input = K.cast(input, dtype="float16")
    displayed(input, "<tf.Tensor 'Cast_2:0' shape=(2, 3) dtype=float16>")


@sample("14.5 shape", 7653, 7658)
def test_shape():
    import keras
    from keras import backend as K

    tf_session = K.get_session()
    val = np.array([[1, 2], [3, 4]])
    kvar = K.variable(value=val)
    inputs = keras.backend.placeholder(shape=(2, 4, 5))
    displayed(K.shape(kvar), "<tf.Tensor 'Shape_8:0' shape=(2,) dtype=int32>")
    displayed(K.shape(inputs), "<tf.Tensor 'Shape_9:0' shape=(3,) dtype=int32>")
    shown(K.shape(kvar).eval(session=tf_session), [2, 2], "int32")
    shown(K.shape(inputs).eval(session=tf_session), [2, 4, 5], "int32")


@sample("14.5 int_shape", 7689)
@sample("14.5 ndim", 7716)
def test_int_shape_and_ndim():
    from keras import backend as K

    inputs = K.placeholder(shape=(2, 4, 5))
    assert K.int_shape(inputs) == (2, 4, 5)
    val = np.array([[1, 2], [3, 4]])
    kvar = K.variable(value=val)
    assert K.int_shape(kvar) == (2, 2)
    assert K.ndim(inputs) == 3
    assert K.ndim(kvar) == 2


@sample("14.5 dtype", 7743)
def test_dtype():
    from keras import backend as K

    assert K.dtype(K.placeholder(shape=(2, 4, 5))) == "float32"
    assert K.dtype(K.placeholder(shape=(2, 4, 5), dtype="float32")) == "float32"
    assert K.dtype(K.placeholder(shape=(2, 4, 5), dtype="float64")) == "float64"
    # The text has 'float32_ref', an old TensorFlow's name for it; Keras 2.2.4 leaves out the end.
    kvar = K.variable(np.array([[1, 2], [3, 4]]))
    assert K.dtype(kvar) == "float32"
    kvar = K.variable(np.array([[1, 2], [3, 4]]), dtype="float32")
    assert K.dtype(kvar) == "float32"


@sample("14.5 eval", 7779)
@sample("14.5 zeros", 7807)
@sample("14.5 ones", 7836)
@sample("14.5 eye", 7865)
@sample("14.5 zeros_like", 7894)
@sample("14.5 ones_like", 7923)
@sample("14.5 count_params", 8034)
def test_variables_of_one_value():
    from keras import backend as K

    kvar = K.variable(np.array([[1, 2], [3, 4]]), dtype="float32")
    shown(K.eval(kvar), [[1.0, 2.0], [3.0, 4.0]])
    kvar = K.zeros((3, 4))
    shown(K.eval(kvar), np.zeros((3, 4)))
    kvar = K.ones((3, 4))
    shown(K.eval(kvar), np.ones((3, 4)))
    kvar = K.eye(3)
    shown(K.eval(kvar), np.eye(3))
    kvar = K.variable(np.random.random((2, 3)))
    kvar_zeros = K.zeros_like(kvar)
    shown(K.eval(kvar_zeros), np.zeros((2, 3)))
    kvar_ones = K.ones_like(kvar)
    shown(K.eval(kvar_ones), np.ones((2, 3)))
    kvar = K.zeros((2, 3))
    assert K.count_params(kvar) == 6
    shown(K.eval(kvar), np.zeros((2, 3)))


@sample("14.5 random_uniform_variable", 7974)
@sample("14.5 random_normal_variable", 8009)
def test_random_variables():
    from keras import backend as K

    kvar = K.random_uniform_variable((2, 3), 0, 1)
    assert "Variable" in repr(kvar)
    drawn = K.eval(kvar)
    assert drawn.shape == (2, 3) and drawn.dtype == np.float32 and 0 <= drawn.min() and drawn.max() < 1
    np.testing.assert_array_equal(K.eval(kvar), drawn)
    kvar = K.random_normal_variable((2, 3), 0, 1)
    assert "Variable" in repr(kvar)
    assert K.eval(kvar).shape == (2, 3) and K.eval(kvar).dtype == np.float32


@sample("14.5 dot", 8160, 8170, 8180)
@sample("14.5 batch_dot", 8223)
def test_products():
    from keras import backend as K

    x = K.placeholder(shape=(2, 3))
    y = K.placeholder(shape=(3, 4))
    xy = K.dot(x, y)
    displayed(xy, "<tf.Tensor 'MatMul_9:0' shape=(2, 4) dtype=float32>")
    x = K.placeholder(shape=(32, 28, 3))
    y = K.placeholder(shape=(3, 4))
    xy = K.dot(x, y)
    displayed(xy, "<tf.Tensor 'MatMul_9:0' shape=(32, 28, 4) dtype=float32>")
    x = K.random_uniform_variable(shape=(2, 3), low=0, high=1)
    y = K.ones((4, 3, 5))
    xy = K.dot(x, y)
    assert K.int_shape(xy) == (2, 4, 5)
    np.testing.assert_allclose(K.eval(xy), np.tensordot(K.eval(x), np.ones((4, 3, 5)), (1, 1)), rtol=1e-5)

    x_batch = K.ones(shape=(32, 20, 1))
    y_batch = K.ones(shape=(32, 30, 20))
    xy_batch_dot = K.batch_dot(x_batch, y_batch, axes=[1, 2])
    assert K.int_shape(xy_batch_dot) == (32, 1, 30)
    assert (K.eval(xy_batch_dot) == 20).all()
    # The two worked examples of the text.
    small = K.batch_dot(K.constant([[1, 2], [3, 4]]), K.constant([[5, 6], [7, 8]]), axes=1)
    shown(K.eval(small), [[17], [53]])
    assert K.int_shape(K.batch_dot(K.ones((100, 20)), K.ones((100, 30, 20)), axes=(1, 2))) == (100, 30)


@sample("14.5 transpose", 8247)
def test_transpose():
    from keras import backend as K

    var = K.variable([[1, 2, 3], [4, 5, 6]])
    shown(K.eval(var), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    var_transposed = K.transpose(var)
    shown(K.eval(var_transposed), [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])

    inputs = K.placeholder((2, 3))
    displayed(inputs, "<tf.Tensor 'Placeholder_11:0' shape=(2, 3) dtype=float32>")
    input_transposed = K.transpose(inputs)
    displayed(input_transposed, "<tf.Tensor 'transpose_4:0' shape=(3, 2) dtype=float32>")


@sample("14.5 print_tensor", 9307)
def test_print_tensor(capfd):
    from keras import backend as K

    x = K.constant([1.0, 2.0])
    x = K.print_tensor(x, message="x is: ")
    shown(K.eval(x), [1.0, 2.0])
    captured = capfd.readouterr()
    assert "x is: " in captured.out + captured.err


@sample("14.5 backend", 10267)
def test_backend():
    import keras

    assert keras.backend.backend() == "tensorflow"
