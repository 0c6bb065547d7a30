"""Callbacks for trainings in several processes."""

import numpy as np

from .. import backend as K
from ..callbacks.base import Callback
from .process import current

__all__ = [
    "BroadcastGlobalVariablesCallback",
    "LearningRateScheduleCallback",
    "LearningRateWarmupCallback",
    "MetricAverageCallback",
]


class BroadcastGlobalVariablesCallback(Callback):
    """Lets all processes begin with the variables of one, drawn or loaded.

    Arguments:
        root_rank: int, that process.
        device: accepted, without effect.
    """

    def __init__(self, root_rank, device=""):
        super().__init__()
        self.root_rank = root_rank
        self.broadcast_done = False

    def on_train_begin(self, logs=None):
        """Broadcasts, the first time.

        Arguments:
            logs: dict, without effect.
        """
        from . import broadcast_global_variables

        if not self.broadcast_done:
            broadcast_global_variables(self.root_rank)
            self.broadcast_done = True


class MetricAverageCallback(Callback):
    """Averages the values of an epoch over all processes.

    Put it before callbacks that look at those values, such as `ReduceLROnPlateau`.

    Arguments:
        device: accepted, without effect.
    """

    def __init__(self, device=""):
        super().__init__()

    def on_epoch_end(self, epoch, logs=None):
        """Replaces the values by their averages.

        Arguments:
            epoch: int.
            logs: dict of the values, changed in place.
        """
        if not logs:
            return
        names = sorted(name for name, value in logs.items() if np.ndim(value) == 0)
        values = np.array([logs[name] for name in names], dtype="float64")
        current().sum(values)
        values /= current().size
        for name, value in zip(names, values.tolist()):
            logs[name] = value


class LearningRateScheduleCallback(Callback):
    """Multiplies the learning rate by a factor from one epoch on, until another.

    Momentum is scaled along with the rate for the batch in which it changes, so that the steps taken before keep
    their length (Goyal et al., "Accurate, Large Minibatch SGD", 2017).

    Arguments:
        multiplier: number, or function of the epoch; with `staircase=False` the epoch has a fraction.
        start_epoch: int, the first epoch this holds for.
        end_epoch: int, the first one it does not; None for no end.
        staircase: bool, whether the rate changes with epochs only, not with every batch.
        momentum_correction: bool.
        steps_per_epoch: int, batches of an epoch, for `staircase=False`; found out where it can be.
        initial_lr: float, the rate that is multiplied; None for that at the start.
    """

    def __init__(
        self,
        multiplier,
        start_epoch=0,
        end_epoch=None,
        staircase=True,
        momentum_correction=True,
        steps_per_epoch=None,
        initial_lr=None,
    ):
        super().__init__()
        self.start_epoch = start_epoch
        self.end_epoch = end_epoch
        self.momentum_correction = momentum_correction
        self.initial_lr = initial_lr
        self.steps_per_epoch = steps_per_epoch
        self.current_epoch = 0
        self.restore_momentum = None
        if callable(multiplier):
            self.staircase, self.multiplier = staircase, multiplier
        else:
            self.staircase, self.multiplier = True, lambda epoch: multiplier

    def _steps(self):
        params = self.params or {}
        if params.get("steps"):
            return params["steps"]
        if params.get("samples") and params.get("batch_size"):
            return -(-params["samples"] // params["batch_size"])
        raise ValueError(f"{type(self).__name__} cannot tell how many batches an epoch has; pass it steps_per_epoch")

    def _adjust(self, epoch):
        optimizer = self.model.optimizer
        before = K.get_value(optimizer.lr)
        after = self.initial_lr * self.multiplier(epoch)
        K.set_value(optimizer.lr, after)
        if self.momentum_correction and hasattr(optimizer, "momentum") and before > 0:
            momentum = K.get_value(optimizer.momentum)
            if self.restore_momentum is None:
                self.restore_momentum = momentum
            K.set_value(optimizer.momentum, momentum * after / before)

    def on_train_begin(self, logs=None):
        """Reads the rate there is.

        Arguments:
            logs: dict, without effect.
        """
        if self.initial_lr is None:
            self.initial_lr = float(K.get_value(self.model.optimizer.lr))
        if not self.staircase and not self.steps_per_epoch:
            self.steps_per_epoch = self._steps()

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch.

        Arguments:
            epoch: int.
            logs: dict, without effect.
        """
        self.current_epoch = epoch

    def on_batch_begin(self, batch, logs=None):
        """Sets the rate.

        Arguments:
            batch: int.
            logs: dict, without effect.
        """
        if self.current_epoch < self.start_epoch or (
            self.end_epoch is not None and self.current_epoch >= self.end_epoch
        ):
            return
        if not self.staircase:
            self._adjust(self.current_epoch + batch / self.steps_per_epoch)
        elif batch == 0:
            self._adjust(self.current_epoch)

    def on_batch_end(self, batch, logs=None):
        """Puts the momentum back.

        Arguments:
            batch: int.
            logs: dict, without effect.
        """
        if self.restore_momentum is not None:
            K.set_value(self.model.optimizer.momentum, self.restore_momentum)
            self.restore_momentum = None

    def on_epoch_end(self, epoch, logs=None):
        """Adds the rate to the values of the epoch, as `lr`.

        Arguments:
            epoch: int.
            logs: dict, changed in place.
        """
        if logs is not None:
            logs["lr"] = float(K.get_value(self.model.optimizer.lr))


class LearningRateWarmupCallback(LearningRateScheduleCallback):
    """Raises the learning rate, batch by batch, from that of one process to that set, that of all of them.

    Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.

    Arguments:
        warmup_epochs: number of epochs.
        momentum_correction: bool, as for `LearningRateScheduleCallback`.
        steps_per_epoch: int, batches of an epoch; found out where it can be.
        verbose: int, 1 to print the rate at the end.
        initial_lr: float, the rate to end with; None for that at the start.
    """

    def __init__(self, warmup_epochs=5, momentum_correction=True, steps_per_epoch=None, verbose=0, initial_lr=None):
        def share(epoch):
            # Its batch included, an epoch's last batch counts as the whole epoch.
            done = epoch + 1.0 / self.steps_per_epoch
            size = current().size
            return (1.0 + done * (size - 1) / warmup_epochs) / size

        super().__init__(
            share,
            end_epoch=warmup_epochs,
            staircase=False,
            momentum_correction=momentum_correction,
            steps_per_epoch=steps_per_epoch,
            initial_lr=initial_lr,
        )
        self.verbose = verbose

    def on_epoch_end(self, epoch, logs=None):
        """Adds the rate to the values of the epoch; tells it after the last epoch of the warm-up.

        Arguments:
            epoch: int.
            logs: dict, changed in place.
        """
        super().on_epoch_end(epoch, logs)
        if self.verbose and epoch == self.end_epoch - 1:
            rate = float(K.get_value(self.model.optimizer.lr))
            print(f"\nEpoch {epoch + 1}: finished gradual learning rate warmup to {rate:g}.")
