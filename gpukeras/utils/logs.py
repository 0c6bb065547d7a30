"""The values of a training by name, where `acc` and `accuracy` mean the same."""

import re

__all__ = ["Logs", "find_log"]

# What may stand around the two words: the output and `val_` or `weighted_` before, the number of a repeated name after.
_ACCURACY = re.compile(r"((?:.*_)?)acc(uracy)?((?:_\d+)?)", re.DOTALL)


def _other_spelling(name):
    """'val_accuracy' for 'val_acc' and the other way round; None for any other name."""
    found = _ACCURACY.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        return None
    before, long, after = found.groups()
    return before + ("acc" if long else "accuracy") + after


class Logs(dict):
    """A dict in which a name of an accuracy is found under its other spelling too.

    Keras 2.2 logs `acc` and `val_acc`, later versions `accuracy` and `val_accuracy`; scripts for either can read it.
    Only looking up knows both: the keys, their order and their number are those of the entries.

    Example:
        Logs(val_acc=0.5)["val_accuracy"]  # 0.5
    """

    def __missing__(self, name):
        other = _other_spelling(name)
        if other is not None and dict.__contains__(self, other):
            return dict.__getitem__(self, other)
        raise KeyError(name)

    def __contains__(self, name):
        return dict.__contains__(self, name) or dict.__contains__(self, _other_spelling(name))

    def get(self, name, default=None):
        """The value of a name.

        Arguments:
            name: str, in either spelling.
            default: what to return when there is none.

        Returns:
            The value, or `default`.
        """
        if dict.__contains__(self, name):
            return dict.__getitem__(self, name)
        return dict.get(self, _other_spelling(name), default)

    def copy(self):
        """A copy that knows both spellings.

        Returns:
            `Logs`.
        """
        return Logs(self)


def find_log(logs, name, default=None):
    """The value of a name in any dict, as `Logs` finds it.

    Arguments:
        logs: dict, or None.
        name: str, in either spelling.
        default: what to return when there is none.

    Returns:
        The value, or `default`.
    """
    if not logs:
        return default
    return logs[name] if name in logs else logs.get(_other_spelling(name), default)
