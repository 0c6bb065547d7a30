"""keras-tcn: a temporal convolutional network sees as far back as it should, learns, and compiles for classes."""

import numpy as np
from keras.layers import Dense, Input
from keras.models import Model
from tcn import TCN, compiled_tcn

rng = np.random.RandomState(0)
np.random.seed(0)

i = Input((32, 2))
network = Model(i, TCN(8, kernel_size=2, dilations=[1, 2, 4], return_sequences=True)(i))
x = rng.normal(size=(1, 32, 2))
moved = x.copy()
moved[:, 10] += 1
changed = np.abs(network.predict(moved) - network.predict(x)).sum(-1)[0] > 1e-6
first, last = np.flatnonzero(changed)[[0, -1]]
assert first == 10 and last <= 10 + (1 + 2 + 4) * 2, (first, last)  # causal, and two convolutions per block

i = Input((20, 2))
model = Model(i, Dense(1)(TCN(16, dilations=[1, 2, 4, 8], use_batch_norm=True)(i)))
model.compile("adam", "mse")
x = np.stack([rng.uniform(size=(512, 20)), np.zeros((512, 20))], -1)
for row in x:
    row[rng.choice(20, 2, replace=False), 1] = 1
y = (x[..., 0] * x[..., 1]).sum(1)
history = model.fit(x, y, epochs=12, verbose=0).history["loss"]
assert history[-1] < 0.3 * history[0], history

classes = compiled_tcn(1, 10, 8, 3, [1, 2, 4], 1, max_len=28, return_sequences=False, opt="rmsprop")
x, y = rng.normal(size=(64, 28, 1)), rng.randint(0, 10, (64, 1))
history = classes.fit(x, y, epochs=2, verbose=0).history
assert {"loss", "accuracy"} <= set(history), history
