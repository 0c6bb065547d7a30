"""Functions as text, and the questions asked about signatures."""

import base64
import glob
import json
import marshal
import os
import shutil
import subprocess
import sys

import pytest

from gpukeras.utils.func_utils import func_dump, func_load, getargspec, has_arg


def by_keyword(x, /, a, *args, b=1, **kwargs):
    return x


def test_has_arg():
    assert has_arg(by_keyword, "a") and has_arg(by_keyword, "b")
    assert not has_arg(by_keyword, "x"), "positional only"
    assert not has_arg(by_keyword, "args") and not has_arg(by_keyword, "kwargs")
    assert not has_arg(by_keyword, "other") and has_arg(by_keyword, "other", accept_all=True)
    assert not has_arg(lambda x: x, "y", accept_all=True)
    assert not has_arg(dict.update, "x"), "a built-in without a signature promises nothing"


def test_getargspec():
    assert getargspec(lambda a, b=2: a).args == ["a", "b"]


def test_round_trip_through_json():
    def scaled(x, by=3, *, add=0):
        return x * by + add

    text = json.loads(json.dumps(func_dump(lambda x, by=3: x * by)))
    assert func_load(text)(2) == 6
    assert func_load(func_dump(scaled), globs={})(2, add=1) == 7


def test_closures_come_back():
    factor = 4
    code, defaults, closure = func_dump(lambda x: x * factor)
    assert closure == (4,)
    assert func_load(code, defaults, closure)(2) == 8
    assert func_load((code, defaults, closure))(3) == 12


def test_globals_are_the_callers():
    function = func_load(func_dump(lambda x: helper(x)), globs={"helper": abs})  # noqa: F821
    assert function(-3) == 3


def test_raw_strings_of_old_versions():
    raw = marshal.dumps((lambda x: x + 1).__code__).decode("raw_unicode_escape")
    assert func_load(raw)(1) == 2


def test_every_function_of_some_modules_passes_the_layout_check():
    import ast
    import inspect
    import tarfile

    functions = [f for module in (ast, inspect, tarfile) for _, f in inspect.getmembers(module, inspect.isfunction)]
    assert len(functions) > 80
    for function in functions:
        assert func_load(func_dump(function)).__code__ == function.__code__


SOURCES = ["lambda x: f(x)", "lambda x: x[:, 1:]", "lambda x: [g(i) for i in x]", "lambda x: (lambda y: y.f(x))"]


def find_python(version):
    """Another Python, on the path or installed by pyenv; None when there is none that runs."""
    found = [shutil.which("python" + version)]
    found += glob.glob(os.path.expanduser("~/.pyenv/versions/%s.*/bin/python" % version))
    for python in filter(None, found):
        if subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
            return python
    return None


@pytest.mark.parametrize("version", ["3.8", "3.10", "3.11", "3.12", "3.13"])
def test_bytecode_of_another_python_is_reported(version):
    here = "%d.%d" % sys.version_info[:2]
    python = find_python(version)
    if version == here or python is None:
        pytest.skip("this is Python %s" % version if version == here else "no Python %s here" % version)
    for source in SOURCES:
        program = "import base64, marshal; print(base64.encodebytes(marshal.dumps((%s).__code__)).decode())" % source
        text = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout
        with pytest.raises(ValueError, match="does not fit Python %s" % here):
            func_load(text)


@pytest.mark.parametrize(
    "code",
    [
        # The same instructions at other numbers, and a body cut short.
        lambda raw: raw.replace(raw[raw.index(b"\x97\x00") :][:2] if b"\x97\x00" in raw else raw[26:28], b"\xfb\x00"),
        lambda raw: raw[:40],
    ],
    ids=["instruction", "cut"],
)
def test_damaged_bytecode_is_reported(code):
    raw = marshal.dumps((lambda x: x).__code__)
    with pytest.raises(ValueError, match="another version of Python, or is damaged"):
        func_load(base64.encodebytes(code(raw)).decode())
