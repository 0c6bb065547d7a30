"""Loops over time whose steps run on the native engine."""

import numpy as np
import pytest

import gpukeras as keras
from gpukeras import backend as K
from gpukeras import ops
from gpukeras.compiler.plan import Plan
from gpukeras.compiler.program import Program
from gpukeras.compiler.scan import scan
from gpukeras.graph.gradient import gradients
from gpukeras.runtime import native
from gpukeras.runtime.device import Device
from gpukeras.runtime.memory import Memory

from .engines import assert_engines_agree, normal, placeholder


def cell(width, units):
    """Weights of a recurrence and its step."""
    w, u = placeholder((width, units)), placeholder((units, units))

    def step(slices, states):
        h = ops.tanh(ops.add(ops.matmul(slices[0], w), ops.matmul(states[0], u)))
        return [h], [h]

    return w, u, step


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("strided", [False, True])
def test_a_recurrence_and_its_gradients(reverse, strided):
    w, u, step = cell(6, 5)
    x = placeholder((3, 7, 6) if strided else (7, 3, 6))
    first = placeholder((3, 5))
    ys, last = scan(step, [ops.transpose(x, (1, 0, 2)) if strided else x], [first], reverse=reverse)
    loss = ops.add(ops.sum(ops.square(ys[0])), ops.sum(last[0]))
    feeds = {x: normal(*x.shape), first: normal(3, 5), w: normal(6, 5), u: normal(5, 5)}
    outputs = [ys[0], last[0], *gradients(loss, [x, first, w, u])]
    assert_engines_agree(outputs, feeds, 2e-5)
    device = Device("/cpu:0", np, "native")
    program = Program(outputs, [], {t: a.shape for t, a in feeds.items()}, engine="native")
    calls = Plan(program, device, Memory(device)).calls
    assert sum(not isinstance(c, native.load().Task) for c in calls) <= 6  # nothing of Python's per step


def test_constants_that_repeat_and_slices_of_others():
    big, x = placeholder((8, 10)), placeholder((6, 4, 5))

    def step(slices, states):
        h = ops.matmul(slices[0], big[1:6, 2:7])
        h = ops.add(h, big[0, 3:8])
        return [h], [ops.add(states[0], ops.multiply(h, 0.1))]

    ys, last = scan(step, [x], [K.zeros((4, 5))])
    assert_engines_agree([ys[0], last[0]], {big: normal(8, 10), x: normal(6, 4, 5)}, 1e-5)


def test_no_steps_and_one():
    for steps in (0, 1):
        w, u, step = cell(2, 3)
        x, first = placeholder((steps, 4, 2)), placeholder((4, 3))
        ys, last = scan(step, [x], [first])
        feeds = {x: normal(steps, 4, 2), first: normal(4, 3), w: normal(2, 3), u: normal(3, 3)}
        assert_engines_agree([ys[0], last[0]], feeds)


def test_a_loop_in_a_loop():
    w, u, step = cell(3, 3)
    x = placeholder((4, 5, 2, 3))

    def outer(slices, states):
        ys, last = scan(step, [slices[0]], [states[0]])
        return [ys[0]], [last[0]]

    ys, last = scan(outer, [x], [K.zeros((2, 3))])
    loss = ops.sum(ops.square(ys[0]))
    feeds = {x: normal(4, 5, 2, 3), w: normal(3, 3), u: normal(3, 3)}
    assert_engines_agree([ys[0], last[0], *gradients(loss, [x, w])], feeds, 2e-5)


def test_dropout_inside_is_drawn_at_every_step():
    x = placeholder((50, 8, 8))

    def step(slices, states):
        kept = K.dropout(ops.ones_like(slices[0]), 0.5, seed=7)
        return [kept], [ops.add(states[0], ops.multiply(kept, slices[0]))]

    ys, last = scan(step, [x], [K.zeros((8, 8))])
    grad = gradients(ops.sum(last[0]), [x])[0]
    device = Device("/cpu:0", np, "native")
    program = Program([ys[0], grad], [], {x: x.shape}, engine="native")
    plan = Plan(program, device, Memory(device))
    for _ in range(2):
        masks, slope = plan.run([normal(50, 8, 8)])
        np.testing.assert_array_equal(masks, slope)  # the gradient uses the masks that were drawn
        assert 0.4 < (masks == 0).mean() < 0.6
        assert len({m.tobytes() for m in masks}) == 50


def test_convolutional_lstm_trains_as_on_numpy():
    np.random.seed(2)
    layer = keras.layers.ConvLSTM2D(3, 3, padding="same", input_shape=(4, 6, 6, 2), recurrent_dropout=0.0)
    model = keras.models.Sequential([layer, keras.layers.Flatten(), keras.layers.Dense(1)])
    x = K.placeholder((5, 4, 6, 6, 2))
    y = model(x)
    weights = model.weights
    outputs = [y, *K.gradients(K.sum(K.square(y)), weights[:3])]
    assert_engines_agree(outputs, {x: normal(5, 4, 6, 6, 2)}, 2e-5)
