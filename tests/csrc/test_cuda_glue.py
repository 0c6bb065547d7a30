"""The glue to NVIDIA's libraries compiles without warnings, and cuDNN accepts its graphs: without a device, not run.

Wants the headers that gpukeras/kernels/cuda/glue_parts.py names, from this environment or from the folder of installed
packages that GPUKERAS_CUDA_WHEELS names; and for the graphs libcudnn itself.
"""

import ctypes
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import layers, ops
from gpukeras.compiler.program import Program
from gpukeras.graph.gradient import gradients
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.cuda import glue, glue_build
from gpukeras.kernels.cuda.glue_parts import PARTS, include_folders, libraries, missing_headers, packages
from gpukeras.kernels.cuda.graphs import KINDS, Graph, words
from gpukeras.kernels.cuda.prepared import layout
from tests.kernels.test_cuda_libraries import CONVOLUTIONS
from tests.simulated import libraries as simulated
from tests.simulated import test_models

COMPILER = shutil.which("g++")
CHECKS = Path(__file__).with_name("cudnn_checks.py")
#: What cuDNN says of an H100, from NVIDIA's data sheet.
H100 = {
    "deviceName": "NVIDIA H100 80GB HBM3", "cudaDeviceId": 0, "pciDeviceId": 0, "deviceVer": 900, "driverVer": 13000,
    "multiProcessorCount": 132, "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],
    "smClockRateKHz": 1980000, "memClockRateKHz": 2619000, "memoryBusWidth": 5120, "l2CacheSize": 52428800,
    "totalGlobalMem": 85017493504, "warpSize": 32, "regsPerBlock": 65536, "maxRegistersPerSM": 65536,
    "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024,
    "oversizedSharedMemoryPerBlock": 0, "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048,
    "isTccDriver": 0, "supportCoopLaunch": 1,
}  # fmt: skip

A100 = H100 | {
    "deviceName": "NVIDIA A100-SXM4-80GB", "deviceVer": 800, "multiProcessorCount": 108, "smClockRateKHz": 1410000,
    "memClockRateKHz": 1593000, "l2CacheSize": 41943040, "maxSharedMemoryPerBlockOptin": 166912,
}  # fmt: skip
B200 = H100 | {
    "deviceName": "NVIDIA B200", "deviceVer": 1000, "multiProcessorCount": 148, "smClockRateKHz": 1965000,
    "memClockRateKHz": 3996000, "memoryBusWidth": 8192, "l2CacheSize": 132644864, "totalGlobalMem": 191000000000,
}  # fmt: skip


