"""Builds the optional C++ extension with CMake; everything else is in pyproject.toml."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class NativeBuildError(Exception):
    """The C++ extension cannot be built here; the message says why."""


def find_compiler():
    """Returns the C++ compiler CMake would take, or raises NativeBuildError."""
    configured = sysconfig.get_config_var("CXX") or ""
    candidates = [os.environ.get("CXX", ""), configured, "c++", "g++", "clang++"]
    for candidate in candidates:
        program = candidate.split()[0] if candidate.split() else ""
        found = shutil.which(program) if program else None
        if found:
            return found
    raise NativeBuildError("no C++ compiler was found")


def find_onednn():
    """Returns the prefix of oneDNN's headers and library, or '' where its wheels are not installed."""
    try:
        files = importlib.metadata.files("onednn-devel-cpu-gomp") or []
        libraries = importlib.metadata.files("onednn-cpu-gomp") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    header = next((f.locate() for f in files if f.match("include/oneapi/dnnl/dnnl.hpp")), None)
    library = next((f.locate() for f in libraries if f.name == "libdnnl.so.3"), None)
    if header is None or library is None:
        return ""
    prefix = Path(header).resolve().parents[3]
    return str(prefix) if prefix == Path(library).resolve().parents[1] else ""


class Sources(build_py):
    """Takes the CUDA sources along, which are compiled on the machine that has the GPU."""

    def run(self):
        """Copies them into the package as it is installed; a checkout has them beside the package."""
        super().run()
        if self.editable_mode:
            return
        for folder in ("kernels", "cuda", "cuda/glue"):
            for source in sorted((ROOT / "csrc" / folder).iterdir()):
                if source.suffix in (".h", ".cu", ".cpp"):
                    target = Path(self.build_lib) / "gpukeras" / "csrc" / folder / source.name
                    self.mkpath(str(target.parent))
                    self.copy_file(str(source), str(target))


class CMakeBuild(build_ext):
    """Runs CMake for the extension; a machine without a C++ compiler gets the pure NumPy package."""

    def run(self):
        """Builds the extension, or says once why it is left out."""
        if os.environ.get("GPUKERAS_BUILD_NATIVE", "auto") == "0":
            self.extensions = []
            return
        try:
            super().run()
        except (NativeBuildError, subprocess.CalledProcessError, OSError) as error:
            if os.environ.get("GPUKERAS_BUILD_NATIVE") == "1":
                raise
            self.leave_out(error)

    def leave_out(self, error):
        """Prints the one notice, on the terminal even where pip hides a build's output."""
        reason = str(error)
        if isinstance(error, subprocess.CalledProcessError):
            reason = f"'{' '.join(map(str, error.cmd[:2]))} ...' failed with exit code {error.returncode}"
        notice = (
            f"gpukeras: built without its native CPU engine ({reason}). Everything works on the NumPy "
            "engine; for more speed install a C++17 compiler and reinstall.\n"
        )
        # Nothing is left to install or to copy beside the sources.
        self.extensions = []
        try:
            with open("/dev/tty", "w") as terminal:
                terminal.write("\n" + notice)
        except OSError:
            sys.stderr.write(notice)

    def build_extension(self, ext):
        """Configures, builds and copies `ext` to where setuptools expects it."""
        compiler = find_compiler()
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        import pybind11

        with tempfile.TemporaryDirectory(prefix="gpukeras-build-") as build:
            configure = [
                *("cmake", "-S", str(ROOT), "-B", build, "-G", "Ninja"),
                f"-DCMAKE_CXX_COMPILER={compiler}",
                f"-DPython_EXECUTABLE={sys.executable}",
                f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
                f"-DGPUKERAS_ONEDNN={find_onednn()}",
                "-DCMAKE_BUILD_TYPE=Release",
            ]
            subprocess.run(configure, check=True)
            subprocess.run(["cmake", "--build", build], check=True)
            built = next(Path(build).glob("_native*.so"), None)
            if built is None:
                raise NativeBuildError("CMake finished without producing the extension")
            shutil.copyfile(built, target)


setup(
    ext_modules=[Extension("gpukeras._native", sources=[], optional=True)],
    cmdclass={"build_ext": CMakeBuild, "build_py": Sources},
)
