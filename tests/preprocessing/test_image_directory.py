"""Images from folders and tables; more stands in test_golden.py."""

import multiprocessing
import sys
import warnings

import numpy as np
import pytest

from gpukeras.preprocessing.image import ImageDataGenerator
from gpukeras.utils import OrderedEnqueuer

Image = pytest.importorskip("PIL.Image")


def write(folder, names, size=(8, 6)):
    """Writes images whose colour tells their position in `names`: red and green are the two digits to base 256."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (i // 256, i % 256, 7)).save(path)


def positions(batch):
    return (batch[:, 0, 0, 0] * 256 + batch[:, 0, 0, 1]).astype(int).tolist()


NAMES = ["cat/2.png", "cat/10.png", "dog/deep/1.PNG", "dog/0.bmp", "dog/3.png", "emu/1.png"]


def test_classes_and_files(tmp_path, capsys):
    write(tmp_path, NAMES)
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "emptiness").mkdir()
    flow = ImageDataGenerator().flow_from_directory(str(tmp_path), target_size=(6, 8), shuffle=False)
    assert "Found 6 images belonging to 4 classes." in capsys.readouterr().out
    assert flow.class_indices == {"cat": 0, "dog": 1, "emptiness": 2, "emu": 3}
    assert flow.filenames == ["cat/10.png", "cat/2.png", "dog/0.bmp", "dog/3.png", "dog/deep/1.PNG", "emu/1.png"]
    assert flow.classes.tolist() == [0, 0, 1, 1, 1, 3]
    batch, labels = next(flow)
    assert batch.shape == (6, 6, 8, 3) and batch.dtype == labels.dtype == "float32"
    assert [NAMES[i] for i in positions(batch)] == flow.filenames
    np.testing.assert_array_equal(labels, np.eye(4)[flow.classes])


def test_class_modes(tmp_path):
    write(tmp_path, NAMES)

    def batch(**settings):
        return next(ImageDataGenerator().flow_from_directory(tmp_path, (6, 8), shuffle=False, **settings))

    assert batch(class_mode="sparse", classes=["emu", "cat"])[1].tolist() == [0, 1, 1]
    assert batch(class_mode="binary", classes=["dog", "cat"])[1].dtype == "float32"
    assert batch(class_mode=None, color_mode="rgba").shape == (6, 6, 8, 4)
    x, y = batch(class_mode="input", color_mode="grayscale")
    assert x.shape == y.shape == (6, 6, 8, 1) and x is not y and (x == y).all()
    for wrong, message in (
        (dict(class_mode="other"), "Invalid class_mode"),
        (dict(color_mode="cmyk"), "Invalid color mode"),
        (dict(subset="test"), "Invalid subset name"),
    ):
        with pytest.raises(ValueError, match=message):
            batch(**wrong)
    with pytest.raises(FileNotFoundError):
        ImageDataGenerator().flow_from_directory(tmp_path / "nowhere")


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("color_mode,ending", [("grayscale", "bmp"), ("rgb", "jpeg"), ("rgba", "png"), ("rgba", "jpg")])
def test_saved_images(tmp_path, data_format, color_mode, ending):
    write(tmp_path / "in", NAMES)
    (tmp_path / "out").mkdir()
    made = ImageDataGenerator(vertical_flip=True, data_format=data_format)
    settings = dict(save_to_dir=tmp_path / "out", save_prefix="s", save_format=ending, class_mode=None)
    flow = made.flow_from_directory(
        tmp_path / "in", (6, 8), color_mode=color_mode, shuffle=False, batch_size=4, interpolation="lanczos", **settings
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        next(flow), next(flow)
    assert bool(caught) == (ending == "jpg")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name.split("_")[:2] for name in names] == [["s", str(i)] for i in range(6)]
    with Image.open(tmp_path / "out" / names[0]) as img:
        assert img.size == (8, 6)
        assert img.mode == {"bmp": "L", "jpeg": "RGB", "png": "RGBA", "jpg": "RGB"}[ending]


def test_subsets_part_every_class(tmp_path):
    write(tmp_path, [f"{kind}/{i}.png" for kind in "ab" for i in range(8)])
    made = ImageDataGenerator(validation_split=0.25)
    parts = {name: made.flow_from_directory(tmp_path, subset=name) for name in ("training", "validation")}
    assert parts["validation"].classes.tolist() == [0] * 2 + [1] * 2
    assert parts["training"].classes.tolist() == [0] * 6 + [1] * 6
    both = parts["training"].filenames + parts["validation"].filenames
    assert len(set(both)) == 16


def test_links(tmp_path):
    write(tmp_path / "far", ["1.png"])
    write(tmp_path / "data", ["a/0.png"])
    (tmp_path / "data" / "a" / "link").symlink_to(tmp_path / "far", target_is_directory=True)
    made = ImageDataGenerator()
    assert made.flow_from_directory(tmp_path / "data").samples == 1
    assert made.flow_from_directory(tmp_path / "data", follow_links=True).samples == 2


def test_deep_colours_warn(tmp_path):
    write(tmp_path, ["a/0.tiff"])
    with pytest.warns(UserWarning, match="8 bits"):
        ImageDataGenerator().flow_from_directory(tmp_path)


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def test_tables(tmp_path):
    write(tmp_path, ["b.png", "a.png", "sub/c.png", "unlisted.png"])
    table = frame(
        filename=["sub/c.png", "b.png", "a.png", "b.png", "missing.png"],
        stem=["sub/c", "b", "a", "b", "missing"],
        kind=["y", "x", "y", "y", "z"],
        v=[1.0, 2.0, 3.0, 4.0, 5.0],
    )

    def flow(**settings):
        settings = dict(dict(y_col="kind", target_size=(6, 8), shuffle=False), **settings)
        return ImageDataGenerator().flow_from_dataframe(table, str(tmp_path), **settings)

    made = flow()
    assert made.filenames == ["a.png", "b.png", "sub/c.png"]
    assert made.class_indices == {"y": 0, "x": 1, "z": 2}
    batch, labels = next(made)
    assert positions(batch) == [1, 0, 2]
    assert labels.argmax(axis=1).tolist() == [0, 1, 0]
    assert flow(x_col="stem", has_ext=False).filenames == made.filenames
    assert flow(classes=["y"]).filenames == ["a.png", "sub/c.png"]
    assert next(flow(class_mode="other", y_col="v"))[1].tolist() == [3, 2, 1]
    assert next(flow(class_mode="other", y_col=["v", "v"]))[1].tolist() == [[3, 3], [2, 2], [1, 1]]
    assert next(flow(class_mode=None)).shape == (3, 6, 8, 3)
    assert len(table) == 5
    for error, settings, message in (
        (ValueError, dict(x_col=["filename"]), "x_col must be a string"),
        (ValueError, dict(has_ext="yes"), "has_ext says whether"),
        (ValueError, dict(class_mode="all"), "Invalid class_mode"),
        (ValueError, dict(class_mode="input", classes=["x"]), "classes cannot be set"),
        (ValueError, dict(y_col=["kind"]), "y_col must be one column"),
        (ValueError, dict(x_col="stem"), "extension not found"),
        (KeyError, dict(y_col="label"), "no column 'label'"),
        (TypeError, dict(class_mode="other"), "must be numeric"),
    ):
        with pytest.raises(error, match=message):
            flow(**settings)


@pytest.mark.parametrize("processes", [False, True])
def test_a_damaged_file_among_others_is_named(tmp_path, processes):
    write(tmp_path, [f"a/{i}.png" for i in range(12)])
    whole = (tmp_path / "a" / "7.png").read_bytes()
    (tmp_path / "a" / "7.png").write_bytes(whole[:-30])
    flow = ImageDataGenerator().flow_from_directory(tmp_path, target_size=(6, 8), batch_size=3, shuffle=False)
    enqueuer = OrderedEnqueuer(flow, use_multiprocessing=processes)
    enqueuer.start(workers=2)
    batches = enqueuer.get()
    with pytest.raises(OSError, match=r"/a/7\.png is damaged"):
        for _ in range(4):
            next(batches)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("processes,method", [(False, None), (True, "fork"), (True, "spawn")])
def test_many_files_with_four_workers(tmp_path, monkeypatch, processes, method):
    """2,000 files, in the background: each comes once per epoch, in order, and no process stays behind."""
    count = 2000
    write(tmp_path, [f"{i % 5}/{i:04}.png" for i in range(count)], size=(4, 4))
    pytest.importorskip("scipy")
    context = multiprocessing.get_context(method)
    monkeypatch.setattr(multiprocessing, "get_context", lambda: context)
    made = ImageDataGenerator(horizontal_flip=True)
    flow = made.flow_from_directory(tmp_path, target_size=(4, 4), class_mode="sparse", batch_size=32)
    enqueuer = OrderedEnqueuer(flow, use_multiprocessing=processes)
    orders = []
    try:
        enqueuer.start(workers=4, max_queue_size=8)
        assert len(multiprocessing.active_children()) == (4 if processes else 0)
        batches = enqueuer.get()
        for epoch in range(3):
            flow.shuffle = epoch == 0  # decides the order of the next epoch
            seen = []
            for _ in range(len(flow)):
                x, y = next(batches)
                found = positions(x)
                assert [i % 5 for i in found] == y.tolist()
                seen += found
            orders.append(seen)
    finally:
        enqueuer.stop()
    assert not multiprocessing.active_children()
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(count))
    assert orders[0] != orders[1] != sorted(orders[1])
    assert orders[2] == [i for label in range(5) for i in range(label, count, 5)]


def test_tables_need_pandas(tmp_path, monkeypatch):
    for name in ("pandas", "pandas.api", "pandas.api.types"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install "gpukeras\[image,pandas\]"'):
        ImageDataGenerator().flow_from_dataframe(None, tmp_path)
