"""Small data sets: the shipped handwritten digits, and Keras' own, fetched on first use.

Every file has an official address and a check sum, and is kept in `~/.keras/datasets`. Where an address cannot be
reached, environment variables name another place, a URL or a folder, that has files of the same names:
`GPUKERAS_DATASETS_MIRROR` for all data sets, and with a data set's name at its end (as in
`GPUKERAS_DATASETS_MIRROR_CIFAR10`) for one of them. The check sums hold there too, so a mirror need not be trusted.
"""

from . import boston_housing, cifar10, cifar100, digits, fashion_mnist, imdb, mnist, reuters
