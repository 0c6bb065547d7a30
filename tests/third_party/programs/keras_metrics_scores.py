"""keras-metrics: stateful metrics over whole epochs against counts in NumPy."""

import keras_metrics as km
import numpy as np
from keras.layers import Dense
from keras.models import Sequential

rng = np.random.RandomState(0)
np.random.seed(0)
x = rng.normal(size=(200, 4))
y = (x @ [1.0, -1.0, 0.5, 0.0] + 0.3 * rng.normal(size=200) > 0).astype("float32")
model = Sequential([Dense(1, activation="sigmoid", input_shape=(4,))])
model.compile("adam", "binary_crossentropy", [km.binary_precision(), km.binary_recall(), km.binary_f1_score()])
history = model.fit(x, y, epochs=3, batch_size=32, validation_data=(x, y), verbose=0).history
values = dict(zip(model.metrics_names, model.evaluate(x, y, batch_size=32, verbose=0)))
p = np.round(model.predict(x)[:, 0])
precision, recall = (p * y).sum() / p.sum(), (p * y).sum() / y.sum()
wanted = {"precision": precision, "recall": recall, "f1_score": 2 * precision * recall / (precision + recall)}
for name, value in wanted.items():
    key = next(k for k in values if k.endswith(name))
    np.testing.assert_allclose(values[key], value, rtol=1e-4)
    np.testing.assert_allclose(history["val_" + key][-1], value, rtol=1e-4)

x, y = rng.normal(size=(90, 4)), rng.randint(0, 3, 90)
model = Sequential([Dense(3, activation="softmax", input_shape=(4,))])
model.compile("sgd", "categorical_crossentropy", [km.categorical_recall(label=k) for k in range(3)])
found = model.evaluate(x, np.eye(3)[y], batch_size=16, verbose=0)[1:]
p = model.predict(x)
np.testing.assert_allclose(found, [(p[y == k, k] > 0.5).mean() for k in range(3)], rtol=1e-4, atol=1e-6)
