"""The callback protocol: `Callback`, the list that drives callbacks, and `LambdaCallback`."""

import warnings
from collections import deque
from time import perf_counter

from ..utils.logs import Logs

__all__ = ["Callback", "CallbackList", "LambdaCallback"]

# A batch hook slower than this, and slower than the batch itself, earns a warning (seconds).
_SLOW_HOOK = 0.1


class Callback:
    """Base class of callbacks; override the hooks you need.

    Attributes:
        params: dict of the training's settings: `epochs`, `steps`, `samples`, `batch_size`, `verbose`,
            `do_validation` and `metrics` (names of the values in `logs`).
        model: the `Model` being trained.
        validation_data: list of arrays `[x..., y..., weights...]`, when validation arrays were given.

    `logs` holds `batch`, `size` and the batch's loss and metrics in `on_batch_end`, and the epoch's means
    together with the `val_...` values in `on_epoch_end`.
    """

    # Class attributes too, because subclasses do not always call this constructor.
    validation_data = None
    model = None
    params = None

    def __init__(self):
        self.validation_data = None
        self.model = None

    def set_params(self, params):
        """Stores the settings of the training.

        Arguments:
            params: dict, see the class.
        """
        self.params = params

    def set_model(self, model):
        """Stores the model that is trained.

        Arguments:
            model: `Model` instance.
        """
        self.model = model

    def on_epoch_begin(self, epoch, logs=None):
        """Called at the start of an epoch.

        Arguments:
            epoch: int, from 0.
            logs: dict, empty.
        """

    def on_epoch_end(self, epoch, logs=None):
        """Called at the end of an epoch, after validation.

        Arguments:
            epoch: int, from 0.
            logs: dict of the epoch's values; entries added here are seen by later callbacks.
        """

    def on_batch_begin(self, batch, logs=None):
        """Called before a batch is trained on.

        Arguments:
            batch: int, from 0 in every epoch.
            logs: dict with `batch` and `size`.
        """

    def on_batch_end(self, batch, logs=None):
        """Called after a batch was trained on.

        Arguments:
            batch: int, from 0 in every epoch.
            logs: dict with `batch`, `size`, the loss and the metrics.
        """

    def on_train_begin(self, logs=None):
        """Called once before the first epoch.

        Arguments:
            logs: dict, empty.
        """

    def on_train_end(self, logs=None):
        """Called once after the last epoch.

        Arguments:
            logs: dict, empty.
        """


