"""keract: activations and gradients of a small network against the same in NumPy."""

import keract
import numpy as np
from keras.layers import Dense
from keras.models import Sequential

rng = np.random.RandomState(0)
model = Sequential([Dense(4, activation="tanh", input_shape=(3,), name="hidden"), Dense(1, name="out")])
model.compile("sgd", "mse")
(w, b), (v, c) = [layer.get_weights() for layer in model.layers]
x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
h = np.tanh(x @ w + b)
error = 2 * (h @ v + c - y) / 5

found = keract.get_activations(model, x)
hidden = next(value for name, value in found.items() if name.startswith("hidden"))
out = next(value for name, value in found.items() if name.startswith("out"))
np.testing.assert_allclose(hidden, h, rtol=1e-5, atol=1e-6)
np.testing.assert_allclose(out, h @ v + c, rtol=1e-5, atol=1e-6)
assert list(keract.get_activations(model, x, layer_name="out")) == [model.layers[1].output.name]

grads = keract.get_gradients_of_trainable_weights(model, x, y)
assert set(grads) == {"hidden/kernel:0", "hidden/bias:0", "out/kernel:0", "out/bias:0"}
back = error @ v.T * (1 - h**2)
np.testing.assert_allclose(grads["hidden/kernel:0"], x.T @ back, rtol=1e-4, atol=1e-6)
np.testing.assert_allclose(grads["out/kernel:0"], h.T @ error, rtol=1e-4, atol=1e-6)
np.testing.assert_allclose(grads["out/bias:0"], error.sum(0), rtol=1e-4, atol=1e-6)

flows = keract.get_gradients_of_activations(model, x, y)
np.testing.assert_allclose(flows[model.layers[0].output.name], error @ v.T, rtol=1e-4, atol=1e-6)
