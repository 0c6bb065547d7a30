"""Sequences: padding, skip-grams, windows over time series."""

import json
import random

import numpy as np

from ..utils.data_utils import Sequence

__all__ = [
    "TimeseriesGenerator",
    "make_sampling_table",
    "pad_sequences",
    "skipgrams",
    "timeseries_generator_from_json",
]


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Brings sequences to one length and stacks them.

    Arguments:
        sequences: list of N sequences, each a list of numbers or of arrays of one shape.
        maxlen: int, the common length; None for that of the longest sequence.
        dtype: type of the result; `object` for strings of any length.
        padding: 'pre' or 'post', the side where short sequences are filled up.
        truncating: 'pre' or 'post', the side where long sequences lose elements.
        value: number or string to fill up with.

    Returns:
        Array of shape (N, maxlen) or (N, maxlen, ...).

    Raises:
        ValueError: for elements that are no sequences or whose shapes differ, and for other words than 'pre', 'post'.
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"`sequences` must be iterable: a list of sequences was expected, got {type(sequences).__name__}."
        )
    lengths = []
    for x in sequences:
        if not hasattr(x, "__len__"):
            raise ValueError(
                f"`sequences` must be a list of iterables. Found non-iterable: {x}; "
                "for a single sequence pass [sequence]."
            )
        lengths.append(len(x))
    for what, side in (("Padding", padding), ("Truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"{what} type {side!r} not understood; it is 'pre' or 'post'.")
    if isinstance(value, str) and np.dtype(dtype).kind not in "OU":
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}\n"
            "Use `dtype=object` for strings of any length."
        )
    if maxlen is None:
        maxlen = max(lengths, default=0)
    sample_shape = next((np.shape(x)[1:] for x in sequences if len(x)), ())
    padded = np.full((len(sequences), maxlen) + sample_shape, value, dtype=dtype)
    for i, x in enumerate(sequences):
        if not lengths[i] or not maxlen:
            continue
        kept = np.asarray(x[-maxlen:] if truncating == "pre" else x[:maxlen], dtype=dtype)
        if kept.shape[1:] != sample_shape:
            raise ValueError(
                f"Shape of sample {kept.shape[1:]} of sequence at position {i} is different from "
                f"expected shape {sample_shape}"
            )
        if padding == "post":
            padded[i, : len(kept)] = kept
        else:
            padded[i, maxlen - len(kept) :] = kept
    return padded


def make_sampling_table(size, sampling_factor=1e-5):
    """Gives, for words ordered by frequency, the probability of keeping each in `skipgrams`.

    Frequencies are taken to follow Zipf's law, for which rank * (log(rank) + gamma) + 1/2 - 1/(12 rank) approximates
    the inverse of the frequency of a rank; a word is kept with probability min(1, sqrt(factor / frequency)).

    Arguments:
        size: int, number of words.
        sampling_factor: float; the smaller, the rarer frequent words are kept.

    Returns:
        Array of shape (size,); element i belongs to the i-th most frequent word.

    Source:
        Mikolov et al., Distributed Representations of Words and Phrases and their Compositionality, 2013.
    """
    euler_gamma = 0.577
    rank = np.arange(size)
    rank[:1] = 1  # index 0 is no word
    inverse_frequency = rank * (np.log(rank) + euler_gamma) + 0.5 - 1.0 / (12.0 * rank)
    f = sampling_factor * inverse_frequency
    return np.minimum(1.0, f / np.sqrt(f))


def skipgrams(
    sequence,
    vocabulary_size,
    window_size=4,
    negative_samples=1.0,
    shuffle=True,
    categorical=False,
    sampling_table=None,
    seed=None,
):
    """Makes pairs of words: those that stand near each other (label 1), and random ones (label 0).

    The drawing follows Python's `random` module: `random.seed` makes it reproducible.

    Arguments:
        sequence: list of word numbers; 0 is no word and is left out.
        vocabulary_size: int, one more than the greatest word number.
        window_size: int, greatest distance within a pair.
        negative_samples: float, random pairs per true pair; 0 for none.
        shuffle: bool, whether to mix the pairs.
        categorical: bool, whether labels are [1, 0] (random) and [0, 1] (true) instead of 0 and 1.
        sampling_table: array of probabilities of keeping a word, see `make_sampling_table`.
        seed: int for the shuffling.

    Returns:
        List of pairs [word, other word], and the list of their labels.

    Source:
        Mikolov et al., Efficient Estimation of Word Representations in Vector Space, 2013.
    """
    couples, labels = [], []
    true, false = ([0, 1], [1, 0]) if categorical else (1, 0)
    for i, word in enumerate(sequence):
        if not word:
            continue
        if sampling_table is not None and sampling_table[word] < random.random():
            continue
        first = max(0, i - window_size)
        last = min(len(sequence), i + window_size + 1)
        near = [sequence[j] for j in range(first, last) if j != i and sequence[j]]
        couples += [[word, other] for other in near]
        labels += [true] * len(near)
    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [false] * count
    if shuffle:
        if seed is None:
            seed = random.randint(0, 10_000_000)
        # One seed for both, so that labels stay with their pairs.
        random.seed(seed)
        random.shuffle(couples)
        random.seed(seed)
        random.shuffle(labels)
    return couples, labels