def compiled(name, folder):
    """The shared library made of a source; skips where headers are missing."""
    missing = missing_headers(PARTS[name])
    if COMPILER is None or missing:
        pytest.skip(f"not installed: {', '.join(missing) or 'g++'}")
    target = folder / f"{name}.so"
    include = [option for f in include_folders() for option in ("-isystem", str(f))]
    command = [COMPILER, *glue_build.FLAGS, "-O0", "-Werror", *include, str(glue_build.sources() / f"{name}.cpp")]
    done = subprocess.run([*command, "-o", str(target), "-ldl"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return target


@pytest.mark.parametrize("name", PARTS)
def test_compiles_and_loads_without_the_library(name, tmp_path):
    library = ctypes.CDLL(str(compiled(name, tmp_path)))
    for function in PARTS[name].functions:
        assert hasattr(library, f"gpukeras_{name}_{function}")
    library.gpukeras_open.restype = ctypes.c_char_p
    assert b"library not found" in library.gpukeras_open(b"/nowhere/libnothing.so.1")


def test_every_source_is_a_part():
    assert {p.stem for p in glue_build.sources().glob("*.cpp")} == set(PARTS)


# --- building -------------------------------------------------------------------------------------------------------


@pytest.fixture
def part(tmp_path, monkeypatch):
    """A part of a few lines, and an empty cache."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "tiny.cpp").write_text('extern "C" const char* gpukeras_open(const char*) { return nullptr; }\n')
    monkeypatch.setattr(glue_build, "sources", lambda: sources)
    monkeypatch.setitem(PARTS, "tiny", PARTS["nccl"]._replace(headers=(), functions={}))
    monkeypatch.setattr(glue_build, "missing_headers", lambda settings: [])
    monkeypatch.setenv("GPUKERAS_CACHE", str(tmp_path / "cache"))
    return sources / "tiny.cpp"


needs_compiler = pytest.mark.skipif(COMPILER is None, reason="g++ is not installed")


@needs_compiler
def test_a_part_is_compiled_once_and_again_when_its_source_changes(part):
    first = glue_build.build("tiny")
    before = first.stat().st_mtime_ns
    assert glue_build.build("tiny") == first and first.stat().st_mtime_ns == before
    part.write_text(part.read_text() + "// another line\n")
    second = glue_build.build("tiny")
    assert second != first
    assert sorted(first.parent.iterdir()) == sorted([first, second])  # nothing half made is left


@needs_compiler
def test_what_the_compiler_says_is_the_reason(part):
    part.write_text("this is no program\n")
    with pytest.raises(glue_build.BuildError, match=r"could not compile tiny\.cpp(.|\n)*error"):
        glue_build.build("tiny")
    assert not list(glue_build.cache_folder().glob("*"))


def test_missing_headers_are_the_reason(part, monkeypatch, capsys):
    monkeypatch.setattr(glue_build, "missing_headers", lambda settings: ["nccl.h"])
    with pytest.raises(glue_build.BuildError, match=r"headers nccl\.h are missing; pip install nvidia-nccl-cu13"):
        glue_build.build("tiny")
    assert glue_build.main(["tiny"]) == 1
    assert "tiny: not compiled: the headers nccl.h" in capsys.readouterr().out
    assert glue_build.main(["huge"]) == 2


@needs_compiler
def test_a_library_that_is_not_there_is_the_reason(part):
    part.write_text('extern "C" const char* gpukeras_open(const char*) { return "not here"; }\n')
    with pytest.raises(glue.GlueError, match="not here; pip install nvidia-nccl-cu12"):
        glue.opened("tiny", str(glue_build.build("tiny")), cuda=12)


def test_libraries_are_those_of_the_right_cuda(monkeypatch, tmp_path):
    for name in ("cublas", "cu13"):
        (tmp_path / "nvidia" / name / "lib").mkdir(parents=True)
    new, old = tmp_path / "nvidia/cu13/lib/libcublasLt.so.13", tmp_path / "nvidia/cublas/lib/libcublasLt.so.12"
    new.touch(), old.touch()
    monkeypatch.setenv("GPUKERAS_CUDA_WHEELS", str(tmp_path))
    assert libraries(PARTS["cublaslt"], 12)[0] == str(old)
    found = libraries(PARTS["cublaslt"], 13)
    assert found[0] == str(new) and {"libcublasLt.so.13", "libcublasLt.so.12"} < set(found)


def test_packages_to_install_have_the_names_of_their_cuda():
    assert packages(PARTS["cublaslt"], 13).split()[0] == "nvidia-cublas"
    assert packages(PARTS["cudnn_graphs"], 13).split()[1:] == [
        "nvidia-cuda-runtime", "nvidia-cuda-crt", "nvidia-cuda-cccl"
    ]  # fmt: skip
    assert packages(PARTS["cublaslt"], 12).split() == [
        "nvidia-cublas-cu12", "nvidia-cuda-runtime-cu12", "nvidia-cuda-nvcc-cu12", "nvidia-cuda-cccl-cu12"
    ]  # fmt: skip


def test_a_test_stands_in_for_the_libraries():
    stand_in = object()
    with glue.use({"cublaslt": stand_in}):
        assert glue.library("cublaslt") is stand_in and glue.reason("cublaslt") == ""
        assert glue.library("nccl") is None and glue.reason("nccl")


# --- cuDNN ----------------------------------------------------------------------------------------------------------


def driver(folder, library):
    """A stand-in for the driver, which some of cuDNN's libraries are linked to; '' where there is one."""
    try:
        ctypes.CDLL("libcuda.so.1")
        return ""
    except OSError:
        pass
    names = set()
    for path in Path(library).parent.glob("libcudnn_*.so.9"):
        done = subprocess.run(["nm", "-D", "--undefined-only", str(path)], capture_output=True, text=True, check=True)
        names |= {line.split()[-1].split("@")[0] for line in done.stdout.splitlines()}
    calls = "".join(
        f'extern "C" int {n}() {{ return 100; }}\n' for n in sorted(names) if n[:2] == "cu" and n[2:3].isupper()
    )
    source, target = folder / "driver.cpp", folder / "libcuda.so.1"
    source.write_text(calls)
    command = [COMPILER, "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    return str(target)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """A function that asks cuDNN about graphs, in another process: from descriptions to errors."""
    folder = tmp_path_factory.mktemp("cudnn")
    part = compiled("cudnn_graphs", folder)
    library = libraries(PARTS["cudnn_graphs"], 13)[0]
    if not Path(library).is_file():
        pytest.skip("libcudnn.so.9 is not installed (pip install nvidia-cudnn-cu13)")
    given = {"part": str(part), "library": library, "driver": driver(folder, library)}

    def answer(graphs, device=None):
        described = [[0, *(words(g) if isinstance(g, Graph) else g)] for g in graphs]
        asked = {**given, "graphs": described, "device": json.dumps(device) if device else ""}
        command = [sys.executable, str(CHECKS)]
        done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"cuDNN ended the process ({done.returncode}): {done.stderr[-3000:]}"
        return json.loads(done.stdout)

    return answer


def description(
    kind, spatial, kernel, stride=1, dilation=1, pad=(0, 0), dtype="float32", channels_first=False, groups=1, filters=32
):
    """A graph on 8 samples with 16 channels, as `gpukeras/kernels/cuda/convolution.py` describes it."""
    axes = len(spatial)
    out = [(n + sum(pad) - (k - 1) * dilation - 1) // stride + 1 for n, k in zip(spatial, kernel, strict=True)]
    element = "uint16" if dtype == "bfloat16" else dtype

    def images(shape):
        if channels_first:
            return layout([shape[0], shape[-1], *shape[1:-1]], element)
        return np.moveaxis(layout(shape, element), -1, 1)

    y = images([8, *out, filters])
    w = np.moveaxis(layout([filters, *kernel, 16 // groups], element), -1, 1)
    rest = ([pad] * axes, [stride] * axes, [dilation] * axes)
    return Graph(kind, dtype, False, 16, 1 << 28, images([8, *spatial, 16]), w, y, *rest)


CASES = {
    "3 x 3": ((32, 32), (3, 3), {"pad": (1, 1)}),
    "more padding after than before": ((33, 18), (3, 3), {"stride": 2, "pad": (0, 1)}),
    "one axis, causal, dilated": ((40,), (5,), {"dilation": 2, "pad": (8, 0)}),
    "three axes, channels first": ((8, 9, 10), (3, 3, 3), {"channels_first": True}),
    "one tap, float16": ((32, 32), (1, 1), {"dtype": "float16"}),
    "bfloat16": ((32, 32), (3, 3), {"dtype": "bfloat16", "pad": (1, 1)}),
    "float64": ((9, 9), (3, 3), {"dtype": "float64"}),
    "groups": ((14, 14), (3, 3), {"groups": 4}),
    "depthwise, float16": ((14, 14), (3, 3), {"groups": 16, "dtype": "float16"}),
    "few filters": ((14, 14), (3, 3), {"filters": 3}),
}
PASSES = ("forward", "forward_bias", "forward_bias_relu", "data_gradient", "kernel_gradient")


def pools_and_norms():
    """Graphs of the other kinds."""
    for channels_first in (False, True):
        for kind in ("max_pool", "mean_pool", "mean_pool_gradient"):
            yield description(kind, (32, 33), (3, 3), 2, pad=(1, 1), channels_first=channels_first, filters=16)
        for kind in ("norm", "norm_gradient"):
            yield description(kind, (32, 32), (1, 1), channels_first=channels_first, filters=16)


def test_graphs_validate(ask):
    graphs = [description(kind, *CASES[name][:2], **CASES[name][2]) for name in CASES for kind in PASSES]
    graphs += pools_and_norms()
    assert {g.kind for g in graphs} == set(KINDS) - {"forward_relu"}
    assert ask(graphs) == [""] * len(graphs)


@pytest.mark.parametrize("device", [A100, H100, B200], ids=lambda d: d["deviceName"])
def test_there_is_an_engine_for_every_convolution(ask, device):
    asked = [(name, kind) for name in CASES for kind in PASSES]
    found = ask([description(kind, *CASES[name][:2], **CASES[name][2]) for name, kind in asked], device)
    assert {case: error for case, error in zip(asked, found, strict=True) if error} == {}


def test_wrong_graphs_do_not_validate(ask):
    right = description("forward", (8, 8), (3, 3))
    wrong = [right._replace(y=layout(shape, "float32")) for shape in ([8, 32, 7, 6], [8, 31, 6, 6], [7, 32, 6, 6])]
    answers = ask([right, *wrong])
    assert answers[0] == "" and all("CUDNN_STATUS_BAD_PARAM" in a for a in answers[1:])


def test_tf32_and_determinism_leave_engines_out_and_some_remain(ask, monkeypatch):
    monkeypatch.setenv("GPUKERAS_TF32", "0")
    strict = [description(kind, (32, 32), (3, 3))._replace(deterministic=True) for kind in PASSES]
    assert ask(strict, H100) == [""] * len(strict)


def zoo():
    """A model with convolutions of many kinds."""
    inputs = layers.Input((20, 4))
    x = layers.Conv1D(8, 3, padding="causal", dilation_rate=2)(inputs)
    x = layers.SeparableConv1D(6, 3, padding="same")(x)
    x = layers.Reshape((20, 6, 1))(x)
    x = layers.Conv2DTranspose(5, 3, strides=2, padding="same")(x)
    x = layers.Conv2D(7, (5, 4), strides=2, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    x = layers.Conv2D(8, 3, dilation_rate=2, padding="same")(x)
    x = layers.Conv3D(4, (3, 3, 2), activation="relu")(layers.Reshape((18, 4, 8, 1))(x))
    model = keras.models.Model(inputs, layers.Dense(10, activation="softmax")(layers.Flatten()(x)))
    model.compile("sgd", "categorical_crossentropy")
    return model


@pytest.mark.parametrize("make", [zoo, lambda: test_models.resnet(3, (16, 32, 64), 32)], ids=["zoo", "resnet20"])
def test_there_is_an_engine_for_every_convolution_of_a_model(ask, make):
    parts = simulated.libraries()
    keras.backend.clear_session()
    test_models.steps(make(), parts=parts)
    made = {tuple(d["words"][1:]) for d in parts["cudnn_graphs"].made}
    assert len(made) > 15 and ask(made, H100) == [""] * len(made)


@pytest.mark.parametrize("tf32", ["0", "1"])
def test_there_is_an_engine_for_every_convolution_of_the_tests(ask, tf32, monkeypatch):
    monkeypatch.setenv("GPUKERAS_TF32", tf32)
    parts = simulated.libraries()
    cases = [(shape, kernel, given, t) for _, shape, kernel, given in CONVOLUTIONS for t in ("float32", "float16")]
    with glue.use(parts):
        for shape, kernel, given, dtype in cases:
            x, w = Placeholder(shape, dtype), Placeholder(kernel, dtype)
            y = ops.conv(x, w, **given)
            outs = [y, *gradients(ops.sum(y), [x, w])]
            Program(outs, [], {t: tuple(t.shape) for t in (x, w)}, engine="cuda")
    made = {tuple(d["words"][1:]) for d in parts["cudnn_graphs"].made}
    assert len(made) == 3 * len(cases)
    assert ask(made, H100) == [""] * len(made)
