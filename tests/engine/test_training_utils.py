"""How data, weights and metrics are brought into the form that training wants."""

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras import losses
from gpukeras.engine import training_utils as utils
from gpukeras.engine.training_feeds import Feeds


class TestBatches:
    def test_make_batches(self):
        assert utils.make_batches(10, 4) == [(0, 4), (4, 8), (8, 10)]
        assert utils.make_batches(4, 4) == [(0, 4)] and utils.make_batches(0, 4) == []

    def test_batch_shuffle(self):
        order = utils.batch_shuffle(np.arange(23), 5)
        assert sorted(order) == list(range(23)) and list(order[20:]) == [20, 21, 22]
        firsts = []
        for start in range(0, 20, 5):
            batch = order[start : start + 5]
            assert list(np.diff(batch)) == [1, 1, 1, 1] and batch[0] % 5 == 0
            firsts.append(int(batch[0]))
        assert firsts != sorted(firsts)

    def test_check_num_samples(self):
        assert utils.check_num_samples([np.zeros((7, 2))], batch_size=3) == 7
        assert utils.check_num_samples([], steps=3) is None
        with pytest.raises(ValueError, match="If steps_per_epoch is set, the `batch_size` must be None, but it is 5"):
            utils.check_num_samples([np.zeros((7, 2))], 5, 2, "steps_per_epoch")
        with pytest.raises(ValueError, match="`steps` should be specified"):
            utils.check_num_samples([], batch_size=3)

    def test_iter_sequence_infinite(self):
        class Three(list):
            ends = 0

            def on_epoch_end(self):
                self.ends += 1

        three = Three("abc")
        batches = utils.iter_sequence_infinite(three)
        assert [next(batches) for _ in range(7)] == list("abcabca") and three.ends == 2


class TestInputData:
    names, shapes = ["a", "b"], [(None, 2), (None, None, 3)]

    def standardize(self, data, names=None, shapes=None):
        return utils.standardize_input_data(
            data, names or self.names, shapes or self.shapes, check_batch_axis=False, exception_prefix="input"
        )

    def test_list_dict_and_tuple(self):
        a, b = np.zeros((5, 2)), np.zeros((5, 4, 3))
        for data in ([a, b], (a, b), {"b": b, "a": a, "unused": 1}):
            found = self.standardize(data)
            assert found[0] is a and found[1] is b

    def test_rank_1_gets_an_axis(self):
        (x,) = self.standardize(np.arange(5.0), ["x"], [(None, 1)])
        assert x.shape == (5, 1)

    @pytest.mark.parametrize("data", [[0, 1, 1], [0.5, 1.5, 2.5], [np.float32(1), np.float32(2), np.float32(3)]])
    def test_numbers_in_a_list(self, data):
        (x,) = self.standardize(data, ["x"], [(None, 1)])
        assert x.shape == (3, 1)
        np.testing.assert_array_equal(x[:, 0], data)

    def test_lists_of_lists_are_arrays(self):
        a, b = self.standardize([[[1, 2], [3, 4]], np.zeros((2, 4, 3))])
        np.testing.assert_array_equal(a, [[1, 2], [3, 4]])

    def test_data_frames(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"p": [1.0, 2.0], "q": [3.0, 4.0]})
        (x,) = self.standardize(frame, ["x"], [(None, 2)])
        np.testing.assert_array_equal(x, [[1, 3], [2, 4]])
        (x,) = self.standardize(frame["p"], ["x"], [(None, 1)])
        assert x.shape == (2, 1)

    def test_objects_that_are_numbers(self):
        (x,) = self.standardize(np.array([[1, 2.5]], dtype=object), ["x"], [(None, 2)])
        assert x.dtype == "float32"

    def test_nothing_wanted(self):
        assert utils.standardize_input_data(None, []) == utils.standardize_input_data([], []) == []
        with pytest.raises(ValueError, match=r"expected no data, but got: array of shape \(3,\)"):
            utils.standardize_input_data(np.zeros(3), [], exception_prefix="target")
        assert utils.standardize_input_data(None, ["a", "b"]) == [None, None]

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"a": np.zeros((5, 2))}, 'No data provided for "b". Need data for each key in: '),
            ([np.zeros((5, 2))], "Expected to see 2 array.* but instead got 1: .array of shape .5, 2.."),
            ([np.zeros((5, 2))] * 3, "Expected to see 2 array.* but instead got 3"),
            (np.zeros((5, 2)), "Expected to see 2 array.* but instead got 1"),
            ([np.zeros((5, 2)), None], "expected an array for b, but got None"),
            ([np.zeros((5, 2)), "text"], "expected an array for b, but got a str: 'text'"),
            ([iter([1]), np.zeros((5, 4, 3))], "expected an array for a, but got a list_iterator.*_generator methods"),
            (
                [np.zeros((5, 2, 1)), np.zeros((5, 4, 3))],
                r"expected a to have 2 dimensions, but got array .*\(5, 2, 1\)",
            ),
            (
                [np.zeros((5, 3)), np.zeros((5, 4, 3))],
                r"expected a to have shape \(2,\) but got array with shape \(3,\)",
            ),
            ([np.zeros((5, 2)), np.zeros((5, 4, 2))], r"b to have shape \(None, 3\) but got array with shape \(4, 2\)"),
            ([np.full((5, 2), "x"), np.zeros((5, 4, 3))], "expected a to hold numbers, .*dtype <U1.*to_categorical"),
            ([np.full((5, 2), None), np.zeros((5, 4, 3))], "expected a to hold numbers, .*dtype object.*pad_sequences"),
            ([[[1], [2, 3]], np.zeros((2, 4, 3))], "expected a to hold numbers, .*dtype object.*pad_sequences"),
            ([np.zeros((5, 2), "M8[s]"), np.zeros((5, 4, 3))], "expected a to hold numbers.*datetime64"),
        ],
    )
    def test_bad(self, data, message):
        with pytest.raises(ValueError, match=message):
            self.standardize(data)

    def test_list_for_one_array(self):
        with pytest.raises(ValueError, match=r"pass one array, such as np.array\(data\)"):
            self.standardize([[1, 2], [3, 4]], ["x"], [(None, 2)])

    def test_batch_axis(self):
        with pytest.raises(ValueError, match=r"to have shape \(4, 2\)"):
            utils.standardize_input_data(np.zeros((5, 2)), ["a"], [(4, 2)])


