"""Calls of TensorFlow's functions: run by TensorFlow 1.13 for the stored numbers, and by the stand-in for comparison.

A case is (label, function of (tf, tensors...), inputs).  Inputs are arrays; floats among them are differentiated
where the result is a float.
"""

import numpy as np

_RNG = np.random.RandomState(7)
A = _RNG.randn(3, 4).astype("float32")
B = _RNG.randn(3, 4).astype("float32")
POS = (_RNG.rand(3, 4) * 2 + 0.3).astype("float32")
UNIT = (_RNG.rand(3, 4) * 1.6 - 0.8).astype("float32")
BIG = (_RNG.rand(3, 4) * 3 + 1.2).astype("float32")
V = _RNG.randn(5).astype("float32")
CUBE = _RNG.randn(2, 3, 4).astype("float32")
CUBE2 = _RNG.randn(2, 4, 5).astype("float32")
MAT = _RNG.randn(4, 5).astype("float32")
INTS = np.array([[7, -7, 3], [0, 5, -2]], "int32")
DIVISORS = np.array([[2, 2, -2], [3, -3, 5]], "int32")
FLAGS = np.array([[True, False, True, False], [False] * 4, [True] * 4])
ROWS = np.array([True, False, True])
INDEX = np.array([2, 0, 2], "int32")
LABELS = np.array([1, 3, 0], "int32")
IMG = _RNG.rand(2, 6, 5, 3).astype("float32")
IMG2 = _RNG.rand(2, 6, 5, 3).astype("float32")
PHOTO = _RNG.rand(1, 16, 14, 3).astype("float32")
PHOTO2 = (PHOTO + 0.1 * _RNG.randn(1, 16, 14, 3)).clip(0, 1).astype("float32")
BYTES = _RNG.randint(0, 256, (4, 5, 3)).astype("uint8")
VOLUME = _RNG.randn(1, 4, 5, 4, 2).astype("float32")
SEQ = _RNG.randn(2, 7, 3).astype("float32")
SPD = np.array([[4.0, 1, 0.5], [1, 3, 0.2], [0.5, 0.2, 2]], "float32")
SQ = _RNG.randn(2, 3, 3).astype("float32") + 2 * np.eye(3, dtype="float32")
RHS = _RNG.randn(2, 3, 2).astype("float32")
KERNEL = _RNG.randn(3, 3, 3, 4).astype("float32")
DEPTH = _RNG.randn(3, 3, 3, 2).astype("float32")
POINT = _RNG.randn(1, 1, 6, 4).astype("float32")
TRANSPOSED = _RNG.randn(3, 3, 4, 3).astype("float32")
KERNEL1 = _RNG.randn(3, 3, 2).astype("float32")
KERNEL3 = _RNG.randn(2, 2, 2, 2, 3).astype("float32")
SPECIAL = np.array([0.0, 1.0, -1.0, np.inf, -np.inf, np.nan], "float32")
HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.4], "float32")
MASKLEN = np.array([1, 3, 0], "int32")
BOXES = np.array([[0.1, 0.1, 0.6, 0.7], [0.0, 0.0, 1.0, 1.0], [0.5, 0.2, 1.2, 0.9]], "float32")
SPLITTABLE = _RNG.randn(2, 6).astype("float32")
LOGITS = _RNG.randn(3, 4).astype("float32") * 2
PROBS = (np.exp(B) / np.exp(B).sum(-1, keepdims=True)).astype("float32")
BITS = FLAGS.astype("float32")


def _list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


CASES = []


def case(label, function, *inputs, **options):
    """Adds a case; grad=False: the gradients are not compared (and `why` says why)."""
    CASES.append((label, function, inputs, options))


for (
    _name
) in "abs asinh atan ceil cos cosh erf exp expm1 floor negative round sigmoid sign sin sinh square tan tanh".split():
    case(_name, lambda tf, x, n=_name: getattr(tf, n)(x), A)
for _name in "digamma lgamma log log1p reciprocal rsqrt sqrt".split():
    case(_name, lambda tf, x, n=_name: getattr(tf, n)(x), POS)
for _name in "acos asin atanh".split():
    case(_name, lambda tf, x, n=_name: getattr(tf, n)(x), UNIT)
case("acosh", lambda tf, x: tf.acosh(x), BIG)
case("lgamma below zero", lambda tf, x: tf.lgamma(x), -POS - 0.013)
case("digamma below zero", lambda tf, x: tf.digamma(x), -POS - 0.013)
case("erfc", lambda tf, x: tf.erfc(x), A)
case("log_sigmoid", lambda tf, x: tf.log_sigmoid(x), A)
case("rint", lambda tf, x: tf.rint(x), HALVES)
case("round halves", lambda tf, x: tf.round(x), HALVES)
for _name in "is_nan is_inf is_finite".split():
    case(_name, lambda tf, x, n=_name: getattr(tf, n)(x), SPECIAL, grad=False)
for _name in (
    "add subtract multiply maximum minimum squared_difference equal not_equal less less_equal greater "
    "greater_equal atan2"
).split():
    case(_name, lambda tf, x, y, n=_name: getattr(tf, n)(x, y), A, B)
