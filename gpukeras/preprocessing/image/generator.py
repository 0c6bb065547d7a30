"""`ImageDataGenerator`: the settings of an augmentation, and the batches made with them."""

import warnings

import numpy as np

from ... import backend as K
from ._optional import linalg
from .dataframe import DataFrameIterator
from .directory import DirectoryIterator
from .files import working_dtype
from .iterators import NumpyArrayIterator
from .transforms import apply_affine_transform, apply_brightness_shift, apply_channel_shift, flip_axis

__all__ = ["ImageDataGenerator"]


class ImageDataGenerator:
    """Makes batches of images with random transformations, anew at every use.

    Per image, in this order: affine transformation, channel shift, flips, brightness, `preprocessing_function`,
    `rescale`, then centring and scaling.

    Arguments:
        featurewise_center: bool, whether to subtract the mean that `fit` found.
        samplewise_center: bool, whether to subtract each image's mean.
        featurewise_std_normalization: bool, whether to divide by the deviation that `fit` found.
        samplewise_std_normalization: bool, whether to divide by each image's deviation.
        zca_whitening: bool, whether to decorrelate the pixels as `fit` found.
        zca_epsilon: float, added to the variances in ZCA.
        rotation_range: float, greatest rotation in degrees.
        width_shift_range: greatest horizontal shift: float below 1, fraction of the width; float from 1, pixels;
            int n, whole pixels below n; list, one of its values, either way.
        height_shift_range: the same vertically.
        brightness_range: (least, greatest) factor, or None.
        shear_range: float, greatest shear angle in degrees.
        zoom_range: (least, greatest) factor, or float z for (1 - z, 1 + z).
        channel_shift_range: float, greatest number added to the channels.
        fill_mode: 'constant', 'nearest', 'reflect' or 'wrap': what stands outside the image.
        cval: float, value outside the image for 'constant'.
        horizontal_flip: bool, whether every second image is mirrored, by chance.
        vertical_flip: bool, whether every second image is turned upside down, by chance.
        rescale: factor for the pixels, or None.
        preprocessing_function: function from an image (array of rank 3) to one of the same shape, or None.
        data_format: 'channels_last' or 'channels_first'; None for the configured one.
        validation_split: float, fraction of the images for `subset='validation'`.
        dtype: type of the batches; None for `K.floatx()`.

    Raises:
        ValueError: for settings outside their range.
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        dtype=None,
    ):
        data_format = K.image_data_format() if data_format is None else data_format
        if data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"`data_format` should be 'channels_last' or 'channels_first', got {data_format!r}")
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"`validation_split` must be strictly between 0 and 1.  Received: {validation_split}")
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.zoom_range = _zoom_limits(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.dtype = K.floatx() if dtype is None else dtype
        self.data_format = data_format
        self._validation_split = validation_split
        first = data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        self.mean = None
        self.std = None
        self.principal_components = None
        self._settle()

    def _settle(self):
        """Switches on what other settings need, and off what they exclude."""
        if self.zca_whitening:
            if not self.featurewise_center:
                self.featurewise_center = True
                warnings.warn("`zca_whitening` needs `featurewise_center`, which is now on.", stacklevel=3)
            if self.featurewise_std_normalization:
                self.featurewise_std_normalization = False
                warnings.warn("`zca_whitening` scales too: `featurewise_std_normalization` is now off.", stacklevel=3)
        if self.featurewise_std_normalization and not self.featurewise_center:
            self.featurewise_center = True
            warnings.warn("`featurewise_std_normalization` needs `featurewise_center`, which is now on.", stacklevel=3)
        if self.samplewise_std_normalization and not self.samplewise_center:
            self.samplewise_center = True
            warnings.warn("`samplewise_std_normalization` needs `samplewise_center`, which is now on.", stacklevel=3)

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
    ):
        """Makes batches of the images of an array.

        Arguments:
            x: array of images, rank 4, or a tuple of it and an array, or list of arrays, that go along unchanged.
            y: array of labels, or None.
            batch_size: int.
            shuffle: bool.
            sample_weight: array of weights, or None.
            seed: int, or None.
            save_to_dir: folder for the augmented images, or None.
            save_prefix: str, start of their names.
            save_format: str, their format.
            subset: 'training', 'validation' or None.

        Returns:
            `NumpyArrayIterator` of x, (x, y) or (x, y, sample_weight).
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
    ):
        """Makes batches of the images in a folder with one subfolder per class.

        Arguments:
            directory: path; files ending in png, jpg, jpeg, bmp, ppm, tif and tiff count as images.
            target_size: (height, width) that images are resized to.
            color_mode: 'grayscale', 'rgb' or 'rgba'.
            classes: list of the subfolders to use, in the order of their labels; None for all, sorted.
            class_mode: 'categorical' (one-hot labels), 'binary' (floats), 'sparse' (ints), 'input' (the images
                again) or None (nothing).
            batch_size: int.
            shuffle: bool.
            seed: int, or None.
            save_to_dir: folder for the augmented images, or None.
            save_prefix: str, start of their names.
            save_format: str, their format.
            follow_links: bool, whether to go into folders through symbolic links.
            subset: 'training', 'validation' or None.
            interpolation: see `load_img`.

        Returns:
            `DirectoryIterator` of x or (x, y).
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory,
        x_col="filename",
        y_col="class",
        has_ext=True,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
    ):
        """Makes batches of images whose names and labels stand in a pandas table.

        Arguments:
            dataframe: `pandas.DataFrame`.
            directory: path of the folder that the names are relative to.
            x_col: str, column of the names.
            y_col: str, column of the labels, or list of columns for 'other'.
            has_ext: bool, whether the names have endings such as '.png'.
            target_size: (height, width) that images are resized to.
            color_mode: 'grayscale', 'rgb' or 'rgba'.
            classes: list of the labels to use, in the order of their numbers; None for all.
            class_mode: 'categorical', 'binary', 'sparse', 'input', 'other' (the values of `y_col`) or None.
            batch_size: int.
            shuffle: bool.
            seed: int, or None.
            save_to_dir: folder for the augmented images, or None.
            save_prefix: str, start of their names.
            save_format: str, their format.
            subset: 'training', 'validation' or None.
            interpolation: see `load_img`.

        Returns:
            `DataFrameIterator` of x or (x, y).
        """
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            has_ext=has_ext,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
        )

    def standardize(self, x):
        """Applies `preprocessing_function`, `rescale`, centring and scaling; arrays of floats are changed in place.

        Arguments:
            x: image (rank 3) or batch of images.

        Returns:
            Array of the shape of `x`.
        """
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        x = np.asarray(x)
        if working_dtype(x.dtype) != x.dtype:
            x = x.astype(working_dtype(self.dtype))
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + K.epsilon()
        if self.featurewise_center:
            if self.mean is not None:
                _apply_in_place(np.subtract, x, self.mean)
            else:
                _warn_unfitted("featurewise_center")
        if self.featurewise_std_normalization:
            if self.std is not None:
                _apply_in_place(np.divide, x, self.std + K.epsilon())
            else:
                _warn_unfitted("featurewise_std_normalization")
        if self.zca_whitening:
            if self.principal_components is not None:
                flat = np.reshape(x, (-1, int(np.prod(x.shape[-3:]))))
                x = np.reshape(np.dot(flat, self.principal_components), x.shape)
            else:
                _warn_unfitted("zca_whitening")
        return x

    def get_random_transform(self, img_shape, seed=None):
        """Draws the parameters of one transformation.

        Arguments:
            img_shape: shape of the image, 3 ints.
            seed: int for `numpy.random.seed`, or None.

        Returns:
            dict for `apply_transform`: `theta`, `tx`, `ty`, `shear`, `zx`, `zy`, `flip_horizontal`,
            `flip_vertical`, `channel_shift_intensity`, `brightness`.

        Raises:
            ValueError: when `brightness_range` is not a pair.
        """
        if seed is not None:
            np.random.seed(seed)
        uniform = np.random.uniform
        # The order of the draws is part of the interface: a seed stands for certain images.
        theta = uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = _draw_shift(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = _draw_shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = 1, 1
        if self.zoom_range[0] != 1 or self.zoom_range[1] != 1:
            zx, zy = uniform(self.zoom_range[0], self.zoom_range[1], 2)
        flip_horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (np.random.random() < 0.5) * self.vertical_flip
        channel_shift = None
        if self.channel_shift_range != 0:
            channel_shift = uniform(-self.channel_shift_range, self.channel_shift_range)
        brightness = None
        if self.brightness_range is not None:
            if len(self.brightness_range) != 2:
                raise ValueError(
                    f"`brightness_range` should be a tuple or list of two floats. Received: {self.brightness_range}"
                )
            brightness = uniform(self.brightness_range[0], self.brightness_range[1])
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": channel_shift,
            "brightness": brightness,
        }

    def apply_transform(self, x, transform_parameters):
        """Transforms an image as told.

        Arguments:
            x: array of rank 3.
            transform_parameters: dict, see `get_random_transform`; what is missing is not done.

        Returns:
            Array of the shape of `x`.
        """
        row, col, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        get = transform_parameters.get
        x = apply_affine_transform(
            x,
            get("theta", 0),
            get("tx", 0),
            get("ty", 0),
            get("shear", 0),
            get("zx", 1),
            get("zy", 1),
            row_axis=row,
            col_axis=col,
            channel_axis=channel,
            fill_mode=self.fill_mode,
            cval=self.cval,
        )
        if get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, get("channel_shift_intensity"), channel)
        if get("flip_horizontal", False):
            # With the channels last, gathering is several times as fast as working on a mirrored view.
            x = np.take(x, np.arange(x.shape[col] - 1, -1, -1), axis=col) if channel == 2 else flip_axis(x, col)
        if get("flip_vertical", False):
            x = flip_axis(x, row)
        if get("brightness") is not None:
            x = apply_brightness_shift(x, get("brightness"))
        return x

    def random_transform(self, x, seed=None):
        """Transforms an image at random.

        Arguments:
            x: array of rank 3.
            seed: int for `numpy.random.seed`, or None.

        Returns:
            Array of the shape of `x`.
        """
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Finds the mean, the deviation and the components that the featurewise settings need.

        Arguments:
            x: array of images, rank 4.
            augment: bool, whether to look at randomly transformed images.
            rounds: int, how often each image is transformed.
            seed: int for `numpy.random.seed`, or None.

        Raises:
            ValueError: when `x` is not of rank 4.
            ImportError: for ZCA without SciPy.
        """
        x = np.array(x, dtype=working_dtype(self.dtype))
        if x.ndim != 4:
            raise ValueError(
                f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}; "
                "add axes for the samples and the channels."
            )
        if x.shape[self.channel_axis] not in (1, 3, 4):
            warnings.warn(
                f"Images have 1, 3 or 4 channels; with data_format '{self.data_format}' an array of shape "
                f"{x.shape} has {x.shape[self.channel_axis]}.",
                stacklevel=2,
            )
        if seed is not None:
            np.random.seed(seed)
        if augment:
            n = len(x)
            seen = np.zeros((rounds * n,) + x.shape[1:], dtype=x.dtype)
            for r in range(rounds):
                for i in range(n):
                    seen[r * n + i] = self.random_transform(x[i])
            x = seen
        over = (0, self.row_axis, self.col_axis)
        per_channel = [1, 1, 1]
        per_channel[self.channel_axis - 1] = x.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = np.reshape(np.mean(x, axis=over), per_channel)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.reshape(np.std(x, axis=over), per_channel)
            x /= self.std + K.epsilon()
        if self.zca_whitening:
            self.principal_components = _zca_components(x, self.zca_epsilon)


