"""phased-lstm-keras: a recurrent layer on the interfaces of Keras 2.0 learns from times and values."""

import numpy as np
from keras.layers import Dense
from keras.models import Sequential, load_model
from phased_lstm_keras.PhasedLSTM import PhasedLSTM

rng = np.random.RandomState(0)
np.random.seed(0)
x = rng.normal(size=(128, 12, 2))
y = (x[:, :, 0].mean(1) > 0).astype("float32")
model = Sequential([PhasedLSTM(12, input_shape=(12, 2), implementation=1), Dense(1, activation="sigmoid")])
model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=25, verbose=0).history
assert history["loss"][-1] < 0.98 * history["loss"][0], history["loss"]
model.save("phased.h5")
other = load_model("phased.h5", custom_objects={"PhasedLSTM": PhasedLSTM})
np.testing.assert_allclose(other.predict(x), model.predict(x), atol=1e-6)
