"""The text progress bar of `fit`, `evaluate`, `predict` and `get_file`."""

import sys
import time

import numpy as np

__all__ = ["Progbar"]


class Progbar:
    """Shows how far a loop has come, how long it will take, and running averages.

    Arguments:
        target: int, the number of units to do; None when it is not known.
        width: int, width of the bar in characters.
        verbose: 0 shows nothing, 1 a bar that is redrawn, 2 one line when the target is reached.
        interval: float, seconds between two redraws at least (`verbose=1`).
        stateful_metrics: names of values that are shown as they are; all others are averaged over the units.
    """

    def __init__(self, target, width=30, verbose=1, interval=0.05, stateful_metrics=None):
        self.target = target
        self.width = width
        # Programs without a console have no standard output.
        self.verbose = verbose if sys.stdout is not None else 0
        self.interval = interval
        self.stateful_metrics = set(stateful_metrics) if stateful_metrics else set()
        # A terminal or a notebook can redraw a line; a file or a pipe gets one line per redraw.
        self._dynamic_display = (hasattr(sys.stdout, "isatty") and sys.stdout.isatty()) or "ipykernel" in sys.modules
        self._total_width = 0
        self._seen_so_far = 0
        self._values = {}  # name -> [sum of value * units, units], in order of first appearance
        self._start = time.time()
        self._last_update = 0

    def update(self, current, values=None):
        """Moves the bar to `current` and takes in the values of the units since the last call.

        Arguments:
            current: int, units done so far.
            values: list of `(name, value)`; a value stands for each unit since the last call.
        """
        if values:
            self._take_in(current - self._seen_so_far, values)
        self._move_to(current)

    def skip_to(self, current, sums, values):
        """Moves the bar to `current` as many calls of `update` would have done.

        Arguments:
            current: int, units done so far, fewer than the target.
            sums: dict from names to the sums of value times units over all units so far.
            values: dict from names to the last values.
        """
        for name, total in sums.items():
            self._values[name] = [float(values[name]), 1] if name in self.stateful_metrics else [total, current]
        self._move_to(current)

    def _move_to(self, current):
        self._seen_so_far = current
        if self.verbose == 1:
            now = time.time()
            target = self.target
            if target is not None and current < target and now - self._last_update < self.interval:
                return
            self._draw_bar(current, now)
            self._last_update = now
        elif self.verbose == 2:
            now = time.time()
            if self.target is None or current >= self.target:
                sys.stdout.write(f" - {now - self._start:.0f}s{self._metrics_text()}\n")
                sys.stdout.flush()
            self._last_update = now

    def add(self, n, values=None):
        """Moves the bar on by `n` units.

        Arguments:
            n: int, units done since the last call.
            values: as for `update`.
        """
        self.update(self._seen_so_far + n, values)

    def _take_in(self, units, values):
        table = self._values
        stateful = self.stateful_metrics
        for name, value in values:
            try:
                # A Python number is quicker to add up, and infinity times 0 units is no warning.
                value = float(value)
            except (TypeError, ValueError):
                pass
            if name in stateful:
                table[name] = [value, 1]
            elif name in table:
                entry = table[name]
                entry[0] += value * units
                entry[1] += units
            else:
                table[name] = [value * units, units]

    def _metrics_text(self):
        parts = []
        for name, (total, units) in self._values.items():
            try:
                value = float(np.mean(total / max(1, units)))
            except TypeError:
                parts.append(f" - {name}: {total}")
                continue
            parts.append((" - %s: %.4f" if abs(value) > 1e-3 else " - %s: %.4e") % (name, value))
        return "".join(parts)

    def _draw_bar(self, current, now):
        bar = self._bar_text(current)
        text = bar + self._time_text(current, now) + self._metrics_text()
        padding = " " * max(0, self._total_width - len(text))
        if self._dynamic_display:
            start = "\b" * self._total_width + "\r"
        else:
            start = "\n"
        end = "\n" if self.target is not None and current >= self.target else ""
        self._total_width = len(text)
        sys.stdout.write(start + text + padding + end)
        sys.stdout.flush()

    def _bar_text(self, current):
        target = self.target
        if target is None:
            return f"{current:7d}/Unknown"
        filled = int(self.width * (float(current) / target)) if target else self.width
        bar = ""
        if filled > 0:
            bar = "=" * (filled - 1) + (">" if current < target else "=")
        dots = "." * (self.width - filled)
        return f"{current:{len(str(target))}d}/{target} [{bar}{dots}]"

    def _time_text(self, current, now):
        elapsed = now - self._start
        per_unit = elapsed / current if current else 0
        if self.target is not None and current < self.target:
            return " - ETA: " + _clock(per_unit * (self.target - current))
        text = f" - {elapsed:.0f}s"
        if per_unit >= 1:
            return text + f" {per_unit:.0f}s/step"
        if per_unit >= 1e-3:
            return text + " %.0fms/step" % (per_unit * 1e3)
        return text + " %.0fus/step" % (per_unit * 1e6)


def _clock(seconds):
    """Text of a duration: 4:26:40, 3:30 or 12s."""
    long, medium = seconds > 3600, seconds > 60
    seconds = int(seconds)
    if long:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    if medium:
        return f"{seconds // 60}:{seconds % 60:02d}"
    return f"{seconds}s"
