"""Files fetched once and kept: the cache, check sums, unpacking."""

import glob
import hashlib
import os
import shutil
import tempfile
import uuid

from .download_archive import BrokenArchive, UnsafeArchive, unfinished
from .download_archive import extract_archive as _extract_archive
from .download_transfer import exclusive, fetch, forget

__all__ = ["get_file", "validate_file"]


def get_file(
    fname,
    origin,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
):
    """Returns the path of a file of the cache, downloading it when it is not there or not whole.

    The file appears under its name only when it is complete and has its check sum. A download that was cut off is
    continued, by this call or by a later one. Of several processes that ask for one file, one downloads it.

    Arguments:
        fname: string, name of the file in the cache; an absolute path is used as it is.
        origin: string, URL.
        untar: bool, the old spelling of `extract` for tar archives: `fname` names the unpacked folder. Where that is
            there already, and the archive is not, nothing is downloaded.
        md5_hash: string, the old spelling of `file_hash` for MD5.
        file_hash: string, check sum (hexadecimal) the file must have; None for no check.
        cache_subdir: string, folder below the cache.
        hash_algorithm: 'md5', 'sha256' or 'auto' (by the length of `file_hash`).
        extract: bool, whether to unpack the file next to it.
        archive_format: 'auto', 'tar', 'zip', None, or a list of them to be tried.
        cache_dir: string, the cache; `$KERAS_HOME` or `~/.keras` when None. Where it cannot be written to, `.keras`
            in the folder for temporary files takes its place.

    Returns:
        The path of the file, or with `untar` of the folder it was unpacked to.

    Raises:
        OSError: when the file cannot be fetched, or is a broken archive.
        ValueError: when what was fetched does not have the check sum, or is an archive with members that lie outside
            the folder.
    """
    if md5_hash is not None and file_hash is None:
        file_hash = md5_hash
        hash_algorithm = "md5"
    folder = _cache_folder(cache_dir, cache_subdir)
    path = os.path.join(folder, fname)
    target = path + ".tar.gz" if untar else path
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    if untar and os.path.isdir(path) and not os.path.exists(target):
        return path
    fetched = False
    if not _is_valid(target, file_hash, hash_algorithm):
        with exclusive(target) as alone:
            # Another process may have fetched it meanwhile; what was wrong with the file has been said.
            if not _is_valid(target, file_hash, hash_algorithm, silent=True):
                _download(origin, target, file_hash, hash_algorithm, alone)
                fetched = True
    if untar:
        if fetched or not os.path.exists(path):
            _unpack(target, os.path.dirname(target), "tar", fetched, path)
        return path
    if extract:
        _unpack(target, os.path.dirname(target), archive_format, fetched, None)
    return target


def _cache_folder(cache_dir, cache_subdir):
    if cache_dir is None:
        cache_dir = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    base = os.path.expanduser(cache_dir)
    try:
        folder = os.path.join(base, cache_subdir)
        os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    folder = os.path.join(tempfile.gettempdir(), ".keras", cache_subdir)
    os.makedirs(folder, exist_ok=True)
    return folder


def _is_valid(path, file_hash, algorithm, silent=False):
    if not os.path.exists(path):
        return False
    if file_hash is None or validate_file(path, file_hash, algorithm=algorithm):
        return True
    if not silent:
        name = _algorithm(file_hash, algorithm)
        print(
            f"A local file was found, but it seems to be incomplete or outdated because its {name} sum "
            f"is not {file_hash}: {path}"
        )
    return False


def _download(origin, target, file_hash, algorithm, alone):
    """Fetches a file to `target`, by way of a partial file beside it."""
    print(f"Downloading data from {origin}", flush=True)
    # Where processes cannot lock each other out, each has a partial file of its own, which no other goes on with.
    part = target + ".part" if alone else f"{target}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part"
    try:
        continued = fetch(origin, part)
        if continued and file_hash is not None and not validate_file(part, file_hash, algorithm):
            # The two parts may be of different files, whatever the server says.
            forget(part)
            fetch(origin, part)
        if file_hash is not None and not validate_file(part, file_hash, algorithm):
            name = _algorithm(file_hash, algorithm)
            found = _hash_file(part, name)
            forget(part)
            raise ValueError(
                f"What {origin} sends has the {name} sum {found}, expected {file_hash}. The file there may have "
                "changed, or something in between may have altered it; it was not kept."
            )
        os.replace(part, target)
        forget(part)
    finally:
        if not alone:
            forget(part)


def _unpack(target, folder, archive_format, fetched, needed):
    """Unpacks an archive, by one process at a time; `needed` is the path that must be there afterwards, if any."""
    with exclusive(target) as alone:
        if needed is not None and not fetched and os.path.exists(needed):
            return  # another process was quicker
        if alone:
            for left in glob.glob(unfinished(glob.escape(target), glob.escape(folder), "*")):
                shutil.rmtree(left, ignore_errors=True)
        try:
            found = _extract_archive(target, folder, archive_format, last=needed and os.path.basename(needed))
            if needed is not None and not found:
                raise BrokenArchive(f"{target} is no tar archive")
        except (BrokenArchive, UnsafeArchive):
            if fetched:
                # Kept, it would be taken for good by the next call.
                os.remove(target)
            raise


def validate_file(fpath, file_hash, algorithm="auto", chunk_size=65535):
    """Compares a file's check sum.

    Arguments:
        fpath: string, path of the file.
        file_hash: string, the expected check sum, hexadecimal.
        algorithm: 'md5', 'sha256' or 'auto' (by the length of `file_hash`).
        chunk_size: int, bytes read at a time.

    Returns:
        bool.
    """
    return _hash_file(fpath, _algorithm(file_hash, algorithm), chunk_size) == str(file_hash).lower()


def _algorithm(file_hash, algorithm):
    return "sha256" if algorithm == "sha256" or (algorithm == "auto" and len(file_hash) == 64) else "md5"


def _hash_file(fpath, algorithm="sha256", chunk_size=65535):
    """Check sum of a file: SHA-256 for 'sha256' and 'auto', else MD5."""
    digest = hashlib.sha256() if algorithm in ("sha256", "auto") else hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while True:
            block = file.read(chunk_size)
            if not block:
                return digest.hexdigest()
            digest.update(block)
