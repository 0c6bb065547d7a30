"""Callbacks that record or show the values of a training."""

import csv
import os
import warnings

import numpy as np

from ..utils.logs import Logs
from ..utils.progbar import Progbar
from .base import Callback

__all__ = ["BaseLogger", "CSVLogger", "History", "ProgbarLogger", "RemoteMonitor"]


class BaseLogger(Callback):
    """Turns the values of the batches into the epoch's means, each batch weighing as many samples as it has.

    `fit` puts one before all other callbacks, so that they find the means in `logs`.

    Arguments:
        stateful_metrics: names of values that are not averaged: the last one of the epoch counts.
    """

    _quick = True

    def __init__(self, stateful_metrics=None):
        super().__init__()
        self.stateful_metrics = set(stateful_metrics) if stateful_metrics else set()

    def on_epoch_begin(self, epoch, logs=None):
        """Starts new sums.

        Arguments:
            epoch: int.
            logs: dict.
        """
        self.seen = 0
        self.totals = {}

    def on_batch_end(self, batch, logs=None):
        """Adds the values of a batch.

        Arguments:
            batch: int.
            logs: dict with `size` and the values.
        """
        if not logs:
            return
        size = logs.get("size", 0)
        self.seen += size
        totals = self.totals
        stateful = self.stateful_metrics
        for name, value in logs.items():
            if stateful and name in stateful:
                totals[name] = value
                continue
            try:
                # In double precision: sums of many single precision values lose digits.
                weighted = float(value) * size
            except (TypeError, ValueError):
                weighted = value * size
            if name in totals:
                totals[name] += weighted
            else:
                totals[name] = weighted

    def takes_sums(self, labels):
        """Whether `take_sums` can stand in for calls at every batch.

        Arguments:
            labels: list of the values' names.

        Returns:
            Bool.
        """
        return _hooks_are_its_own(self) and not {"batch", "size"} & set(labels)

    def take_sums(self, samples, sums, values):
        """Takes in many batches at once.

        Arguments:
            samples: int, in these batches together.
            sums: dict of the values' sums over the epoch so far, each value times its batch's size.
            values: dict of the last batch's values.
        """
        self.seen += samples
        for name in sums:
            self.totals[name] = values[name] if name in self.stateful_metrics else sums[name]

    def on_epoch_end(self, epoch, logs=None):
        """Writes the means into `logs`.

        Arguments:
            epoch: int.
            logs: dict to fill.
        """
        if logs is None:
            return
        for name in self.params["metrics"]:
            if name in self.totals:
                if name in self.stateful_metrics:
                    logs[name] = self.totals[name]
                else:
                    logs[name] = self.totals[name] / self.seen


def _hooks_are_its_own(callback):
    """Whether nobody has hung another hook on this very callback."""
    return not {"on_batch_begin", "on_batch_end"} & callback.__dict__.keys()


class History(Callback):
    """Keeps the values of every epoch; `fit` returns one.

    Attributes:
        epoch: list of the epochs' numbers.
        history: dict from a value's name to the list of its values, one per epoch; `acc` and `accuracy` are found
            under either name.
    """

    _quick = True

    def on_train_begin(self, logs=None):
        """Forgets what an earlier training left.

        Arguments:
            logs: dict.
        """
        self.epoch = []
        self.history = Logs()

    def on_epoch_end(self, epoch, logs=None):
        """Appends the values of an epoch.

        Arguments:
            epoch: int.
            logs: dict of values.
        """
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class ProgbarLogger(Callback):
    """Shows a progress bar with the metrics on standard output.

    Arguments:
        count_mode: 'samples' or 'steps', what the bar counts.
        stateful_metrics: names of values that are shown as they are instead of averaged.

    Raises:
        ValueError: for another `count_mode`.
    """

    _quick = True

    def __init__(self, count_mode="samples", stateful_metrics=None):
        super().__init__()
        if count_mode not in ("samples", "steps"):
            raise ValueError(f"Unknown `count_mode`: {count_mode}; it is 'samples' or 'steps'.")
        self.use_steps = count_mode == "steps"
        self.stateful_metrics = set(stateful_metrics) if stateful_metrics else set()
        # For programs that drive the callback by hand and leave hooks out.
        self.seen = 0
        self.target = None
        self.log_values = []

    def on_train_begin(self, logs=None):
        """Reads the settings.

        Arguments:
            logs: dict.
        """
        self.verbose = self.params["verbose"]
        self.epochs = self.params["epochs"]

    def on_epoch_begin(self, epoch, logs=None):
        """Announces the epoch and starts a new bar.

        Arguments:
            epoch: int, from 0.
            logs: dict.
        """
        self.seen = 0
        self.log_values = []
        self.target = self.params["steps"] if self.use_steps else self.params["samples"]
        if self.verbose:
            print(f"Epoch {epoch + 1}/{self.epochs}")
            self.progbar = Progbar(target=self.target, verbose=self.verbose, stateful_metrics=self.stateful_metrics)

    def on_batch_begin(self, batch, logs=None):
        """Makes room for the values of a batch.

        Arguments:
            batch: int.
            logs: dict.
        """
        if self.target is None or self.seen < self.target:
            self.log_values = []

    def on_batch_end(self, batch, logs=None):
        """Moves the bar on.

        Arguments:
            batch: int.
            logs: dict with `size` and the values.
        """
        logs = logs or {}
        self.seen += 1 if self.use_steps else logs.get("size", 0)
        if not self.verbose:
            return
        self.log_values += [(name, logs[name]) for name in self.params["metrics"] if name in logs]
        # The last batch is drawn by `on_epoch_end`, with the validation's values.
        if self.target is None or self.seen < self.target:
            self.progbar.update(self.seen, self.log_values)

    def takes_sums(self, labels):
        """Whether `take_sums` can stand in for calls at every batch.

        Arguments:
            labels: list of the values' names.

        Returns:
            Bool.
        """
        return _hooks_are_its_own(self) and not self.use_steps and not {"batch", "size"} & set(labels)

    def take_sums(self, samples, sums, values):
        """Takes in many batches at once, not the epoch's last.

        Arguments:
            samples: int, in these batches together.
            sums: dict of the values' sums over the epoch so far, each value times its batch's size.
            values: dict of the last batch's values.
        """
        self.seen += samples
        if not self.verbose:
            return
        self.log_values = [(name, values[name]) for name in self.params["metrics"] if name in values]
        self.progbar.skip_to(self.seen, {name: sums[name] for name, _ in self.log_values}, values)

    def on_epoch_end(self, epoch, logs=None):
        """Completes the bar with the values of the epoch.

        Arguments:
            epoch: int.
            logs: dict of values.
        """
        if not self.verbose:
            return
        logs = logs or {}
        self.log_values += [(name, logs[name]) for name in self.params["metrics"] if name in logs]
        self.progbar.update(self.seen, self.log_values)


