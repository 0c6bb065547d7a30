"""anago: what its CRF decodes against all paths, its loss against Keras 2.2.4, then a BiLSTM-CRF tagger that learns."""

import itertools

import keras.backend as K
import numpy as np
from anago.layers import CRF
from anago.models import BiLSTMCRF, load_model, save_model
from keras.layers import Input, Masking
from keras.models import Model
from keras.optimizers import Adam

rng = np.random.RandomState(0)
np.random.seed(0)
STEPS, TAGS = 4, 3

crf = CRF(TAGS)
x = Input((STEPS, 5))
model = Model(x, crf(Masking(9.0)(x)))  # without a mask the layer counts one transition too many
model.compile("sgd", crf.loss_function)
model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
weights = {w.name.split("/")[-1].split(":")[0]: K.get_value(w) for w in crf.weights}
batch, tags = rng.normal(size=(6, STEPS, 5)), rng.randint(0, TAGS, (6, STEPS))
for row, found in zip(batch, model.predict(batch).argmax(-1)):
    scores = row @ weights["kernel"] + weights["bias"]
    scores[0] += weights["left_boundary"]
    scores[-1] += weights["right_boundary"]
    chain = weights["chain_kernel"]
    energies = {
        path: scores[range(STEPS), path].sum() + sum(chain[pair] for pair in zip(path, path[1:]))
        for path in itertools.product(range(TAGS), repeat=STEPS)
    }
    assert tuple(found) == min(energies, key=energies.get)
loss = model.evaluate(batch, np.eye(TAGS)[tags], verbose=0)
np.testing.assert_allclose(loss, 3.0422577, rtol=1e-5)  # from Keras 2.2.4 on TensorFlow 1.13

tagger, loss = BiLSTMCRF(3, 20, 10, 8, 4, 8, 4, 8, dropout=0.1).build()
tagger.compile(Adam(0.01), loss)
words = rng.randint(1, 20, (64, 6))
words[:, 4:] *= rng.randint(0, 2, (64, 1))
letters = rng.randint(1, 10, (64, 6, 5))
labels = np.where(words == 0, 0, np.where(np.roll(words, 1, 1) > words, 1, 2))
history = tagger.fit([words, letters], np.eye(3)[labels], epochs=40, batch_size=16, verbose=0).history["loss"]
assert history[-1] < 0.6 * history[0], history
before = tagger.predict([words, letters])
assert (before.argmax(-1) == labels)[words > 0].mean() > 0.75
save_model(tagger, "weights.h5", "params.json")
np.testing.assert_allclose(load_model("weights.h5", "params.json").predict([words, letters]), before, atol=1e-6)
