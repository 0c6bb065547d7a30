"""Callbacks that act on a training: stop it, save the model, change the learning rate."""

import inspect
import warnings

import numpy as np

from .. import backend as K
from ..utils.logs import Logs, find_log
from .base import Callback

__all__ = [
    "EarlyStopping",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]


def _checked_mode(mode, who):
    """`mode` when it is known, else 'auto' with a warning."""
    if mode in ("auto", "min", "max"):
        return mode
    warnings.warn(
        f"{who} mode {mode} is unknown, fallback to auto mode: it is 'auto', 'min' or 'max'.",
        RuntimeWarning,
        stacklevel=3,
    )
    return "auto"


def _learning_rate(model):
    """The learning rate as a Python float, the shortest one that means it: 0.01, though single precision has no 0.01.

    JSON and CSV files of a history are to hold what people wrote.
    """
    return float(str(K.get_value(model.optimizer.lr)))


class TerminateOnNaN(Callback):
    """Stops the training when a batch's loss is NaN or infinite."""

    _quick = True

    def on_batch_end(self, batch, logs=None):
        """Looks at the loss of a batch.

        Arguments:
            batch: int.
            logs: dict with `loss`.
        """
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class ModelCheckpoint(Callback):
    """Saves the model at the end of epochs.

    Arguments:
        filepath: path of the file; `{epoch:02d}` and `{name}` of a logged value are filled in.
        monitor: name of the value that tells which model is the best.
        verbose: 0 or 1, whether to print what is done.
        save_best_only: bool, whether to save only when `monitor` has improved.
        save_weights_only: bool, whether to call `model.save_weights` instead of `model.save`.
        mode: 'min', 'max' or 'auto' (by the name), what an improvement is.
        period: int, epochs between two saves.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        period=1,
    ):
        super().__init__()
        self.monitor = monitor
        self.verbose = verbose
        self.filepath = filepath
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.period = period
        self.epochs_since_last_save = 0
        mode = _checked_mode(mode, "ModelCheckpoint")
        if mode == "auto":
            mode = "max" if "acc" in monitor or monitor.startswith("fmeasure") else "min"
        self.monitor_op = np.greater if mode == "max" else np.less
        self.best = -np.inf if mode == "max" else np.inf

    def on_epoch_end(self, epoch, logs=None):
        """Saves the model when it is due.

        Arguments:
            epoch: int, from 0.
            logs: dict of values.

        Raises:
            KeyError: when `filepath` names a value that is not logged.
        """
        logs = logs or {}
        self.epochs_since_last_save += 1
        if self.epochs_since_last_save < self.period:
            return
        self.epochs_since_last_save = 0
        filepath = self._path(epoch, logs)
        if not self.save_best_only:
            self._say(epoch, f"saving model to {filepath}")
            self._save(filepath)
            return
        current = find_log(logs, self.monitor)
        if current is None:
            warnings.warn(
                "Can save best model only with {} available, skipping. Available are: {}".format(
                    self.monitor, ", ".join(logs)
                ),
                RuntimeWarning,
                stacklevel=2,
            )
        elif self.monitor_op(current, self.best):
            self._say(
                epoch,
                f"{self.monitor} improved from {self.best:0.5f} to {current:0.5f}, saving model to {filepath}",
            )
            self.best = current
            self._save(filepath)
        else:
            self._say(epoch, f"{self.monitor} did not improve from {self.best:0.5f}")

    def _path(self, epoch, logs):
        try:
            return str(self.filepath).format_map(Logs(logs, epoch=epoch + 1))
        except KeyError as error:
            raise KeyError(
                "ModelCheckpoint: the file name {!r} needs the value {}, but logged are: {}".format(
                    str(self.filepath), error, ", ".join(["epoch", *logs])
                )
            ) from None

    def _say(self, epoch, text):
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: {text}")

    def _save(self, filepath):
        if self.save_weights_only:
            self.model.save_weights(filepath, overwrite=True)
        else:
            self.model.save(filepath, overwrite=True)


class EarlyStopping(Callback):
    """Stops the training when a value has stopped improving.

    Arguments:
        monitor: name of the value.
        min_delta: float, a smaller change does not count as an improvement.
        patience: int, epochs without improvement after which the training stops.
        verbose: 0 or 1, whether to say so.
        mode: 'min', 'max' or 'auto' (by the name), what an improvement is.
        baseline: float the value has to beat, or None.
        restore_best_weights: bool, whether to put back the weights of the best epoch when stopping.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
    ):
        super().__init__()
        self.monitor = monitor
        self.baseline = baseline
        self.patience = patience
        self.verbose = verbose
        self.wait = 0
        self.stopped_epoch = 0
        self.restore_best_weights = restore_best_weights
        self.best_weights = None
        mode = _checked_mode(mode, "EarlyStopping")
        if mode == "auto":
            mode = "max" if "acc" in monitor else "min"
        self.monitor_op = np.greater if mode == "max" else np.less
        self.min_delta = min_delta if mode == "max" else -min_delta

    def on_train_begin(self, logs=None):
        """Starts over, so that the callback can serve several trainings.

        Arguments:
            logs: dict.
        """
        self.wait = 0
        self.stopped_epoch = 0
        self.best_weights = None
        if self.baseline is not None:
            self.best = self.baseline
        else:
            self.best = np.inf if self.monitor_op is np.less else -np.inf

    def on_epoch_end(self, epoch, logs=None):
        """Compares the value with the best one so far.

        Arguments:
            epoch: int, from 0.
            logs: dict of values.
        """
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.monitor_op(current - self.min_delta, self.best):
            self.best = current
            self.wait = 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            # Without one good epoch (NaN from the start, baseline never met) there is nothing to put back.
            if self.restore_best_weights and self.best_weights is not None:
                if self.verbose > 0:
                    print("Restoring model weights from the end of the best epoch")
                self.model.set_weights(self.best_weights)

    def on_train_end(self, logs=None):
        """Says when the training was stopped.

        Arguments:
            logs: dict.
        """
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1:05d}: early stopping")

    def get_monitor_value(self, logs):
        """Looks the value up.

        Arguments:
            logs: dict of values.

        Returns:
            The value, or None with a warning when it is not there.
        """
        logs = logs or {}
        value = find_log(logs, self.monitor)
        if value is None:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}",
                RuntimeWarning,
                stacklevel=2,
            )
        return value


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of every epoch.

    Arguments:
        schedule: function of `(epoch)` or `(epoch, lr)` that returns the new learning rate, a float.
        verbose: 0 or 1, whether to print it.
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        """Asks the schedule and sets the learning rate.

        Arguments:
            epoch: int, from 0.
            logs: dict.

        Raises:
            ValueError: when the optimizer has no `lr` or the schedule does not return a float.
        """
        if not hasattr(self.model.optimizer, "lr"):
            raise ValueError(f'Optimizer must have a "lr" attribute: {type(self.model.optimizer).__name__} has none.')
        lr = float(K.get_value(self.model.optimizer.lr))
        lr = self.schedule(epoch, lr) if _takes_two(self.schedule, epoch, lr) else self.schedule(epoch)
        if not isinstance(lr, (float, np.floating)):
            raise ValueError(f'The output of the "schedule" function should be float, got {lr!r} for epoch {epoch}.')
        K.set_value(self.model.optimizer.lr, lr)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: LearningRateScheduler setting learning rate to {lr}.")

    def on_epoch_end(self, epoch, logs=None):
        """Logs the learning rate as `lr`.

        Arguments:
            epoch: int, from 0.
            logs: dict to add to.
        """
        if logs is not None:
            logs["lr"] = _learning_rate(self.model)


