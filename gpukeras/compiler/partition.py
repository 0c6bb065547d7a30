"""Cuts the steps of a program at the places where devices wait for each other.

Phases alternate: in the even ones runs what the devices have in common (lane 0), in the odd ones every device its own
steps, side by side. A training step of a model on several devices comes to five: weights and batch, forward on every
device, loss, backward on every device, sums of the gradients and updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .value import Step, Value


class Segment(NamedTuple):
    """Steps of one lane in one phase."""

    phase: int
    lane: int
    steps: list[Step]


def partition(steps: Sequence[Step]) -> list[Segment]:
    """The steps by phase and lane, in an order in which they can also be run one after the other.

    Arguments:
        steps: the live steps, each after those whose results it reads.
    """
    if not any(step.lane for step in steps):
        return [Segment(0, 0, list(steps))]
    phases: dict[Step, int] = {}
    makers: dict[Value, Step] = {}
    for step in steps:
        phase = 1 if step.lane else 0
        for v in step.ins:
            maker = makers.get(v.root)
            if maker is not None:
                phase = max(phase, phases[maker] + _distance(maker.lane, step.lane))
        phases[step] = phase
        makers.update((v, step) for v in step.outs if v is not None)
    segments: dict[tuple[int, int], list[Step]] = {}
    for step in steps:
        segments.setdefault((phases[step], step.lane), []).append(step)
    return [Segment(*key, segments[key]) for key in sorted(segments)]


def _distance(made: int, read: int) -> int:
    """How many phases later a lane can read what another (or it itself) made."""
    if made == read:
        return 0
    return 2 if made and read else 1


def read_outside(segments: Sequence[Segment]) -> list[set[Value]]:
    """For each segment the root values that others read."""
    if len(segments) < 2:
        return [set() for _ in segments]
    readers: dict[Value, set[int]] = {}
    for i, segment in enumerate(segments):
        for step in segment.steps:
            for v in step.ins:
                readers.setdefault(v.root, set()).add(i)
    return [{v for v, by in readers.items() if by - {i}} for i in range(len(segments))]
