"""Compiles the parts of the glue, once per machine, into the cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .glue_parts import PARTS, Part, cuda_number, include_folders, missing_headers, packages
from .source import folder

FLAGS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra")


class BuildError(RuntimeError):
    """A part cannot be compiled here; the message says why and what would help."""


def cache_folder() -> Path:
    """Where compiled parts and measured choices are kept: GPUKERAS_CACHE, or the user's cache folder."""
    named = os.environ.get("GPUKERAS_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "gpukeras"


def sources() -> Path:
    """The folder of the glue's sources."""
    return folder() / "cuda" / "glue"


def _compiler() -> str:
    for name in (os.environ.get("CXX", ""), "g++", "c++", "clang++"):
        found = shutil.which(name.split()[0]) if name.split() else None
        if found:
            return found
    raise BuildError("no C++ compiler was found; install g++")


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.split("\n", 1)[0]


def _key(part: str, settings: Part, compiler: str, includes: list[Path]) -> str:
    """A name for all that the result depends on: sources, compiler, options and headers."""
    digest = hashlib.sha256()
    for path in [sources() / f"{part}.cpp", *sorted(sources().glob("*.h"))]:
        digest.update(path.read_bytes())
    digest.update(repr((_first_line([compiler, "--version"]), FLAGS)).encode())
    for name in (*settings.headers, "cudnn_version.h", "cuda_runtime_api.h"):
        found = next((f / name for f in includes if (f / name).is_file()), None)
        if found is not None:
            digest.update(found.read_bytes())
    return digest.hexdigest()[:16]


def build(part: str) -> Path:
    """Compiles a part, unless that has been done before; several processes may do so at once.

    Arguments:
        part: name of a file of csrc/cuda/glue, without its ending.

    Returns:
        Path of the compiled file.

    Raises:
        BuildError: without a compiler, without the headers, or where the compiler fails.
    """
    settings = PARTS[part]
    missing = missing_headers(settings)
    if missing:
        wheels = packages(settings, cuda_number())
        raise BuildError(f"the headers {', '.join(missing)} are missing; pip install {wheels}")
    compiler, includes = _compiler(), include_folders()
    target = cache_folder() / f"glue-{part}-{_key(part, settings, compiler, includes)}.so"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(".so", f".{part}-", target.parent)
    os.close(handle)
    try:
        options = [word for f in includes for word in ("-isystem", str(f))]
        command = [compiler, *FLAGS, *options, str(sources() / f"{part}.cpp"), "-o", made, "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildError(f"{compiler} could not compile {part}.cpp:\n{done.stderr[:4000]}")
        os.chmod(made, 0o755)
        os.replace(made, target)  # whole or not at all, whoever comes first
    finally:
        Path(made).unlink(missing_ok=True)
    return target


def main(parts: list[str] | None = None) -> int:
    """Compiles all parts, or those named, and prints what came of each.

    Returns:
        0 where all were compiled, else 1.
    """
    unknown = [name for name in parts or () if name not in PARTS]
    if unknown:
        print(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
        return 2
    failed = False
    for name in parts or PARTS:
        try:
            print(f"{name}: {build(name)}")
        except (BuildError, OSError) as error:
            failed = True
            print(f"{name}: not compiled: {error}")
    return int(failed)
