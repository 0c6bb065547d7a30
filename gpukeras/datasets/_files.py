"""Where a data set's file is: at the path the caller names, in the cache, or at its origin."""

import os


def locate(path, origin, file_hash=None, cache_subdir="datasets"):
    """Finds a data set's file, downloading it to the cache on first use.

    Arguments:
        path: str or path-like. A file that exists at this absolute path is taken as it is; anything else is a
            name in `~/.keras/datasets`.
        origin: str, where the file comes from when the cache has none.
        file_hash: str, its published hash, checked on cached and downloaded files; None for no check.
        cache_subdir: str, the folder of the cache that holds it.

    Returns:
        The path of the local file, str.
    """
    from ..utils.data_utils import get_file

    path = os.path.expanduser(os.fspath(path))
    if os.path.isabs(path) and os.path.isfile(path):
        return path
    return get_file(path, origin=origin, file_hash=file_hash, cache_subdir=cache_subdir)