class TestLengths:
    a, b = np.zeros((4, 2)), np.zeros((3, 2))

    def test_good(self):
        utils.check_array_length_consistency([self.a, self.a], [self.a], [self.a[:, 0]])
        utils.check_array_length_consistency([], [self.a], [self.a])
        utils.check_array_length_consistency(None, None, None)

    @pytest.mark.parametrize(
        ("x", "y", "w", "message"),
        [
            ([a, b], [a], [a], r"All input arrays \(x\) .* Got array shapes: \[\(4, 2\), \(3, 2\)\]"),
            ([a], [a, b], [a, a], r"All target arrays \(y\)"),
            ([a], [a], [a, b], r"All sample_weight arrays \(w\)"),
            ([a], [b], [b], "Found 4 input samples and 3 target samples"),
            ([a], [a], [b], "Found 3 weights and 4 target samples"),
        ],
    )
    def test_bad(self, x, y, w, message):
        with pytest.raises(ValueError, match=message):
            utils.check_array_length_consistency(x, y, w)


class TestTargets:
    def test_last_axis_1(self):
        with pytest.raises(ValueError, match="You are passing a target array of shape .*to_categorical"):
            utils.check_loss_and_target_compatibility(
                [np.zeros((2, 1))], [losses.categorical_crossentropy], [(None, 1)]
            )

    def test_other_shape(self):
        with pytest.raises(ValueError, match="expects targets to have the same shape as the output"):
            utils.check_loss_and_target_compatibility([np.zeros((2, 5))], [losses.mean_squared_error], [(None, 6)])

    def test_good(self):
        utils.check_loss_and_target_compatibility(
            [np.zeros((2, 5)), np.zeros((2, 5)), None],
            [losses.mean_squared_error, lambda t, p: p, losses.mean_squared_error],
            [(None, None), (None, 6), (None, 1)],
        )

    @pytest.mark.parametrize(("bad", "shown"), [(3, "3"), (-1, "-1")])
    def test_labels_out_of_range(self, bad, shown):
        output = K.placeholder((None, 3))
        loss = losses.sparse_categorical_crossentropy
        utils.check_label_range([np.array([[0], [2]])], [loss], [output], ["out"])
        with pytest.raises(
            ValueError, match=f"out has 3 classes, so its labels .* 0 to 2, but the targets contain {shown};"
        ):
            utils.check_label_range([np.array([[0], [bad], [2]])], [loss], [output], ["out"])


