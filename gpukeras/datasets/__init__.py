"""Small data sets: the shipped handwritten digits, and Keras' own, fetched on first use."""

from . import boston_housing, cifar10, cifar100, digits, fashion_mnist, imdb, mnist, reuters
