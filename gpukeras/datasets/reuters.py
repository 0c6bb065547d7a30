"""Reuters: 11,228 newswires as word ranks, labelled with one of 46 topics (D. D. Lewis, Reuters-21578)."""

import numpy as np

from . import _sequences as seq


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """Loads the Reuters newswires.

    Arguments:
        path: str, the file's name in `~/.keras/datasets` or the absolute path of a copy.
        num_words: int, words of this index and above become `oov_char`; None keeps all.
        skip_top: int, words below this index become `oov_char`.
        maxlen: int, only newswires shorter than this are returned; None returns all.
        test_split: float, the fraction of the newswires in the test part.
        seed: int, decides the shuffle before the split.
        start_char: int, put before every newswire; None for nothing.
        oov_char: int, stands for words left out; None drops them instead.
        index_from: int, added to every word's rank.

    Returns:
        Tuple `(x_train, y_train), (x_test, y_test)`: object arrays of lists of ints, and labels, ints of
        shape `(n,)` with values 0 to 45.

    Raises:
        ValueError: if `maxlen` is so small that no newswire is left.
        TypeError: for unknown keywords.
    """
    num_words = seq.read_legacy_keywords("reuters.load_data", num_words, kwargs)
    sequences, labels = seq.read_arrays("reuters.npz", path, ["x", "y"])
    settings = {
        "num_words": num_words,
        "skip_top": skip_top,
        "maxlen": maxlen,
        "start_char": start_char,
        "oov_char": oov_char,
        "index_from": index_from,
    }
    part = seq.shuffled(sequences, labels, np.random.RandomState(seed))
    ((x, y),) = seq.encode("reuters.load_data", [part], settings)
    split = int(len(x) * (1 - test_split))
    return (x[:split], y[:split]), (x[split:], y[split:])


def get_word_index(path="reuters_word_index.json"):
    """Loads the vocabulary.

    Arguments:
        path: str, the file's name in `~/.keras/datasets` or the absolute path of a copy.

    Returns:
        Dict from word to its rank by frequency, counted from 1.
    """
    return seq.read_word_index("reuters_word_index.json", path)
