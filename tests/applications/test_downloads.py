"""Weights and class names fetched from a real server, checked, kept, and fetched again when they are not whole."""

import hashlib
import json

import numpy as np
import pytest

from gpukeras import applications
from gpukeras.applications import densenet, imagenet_utils, mobilenet, nasnet
from tests.utils.file_server import FileServer

NAME = "NASNet-mobile-no-top.h5"
CACHED = "nasnet_mobile_no_top.h5"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


@pytest.fixture
def server():
    with FileServer({}).running() as server:
        yield server


def small(weights="imagenet"):
    """A NASNet of a few cells that takes its weights where the real one for 224 does."""
    return nasnet.NASNet((32, 32, 3), 96, 1, 8, default_size=224, include_top=False, weights=weights)


@pytest.fixture
def published(server, cache, monkeypatch, tmp_path):
    """The weights that the server has, with their check sum in the table."""
    model = small(None)
    model.save_weights(str(tmp_path / "published.h5"))
    server.files[NAME] = (tmp_path / "published.h5").read_bytes()
    file_hash = hashlib.md5(server.files[NAME]).hexdigest()
    monkeypatch.setattr(nasnet, "_ORIGIN", server.url)
    monkeypatch.setattr(nasnet, "_FILES", {224: (None, ("mobile-no-top", file_hash))})
    return model.get_weights()


def check(model, weights):
    for mine, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_weights_are_fetched_once(server, published, cache):
    for _ in range(2):
        check(small(), published)
    assert [path for path, _ in server.requests] == [NAME]
    assert (cache / CACHED).read_bytes() == server.files[NAME]


def test_a_connection_that_is_cut_is_taken_up_again(server, published, cache):
    server.cuts = [100_000]
    check(small(), published)
    assert (NAME, "bytes=100000-") in server.requests
    assert sorted(path.name for path in cache.iterdir() if path.suffix != ".lock") == [CACHED]


def test_other_weights_than_the_published_ones_are_not_kept(server, published, cache):
    good = server.files[NAME]
    server.files[NAME] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(ValueError, match=f"What .*{NAME} sends has the md5 sum .*, expected"):
        small()
    assert not (cache / CACHED).exists()
    server.files[NAME] = good
    check(small(), published)


def test_a_damaged_file_of_the_cache_is_fetched_again(server, published, cache, capsys):
    cache.mkdir(parents=True)
    (cache / CACHED).write_bytes(server.files[NAME][:-10])
    check(small(), published)
    assert "incomplete or outdated" in capsys.readouterr().out and len(server.requests) == 1


def test_weights_that_are_not_there(server, published, cache):
    server.files.clear()
    with pytest.raises(OSError, match="404"):
        small()
    assert not (cache / CACHED).exists()


def test_weights_without_a_check_sum(server, cache, monkeypatch, tmp_path):
    model = applications.MobileNet(weights=None, alpha=0.25, input_shape=(128, 128, 3))
    model.save_weights(str(tmp_path / "published.h5"))
    server.files["mobilenet_2_5_128_tf.h5"] = (tmp_path / "published.h5").read_bytes()
    monkeypatch.setattr(mobilenet, "_ORIGIN", server.url)
    check(applications.MobileNet(alpha=0.25, input_shape=(128, 128, 3)), model.get_weights())
    assert (cache / "mobilenet_2_5_128_tf.h5").exists()


def test_weights_of_another_network_are_refused(server, published, cache, monkeypatch, tmp_path):
    densenet.DenseNet([1, 1, 1, 1], weights=None, input_shape=(32, 32, 3)).save_weights(str(tmp_path / "other.h5"))
    server.files[NAME] = (tmp_path / "other.h5").read_bytes()
    file_hash = hashlib.md5(server.files[NAME]).hexdigest()
    monkeypatch.setattr(nasnet, "_FILES", {224: (None, ("mobile-no-top", file_hash))})
    with pytest.raises(ValueError, match="layers"):
        small()


@pytest.fixture
def class_names(server, cache, monkeypatch):
    names = {str(i): [f"n{i:08d}", f"thing_{i}_\N{SNOWMAN}"] for i in range(1000)}
    server.files["index.json"] = json.dumps(names, ensure_ascii=False).encode("utf-8")
    monkeypatch.setattr(imagenet_utils, "_class_index", None)
    monkeypatch.setattr(imagenet_utils, "_CLASS_INDEX_ORIGIN", server.url + "index.json")
    file_hash = hashlib.md5(server.files["index.json"]).hexdigest()
    monkeypatch.setattr(imagenet_utils, "_CLASS_INDEX_HASH", file_hash)


def test_class_names(server, class_names, cache, monkeypatch):
    scores = np.zeros((1, 1000), dtype="float32")
    scores[0, [2, 700]] = 0.25, 0.75
    expected = [("n00000700", "thing_700_\N{SNOWMAN}", 0.75), ("n00000002", "thing_2_\N{SNOWMAN}", 0.25)]
    assert applications.vgg16.decode_predictions(scores, top=2) == [expected]
    # Another process finds the file.
    monkeypatch.setattr(imagenet_utils, "_class_index", None)
    assert applications.resnet50.decode_predictions(scores, top=1) == [expected[:1]]
    assert len(server.requests) == 1 and (cache / "imagenet_class_index.json").exists()


def test_wrong_class_names_are_refused(server, class_names, cache):
    server.files["index.json"] += b" "
    with pytest.raises(ValueError, match="md5 sum"):
        applications.vgg16.decode_predictions(np.zeros((1, 1000)))
    assert not (cache / "imagenet_class_index.json").exists()
