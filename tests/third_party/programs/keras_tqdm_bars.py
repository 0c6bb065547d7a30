"""keras-tqdm: progress bars that follow a training."""

import io

import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras_tqdm import TQDMCallback

out = io.StringIO()
model = Sequential([Dense(1, input_shape=(3,))])
model.compile("sgd", "mse", ["mae"])
x = np.random.RandomState(0).normal(size=(40, 3))
bar = TQDMCallback(output_file=out, leave_inner=True)
model.fit(x, x.sum(1), epochs=3, batch_size=10, validation_split=0.25, verbose=0, callbacks=[bar])
text = out.getvalue()
assert "Epoch: 2" in text and "3/3" in text and "val_mean_absolute_error" in text, text