class TestWeights:
    y = np.eye(3)[[0, 1, 2, 1]]

    def test_ones(self):
        w = utils.standardize_weights(self.y)
        assert w.dtype == "float32"
        np.testing.assert_array_equal(w, np.ones(4))
        assert utils.standardize_weights(np.zeros((4, 5, 2)), sample_weight_mode="temporal").shape == (4, 5)

    def test_given(self):
        np.testing.assert_array_equal(utils.standardize_weights(self.y, [1, 2, 3, 4]), [1, 2, 3, 4])

    @pytest.mark.parametrize("y", [y, y.argmax(1), y.argmax(1)[:, None]])
    def test_of_classes(self, y):
        found = utils.standardize_weights(y, class_weight={0: 0.5, 1: 2, 2: 3, 7: 1})
        np.testing.assert_allclose(found, [0.5, 2, 3, 2])

    def test_both_multiply(self):
        found = utils.standardize_weights(self.y, np.array([1.0, 2, 3, 4]), {0: 0.5, 1: 2, 2: 3})
        np.testing.assert_allclose(found, [0.5, 4, 9, 8])

    @pytest.mark.parametrize(
        ("y", "kwargs", "message"),
        [
            (y, {"class_weight": {0: 1}}, r"The classes \{1, 2\} exist in the data but not in `class_weight`"),
            (
                np.zeros((2, 3, 4)),
                {"class_weight": {0: 1}},
                "`class_weight` not supported for 3\\+ dimensional targets",
            ),
            (y, {"sample_weight": np.ones((4, 2))}, r"sample_weight array with shape \(4, 2\). .* is a 1D array"),
            (y, {"sample_weight": np.ones(3)}, r"shape \(3,\) for an input with shape \(4, 3\)"),
            (y, {"sample_weight": np.array(["a"] * 4)}, "sample_weight must hold numbers"),
            (y, {"sample_weight_mode": "temporal"}, "need outputs with a time axis: at least 3D"),
            (y, {"sample_weight_mode": "other"}, 'should be None or "temporal". Found: other'),
            (
                np.zeros((2, 3, 4)),
                {"sample_weight_mode": "temporal", "sample_weight": np.ones(2)},
                r"shape \(2,\), but weights per time step are a 2D sample_weight",
            ),
        ],
    )
    def test_bad(self, y, kwargs, message):
        with pytest.raises(ValueError, match=message):
            utils.standardize_weights(y, **kwargs)

    def test_class_weight_of_keras_1_is_ignored(self):
        with pytest.warns(UserWarning, match="is not a dict from class to weight and is ignored: 'auto'"):
            found = utils.standardize_weights(self.y, class_weight="auto")
        np.testing.assert_array_equal(found, np.ones(4))

    def test_of_tensors(self):
        y = K.variable(np.zeros((4, 3)))
        np.testing.assert_array_equal(K.eval(utils.standardize_weights(y)), np.ones(4))
        y = K.variable(np.zeros((4, 3, 2)))
        found = K.eval(utils.standardize_weights(y, sample_weight_mode="temporal"))
        np.testing.assert_array_equal(found, np.ones((4, 3)))
        with pytest.raises(ValueError, match="`class_weight` cannot be used with symbolic targets"):
            utils.standardize_weights(y, class_weight={0: 1})

    def test_per_output(self):
        w = np.ones(4)
        assert utils.standardize_sample_weights(None, ["a", "b"]) == [None, None]
        assert utils.standardize_sample_weights({"b": w}, ["a", "b"]) == [None, w]
        assert utils.standardize_sample_weights([w, None], ["a", "b"]) == [w, None]
        assert utils.standardize_sample_weights(w, ["a"]) == [w]
        assert utils.standardize_sample_weights([w], ["a"]) == [w]
        assert utils.standardize_sample_weights({"a": w}, ["a"]) == [w]
        assert utils.standardize_class_weights({0: 1.0}, ["a"]) == [{0: 1.0}]
        assert utils.standardize_class_weights({"a": {0: 1.0}}, ["a", "b"]) == [{0: 1.0}, None]

    def test_per_output_bad(self):
        with pytest.raises(ValueError, match="was a list of 1 elements, but the model has 2 outputs"):
            utils.standardize_sample_weights([np.ones(4)], ["a", "b"])
        with pytest.raises(
            TypeError, match="has multiple outputs, so `sample_weight` should be either a list or a dict"
        ):
            utils.standardize_sample_weights(np.ones(4), ["a", "b"])
        for names in (["a"], ["a", "b"]):
            with pytest.raises(TypeError, match="`sample_weight` must be an array, a list or a dict, but got a tuple"):
                utils.standardize_sample_weights((np.ones(4), np.ones(4)), names)


class TestMetrics:
    def test_collect(self):
        assert utils.collect_metrics(None, ["a", "b"]) == utils.collect_metrics([], ["a", "b"]) == [[], []]
        assert utils.collect_metrics(["acc"], ["a", "b"]) == [["acc"], ["acc"]]
        assert utils.collect_metrics({"b": "acc"}, ["a", "b"]) == [[], ["acc"]]
        assert utils.collect_metrics([["acc"], ["mae", "mse"]], ["a", "b"]) == [["acc"], ["mae", "mse"]]
        assert utils.collect_metrics(["acc", ["mae"]], ["a", "b"]) == [["acc"], ["mae"]]

    def test_bad(self):
        with pytest.raises(TypeError, match="Expected a list or dictionary, found: acc"):
            utils.collect_metrics("acc", ["a"])
        with pytest.raises(ValueError, match="one entry per model output. The model has 2 outputs"):
            utils.collect_metrics([["acc"]], ["a", "b"])


