"""Every CUDA source compiles for the architectures we name, without a device: compiled, not run."""

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[2] / "csrc" / "cuda").glob("*.cu"))
ARCHITECTURES = ["80", "90", "100"]
nvcc = shutil.which("nvcc")


def supported(architecture):
    """Whether this nvcc knows the architecture: CUDA 12.0 to 12.7 have no sm_100."""
    listed = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True, check=True).stdout
    return f"sm_{architecture}" in listed.split()


def test_there_are_sources():
    assert SOURCES


@pytest.mark.skipif(nvcc is None, reason="nvcc is not installed")
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_compiles_without_warnings(source, tmp_path):
    flags = ["-std=c++17", "-fmad=false", "-Werror=all-warnings", "-Xcompiler", "-Wall,-Wextra"]
    targets = [a for a in ARCHITECTURES if supported(a)]
    assert "80" in targets and "90" in targets
    for architecture in targets:
        flags += ["-gencode", f"arch=compute_{architecture},code=sm_{architecture}"]
    command = [nvcc, *flags, "-c", str(source), "-o", str(tmp_path / "out.o")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
