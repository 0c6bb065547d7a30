"""Calls of the backend with an oracle in NumPy each."""

from __future__ import annotations

import numpy as np

from gpukeras import backend as K
from tests.backend.checks import Case


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def elementwise():
    away = {"low": 0.2, "high": 2.0}
    yield Case("abs", K.abs, [(3, 4)], np.abs, low=0.1)
    yield Case("square", K.square, [(3, 4)], np.square)
    yield Case("sqrt", K.sqrt, [(3, 4)], np.sqrt, **away)
    yield Case("exp", K.exp, [(3, 4)], np.exp)
    yield Case("log", K.log, [(3, 4)], np.log, **away)
    yield Case("sin", K.sin, [(3, 4)], np.sin)
    yield Case("cos", K.cos, [(3, 4)], np.cos)
    yield Case("pow", lambda x: K.pow(x, 3), [(3, 4)], lambda x: x**3)
    yield Case("pow-fraction", lambda x: K.pow(x, 1.7), [(3, 4)], lambda x: x**1.7, **away)
    yield Case("clip", lambda x: K.clip(x, -0.5, 0.5), [(3, 4)], lambda x: np.clip(x, -0.5, 0.5))
    yield Case("maximum", K.maximum, [(3, 4), (4,)], np.maximum)
    yield Case("minimum", K.minimum, [(3, 4), (3, 1)], np.minimum)
    yield Case("sigmoid", K.sigmoid, [(3, 4)], sigmoid, low=-4, high=4)
    yield Case("tanh", K.tanh, [(3, 4)], np.tanh)
    yield Case("softplus", K.softplus, [(3, 4)], lambda x: np.log1p(np.exp(x)), low=-4, high=4)
    yield Case("softsign", K.softsign, [(3, 4)], lambda x: x / (1 + np.abs(x)))
    yield Case("hard_sigmoid", K.hard_sigmoid, [(3, 8)], lambda x: np.clip(0.2 * x + 0.5, 0, 1), low=-4, high=4)
    yield Case("elu", lambda x: K.elu(x, 0.5), [(3, 4)], lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)))
    yield Case("identity", K.identity, [(3, 4)], lambda x: x)
    yield Case("zeros_like", K.zeros_like, [(3, 4)], np.zeros_like, grad=False)
    yield Case("ones_like", K.ones_like, [(3, 4)], np.ones_like, grad=False)
    for name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal"):
        ours, theirs = getattr(K, name), getattr(np, name)
        yield Case(
            name,
            lambda x, y, f=ours: f(K.round(x), K.round(y)),
            [(3, 4), (4,)],
            lambda x, y, f=theirs: f(np.round(x), np.round(y)),
            low=-2,
            high=2,
            grad=False,
        )


def relus():
    def oracle(alpha, max_value, threshold):
        def f(x):
            y = np.where(x > threshold, x, 0)
            if max_value is not None:
                y = np.clip(y, 0, max_value)
            return y - alpha * np.maximum(threshold - x, 0)

        return f

    for alpha, max_value, threshold in [
        (0.0, None, 0.0),
        (0.1, None, 0.0),
        (0.0, 5.0, 0.0),
        (0.0, None, 0.8),
        (0.1, 5.0, 0.0),
        (0.1, None, 0.8),
        (0.0, 5.0, 0.8),
        (0.1, 5.0, 0.8),
        (0.1, 0.0, 0.8),
        (0.1, 5.0, -2.8),
        (0.0, 6.0, 0.0),
    ]:
        yield Case(
            f"relu-{alpha}-{max_value}-{threshold}",
            lambda x, a=alpha, m=max_value, t=threshold: K.relu(x, a, m, t),
            [(4, 6)],
            oracle(alpha, max_value, threshold),
            low=-8,
            high=8,
        )


