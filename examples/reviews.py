"""Film reviews for the text examples: the IMDB data set, or, for a quick run, made-up ones."""

import numpy as np

from gpukeras.datasets import imdb
from gpukeras.preprocessing import sequence


def load(max_features, maxlen, quick=False):
    """Returns ((x_train, y_train), (x_test, y_test)): integer arrays (n, maxlen) padded in front, labels 0 and 1.

    Arguments:
        max_features: int, words are numbered below this.
        maxlen: int, longer reviews lose their beginning.
        quick: bool, make reviews up instead of downloading the data.
    """
    if quick:
        (x_train, y_train), (x_test, y_test) = made_up(max_features, maxlen)
    else:
        (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=max_features)
    x_train = sequence.pad_sequences(x_train, maxlen=maxlen)
    x_test = sequence.pad_sequences(x_test, maxlen=maxlen)
    return (x_train, y_train), (x_test, y_test)


def made_up(max_features, maxlen, n_train=400, n_test=100):
    """Reviews of neutral words with a few kind or unkind ones; a 'not' before an opinion turns it around.

    Words 1 to 9 are kind, 10 to 19 unkind, 20 is 'not', the rest means nothing.
    """
    rng = np.random.RandomState(0)
    reviews, labels = [], []
    for _ in range(n_train + n_test):
        label = rng.randint(2)
        words = list(rng.randint(21, max_features, rng.randint(maxlen // 2, maxlen)))
        for _ in range(3):
            place = rng.randint(len(words))
            turned = rng.rand() < 0.2
            kind = bool(label) != turned
            opinion = rng.randint(1, 10) if kind else rng.randint(10, 20)
            words[place : place + 1] = [20, opinion] if turned else [opinion]
        reviews.append(words)
        labels.append(label)
    labels = np.array(labels)
    return (reviews[:n_train], labels[:n_train]), (reviews[n_train:], labels[n_train:])
