"""Batches of images whose names and labels stand in a table."""

import os

import numpy as np

from ... import backend as K
from .directory import _image_paths, _split
from .iterators import Iterator

__all__ = ["DataFrameIterator"]

_CLASS_MODES = ("categorical", "binary", "sparse", "input", "other", None)
_WITHOUT_CLASSES = ("input", "other", None)


class DataFrameIterator(Iterator):
    """Batches of images named in a pandas table; see `ImageDataGenerator.flow_from_dataframe`.

    The images come in the order of the files in the folder. Rows without a file, and files without a row, are
    left out; of several rows with one name the first counts.

    Arguments:
        dataframe: `pandas.DataFrame`.
        directory: path of the folder that the names are relative to.
        image_data_generator: `ImageDataGenerator`.
        x_col: str, column of the names.
        y_col: str, column of the labels; with `class_mode='other'` also a list of columns of numbers.
        has_ext: bool, whether the names have endings such as '.png'.
        target_size: (height, width) that images are resized to.
        color_mode: 'grayscale', 'rgb' or 'rgba'.
        classes: list of the labels to use, in the order of their numbers; None for all, as they come in the table.
        class_mode: 'categorical', 'binary', 'sparse', 'input', 'other' (the values of `y_col` themselves) or None.
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

    Raises:
        ValueError: for unknown modes, and columns that do not fit them.
        TypeError: for 'other' with columns that are not numbers.
        ImportError: without pandas.
    """

    def __init__(
        self,
        dataframe,
        directory,
        image_data_generator,
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
        _check(dataframe, x_col, y_col, has_ext, classes, class_mode)
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = K.floatx() if dtype is None else dtype

        table = dataframe.drop_duplicates(x_col)
        table = table.set_index(table[x_col].astype(str))
        if class_mode in _WITHOUT_CLASSES:
            classes = []
        elif classes:
            table = table[table[y_col].isin(classes)]
        else:
            classes = list(table[y_col].unique())
        self.num_classes = len(classes)
        self.class_indices = dict(zip(classes, range(len(classes))))

        paths = _split(_image_paths(directory, follow_links), self.split)
        names = paths if has_ext else [os.path.splitext(path)[0] for path in paths]
        known = set(table.index)
        found = [(path, name) for path, name in zip(paths, names) if name in known]
        self.filenames = [path for path, _ in found]
        self.df = table.loc[[name for _, name in found]]
        self.samples = len(self.filenames)
        if class_mode in _WITHOUT_CLASSES:
            self.classes = np.zeros((0,), dtype="int32")
            print(f"Found {self.samples} images.")
        else:
            self.classes = np.array([self.class_indices[label] for label in self.df[y_col]], dtype="int64")
            print(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        if class_mode == "other":
            self.data = self.df[y_col].to_numpy()
        super().__init__(self.samples, batch_size, shuffle, seed)


def _check(dataframe, x_col, y_col, has_ext, classes, class_mode):
    try:
        from pandas.api.types import is_numeric_dtype
    except ImportError:
        raise ImportError('flow_from_dataframe needs pandas: pip install "gpukeras[image,pandas]"') from None
    if not isinstance(x_col, str):
        raise ValueError(f"x_col must be a string, the name of a column; got {x_col!r}.")
    if not isinstance(has_ext, bool):
        raise ValueError(
            f"has_ext says whether the names in x_col end in an extension, True or False; got {has_ext!r}."
        )
    if class_mode not in _CLASS_MODES:
        raise ValueError(
            f"Invalid class_mode: {class_mode!r}; expected 'categorical', 'binary', 'sparse', 'input', 'other' or None."
        )
    if classes and class_mode in _WITHOUT_CLASSES:
        raise ValueError('classes cannot be set if class_mode is either "other" or "input" or None.')
    columns = [x_col]
    if class_mode not in ("input", None):
        columns += list(y_col) if isinstance(y_col, (list, tuple)) else [y_col]
    missing = [name for name in columns if name not in dataframe.columns]
    if missing:
        raise KeyError(f"The table has no column {missing[0]!r}; it has {list(dataframe.columns)}.")
    if class_mode == "other":
        if not all(is_numeric_dtype(dataframe[name]) for name in columns[1:]):
            raise TypeError("y_col column/s must be numeric datatypes.")
    elif class_mode not in _WITHOUT_CLASSES and not isinstance(y_col, str):
        raise ValueError(f"y_col must be one column for class_mode {class_mode!r}, got {y_col!r}.")
    if has_ext and len(dataframe) and not any(os.path.splitext(str(name))[1] for name in dataframe[x_col]):
        raise ValueError("has_ext is set to True but extension not found in x_col; pass has_ext=False.")
