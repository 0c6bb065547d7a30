"""Python code in model files, by every way in: nothing but what this user wrote runs unasked.

Each attack's function would create a file; the test is that the file is not there.
"""

import base64
import contextlib
import copy
import inspect
import io
import json
import marshal
import os
import pickle
import shutil
import warnings

import h5py
import numpy as np
import pytest

import gpukeras
from gpukeras import layers, models
from gpukeras.utils import func_utils

X = np.random.RandomState(0).rand(4, 3).astype("float32")
REFUSED = "holds Python bytecode that was not written by you on this machine"


@pytest.fixture
def mark(tmp_path, monkeypatch):
    """The file that an attack would create; nothing was ever written by this user."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(func_utils, "_WRITTEN_HERE", set())
    path = tmp_path / "attacked"
    yield path
    assert not path.exists()


def attack(path, text=True):
    """A stranger's function that creates a file, as text: it returns its input, to look harmless."""
    source = "lambda x: [__import__('pathlib').Path(%r).touch(), x][1]" % str(path)
    raw = marshal.dumps(compile(source, "<attack>", "eval").co_consts[0])
    return base64.encodebytes(raw).decode() if text else raw


def lambda_config(code, **more):
    config = {"name": "lam", "trainable": True, "batch_input_shape": [None, 3], "dtype": "float32", "arguments": {}}
    config.update(function=code, function_type="lambda", output_shape=None, output_shape_type="raw", **more)
    return {"class_name": "Lambda", "config": config}


def sequential(*configs):
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(configs)}}


def forms_of_code(path):
    code = attack(path)
    wrapped = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    return {
        "list": [code, None, None],
        "text": code,
        "wrapped": wrapped,
        "no class": {"config": {"code": code}},
        "other class": {"class_name": "Dense", "config": {"code": code, "name": "d", "units": 3}},
        "raw text": [attack(path, text=False).decode("raw_unicode_escape"), None, None],
    }


@pytest.mark.parametrize("form", sorted(forms_of_code("")))
def test_every_form_of_code(form, mark):
    code = forms_of_code(mark)[form]
    for config in (lambda_config(code), lambda_config("name", mask=code, mask_type="lambda")):
        if "mask" in config["config"]:
            config["config"].update(function="sigmoid", function_type="function")
        with pytest.raises((ValueError, TypeError, AttributeError)) as found:
            models.model_from_config(sequential(config), custom_objects={"sigmoid": gpukeras.activations.sigmoid})
        assert form == "other class" or REFUSED in str(found.value)


def test_code_that_gives_shapes(mark):
    config = lambda_config("sigmoid")
    config["config"].update(function_type="function", output_shape=[attack(mark), None, None])
    config["config"]["output_shape_type"] = "lambda"
    with pytest.raises(ValueError, match=REFUSED):
        models.model_from_config(sequential(config), custom_objects={"sigmoid": gpukeras.activations.sigmoid})


def ways_in(config):
    """Every function that builds something from a config, or from text."""
    inner = config["config"]["layers"][0]
    wrapped = {"class_name": "TimeDistributed", "config": {"name": "t", "layer": inner, "batch_input_shape": [1, 2, 3]}}
    nested = sequential(dict(config, name="s"))
    return {
        "model_from_config": lambda: models.model_from_config(config),
        "model_from_json": lambda: models.model_from_json(json.dumps(config)),
        "model_from_yaml": lambda: models.model_from_yaml(json.dumps(config)),
        "Sequential.from_config": lambda: models.Sequential.from_config(config["config"]),
        "Sequential.from_config, a list": lambda: models.Sequential.from_config(config["config"]["layers"]),
        "Lambda.from_config": lambda: layers.Lambda.from_config(inner["config"]),
        "layers.deserialize": lambda: layers.deserialize(inner),
        "a nested model": lambda: models.model_from_config(nested),
        "TimeDistributed": lambda: models.model_from_config(sequential(wrapped)),
        "TimeDistributed.from_config": lambda: layers.TimeDistributed.from_config(wrapped["config"]),
        "a package's name": lambda: models.model_from_config(sequential(dict(inner, class_name="pack>Lambda"))),
    }


@pytest.mark.parametrize("way", sorted(ways_in(sequential(lambda_config("")))))
def test_every_way_in(way, mark):
    with pytest.raises(ValueError, match=REFUSED):
        ways_in(sequential(lambda_config([attack(mark), None, None])))[way]()


def test_functional_from_config(mark):
    x = layers.Input((3,))
    model = models.Model(x, layers.Lambda(gpukeras.activations.sigmoid, name="lam")(x))
    config = model.get_config()
    (layer,) = [c for c in config["layers"] if c["class_name"] == "Lambda"]
    layer["config"].update(function=[attack(mark), None, None], function_type="lambda")
    with pytest.raises(ValueError, match=REFUSED):
        models.Model.from_config(config)


