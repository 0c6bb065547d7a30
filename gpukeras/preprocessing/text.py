"""Text: words and characters as numbers."""

import json
import warnings
from collections import Counter, OrderedDict, defaultdict
from hashlib import md5

import numpy as np

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

_PUNCTUATION = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(text, filters=_PUNCTUATION, lower=True, split=" "):
    """Splits a text into words.

    Arguments:
        text: str.
        filters: str or list of characters that separate words as `split` does.
        lower: bool, whether to turn the text to lower case.
        split: str between words.

    Returns:
        List of str, without empty ones.
    """
    if lower:
        text = text.lower()
    text = text.translate({ord(c): split for c in filters})
    return [word for word in text.split(split) if word]


def one_hot(text, n, filters=_PUNCTUATION, lower=True, split=" "):
    """Gives every word of a text a number by Python's `hash`, which differs from run to run.

    Arguments:
        text: str.
        n: int, numbers are below it.
        filters: see `text_to_word_sequence`.
        lower: see `text_to_word_sequence`.
        split: see `text_to_word_sequence`.

    Returns:
        List of int from 1 to n - 1; different words may share one.
    """
    return hashing_trick(text, n, hash_function=hash, filters=filters, lower=lower, split=split)


def hashing_trick(text, n, hash_function=None, filters=_PUNCTUATION, lower=True, split=" "):
    """Gives every word of a text a number by a hash function.

    Arguments:
        text: str.
        n: int, numbers are below it.
        hash_function: function from str to int; None for Python's `hash`, which differs from run to run; 'md5' for
            one that does not.
        filters: see `text_to_word_sequence`.
        lower: see `text_to_word_sequence`.
        split: see `text_to_word_sequence`.

    Returns:
        List of int from 1 to n - 1; different words may share one.
    """
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    words = text_to_word_sequence(text, filters=filters, lower=lower, split=split)
    # 0 stays free for padding.
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word):
    return int(md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers the words of a set of texts, most frequent first, and turns texts into numbers or vectors.

    Number 0 is never given; with `oov_token`, number 1 stands for all words that have no number.

    Arguments:
        num_words: int, only numbers below it are used; None for no limit.
        filters: see `text_to_word_sequence`; only for texts given as str.
        lower: bool, whether to turn texts to lower case.
        split: str between words.
        char_level: bool, whether characters count as words.
        oov_token: str that stands for unknown words, or None to leave them out.
        document_count: int, number of texts seen so far.

    Attributes:
        word_counts: how often each word came.
        word_docs: in how many texts each word came.
        index_docs: in how many texts each number came.
        word_index: number of each word.
        index_word: word of each number.
        document_count: int, number of texts seen.

    Raises:
        TypeError: for unknown keywords.
    """

    def __init__(
        self,
        num_words=None,
        filters=_PUNCTUATION,
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        document_count=0,
        **kwargs,
    ):
        if "nb_words" in kwargs:
            warnings.warn("The `nb_words` argument in `Tokenizer` has been renamed `num_words`.", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        self.word_counts = OrderedDict()
        self.word_docs = defaultdict(int)
        self.filters = filters
        self.split = split
        self.lower = lower
        self.num_words = num_words
        self.document_count = document_count
        self.char_level = char_level
        self.oov_token = oov_token
        self.index_docs = defaultdict(int)
        self.word_index = {}
        self.index_word = {}

    def _words(self, text):
        """The words of one text: a str, or a list of words."""
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text
            return [word.lower() for word in text] if isinstance(text, list) else text.lower()
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts):
        """Counts and numbers the words of texts; may be called again with more.

        Arguments:
            texts: iterable of str, or of lists of words.
        """
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        # Sorting is stable: words of one count keep the order of their first coming.
        ranked = sorted(self.word_counts, key=self.word_counts.get, reverse=True)
        if self.oov_token is not None:
            ranked.insert(0, self.oov_token)
        self.word_index = {word: i for i, word in enumerate(ranked, 1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences):
        """Counts texts that are numbers already; needed before 'tfidf' when `fit_on_texts` was not called.

        Arguments:
            sequences: list of lists of int.
        """
        self.document_count += len(sequences)
        for sequence in sequences:
            for i in set(sequence):
                self.index_docs[i] += 1

    def texts_to_sequences(self, texts):
        """Turns texts into lists of numbers.

        Arguments:
            texts: iterable of str, or of lists of words.

        Returns:
            List of lists of int.
        """
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts):
        """Turns texts into lists of numbers, one at a time.

        Arguments:
            texts: iterable of str, or of lists of words.

        Returns:
            Generator of lists of int.
        """
        unknown = self.word_index.get(self.oov_token)
        for text in texts:
            numbers = []
            for word in self._words(text):
                i = self.word_index.get(word)
                if i is None or (self.num_words and i >= self.num_words):
                    i = unknown
                if i is not None:
                    numbers.append(i)
            yield numbers

    def sequences_to_texts(self, sequences):
        """Turns lists of numbers back into texts.

        Arguments:
            sequences: iterable of lists of int.

        Returns:
            List of str, words joined by spaces.
        """
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences):
        """Turns lists of numbers back into texts, one at a time.

        Arguments:
            sequences: iterable of lists of int.

        Returns:
            Generator of str, words joined by spaces.
        """
        unknown = self.index_word.get(self.word_index.get(self.oov_token))
        for sequence in sequences:
            words = []
            for i in sequence:
                word = self.index_word.get(i)
                if word is None or (self.num_words and i >= self.num_words):
                    word = unknown
                if word is not None:
                    words.append(word)
            yield " ".join(words)

    def texts_to_matrix(self, texts, mode="binary"):
        """Turns texts into vectors with one element per word.

        Arguments:
            texts: iterable of str, or of lists of words.
            mode: 'binary', 'count', 'tfidf' or 'freq', see `sequences_to_matrix`.

        Returns:
            Array of shape (number of texts, number of words).
        """
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences, mode="binary"):
        """Turns lists of numbers into vectors with one element per number.

        Arguments:
            sequences: list of lists of int.
            mode: 'binary' (1 where the number occurs), 'count', 'freq' (count / length), or 'tfidf'
                ((1 + log count) * log(1 + texts / (1 + texts with the number))).

        Returns:
            Array of shape (number of lists, `num_words`, or number of words + 1 without it).

        Raises:
            ValueError: for another mode, or when the width or the counts of texts are not known.
        """
        if mode not in ("binary", "count", "tfidf", "freq"):
            raise ValueError("Unknown vectorization mode:", mode)
        width = self.num_words
        if not width:
            if not self.word_index:
                raise ValueError("Specify a dimension (num_words argument), or fit on some text data first.")
            width = len(self.word_index) + 1
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Fit the Tokenizer on some data before using tfidf mode.")
        matrix = np.zeros((len(sequences), width))
        for row, sequence in zip(matrix, sequences):
            counts = Counter(i for i in sequence if i < width)
            if not counts:
                continue
            numbers = list(counts)
            count = np.array(list(counts.values()), dtype=float)
            if mode == "binary":
                row[numbers] = 1
            elif mode == "count":
                row[numbers] = count
            elif mode == "freq":
                row[numbers] = count / len(sequence)
            else:
                texts = np.array([self.index_docs.get(i, 0) for i in numbers])
                row[numbers] = (1 + np.log(count)) * np.log(1 + self.document_count / (1 + texts))
        return matrix

    def get_config(self):
        """Gives settings and counts.

        Returns:
            dict; the tables of words are JSON strings.
        """
        return {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            "word_counts": json.dumps(self.word_counts),
            "word_docs": json.dumps(self.word_docs),
            "index_docs": json.dumps(self.index_docs),
            "index_word": json.dumps(self.index_word),
            "word_index": json.dumps(self.word_index),
        }

    def to_json(self, **kwargs):
        """Writes settings and counts as JSON, for `tokenizer_from_json`.

        Arguments:
            **kwargs: for `json.dumps`.

        Returns:
            str.
        """
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string):
    """Rebuilds what `Tokenizer.to_json` wrote.

    Arguments:
        json_string: str.

    Returns:
        `Tokenizer`.
    """
    config = dict(json.loads(json_string)["config"])
    tables = {
        name: json.loads(config.pop(name))
        for name in ("word_counts", "word_docs", "word_index", "index_docs", "index_word")
    }
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = OrderedDict(tables["word_counts"])
    tokenizer.word_docs = defaultdict(int, tables["word_docs"])
    tokenizer.word_index = tables["word_index"]
    # Keys of JSON objects are strings.
    tokenizer.index_docs = defaultdict(int, {int(i): n for i, n in tables["index_docs"].items()})
    tokenizer.index_word = {int(i): word for i, word in tables["index_word"].items()}
    return tokenizer
