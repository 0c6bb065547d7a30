"""`tf.manip`: other names of functions of `tf`."""

import numpy as np

import gpukeras.compat.tensorflow as tf
from gpukeras import backend as K


def test_names_are_those_of_tf_and_roll_rolls():
    for name in ("gather_nd", "reshape", "reverse", "roll", "scatter_nd", "tile"):
        assert getattr(tf.manip, name) is getattr(tf, name)
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(K.eval(tf.manip.roll(K.constant(x), [1, -2], [0, 1])), np.roll(x, (1, -2), (0, 1)))
