"""HDF5 matrices, dict-like files, long attributes, and files that are replaced as a whole."""

import io
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from gpukeras.utils import OrderedEnqueuer, Sequence, io_utils
from gpukeras.utils.io_utils import H5Dict, HDF5Matrix, h5dict, replacing


@pytest.fixture
def matrix_file(tmp_path):
    path = str(tmp_path / "data.h5")
    with h5py.File(path, "w") as f:
        f["x"] = np.arange(40.0).reshape(10, 4)
    yield path
    if HDF5Matrix.refs.get(path):
        HDF5Matrix.refs.pop(path).close()


def test_matrix_reads_its_rows(matrix_file):
    x = HDF5Matrix(matrix_file, "x", start=2, end=8)
    assert x.shape == (6, 4) and len(x) == 6 and x.ndim == 2 and x.size == 24 and x.dtype == np.float64
    np.testing.assert_array_equal(x[0], np.arange(8.0, 12.0))
    np.testing.assert_array_equal(x[1:3], np.arange(12.0, 20.0).reshape(2, 4))
    np.testing.assert_array_equal(x[[0, 5]], x[np.array([0, 5])])
    np.testing.assert_array_equal(x[:], np.arange(8.0, 32.0).reshape(6, 4))
    assert HDF5Matrix(matrix_file, "x").shape == (10, 4)


def test_matrix_normalizer_decides_shape_and_dtype(matrix_file):
    x = HDF5Matrix(matrix_file, "x", normalizer=lambda rows: rows[:, ::2].astype("float32"))
    assert x.shape == (10, 2) and x.dtype == np.float32
    np.testing.assert_array_equal(x[3:4], [[12, 14]])


@pytest.mark.parametrize("key", [6, slice(4, 7), [0, 6], np.array([9]), -1])
def test_matrix_refuses_rows_outside(matrix_file, key):
    with pytest.raises(IndexError, match="outside of the 6 rows from 2 to 8"):
        HDF5Matrix(matrix_file, "x", 2, 8)[key]


def test_matrix_takes_rows_in_any_order(matrix_file):
    x, rows = (
        HDF5Matrix(matrix_file, "x", 2, 8, normalizer=lambda rows: rows + 1),
        np.arange(8.0, 32.0).reshape(6, 4) + 1,
    )
    odd = np.arange(6) % 2 == 1
    for key in ([5, 0, 5, 3], (2,), range(4), np.uint8([3, 1]), odd, odd.tolist(), [True] * 6):
        np.testing.assert_array_equal(x[key], rows[np.asarray(key)])
    assert x[[]].shape == (0, 4)
    np.testing.assert_array_equal(x[1:6:2], rows[1:6:2])
    for key, error, message in (
        (odd[:5], IndexError, "bools for 6 rows"),
        ([1.5], TypeError, "float64"),
        (["a"], TypeError, "Cannot cast"),
        ([[1, 2]], TypeError, "1D"),
    ):
        with pytest.raises(error, match=message):
            x[key]


class Rows(Sequence):
    """Batches of two rows of a matrix."""

    def __init__(self, matrix):
        self.matrix = matrix

    def __len__(self):
        return len(self.matrix) // 2

    def __getitem__(self, index):
        return self.matrix[2 * index : 2 * index + 2]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_matrix_in_worker_processes(tmp_path, method, monkeypatch):
    path = str(tmp_path / "data.h5")
    values = np.random.random((40, 500))
    with h5py.File(path, "w") as f:
        f.create_dataset("x", data=values, chunks=(3, 500), compression="gzip")
    context = multiprocessing.get_context(method)
    monkeypatch.setattr(multiprocessing, "get_context", lambda: context)
    x = HDF5Matrix(path, "x", 4, 36, normalizer=np.negative)
    enqueuer = OrderedEnqueuer(Rows(x), use_multiprocessing=True)
    enqueuer.start(3, 5)
    try:
        found = np.concatenate(list(itertools.islice(enqueuer.get(), 32)))
    finally:
        enqueuer.stop()
        HDF5Matrix.refs.pop(path).close()
    np.testing.assert_array_equal(found, -np.concatenate([values[4:36]] * 2))


def test_matrix_errors(matrix_file):
    for start, end in ((-1, None), (0, 11), (5, 4), (11, None)):
        with pytest.raises(ValueError, match=f"start={start} and end={end} are no part of the 10 rows of 'x'"):
            HDF5Matrix(matrix_file, "x", start, end)
    with pytest.raises(TypeError, match="int, a slice, a list or an array"):
        HDF5Matrix(matrix_file, "x")[None]
    with pytest.raises(ValueError, match="no dataset 'y' in .*it holds \\['x'\\]"):
        HDF5Matrix(matrix_file, "y")


STORES = ["file", "group", "memory", "dict"]


@pytest.fixture(params=STORES)
def store(request, tmp_path):
    """Opens the same place twice: once to write, once to read."""
    if request.param == "dict":
        data = {}
        yield lambda mode: H5Dict(data, mode=mode)
    elif request.param == "file":
        yield lambda mode: H5Dict(tmp_path / "store.h5", mode=mode)
    else:
        memory = {"driver": "core", "backing_store": False} if request.param == "memory" else {}
        with h5py.File(tmp_path / "store.h5", "w", **memory) as f:
            place = f.create_group("inner") if request.param == "group" else f
            yield lambda mode: H5Dict(place, mode=mode)