for _name in "divide truediv realdiv div div_no_nan floordiv mod floormod pow".split():
    case(_name, lambda tf, x, y, n=_name: getattr(tf, n)(x, y), POS, BIG)
case("broadcast", lambda tf, x, y: x[:, None] * y[None, :, :1], A, B)
for _name in "div floordiv floor_div mod floormod truncatediv truncatemod maximum".split():
    case("int " + _name, lambda tf, x, y, n=_name: getattr(tf, n)(x, y), INTS, DIVISORS)
case("int truediv", lambda tf, x, y: tf.cast(tf.truediv(x, y), tf.float32), INTS, DIVISORS)
case("operators", lambda tf, x, y: (x + 2.0) * y / (1.5 - x * x) - (-y) ** 2 % 3.0, A, B)
for _name in "logical_and logical_or logical_xor".split():
    case(_name, lambda tf, x, y, n=_name: getattr(tf, n)(x > 0, y > 0), A, B)
case("logical_not", lambda tf, x: tf.logical_not(x > 0), A)
case("clip_by_value", lambda tf, x: tf.clip_by_value(x, -0.5, 0.7), A)
case("clip_by_norm", lambda tf, x: tf.clip_by_norm(x, 1.0), A)
case("clip_by_norm axes", lambda tf, x: tf.clip_by_norm(x, 1.0, axes=[1]), A)
case("clip_by_global_norm", lambda tf, x, y: tf.clip_by_global_norm([x, None, y], 2.0)[0][::2], A, B)
case("clip_by_average_norm", lambda tf, x: tf.clip_by_average_norm(x, 0.1), A)
case("global_norm", lambda tf, x, y: tf.global_norm([x, y]), A, B)
case("add_n", lambda tf, x, y: tf.add_n([x, y, x]), A, B)
case("accumulate_n", lambda tf, x, y: tf.accumulate_n([x, y, x]), A, B, grad=False)
case("scalar_mul", lambda tf, x: tf.scalar_mul(3.0, x), A)
case(
    "xlogy",
    lambda tf, x, y: tf.math.xlogy(x, y),
    np.array([0.0, 1, 2], "float32"),
    np.array([0.0, 2, 3], "float32"),
    grad=False,
)
case("polyval", lambda tf, x: tf.math.polyval([2.0, -1.0, 0.5], x), A, grad=False)
case("saturate_cast", lambda tf, x: tf.saturate_cast(x * 300, tf.uint8), A, grad=False)

# reductions
for _name in "sum mean prod max min logsumexp".split():
    for _axis in (None, 0, -1, [0, 2]):
        for _keep in (False, True):
            case(
                "reduce_%s %s %s" % (_name, _axis, _keep),
                lambda tf, x, n=_name, a=_axis, k=_keep: getattr(tf, "reduce_" + n)(x, axis=a, keepdims=k),
                CUBE,
            )
case("reduce_sum old names", lambda tf, x: tf.reduce_sum(x, reduction_indices=[1], keep_dims=True), CUBE)
case("reduce_mean int", lambda tf, x: tf.reduce_mean(x, 0), INTS)
case("reduce_any", lambda tf, x: tf.reduce_any(x, 1), FLAGS)
case("reduce_all", lambda tf, x: tf.reduce_all(x, 1, keepdims=True), FLAGS)
case("reduce_variance", lambda tf, x: tf.math.reduce_variance(x, 1), CUBE, grad=False)
case("reduce_std", lambda tf, x: tf.math.reduce_std(x, 1), CUBE, grad=False)
case("count_nonzero", lambda tf, x: tf.count_nonzero(x, axis=1), BITS, grad=False)
case("argmax", lambda tf, x: tf.argmax(x), A)
case("argmax axis", lambda tf, x: tf.argmax(x, 1, output_type=tf.int32), A)
case("argmin", lambda tf, x: tf.argmin(x, axis=-1), A)
case("cumsum", lambda tf, x: tf.cumsum(x, 1), A)
case("cumsum exclusive reverse", lambda tf, x: tf.cumsum(x, 1, exclusive=True, reverse=True), A)
case("cumprod", lambda tf, x: tf.cumprod(x, axis=0), A)
for _ord in ("euclidean", 1, 2, np.inf, 3):
    case("norm %s" % _ord, lambda tf, x, o=_ord: tf.norm(x, ord=o, axis=1), A)
case("norm all", lambda tf, x: tf.norm(x), A)
case("norm matrix 1", lambda tf, x: tf.norm(x, ord=1, axis=[-2, -1]), CUBE)
case("norm matrix inf", lambda tf, x: tf.norm(x, ord=np.inf, axis=[-2, -1], keepdims=True), CUBE)
case("norm matrix fro", lambda tf, x: tf.norm(x, ord="fro", axis=[-2, -1]), CUBE)
case("unsorted_segment_sum", lambda tf, x: tf.unsorted_segment_sum(x, [2, -1, 0], 4), A)
case("unsorted_segment_mean", lambda tf, x: tf.unsorted_segment_mean(x, [1, 1, 0], 3), A)
case("segment_sum", lambda tf, x: tf.segment_sum(x, [0, 0, 2]), A)
case("segment_mean", lambda tf, x: tf.segment_mean(x, [0, 0, 1]), A)
case("bincount", lambda tf, x: tf.bincount(x), LABELS)
case("bincount weights", lambda tf, x: tf.bincount(x, [0.5, 1.5, 2.0], minlength=6), LABELS)
case("confusion_matrix", lambda tf, x: tf.confusion_matrix(x, [1, 2, 0], 4), LABELS)
case(
    "confusion_matrix weights", lambda tf, x: tf.confusion_matrix(x, [1, 2, 0], weights=tf.constant([1, 2, 3])), LABELS
)
case("is_strictly_increasing", lambda tf, x: tf.is_strictly_increasing(x), np.array([1.0, 2.0, 2.0], "float32"))
case("is_non_decreasing", lambda tf, x: tf.is_non_decreasing(x), np.array([1.0, 2.0, 2.0], "float32"))