def reductions():
    for name in ("sum", "mean", "prod", "max", "min", "var", "std"):
        ours, theirs = getattr(K, name), getattr(np, name)
        for axis, keepdims in [(None, False), (1, True), (-1, False), ((1, -1), False), (0, False), ([0, 1], True)]:
            yield Case(
                f"{name}-{axis}-{keepdims}",
                lambda x, f=ours, a=axis, k=keepdims: f(x, axis=a, keepdims=k),
                [(4, 2, 3)],
                lambda x, f=theirs, a=axis, k=keepdims: f(x, axis=tuple(a) if isinstance(a, list) else a, keepdims=k),
                low=0.3,
            )
    for axis in (None, 0, (0, 2)):
        yield Case(
            f"logsumexp-{axis}",
            lambda x, a=axis: K.logsumexp(x, a),
            [(4, 2, 3)],
            lambda x, a=axis: np.log(np.sum(np.exp(x), axis=a)),
        )
    yield Case("cumsum", lambda x: K.cumsum(x, 1), [(3, 4)], lambda x: np.cumsum(x, 1))
    yield Case("cumprod", lambda x: K.cumprod(x), [(3, 4)], lambda x: np.cumprod(x, 0), low=0.3)
    yield Case(
        "l2_normalize", lambda x: K.l2_normalize(x, 1), [(3, 4)], lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
    )
    yield Case("l2_normalize-all", K.l2_normalize, [(3, 4)], lambda x: x / np.linalg.norm(x))
    for axis in (-1, 1):
        yield Case(f"softmax-{axis}", lambda x, a=axis: K.softmax(x, a), [(3, 4, 2)], lambda x, a=axis: softmax(x, a))


def shapes():
    yield Case("reshape", lambda x: K.reshape(x, (-1, 6)), [(4, 3)], lambda x: x.reshape(-1, 6))
    yield Case(
        "reshape-symbolic",
        lambda x: K.reshape(x, (K.shape(x)[0], 2, -1)),
        [(4, 6)],
        lambda x: x.reshape(4, 2, 3),
    )
    yield Case("flatten", K.flatten, [(4, 3, 2)], np.ravel)
    yield Case("batch_flatten", K.batch_flatten, [(4, 3, 2)], lambda x: x.reshape(4, 6))
    yield Case("transpose", K.transpose, [(4, 3, 2)], np.transpose)
    yield Case("permute", lambda x: K.permute_dimensions(x, (2, 0, 1)), [(4, 3, 2)], lambda x: x.transpose(2, 0, 1))
    yield Case("expand_dims", lambda x: K.expand_dims(x, 1), [(4, 3)], lambda x: x[:, None])
    yield Case("squeeze", lambda x: K.squeeze(x, 1), [(4, 1, 3)], lambda x: x[:, 0])
    yield Case(
        "concatenate", lambda x, y: K.concatenate([x, y]), [(4, 3), (4, 2)], lambda x, y: np.concatenate([x, y], -1)
    )
    yield Case(
        "concatenate-0", lambda x, y: K.concatenate([x, y], 0), [(4, 3), (2, 3)], lambda x, y: np.concatenate([x, y])
    )
    yield Case("stack", lambda x, y: K.stack([x, y], 1), [(4, 3), (4, 3)], lambda x, y: np.stack([x, y], 1))
    for axis in (0, 1, 2):
        yield Case(
            f"repeat_elements-{axis}",
            lambda x, a=axis: K.repeat_elements(x, 3, a),
            [(2, 3, 4)],
            lambda x, a=axis: np.repeat(x, 3, a),
        )
    yield Case("repeat", lambda x: K.repeat(x, 3), [(4, 2)], lambda x: np.repeat(x[:, None], 3, 1))
    yield Case("tile", lambda x: K.tile(x, [2, 3]), [(4, 2)], lambda x: np.tile(x, (2, 3)))
    yield Case("tile-int", lambda x: K.tile(x, 2), [(4, 2)], lambda x: np.tile(x, 2))
    yield Case("reverse", lambda x: K.reverse(x, 1), [(4, 3, 2)], lambda x: x[:, ::-1])
    yield Case("reverse-2", lambda x: K.reverse(x, [1, 2]), [(4, 3, 2)], lambda x: x[:, ::-1, ::-1])
    yield Case("slice", lambda x: K.slice(x, [0, 1, 0], [2, 2, -1]), [(4, 3, 2)], lambda x: x[:2, 1:3])
    yield Case("index", lambda x: x[1:, ..., 0], [(4, 3, 2)], lambda x: x[1:, ..., 0])
    index = np.array([[3, 0], [1, 1]], "int32")
    yield Case("gather", lambda i, x: K.gather(x, i), [(4, 3)], lambda i, x: x[i], fixed=(index,))
    yield Case("one_hot", lambda i: K.one_hot(i, 5), [], lambda i: np.eye(5)[i], fixed=(index,), grad=False)
    yield Case(
        "temporal_padding",
        lambda x: K.temporal_padding(x, (1, 2)),
        [(2, 3, 2)],
        lambda x: np.pad(x, ((0, 0), (1, 2), (0, 0))),
    )
    pads = ((1, 2), (2, 1), (0, 3))
    for rank, function in ((2, K.spatial_2d_padding), (3, K.spatial_3d_padding)):
        for data_format in ("channels_last", "channels_first"):
            own = list(pads[:rank])
            both = [(0, 0), *own, (0, 0)] if data_format == "channels_last" else [(0, 0), (0, 0), *own]
            yield Case(
                f"spatial_{rank}d_padding-{data_format}",
                lambda x, f=function, p=pads[:rank], d=data_format: f(x, p, d),
                [(1, 2, 3, 2, 2)[: rank + 2]],
                lambda x, p=both: np.pad(x, p),
            )


