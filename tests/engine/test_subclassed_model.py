"""Models whose `call` is written by the user."""

import numpy as np
import pytest

from gpukeras.engine import Input
from gpukeras.layers import BatchNormalization, Dense
from gpukeras.models import Model, Sequential, clone_model


class Net(Model):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.first = Dense(4, activation="relu", name="first")
        self.norm = BatchNormalization(name="norm")
        self.second = Dense(units, kernel_regularizer="l2", name="second")
        self.again = self.first

    def call(self, inputs):
        return self.second(self.norm(self.first(inputs)))


def trained():
    model = Net()
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    return model


def test_layers_are_the_attributes_in_order():
    assert [layer.name for layer in Net().layers] == ["first", "norm", "second"]
    assert Net(name="n").name == "n"
    assert Net().get_layer("second").units == 2


def test_trains_and_predicts():
    model = Net()
    model.compile("sgd", "mse")
    x, y = np.random.rand(16, 3), np.random.rand(16, 2)
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(x).shape == (16, 2)
    assert len(model.trainable_weights) == 6 and len(model.weights) == 8
    assert len(model.losses) == 1 and len(model.updates) == 2


def test_weights_round_trip(tmp_path):
    model = trained()
    path = str(tmp_path / "weights.h5")
    model.save_weights(path)
    other = trained()
    other.load_weights(path)
    np.testing.assert_array_equal(other.predict(np.ones((1, 3))), model.predict(np.ones((1, 3))))


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.get_config(),
        lambda model: model.to_json(),
        lambda model: model.to_yaml(),
        lambda model: model.save("unused.h5"),
        lambda model: clone_model(model),
        lambda model: model.compute_output_shape((None, 3)),
    ],
    ids=["get_config", "to_json", "to_yaml", "save", "clone_model", "compute_output_shape"],
)
def test_what_needs_a_graph_is_not_implemented(use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for model in (Net(), trained()):
        with pytest.raises(NotImplementedError, match="Net"):
            use(model)
    assert list(tmp_path.iterdir()) == []


def test_call_must_be_defined():
    class Empty(Model):
        pass

    with pytest.raises(NotImplementedError, match="Empty must define `call"):
        Empty()(Input((3,)))


def test_weights_belong_to_layers():
    with pytest.raises(NotImplementedError, match="'n'.*weight 'w'.*Make it in a Layer"):
        Net(name="n").add_weight("w", (2,), initializer="ones")


def test_forgotten_super_init():
    class Forgetful(Model):
        def __init__(self):
            self.layer = Dense(2)

    with pytest.raises(RuntimeError, match=r"attribute 'layer' was set .* `super"):
        Forgetful()


def test_summary():
    with pytest.raises(ValueError, match="not yet been built"):
        Net().summary()
    lines = []
    trained().summary(print_fn=lines.append)
    assert any(line.startswith("first (Dense)") for line in lines)
    assert "Total params: 42" in lines


def test_inside_a_functional_model():
    x = Input((3,))
    inner = Net()
    y = inner(x)
    assert y._keras_shape == (None, 2)
    model = Model(x, Dense(1)(y))
    assert len(model.weights) == 10 and len(model.updates) == 2 and len(model.losses) == 1
    assert model.predict(np.ones((4, 3))).shape == (4, 1)
    with pytest.raises(NotImplementedError, match="Net"):
        model.get_config()


def test_layers_set_in_a_model_made_from_tensors_are_not_added():
    class Wrapped(Model):
        def __init__(self):
            x = Input((3,))
            super().__init__(x, Dense(2)(x))
            self.spare = Dense(5)

    model = Wrapped()
    assert len(model.layers) == 2
    assert type(Sequential([model])).__name__ == "Sequential"
