"""image-classifiers: residual and squeeze-and-excitation networks built, trained for a step, saved and loaded."""

import numpy as np
from classification_models.keras import Classifiers
from keras.layers import Dense, GlobalAveragePooling2D
from keras.models import Model, load_model

rng = np.random.RandomState(0)
assert {"resnet18", "seresnet34", "resnext50", "senet154"} <= set(Classifiers.models_names())
for name, size in (("resnet18", 11_192_019), ("seresnet18", None), ("seresnext50", None)):
    network, preprocess = Classifiers.get(name)
    base = network(input_shape=(64, 64, 3), weights=None, include_top=False)
    outputs = Dense(10, activation="softmax")(GlobalAveragePooling2D()(base.output))
    model = Model(base.input, outputs)
    if size is not None:
        assert model.count_params() == size, model.count_params()
    model.compile("sgd", "categorical_crossentropy", ["accuracy"])
    x = preprocess(rng.uniform(0, 255, (4, 64, 64, 3)))
    loss, _ = model.train_on_batch(x, np.eye(10)[rng.randint(0, 10, 4)])
    assert np.isfinite(loss)
    model.save("model.h5")
    np.testing.assert_allclose(load_model("model.h5").predict(x), model.predict(x), atol=1e-5)
