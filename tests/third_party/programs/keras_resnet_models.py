"""keras-resnet: residual networks over images and over time; a feature pyramid; frozen normalisation."""

import keras
import keras_resnet.models
import numpy as np

rng = np.random.RandomState(0)
for make, shape in ((keras_resnet.models.ResNet2D18, (32, 32, 3)), (keras_resnet.models.ResNet2D34, (40, 40, 1))):
    model = make(keras.layers.Input(shape), classes=4)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    x, y = rng.normal(size=(4, *shape)), np.eye(4)[[0, 1, 2, 3]]
    before = [w for layer in model.layers if "BatchNorm" in type(layer).__name__ for w in layer.get_weights()]
    losses = [model.train_on_batch(x, y)[0] for _ in range(3)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
    after = [w for layer in model.layers if "BatchNorm" in type(layer).__name__ for w in layer.get_weights()]
    assert any(not np.array_equal(a, b) for a, b in zip(before, after))

frozen = keras_resnet.models.ResNet2D50(keras.layers.Input((32, 32, 3)), include_top=False, freeze_bn=True)
stages = frozen.predict(rng.normal(size=(1, 32, 32, 3)))
assert [s.shape[1:] for s in stages] == [(8, 8, 256), (4, 4, 512), (2, 2, 1024), (1, 1, 2048)]
norms = [layer for layer in frozen.layers if type(layer).__name__ == "BatchNormalization"]
assert norms and not any(layer.trainable_weights for layer in norms)

steps = keras_resnet.models.TimeDistributedResNet18(keras.layers.Input((3, 32, 32, 3)), classes=4)
assert steps.predict(rng.normal(size=(2, 3, 32, 32, 3))).shape == (2, 3, 4)
levels = keras_resnet.models.FPN2D18(keras.layers.Input((64, 64, 3))).predict(rng.normal(size=(1, 64, 64, 3)))
assert [level.shape[-1] for level in levels] == [256] * 5
