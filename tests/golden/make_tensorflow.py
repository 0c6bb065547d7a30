"""Makes tensorflow.npz: what TensorFlow 1.13 computes for the cases of tensorflow_cases.py.

Run with a Python that has TensorFlow 1.13:  python tests/golden/make_tensorflow.py
"""

import json
import os

import numpy as np
import tensorflow as tf
import tensorflow_cases as cases

index, data = [], []
for label, function, arrays, options in cases.CASES:
    with tf.Graph().as_default(), tf.Session() as session:

        def run(tensors, feeds, arrays):
            session.run(tf.global_variables_initializer())
            return session.run(tensors, dict(zip(feeds, arrays)))

        values = [np.asarray(v) for v in cases.one(tf, run, function, arrays, options)]
    index.append([label, [[str(v.dtype), v.shape] for v in values]])
    data += [v.tobytes() for v in values]
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tensorflow.npz")
data = np.frombuffer(b"".join(data), "uint8")
np.savez_compressed(path, index=json.dumps(index), data=data)
print("%d cases, %d bytes of numbers in a file of %d" % (len(index), len(data), os.path.getsize(path)))