class CSVLogger(Callback):
    """Writes the values of every epoch as a row of a CSV file.

    Arguments:
        filename: path of the file.
        separator: string between two fields.
        append: bool, whether to go on at the end of an existing file instead of replacing it.

    A row is written, whole, when its epoch ends; the rows of a training that is killed remain.
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename = filename
        self.sep = separator
        self.append = append
        self.append_header = True
        self.file_flags = ""
        self.keys = None
        self.writer = None
        self.csv_file = None

    def on_train_begin(self, logs=None):
        """Opens the file.

        Arguments:
            logs: dict.
        """
        end = _last_byte(self.filename) if self.append else b""
        self.append_header = not end
        self.csv_file = open(self.filename, ("a" if self.append else "w") + self.file_flags, newline="")
        if end and end not in b"\r\n":
            # An interrupted writer's last line; ours begin on a new one.
            self.csv_file.write("\r\n")

    def on_epoch_end(self, epoch, logs=None):
        """Writes the row of an epoch, at first use with the header before it.

        Arguments:
            epoch: int, from 0.
            logs: dict of values; a name of the header that is missing is written as NA.
        """
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
        if self.writer is None:
            names = ["epoch"] + self.keys
            self.writer = csv.DictWriter(self.csv_file, fieldnames=names, delimiter=self.sep, extrasaction="ignore")
            if self.append_header:
                self.writer.writeheader()
        row = {"epoch": epoch}
        row.update((name, _csv_value(logs[name]) if name in logs else "NA") for name in self.keys)
        self.writer.writerow(row)
        self.csv_file.flush()

    def on_train_end(self, logs=None):
        """Closes the file.

        Arguments:
            logs: dict.
        """
        self.csv_file.close()
        self.writer = None


def _last_byte(path):
    """The last byte of a file; none of an empty or missing one."""
    if not os.path.exists(path) or not os.path.getsize(path):
        return b""
    with open(path, "rb") as f:
        f.seek(-1, os.SEEK_END)
        return f.read()


def _csv_value(value):
    """What is written for a value: lists and arrays as quoted text, anything else as it is."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return '"[{}]"'.format(", ".join(map(str, value)))


class RemoteMonitor(Callback):
    """Posts the values of every epoch to an HTTP server; needs the `requests` package.

    Arguments:
        root: URL of the server.
        path: path below `root`.
        field: name of the form field that carries the values as JSON.
        headers: dict of HTTP headers, or None.
        send_as_json: bool, whether the body is the JSON itself instead of a form.
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch, logs=None):
        """Posts the values; a server that cannot be reached only causes a warning.

        Arguments:
            epoch: int, from 0.
            logs: dict of values.

        Raises:
            ImportError: when `requests` is not installed.
        """
        import json

        try:
            import requests
        except ImportError:
            raise ImportError("RemoteMonitor needs the `requests` package: pip install requests") from None
        send = {"epoch": epoch}
        for name, value in (logs or {}).items():
            send[name] = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
        url = self.root + self.path
        try:
            if self.send_as_json:
                requests.post(url, json=send, headers=self.headers)
            else:
                requests.post(url, data={self.field: json.dumps(send)}, headers=self.headers)
        except requests.exceptions.RequestException:
            warnings.warn(f"Could not reach the RemoteMonitor server at {url}", stacklevel=2)