# making and shaping
case("constant", lambda tf: tf.constant([1, 2, 3]))
case("constant shape", lambda tf: tf.constant([1.0, 2.0], shape=[2, 3]))
case("constant double", lambda tf: tf.constant(np.array([0.1])))
case("zeros", lambda tf: tf.zeros([2, 3]))
case("ones int", lambda tf: tf.ones((2,), tf.int32))
case("fill", lambda tf: tf.fill([2, 2], 9))
case("zeros_like", lambda tf, x: tf.zeros_like(x), A)
case("ones_like", lambda tf, x: tf.ones_like(x, dtype=tf.int64), A)
case("range", lambda tf: tf.range(5))
case("range step", lambda tf: tf.range(3, 18, 3))
case("range float", lambda tf: tf.range(1.0, 2.0, 0.25))
case("linspace", lambda tf: tf.linspace(10.0, 12.0, 5))
case("eye", lambda tf: tf.eye(3))
case("eye batch", lambda tf: tf.eye(2, 3, batch_shape=[2], dtype=tf.int32))
case("meshgrid", lambda tf: tf.meshgrid([1, 2, 3], [4, 5]))
case("meshgrid ij", lambda tf: tf.meshgrid([1, 2, 3], [4, 5], [6], indexing="ij"))
case("cast", lambda tf, x: tf.cast(x * 3, tf.int32), A)
case("to_float", lambda tf, x: tf.to_float(x), INTS)
case("to_int32", lambda tf, x: tf.to_int32(x * 3), A)
case("to_int64 to_double", lambda tf, x: [tf.to_int64(x), tf.to_double(x)], A)
case("shape", lambda tf, x: tf.shape(x), CUBE)
case("shape int64", lambda tf, x: tf.shape(x, out_type=tf.int64), CUBE)
case("size rank", lambda tf, x: [tf.size(x), tf.rank(x)], CUBE)
case("reshape", lambda tf, x: tf.reshape(x, [-1, tf.shape(x)[2]]), CUBE)
case("transpose", lambda tf, x: tf.transpose(x), CUBE)
case("transpose perm", lambda tf, x: tf.transpose(x, perm=[1, 2, 0]), CUBE)
case("expand_dims", lambda tf, x: tf.expand_dims(x, -1), A)
case("expand_dims dim", lambda tf, x: tf.expand_dims(x, dim=1), A)
case("squeeze", lambda tf, x: tf.squeeze(x[:1]), A)
case("squeeze dims", lambda tf, x: tf.squeeze(x[:1], [0]), A)
case("stack", lambda tf, x, y: tf.stack([x, y], axis=1), A, B)
case("stack mixed", lambda tf, x: tf.stack([x[0, 0], 2.0, 3]), A)
case("unstack", lambda tf, x: tf.unstack(x, axis=1), A)
case("concat", lambda tf, x, y: tf.concat([x, y], axis=-1), A, B)
case("concat one", lambda tf, x: tf.concat([x], 0), A)
case("split", lambda tf, x: tf.split(x, 3, axis=1), SPLITTABLE)
case("split sizes", lambda tf, x: tf.split(x, [1, 2, 3], 1), SPLITTABLE)
case("split rest", lambda tf, x: tf.split(x, num_or_size_splits=[1, -1], axis=1), SPLITTABLE)
case("tile", lambda tf, x: tf.tile(x, [2, 1]), A)
case("broadcast_to", lambda tf, x: tf.broadcast_to(x[:1], [3, 4]), A, grad=False)
case("broadcast_dynamic_shape", lambda tf, x: tf.broadcast_dynamic_shape(tf.shape(x), tf.constant([5, 1, 1, 4])), CUBE)
case("reverse", lambda tf, x: tf.reverse(x, [-1]), A)
for _mode in ("CONSTANT", "REFLECT", "SYMMETRIC"):
    case("pad " + _mode, lambda tf, x, m=_mode: tf.pad(x, [[1, 2], [0, 3]], m), A)
