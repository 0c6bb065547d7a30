"""Padding, skip-grams and windows: what the stored values of test_golden.py do not show."""

import json
import random

import numpy as np
import pytest

from gpukeras.layers import Dense, Flatten
from gpukeras.models import Sequential
from gpukeras.preprocessing import sequence


def test_padding_keeps_to_its_width():
    f = sequence.pad_sequences
    assert f([[1, 2], [3]], maxlen=0).shape == (2, 0)
    assert f([]).shape == (0, 0)
    assert f([[], []]).shape == (2, 0)
    assert f([[], []], maxlen=2, value=5).tolist() == [[5, 5], [5, 5]]
    assert f(iter_free := [np.array([1.5]), np.array([2.5, 3.5])], dtype="float64").tolist() == [[0, 1.5], [2.5, 3.5]]
    assert len(iter_free) == 2
    assert f([("a", "b"), ("c",)], dtype="<U3", value="pad", padding="post").tolist() == [["a", "b"], ["c", "pad"]]
    assert f([np.ones((2, 3, 4))], maxlen=3).shape == (1, 3, 3, 4)


@pytest.mark.parametrize(
    "arguments,message",
    [
        (dict(sequences=3), "`sequences` must be iterable"),
        (dict(sequences=[1, 2]), "Found non-iterable: 1"),
        (dict(sequences=[[1]], padding="left"), "Padding type 'left' not understood"),
        (dict(sequences=[[1]], truncating="left"), "Truncating type 'left' not understood"),
        (dict(sequences=[[[1, 2]], [[1, 2, 3]]]), r"sample \(3,\) of sequence at position 1 .* expected shape \(2,\)"),
        (dict(sequences=[["a"]], value="p"), "Use `dtype=object`"),
    ],
)
def test_padding_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        sequence.pad_sequences(**arguments)


def test_sampling_table():
    table = sequence.make_sampling_table(500, 1e-3)
    assert table.shape == (500,) and (np.diff(table[1:]) >= 0).all() and table.max() == 1
    # By the definition, for one rank.
    inverse = 100 * (np.log(100) + 0.577) + 0.5 - 1 / 1200
    np.testing.assert_allclose(table[100], min(1, np.sqrt(1e-3 * inverse)))


def test_skipgrams_pair_neighbours():
    words = [3, 0, 5, 7, 2]
    couples, labels = sequence.skipgrams(words, 10, window_size=2, negative_samples=0.0, shuffle=False)
    near = [[a, b] for i, a in enumerate(words) for j, b in enumerate(words) if a and b and i != j and abs(i - j) <= 2]
    assert couples == near and labels == [1] * len(near)
    random.seed(1)
    couples, labels = sequence.skipgrams(words, 10, window_size=2, negative_samples=2.0, seed=4)
    assert labels.count(0) == 2 * labels.count(1) == 2 * len(near)
    assert sorted(c for c, label in zip(couples, labels) if label) == sorted(near)
    assert all(1 <= b <= 9 for _, b in couples)
    # Nothing to draw from is no error.
    assert sequence.skipgrams([], 10) == ([], [])


def test_remove_long_sequences():
    assert sequence._remove_long_seq(3, [[1, 2], [1, 2, 3], []], ["a", "b", "c"]) == ([[1, 2], []], ["a", "c"])


def test_windows_of_lists_and_types():
    data = [[i, -i] for i in range(12)]
    made = sequence.TimeseriesGenerator(data, list(range(12)), length=3, batch_size=4)
    assert len(made) == 3
    x, y = made[2]
    assert x.tolist() == [[[8, -8], [9, -9], [10, -10]]] and y.tolist() == [11]
    single = np.arange(12, dtype="float32")
    x, y = sequence.TimeseriesGenerator(single, single, length=5, sampling_rate=2, batch_size=2)[0]
    assert x.dtype == y.dtype == "float32"
    assert x.tolist() == [[0, 2, 4], [1, 3, 5]] and y.tolist() == [5, 6]


@pytest.mark.parametrize("settings", [dict(), dict(stride=2, reverse=True, batch_size=3), dict(sampling_rate=3)])
def test_windows_of_files_and_tables(tmp_path, settings):
    h5py, pandas = pytest.importorskip("h5py"), pytest.importorskip("pandas")
    x, y = np.random.normal(size=(30, 2)), np.arange(30.0)
    expected = sequence.TimeseriesGenerator(x, y, 6, **settings)
    with h5py.File(tmp_path / "series.h5", "w") as f:
        f["x"], f["y"] = x, y
        labels = range(100, 130)
        table, column = pandas.DataFrame(x, index=labels), pandas.Series(y, index=labels)
        for data, targets in ((x.tolist(), y.tolist()), (f["x"], f["y"]), (table, column)):
            made = sequence.TimeseriesGenerator(data, targets, 6, **settings)
            assert len(made) == len(expected)
            for i in range(len(made)):
                for part, wanted in zip(made[i], expected[i]):
                    np.testing.assert_array_equal(part, wanted)


def test_windows_cover_everything_once():
    x = np.arange(23)
    for length, stride, batch in [(3, 1, 6), (3, 5, 2), (1, 3, 4), (7, 7, 1), (22, 1, 5)]:
        made = sequence.TimeseriesGenerator(x, x, length, stride=stride, batch_size=batch)
        targets = np.concatenate([made[i][1] for i in range(len(made))])
        assert targets.tolist() == list(range(length, 23, stride))


def test_windows_json_round_trip():
    data = np.random.normal(size=(30, 2))
    made = sequence.TimeseriesGenerator(
        data, data[:, 0], 4, sampling_rate=2, stride=3, start_index=5, end_index=25, reverse=True, batch_size=3
    )
    text = made.to_json(indent=1)
    assert json.loads(text)["class_name"] == "TimeseriesGenerator"
    twin = sequence.timeseries_generator_from_json(text)
    assert twin.get_config() == made.get_config() and len(twin) == len(made)
    for i in range(len(made)):
        for a, b in zip(made[i], twin[i]):
            np.testing.assert_array_equal(a, b)


def test_windows_say_what_is_wrong():
    with pytest.raises(ValueError, match="same length. Data length is 3 while target length is 2"):
        sequence.TimeseriesGenerator([1, 2, 3], [1, 2], 1)
    with pytest.raises(ValueError, match="`start_index.length=50 > end_index=49` is disallowed: no step"):
        sequence.TimeseriesGenerator(np.zeros(50), np.zeros(50), 50)
    with pytest.raises(TypeError, match="Data not JSON Serializable"):
        sequence.TimeseriesGenerator(np.array([object()] * 5), np.zeros(5), 1).to_json()


def test_windows_train_a_model():
    x = np.sin(np.arange(200) / 5)[:, None]
    made = sequence.TimeseriesGenerator(x, x, 8, shuffle=True, batch_size=32)
    model = Sequential([Flatten(input_shape=(8, 1)), Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit_generator(made, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
