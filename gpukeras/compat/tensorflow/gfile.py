"""`tf.gfile`: files and folders of this machine."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from typing import Any

from ._missing import module_getattr
from .errors import NotFoundError


class GFile:
    """An open file of this machine.

    Arguments:
        name: path.
        mode: as for `open`.
    """

    def __init__(self, name: Any, mode: str = "r") -> None:
        try:
            self._file: Any = open(name, mode, encoding=None if "b" in mode else "utf-8")
        except FileNotFoundError as error:
            raise NotFoundError(f"{name}; No such file or directory") from error
        self.name = name

    def size(self) -> int:
        """Bytes of the file."""
        return os.path.getsize(self.name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *exc: Any) -> None:
        self._file.close()


Open = FastGFile = GFile


def Exists(filename: Any) -> bool:
    """Whether there is such a file or folder."""
    return os.path.exists(filename)


def IsDirectory(dirname: Any) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(dirname)


def ListDirectory(dirname: Any) -> list[str]:
    """Names of what is in a folder."""
    if not os.path.isdir(dirname):
        raise NotFoundError("Could not find directory")
    return sorted(os.listdir(dirname))


def MakeDirs(dirname: Any) -> None:
    """Makes a folder and those above it; it may exist."""
    os.makedirs(dirname, exist_ok=True)


def MkDir(dirname: Any) -> None:
    """Makes a folder."""
    os.mkdir(dirname)


def Remove(filename: Any) -> None:
    """Removes a file."""
    if not os.path.exists(filename):
        raise NotFoundError(f"{filename}; No such file or directory")
    os.remove(filename)


def DeleteRecursively(dirname: Any) -> None:
    """Removes a folder with all that is in it."""
    if not os.path.exists(dirname):
        raise NotFoundError(f"{dirname}; No such file or directory")
    shutil.rmtree(dirname)


def Copy(oldpath: Any, newpath: Any, overwrite: bool = False) -> None:
    """Copies a file."""
    if os.path.exists(newpath) and not overwrite:
        from .errors import AlreadyExistsError

        raise AlreadyExistsError(f"{newpath} exists; pass overwrite=True")
    shutil.copyfile(oldpath, newpath)


def Rename(oldname: Any, newname: Any, overwrite: bool = False) -> None:
    """Renames a file."""
    if os.path.exists(newname) and not overwrite:
        from .errors import AlreadyExistsError

        raise AlreadyExistsError(f"{newname} exists; pass overwrite=True")
    os.replace(oldname, newname)


def Glob(filename: Any) -> list[str]:
    """Paths that match a pattern, or a list of them."""
    patterns = filename if isinstance(filename, (list, tuple)) else [filename]
    return sorted({path for pattern in patterns for path in glob.glob(pattern)})


def Stat(filename: Any) -> os.stat_result:
    """What the system knows of a file."""
    return os.stat(filename)


def Walk(top: Any, in_order: bool = True) -> Iterator[Any]:
    """(folder, folders in it, files in it) for a folder and all below."""
    return os.walk(top, topdown=in_order)


__getattr__ = module_getattr("gfile")