class CallbackList:
    """Calls the hooks of several callbacks in order.

    Callbacks that do not override a batch hook are not called for it, so that an idle callback costs nothing.

    Arguments:
        callbacks: list of `Callback` instances.
        queue_length: int, batch hooks looked back on when judging whether they slow the training down.
    """

    def __init__(self, callbacks=None, queue_length=10):
        self.callbacks = list(callbacks or [])
        self.queue_length = queue_length
        self._known = None  # the callbacks that the tables below were made for
        self._begin_hooks = self._end_hooks = ()
        self._watch = False
        self._forget_times()

    def append(self, callback):
        """Adds a callback at the end.

        Arguments:
            callback: `Callback` instance.
        """
        self.callbacks.append(callback)

    def set_params(self, params):
        """Passes the training's settings to every callback.

        Arguments:
            params: dict, see `Callback`.
        """
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model):
        """Passes the model to every callback.

        Arguments:
            model: `Model` instance.
        """
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def on_epoch_begin(self, epoch, logs=None):
        """Calls `on_epoch_begin` of every callback.

        Arguments:
            epoch: int, from 0.
            logs: dict.
        """
        logs = Logs() if logs is None else logs
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)
        self._collect_batch_hooks()
        self._forget_times()

    def on_epoch_end(self, epoch, logs=None):
        """Calls `on_epoch_end` of every callback.

        Arguments:
            epoch: int, from 0.
            logs: dict; callbacks may add to it.
        """
        logs = Logs() if logs is None else logs
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_batch_begin(self, batch, logs=None):
        """Calls `on_batch_begin` of the callbacks that have one.

        Arguments:
            batch: int, from 0.
            logs: dict.
        """
        if self._known is None or len(self._known) != len(self.callbacks):
            self._collect_batch_hooks()
        if not self._watch:
            if self._begin_hooks:
                logs = Logs() if logs is None else logs
                for hook in self._begin_hooks:
                    hook(batch, logs)
            return
        self._timed("on_batch_begin", self._begin_hooks, batch, logs)
        self._batch_started = perf_counter()

    def on_batch_end(self, batch, logs=None):
        """Calls `on_batch_end` of the callbacks that have one.

        Arguments:
            batch: int, from 0.
            logs: dict.
        """
        if self._known is None or len(self._known) != len(self.callbacks):
            self._collect_batch_hooks()
        if not self._watch:
            if self._end_hooks:
                logs = Logs() if logs is None else logs
                for hook in self._end_hooks:
                    hook(batch, logs)
            return
        self._batch_seconds = perf_counter() - self._batch_started
        self._timed("on_batch_end", self._end_hooks, batch, logs)

    def on_train_begin(self, logs=None):
        """Calls `on_train_begin` of every callback.

        Arguments:
            logs: dict.
        """
        logs = Logs() if logs is None else logs
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs=None):
        """Calls `on_train_end` of every callback.

        Arguments:
            logs: dict.
        """
        logs = Logs() if logs is None else logs
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def __iter__(self):
        return iter(self.callbacks)

    def batch_watchers(self):
        """The callbacks that have something to do for every batch.

        Returns:
            List of callbacks.
        """
        return [c for c in self.callbacks if _overrides(c, "on_batch_begin") or _overrides(c, "on_batch_end")]

    def _collect_batch_hooks(self):
        self._known = list(self.callbacks)
        self._begin_hooks = [c.on_batch_begin for c in self._known if _overrides(c, "on_batch_begin")]
        self._end_hooks = [c.on_batch_end for c in self._known if _overrides(c, "on_batch_end")]
        # The package's own per-batch callbacks are known to be quick: nothing to time for them.
        self._watch = any(
            not getattr(c, "_quick", False)
            for c in self._known
            if _overrides(c, "on_batch_begin") or _overrides(c, "on_batch_end")
        )

    def _forget_times(self):
        self._batch_started = perf_counter()
        self._batch_seconds = 0.0
        self._hook_seconds = {
            "on_batch_begin": deque(maxlen=self.queue_length),
            "on_batch_end": deque(maxlen=self.queue_length),
        }

    def _timed(self, name, hooks, batch, logs):
        logs = Logs() if logs is None else logs
        start = perf_counter()
        for hook in hooks:
            hook(batch, logs)
        seconds = perf_counter() - start
        history = self._hook_seconds[name]
        history.append(seconds)
        # The median is worth computing only when this very call was slow.
        if seconds > _SLOW_HOOK and self._batch_seconds > 0.0:
            middle = sorted(history)[len(history) // 2]
            if middle > _SLOW_HOOK and middle > 0.95 * self._batch_seconds:
                warnings.warn(
                    f"The {name} hooks of the callbacks take {middle:.3f} s, longer than the batch itself "
                    f"({self._batch_seconds:.3f} s): check your callbacks.",
                    stacklevel=3,
                )


def _overrides(callback, name):
    """Whether a callback does anything of its own in the hook `name`."""
    hook = getattr(callback, name, None)
    return hook is not None and getattr(hook, "__func__", hook) is not getattr(Callback, name)


class LambdaCallback(Callback):
    """Makes a callback of plain functions.

    Arguments:
        on_epoch_begin: function of `(epoch, logs)`.
        on_epoch_end: function of `(epoch, logs)`.
        on_batch_begin: function of `(batch, logs)`.
        on_batch_end: function of `(batch, logs)`.
        on_train_begin: function of `(logs)`.
        on_train_end: function of `(logs)`.
        **kwargs: further attributes of the callback.

    Example:
        LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs['loss']))
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_batch_begin=None,
        on_batch_end=None,
        on_train_begin=None,
        on_train_end=None,
        **kwargs,
    ):
        super().__init__()
        self.__dict__.update(kwargs)
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_batch_begin": on_batch_begin,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        for name, function in hooks.items():
            if function is not None:
                setattr(self, name, function)
