"""Candidates of a library are measured once where that is asked for, and the choice is kept on disk."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from gpukeras import ops
from gpukeras.compiler.program import Program
from gpukeras.graph.tensor import Placeholder
from gpukeras.kernels.cuda import autotune, glue
from gpukeras.kernels.cuda.glue import GlueError
from gpukeras.runtime import device as devices
from tests.simulated.cupy import Cupy
from tests.simulated.libraries import libraries


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """A simulated GPU whose clock goes by the candidates that run: `fake.costs` are their times."""
    fake = Cupy()
    fake.costs, fake.clock = [5.0, 3.0, 4.0], 0.0
    monkeypatch.setattr(fake.cuda, "get_elapsed_time", lambda start, stop: stop.time - start.time, raising=False)

    class Event:
        def record(self):
            self.time = fake.clock

        def synchronize(self):
            pass

    monkeypatch.setattr(fake.cuda, "Event", Event)
    monkeypatch.setattr(devices, "cupy_or_reason", lambda: (fake, ""))
    monkeypatch.setenv("GPUKERAS_AUTOTUNE", "1")
    monkeypatch.setenv("GPUKERAS_CACHE", str(tmp_path))
    return fake


def timed(fake):
    """Libraries whose runs move the clock."""
    parts = libraries()
    for part in parts.values():
        run = part.run

        def slow(handle, *args, part=part, run=run):
            fake.clock += fake.costs[max(part.made[handle - 1]["choice"], 0)]
            run(handle, *args)

        part.run = slow
    return parts


def plans(parts, size=4):
    """Makes the plan of a product and a convolution."""
    x, w, k = Placeholder((2, 6, 5), "float32"), Placeholder((5, size), "float32"), Placeholder((3, 5, 4), "float32")
    with glue.use(parts):
        feeds = {t: t.shape for t in (x, w, k)}
        return Program([ops.matmul(x, w), ops.conv(x, k)], [], feeds, engine="cuda").steps


def last(parts):
    return [part.made[-1]["choice"] for part in (parts["cublaslt"], parts["cudnn_graphs"])]


def test_the_fastest_candidate_is_taken_and_remembered(fake):
    first = timed(fake)
    plans(first)
    assert last(first) == [1, 1] and set(json.loads(autotune.file().read_text()).values()) == {1}
    again = timed(fake)
    fake.costs = [1.0, 9.0, 9.0]  # what is on disk counts
    plans(again)
    assert last(again) == [1, 1] and not again["cublaslt"].runs and not again["cudnn_graphs"].runs
    plans(again, size=3)  # another shape is measured for itself
    assert again["cublaslt"].made[-1]["choice"] == 0


def test_without_the_setting_nothing_is_measured(fake, monkeypatch):
    monkeypatch.delenv("GPUKERAS_AUTOTUNE")
    parts = timed(fake)
    plans(parts)
    assert last(parts) == [-1, -1] and not parts["cublaslt"].runs and not autotune.file().exists()


def test_candidates_that_cannot_be_had_are_left_out(fake):
    parts = timed(fake)
    create = parts["cublaslt"].create

    def refusing(words, choice, out, found):
        if choice == 1:
            raise GlueError("out of registers")
        create(words, choice, out, found)

    parts["cublaslt"].create = refusing
    plans(parts)
    assert last(parts) == [2, 1]


@pytest.mark.parametrize("content", ["{", "[1, 2]", "\x00"])
def test_a_damaged_file_is_ignored_with_a_warning(fake, content):
    autotune.file().write_text(content)
    with pytest.warns(RuntimeWarning, match=r"autotune\.json is not used"):
        parts = timed(fake)
        plans(parts)
    assert last(parts) == [1, 1]
    assert set(json.loads(autotune.file().read_text()).values()) == {1}


def test_a_choice_that_is_no_candidate_is_measured_again(fake):
    parts = timed(fake)
    plans(parts)
    table = json.loads(autotune.file().read_text())
    autotune.file().write_text(json.dumps(dict.fromkeys(table, 77)))
    parts = timed(fake)
    plans(parts)
    assert last(parts) == [1, 1]


def test_nothing_is_measured_while_a_stream_captures(fake):
    parts = timed(fake)
    stream = fake.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        plans(parts)
        stream.end_capture()
    assert last(parts) == [-1, -1] and not autotune.file().exists()


def test_writers_at_once_leave_a_whole_file(fake):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: autotune._write(f"key{i}", i), range(40)))
    table = json.loads(autotune.file().read_text())
    assert table and all(table[f"key{v}"] == v for v in table.values())
    assert [p.name for p in autotune.file().parent.iterdir()] == ["autotune.json"]


def test_a_folder_that_cannot_be_written_costs_a_warning(fake, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GPUKERAS_CACHE", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="is not used|not kept"):
        parts = timed(fake)
        plans(parts)
    assert last(parts) == [1, 1]