case("pad value", lambda tf, x: tf.pad(x, tf.constant([[1, 0], [0, 1]]), constant_values=5), A)
case("slice", lambda tf, x: tf.slice(x, [0, 1, 2], [2, 2, -1]), CUBE)
case("strided_slice", lambda tf, x: tf.strided_slice(x, [0, 1], [3, 4], [2, 2]), A)
case("strided_slice masks", lambda tf, x: tf.strided_slice(x, [1, 1], [2, 3], begin_mask=2, shrink_axis_mask=1), A)
case("index", lambda tf, x: x[0, ..., 1:3][:, None, ::-1], CUBE)
case("index tensor", lambda tf, x: x[:, tf.constant(1)], A)
case("roll", lambda tf, x: tf.roll(x, shift=[1, -2], axis=[0, 1]), A)
case("sequence_mask", lambda tf, x: tf.sequence_mask(x), MASKLEN)
case("sequence_mask maxlen", lambda tf, x: tf.sequence_mask(x, 5, dtype=tf.float32), MASKLEN)
case("space_to_depth", lambda tf, x: tf.space_to_depth(x[:, :, :4], 2), IMG)
case("depth_to_space", lambda tf, x: tf.depth_to_space(tf.tile(x, [1, 1, 1, 4]), 2), IMG)
case("identity stop_gradient", lambda tf, x: tf.identity(x) * tf.stop_gradient(x), A)
case("ensure_shape", lambda tf, x: tf.ensure_shape(x, [None, 4]), A)

# picking
case("gather", lambda tf, x, i: tf.gather(x, i), A, INDEX)
case("gather axis", lambda tf, x, i: tf.gather(x, i, axis=1), A, INDEX)
case("gather_nd", lambda tf, x: tf.gather_nd(x, [[0, 1], [1, 2], [0, 0]]), CUBE)
case("batch_gather", lambda tf, x: tf.batch_gather(x, [[0, 3], [1, 1], [2, 0]]), A)
case("where", lambda tf, c, x, y: tf.where(c, x, y), FLAGS, A, B)
case("where rows", lambda tf, c, x, y: tf.where(c, x, y), ROWS, A, B)
case("where indices", lambda tf, c: tf.where(c), FLAGS)
case("boolean_mask", lambda tf, x, c: tf.boolean_mask(x, c), A, FLAGS)
case("boolean_mask rows", lambda tf, x, c: tf.boolean_mask(x, c), A, ROWS)
case("boolean_mask axis", lambda tf, x: tf.boolean_mask(x, np.array([True, False, True, True]), axis=1), A)
case("one_hot", lambda tf, i: tf.one_hot(i, 4), LABELS)
case("one_hot values", lambda tf, i: tf.one_hot(i, 5, on_value=5.0, off_value=-1.0, axis=0), LABELS)
case("one_hot int", lambda tf, i: tf.one_hot(i, depth=4, dtype=tf.int32), LABELS)
case("scatter_nd", lambda tf, x: tf.scatter_nd([[1], [1], [4]], x, [5, 4]), A)
case("scatter_nd elements", lambda tf, x: tf.scatter_nd([[1, 2], [0, 0], [1, 2]], x[:3], [2, 3]), V)
case(
    "tensor_scatter",
    lambda tf, x: [
        tf.tensor_scatter_add(x, [[1]], x[:1]),
        tf.tensor_scatter_sub(x, [[1]], x[:1]),
        tf.tensor_scatter_update(x, [[2], [0]], x[:2]),
    ],
    A,
    grad=False,
)
case("sort", lambda tf, x: tf.sort(x, axis=0), A, grad=False)
case("sort down", lambda tf, x: tf.sort(x, direction="DESCENDING"), A, grad=False)
case("argsort", lambda tf, x: tf.argsort(x), A)
case("top_k", lambda tf, x: list(tf.nn.top_k(x, 2)), A)
case("in_top_k", lambda tf, x, i: tf.nn.in_top_k(x, i, 2), A, LABELS)
case("unique", lambda tf, x: list(tf.unique(x)), np.array([4, 1, 4, 2, 1], "int32"))
case("unique_with_counts", lambda tf, x: list(tf.unique_with_counts(x)), np.array([4, 1, 4, 2, 1], "int32"))
case("setdiff1d", lambda tf, x: list(tf.setdiff1d(x, [1, 9])), np.array([4, 1, 4, 2, 1], "int32"))
case("invert_permutation", lambda tf: tf.invert_permutation([3, 0, 2, 1]))
case(
    "searchsorted",
    lambda tf, x: [
        tf.searchsorted([[0, 3, 9, 9, 10]], [[0, 4, 9]]),
        tf.searchsorted([[0, 3, 9, 9, 10]], [[0, 4, 9]], side="right"),
    ],
    A,
    grad=False,
)
case("histogram_fixed_width", lambda tf, x: tf.histogram_fixed_width(x, [-1.0, 1.0], 5), A, grad=False)
case("dynamic_partition", lambda tf, x: tf.dynamic_partition(x, [1, 0, 1], 2), A)
case("dynamic_stitch", lambda tf, x, y: tf.dynamic_stitch([[0, 2, 4], [1, 3, 5]], [x, y]), A, B)