class TestObjective:
    """The weighted, masked mean against plain loops."""

    def expected(self, score, weights, mask):
        n = len(score)
        values = [
            [score[i][t] * (mask[i][t] if mask is not None else 1) for t in range(len(score[0]))] for i in range(n)
        ]
        if mask is not None:
            mean_mask = sum(map(sum, mask)) / mask.size
            values = [[v / mean_mask for v in row] for row in values]
        if weights is not None and weights.ndim == 1:
            rows = [sum(row) / len(row) for row in values]
            return sum(r * w for r, w in zip(rows, weights)) / n / (sum(w != 0 for w in weights) / n)
        if weights is not None:
            flat = [v * w for row, ws in zip(values, weights) for v, w in zip(row, ws)]
            return sum(flat) / len(flat) / (sum(w != 0 for w in weights.ravel()) / weights.size)
        return sum(map(sum, values)) / score.size

    @pytest.mark.parametrize("masked", [False, True])
    @pytest.mark.parametrize("weight", [None, 1, 2])
    def test_value(self, masked, weight):
        r = np.random.RandomState(0)
        t, p = r.rand(4, 5, 3), r.rand(4, 5, 3)
        score = np.abs(t - p).mean(-1)
        mask = (r.rand(4, 5) > 0.4).astype(float) if masked else None
        weights = None if weight is None else r.rand(4) if weight == 1 else r.rand(4, 5)
        if weights is not None:
            weights[1] = 0
        objective = utils.weighted_masked_objective(losses.mean_absolute_error)
        tensors = [None if v is None else K.variable(v) for v in (t, p, weights, mask)]
        found = objective(*tensors[:3], mask=tensors[3])
        assert float(K.eval(found)) == pytest.approx(self.expected(score, weights, mask), rel=1e-5)

    def test_no_function(self):
        assert utils.weighted_masked_objective(None) is None


class TestFeeds:
    def feeds(self, *values):
        return Feeds(list(values), [K.placeholder((None, 2)) for _ in values])

    def read(self, feeds, ids):
        return [x.read() if hasattr(x, "read") else x for x in feeds.rows(ids)]

    @pytest.mark.parametrize("ids", [slice(1, 4), np.array([3, 0, 2]), np.array([2, 3, 4])])
    def test_every_source_gives_the_same_rows(self, ids, tmp_path):
        h5py = pytest.importorskip("h5py")
        sparse = pytest.importorskip("scipy.sparse")
        from gpukeras.utils import HDF5Matrix

        x = np.arange(12.0).reshape(6, 2)
        with h5py.File(tmp_path / "f.h5", "w") as f:
            f["x"] = x
        memory = np.memmap(tmp_path / "m", dtype="float64", mode="w+", shape=(6, 2))
        memory[:] = x
        with h5py.File(tmp_path / "f.h5") as f:
            sources = [x, memory, sparse.coo_matrix(x), f["x"], HDF5Matrix(str(tmp_path / "f.h5"), "x")]
            for found in self.read(self.feeds(*sources), ids):
                np.testing.assert_array_equal(found, x[ids])
            for found in self.feeds(*sources).whole():
                np.testing.assert_array_equal(found, x)
        HDF5Matrix.refs.clear()

    def test_converted_once(self):
        feeds = self.feeds(np.zeros((6, 2)))
        assert feeds.rows(slice(0, 2))[0].array.dtype == "float32"
        assert feeds.rows(slice(0, 2))[0].array is feeds.rows(slice(2, 4))[0].array

    def test_right_dtype_is_not_copied(self):
        x = np.zeros((6, 2), "float32")
        assert self.feeds(x).rows(slice(0, 2))[0].array is x

    def test_numbers_stay(self):
        feeds = Feeds([np.zeros((6, 2)), 1.0], [K.placeholder((None, 2))])
        assert feeds.rows(slice(0, 2))[1] == 1.0 and feeds.whole()[1] == 1.0

    def test_symbolic(self):
        counter = K.variable(np.ones((2, 2)))
        feeds = self.feeds(counter * 2.0, np.zeros((3, 2)))
        np.testing.assert_array_equal(feeds.whole()[0], np.full((2, 2), 2))
        K.set_value(counter, np.full((2, 2), 5.0))
        np.testing.assert_array_equal(feeds.whole()[0], np.full((2, 2), 10))
        with pytest.raises(ValueError, match="cannot be cut into batches"):
            feeds.rows(slice(0, 1))
