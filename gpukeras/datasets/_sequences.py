"""What IMDB and Reuters share: word indices shifted, cut to a vocabulary and to a length."""

import json
import pickle
import warnings
import zipfile

import numpy as np

from ._files import locate
from ._pickles import PlainUnpickler


def read_legacy_keywords(function, num_words, kwargs):
    """Accepts Keras 1's `nb_words` and refuses every other keyword.

    Returns:
        The number of words to keep, or None.
    """
    if "nb_words" in kwargs:
        warnings.warn(f"{function}: 'nb_words' is now called 'num_words'", stacklevel=3)
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise TypeError(f"{function}: unknown keyword arguments {sorted(kwargs)}")
    return num_words


def _read_array(stream):
    """One .npy file of an archive."""
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    if dtype.hasobject:
        return PlainUnpickler(stream).load().reshape(shape)
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def read_arrays(file, path, names):
    """Reads the named arrays of a data set's .npz file; its sequences are pickled lists of ints."""
    located = locate(file, path)
    found = []
    with zipfile.ZipFile(located) as archive:
        for name in names:
            try:
                with archive.open(name + ".npy") as stream:
                    found.append(_read_array(stream))
            except (KeyError, pickle.UnpicklingError) as error:
                raise ValueError(f"{located}: array {name!r} cannot be read: {error}") from error
    return found


def read_word_index(file, path):
    """Reads a vocabulary, the dict from word to rank."""
    with open(locate(file, path), encoding="utf-8") as stream:
        return json.load(stream)


def shuffled(sequences, labels, generator):
    """Returns both in an order drawn from `generator`, an `np.random.RandomState`."""
    order = np.arange(len(sequences))
    generator.shuffle(order)
    return [sequences[i] for i in order], np.asarray(labels)[order]


def encode(function, parts, settings):
    """Applies the vocabulary and length settings of `load_data`.

    Arguments:
        function: str, the caller's name for messages.
        parts: list of `(sequences, labels)`, for example the training and the test part. One vocabulary size,
            that of all parts together, holds where `num_words` is None.
        settings: dict of `num_words`, `skip_top`, `maxlen`, `start_char`, `oov_char` and `index_from`.

    Returns:
        List of `(object array of lists, labels)`, one per part.

    Raises:
        ValueError: if no sequence is shorter than `maxlen`.
    """
    parts = [(_shifted(sequences, settings), labels) for sequences, labels in parts]
    maxlen = settings["maxlen"]
    if maxlen:
        parts = [_shorter_than(maxlen, *part) for part in parts]
    lengths = [len(sequences) for sequences, _ in parts]
    if not any(lengths):
        raise ValueError(f"{function}: no sequence is shorter than maxlen={maxlen}; choose a larger maxlen")
    num_words = settings["num_words"]
    if not num_words:
        num_words = max(max(sequence) for sequences, _ in parts for sequence in sequences)
    limits = settings["skip_top"], num_words, settings["oov_char"]
    return [(object_array(_limited(sequences, *limits)), labels) for sequences, labels in parts]


def _shifted(sequences, settings):
    """Adds `index_from` to every word and puts `start_char` in front."""
    prefix = [] if settings["start_char"] is None else [settings["start_char"]]
    offset = settings["index_from"] or 0
    return [prefix + [word + offset for word in sequence] for sequence in sequences]


def _shorter_than(maxlen, sequences, labels):
    keep = [i for i, sequence in enumerate(sequences) if len(sequence) < maxlen]
    return [sequences[i] for i in keep], labels[keep]


def _limited(sequences, skip_top, num_words, oov_char):
    """Replaces words outside [skip_top, num_words) by `oov_char`, or drops them where that is None."""
    if oov_char is None:
        return [[w for w in sequence if skip_top <= w < num_words] for sequence in sequences]
    return [[w if skip_top <= w < num_words else oov_char for w in sequence] for sequence in sequences]


def object_array(sequences):
    """Returns a 1-D object array of lists, also where all lists happen to have one length."""
    out = np.empty(len(sequences), dtype=object)
    out[:] = sequences
    return out
