"""Builds the native extension beside the package with the compiler alone: a checkout's copy has neither CMake nor pip.

Sources and options are those of CMakeLists.txt, without oneDNN, which a machine with a GPU does not need: the CUDA
engine does without it; what the host computes is faster with it.
"""

import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["-std=c++17", "-O3", "-DNDEBUG", "-fPIC", "-fopenmp", "-fvisibility=hidden", "-ffp-contract=off"]
FLAGS += ["-fno-math-errno", "-fno-trapping-math"]


def described():
    """Plain sources, sources per instruction set, and the options of each set, out of CMakeLists.txt."""
    text = (ROOT / "CMakeLists.txt").read_text()
    plain = re.search(r"pybind11_add_module\(_native NO_EXTRAS([^)]*)\)", text).group(1).split()
    each = re.search(r"set\(isa_sources([^)]*)\)", text).group(1).split()
    sets = {name: options.split() for name, options in re.findall(r"^\s*add_isa\((\w+)([^)]*)\)", text, re.MULTILINE)}
    return plain, each, sets


def build():
    """Compiles and links; returns the path of the extension.

    Raises:
        RuntimeError: where something is missing or the compiler fails, saying what.
    """
    compiler = shutil.which(os.environ.get("CXX") or "g++")
    if compiler is None:
        raise RuntimeError("no C++ compiler was found")
    try:
        pybind11 = importlib.import_module("pybind11")
    except ImportError as error:
        raise RuntimeError("pybind11 is not installed") from error
    include = [f"-I{pybind11.get_include()}", f"-I{sysconfig.get_paths()['include']}"]
    plain, each, sets = described()
    x86 = os.uname().machine in ("x86_64", "AMD64")
    define = ['-DGPUKERAS_COMPILER="g++"', *(["-DGPUKERAS_X86_DISPATCH"] if x86 else [])]
    jobs = [(source, define) for source in plain]
    for name, options in sets.items():
        if name == "base" or x86:
            jobs += [(source, [f"-DGPUKERAS_ISA={name}", *options]) for source in each]
    target = ROOT / "gpukeras" / f"_native{sysconfig.get_config_var('EXT_SUFFIX')}"
    with tempfile.TemporaryDirectory() as folder:

        def compiled(job):
            number, (source, options) = job
            out = f"{folder}/{number}.o"
            run([compiler, *FLAGS, *include, *options, "-c", str(ROOT / source), "-o", out])
            return out

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compiled, enumerate(jobs)))
        run([compiler, "-shared", "-fopenmp", *objects, "-o", f"{folder}/native.so"])
        shutil.copyfile(f"{folder}/native.so", target)
    return target


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:1] + command[-3:])} failed: {done.stderr.strip()[:400]}")


def main():
    """Builds what is missing, and says what became of it; never fails, because all goes on without."""
    sys.path.insert(0, str(ROOT))
    from gpukeras.runtime import native

    if native.load() is not None:
        print("native extension: there")
        return
    try:
        print(f"native extension: built {build().name}")
    except RuntimeError as error:
        print(f"native extension: not built ({error}); steps on a GPU are not fused without it")


if __name__ == "__main__":
    main()