def _takes_two(function, *args):
    """Whether a schedule can be called with the epoch and the learning rate."""
    try:
        inspect.signature(function).bind(*args)
    except TypeError:
        return False
    except ValueError:  # builtins without a signature
        return False
    return True


class ReduceLROnPlateau(Callback):
    """Lowers the learning rate when a value has stopped improving.

    Arguments:
        monitor: name of the value.
        factor: float below 1 the learning rate is multiplied by.
        patience: int, epochs without improvement after which it is lowered.
        verbose: 0 or 1, whether to say so.
        mode: 'min', 'max' or 'auto' (by the name), what an improvement is.
        min_delta: float, a smaller change does not count as an improvement.
        cooldown: int, epochs to wait after a reduction before counting again.
        min_lr: float, the learning rate is not lowered below it.
        **kwargs: `epsilon`, the old name of `min_delta`.

    Raises:
        ValueError: when `factor` is 1 or more.
        TypeError: for an unknown keyword.
    """

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0,
        **kwargs,
    ):
        super().__init__()
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0, got {factor}.")
        if "epsilon" in kwargs:
            min_delta = kwargs.pop("epsilon")
            warnings.warn("`epsilon` argument is deprecated: ReduceLROnPlateau calls it `min_delta` now.", stacklevel=2)
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau: unknown keyword arguments {sorted(kwargs)}.")
        self.monitor = monitor
        self.factor = factor
        self.min_lr = min_lr
        self.min_delta = min_delta
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.mode = mode
        self._reset()

    def _reset(self):
        self.mode = _checked_mode(self.mode, "ReduceLROnPlateau")
        rising = self.mode == "max" or (self.mode == "auto" and "acc" in self.monitor)
        if rising:
            self.monitor_op, self.best = self._has_risen, -np.inf
        else:
            self.monitor_op, self.best = self._has_fallen, np.inf
        self.cooldown_counter = 0
        self.wait = 0

    # Methods, because a callback with lambdas could not be pickled.
    def _has_risen(self, value, best):
        return np.greater(value, best + self.min_delta)

    def _has_fallen(self, value, best):
        return np.less(value, best - self.min_delta)

    def on_train_begin(self, logs=None):
        """Starts over, so that the callback can serve several trainings.

        Arguments:
            logs: dict.
        """
        self._reset()

    def on_epoch_end(self, epoch, logs=None):
        """Compares the value with the best one so far and logs the learning rate as `lr`.

        Arguments:
            epoch: int, from 0.
            logs: dict of values.
        """
        logs = {} if logs is None else logs
        logs["lr"] = _learning_rate(self.model)
        current = find_log(logs, self.monitor)
        if current is None:
            warnings.warn(
                "Reduce LR on plateau conditioned on metric `{}` which is not available. "
                "Available metrics are: {}".format(self.monitor, ",".join(logs)),
                RuntimeWarning,
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor_op(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch):
        old_lr = float(K.get_value(self.model.optimizer.lr))
        if old_lr <= self.min_lr:
            return
        new_lr = max(old_lr * self.factor, self.min_lr)
        K.set_value(self.model.optimizer.lr, new_lr)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1:05d}: ReduceLROnPlateau reducing learning rate to {new_lr}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0

    def in_cooldown(self):
        """Tells whether the last reduction is too recent to count epochs.

        Returns:
            bool.
        """
        return self.cooldown_counter > 0
