"""The project's own rules: what may import what, import time, docstrings, the public interface, the command line."""

import ast
import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gpukeras
from gpukeras import __main__ as command_line

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "gpukeras"
SHARED = ROOT.parent / "shared"

# What each lower layer may import besides itself; everything else in the package is keras-facing.
BELOW = {
    "runtime": set(),
    "graph": {"runtime"},
    "ops": {"graph", "runtime"},
    "kernels": {"graph", "ops", "runtime"},
    "compiler": {"graph", "ops", "kernels", "runtime"},
    "backend": {"graph", "ops", "kernels", "compiler", "runtime"},
    # A second backend interface: TensorFlow's names over the same operations, with Keras' layers for tf.layers.
    "tensorflow": {"graph", "ops", "compiler", "runtime", "backend", "keras"},
}
# Keras-facing code talks to the backend; these are the doors to what lies below, and why they are open.
DOORS = {
    "gpukeras.runtime.feed": "training hands batches over without copying them first",
    "gpukeras.runtime.native": "gpukeras.info reports on it",
    "gpukeras.runtime.device": "gpukeras.info reports on it",
    "gpukeras.kernels.collectives": "gpukeras.distributed adds up gradients between the GPUs of processes",
    "gpukeras.kernels.cuda.glue": "gpukeras.info reports on it",
    "gpukeras.kernels.cuda.glue_build": "the command build-cuda calls it",
}


def modules():
    """Yields (dotted name, path, syntax tree) of every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, path, ast.parse(path.read_text(encoding="utf-8"))


def is_module(name):
    return (ROOT / Path(*name.split("."))).with_suffix(".py").exists() or (
        ROOT / Path(*name.split(".")) / "__init__.py"
    ).exists()


def imported(name, path, tree):
    """Yields the dotted names of the package's modules that a module imports, wherever in it."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            whole = [".".join([*base, alias.name]) for alias in node.names]
            targets = [target if is_module(target) else ".".join(base) for target in whole]
        else:
            continue
        for target in targets:
            if target.split(".")[0] == "gpukeras":
                yield target


def layer_of(name):
    parts = name.split(".")
    if parts[1:3] == ["compat", "tensorflow"]:
        return "tensorflow"
    return parts[1] if len(parts) > 1 and parts[1] in BELOW else "keras"


def wrong_imports():
    for name, path, tree in modules():
        layer = layer_of(name)
        for target in imported(name, path, tree):
            below = layer_of(target)
            if below == layer or target == "gpukeras" and layer == "keras":
                continue
            if layer == "keras":
                if below == "backend" or target in DOORS:
                    continue
            elif below in BELOW[layer]:
                continue
            yield f"{name} imports {target}"


def test_imports_point_down():
    assert sorted(set(wrong_imports())) == []


def test_the_import_check_sees_imports():
    tree = ast.parse("from .. import backend as K\nfrom ..graph.tensor import Tensor\nimport gpukeras.ops\n")
    found = set(imported("gpukeras.layers.core", PACKAGE / "layers" / "core.py", tree))
    assert found == {"gpukeras.backend", "gpukeras.graph.tensor", "gpukeras.ops"}


IMPORT_CHILD = """
import json, sys, time
import gpukeras
seconds = time.process_time()
print(json.dumps([seconds, sorted(name for name in sys.modules if "." not in name)]))
"""
HEAVY = {"h5py", "yaml", "scipy", "pandas", "PIL", "multiprocessing", "sklearn", "requests", "cupy", "pydot"}


def test_import_is_light_and_fast():
    results = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", IMPORT_CHILD], capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout))
    loaded = set(results[0][1])
    assert loaded & HEAVY == set()
    # Processor time of the whole process, the least of five: what else the machine does is not what this is about.
    assert min(seconds for seconds, _ in results) < 0.5


def public_modules():
    for info in pkgutil.walk_packages([str(PACKAGE)], "gpukeras."):
        # Importing that one makes `keras` this package in the process of the tests.
        if not any(part.startswith("_") for part in info.name.split(".")) and info.name != "gpukeras.as_keras":
            yield importlib.import_module(info.name)


def undocumented():
    """Yields what lacks a docstring: modules, and their own public classes, functions and methods."""
    for module in public_modules():
        if not module.__doc__:
            yield module.__name__
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(value) and not inspect.getdoc(value):
                yield f"{module.__name__}.{name}"
            elif inspect.isclass(value):
                if not value.__doc__:
                    yield f"{module.__name__}.{name}"
                for member, method in vars(value).items():
                    # A method that overrides a documented one inherits its text.
                    method = getattr(value, member) if isinstance(method, classmethod | staticmethod) else method
                    callable_or_property = inspect.isroutine(method) or isinstance(method, property)
                    if member.startswith("_") or not callable_or_property or inspect.getdoc(method):
                        continue
                    if not any(inspect.getdoc(getattr(base, member, None)) for base in value.__mro__[1:]):
                        yield f"{module.__name__}.{name}.{member}"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_public_names_have_docstrings():
    assert sorted(undocumented()) == []


# Complete by now; a later part of the work adds its modules here.
def test_public_interface():
    check, spec = SHARED / "spec" / "check_api.py", SHARED / "spec" / "api.json"
    if not check.exists():
        pytest.skip("the description of the public interface is not beside this checkout")
    command = [sys.executable, str(check), "--impl", "gpukeras", "--spec", str(spec), "--legacy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1]
    present, names, matching, signatures = map(int, re.findall(r"\d+", last))
    assert names > 1700
    assert (present, matching) == (names, signatures), done.stdout


def test_info_command(capsys):
    assert command_line.main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"Keras API {gpukeras.__version__}" in out
    assert re.search(r"numpy +\d", out)
    assert "/cpu:0" in out
    assert re.search(r"numpy +on: ", out)
    assert re.search(r"native +(on|off): \S", out)
    assert re.search(r"cuda +(on|off): \S", out)


def test_info_says_why_an_engine_is_off():
    environment = dict(os.environ, GPUKERAS_ENGINE="numpy")
    command = [sys.executable, "-m", "gpukeras", "info"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "native        off: GPUKERAS_ENGINE=numpy turns it off" in done.stdout
    assert "cuda          off: GPUKERAS_ENGINE=numpy" in done.stdout


def test_command_line_refuses_unknown_options(capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["--fly"])
    assert stopped.value.code == 2
    assert "unknown option '--fly'" in capsys.readouterr().err


def test_both_readmes_give_the_same_commands():
    english, chinese = (ROOT / name for name in ("README.md", "README.zh.md"))

    def commands(path):
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("pip install")]

    assert len(commands(english)) == 2
    assert commands(english) == commands(chinese)


def test_no_file_is_longer_than_a_thousand_lines():
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "csrc").rglob("*.*")]
    long = {str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_bytes().splitlines())) > 1000}
    assert long == {}
