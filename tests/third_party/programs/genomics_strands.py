"""keras-genomics: networks over DNA whose answer is the same for both strands."""

import numpy as np
from keras.layers import Activation, Dense, Input, MaxPooling1D
from keras.models import Model
from keras_genomics.layers.convolutional import RevCompConv1D
from keras_genomics.layers.core import DenseAfterRevcompConv1D
from keras_genomics.layers.normalization import RevCompConv1DBatchNorm

rng = np.random.RandomState(0)
i = Input((40, 4))
x = RevCompConv1D(8, 7)(i)
x = Activation("relu")(RevCompConv1DBatchNorm()(x))
x = RevCompConv1D(6, 5)(x)
x = MaxPooling1D(5)(x)
model = Model(i, Dense(1, activation="sigmoid")(DenseAfterRevcompConv1D(4)(x)))
model.compile("adam", "binary_crossentropy")
dna = np.eye(4)[rng.randint(0, 4, (32, 40))]
y = (dna[:, :, 1].sum(1) + dna[:, :, 2].sum(1) > 20).astype("float32")
history = model.fit(dna, y, epochs=5, verbose=0).history["loss"]
assert np.isfinite(history).all()
np.testing.assert_allclose(model.predict(dna), model.predict(dna[:, ::-1, ::-1]), atol=1e-5)
