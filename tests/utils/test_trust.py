"""Bytecode becomes a function only when this user wrote it; the store of what the user wrote."""

import base64
import codecs
import marshal
import os
import subprocess
import sys
import types

import pytest

from gpukeras.utils import func_utils, trust


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def later(monkeypatch):
    """Call it to become a later program of the same user."""
    return lambda: monkeypatch.setattr(func_utils, "_WRITTEN_HERE", set())


def config_of(code, **more):
    inner = {"name": "lam", "function": code, "function_type": "lambda", "output_shape_type": "raw", **more}
    return {"class_name": "Sequential", "config": [{"class_name": "Wrapper", "config": {"layer": {"config": inner}}}]}


def load(code):
    return trust.load_function(code, {}, "lam", "lam")


def strangers_code(source="lambda x: x + 101"):
    """Bytecode that this program did not serialise."""
    code = compile(source, "<file>", "eval").co_consts[0]
    return [base64.encodebytes(marshal.dumps(code)).decode(), None, None]


def test_own_code_is_trusted(home):
    assert load(list(func_utils.func_dump(lambda x: x + 1)))(2) == 3


def test_foreign_code_is_refused_with_the_ways_out(home):
    with trust.loading("model.h5"):
        with pytest.raises(
            ValueError, match="Lambda layer 'lam' of model.h5 .* custom_objects={'lam'.*safe_mode=False"
        ):
            load(strangers_code())
    with trust.loading("model.h5", safe_mode=False):
        assert load(strangers_code())(1) == 102
    with pytest.raises(ValueError, match="of this config holds Python bytecode"):
        load(strangers_code())


def test_what_is_no_code_is_refused(home):
    for nothing in (None, 3, {}, [], [None, None, None], {"config": {}}):
        with pytest.raises(ValueError, match="holds no function"), trust.loading("m", safe_mode=False):
            load(nothing)
    with pytest.raises(ValueError, match="not fit Python") as found, trust.loading("m", safe_mode=False):
        load("no code at all")
    assert "custom_objects={'lam'" in found.value.__notes__[0]


def test_remembered_code_is_trusted_by_later_programs(home, later):
    code = list(func_utils.func_dump(lambda x: x + 102))
    trust.remember(config_of(code))
    trust.remember(config_of(code))
    assert len((home / "trusted_lambdas").read_text().splitlines()) == 1
    assert os.stat(home / "trusted_lambdas").st_mode & 0o077 == 0
    later()
    assert load(code)(1) == 103


def test_code_in_shapes_and_masks_is_remembered_too(home, later):
    for part in ("output_shape", "mask"):
        code = func_utils.func_dump(lambda s: s)
        trust.remember(config_of("name", function_type="function", **{part: code, part + "_type": "lambda"}))
        later()
        assert load(code)(3) == 3


def test_changed_code_is_not_the_remembered_one(home, later):
    code, *rest = func_utils.func_dump(lambda x: x + 104)
    trust.remember(config_of([code, *rest]))
    later()
    raw = func_utils.code_bytes(code)
    assert raw.count(b"\x68\x00\x00\x00") == 1
    changed = base64.encodebytes(raw.replace(b"\x68\x00\x00\x00", b"\x69\x00\x00\x00")).decode()
    with pytest.raises(ValueError, match="not written by you"):
        load([changed, *rest])
    with trust.loading("m", safe_mode=False):
        assert load([changed, *rest])(1) == 106


def test_only_own_code_is_remembered(home):
    """A config that is merely passed on does not make its code trusted."""
    trust.remember(config_of(strangers_code()))
    assert not (home / "trusted_lambdas").exists()


def test_code_of_another_python_is_reported_whoever_wrote_it(home, later, monkeypatch):
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-37")
    code = list(func_utils.func_dump(lambda x: x + 105))
    trust.remember(config_of(code))
    monkeypatch.undo()
    for safe_mode in (True, False):
        with pytest.raises(ValueError, match=r"another version of Python \(cpython-37; .*custom_objects={'lam'"):
            with trust.loading("m", safe_mode):
                load(code)
    with pytest.raises(ValueError, match="does not fit Python .*cpython-37"):
        func_utils.func_load(code)


def test_the_mark_of_the_python_disturbs_no_reader():
    """Keras and tf-keras decode the text and unmarshal what comes first."""
    code = func_utils.func_dump(lambda x: x + 106)[0]
    body = marshal.loads(codecs.decode(code.encode("ascii"), "base64"))
    assert types.FunctionType(body, {})(1) == 107


def test_a_home_that_cannot_be_written_is_said(tmp_path, monkeypatch, later):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file" / "home"))
    code = list(func_utils.func_dump(lambda x: x + 107))
    with pytest.warns(UserWarning, match="Could not note that the Python code in this model .*safe_mode=False"):
        trust.remember(config_of(code))
    # This program knows what it wrote; a later one does not.
    assert load(code)(1) == 108
    later()
    with pytest.raises(ValueError, match="not written by you"):
        load(code)


def test_a_user_without_home_has_no_store(tmp_path, monkeypatch):
    """Not a folder called ~ in whatever folder the program runs."""
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    assert trust.store_path() is None
    with pytest.warns(UserWarning, match="there is no home folder"):
        trust.remember(config_of(list(func_utils.func_dump(lambda x: x + 109))))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_a_store_that_others_can_write_is_ignored(home, later):
    code = list(func_utils.func_dump(lambda x: x + 110))
    trust.remember(config_of(code))
    later()
    (home / "trusted_lambdas").chmod(0o666)
    with pytest.warns(UserWarning, match="others than you can write it"), pytest.raises(ValueError, match="not writ"):
        load(code)
    (home / "trusted_lambdas").chmod(0o600)
    assert load(code)(1) == 111


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_a_store_of_somebody_else_is_ignored(home, later, monkeypatch):
    code = list(func_utils.func_dump(lambda x: x + 112))
    trust.remember(config_of(code))
    later()
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.warns(UserWarning, match="others than you"), pytest.raises(ValueError, match="not written by you"):
        load(code)


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links are followed here")
def test_the_store_is_not_written_through_a_link(home, tmp_path):
    home.mkdir()
    (tmp_path / "victim").write_text("")
    os.symlink(tmp_path / "victim", home / "trusted_lambdas")
    with pytest.warns(UserWarning, match="Could not note"):
        trust.remember(config_of(list(func_utils.func_dump(lambda x: x + 113))))
    assert (tmp_path / "victim").read_text() == ""


def test_rubbish_in_the_store_does_no_harm(home, later):
    code = list(func_utils.func_dump(lambda x: x + 114))
    home.mkdir()
    (home / "trusted_lambdas").write_bytes(b"\xff\x00 rubbish\n\n  \nabc\n")
    (home / "trusted_lambdas").chmod(0o600)
    trust.remember(config_of(code))
    later()
    assert load(code)(1) == 115


WRITER = """
import sys
from gpukeras.utils import func_utils, trust
for i in range(40):
    function = eval("lambda x: x + %d" % (1000 * int(sys.argv[1]) + i))
    for again in range(3):
        code = func_utils.func_dump(function)
        trust.remember({"function": code, "function_type": "lambda"})
"""


def test_programs_write_the_store_at_the_same_time(home):
    programs = [subprocess.Popen([sys.executable, "-c", WRITER, str(n)]) for n in range(3)]
    assert [p.wait() for p in programs] == [0, 0, 0]
    lines = (home / "trusted_lambdas").read_text().splitlines()
    # One whole line for each function, however often it was saved.
    assert len(lines) == len(set(lines)) == 120 and all(len(line) == 64 for line in lines)
