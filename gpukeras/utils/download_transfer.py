"""One file from the net: in pieces if need be, whole in the end, and by one process at a time."""

import contextlib
import http.client
import json
import os
import re
import sys
import time

from .progbar import Progbar

__all__ = ["exclusive", "fetch", "forget"]

_BLOCK = 1 << 16
# Seconds without a byte after which a connection counts as lost.
_SILENCE = 60.0
# How often one call goes on after a lost connection; every try must bring something.
_TRIES = 6


@contextlib.contextmanager
def exclusive(path):
    """Holds a lock on a path against all other threads and processes, waiting for it if need be.

    The lock is a file beside `path`. The system releases it when its holder dies, however it dies.

    Arguments:
        path: str.

    Returns:
        Context manager that gives True, or False where the system or the file system has no such locks.
    """
    handle = _locked(path + ".lock")
    try:
        yield handle is not None
    finally:
        if handle is not None:
            # Removed while it is held: whoever waits for it notices that it has gone, and makes a new one.
            with contextlib.suppress(OSError):
                os.remove(path + ".lock")
            os.close(handle)


def _locked(path):
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"Waiting for another process that works on {path.removesuffix('.lock')}", flush=True)
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_file(handle, path):
                return handle
        except OSError:  # a network file system without locks
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_file(handle, path):
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


class _Lost(Exception):
    """The connection was lost after `done` bytes of the file."""

    def __init__(self, done, total, reason):
        super().__init__(done, total, reason)
        self.done, self.total, self.reason = done, total, reason


class _Restart(Exception):
    """The server does not go on where we asked it to."""


def fetch(origin, part):
    """Fetches a URL to the file `part`, from where an earlier try ended if the server still has the same file.

    Arguments:
        origin: str, URL.
        part: str, path; what an unsuccessful try leaves there is continued by the next.

    Returns:
        bool, whether the beginning came from an earlier call.

    Raises:
        OSError: when the file cannot be fetched, or only a part of it.
    """
    earlier = _known(part, origin)[0] > 0
    for attempt in range(_TRIES):
        have, validator = _known(part, origin)
        try:
            _attempt(origin, part, have, validator)
            return earlier
        except _Restart:
            forget(part)
            earlier = False
        except _Lost as lost:
            resumable = _known(part, origin)[0]
            if not resumable or lost.done <= have or attempt == _TRIES - 1:
                rest = "the rest" if resumable else "it"
                raise OSError(
                    f"URL fetch failure on {origin}: the connection ended after {lost.done} of "
                    f"{'an unknown number of' if lost.total is None else lost.total} bytes"
                    f"{f' ({lost.reason})' if lost.reason else ''}; call again to fetch {rest}."
                ) from lost.reason
    raise OSError(f"URL fetch failure on {origin}: the server does not send the part of the file it is asked for.")


def forget(part):
    """Removes a partial file and what is known about it.

    Arguments:
        part: str, path.
    """
    # The note first: without it, the bytes are never used.
    for path in (part + ".json", part):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def _known(part, origin):
    """How many bytes of an earlier try can be kept, and what identifies the file on the server."""
    try:
        with open(part + ".json", encoding="utf-8") as file:
            note = json.load(file)
        if note["origin"] == origin and note["validator"]:
            return os.path.getsize(part), note["validator"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, None


def _attempt(origin, part, have, validator):
    import urllib.error
    import urllib.request

    request = urllib.request.Request(origin)
    if have:
        # If-Range: the server sends the rest only if it is still the same file, else all of it.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", validator)
    try:
        response = urllib.request.urlopen(request, timeout=_SILENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if have and error.code == 416:
            raise _Restart from None
        raise OSError(f"URL fetch failure on {origin}: {error.code} -- {error.msg}") from error
    except urllib.error.URLError as error:
        raise OSError(f"URL fetch failure on {origin}: {error.errno} -- {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise OSError(f"URL fetch failure on {origin}: {type(error).__name__}: {error}") from error
    with response:
        if getattr(response, "status", None) != 206:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        if have:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if not found or int(found[1]) != have:
                raise _Restart
            total = total if found[2] == "*" else int(found[2])
        else:
            forget(part)
        with open(part, "ab" if have else "wb") as file:
            if not have:
                _write_note(part, origin, response.headers)
            _copy(response, file, have, total)


def _write_note(part, origin, headers):
    """Notes what is needed to go on later, if the server can do that."""
    tag = headers.get("ETag")
    # A weak tag does not promise identical bytes.
    validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")
    if validator and headers.get("Accept-Ranges") == "bytes":
        with open(part + ".json", "w", encoding="utf-8") as file:
            json.dump({"origin": origin, "validator": validator}, file)


def _copy(response, file, done, total):
    # A bar of unknown length is redrawn at every update.
    bar, shown = Progbar(total), 0.0
    while True:
        try:
            block = response.read(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            file.flush()
            raise _Lost(done, total, error) from error
        if not block:
            break
        file.write(block)
        done += len(block)
        if total is not None or time.monotonic() - shown > 0.1:
            bar.update(done)
            shown = time.monotonic()
    if total is None:
        sys.stdout.write("\n")
    file.flush()
    os.fsync(file.fileno())
    if total is not None and done < total:
        raise _Lost(done, total, None)
