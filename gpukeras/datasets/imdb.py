"""IMDB: 50,000 film reviews as word ranks, labelled by sentiment (A. L. Maas and others, ACL 2011)."""

import numpy as np

from . import _sequences as seq


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    **kwargs,
):
    """Loads the IMDB reviews, 25,000 for training and 25,000 for testing.

    Arguments:
        path: str, the file's name in `~/.keras/datasets` or the absolute path of a copy.
        num_words: int, words of this index and above become `oov_char`; None keeps all.
        skip_top: int, words below this index become `oov_char`.
        maxlen: int, only reviews shorter than this are returned, each in its own part; None returns all.
        seed: int, decides the order of the reviews.
        start_char: int, put before every review; None for nothing.
        oov_char: int, stands for words left out; None drops them instead.
        index_from: int, added to every word's rank.

    Returns:
        Tuple `(x_train, y_train), (x_test, y_test)`: object arrays of lists of ints, and labels, ints of
        shape `(n,)`, 1 for a positive review.

    Raises:
        ValueError: if `maxlen` is so small that no review is left.
        TypeError: for unknown keywords.
    """
    num_words = seq.read_legacy_keywords("imdb.load_data", num_words, kwargs)
    names = ["x_train", "y_train", "x_test", "y_test"]
    x_train, y_train, x_test, y_test = seq.read_arrays("imdb.npz", path, names)
    # A generator of its own: loading data must not reseed the caller's.
    generator = np.random.RandomState(seed)
    parts = [seq.shuffled(x_train, y_train, generator), seq.shuffled(x_test, y_test, generator)]
    settings = {
        "num_words": num_words,
        "skip_top": skip_top,
        "maxlen": maxlen,
        "start_char": start_char,
        "oov_char": oov_char,
        "index_from": index_from,
    }
    return tuple(seq.encode("imdb.load_data", parts, settings))


def get_word_index(path="imdb_word_index.json"):
    """Loads the vocabulary.

    Arguments:
        path: str, the file's name in `~/.keras/datasets` or the absolute path of a copy.

    Returns:
        Dict from word to its rank by frequency, counted from 1.
    """
    return seq.read_word_index("imdb_word_index.json", path)
