"""Processes with a simulated GPU each: gradients go through NCCL, or where they cannot, through the hosts' memory."""

import json
from pathlib import Path

import numpy as np
import pytest

from gpukeras.distributed import gpus
from gpukeras.kernels.cuda import glue
from gpukeras.kernels.cuda.glue import GlueError
from tests.distributed import test_processes as processes
from tests.distributed.test_ring import in_ring

from .cupy import Cupy
from .nccl import NcclOfProcesses

ROOT = str(Path(__file__).resolve().parents[2])

#: A program's beginning: a GPU for this process, whose place on the bus is its own or that of all.
BEGIN = """
import atexit, json, os, sys
sys.path.insert(0, {root!r})
from gpukeras.distributed import process
from gpukeras.kernels.cuda import glue
from tests.simulated.device import simulated_gpu
from tests.simulated.nccl import NcclOfProcesses

library = NcclOfProcesses(lambda: process.current())
until_the_end = [glue.use({{"nccl": library}}), simulated_gpu(engine="numpy", bus={bus})]
for context in until_the_end:
    context.__enter__()

def tell():
    with open(os.path.join(sys.argv[1], "calls" + os.environ["GPUKERAS_RANK"] + ".json"), "w") as f:
        json.dump(library.calls, f)

atexit.register(tell)
"""
OWN, SAME = "1 + int(os.environ['GPUKERAS_RANK'])", "1"


@pytest.mark.parametrize(("bus", "compression"), [(OWN, "none"), (OWN, "fp16"), (SAME, "none")])
def test_training_is_that_of_one_process(bus, compression, tmp_path):
    program = processes.PROGRAM
    if compression == "fp16":
        program = program.replace("(rule())", "(rule(), compression=hvd.Compression.fp16)")
    done = processes.start(2, tmp_path, BEGIN.format(root=ROOT, bus=bus) + program, tmp_path)
    assert done.returncode == 0, done.stderr
    calls = [json.loads((tmp_path / f"calls{rank}.json").read_text()) for rank in range(2)]
    weights = sum(np.load(tmp_path / "0.npz")[f"arr_{i}"].size for i in range(7))
    steps = 2 * 3 if bus == OWN else 0
    assert calls == [[[weights, 2 if compression == "fp16" else 0]] * steps] * 2
    if compression == "none":
        processes.check_results(2, tmp_path)


def settled(make, size=3):
    """What `between` finds for an array of each rank's; link -> array."""
    return in_ring(size, lambda link: type(gpus.between(link, make(link))).__name__)


@pytest.fixture
def library():
    fake = NcclOfProcesses(None)
    fake.join = lambda size, rank, number, communicator: None
    with glue.use({"nccl": fake}):
        yield fake


def gpu(link):
    return Cupy(bus=1 + link.rank).zeros(3)


def test_all_have_a_gpu_of_their_own(library):
    assert settled(gpu) == ["ProcessGroup"] * 3


def test_one_has_no_gpu(library):
    assert settled(lambda link: gpu(link) if link.rank else np.zeros(3)) == ["NoneType"] * 3


def test_two_have_the_same_gpu(library):
    assert settled(lambda link: Cupy(bus=1 + link.rank // 2).zeros(3)) == ["NoneType"] * 3


def test_nccl_fails_in_one_process(library, caplog):
    def join(size, rank, number, communicator):
        if rank == 1:
            raise GlueError("ncclCommInitRank: unhandled system error")

    library.join = join
    assert settled(gpu) == ["NoneType"] * 3
    assert "NCCL is not used between the processes: ncclCommInitRank" in caplog.text


def test_nccl_has_no_number(library, caplog):
    def unique_id(room):
        raise GlueError("ncclGetUniqueId: no network interface")

    library.unique_id = unique_id
    assert settled(gpu) == ["NoneType"] * 3
    assert "ncclGetUniqueId: no network interface" in caplog.text