def products():
    for a, b in [
        ((4, 2), (2, 3)),
        ((4, 2), (5, 2, 3)),
        ((3, 4, 2), (2, 3)),
        ((3, 4, 2), (5, 2, 3)),
        ((3, 4, 2), (2,)),
        ((4, 2), (2,)),
    ]:
        yield Case(f"dot-{a}-{b}".replace(" ", ""), K.dot, [a, b], np.dot)
    x3, x4 = (3, 4, 4), (3, 4, 4, 4)
    cases = [((3, 4), (3, 4), 1), ((3, 4), (3, 4), None)]
    cases += [((3, 4), x3, axes) for axes in ((1, 1), (1, 2), 1, None)]
    cases += [(x3, (3, 4), axes) for axes in ((1, 1), (2, 1), 1, None)]
    cases += [(x3, x3, axes) for axes in ((1, 1), (1, 2), (2, 1), (2, 2), (-1, -2), 1, 2, None)]
    cases += [(x3, x4, (1, 1))]
    cases += [(x4, (3, 4), (2, 1)), (x4, x3, (3, 1)), (x4, x4, (1, 3))]
    for a, b, axes in cases:
        yield Case(
            f"batch_dot-{a}-{b}-{axes}".replace(" ", ""),
            lambda x, y, axes=axes: K.batch_dot(x, y, axes),
            [a, b],
            lambda x, y, axes=axes: sample_by_sample(x, y, axes),
        )
    yield Case("batch_dot-matmul", lambda x, y: K.batch_dot(x, y), [(2, 3, 4, 5), (2, 3, 5, 2)], np.matmul)
    yield Case(
        "batch_dot-matmul-T",
        lambda x, y: K.batch_dot(x, y, (2, 3)),
        [(2, 3, 5, 4), (2, 3, 2, 5)],
        lambda x, y: np.matmul(x.swapaxes(2, 3), y.swapaxes(2, 3)),
    )
    for b, axes, rule in [((3, 4, 6, 5), (2, 3), "nij,nikj->nik"), ((3, 4, 5, 6), (2, 2), "nij,nijk->nik")]:
        yield Case(
            f"batch_dot-rows-{axes}".replace(" ", ""),
            lambda x, y, axes=axes: K.batch_dot(x, y, axes),
            [(3, 4, 5), b],
            lambda x, y, rule=rule: np.einsum(rule, x, y),
        )


