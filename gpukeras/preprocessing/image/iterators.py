"""Endless batches of images: the base class, and images in arrays."""

import os
import threading
import warnings

import numpy as np

from ... import backend as K
from ...utils.data_utils import Sequence
from .files import img_to_array, load_img, save_img, working_dtype

__all__ = ["Iterator", "NumpyArrayIterator"]

_COLOR_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


class Iterator(Sequence):
    """Base class of iterators over images: a `Sequence` that can also be looped over without end.

    With a `seed`, batch number b is made after `numpy.random.seed(seed + b)`.

    Arguments:
        n: int, number of images.
        batch_size: int.
        shuffle: bool, whether each epoch has an order of its own.
        seed: int, or None.
    """

    def __init__(self, n, batch_size, shuffle, seed):
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array = None
        self.index_generator = self._flow_index()

    def __getstate__(self):
        # Worker processes get a copy by pickling; locks and generators cannot go along.
        state = dict(self.__dict__)
        del state["lock"], state["index_generator"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed_batch(self):
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def _prepare_workers(self):
        """Draws the order of the first epoch, of which worker processes get copies."""
        if self.index_array is None:
            self._seed_batch()
            self._set_index_array()

    def __len__(self):
        return (self.n + self.batch_size - 1) // self.batch_size

    def __getitem__(self, idx):
        if idx >= len(self):
            raise ValueError(f"Asked to retrieve element {idx}, but the Sequence has length {len(self)}")
        # One thread at a time: two that both found no order would draw two.
        with self.lock:
            self._seed_batch()
            self.total_batches_seen += 1
            if self.index_array is None:
                self._set_index_array()
        chosen = self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)]
        return self._get_batches_of_transformed_samples(chosen)

    def on_epoch_end(self):
        """Draws the order of the next epoch."""
        self._set_index_array()

    def reset(self):
        """Lets the next batch be the first of an epoch."""
        self.batch_index = 0

    def _flow_index(self):
        """Positions of the images of successive batches, without end."""
        self.reset()
        while True:
            if not self.n:
                raise ValueError("There are no images to iterate over; look at the path and the files' endings.")
            self._seed_batch()
            if self.batch_index == 0:
                self._set_index_array()
            start = self.batch_index * self.batch_size % self.n
            if self.n > start + self.batch_size:
                self.batch_index += 1
            else:
                self.batch_index = 0
            self.total_batches_seen += 1
            yield self.index_array[start : start + self.batch_size]

    def __iter__(self):
        return self

    def __next__(self, *args, **kwargs):
        return self.next(*args, **kwargs)

    def next(self):
        """Makes the next batch.

        Returns:
            The batch, see the class.
        """
        # Only the drawing is locked, so that several threads can work on the pixels.
        with self.lock:
            chosen = next(self.index_generator)
        return self._get_batches_of_transformed_samples(chosen)

    def common_init(
        self,
        image_data_generator,
        target_size,
        color_mode,
        data_format,
        save_to_dir,
        save_prefix,
        save_format,
        subset,
        interpolation,
    ):
        """Sets what iterators over files have in common.

        Arguments:
            image_data_generator: `ImageDataGenerator`.
            target_size: (height, width) that images are resized to.
            color_mode: 'grayscale', 'rgb' or 'rgba'.
            data_format: 'channels_last' or 'channels_first'.
            save_to_dir: folder for the augmented images, or None.
            save_prefix: str, start of their names.
            save_format: str, their format.
            subset: 'training', 'validation' or None, of the generator's `validation_split`.
            interpolation: see `load_img`.

        Raises:
            ValueError: for another colour mode or subset.
        """
        if color_mode not in _COLOR_CHANNELS:
            raise ValueError(f"Invalid color mode: {color_mode!r}; expected 'rgb', 'rgba' or 'grayscale'.")
        self.image_data_generator = image_data_generator
        self.target_size = tuple(target_size)
        self.color_mode = color_mode
        self.data_format = data_format
        channels = (_COLOR_CHANNELS[color_mode],)
        if data_format == "channels_last":
            self.image_shape = self.target_size + channels
        else:
            self.image_shape = channels + self.target_size
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        fraction = image_data_generator._validation_split
        if subset is None:
            self.split = None
        elif subset == "validation":
            self.split = (0, fraction)
        elif subset == "training":
            self.split = (fraction, 1)
        else:
            raise ValueError(f"Invalid subset name: {subset!r}; expected 'training' or 'validation'")
        self.subset = subset

    def _get_batches_of_transformed_samples(self, index_array):
        """Reads the images of files, transforms them and adds the labels."""
        batch = np.zeros((len(index_array),) + self.image_shape, dtype=self.dtype)
        for k, i in enumerate(index_array):
            img = load_img(
                os.path.join(self.directory, self.filenames[i]),
                color_mode=self.color_mode,
                target_size=self.target_size,
                interpolation=self.interpolation,
            )
            x = img_to_array(img, data_format=self.data_format, dtype=working_dtype(self.dtype))
            self._augment(x, batch[k])
        self._save(batch, index_array, 10_000_000)
        return self._with_labels(batch, index_array)

    def _augment(self, x, place):
        """Writes the image `x`, transformed and standardised, to `place` in the batch; `x` stays as it is."""
        generator = self.image_data_generator
        x = x.astype(working_dtype(place.dtype), copy=False)
        x = generator.apply_transform(x, generator.get_random_transform(x.shape))
        if x.dtype == place.dtype and x.shape == place.shape:
            # Standardisation works in place, which is quickest in the batch itself.
            place[...] = x
            x = place
        else:
            x = x.copy()
        done = generator.standardize(x)
        if done is not place:
            place[...] = done

    def _save(self, batch, index_array, names):
        """Writes the images of a batch into `save_to_dir`, under names that are random below `names`."""
        if not self.save_to_dir:
            return
        for x, i in zip(batch, index_array):
            name = f"{self.save_prefix}_{i}_{np.random.randint(names)}.{self.save_format}"
            save_img(os.path.join(self.save_to_dir, name), x, self.data_format)

    def _with_labels(self, batch, index_array):
        if self.class_mode == "input":
            return batch, batch.copy()
        if self.class_mode == "sparse":
            return batch, self.classes[index_array]
        if self.class_mode == "binary":
            return batch, self.classes[index_array].astype(self.dtype)
        if self.class_mode == "categorical":
            labels = np.zeros((len(batch), self.num_classes), dtype=self.dtype)
            labels[np.arange(len(batch)), self.classes[index_array]] = 1
            return batch, labels
        if self.class_mode == "other":
            return batch, self.data[index_array]
        return batch


