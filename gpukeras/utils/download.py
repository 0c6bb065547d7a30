"""Files fetched once and kept: download with a progress bar, check sums, unpacking."""

import hashlib
import json
import os
import tempfile

from .progbar import Progbar

__all__ = ["get_file", "validate_file"]

_BLOCK = 1 << 16


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

    The file appears under its name only when it is complete; a download that was cut off is continued.

    Arguments:
        fname: string, name of the file in the cache; an absolute path is used as it is.
        origin: string, URL.
        untar: bool, the old spelling of `extract` for tar archives: `fname` names the unpacked folder.
        md5_hash: string, the old spelling of `file_hash` for MD5.
        file_hash: string, check sum (hexadecimal) the file must have; None for no check.
        cache_subdir: string, folder below the cache.
        hash_algorithm: 'md5', 'sha256' or 'auto' (by the length of `file_hash`).
        extract: bool, whether to unpack the file next to it.
        archive_format: 'auto', 'tar', 'zip', None, or a list of them to be tried.
        cache_dir: string, the cache; `$KERAS_HOME` or `~/.keras` when None.

    Returns:
        The path of the file, or with `untar` of the folder it was unpacked to.

    Raises:
        OSError: when the file cannot be fetched.
        ValueError: when what was fetched does not have the check sum.
    """
    if md5_hash is not None and file_hash is None:
        file_hash = md5_hash
        hash_algorithm = "md5"
    folder = _cache_folder(cache_dir, cache_subdir)
    path = os.path.join(folder, fname)
    target = path + ".tar.gz" if untar else path
    if not _is_valid(target, file_hash, hash_algorithm):
        print(f"Downloading data from {origin}")
        _download(origin, target)
        if not _is_valid(target, file_hash, hash_algorithm):
            os.remove(target)
            raise ValueError(
                f"{origin} does not have the {hash_algorithm} check sum {file_hash} that was asked for; "
                "the file may have changed, or something in between may have altered it."
            )
    if untar:
        if not os.path.exists(path):
            _extract_archive(target, folder, archive_format="tar")
        return path
    if extract:
        _extract_archive(target, folder, archive_format)
    return target


def _cache_folder(cache_dir, cache_subdir):
    if cache_dir is None:
        cache_dir = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    base = os.path.expanduser(cache_dir)
    if os.path.isdir(base) and not os.access(base, os.W_OK):
        base = os.path.join(tempfile.gettempdir(), ".keras")
    folder = os.path.join(base, cache_subdir)
    os.makedirs(folder, exist_ok=True)
    return folder


def _is_valid(path, file_hash, algorithm):
    if not os.path.exists(path):
        return False
    if file_hash is None or validate_file(path, file_hash, algorithm=algorithm):
        return True
    print(
        f"A local file was found, but it seems to be incomplete or outdated because its {algorithm} check sum "
        f"does not match {file_hash}: {path}"
    )
    return False


def _download(origin, target):
    """Fetches a URL to `target` by way of a partial file beside it, from where an earlier try ended."""
    import urllib.error
    import urllib.request

    part, note = target + ".part", target + ".part.json"
    have, validator = _partial_state(part, note, origin)
    request = urllib.request.Request(origin)
    if have:
        # If-Range: the server sends the rest only if it is still the same file, else all of it.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", validator)
    try:
        with urllib.request.urlopen(request) as response:
            if have and getattr(response, "status", None) != 206:
                have = 0
            if not have:
                _write_note(note, origin, response.headers)
            _copy(response, part, have)
    except urllib.error.HTTPError as error:
        raise OSError(f"URL fetch failure on {origin}: {error.code} -- {error.msg}") from error
    except urllib.error.URLError as error:
        raise OSError(f"URL fetch failure on {origin}: {error.errno} -- {error.reason}") from error
    os.replace(part, target)
    if os.path.exists(note):
        os.remove(note)


def _partial_state(part, note, origin):
    """How many bytes of an earlier try can be kept, and what identifies the file on the server."""
    try:
        with open(note, encoding="utf-8") as file:
            known = json.load(file)
        if known["origin"] == origin and known["validator"]:
            return os.path.getsize(part), known["validator"]
    except (OSError, ValueError, KeyError):
        pass
    return 0, None


def _write_note(note, origin, headers):
    tag = headers.get("ETag")
    # A weak tag does not promise identical bytes.
    validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")
    if validator and headers.get("Accept-Ranges") == "bytes":
        with open(note, "w", encoding="utf-8") as file:
            json.dump({"origin": origin, "validator": validator}, file)
    elif os.path.exists(note):
        os.remove(note)


def _copy(response, part, have):
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else None
    bar = Progbar(total)
    done = have
    with open(part, "ab" if have else "wb") as file:
        while True:
            block = response.read(_BLOCK)
            if not block:
                break
            file.write(block)
            done += len(block)
            bar.update(done)
        if total is None:
            print()
    if total is not None and done < total:
        raise OSError(f"The connection ended after {done} of {total} bytes; call again to fetch the rest.")


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
    if algorithm == "sha256" or (algorithm == "auto" and len(file_hash) == 64):
        algorithm = "sha256"
    else:
        algorithm = "md5"
    return _hash_file(fpath, algorithm, chunk_size) == str(file_hash).lower()


def _hash_file(fpath, algorithm="sha256", chunk_size=65535):
    """Check sum of a file: SHA-256 for 'sha256' and 'auto', else MD5."""
    digest = hashlib.sha256() if algorithm in ("sha256", "auto") else hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while True:
            block = file.read(chunk_size)
            if not block:
                return digest.hexdigest()
            digest.update(block)


def _extract_archive(file_path, path=".", archive_format="auto"):
    """Unpacks a file into `path` when it is an archive of one of the formats; tells whether it was."""
    # Imported here because most programs never unpack anything.
    import tarfile
    import zipfile

    if archive_format is None:
        return False
    if archive_format == "auto":
        archive_format = ["tar", "zip"]
    formats = [archive_format] if isinstance(archive_format, str) else archive_format
    for name in formats:
        if name == "tar" and tarfile.is_tarfile(file_path):
            with tarfile.open(file_path) as archive:
                # 'data' refuses members that would be written outside the folder.
                archive.extractall(path, filter="data")
            return True
        if name == "zip" and zipfile.is_zipfile(file_path):
            with zipfile.ZipFile(file_path) as archive:
                archive.extractall(path)
            return True
        if name not in ("tar", "zip"):
            raise ValueError(f"Unknown archive format {name!r}; known are 'tar' and 'zip'.")
    return False
