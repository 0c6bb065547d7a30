"""Unpacking of fetched archives: nothing is written outside the folder, and nothing half-written stays in it."""

import os
import shutil
import uuid

__all__ = ["BrokenArchive", "UnsafeArchive", "extract_archive"]


class BrokenArchive(OSError):
    """An archive that ends early or is damaged."""


class UnsafeArchive(ValueError):
    """An archive that would write outside its folder."""


def extract_archive(file_path, path=".", archive_format="auto", last=None):
    """Unpacks a file into a folder when it is an archive of one of the formats.

    The members are unpacked beside their place first and moved there when all are whole; files of the same names are
    replaced.

    Arguments:
        file_path: str, the archive.
        path: str, the folder.
        archive_format: 'auto', 'tar' (compressed or not), 'zip', None, or a list of them to be tried.
        last: str, name of the entry to move last: where it is there, everything is.

    Returns:
        bool, whether it was an archive.

    Raises:
        ValueError: for another format.
        UnsafeArchive: when members lie outside the folder.
        BrokenArchive: when the archive is not whole.
    """
    file_path, path = os.fspath(file_path), os.fspath(path)
    opener = _opener(file_path, archive_format)
    if opener is None:
        return False
    # On the file system of its destination, so that moving is renaming.
    place = unfinished(file_path, path, f"{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        os.mkdir(place)
        opener(file_path, place)
        for name in sorted(os.listdir(place), key=lambda name: (name == last, name)):
            _move(os.path.join(place, name), os.path.join(path, name))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return True


def unfinished(file_path, path, key):
    """Name of the folder that an archive is unpacked to before its members are moved.

    Arguments:
        file_path: str, the archive.
        path: str, the folder to unpack to.
        key: str, tells several such folders apart.

    Returns:
        str.
    """
    return f"{os.path.join(path, os.path.basename(file_path))}.{key}.unpack"


def _opener(file_path, archive_format):
    # Imported here because most programs never unpack anything.
    import tarfile
    import zipfile

    known = {"tar": (tarfile.is_tarfile, _unpack_tar), "zip": (zipfile.is_zipfile, _unpack_zip)}
    if archive_format is None:
        return None
    if archive_format == "auto":
        archive_format = list(known)
    formats = [archive_format] if isinstance(archive_format, str) else list(archive_format)
    for name in formats:
        if name not in known:
            raise ValueError(f"Unknown archive format {name!r}; known are 'tar' and 'zip'.")
    for name in formats:
        recognises, unpack = known[name]
        if recognises(file_path):
            return unpack
    return None


def _unpack_tar(file_path, place):
    import tarfile
    import zlib
    from lzma import LZMAError

    # Python before 3.11.4 lacks the filters; the checks below hold for it alone.
    safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    try:
        with tarfile.open(file_path) as archive:
            for member in archive:
                _check_name(file_path, member.name)
                if member.issym() or member.islnk():
                    start = os.path.dirname(member.name) if member.issym() else ""
                    _check_name(file_path, member.name, os.path.normpath(os.path.join(start, member.linkname)))
                elif not (member.isfile() or member.isdir()):
                    raise UnsafeArchive(
                        f"{file_path}: member {member.name!r} is no file, folder or link; not unpacked."
                    )
            archive.extractall(place, **safely)
            # The check sum of compressed data stands behind the last member, where tarfile does not look.
            while archive.fileobj.read(1 << 20):
                pass
    except (tarfile.ReadError, EOFError, zlib.error, LZMAError) as error:
        raise BrokenArchive(f"{file_path} is not a whole tar archive: {error}") from error
    except tarfile.TarError as error:
        raise UnsafeArchive(f"{file_path}: {error}; not unpacked.") from error
    except OSError as error:
        if error.errno is not None:  # not the archive's fault, a full disk for one
            raise
        raise BrokenArchive(f"{file_path} is not a whole tar archive: {error}") from error


def _unpack_zip(file_path, place):
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(file_path) as archive:
            for name in archive.namelist():
                _check_name(file_path, name)
            archive.extractall(place)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise BrokenArchive(f"{file_path} is not a whole zip archive: {error}") from error


def _check_name(file_path, name, target=None):
    """Refuses a member that lies, or a link that points, outside the folder."""
    where = (name if target is None else target).replace("\\", "/")
    if where.startswith("/") or ".." in where.split("/") or os.path.splitdrive(where)[0]:
        points = "" if target is None else f" points to {target!r}, which"
        raise UnsafeArchive(
            f"{file_path}: member {name!r}{points} lies outside the folder; the archive was not unpacked."
        )


def _move(source, target):
    """Moves a file or folder, file by file where the folder is there already."""
    if os.path.isdir(source) and not os.path.islink(source) and os.path.isdir(target):
        for name in os.listdir(source):
            _move(os.path.join(source, name), os.path.join(target, name))
        return
    os.replace(source, target)
