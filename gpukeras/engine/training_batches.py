"""The batches of a training, evaluation or prediction, and what is made of those that nobody looks at one by one."""

import numpy as np

from ..callbacks.loggers import BaseLogger, ProgbarLogger
from ..utils.logs import Logs

__all__ = ["Batches", "Tally", "WholeSteps"]

# How long steps may go on without coming back (seconds): the progress bar is drawn as often, and Ctrl-C is answered.
_PATIENCE = 0.05


class Batches:
    """One pass over the samples, batch by batch.

    Arguments:
        f: function to call.
        feeds: `Feeds`.
        order: int64 array, the samples in the order to take them; None: as they lie.
        samples: int.
        batch_size: int.
    """

    def __init__(self, f, feeds, order, samples, batch_size):
        self.f, self.feeds, self.order, self.samples, self.batch_size = f, feeds, order, samples, batch_size
        self.steps = feeds.steps(f)
        if order is not None and self.steps is not None:
            self.order = np.ascontiguousarray(order, dtype="int64")

    def __len__(self):
        return (self.samples + self.batch_size - 1) // self.batch_size

    def size(self, number):
        """The number of samples in a batch.

        Arguments:
            number: int, the batch's.

        Returns:
            Int.
        """
        return min(self.batch_size, self.samples - number * self.batch_size)

    def run(self, number):
        """Makes the step of a batch.

        Arguments:
            number: int, the batch's.

        Returns:
            List of the function's outputs.
        """
        begin, size = number * self.batch_size, self.size(number)
        outs = self.steps.one(self.order, begin, size) if self.steps is not None else None
        if outs is not None:
            return outs
        ids = slice(begin, begin + size)
        return self.f(self.feeds.rows(ids if self.order is None else self.order[ids]))

    def add_up(self, number, stop, totals):
        """Makes steps of whole batches for a while.

        Arguments:
            number: int, of the first batch.
            stop: int, of the batch to stop before.
            totals: float64 array; each output of a batch, times its size, is added to one of its numbers.

        Returns:
            The number of the batch that comes next; `number` itself where batches can only be run one by one.
        """
        size = self.batch_size
        if self.steps is None:
            return number
        return number + self.steps.add_up(self.order, number * size, stop * size, size, totals, _PATIENCE) // size

    def values(self):
        """The outputs of the last step that `add_up` made.

        Returns:
            List of NumPy scalars.
        """
        return self.steps.values(self.batch_size)

    def collect(self, number):
        """Makes steps of whole batches for a while and keeps their outputs.

        Arguments:
            number: int, of the first batch.

        Returns:
            The number of the batch that comes next; `number` itself where batches can only be run one by one.
        """
        size = self.size(number)
        whole = self.samples // size * size if size == self.batch_size else self.samples
        if self.steps is None:
            return number
        return number + self.steps.collect(number * self.batch_size, whole, size, _PATIENCE) // size

    def results(self):
        """What `collect` keeps.

        Returns:
            List of arrays with one row per sample, or None.
        """
        return None if self.steps is None else self.steps.results()


class WholeSteps:
    """Steps that take all of the data each; a stand-in for `Batches`.

    Arguments:
        f: function to call.
        feeds: `Feeds`.
        steps: int.
    """

    def __init__(self, f, feeds, steps):
        self.f, self.feeds, self.count = f, feeds, steps

    def __len__(self):
        return self.count

    def size(self, number):
        """The weight of a step.

        Arguments:
            number: int, the step's.

        Returns:
            1.
        """
        return 1

    def run(self, number):
        """Makes a step.

        Arguments:
            number: int, the step's.

        Returns:
            List of the function's outputs.
        """
        return self.f(self.feeds.whole())

    def add_up(self, number, stop, totals):
        """Steps are made one by one.

        Arguments:
            number: int.
            stop: int.
            totals: array.

        Returns:
            `number`.
        """
        return number


class Tally:
    """Lets batches pass whose values no callback asks for, and keeps the loggers' sums as if they had seen each.

    Arguments:
        chain: `CallbackList` of the training, in an epoch.
        labels: list of the names of the function's outputs.
    """

    def __init__(self, chain, labels):
        self.labels = labels
        self.totals = np.zeros(len(labels))
        watchers = chain.batch_watchers()
        self.loggers = [c for c in watchers if type(c) in (BaseLogger, ProgbarLogger) and c.takes_sums(labels)]
        first = self.loggers[0] if self.loggers else None
        #: Whether there is no callback that wants to be called for every batch.
        self.is_enough = type(first) is BaseLogger and len(self.loggers) == len(watchers)

    def run(self, batches, number, stop):
        """Runs batches for a while.

        Arguments:
            batches: `Batches`.
            number: int, of the first batch, which is not the first of the epoch.
            stop: int, of the batch to stop before.

        Returns:
            The number of the batch that comes next; `number` itself where batches can only be run one by one.
        """
        sums = self.loggers[0].totals
        for i, label in enumerate(self.labels):
            self.totals[i] = sums[label]
        after = batches.add_up(number, stop, self.totals)
        if after > number:
            sums, values = Logs(zip(self.labels, self.totals.tolist())), Logs(zip(self.labels, batches.values()))
            for logger in self.loggers:
                logger.take_sums((after - number) * batches.batch_size, sums, values)
        return after
