"""keras-swa: the weights after a training are the mean of those after each epoch from the start on."""

import numpy as np
from keras.callbacks import LambdaCallback
from keras.layers import BatchNormalization, Dense
from keras.models import Sequential
from swa.keras import SWA

rng = np.random.RandomState(0)
x = rng.normal(size=(64, 4))
y = x @ rng.normal(size=(4, 1))
model = Sequential([Dense(3, input_shape=(4,)), Dense(1)])
model.compile("sgd", "mse")
seen = []
watch = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()))
model.fit(x, y, epochs=6, verbose=0, callbacks=[watch, SWA(start_epoch=3, lr_schedule="constant", swa_lr=0.005)])
for k, w in enumerate(model.get_weights()):
    np.testing.assert_allclose(w, np.mean([ws[k] for ws in seen[2:]], 0), rtol=1e-4, atol=1e-6)

model = Sequential([Dense(3, input_shape=(4,)), BatchNormalization(), Dense(1)])
model.compile("sgd", "mse")
cycle = SWA(start_epoch=3, lr_schedule="cyclic", swa_lr=0.002, swa_lr2=0.008, swa_freq=2, batch_size=16)
model.fit(x, y, epochs=6, batch_size=16, verbose=0, callbacks=[cycle])
mean = model.layers[1].get_weights()[2]
hidden = x @ model.layers[0].get_weights()[0] + model.layers[0].get_weights()[1]
assert np.abs(mean - hidden.mean(0)).max() < 0.5 and np.isfinite(model.predict(x)).all()