# products and matrices
case("matmul", lambda tf, x, y: tf.matmul(x, y), A, MAT)
case("matmul transposed", lambda tf, x, y: tf.matmul(x, y, transpose_a=True), A, B)
case("matmul batch", lambda tf, x, y: tf.matmul(x, y), CUBE, CUBE2)
case("matmul batch transposed", lambda tf, x: tf.matmul(x, x, transpose_b=True), CUBE)
case("tensordot", lambda tf, x, y: tf.tensordot(x, y, axes=1), CUBE, MAT)
case("tensordot pairs", lambda tf, x, y: tf.tensordot(x, y, axes=[[0, 2], [0, 1]]), CUBE, CUBE2)
for _eq, _ins in [
    ("ij,jk->ik", (A, MAT)),
    ("bij,bjk->bik", (CUBE, CUBE2)),
    ("bij,bjk->bk", (CUBE, CUBE2)),
    ("ij,ij->i", (A, B)),
    ("ij->ji", (A,)),
    ("ij->i", (A,)),
    ("bij,jk->bik", (CUBE, MAT)),
    ("ij,kj->ik", (A, B)),
    ("i,j->ij", (V, V)),
    ("bij,bjk->", (CUBE, CUBE2)),
    ("ij,jk", (A, MAT)),
]:
    case("einsum " + _eq, lambda tf, *xs, **kw: tf.einsum(kw["eq"], *xs), *_ins, eq=_eq)
case("cross", lambda tf, x, y: tf.cross(x[:, :3], y[:, :3]), A, B)
case("diag", lambda tf, x: tf.diag(x), V)
case("diag_part", lambda tf, x: tf.diag_part(x), SPD)
case("matrix_diag", lambda tf, x: tf.matrix_diag(x), A)
case("matrix_diag_part", lambda tf, x: tf.matrix_diag_part(x), CUBE)
case("matrix_set_diag", lambda tf, x, d: tf.matrix_set_diag(x, d[:2, :3]), SQ, A)
case("matrix_band_part", lambda tf, x: tf.matrix_band_part(x, 1, 0), CUBE)
case("matrix_transpose", lambda tf, x: tf.matrix_transpose(x), CUBE)
case("trace", lambda tf, x: tf.trace(x), SQ)
case("matrix_inverse", lambda tf, x: tf.matrix_inverse(x), SQ)
case("matrix_determinant", lambda tf, x: tf.matrix_determinant(x), SQ)
case("matrix_solve", lambda tf, x, y: tf.matrix_solve(x, y), SQ, RHS)
case("matrix_solve adjoint", lambda tf, x, y: tf.matrix_solve(x, y, adjoint=True), SQ, RHS)
case("matrix_triangular_solve", lambda tf, x, y: tf.matrix_triangular_solve(x, y), SQ, RHS)
case("cholesky", lambda tf, x: tf.cholesky(x), SPD)
case("cholesky_solve", lambda tf, x, y: tf.cholesky_solve(tf.cholesky(x), y[0]), SPD, RHS)
case("logdet", lambda tf, x: tf.linalg.logdet(x), SPD)
case(
    "self_adjoint_eigvals",
    lambda tf, x: tf.self_adjoint_eigvals(x),
    SPD,
    grad=False,
    why="TensorFlow puts the gradient of both halves into the lower one",
)
case("self_adjoint_eig squares", lambda tf, x: tf.square(tf.self_adjoint_eig(x)[1]), SPD, grad=False)

# tf.nn
for _name in "relu relu6 elu selu softplus softsign leaky_relu swish crelu softmax log_softmax sigmoid tanh".split():
    case("nn " + _name, lambda tf, x, n=_name: getattr(tf.nn, n)(x), LOGITS * 2)
