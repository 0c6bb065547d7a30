"""segmentation-models: each architecture, its losses and metrics, one of them trained on squares."""

import numpy as np
import segmentation_models as sm
from keras.optimizers import Adam

rng = np.random.RandomState(0)
np.random.seed(0)
assert sm.framework() == "keras"
images = rng.uniform(0, 0.3, (8, 64, 64, 3)).astype("float32")
masks = np.zeros((8, 64, 64, 1), "float32")
for image, mask in zip(images, masks):
    r, c = rng.randint(0, 40, 2)
    mask[r : r + 24, c : c + 24] = 1
    image[mask[..., 0] > 0] += 0.6

model = sm.Unet("resnet18", input_shape=(64, 64, 3), encoder_weights=None, decoder_filters=(32, 16, 16, 8, 8))
model.compile(Adam(0.005), sm.losses.bce_jaccard_loss, [sm.metrics.iou_score, sm.metrics.f1_score])
history = model.fit(images, masks, batch_size=4, epochs=12, verbose=0).history
assert history["loss"][-1] < 0.5 * history["loss"][0], history
model.save("unet.h5")

p, t = model.predict(images), masks
tp = (p * t).sum((1, 2, 3))
iou = np.mean((tp + 1e-5) / (p.sum((1, 2, 3)) + t.sum((1, 2, 3)) - tp + 1e-5))
loss, found, _ = model.evaluate(images, masks, batch_size=8, verbose=0)
whole = (p * t).sum() / (p.sum() + t.sum() - (p * t).sum())
assert min(abs(found - iou), abs(found - whole)) < 1e-3, (found, iou, whole)

for make, backbone, size in (
    (sm.FPN, "efficientnetb0", 64),
    (sm.Linknet, "seresnet18", 64),
    (sm.PSPNet, "mobilenetv2", 96),
):
    other = make(backbone, input_shape=(size, size, 3), classes=3, activation="softmax", encoder_weights=None)
    out = other.predict(rng.uniform(size=(1, size, size, 3)))
    assert out.shape == (1, size, size, 3)
    np.testing.assert_allclose(out.sum(-1), 1, atol=1e-5)