def sample_by_sample(x, y, axes):
    if axes is None:
        axes = (x.ndim - 1, max(y.ndim - 2, 1))
    a, b = (axes, axes) if isinstance(axes, int) else axes
    a, b = a % x.ndim, b % y.ndim
    out = np.stack([np.tensordot(p, q, (a - 1, b - 1)) for p, q in zip(x, y, strict=True)])
    return out[:, None] if out.ndim == 1 else out


def losses():
    eps = 1e-7
    probs = {"low": 0.05, "high": 0.95}

    def cce(t, o, axis=-1):
        o = o / o.sum(axis, keepdims=True)
        return -(t * np.log(np.clip(o, eps, 1 - eps))).sum(axis)

    yield Case("cce", K.categorical_crossentropy, [(4, 3), (4, 3)], cce, **probs)
    yield Case(
        "cce-axis",
        lambda t, o: K.categorical_crossentropy(t, o, axis=1),
        [(4, 3, 2), (4, 3, 2)],
        lambda t, o: cce(t, o, 1),
        **probs,
    )
    yield Case(
        "cce-logits",
        lambda t, o: K.categorical_crossentropy(t, o, from_logits=True),
        [(4, 3), (4, 3)],
        lambda t, o: -(t * np.log(softmax(o))).sum(-1),
        low=-3,
        high=3,
    )
    yield Case(
        "cce-logits-axis",
        lambda t, o: K.categorical_crossentropy(t, o, True, 1),
        [(4, 3, 2), (4, 3, 2)],
        lambda t, o: -(t * np.log(softmax(o, 1))).sum(1),
    )
    labels = np.array([[2], [0], [1], [1]], "float32")

    def scce(i, o):
        o = np.clip(o, eps, 1 - eps)
        o = o / o.sum(-1, keepdims=True)
        i = i.astype(int).reshape(o.shape[:-1])
        return -np.log(np.take_along_axis(o, i[..., None], -1))[..., 0]

    yield Case("scce", K.sparse_categorical_crossentropy, [(4, 3)], scce, fixed=(labels,), **probs)
    yield Case(
        "scce-flat", K.sparse_categorical_crossentropy, [(4, 3)], scce, fixed=(labels[:, 0].astype("int64"),), **probs
    )
    yield Case(
        "scce-logits",
        lambda i, o: K.sparse_categorical_crossentropy(i, o, from_logits=True),
        [(4, 3)],
        lambda i, o: -np.log(softmax(o)[np.arange(4), i.astype(int).ravel()]),
        fixed=(labels,),
        low=-3,
        high=3,
    )
    steps = np.array([[0, 1, 2], [2, 2, 1]], "int32")
    yield Case("scce-steps", K.sparse_categorical_crossentropy, [(2, 3, 4)], scce, fixed=(steps,), **probs)
    yield Case(
        "scce-steps-column", K.sparse_categorical_crossentropy, [(2, 3, 4)], scce, fixed=(steps[..., None],), **probs
    )
    yield Case(
        "scce-axis",
        lambda i, o: K.sparse_categorical_crossentropy(i, o, axis=1),
        [(2, 4, 3)],
        lambda i, o: scce(i, o.swapaxes(1, 2)),
        fixed=(steps,),
        **probs,
    )
    yield Case(
        "bce",
        K.binary_crossentropy,
        [(4, 3), (4, 3)],
        lambda t, o: -(t * np.log(o) + (1 - t) * np.log(1 - o)),
        **probs,
    )
    yield Case(
        "bce-logits",
        lambda t, o: K.binary_crossentropy(t, o, from_logits=True),
        [(4, 3), (4, 3)],
        lambda t, o: -(t * np.log(sigmoid(o)) + (1 - t) * np.log(1 - sigmoid(o))),
        low=-3,
        high=3,
    )


