"""Bytecode is loaded only when this user wrote it."""

import base64
import marshal
import os

import pytest

from gpukeras.utils import func_utils, trust


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def config_of(code, **more):
    inner = {"name": "lam", "function": code, "function_type": "lambda", "output_shape_type": "raw", **more}
    return {"class_name": "Sequential", "config": [{"class_name": "Wrapper", "config": {"layer": {"config": inner}}}]}


def strangers_code(source):
    """Bytecode that this program did not serialise."""
    return [base64.encodebytes(marshal.dumps(compile(source, "<file>", "eval"))).decode(), None, None]


def test_own_code_is_trusted(home):
    trust.require_trust(config_of(list(func_utils.func_dump(lambda x: x + 1))))


def test_foreign_code_is_refused_with_the_ways_out(home):
    with pytest.raises(ValueError, match="Lambda layer 'lam' of model.h5 .* custom_objects={'lam'.*safe_mode=False"):
        trust.require_trust(config_of(strangers_code("x + 101")), "model.h5")


def test_code_in_shapes_and_masks_counts_too(home):
    for part in ("output_shape", "mask"):
        config = config_of("name", function_type="function", **{part: strangers_code("s"), part + "_type": "lambda"})
        with pytest.raises(ValueError, match="bytecode"):
            trust.require_trust(config)
    trust.require_trust(config_of("name", function_type="function"))


def test_remembered_code_is_trusted_by_later_programs(home, monkeypatch):
    code = list(func_utils.func_dump(lambda x: x + 102))
    trust.remember(config_of(code))
    trust.remember(config_of(code))
    assert len((home / "trusted_lambdas").read_text().splitlines()) == 1
    assert os.stat(home / "trusted_lambdas").st_mode & 0o077 == 0
    monkeypatch.setattr(func_utils, "_WRITTEN_HERE", set())
    trust.require_trust(config_of(code))


def test_only_own_code_is_remembered(home):
    """A config that is merely passed on does not make its code trusted."""
    trust.remember(config_of(strangers_code("x + 103")))
    assert not (home / "trusted_lambdas").exists()


def test_code_of_another_python_is_reported(home, monkeypatch):
    code = list(func_utils.func_dump(lambda x: x + 104))
    trust.remember(config_of(code))
    store = home / "trusted_lambdas"
    store.write_text(store.read_text().replace(trust.sys.implementation.cache_tag, "cpython-37"))
    monkeypatch.setattr(func_utils, "_WRITTEN_HERE", set())
    with pytest.raises(ValueError, match="another version of Python \\(cpython-37; this is"):
        trust.require_trust(config_of(code))


def test_a_home_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file" / "home"))
    trust.remember(config_of(list(func_utils.func_dump(lambda x: x + 105))))
