"""tta-wrapper: predictions of flipped, moved and brightened images, merged inside the model."""

import numpy as np
from keras.layers import Conv2D, Dense, Flatten
from keras.models import Sequential
from tta_wrapper import tta_classification, tta_segmentation

rng = np.random.RandomState(0)
x = rng.uniform(size=(1, 8, 8, 3)).astype("float32")
model = Sequential([Flatten(input_shape=(8, 8, 3)), Dense(3, activation="softmax")])
wrapped = tta_classification(model, h_flip=True, v_flip=True)
flips = [x, x[:, :, ::-1], x[:, ::-1], x[:, ::-1, ::-1]]
np.testing.assert_allclose(wrapped.predict(x), np.mean([model.predict(a) for a in flips], 0), atol=1e-6)

model = Sequential([Conv2D(1, 3, padding="same", activation="sigmoid", input_shape=(8, 8, 3))])
wrapped = tta_segmentation(model, h_flip=True, merge="mean")
wanted = (model.predict(x) + model.predict(x[:, :, ::-1])[:, :, ::-1]) / 2
np.testing.assert_allclose(wrapped.predict(x), wanted, atol=1e-6)