class NumpyArrayIterator(Iterator):
    """Batches of images that are in an array; see `ImageDataGenerator.flow`.

    Arguments:
        x: array of images, rank 4, or a tuple of it and an array, or list of arrays, that go along unchanged.
        y: array of labels, or None.
        image_data_generator: `ImageDataGenerator`.
        batch_size: int.
        shuffle: bool.
        sample_weight: array of weights, or None.
        seed: int, or None.
        data_format: 'channels_last' or 'channels_first'; None for the configured one.
        save_to_dir: folder for the augmented images, or None.
        save_prefix: str, start of their names.
        save_format: str, their format.
        subset: 'training', 'validation' or None, of the generator's `validation_split`.
        dtype: type of the batches; None for `K.floatx()`.

    Raises:
        ValueError: when lengths differ or the images are not of rank 4.
    """

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        dtype=None,
    ):
        data_format = K.image_data_format() if data_format is None else data_format
        self.dtype = K.floatx() if dtype is None else dtype
        x, misc = _split_misc(x)
        for name, other in (("y` (labels)", y), ("sample_weight`", sample_weight)):
            if other is not None and len(x) != len(other):
                raise ValueError(
                    f"`x` (images tensor) and `{name} should have the same length. Found: "
                    f"x.shape = {np.shape(x)}, {name.split('`')[0]}.shape = {np.shape(other)}"
                )
        if subset is not None:
            part = _subset_slice(subset, len(x), image_data_generator._validation_split, y)
            x, misc = x[part], [m[part] for m in misc]
            y = None if y is None else y[part]
            sample_weight = None if sample_weight is None else sample_weight[part]
        self.x = np.asarray(x, dtype=self.dtype)
        self.x_misc = misc
        if self.x.ndim != 4:
            raise ValueError(
                "Input data in `NumpyArrayIterator` should have rank 4. "
                f"You passed an array with shape {self.x.shape}; add axes for the samples and the channels."
            )
        channels = self.x.shape[3 if data_format == "channels_last" else 1]
        if channels not in (1, 3, 4):
            warnings.warn(
                f"Images have 1, 3 or 4 channels; with data_format '{data_format}' an array of shape "
                f"{self.x.shape} has {channels}.",
                stacklevel=2,
            )
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self.image_data_generator = image_data_generator
        self.data_format = data_format
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array):
        batch = np.zeros((len(index_array),) + self.x.shape[1:], dtype=self.dtype)
        for k, i in enumerate(index_array):
            self._augment(self.x[i], batch[k])
        self._save(batch, index_array, 10_000)
        images = [batch] + [m[index_array] for m in self.x_misc] if self.x_misc else batch
        if self.y is None:
            return images
        if self.sample_weight is None:
            return images, self.y[index_array]
        return images, self.y[index_array], self.sample_weight[index_array]


def _split_misc(x):
    """The images, and the list of arrays that go along with them."""
    if not isinstance(x, (tuple, list)) or len(x) != 2 or np.ndim(x[0]) < 4:
        return x, []
    images, misc = x
    misc = [np.asarray(m) for m in misc] if isinstance(misc, list) else [np.asarray(misc)]
    for m in misc:
        if len(m) != len(images):
            raise ValueError(
                f"All of the arrays in `x` need as many rows as there are images, {len(images)}; one has {len(m)}"
            )
    return images, misc


def _subset_slice(subset, n, fraction, y):
    """Which samples belong to the subset: the first ones are those for validation."""
    if subset not in ("training", "validation"):
        raise ValueError(f"Invalid subset name: {subset!r}; expected 'training' or 'validation'.")
    split = int(n * fraction)
    if y is not None and not np.array_equal(np.unique(y[:split]), np.unique(y[split:])):
        raise ValueError(
            "The split leaves other classes for training than for validation; shuffle the arrays first if they "
            "are sorted by label."
        )
    return slice(None, split) if subset == "validation" else slice(split, None)