def test_h5dict_keeps_values(store):
    array = np.random.random((4, 5, 12))
    f = store("w")
    f["text"] = "abcd"
    f["names"] = [b"efg", b"hijk"]
    f["none"] = []
    f["array"] = array
    f["number"] = 3
    f["a"]["b"]["c/kernel:0"] = array
    f.update({"more": "x"})
    f.close()

    f = store("r")
    assert f["text"] == "abcd" and f["names"] == [b"efg", b"hijk"] and list(f["none"]) == [] and f["number"] == 3
    np.testing.assert_array_equal(f["array"], array)
    np.testing.assert_array_equal(f["a"]["b"]["c/kernel:0"], array)
    assert "a" in f and "b" in f["a"] and "nope" not in f and f["more"] == "x"
    assert f.get("nope", 7) == 7 and f.get("number") == 3
    assert "a" in set(f) and "a" in set(f.iter()) and len(f) >= 2
    with pytest.raises(KeyError, match="nope"):
        f["nope"]
    with pytest.raises(ValueError, match="reading only"):
        f["text"] = "b"
    f.close()


def test_h5dict_overwrites(store):
    f = store("w")
    f["array"] = np.zeros(3)
    f["array"] = np.ones((2, 2))
    f["names"] = [b"x" * 40000, b"y" * 40000]
    f["names"] = [b"a"]
    np.testing.assert_array_equal(f["array"], np.ones((2, 2)))
    assert f["names"] == [b"a"]
    f.close()


def test_h5dict_refuses_other_things():
    with pytest.raises(TypeError, match="expected a path, an h5py file or group, or a dict, got int"):
        H5Dict(3)
    assert h5dict is H5Dict


def test_h5dict_of_a_binary_stream():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as f:
        H5Dict(f)["x"] = np.ones(3)
    with h5py.File(io.BytesIO(stream.getvalue()), "r") as f:
        np.testing.assert_array_equal(H5Dict(f)["x"], np.ones(3))


def test_long_lists_are_stored_in_pieces(tmp_path):
    names = [b"%05d" % i + b"x" * 3000 for i in range(100)]
    with h5py.File(tmp_path / "long.h5", "w") as f:
        io_utils.write_attribute_list(f, "names", names)
        assert "names" not in f.attrs and "names1" in f.attrs
        assert all(f.attrs[k].nbytes <= io_utils.HDF5_OBJECT_HEADER_LIMIT for k in f.attrs)
        assert io_utils.read_attribute_list(f, "names") == names
        assert io_utils.read_attribute_list(f, "other") == []
        with pytest.raises(RuntimeError, match="more than 64512 bytes"):
            io_utils.write_attribute_list(f, "names", [b"x" * 70000])


def test_text_attributes_larger_than_a_header(tmp_path):
    f = H5Dict(tmp_path / "text.h5", "w")
    f["model_config"] = b"c" * 300000
    f.close()
    assert len(H5Dict(tmp_path / "text.h5", "r")["model_config"]) == 300000


@pytest.mark.parametrize("answers, expected", [(["y"], True), (["maybe", "N"], False)])
def test_ask_to_proceed_with_overwrite(monkeypatch, answers, expected):
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answers[len(asked) - 1])
    assert io_utils.ask_to_proceed_with_overwrite("model.h5") is expected
    assert "model.h5" in asked[0] and len(asked) == len(answers)


def test_replacing_keeps_permissions_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    path.chmod(0o640)
    with replacing(path) as part:
        assert os.path.dirname(part) == str(tmp_path)
        with open(part, "w") as f:
            f.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["file.txt"]


def test_new_files_get_ordinary_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    with replacing(tmp_path / "new"):
        pass
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_failing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as part:
        with open(part, "w") as f:
            f.write("half")
        raise RuntimeError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file.txt"]


def test_replacing_follows_links(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with replacing(tmp_path / "link") as part, open(part, "w") as f:
        f.write("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_replacing_names_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"), replacing(tmp_path / "no" / "file"):
        pass


def test_killed_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    program = """
        import sys, time
        from gpukeras.utils.io_utils import replacing
        with replacing(sys.argv[1]) as part, open(part, "w") as f:
            f.write("half")
            f.flush()
            print("writing", flush=True)
            time.sleep(60)
    """
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert child.stdout.readline() == "writing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert path.read_text() == "old"
    # The next who writes tidies up, and leaves alone what is not the dead one's.
    (left,) = (entry for entry in os.listdir(tmp_path) if entry != "file.txt")
    assert str(child.pid) in left and (tmp_path / left).read_text() == "half"
    of_the_living = tmp_path / left.replace(str(child.pid), str(os.getppid()))
    of_another_file = tmp_path / left.replace(".file.txt.", ".file.")
    for stranger in (of_the_living, of_another_file):
        stranger.write_text("half")
    with replacing(path) as part, open(part, "w") as f:
        f.write("new")
    assert path.read_text() == "new"
    assert set(os.listdir(tmp_path)) == {"file.txt", of_the_living.name, of_another_file.name}


@pytest.mark.parametrize("name", ["n" * 240, "\N{SNOWMAN}" * 80, "a[b]*?.h5"])
def test_names_of_any_length_and_letter(name, tmp_path):
    with replacing(tmp_path / name) as part, open(part, "w") as f:
        f.write("new")
    assert os.listdir(tmp_path) == [name] and (tmp_path / name).read_text() == "new"
