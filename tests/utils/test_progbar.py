"""The progress bar: its text, character by character, under a clock of the test's own."""

import sys

import numpy as np
import pytest

from gpukeras.utils import Progbar, generic_utils, progbar


class Clock:
    """Stands in for the module `time`."""

    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progbar, "time", clock)
    return clock


def drive(clock, capsys, target, steps, seconds=1.0, values=None, **kwargs):
    bar = Progbar(target, **kwargs)
    for i, current in enumerate(steps):
        clock.now += seconds
        bar.update(current, values(i) if values else None)
    return capsys.readouterr().out


def test_is_the_one_of_generic_utils():
    assert generic_utils.Progbar is Progbar is progbar.Progbar


def test_bar_and_remaining_seconds(clock, capsys):
    out = drive(clock, capsys, 10, [1, 5, 10])
    assert out == (
        "\n 1/10 [==>...........................] - ETA: 9s"
        "\n 5/10 [==============>...............] - ETA: 2s"
        "\n10/10 [==============================] - 3s 300ms/step\n"
    )


@pytest.mark.parametrize(
    ("seconds", "eta", "end"),
    [(4000.0, "4:26:40", "8000s 4000s/step"), (70.0, "1:10", "140s 70s/step"), (60.0, "60s", "120s 60s/step")],
)
def test_long_times(clock, capsys, seconds, eta, end):
    target = 5 if seconds == 4000.0 else 2
    out = drive(clock, capsys, target, [1], seconds)
    assert f" - ETA: {eta}" in out
    out = drive(clock, capsys, 2, [1, 2], seconds)
    assert out.endswith(f" - {end}\n")


def test_short_times(clock, capsys):
    assert drive(clock, capsys, 1000, [1000], 0.15).endswith(" - 0s 150us/step\n")
    assert drive(clock, capsys, 100, [100], 0.15).endswith(" - 0s 1ms/step\n")


def test_values_are_averaged_over_units(clock, capsys):
    out = drive(clock, capsys, 10, [2, 10], values=lambda i: [("loss", [1.0, 2.0][i])])
    assert "- loss: 1.0000\n10/10" in out
    assert out.endswith(" - loss: 1.8000\n")


def test_stateful_values_are_shown_as_they_are(clock, capsys):
    out = drive(clock, capsys, 10, [2, 10], values=lambda i: [("n", [3, 7][i])], stateful_metrics=["n"])
    assert out.endswith(" - n: 7.0000\n")


def test_small_and_odd_values(clock, capsys):
    values = [("a", 1e-5), ("b", 1e-3), ("c", 12345.678), ("d", float("nan")), ("e", 0.0), ("f", np.float32("inf"))]
    out = drive(clock, capsys, 2, [2], values=lambda _: values)
    assert out.endswith(" - a: 1.0000e-05 - b: 1.0000e-03 - c: 12345.6780 - d: nan - e: 0.0000e+00 - f: inf\n")


def test_infinite_value_over_no_units_is_no_warning(clock, capsys):
    bar = Progbar(10)
    for _ in range(2):
        clock.now += 1.0
        bar.update(5, [("loss", np.float32("inf"))])
    assert "loss: nan" in capsys.readouterr().out


def test_text_and_vectors(clock, capsys):
    values = [("a", np.array([1.0, 2.0])), ("s", "text")]
    out = drive(clock, capsys, 2, [2], values=lambda _: values, stateful_metrics=["s"])
    assert out.endswith(" - a: 1.5000 - s: text\n")


def test_shorter_line_is_padded(clock, capsys):
    out = drive(clock, capsys, 100000, [1, 50000], 0.6)
    first, second = out[1:].split("\n")
    assert first.endswith("ETA: 16:39:59") and second.rstrip().endswith("ETA: 1s")
    assert len(second) == len(first)


def test_unknown_target(clock, capsys):
    out = drive(clock, capsys, None, [1, 2], values=lambda i: [("loss", 1.0 + i)])
    assert out == "\n      1/Unknown - 1s 1s/step - loss: 1.0000\n      2/Unknown - 2s 1s/step - loss: 1.5000"


def test_more_than_the_target(clock, capsys):
    assert drive(clock, capsys, 10, [12]) == "\n12/10 [" + "=" * 36 + "] - 1s 83ms/step\n"


def test_width(clock, capsys):
    assert drive(clock, capsys, 10, [5], width=10) == "\n 5/10 [====>.....] - ETA: 1s"


def test_quick_updates_are_not_drawn(clock, capsys):
    out = drive(clock, capsys, 1000, [100, 200, 500, 999, 1000], 0.03)
    assert [line.split("/")[0].strip() for line in out.strip().split("\n")] == ["100", "500", "1000"]
    out = drive(clock, capsys, 10, [1, 2, 10], 1.0, interval=1.5)
    assert [line.split("/")[0].strip() for line in out.strip().split("\n")] == ["1", "10"]


def test_values_of_updates_that_are_not_drawn_count(clock, capsys):
    out = drive(clock, capsys, 4, [1, 2, 4], 0.001, values=lambda i: [("loss", float(i))])
    assert out.endswith(" - loss: 1.2500\n")


def test_one_line(clock, capsys):
    values = lambda i: [("loss", 1.0 / (i + 1)), ("acc", 0.5)]
    assert drive(clock, capsys, 10, [1, 5, 10], values=values, verbose=2) == " - 3s - loss: 0.4667 - acc: 0.5000\n"


def test_silent(clock, capsys):
    assert drive(clock, capsys, 10, [1, 10], values=lambda i: [("loss", 1.0)], verbose=0) == ""


def test_add(clock, capsys):
    bar = Progbar(10)
    for i in range(2):
        clock.now += 1.0
        bar.add(5, [("x", float(i))])
    assert capsys.readouterr().out.endswith("10/10 [==============================] - 2s 200ms/step - x: 0.5000\n")


def test_terminal_redraws_one_line(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    out = drive(clock, capsys, 10, [5, 10])
    first = " 5/10 [==============>...............] - ETA: 1s"
    last = "10/10 [==============================] - 2s 200ms/step"
    assert out == "\r" + first + "\b" * len(first) + "\r" + last + "\n"


def test_notebook_redraws_one_line(clock, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    out = drive(clock, capsys, 10, [5, 10])
    assert "\n" not in out[:-1] and out.count("\r") == 2


@pytest.mark.parametrize("verbose", [1, 2])
def test_program_without_a_console(verbose, clock, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    bar = Progbar(2, verbose=verbose)
    bar.update(1, [("loss", 1.0)])
    bar.update(2, [("loss", 3.0)])