def test_a_subclass_of_lambda(mark):
    class Mine(layers.Lambda):
        pass

    config = dict(lambda_config([attack(mark), None, None]), class_name="Mine")
    with pytest.raises(ValueError, match=REFUSED):
        models.model_from_config(sequential(config), custom_objects={"Mine": Mine})


# -- Files ---------------------------------------------------------------------------------------------------


def save(path, function=lambda x: x * 2):
    model = models.Sequential([layers.Dense(3, input_shape=(3,)), layers.Lambda(function, name="lam")])
    model.compile("sgd", "mse")
    model.save(path)
    return model


def edit(path, change):
    with h5py.File(path, "a") as f:
        config = json.loads(f.attrs["model_config"])
        change(config["config"]["layers"][1]["config"])
        f.attrs["model_config"] = json.dumps(config)


def later_program(monkeypatch):
    """Forgets what this process serialised; the store in the home folder stays."""
    monkeypatch.setattr(func_utils, "_WRITTEN_HERE", set())


def test_ones_own_file_copied_and_with_other_weights(tmp_path, mark, monkeypatch):
    model = save(tmp_path / "a.h5")
    want = model.predict(X)
    later_program(monkeypatch)
    shutil.copy(tmp_path / "a.h5", tmp_path / "b.h5")
    np.testing.assert_allclose(models.load_model(tmp_path / "b.h5").predict(X), want)
    with h5py.File(tmp_path / "b.h5", "a") as f:
        f["model_weights"][model.layers[0].name][model.layers[0].weights[1].name][...] += 1
    np.testing.assert_allclose(models.load_model(tmp_path / "b.h5").predict(X), want + 2, rtol=1e-5)


def test_ones_own_file_with_the_code_swapped(tmp_path, mark, monkeypatch):
    save(tmp_path / "a.h5")
    later_program(monkeypatch)
    edit(tmp_path / "a.h5", lambda config: config.update(function=[attack(mark), None, None]))
    with pytest.raises(ValueError, match="'lam' of .*a.h5 " + REFUSED):
        models.load_model(tmp_path / "a.h5")
    # Weights are no code.
    model = models.Sequential([layers.Dense(3, input_shape=(3,))])
    model.load_weights(tmp_path / "a.h5")


def test_ones_own_file_with_code_added(tmp_path, mark):
    save(tmp_path / "a.h5")
    edit(tmp_path / "a.h5", lambda config: config.update(mask=[attack(mark), None, None], mask_type="lambda"))
    with pytest.raises(ValueError, match=r"custom_objects=\{'lam/mask'"):
        models.load_model(tmp_path / "a.h5")


def test_open_files_groups_and_files_in_memory(tmp_path, mark):
    save(tmp_path / "a.h5")
    edit(tmp_path / "a.h5", lambda config: config.update(function=[attack(mark), None, None]))
    content = (tmp_path / "a.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5", "r") as f, h5py.File(tmp_path / "g.h5", "w") as g:
        g.create_group("inside")
        for key, value in f.attrs.items():
            g["inside"].attrs[key] = value
        for key in f:
            f.copy(key, g["inside"])
        with h5py.File(io.BytesIO(content), "r") as memory:
            for source in (f, g["inside"], memory):
                with pytest.raises(ValueError, match=REFUSED):
                    models.load_model(source)