case("softmax axis", lambda tf, x: tf.nn.softmax(x, axis=0), LOGITS)
case("softmax dim", lambda tf, x: tf.nn.softmax(x, dim=1), CUBE)
case("leaky_relu alpha", lambda tf, x: tf.nn.leaky_relu(x, 0.3), A)
case("softmax_xent", lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x), LOGITS, PROBS)
case("softmax_xent_v2", lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x), LOGITS, PROBS)
case("sparse_xent", lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x), LOGITS, LABELS)
case("sigmoid_xent", lambda tf, x, y: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x), LOGITS, BITS)
case("weighted_xent", lambda tf, x, y: tf.nn.weighted_cross_entropy_with_logits(y, x, 3.0), LOGITS, BITS)
case("log_poisson_loss", lambda tf, x, y: tf.nn.log_poisson_loss(y, x), A, BIG)
case("log_poisson_loss full", lambda tf, x, y: tf.nn.log_poisson_loss(y, x, compute_full_loss=True), A, BIG)
case("l2_loss", lambda tf, x: tf.nn.l2_loss(x), A)
case("l2_normalize", lambda tf, x: tf.nn.l2_normalize(x, axis=1), A)
case("l2_normalize dim", lambda tf, x: tf.nn.l2_normalize(x, dim=[0, 1]), A)
case("moments", lambda tf, x: list(tf.nn.moments(x, [0, 1])), CUBE)
case("moments keep", lambda tf, x: list(tf.nn.moments(x, axes=[1], keep_dims=True)), CUBE)
case("weighted_moments", lambda tf, x, w: list(tf.nn.weighted_moments(x, [0], w)), A, POS)
case(
    "batch_normalization",
    lambda tf, x: tf.nn.batch_normalization(
        x, *[tf.constant([v] * 4) for v in (0.1, 2.0, 1.0, 0.5)], variance_epsilon=1e-3
    ),
    A,
)
case("batch_normalization plain", lambda tf, x: tf.nn.batch_normalization(x, 0.1, 2.0, None, None, 1e-3), A)
case(
    "fused_batch_norm",
    lambda tf, x: list(tf.nn.fused_batch_norm(x, [1.0, 2.0, 0.5], [0.0, 0.1, 0.2]))[:3],
    IMG,
    grad=False,
)
case(
    "fused_batch_norm inference",
    lambda tf, x: tf.nn.fused_batch_norm(x, [1.0, 2.0, 0.5], [0.0, 0.1, 0.2], [0.5] * 3, [0.3] * 3, is_training=False)[
        0
    ],
    IMG,
)
case("lrn", lambda tf, x: tf.nn.lrn(x, 1, 1.0, 0.5, 0.75), IMG)
case("bias_add", lambda tf, x: tf.nn.bias_add(x, [1.0, 2.0, 3.0, 4.0]), A)
case("embedding_lookup", lambda tf, x, i: tf.nn.embedding_lookup(x, i), A, np.array([[2, 0], [1, 1]], "int32"))
case("embedding_lookup max_norm", lambda tf, x, i: tf.nn.embedding_lookup(x, i, max_norm=1.0), A, INDEX, grad=False)
case("xw_plus_b", lambda tf, x, w: tf.nn.xw_plus_b(x, w, [1.0, 2, 3, 4, 5]), A, MAT)
case("zero_fraction", lambda tf, x: tf.nn.zero_fraction(x), BITS)
case("dropout keeps all", lambda tf, x: tf.nn.dropout(x, 1.0), A)
for _pad in ("SAME", "VALID"):
    for _stride in (1, 2):
        case(
            "conv2d %s %d" % (_pad, _stride),
            lambda tf, x, w, p=_pad, s=_stride: tf.nn.conv2d(x, w, [1, s, s, 1], p),
            IMG,
            KERNEL,
        )
        case(
            "max_pool %s %d" % (_pad, _stride),
            lambda tf, x, p=_pad, s=_stride: tf.nn.max_pool(x, [1, 2, 3, 1], [1, s, s, 1], p),
            IMG,
        )
        case(
            "avg_pool %s %d" % (_pad, _stride),
            lambda tf, x, p=_pad, s=_stride: tf.nn.avg_pool(x, [1, 2, 3, 1], [1, s, s, 1], p),
            IMG,
        )
        case(
            "depthwise %s %d" % (_pad, _stride),
            lambda tf, x, w, p=_pad, s=_stride: tf.nn.depthwise_conv2d(x, w, [1, s, s, 1], p),
            IMG,
            DEPTH,
        )
    case("conv1d " + _pad, lambda tf, x, w, p=_pad: tf.nn.conv1d(x, w, 2, p), SEQ, KERNEL1)
    case("conv3d " + _pad, lambda tf, x, w, p=_pad: tf.nn.conv3d(x, w, [1, 1, 2, 1, 1], p), VOLUME, KERNEL3)
    case(
        "separable " + _pad,
        lambda tf, x, d, w, p=_pad: tf.nn.separable_conv2d(x, d, w, [1, 1, 1, 1], p),
        IMG,
        DEPTH,
        POINT,
    )
    case("atrous " + _pad, lambda tf, x, w, p=_pad: tf.nn.atrous_conv2d(x, w, 2, p), IMG, KERNEL)
case("conv2d dilations", lambda tf, x, w: tf.nn.convolution(x, w, "SAME", dilation_rate=[2, 1]), IMG, KERNEL)
case(
    "conv2d_transpose",
    lambda tf, x, w: tf.nn.conv2d_transpose(x, w, [2, 12, 10, 4], [1, 2, 2, 1], "SAME"),
    IMG,
    TRANSPOSED,
)
case(
    "conv2d_transpose valid",
    lambda tf, x, w: tf.nn.conv2d_transpose(x, w, tf.stack([tf.shape(x)[0], 8, 7, 4]), [1, 1, 1, 1], padding="VALID"),
    IMG,
    TRANSPOSED,
)
case(
    "pool",
    lambda tf, x: [tf.nn.pool(x, [2, 2], "MAX", "VALID"), tf.nn.pool(x, [2, 2], "AVG", "SAME", strides=[2, 2])],
    IMG,
)
case("max_pool3d", lambda tf, x: tf.nn.max_pool3d(x, [1, 2, 2, 2, 1], [1, 2, 2, 2, 1], "SAME"), VOLUME)
case("avg_pool3d", lambda tf, x: tf.nn.avg_pool3d(x, [1, 2, 2, 2, 1], [1, 1, 1, 1, 1], "VALID"), VOLUME)

# tf.losses
for _name in "absolute_difference mean_squared_error huber_loss log_loss".split():
    case("losses " + _name, lambda tf, x, y, n=_name: getattr(tf.losses, n)(y, x), PROBS, BITS)
    case(
        "losses weighted " + _name,
        lambda tf, x, y, n=_name: getattr(tf.losses, n)(y, x, weights=[[1.0], [0.0], [2.0]]),
        PROBS,
        BITS,
    )
