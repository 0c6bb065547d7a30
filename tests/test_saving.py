"""Saving and loading of models: what comes back, from where, and what is said when it cannot."""

import copy
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import layers, losses, metrics, models, optimizers
from gpukeras.engine import saving
from gpukeras.utils.generic_utils import custom_object_scope
from gpukeras.utils.io_utils import h5dict

X, Y = np.random.RandomState(0).rand(6, 3), np.random.RandomState(1).rand(6, 2)


def small(optimizer="adam", loss="mse", **kwargs):
    """A compiled model, trained for a few batches so that its optimizer has a state."""
    model = models.Sequential([layers.Dense(4, activation="tanh", input_shape=(3,)), layers.Dense(2)])
    model.compile(optimizer, loss, **kwargs)
    for _ in range(3):
        model.train_on_batch(X, Y)
    return model


def nested():
    inner_in = layers.Input((3,))
    inner = models.Model(inner_in, layers.BatchNormalization()(layers.Dense(4)(inner_in)), name="inner")
    first = models.Sequential([layers.Dense(3, input_shape=(3,)), layers.PReLU()], name="first")
    x = layers.Input((3,), name="x")
    y = layers.Dense(2)(layers.add([inner(first(x)), inner(x)]))
    model = models.Model(x, y)
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    return model


def check_same(a, b, train=True):
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    if train:
        for _ in range(2):
            a.train_on_batch(X, Y)
            b.train_on_batch(X, Y)
        np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=1e-6)