def test_safe_mode_off_lets_the_code_run(tmp_path, monkeypatch):
    """The other side: what the tests above rely on would run if it were let."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    save(tmp_path / "a.h5")
    edit(tmp_path / "a.h5", lambda config: config.update(function=[attack(tmp_path / "ran"), None, None]))
    models.load_model(tmp_path / "a.h5", safe_mode=False)
    assert (tmp_path / "ran").exists()


def test_safe_mode_is_on_again_after_a_load_that_failed(tmp_path, mark):
    config = lambda_config([attack(mark), None, None])
    broken = sequential({"class_name": "Unheard", "config": {}}, config)
    with pytest.raises(ValueError, match="Unheard"):
        models.model_from_config(broken, safe_mode=False)
    with pytest.raises(ValueError, match=REFUSED):
        models.model_from_config(sequential(config))


def test_a_strangers_model_becomes_ones_own_by_saving_it(tmp_path, mark, monkeypatch):
    """Who let the code run once, and saves the model, need not say so again."""
    code = base64.encodebytes(marshal.dumps(compile("lambda x: x * 7", "<other>", "eval").co_consts[0])).decode()
    config = sequential(lambda_config([code, None, None]))
    models.model_from_config(config, safe_mode=False).save(tmp_path / "mine.h5")
    later_program(monkeypatch)
    np.testing.assert_allclose(models.load_model(tmp_path / "mine.h5", compile=False).predict(X), X * 7)


def test_the_supplied_function_needs_no_trust(mark):
    config = lambda_config([attack(mark), None, None])
    config["config"].update(output_shape=[attack(mark), None, None], output_shape_type="lambda")
    config["config"].update(mask=[attack(mark), None, None], mask_type="lambda")
    own = {"lam": lambda x: x[:, :2], "lam/mask": lambda x, mask: None}
    for model in (
        models.model_from_config(sequential(config), custom_objects=own),
        models.Sequential.from_config(sequential(config)["config"], custom_objects=own),
    ):
        np.testing.assert_array_equal(model.predict(X), X[:, :2])


# -- What must go on working ---------------------------------------------------------------------------------


def factor_model():
    factor = 3.0
    function = lambda x, by=2.0: x * factor * by
    x = layers.Input((2, 3), name="x")
    inner = layers.Lambda(function, output_shape=lambda shape: shape, mask=lambda x, mask: mask, name="lam")
    y = layers.TimeDistributed(layers.Lambda(lambda x: x + 1, name="in"), name="t")(inner(layers.Masking()(x)))
    return models.Model(x, y)


def test_models_of_this_program_copy_without_questions(tmp_path, mark):
    model = factor_model()
    x = np.random.RandomState(1).rand(4, 2, 3).astype("float32")
    model.save(tmp_path / "m.h5")
    memory = h5py.File(io.BytesIO(), "w")
    model.save(memory)
    copies = {
        "pickle": pickle.loads(pickle.dumps(model)),
        "deepcopy": copy.deepcopy(model),
        "clone": models.clone_model(model),
        "config": models.Model.from_config(model.get_config()),
        "json": models.model_from_json(model.to_json()),
        "yaml": models.model_from_yaml(model.to_yaml()),
        "file": models.load_model(tmp_path / "m.h5", compile=False),
        "memory": models.load_model(memory, compile=False),
    }
    for name, other in copies.items():
        np.testing.assert_allclose(other.predict(x), model.predict(x), err_msg=name)
        assert other.get_layer("lam").mask is not None, name


def test_a_pickle_needs_no_trust(mark, monkeypatch):
    """Whoever unpickles has agreed to run what the pickle says already."""
    model = factor_model()
    text = pickle.dumps(model)
    later_program(monkeypatch)
    x = np.ones((1, 2, 3), dtype="float32")
    np.testing.assert_allclose(pickle.loads(text).predict(x), model.predict(x))


def test_files_without_masks_are_those_of_keras_2_2_4(mark):
    assert set(layers.Lambda(lambda x: x).get_config()) == {
        "name", "trainable", "function", "function_type", "output_shape", "output_shape_type", "arguments",
    }  # fmt: skip


# -- Code by other means -------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["object/apply:os.system", "object/new:os.system", "name:os.system", "module:os"])
def test_yaml_runs_nothing(tag, mark):
    arguments = " ['touch %s']" % mark if tag.startswith("object") else " ''"
    with pytest.raises(ValueError, match=r"not a model's config in \(safe\) YAML"):
        models.model_from_yaml("!!python/" + tag + arguments)


def test_losses_and_metrics_are_names_not_code(tmp_path, mark):
    save(tmp_path / "a.h5")
    code = [attack(mark), None, None]
    with h5py.File(tmp_path / "a.h5", "a") as f:
        training = json.loads(f.attrs["training_config"])
        for value in (code[0], {"class_name": "__lambda__", "config": {"code": code[0]}}, dict(lambda_config(code))):
            for part in ("loss", "metrics"):
                f.attrs["training_config"] = json.dumps(dict(training, **{part: value}))
                # An unknown metric is left out with a warning, anything else is an error.
                with contextlib.suppress(ValueError, TypeError), warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message=".*not known here and is left out")
                    assert models.load_model(f).metrics == []


def test_names_in_configs_reach_only_our_own_objects():
    """Names are looked up in these modules: nothing of the standard library must be callable through them."""
    tables = [layers, gpukeras.initializers, gpukeras.regularizers, gpukeras.constraints, gpukeras.activations]
    for table in [*tables, gpukeras.losses, gpukeras.metrics]:
        for name, value in vars(table).items():
            if callable(value) and not name.startswith("__"):
                assert inspect.getmodule(value).__name__.startswith("gpukeras."), (table.__name__, name)


def test_arrays_in_configs_hold_numbers(mark):
    class Attack:
        def __reduce__(self):
            return os.system, ("touch %s" % mark,)

    state = base64.b64encode(pickle.dumps(Attack())).decode()
    text = (
        "!!python/object/apply:numpy.core.multiarray._reconstruct\nargs: [!!python/name:numpy.ndarray '', [0], b]\n"
        "state: !!python/tuple [1, [1], !!python/object/apply:numpy.dtype {args: [O8, 0, 1]}, false, !!binary '%s']"
    )
    with pytest.raises(ValueError):
        models.model_from_yaml(text % state)