case("losses hinge", lambda tf, x, y: tf.losses.hinge_loss(y, x), LOGITS, BITS)
case("losses cosine", lambda tf, x, y: tf.losses.cosine_distance(y, x, axis=1), PROBS, BITS)
case("losses sigmoid", lambda tf, x, y: tf.losses.sigmoid_cross_entropy(y, x, label_smoothing=0.1), LOGITS, BITS)
case("losses softmax", lambda tf, x, y: tf.losses.softmax_cross_entropy(y, x, label_smoothing=0.1), LOGITS, PROBS)
case("losses sparse", lambda tf, x, y: tf.losses.sparse_softmax_cross_entropy(y, x), LOGITS, LABELS)
for _how in "NONE SUM MEAN SUM_OVER_BATCH_SIZE SUM_BY_NONZERO_WEIGHTS".split():
    case(
        "losses " + _how,
        lambda tf, x, h=_how: tf.losses.compute_weighted_loss(
            x, [[1.0], [0.0], [2.0]], reduction=getattr(tf.losses.Reduction, h)
        ),
        POS,
    )

# tf.image
for _method in ("BILINEAR", "NEAREST_NEIGHBOR", "BICUBIC", "AREA"):
    for _size in ([12, 10], [4, 9], [3, 2], [7, 5]):
        for _corners in (False, True):
            case(
                "resize %s %s %s" % (_method, _size, _corners),
                lambda tf, x, m=_method, s=_size, c=_corners: tf.image.resize_images(
                    x, s, getattr(tf.image.ResizeMethod, m), align_corners=c
                ),
                IMG,
                grad=_method != "AREA",
            )
case("resize_bilinear by a tensor", lambda tf, x: tf.image.resize_bilinear(x, tf.shape(x)[1:3] * 2), IMG)
case("resize_nearest_neighbor", lambda tf, x: tf.image.resize_nearest_neighbor(x, [9, 9]), IMG)
case("resize one image", lambda tf, x: tf.image.resize_images(x[0], (8, 8)), IMG)
case("resize bytes", lambda tf, x: tf.image.resize_images(x, (8, 8)), BYTES)
case("crop_or_pad", lambda tf, x: tf.image.resize_image_with_crop_or_pad(x, 4, 8), IMG)
case("crop_and_resize", lambda tf, x, b: tf.image.crop_and_resize(x, b, [0, 1, 1], [4, 3]), IMG, BOXES, grad=False)
case(
    "crop_and_resize nearest",
    lambda tf, x, b: tf.image.crop_and_resize(x, b, [0, 1, 1], [4, 3], method="nearest", extrapolation_value=7),
    IMG,
    BOXES,
    grad=False,
)
case("flips", lambda tf, x: [tf.image.flip_left_right(x), tf.image.flip_up_down(x)], IMG)
case("rot90", lambda tf, x: [tf.image.rot90(x[0], k) for k in (1, 2, 3)], IMG)
case("transpose_image", lambda tf, x: tf.image.transpose_image(x), IMG)
case("crops", lambda tf, x: [tf.image.crop_to_bounding_box(x, 1, 2, 3, 2), tf.image.central_crop(x[0], 0.5)], IMG)
case("pad_to_bounding_box", lambda tf, x: tf.image.pad_to_bounding_box(x, 1, 2, 9, 8), IMG)
case("total_variation", lambda tf, x: tf.image.total_variation(x), IMG)
case("per_image_standardization", lambda tf, x: tf.image.per_image_standardization(x[0]), IMG)
case("psnr", lambda tf, x, y: tf.image.psnr(x, y, max_val=1.0), PHOTO, PHOTO2)
case("psnr bytes", lambda tf, x: tf.image.psnr(x, tf.constant(BYTES[::-1].copy()), max_val=255), BYTES)
case("ssim", lambda tf, x, y: tf.image.ssim(x, y, max_val=1.0), PHOTO, PHOTO2)
case("sobel_edges", lambda tf, x: tf.image.sobel_edges(x), IMG)
case("image_gradients", lambda tf, x: list(tf.image.image_gradients(x)), IMG)
case("rgb_to_grayscale", lambda tf, x: tf.image.rgb_to_grayscale(x), IMG)
case("grayscale_to_rgb", lambda tf, x: tf.image.grayscale_to_rgb(x[..., :1]), IMG)
case("rgb_to_hsv", lambda tf, x: tf.image.rgb_to_hsv(x), IMG, grad=False)
case("hsv_to_rgb", lambda tf, x: tf.image.hsv_to_rgb(x), IMG, grad=False)
case(
    "adjust",
    lambda tf, x: [
        tf.image.adjust_brightness(x, 0.2),
        tf.image.adjust_contrast(x, 1.5),
        tf.image.adjust_gamma(x, 2.0, 0.5),
    ],
    IMG,
    grad=False,
)
case("adjust colours", lambda tf, x: [tf.image.adjust_saturation(x, 0.5), tf.image.adjust_hue(x, 0.2)], IMG, grad=False)
case("adjust_brightness bytes", lambda tf, x: tf.image.adjust_brightness(x, 0.3), BYTES)
case("convert_image_dtype", lambda tf, x: tf.image.convert_image_dtype(x, tf.float32), BYTES)
case(
    "convert_image_dtype back", lambda tf, x: tf.image.convert_image_dtype(x, tf.uint8, saturate=True), IMG, grad=False
)
case(
    "extract_image_patches",
    lambda tf, x: tf.extract_image_patches(x, [1, 3, 2, 1], [1, 2, 1, 1], [1, 1, 2, 1], "SAME"),
    IMG,
)
case("non_max_suppression", lambda tf, b: tf.image.non_max_suppression(b, [0.3, 0.9, 0.5], 3, iou_threshold=0.3), BOXES)

