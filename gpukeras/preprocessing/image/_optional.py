"""Pillow and SciPy, imported at first use: neither is needed by programs without images."""

_HINT = '{} needs {}: pip install "gpukeras[image]"'


def pillow(what):
    """The module `PIL.Image`.

    Arguments:
        what: str, name of the function that needs it, for the error's text.

    Returns:
        Module.

    Raises:
        ImportError: when Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(_HINT.format(what, "Pillow")) from None
    return Image


def pillow_enhance(what):
    """The module `PIL.ImageEnhance`; see `pillow`."""
    try:
        from PIL import ImageEnhance
    except ImportError:
        raise ImportError(_HINT.format(what, "Pillow")) from None
    return ImageEnhance


def ndimage(what):
    """The module `scipy.ndimage`; see `pillow`."""
    try:
        import scipy.ndimage
    except ImportError:
        raise ImportError(_HINT.format(what, "SciPy")) from None
    return scipy.ndimage


def linalg(what):
    """The module `scipy.linalg`; see `pillow`."""
    try:
        import scipy.linalg
    except ImportError:
        raise ImportError(_HINT.format(what, "SciPy")) from None
    return scipy.linalg