def _remove_long_seq(maxlen, seq, label):
    """Leaves out the sequences of `maxlen` elements or more, with their labels."""
    kept = [(x, y) for x, y in zip(seq, label) if len(x) < maxlen]
    return [x for x, _ in kept], [y for _, y in kept]


class TimeseriesGenerator(Sequence):
    """Batches of windows over a time series, each with the target at the step after its end.

    Arguments:
        data: array or list of T steps.
        targets: array or list of T targets.
        length: int, steps that a window spans.
        sampling_rate: int; a window holds every `sampling_rate`-th step.
        stride: int, steps between the starts of successive windows.
        start_index: int, first step that is used.
        end_index: int, last step that is used; None for the last of all.
        shuffle: bool, whether windows are drawn at random (with `numpy.random`) instead of in order.
        reverse: bool, whether a window's steps run backwards in time.
        batch_size: int, windows in a batch (the last may have fewer).

    Raises:
        ValueError: when `data` and `targets` differ in length, or no window fits.
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
    ):
        if len(data) != len(targets):
            raise ValueError(
                "Data and targets have to be of same length. "
                f"Data length is {len(data)} while target length is {len(targets)}"
            )
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        # The first step that can be a target.
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is disallowed: no step "
                "is left to predict; choose a smaller `length`."
            )

    def __len__(self):
        span = self.batch_size * self.stride
        return (self.end_index - self.start_index + span) // span

    def __getitem__(self, index):
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            end = min(first + self.batch_size * self.stride, self.end_index + 1)
            rows = np.arange(first, end, self.stride)
        samples = self._windows(rows)
        targets = _positional(self.targets)
        targets = targets[rows] if isinstance(targets, np.ndarray) else np.asarray([targets[i] for i in rows.tolist()])
        if self.reverse:
            samples = samples[:, ::-1]
        return samples, targets

    def _windows(self, rows):
        data = _positional(self.data)
        if isinstance(data, np.ndarray):
            steps = np.arange(-self.length, 0, self.sampling_rate)
            return data[rows[:, None] + steps[None, :]]
        # A list, or a file that is read as it is asked for: window by window.
        return np.asarray([data[row - self.length : row : self.sampling_rate] for row in rows.tolist()])

    def get_config(self):
        """Gives the settings and the data.

        Returns:
            dict of the constructor's arguments, `data` and `targets` as JSON strings. `start_index` is the attribute's
            value, which includes `length`.

        Raises:
            TypeError: when the data cannot be written as JSON.
        """
        return {
            "data": _as_json("Data", self.data),
            "targets": _as_json("Targets", self.targets),
            "length": self.length,
            "sampling_rate": self.sampling_rate,
            "stride": self.stride,
            "start_index": self.start_index,
            "end_index": self.end_index,
            "shuffle": self.shuffle,
            "reverse": self.reverse,
            "batch_size": self.batch_size,
        }

    def to_json(self, **kwargs):
        """Writes settings and data as JSON, for `timeseries_generator_from_json`.

        Arguments:
            **kwargs: for `json.dumps`.

        Returns:
            str.
        """
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def timeseries_generator_from_json(json_string):
    """Rebuilds what `TimeseriesGenerator.to_json` wrote.

    Arguments:
        json_string: str.

    Returns:
        `TimeseriesGenerator` with the same batches; its data are arrays.
    """
    config = dict(json.loads(json_string)["config"])
    config["data"] = np.asarray(json.loads(config["data"]))
    config["targets"] = np.asarray(json.loads(config["targets"]))
    # The stored value is that of the attribute, see get_config.
    config["start_index"] -= config["length"]
    return TimeseriesGenerator(**config)


def _positional(values):
    """`values`, or the array behind a pandas object, whose indices may be labels."""
    return values.to_numpy() if hasattr(values, "iloc") else values


def _as_json(name, values):
    """`values` as a JSON string."""
    try:
        return json.dumps(values.tolist() if isinstance(values, (np.ndarray, np.generic)) else values)
    except (TypeError, ValueError):
        raise TypeError(f"{name} not JSON Serializable: {values!r}") from None