# ------------------------------------------------------------------------------------------- what comes back
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(lr=0.1, momentum=0.9, nesterov=True, decay=0.01),
    "rmsprop": lambda: optimizers.RMSprop(lr=0.01),
    "adagrad": lambda: optimizers.Adagrad(),
    "adadelta": lambda: optimizers.Adadelta(),
    "adam": lambda: optimizers.Adam(lr=0.01, clipnorm=1.0),
    "amsgrad": lambda: optimizers.Adam(amsgrad=True, clipvalue=0.5),
    "adamax": lambda: optimizers.Adamax(),
    "nadam": lambda: optimizers.Nadam(),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_where_it_stopped(name, tmp_path):
    model = small(OPTIMIZERS[name]())
    model.save(tmp_path / "m.h5")
    loaded = models.load_model(tmp_path / "m.h5")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    state = model.optimizer.get_weights()
    assert len(state) > 1
    for a, b in zip(state, loaded.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    # Nadam's momentum schedule is not saved (as in Keras 2.2), so its next step differs.
    check_same(model, loaded, train=name != "nadam")


def test_nested_models(tmp_path):
    model = nested()
    model.save(tmp_path / "m.h5")
    check_same(model, models.load_model(tmp_path / "m.h5"))


def test_everything_that_was_compiled_in_comes_back(tmp_path):
    x = layers.Input((3,))
    model = models.Model(x, [layers.Dense(2, name="a")(x), layers.Dense(1, name="b")(x)])
    given = {
        "loss": {"a": losses.mean_squared_error, "b": "mae"},
        "metrics": {"a": [metrics.mean_absolute_error, "acc"], "b": "mse"},
        "loss_weights": {"a": 0.25, "b": 2.0},
    }
    model.compile("sgd", **given)
    model.save(tmp_path / "m.h5")
    loaded = models.load_model(tmp_path / "m.h5")
    assert loaded.metrics_names == model.metrics_names
    targets = [Y, Y[:, :1]]
    np.testing.assert_allclose(loaded.test_on_batch(X, targets), model.test_on_batch(X, targets), rtol=1e-6)


def test_weighted_metrics_and_sample_weight_mode(tmp_path):
    model = models.Sequential([layers.Dense(2, input_shape=(4, 3))])
    model.compile("sgd", "mse", weighted_metrics=["mae"], sample_weight_mode="temporal")
    model.save(tmp_path / "m.h5")
    loaded = models.load_model(tmp_path / "m.h5")
    assert loaded.sample_weight_mode == "temporal" and loaded.metrics_names == model.metrics_names


def test_a_model_that_was_never_compiled(tmp_path):
    model = models.Sequential([layers.Dense(2, input_shape=(3,))])
    model.save(tmp_path / "m.h5")
    with pytest.warns(UserWarning, match="m.h5 holds no training configuration"):
        loaded = models.load_model(tmp_path / "m.h5")
    check_same(model, loaded, train=False)
    assert not getattr(loaded, "optimizer", None)


def test_without_the_optimizer(tmp_path):
    model = small()
    model.save(tmp_path / "m.h5", include_optimizer=False)
    with h5py.File(tmp_path / "m.h5", "r") as f:
        assert "training_config" not in f.attrs and "optimizer_weights" not in f
    check_same(model, models.load_model(tmp_path / "m.h5", compile=False), train=False)


def test_the_layout_is_that_of_keras(tmp_path):
    K.clear_session()
    small("sgd").save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r") as f:
        assert f.attrs["keras_version"] == "2.2.4" and f.attrs["backend"] == "tensorflow"
        assert json.loads(f.attrs["model_config"])["class_name"] == "Sequential"
        weights = f["model_weights"]
        assert list(weights.attrs["layer_names"]) == [b"dense_1", b"dense_2"]
        assert list(weights["dense_1"].attrs["weight_names"]) == [b"dense_1/kernel:0", b"dense_1/bias:0"]
        assert weights["dense_1"]["dense_1"]["kernel:0"].shape == (3, 4)
        assert list(f["optimizer_weights"].attrs["weight_names"])[0] == b"SGD/iterations:0"


@pytest.mark.parametrize("name", ["ünïcode 層", "with/slash", "x" * 3000, "backend", "layer_names"])
def test_names_of_layers(name, tmp_path):
    x = layers.Input((3,))
    model = models.Model(x, layers.Dense(2)(layers.Dense(3, name=name)(x)))
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.h5")
    loaded = models.load_model(tmp_path / "m.h5")
    assert loaded.layers[1].name == name
    check_same(model, loaded)
    loaded.load_weights(tmp_path / "m.h5", by_name=True)
    check_same(model, pickle.loads(pickle.dumps(model)))


def test_more_names_than_an_attribute_holds(tmp_path):
    x = y = layers.Input((3,))
    for i in range(6):
        y = layers.Dense(3, name="layer_%d_" % i + "x" * 2**14)(y)
    inner = models.Model(x, y, name="inner")
    z = layers.Input((3,))
    model = models.Model(z, layers.Dense(2)(inner(z)))
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r") as f:
        assert {"weight_names0", "weight_names1"} <= set(f["model_weights/inner"].attrs)
        assert "weight_names" not in f["optimizer_weights"].attrs or len(f["optimizer_weights"].attrs) == 1
    check_same(model, models.load_model(tmp_path / "m.h5"))


# --------------------------------------------------------------------------------------- where it is saved to
def test_places(tmp_path):
    model = small()
    model.save(str(tmp_path / "a.h5"))
    model.save(tmp_path / "b.h5")
    model.save(str(tmp_path / "c.h5").encode())
    for name in "abc":
        check_same(model, models.load_model(tmp_path / (name + ".h5")), train=False)


def test_open_files_and_groups(tmp_path):
    model = small()
    with h5py.File(tmp_path / "m.h5", "w") as f:
        f["mine"] = [1, 2]
        group = f.create_group("deep/model")
        for place in (f, group):
            saving.save_model(model, place)
            saving.save_model(model, place)
            check_same(model, models.load_model(place), train=False)
        assert list(f["mine"]) == [1, 2], "what else is in the file stays"
    with h5py.File(tmp_path / "m.h5", "r") as f:
        check_same(model, models.load_model(f["deep/model"]), train=False)


def test_saving_into_an_open_file_replaces_all_of_an_older_model(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as f:
        saving.save_model(nested(), f)
        plain = models.Sequential([layers.Dense(1, input_shape=(3,), name="only")])
        saving.save_model(plain, f)
        assert set(f) == {"model_weights"} and list(f["model_weights"]) == ["only"]
        assert "training_config" not in f.attrs


def test_files_in_memory():
    model = small()
    stream = io.BytesIO()
    with h5py.File(stream, "w") as f:
        saving.save_model(model, f)
    with h5py.File(io.BytesIO(stream.getvalue()), "r") as f:
        check_same(model, models.load_model(f), train=False)
    with h5py.File("not on disk", "w", driver="core", backing_store=False) as f:
        saving.save_model(model, f)
        check_same(model, models.load_model(f), train=False)
    store = {}
    saving.save_model(model, h5dict(store, "w"))
    check_same(model, models.load_model(h5dict(store, "r")), train=False)


@pytest.mark.parametrize("answer, replaced", [("y", True), ("n", False)])
@pytest.mark.parametrize("method", ["save", "save_weights"])
def test_overwriting_asks(tmp_path, monkeypatch, method, answer, replaced):
    path = tmp_path / "m.h5"
    path.write_text("old")
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
    getattr(small(), method)(path, overwrite=False)
    assert len(asked) == 1 and (path.read_bytes() != b"old") == replaced


@pytest.mark.parametrize("method", ["save", "save_weights"])
def test_a_failing_save_leaves_the_old_file(tmp_path, monkeypatch, method):
    model = small()
    path = tmp_path / "m.h5"
    model.save(path)
    before = path.read_bytes()

    def fail(variables):
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(K, "batch_get_value", fail)
    with pytest.raises(RuntimeError, match="disk on fire"):
        getattr(model, method)(path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["m.h5"]


KILLED = """
import sys
from gpukeras import layers, models
model = models.Sequential([layers.Dense(600, input_shape=(600,)), layers.Dense(600)])
model.save(sys.argv[1])
print("ready", flush=True)
while True:
    model.save(sys.argv[1])
"""


def test_a_killed_save_leaves_a_whole_file(tmp_path):
    path = str(tmp_path / "m.h5")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for wait in (0.02, 0.05, 0.11):
        child = subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True, cwd=root)
        assert child.stdout.readline() == "ready\n"
        time.sleep(wait)
        child.kill()
        child.wait()
        child.stdout.close()
        assert models.load_model(path, compile=False).count_params() == 2 * 600 * 601


# ------------------------------------------------------------------------------------------------ weights only
def test_save_weights_and_load_weights(tmp_path):
    a, b = small(), small()
    a.save_weights(tmp_path / "w.h5")
    b.load_weights(tmp_path / "w.h5")
    check_same(a, b, train=False)
    a.save(tmp_path / "whole.h5")
    c = small()
    c.load_weights(tmp_path / "whole.h5")
    check_same(a, c, train=False)


def dense(**units_by_name):
    model = models.Sequential()
    for i, (name, units) in enumerate(units_by_name.items()):
        model.add(layers.Dense(units, name=name, **({"input_shape": (3,)} if i == 0 else {})))
    return model


def test_by_name_loads_what_fits(tmp_path):
    a, b = dense(one=4, two=2), dense(zero=3, one=4, three=2)
    a.save_weights(tmp_path / "w.h5")
    other = b.get_layer("three").get_weights()
    b.load_weights(tmp_path / "w.h5", by_name=True)
    np.testing.assert_array_equal(b.get_layer("one").get_weights()[0], a.get_layer("one").get_weights()[0])
    np.testing.assert_array_equal(b.get_layer("three").get_weights()[0], other[0])


def test_skip_mismatch_says_what_it_skips(tmp_path):
    a, b = dense(one=4, two=2), dense(one=4, two=5)
    a.save_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match=r"'two' \(Dense\): its weight .*two.*/kernel:0 has shape \(4, 5\), but the "
                                         r"saved weight of layer 'two' has shape \(4, 2\)"):  # fmt: skip
        b.load_weights(tmp_path / "w.h5", by_name=True)
    with pytest.warns(UserWarning, match="Skipping loading of layer 'two' due to mismatch"):
        b.load_weights(tmp_path / "w.h5", by_name=True, skip_mismatch=True)
    np.testing.assert_array_equal(b.get_layer("one").get_weights()[0], a.get_layer("one").get_weights()[0])


def test_weights_that_do_not_fit(tmp_path):
    dense(one=4, two=2).save_weights(tmp_path / "w.h5")
    with pytest.raises(
        ValueError, match=r"weights of 2 layers into a model with 1 layers.*\['one', 'two'\].*\['one'\]"
    ):
        dense(one=4).load_weights(tmp_path / "w.h5")
    with pytest.raises(ValueError, match=r"has shape \(4, 3\), but the saved weight of layer 'two' has shape \(4, 2\)"):
        dense(one=4, two=3).load_weights(tmp_path / "w.h5")
    no_bias = models.Sequential([layers.Dense(4, input_shape=(3,), use_bias=False), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"Layer #0 .* expects 1 weights, but the saved layer 'one' has 2 of them"):
        no_bias.load_weights(tmp_path / "w.h5")


def test_nothing_is_loaded_when_something_does_not_fit(tmp_path):
    dense(one=4, two=2).save_weights(tmp_path / "w.h5")
    model = dense(one=4, two=3)
    before = model.get_weights()
    with pytest.raises(ValueError):
        model.load_weights(tmp_path / "w.h5")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_freezing_a_sublayer_keeps_weights_in_their_places(tmp_path):
    """The order of a nested model's weights depends on what is trainable; names settle it."""

    def build(frozen):
        K.clear_session()
        inner = models.Sequential(
            [layers.Dense(4, input_shape=(3,), trainable=not frozen), layers.Dense(5)], name="inner"
        )
        x = layers.Input((3,))
        return models.Model(x, inner(x))

    a = build(frozen=False)
    a.save_weights(tmp_path / "w.h5")
    want = a.predict(X)
    b = build(frozen=True)
    b.load_weights(tmp_path / "w.h5")
    np.testing.assert_array_equal(b.predict(X), want)


def test_nan_weights_are_loaded_with_a_warning(tmp_path):
    model = dense(one=4, two=2)
    kernel, bias = model.get_layer("two").get_weights()
    kernel[1, 1] = np.nan
    model.get_layer("two").set_weights([kernel, bias])
    model.save_weights(tmp_path / "w.h5")
    for by_name in (False, True):
        with pytest.warns(UserWarning, match=r"contain NaN, in .*two.*/kernel:0 of layer 'two' \(Dense\)$"):
            dense(one=4, two=2).load_weights(tmp_path / "w.h5", by_name=by_name)


# ------------------------------------------------------------------------------------------- files that are none
def test_missing_truncated_and_foreign_files(tmp_path):
    path = tmp_path / "m.h5"
    for load in (models.load_model, small().load_weights):
        path.unlink(missing_ok=True)
        with pytest.raises(FileNotFoundError, match="m.h5"):
            load(path)
        small().save(path)
        path.write_bytes(path.read_bytes()[:5000])
        with pytest.raises(OSError, match="m.h5 is an HDF5 file that cannot be read .truncated or damaged"):
            load(path)
        path.write_bytes(b"")
        with pytest.raises(OSError, match="m.h5 is not an HDF5 file"):
            load(path)
        path.write_bytes(b"PK\x03\x04 whatever")
        with pytest.raises(OSError, match="m.h5 is a ZIP archive, such as Keras 3 writes"):
            load(path)
        path.write_bytes(b"{'json': 1}")
        with pytest.raises(OSError, match="m.h5 is not an HDF5 file .it starts with b\"{'json'"):
            load(path)


def test_hdf5_files_without_a_model(tmp_path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as f:
        f["data"] = [1]
    with pytest.raises(ValueError, match="No model in .*m.h5"):
        models.load_model(path)
    with pytest.raises(ValueError, match="m.h5 holds no Keras weights"):
        small().load_weights(path)
    small().save_weights(path)
    with pytest.raises(ValueError, match="holds weights only; build the model and call its load_weights"):
        models.load_model(path)
    with h5py.File(path, "w") as f:
        f.attrs["model_config"] = "{not json"
    with pytest.raises(ValueError, match="configuration in .*m.h5 is not valid JSON"):
        models.load_model(path)


def test_an_optimizer_state_that_does_not_fit_is_reported(tmp_path):
    model = small()
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as f:
        group = f["optimizer_weights"]
        group.attrs["weight_names"] = group.attrs["weight_names"][:3]
    with pytest.warns(UserWarning, match=r"state in .* \(3 arrays\) does not fit this Adam"):
        loaded = models.load_model(tmp_path / "m.h5")
    check_same(model, loaded, train=False)


# ------------------------------------------------------------------------------------------------- custom objects
class Scale(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return dict(super().get_config(), factor=self.factor)


def my_loss(y_true, y_pred):
    return K.mean(K.abs(y_true - y_pred), axis=-1)


def my_metric(y_true, y_pred):
    return K.max(y_pred)


def my_init(shape, dtype=None):
    return K.ones(shape, dtype=dtype) * 0.5


class MySGD(optimizers.SGD):
    pass


CUSTOM = {f.__name__: f for f in (Scale, my_loss, my_metric, my_init, MySGD)}


def custom_model():
    model = models.Sequential([layers.Dense(2, kernel_initializer=my_init, input_shape=(3,)), Scale(3.0)])
    model.compile(MySGD(0.1), my_loss, metrics=[my_metric])
    return model


@pytest.mark.parametrize("by_scope", [False, True])
def test_custom_objects_everywhere(tmp_path, by_scope):
    model = custom_model()
    model.save(tmp_path / "m.h5")
    if by_scope:
        with custom_object_scope(CUSTOM):
            loaded = models.load_model(tmp_path / "m.h5")
    else:
        loaded = models.load_model(tmp_path / "m.h5", custom_objects=CUSTOM)
    assert loaded.layers[1].factor == 3.0 and isinstance(loaded.optimizer, MySGD) and loaded.loss is my_loss
    assert loaded.metrics_names == ["loss", "my_metric"]
    check_same(model, loaded)


@pytest.mark.parametrize("missing, kind", [("Scale", "layer"), ("my_init", "initializer"), ("MySGD", "optimizer")])
def test_missing_custom_objects_are_named(tmp_path, missing, kind):
    custom_model().save(tmp_path / "m.h5")
    known = {k: v for k, v in CUSTOM.items() if k != missing}
    with pytest.raises(ValueError, match="Unknown %s.*%s" % (kind, missing)):
        models.load_model(tmp_path / "m.h5", custom_objects=known)


@pytest.mark.parametrize("missing", ["my_loss", "my_metric"])
def test_missing_losses_and_metrics_are_named(tmp_path, missing):
    custom_model().save(tmp_path / "m.h5")
    known = {k: v for k, v in CUSTOM.items() if k != missing}
    with pytest.raises(ValueError, match=missing):
        models.load_model(tmp_path / "m.h5", custom_objects=known)


# ------------------------------------------------------------------------------------------- text, pickles, copies
@pytest.mark.parametrize("build", [small, nested])
def test_json_and_yaml(build):
    model = build()
    for text, load in ((model.to_json(), models.model_from_json), (model.to_yaml(), models.model_from_yaml)):
        again = load(text)
        again.set_weights(model.get_weights())
        check_same(model, again, train=False)


def test_model_from_config():
    model = small()
    again = models.model_from_config({"class_name": "Sequential", "config": model.get_config()})
    again.set_weights(model.get_weights())
    check_same(model, again, train=False)


def test_arrays_in_configs_survive(tmp_path):
    value = np.arange(6.0).reshape(3, 2)
    model = models.Sequential([layers.Dense(2, input_shape=(3,), kernel_initializer=models_constant(value))])
    model.save(tmp_path / "m.h5")
    for loaded in (
        models.load_model(tmp_path / "m.h5", compile=False),
        models.model_from_json(model.to_json()),
        models.model_from_yaml(model.to_yaml()),
    ):
        np.testing.assert_array_equal(loaded.layers[0].kernel_initializer.value, value)
        np.testing.assert_array_equal(loaded.get_weights()[0], value)


def models_constant(value):
    from gpukeras.initializers import Constant

    return Constant(value)


@pytest.mark.parametrize("build", [small, nested])
@pytest.mark.parametrize("clone", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_pickles_and_copies_hold_the_optimizer_state(build, clone):
    model = build()
    check_same(model, clone(model))


def test_pickles_of_models_that_were_never_compiled():
    model = models.Sequential([layers.Dense(2, input_shape=(3,)), layers.Lambda(lambda x: x * 2)])
    check_same(model, pickle.loads(pickle.dumps(model)), train=False)


def test_a_saved_model_is_the_same_file_again(tmp_path):
    model = small()
    model.save(tmp_path / "a.h5")
    model.save(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    shutil.copy(tmp_path / "a.h5", tmp_path / "c.h5")
    check_same(model, models.load_model(tmp_path / "c.h5"))


def test_weights_in_the_layout_of_keras_3_are_told(tmp_path):
    with h5py.File(tmp_path / "m.weights.h5", "w") as f:
        f["layers/dense/vars/0"] = np.zeros((3, 2))
    model = models.Sequential([layers.Dense(2, input_shape=(3,))])
    with pytest.raises(ValueError, match="in the layout that Keras 3 and tf-keras use .*under another name"):
        model.load_weights(tmp_path / "m.weights.h5")