# control flow
case("cond", lambda tf, x: tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: x - 1), A)
case(
    "case",
    lambda tf, x: tf.case(
        [(tf.reduce_sum(x) > 99, lambda: x * 2), (tf.reduce_max(x) > 0, lambda: x * 3)], default=lambda: x
    ),
    A,
)
case("map_fn", lambda tf, x: tf.map_fn(lambda r: r * r[0], x), A)
case("map_fn two", lambda tf, x, y: tf.map_fn(lambda r: r[0] * r[1], (x, y), dtype=tf.float32), A, B)
case("scan", lambda tf, x: tf.scan(lambda a, r: a * 0.5 + r, x), A)
case("scan initializer", lambda tf, x: tf.scan(lambda a, r: a + tf.reduce_sum(r), x, initializer=0.0), A)
case("scan reverse", lambda tf, x: tf.scan(lambda a, r: a * 0.5 + r, x, reverse=True), A)
case("foldl foldr", lambda tf, x: [tf.foldl(lambda a, r: a * 0.5 + r, x), tf.foldr(lambda a, r: a * 0.5 + r, x)], A)
case(
    "while counted",
    lambda tf, x: tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x + 1), [tf.constant(0), tf.ones_like(x)])[
        1
    ],
    A,
)
case(
    "while open",
    lambda tf, x: tf.while_loop(lambda a: tf.reduce_sum(a) < 50.0, lambda a: a * 2.0, [x]),
    POS,
    grad=False,
)
case(
    "while limited",
    lambda tf, x: tf.while_loop(lambda a: tf.reduce_sum(a) < 50.0, lambda a: a * 2.0, [x], maximum_iterations=20),
    POS,
    grad=False,
)


def _array_loop(tf, x):
    rows = tf.TensorArray(tf.float32, size=3)
    _, rows = tf.while_loop(lambda i, ta: i < 3, lambda i, ta: (i + 1, ta.write(i, tf.reduce_sum(x[i]))), (0, rows))
    return rows.stack()


case("TensorArray", _array_loop, A)
case("gradients", lambda tf, x: tf.gradients(tf.reduce_sum(x**3), x)[0], A)
case("gradients grad_ys", lambda tf, x: tf.gradients([x * x, x * 3], [x], grad_ys=[x, tf.ones_like(x)])[0], A)
case("gradients stop", lambda tf, x: tf.gradients(x * x * tf.exp(x), x, stop_gradients=[])[0], A)
case("hessians", lambda tf, x: tf.hessians(tf.reduce_sum(x**3) + x[0] * x[1], x)[0], V, grad=False)
case("py_func", lambda tf, x: tf.py_func(lambda a: a[::-1] * 2, [x], tf.float32), A, grad=False)
case("assign", lambda tf, x: tf.assign(tf.Variable(np.zeros((3, 4), "float32")), x), A, grad=False)
case("scatter_sub", lambda tf, x: tf.scatter_sub(tf.Variable(np.ones((4, 4), "float32")), [1, 3, 1], x), A, grad=False)
case(
    "scatter_update",
    lambda tf, x: tf.scatter_update(tf.Variable(np.ones((4, 4), "float32")), [1, 3, 0], x),
    A,
    grad=False,
)
case("sparse_to_dense", lambda tf: tf.sparse_to_dense([[0, 1], [2, 2]], [3, 4], [5.0, 6.0], -1.0))
case(
    "ctc_loss",
    lambda tf, x: tf.nn.ctc_loss(
        tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [1, 2, 0], [2, 2]), tf.transpose(x, [1, 0, 2]), [7, 5]
    ),
    np.concatenate([SEQ, SEQ[:, ::-1, :1]], -1),
)


def one(tf, run, function, arrays, options, feed_shape=None):
    """Outputs of a case, then the gradients of a weighted sum of its float outputs."""
    extra = {k: v for k, v in options.items() if k not in ("grad", "why")}
    shape = feed_shape or (lambda a: a.shape)
    feeds = [tf.placeholder(tf.as_dtype(a.dtype), shape(a)) for a in arrays]
    outs = _list(function(tf, *feeds, **extra))
    tensors = list(outs)
    floats = [x for x, a in zip(feeds, arrays) if a.dtype.kind == "f"]
    targets = [y for y in outs if y.dtype.is_floating]
    if options.get("grad", True) and floats and targets:
        loss = sum(
            tf.reduce_sum(y * tf.cos(tf.reshape(tf.cumsum(tf.reshape(tf.ones_like(y), [-1])), tf.shape(y))))
            for y in targets
        )
        tensors += [tf.convert_to_tensor(g) for g in tf.gradients(loss, floats) if g is not None]
    return run(tensors, feeds, arrays)