def normalisation():
    yield Case(
        "batch_normalization",
        lambda x, m, v, b, g: K.batch_normalization(x, m, K.square(v), b, g, epsilon=0.01),
        [(5, 3), (3,), (3,), (3,), (3,)],
        lambda x, m, v, b, g: (x - m) / np.sqrt(v**2 + 0.01) * g + b,
        low=0.2,
    )
    yield Case(
        "batch_normalization-plain",
        lambda x, m, v: K.batch_normalization(x, m, v, None, None),
        [(5, 3), (3,), (3,)],
        lambda x, m, v: (x - m) / np.sqrt(v + 1e-3),
        low=0.2,
    )
    yield Case(
        "batch_normalization-axis",
        lambda x, m, v, b, g: K.batch_normalization(x, m, v, b, g, axis=1),
        [(2, 3, 4, 2), (3,), (3,), (3,), (3,)],
        lambda x, m, v, b, g: (
            (x - m[:, None, None]) / np.sqrt(v + 1e-3)[:, None, None] * g[:, None, None] + b[:, None, None]
        ),
        low=0.2,
    )
    for axes in ((0,), (0, 1, 2), (0, 2, 3), (0, 3), (0, 1, 2, 3)):
        shape = (4, 3, 2, 3) if len(axes) > 1 else (6, 3)
        own = tuple(n for i, n in enumerate(shape) if i not in axes)
        wide = tuple(1 if i in axes else n for i, n in enumerate(shape))

        def normalised(x, g, b, axes=axes, wide=wide):
            y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-3)
            return y * g.reshape(wide) + b.reshape(wide)

        yield Case(
            f"normalize_batch-{axes}".replace(" ", ""),
            lambda x, g, b, axes=axes: K.normalize_batch_in_training(x, g, b, list(axes))[0],
            [shape, own, own],
            normalised,
            half=False,  # variances below half precision's resolution
        )
    for i, kind, theirs in ((1, "mean", np.mean), (2, "var", np.var)):
        yield Case(
            f"normalize_batch-{kind}",
            lambda x, i=i: K.normalize_batch_in_training(x, None, None, [0, 2])[i],
            [(4, 3, 2)],
            lambda x, f=theirs: f(x, axis=(0, 2)),
        )
    for data_format in ("channels_last", "channels_first"):
        for inner in ((), (3,), (2, 3), (5, 3, 2)):
            last = data_format == "channels_last"
            shape = (2, *inner, 4) if last else (2, 4, *inner)
            yield Case(
                f"bias_add-{data_format}-{len(inner)}",
                lambda x, b, d=data_format: K.bias_add(x, b, d),
                [shape, (4,)],
                lambda x, b, last=last: x + (b if last else b.reshape((4,) + (1,) * (x.ndim - 2))),
            )
    yield Case("bias_add-full", lambda x, b: K.bias_add(x, b, "channels_last"), [(2, 5, 3), (5, 3)], np.add)
    yield Case(
        "bias_add-full-first",
        lambda x, b: K.bias_add(x, b, "channels_first"),
        [(2, 3, 5), (5, 3)],
        lambda x, b: x + b.reshape(3, 5),
    )


def switches():
    where = lambda c, a, b: np.where(c.reshape(c.shape + (1,) * (a.ndim - c.ndim)) >= 0, a, b)
    for shape in ((), (4,), (4, 3), (4, 3, 2), (4, 1)):
        yield Case(
            f"switch-{shape}".replace(" ", ""),
            lambda c, a, b: K.switch(K.greater_equal(c, 0.0), a, b),
            [shape, (4, 3, 2), (4, 3, 2)],
            where,
            grad=False,
        )
    flags = np.array([True, False, True])
    yield Case(
        "switch-grad",
        lambda c, a, b: K.switch(c, a, b),
        [(3, 2), (3, 2)],
        lambda c, a, b: np.where(c[:, None], a, b),
        fixed=(flags,),
    )


CASES = [
    case
    for family in (elementwise, relus, reductions, shapes, products, losses, normalisation, switches)
    for case in family()
]
