"""Reading and writing HDF5: matrices to train from, models as dict-like files, whole-file replacement."""

import contextlib
import os
import platform
import re
import uuid
import zlib
from collections import defaultdict

import numpy as np

# HDF5 keeps an object's attributes in a header of 64 kB; this much of it is ours for one of them.
HDF5_OBJECT_HEADER_LIMIT = 64512


def import_h5py():
    """Imports h5py at first use, which keeps `import gpukeras` fast and h5py optional.

    Returns:
        The module.

    Raises:
        ImportError: saying what to install.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("Reading and writing HDF5 files needs h5py: pip install h5py") from error
    return h5py


class HDF5Matrix:
    """Rows of an HDF5 dataset, read as they are asked for, usable in place of a NumPy array.

    With `fit`, `shuffle='batch'` or `shuffle=False` is quickest: HDF5 is slow at reading rows that are far apart.
    Worker processes open the file for themselves.

    Arguments:
        datapath: str, path of the HDF5 file.
        dataset: str, name of the dataset in it.
        start: int, the first row.
        end: int, the row after the last one; the dataset's end by default.
        normalizer: function applied to every block of rows that is read.

    Raises:
        ValueError: when the file has no such dataset, or the dataset no such rows.

    Example:
        x_data = HDF5Matrix('input/file.hdf5', 'data')
        model.predict(x_data)
    """

    # Open files by path, shared by all matrices over them.
    refs = defaultdict(int)

    def __init__(self, datapath, dataset, start=0, end=None, normalizer=None):
        self._place = (datapath, dataset)
        self._open()
        self.start = start
        self.end = self.data.shape[0] if end is None else end
        if not 0 <= start <= self.end <= self.data.shape[0]:
            raise ValueError(
                "HDF5Matrix: start=%r and end=%r are no part of the %d rows of %r in %s"
                % (start, end, self.data.shape[0], dataset, datapath)
            )
        self.normalizer = normalizer
        if normalizer is not None:
            first = normalizer(self.data[0:1])
            self._row_shape, self._dtype = first.shape[1:], first.dtype
        else:
            self._row_shape, self._dtype = self.data.shape[1:], self.data.dtype

    def __len__(self):
        return self.end - self.start

    def _outside(self, key):
        return IndexError(
            "HDF5Matrix: rows %r are outside of the %d rows from %d to %d" % (key, len(self), self.start, self.end)
        )

    def __getitem__(self, key):
        """Reads rows.

        Arguments:
            key: int, slice, list or array of row numbers, counted from `start`, in any order; or a bool per row.

        Returns:
            Array of the rows.
        """
        if isinstance(key, slice):
            first = self.start + (0 if key.start is None else key.start)
            last = self.end if key.stop is None else self.start + key.stop
            if last > self.end or first < self.start:
                raise self._outside(key)
            rows = slice(first, last, key.step)
        elif isinstance(key, int | np.integer):
            rows = self.start + int(key)
            if not self.start <= rows < self.end:
                raise self._outside(key)
        elif isinstance(key, np.ndarray | list | tuple | range):
            return self._gather(key)
        else:
            raise TypeError("HDF5Matrix: rows must be an int, a slice, a list or an array, got %r" % (key,))
        return self._read(rows)

    def _gather(self, key):
        """Reads the rows of a list or array; HDF5 takes them in ascending order only, and each once."""
        rows = np.asarray(key)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError("HDF5Matrix: %r bools for %d rows" % (rows.shape, len(self)))
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.intp, casting="same_kind" if rows.size else "unsafe") + self.start
        if rows.size and not (self.start <= rows.min() and rows.max() < self.end):
            raise self._outside(key)
        if rows.size < 2 or (np.diff(rows) > 0).all():
            return self._read(rows)
        ascending, places = np.unique(rows, return_inverse=True)
        return self._read(ascending)[places.reshape(rows.shape)]

    def _read(self, rows):
        block = self.data[rows]
        return block if self.normalizer is None else self.normalizer(block)

    def _open(self):
        h5py = import_h5py()
        datapath, dataset = self._place
        if not self.refs[datapath]:
            self.refs[datapath] = h5py.File(datapath, "r")
        f = self.refs[datapath]
        if dataset not in f:
            raise ValueError("HDF5Matrix: no dataset %r in %s; it holds %s" % (dataset, datapath, sorted(f)))
        self.data = f[dataset]

    def __getstate__(self):
        # An open file cannot be sent to another process.
        return {name: value for name, value in self.__dict__.items() if name != "data"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._open()

    @property
    def shape(self):
        """Shape of the rows taken together, as a tuple."""
        return (len(self),) + tuple(self._row_shape)

    @property
    def dtype(self):
        """NumPy dtype of what reading gives."""
        return self._dtype

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """Number of elements."""
        return int(np.prod(self.shape))


def ask_to_proceed_with_overwrite(filepath):
    """Asks on the terminal whether a file may be replaced.

    Arguments:
        filepath: str, the file.

    Returns:
        bool, the answer.
    """
    answer = input("[WARNING] %s already exists - overwrite? [y/n] " % filepath).strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel). ').strip().lower()
    return answer == "y"


@contextlib.contextmanager
def replacing(filepath):
    """A context that yields a temporary path beside `filepath` and moves it there at the end.

    Whoever reads `filepath` sees the old file or the new one, never a part; when the block fails, or the
    program is killed, the old file stays as it was.

    Arguments:
        filepath: str or path object, the file to write.

    Returns:
        Context manager giving the path to write to.
    """
    filepath = os.path.realpath(os.fsdecode(filepath))
    folder, name = os.path.split(filepath)
    if not os.path.isdir(folder):
        raise FileNotFoundError("Cannot write %s: there is no folder %s" % (filepath, folder))
    _remove_abandoned(folder, name)
    part = os.path.join(folder, "%s%d-%s.part" % (_parts_prefix(name), os.getpid(), uuid.uuid4().hex[:12]))
    try:
        # Opened by hand so that the file gets the ordinary permissions, which a temporary file has not.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        with contextlib.suppress(FileNotFoundError):
            os.chmod(part, os.stat(filepath).st_mode & 0o7777)
        yield part
        with open(part, "rb+") as f:
            os.fsync(f.fileno())
        os.replace(part, filepath)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def _parts_prefix(name):
    """How the names of this machine's temporary files for a file begin; the writer's number follows."""
    # Names may have 255 bytes.
    short = os.fsencode(name)[:150].decode("utf-8", "ignore")
    return ".%s.%08x-" % (short, zlib.crc32(platform.node().encode()))


def _remove_abandoned(folder, name):
    """Removes what processes of this machine that are no more have left of a file: a killed one cannot tidy up."""
    if os.name != "posix":
        return
    pattern = re.compile(re.escape(_parts_prefix(name)) + r"(\d+)-[0-9a-f]{12}\.part")
    for entry in os.listdir(folder):
        found = pattern.fullmatch(entry)
        if found is None:
            continue
        try:
            os.kill(int(found[1]), 0)
        except ProcessLookupError:
            with contextlib.suppress(OSError):
                os.remove(os.path.join(folder, entry))
        except OSError:
            pass  # somebody else's process, alive


def write_attribute_list(group, name, data):
    """Stores a list of byte strings as an attribute, in numbered pieces when it is too big for one.

    Arguments:
        group: h5py group.
        name: str, the attribute; pieces are called `name0`, `name1`, ...
        data: list of bytes.

    Raises:
        RuntimeError: when a single entry is larger than an attribute can be.
    """
    too_long = [x for x in data if len(x) > HDF5_OBJECT_HEADER_LIMIT]
    if too_long:
        raise RuntimeError(
            "Cannot store attribute %r: names of more than %d bytes do not fit into an HDF5 object header: %s"
            % (name, HDF5_OBJECT_HEADER_LIMIT, too_long)
        )
    array = np.asarray(data)
    if array.size == 0:
        array = np.zeros((0,), dtype="S1")
    pieces = [array]
    while any(p.nbytes > HDF5_OBJECT_HEADER_LIMIT for p in pieces):
        pieces = np.array_split(array, len(pieces) + 1)
    for old in [k for k in group.attrs if k == name or _is_piece(k, name)]:
        del group.attrs[old]
    if len(pieces) == 1:
        group.attrs[name] = array
    else:
        for i, piece in enumerate(pieces):
            group.attrs["%s%d" % (name, i)] = piece


def _is_piece(key, name):
    return key.startswith(name) and key[len(name) :].isdigit()


def read_attribute_list(group, name):
    """Reads what `write_attribute_list` stored.

    Arguments:
        group: h5py group.
        name: str, the attribute.

    Returns:
        List of bytes; empty when there is no such attribute.
    """
    if name in group.attrs:
        return [_as_bytes(x) for x in group.attrs[name]]
    found = []
    while "%s%d" % (name, len(found)) in group.attrs:
        found.append(group.attrs["%s%d" % (name, len(found))])
    return [_as_bytes(x) for piece in found for x in piece]


def _as_bytes(text):
    return text.encode("utf8") if isinstance(text, str) else bytes(text)


class H5Dict:
    """A nested dict with the interface of a dict, kept in an HDF5 file, in an HDF5 group or in a dict.

    Arrays become datasets, lists of bytes become attributes (in pieces where long), anything else an
    attribute; asking a writable one for a missing key makes a group.

    Arguments:
        path: str or path object (a file), an `h5py.Group` or `h5py.File`, or a dict.
        mode: 'r', 'w', 'a' or 'r+'; for files and dicts.
    """

    def __init__(self, path, mode="a"):
        self.read_only = mode == "r"
        self._opened = False
        if isinstance(path, dict):
            self._is_dict = True
            if mode == "w":
                path.clear()
            self.data = path
            return
        self._is_dict = False
        h5py = import_h5py()
        if isinstance(path, h5py.Group):
            self.data = path
            # A file that the caller opened for reading cannot take new groups, whatever the mode says.
            self.read_only = self.read_only or path.file.mode == "r"
        elif isinstance(path, str | bytes | os.PathLike):
            self.data = h5py.File(os.fspath(path), mode)
            self._opened = True
        else:
            raise TypeError("H5Dict: expected a path, an h5py file or group, or a dict, got %s" % type(path).__name__)

    def __setitem__(self, attr, val):
        if self.read_only:
            raise ValueError("Cannot set %r: this H5Dict is open for reading only" % (attr,))
        if self._is_dict:
            if hasattr(val, "shape") and not isinstance(val, np.generic):
                val = np.array(val)
            self.data[attr] = val
        elif isinstance(val, list | tuple) and (not val or isinstance(val[0], bytes | str)):
            write_attribute_list(self.data, attr, [_as_bytes(x) for x in val])
        elif isinstance(val, np.ndarray):
            if attr in self.data:
                del self.data[attr]
            self.data.create_dataset(attr, data=val)
        else:
            self.data.attrs[attr] = val

    def __getitem__(self, attr):
        """The value under a key; a new group when there is none and writing is allowed."""
        if attr is None:
            return None
        if self._is_dict:
            return self._dict_item(attr)
        h5py = import_h5py()
        if attr in self.data.attrs:
            return self._attribute(self.data.attrs[attr])
        if attr in self.data:
            found = self.data[attr]
            return found[()] if isinstance(found, h5py.Dataset) else self._child(found)
        if "%s0" % attr in self.data.attrs:
            return read_attribute_list(self.data, attr)
        if self.read_only:
            raise KeyError("No %r in %s" % (attr, self._where()))
        return self._child(self.data.create_group(attr))

    def group(self, name):
        """The group of a name, made if there is none, also where an attribute is called the same.

        Arguments:
            name: str.

        Returns:
            H5Dict.
        """
        if self._is_dict:
            if not isinstance(self.data.get(name, {}), dict):
                name += "/"
            return self._dict_item(name)
        if name in self.data:
            return self._child(self.data[name])
        if self.read_only:
            raise KeyError("No group %r in %s" % (name, self._where()))
        return self._child(self.data.create_group(name))

    def _dict_item(self, attr):
        if attr not in self.data:
            if self.read_only:
                raise KeyError("No %r in %s" % (attr, self._where()))
            self.data[attr] = {}
        found = self.data[attr]
        return self._child(found) if isinstance(found, dict) else found

    def _child(self, data):
        return H5Dict(data, mode="r" if self.read_only else "a")

    @staticmethod
    def _attribute(value):
        if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "SUO":
            return [_as_bytes(x) for x in value]
        return value

    def _where(self):
        return "the dict" if self._is_dict else "%s:%s" % (self.data.file.filename, self.data.name)

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        """Iterates over the keys of groups and datasets (over all keys of a dict)."""
        return iter(self.data)

    def iter(self):
        """Iterates over the keys.

        Returns:
            An iterator of str.
        """
        return iter(self.data)

    def __contains__(self, key):
        if self._is_dict:
            return key in self.data
        return key in self.data or key in self.data.attrs or "%s0" % key in self.data.attrs

    def flush(self):
        """Writes what is still in memory to the file."""
        if not self._is_dict and not self.read_only:
            self.data.file.flush()

    def close(self):
        """Closes the file if this object opened it, and flushes one that it was given."""
        if self._opened:
            self.data.close()
        else:
            self.flush()

    def update(self, *args):
        """Stores all pairs of the given dicts.

        Arguments:
            *args: dicts.
        """
        for pairs in args:
            for key, value in dict(pairs).items():
                self[key] = value

    def get(self, key, default=None):
        """The value under a key, or `default` when there is none.

        Arguments:
            key: str.
            default: what to return for a missing key.

        Returns:
            The value.
        """
        return self[key] if key in self else default


h5dict = H5Dict