def _zca_components(x, epsilon):
    """U diag(1 / sqrt(s + epsilon)) U^T of the pixels' covariance U diag(s) U^T."""
    flat = np.reshape(x, (x.shape[0], -1))
    covariance = np.dot(flat.T, flat) / flat.shape[0]
    u, s, _ = linalg("zca_whitening").svd(covariance)
    return (u / np.sqrt(s + epsilon)).dot(u.T)


def _zoom_limits(zoom_range):
    if np.isscalar(zoom_range):
        return [1 - zoom_range, 1 + zoom_range]
    if len(zoom_range) != 2:
        raise ValueError(f"`zoom_range` should be a float, or the two ends of a range, got {zoom_range!r}")
    return [zoom_range[0], zoom_range[1]]


def _draw_shift(limit, size):
    """A random shift in pixels along an axis of `size` pixels; see `width_shift_range`."""
    if np.ndim(limit) == 0 and not limit:
        return 0
    if np.ndim(limit) == 0 and not isinstance(limit, (int, np.integer)):
        shift = np.random.uniform(-limit, limit)
    else:
        shift = np.random.choice(limit) * np.random.choice([-1, 1])
    # Below 1 the numbers are fractions of the size.
    return shift * size if np.max(limit) < 1 else shift


def _apply_in_place(operation, x, statistics):
    """Subtracts or divides by what `fit` found, in place."""
    statistics = np.asarray(statistics)
    if x.flags.c_contiguous and statistics.size == x.shape[-1] == np.shape(statistics)[-1]:
        # One number per channel, channels last: repeated along a row, since NumPy is slow along axes of 3 elements.
        row = np.tile(statistics.reshape(-1), x.shape[-2])
        x = x.reshape(-1, row.size)
        statistics = row
    operation(x, statistics, out=x, casting="same_kind")


def _warn_unfitted(setting):
    warnings.warn(
        f"`{setting}` needs statistics of the training data, and this ImageDataGenerator has none: call "
        "`.fit(images)` before.",
        stacklevel=3,
    )
