"""Programs that import TensorFlow, in processes where the stand-in takes its name."""

import importlib.util

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed: its name is left alone"
)

IMPORTS = """
import tensorflow as tf
import keras
from keras import backend as K
from keras.backend.tensorflow_backend import set_session
import keras.backend.tensorflow_backend as KTF
from tensorflow.python.client import device_lib
from tensorflow.python.framework import ops
from tensorflow.python.ops import array_ops, control_flow_ops, math_ops
import tensorflow.contrib.slim as slim
import tensorflow.contrib.layers as contrib_layers
from tensorflow.contrib import rnn
from tensorflow import keras as tf_keras
from tensorflow.keras.layers import Dense
import tensorflow.compat.v1 as tf1
import tensorflow.nn as nn
from tensorflow.nn import relu
from tensorflow.image import ResizeMethod
from tensorflow.errors import InvalidArgumentError

assert tf1.reduce_sum is tf.reduce_sum and nn is tf.nn and relu is tf.nn.relu and KTF.tf is K.tf is tf
assert Dense is keras.layers.Dense is tf_keras.layers.Dense is tf.keras.layers.Dense
assert ops.reset_default_graph is tf.reset_default_graph and array_ops.reshape is tf.reshape
assert device_lib.list_local_devices()[0].name == "/device:CPU:0"
try:
    slim.conv2d(1, 2)
except NotImplementedError as error:
    print(error)
"""

TRAINING = """
import sys
import threading
import numpy as np
import tensorflow as tf
import keras
from keras import backend as K
from keras.layers import Dense, Lambda
from keras.models import Sequential, load_model

config = tf.ConfigProto()
config.gpu_options.allow_growth = True
config.gpu_options.per_process_gpu_memory_fraction = 0.4
K.set_session(tf.Session(config=config))
np.random.seed(1)
tf.set_random_seed(1)

def build():
    with tf.device("/cpu:0"):
        total = Lambda(lambda x: tf.reduce_sum(x, -1, keep_dims=True))
        return Sequential([Dense(3, input_shape=(4,), activation=tf.nn.relu), total])

def huber(y_true, y_pred):
    return tf.losses.huber_loss(y_true, y_pred)

model = build()
model.compile("adam", huber)
model.fit(np.random.rand(8, 4), np.random.rand(8, 1), verbose=0)
graph = tf.get_default_graph()
results = []

def serve():
    with graph.as_default():
        results.append(model.predict(np.ones((2, 4))))

thread = threading.Thread(target=serve)
thread.start()
thread.join()
np.testing.assert_allclose(results[0], K.get_session().run(model.output, {model.input: np.ones((2, 4))}))
model.save("model.h5")
again = load_model("model.h5", custom_objects={"tf": tf, "huber": huber, "relu": tf.nn.relu})
np.testing.assert_allclose(again.predict(np.ones((2, 4))), results[0])
K.clear_session()
print("done")
"""


def test_names_programs_import(python, write):
    done = python("-W", "error", "-m", "gpukeras", write("imports.py", IMPORTS))
    assert "tensorflow.contrib.slim.conv2d is not available" in done.stdout and "K.conv2d" in done.stdout


def test_a_program(python, write):
    assert python("-W", "error", "-m", "gpukeras", write("training.py", TRAINING)).stdout == "done\n"


def test_the_import_is_light(python):
    heavy = {"h5py", "yaml", "tensorboard", "scipy", "pandas"}
    code = f"import sys, gpukeras.compat.tensorflow; print(sorted({heavy} & set(sys.modules)))"
    assert python("-c", code).stdout == "[]\n"
