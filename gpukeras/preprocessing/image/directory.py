"""Batches of images from a folder with one subfolder per class."""

import os
import warnings

import numpy as np

from ... import backend as K
from .iterators import Iterator

__all__ = ["DirectoryIterator"]

_ENDINGS = frozenset({"png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff"})
_CLASS_MODES = ("categorical", "binary", "sparse", "input", None)


class DirectoryIterator(Iterator):
    """Batches of images from files; see `ImageDataGenerator.flow_from_directory`.

    Arguments:
        directory: path of a folder with one subfolder per class; images may lie deeper.
        image_data_generator: `ImageDataGenerator`.
        target_size: (height, width) that images are resized to.
        color_mode: 'grayscale', 'rgb' or 'rgba'.
        classes: list of the subfolders to use, in the order of their labels; None for all, sorted.
        class_mode: 'categorical', 'binary', 'sparse', 'input' or None: what goes along with the images.
        batch_size: int.
        shuffle: bool.
        seed: int, or None.
        data_format: 'channels_last' or 'channels_first'; None for the configured one.
        save_to_dir: folder for the augmented images, or None.
        save_prefix: str, start of their names.
        save_format: str, their format.
        follow_links: bool, whether to go into folders through symbolic links.
        subset: 'training', 'validation' or None, of the generator's `validation_split`.
        interpolation: see `load_img`.
        dtype: type of the batches; None for `K.floatx()`.

    Attributes:
        class_indices: dict from a class's name to its number.
        classes: int32 array (n,), the number of each image.
        filenames: list of paths below `directory`.

    Raises:
        ValueError: for an unknown `class_mode`, `color_mode` or `subset`.
    """

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        dtype=None,
    ):
        data_format = K.image_data_format() if data_format is None else data_format
        self.common_init(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
        )
        if class_mode not in _CLASS_MODES:
            raise ValueError(
                f"Invalid class_mode: {class_mode!r}; expected 'categorical', 'binary', 'sparse', 'input' or None."
            )
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = K.floatx() if dtype is None else dtype
        if not classes:
            classes = sorted(name for name in os.listdir(directory) if os.path.isdir(os.path.join(directory, name)))
        self.num_classes = len(classes)
        self.class_indices = dict(zip(classes, range(len(classes))))
        self.filenames = []
        labels = []
        for name in classes:
            paths = _split(_image_paths(os.path.join(directory, name), follow_links), self.split)
            self.filenames += [os.path.join(name, path) for path in paths]
            labels += [self.class_indices[name]] * len(paths)
        self.classes = np.array(labels, dtype="int32")
        self.samples = len(self.filenames)
        print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        super().__init__(self.samples, batch_size, shuffle, seed)


def _image_paths(folder, follow_links):
    """Paths, relative to `folder`, of the images in it and below it: folder by folder, names sorted."""
    found = []
    for place, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda entry: entry[0]):
        below = os.path.relpath(place, folder)
        for name in sorted(names):
            ending = os.path.splitext(name)[1][1:].lower()
            if ending not in _ENDINGS:
                continue
            if ending == "tiff":
                warnings.warn(
                    "A file ends in '.tiff': with more than 8 bits per channel it is cut to 8 bits.", stacklevel=4
                )
            found.append(name if below == os.curdir else os.path.join(below, name))
    return found


def _split(paths, split):
    """The part of `paths` between two fractions of their number."""
    if not split:
        return paths
    start, stop = (int(fraction * len(paths)) for fraction in split)
    return paths[start:stop]
