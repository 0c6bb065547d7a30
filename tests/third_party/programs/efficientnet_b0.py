"""efficientnet: the smallest network, its size, a training step and a round trip through a file."""

import efficientnet.keras as efn
import numpy as np
from keras.layers import Dense
from keras.models import Model, load_model

rng = np.random.RandomState(0)
base = efn.EfficientNetB0(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
assert base.count_params() == 4_049_564, base.count_params()
model = Model(base.input, Dense(5, activation="softmax")(base.output))
model.compile("adam", "categorical_crossentropy")
x = efn.preprocess_input(rng.uniform(0, 255, (4, 64, 64, 3)))
y = np.eye(5)[[0, 1, 2, 3]]
losses = [model.train_on_batch(x, y) for _ in range(4)]
assert np.isfinite(losses).all() and min(losses[1:]) < losses[0], losses
model.save("efficientnet.h5")
np.testing.assert_allclose(load_model("efficientnet.h5").predict(x), model.predict(x), atol=1e-5)
picture = efn.center_crop_and_resize(rng.uniform(size=(40, 60, 3)), 32)
assert picture.shape == (32, 32, 3)
