"""Small programs in the manner of their time: TensorFlow's functions in layers, losses and loops around Keras."""

from __future__ import annotations

import numpy as np
import pytest

import gpukeras as keras
import gpukeras.backend as K
import gpukeras.compat.tensorflow as tf
from gpukeras.layers import (
    Activation,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    Lambda,
    Layer,
    MaxPooling2D,
)
from gpukeras.models import Model, Sequential, load_model


@pytest.fixture(autouse=True)
def fresh():
    tf.reset_default_graph()
    np.random.seed(0)
    yield
    tf.reset_default_graph()


# --- Lambda layers ------------------------------------------------------------------------------------------------


def pixel_shuffle(x, scale):
    return tf.depth_to_space(x, scale)


def normalised_heads(x):
    a, b = tf.split(x, num_or_size_splits=2, axis=-1)
    scores = tf.nn.softmax(tf.matmul(a, b, transpose_b=True) / tf.sqrt(tf.cast(tf.shape(a)[-1], tf.float32)))
    return tf.concat([tf.matmul(scores, b), tf.nn.l2_normalize(a, axis=-1)], axis=-1)


def test_lambdas_train_save_and_load(tmp_path):
    inputs = Input((8, 8, 3))
    x = Conv2D(8, 3, padding="same")(inputs)
    x = Lambda(lambda t: tf.nn.leaky_relu(t, alpha=0.1))(x)
    x = Lambda(lambda t: tf.image.resize_bilinear(t, (4, 4)))(x)
    x = Lambda(pixel_shuffle, arguments={"scale": 2})(x)
    x = Lambda(lambda t: tf.pad(t, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"))(x)
    assert K.int_shape(x) == (None, 10, 10, 2)
    x = Lambda(lambda t: tf.reshape(t, [-1, 10, 20]))(x)
    x = Lambda(normalised_heads)(x)
    x = Lambda(lambda t: tf.reduce_mean(tf.expand_dims(t, 1), axis=[1, 2]))(x)
    assert K.int_shape(x) == (None, 20)
    model = Model(inputs, Dense(2, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    images, labels = np.random.rand(16, 8, 8, 3), np.eye(2)[np.random.randint(0, 2, 16)]
    losses = model.fit(images, labels, epochs=8, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    path = str(tmp_path / "model.h5")
    model.save(path)
    again = load_model(path, custom_objects={"tf": tf, "pixel_shuffle": pixel_shuffle})
    np.testing.assert_allclose(again.predict(images), model.predict(images), rtol=1e-6)
    np.testing.assert_allclose(again.train_on_batch(images, labels), model.train_on_batch(images, labels), rtol=1e-5)


def test_backend_knows_tf():
    assert K.tf is tf and K.control_flow_ops.while_loop is tf.while_loop
    x = K.placeholder((None, 3))
    assert K.function([x], [K.tf.reduce_max(x, axis=1)])([[[1.0, 5.0, 2.0]]])[0].tolist() == [5]


# --- losses -------------------------------------------------------------------------------------------------------


def focal_loss(gamma=2.0, alpha=0.25):
    def loss(y_true, y_pred):
        y_true = tf.cast(y_true, tf.float32)
        eps = K.epsilon()
        y_pred = tf.clip_by_value(y_pred, eps, 1 - eps)
        pt = tf.where(tf.equal(y_true, 1), y_pred, tf.ones_like(y_pred) - y_pred)
        weight = tf.where(tf.equal(y_true, 1), alpha * tf.ones_like(y_true), (1 - alpha) * tf.ones_like(y_true))
        return tf.reduce_mean(-weight * tf.pow(1.0 - pt, gamma) * tf.log(pt), axis=-1)

    return loss


def dice_loss(y_true, y_pred):
    intersection = tf.reduce_sum(y_true * y_pred, axis=[1, 2, 3])
    union = tf.reduce_sum(y_true, [1, 2, 3]) + tf.reduce_sum(y_pred, reduction_indices=[1, 2, 3])
    return 1 - tf.reduce_mean((2 * intersection + 1) / (union + 1))


def triplet_loss(y_true, y_pred, margin=0.2):
    anchor, positive, negative = tf.unstack(tf.reshape(y_pred, [-1, 3, 4]), axis=1)
    near = tf.reduce_sum(tf.square(tf.subtract(anchor, positive)), 1)
    far = tf.reduce_sum(tf.square(tf.subtract(anchor, negative)), 1)
    return tf.maximum(near - far + margin, 0.0)


def batch_hard_triplets(y_true, y_pred):
    labels = tf.reshape(tf.cast(y_true, tf.int32), [-1])
    squares = tf.diag_part(tf.matmul(y_pred, tf.transpose(y_pred)))
    distances = tf.maximum(squares[:, None] - 2 * tf.matmul(y_pred, y_pred, transpose_b=True) + squares[None], 0.0)
    zero = tf.to_float(tf.equal(distances, 0.0))
    distances = tf.sqrt(distances + zero * 1e-16) * (1.0 - zero)
    same = tf.to_float(tf.equal(tf.expand_dims(labels, 0), tf.expand_dims(labels, 1)))
    hardest_positive = tf.reduce_max(same * distances, axis=1)
    largest = tf.reduce_max(distances, axis=1, keepdims=True)
    hardest_negative = tf.reduce_min(distances + largest * same, axis=1)
    return tf.reduce_mean(tf.nn.softplus(hardest_positive - hardest_negative))


def test_focal_loss():
    x = np.random.randn(64, 4)
    y = (x[:, :1] > 1).astype("float32")
    model = Sequential([Dense(1, activation="sigmoid", input_shape=(4,))])
    model.compile("adam", focal_loss())
    p = np.clip(model.predict(x), 1e-7, 1 - 1e-7)
    pt, w = np.where(y == 1, p, 1 - p), np.where(y == 1, 0.25, 0.75)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), np.mean(-w * (1 - pt) ** 2 * np.log(pt)), rtol=1e-5)
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_dice_loss(tmp_path):
    x, y = np.random.rand(8, 6, 6, 1), (np.random.rand(8, 6, 6, 1) > 0.5).astype("float32")
    model = Sequential([Conv2D(4, 3, padding="same", input_shape=(6, 6, 1)), Conv2D(1, 1, activation="sigmoid")])
    model.compile("adam", dice_loss)
    p = model.predict(x)
    want = 1 - np.mean((2 * (p * y).sum((1, 2, 3)) + 1) / (p.sum((1, 2, 3)) + y.sum((1, 2, 3)) + 1))
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), want, rtol=1e-5)
    model.fit(x, y, verbose=0)
    model.save(str(tmp_path / "dice.h5"))
    again = load_model(str(tmp_path / "dice.h5"), custom_objects={"dice_loss": dice_loss})
    np.testing.assert_allclose(again.train_on_batch(x, y), model.train_on_batch(x, y), rtol=1e-5)


@pytest.mark.parametrize(("loss", "units"), [(triplet_loss, 12), (batch_hard_triplets, 4)])
def test_triplet_losses(loss, units):
    x = np.random.randn(12, 5).astype("float32")
    y = np.repeat([0, 1, 2], 4)[:, None] if units == 4 else np.zeros((12, 12))
    model = Sequential([Dense(8, activation="relu", input_shape=(5,)), Dense(units)])
    model.compile("adam", loss)
    losses = model.fit(x, y, epochs=30, batch_size=12, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


class CenterLoss(Layer):
    """Distance to the centre of the class; the centres move by updates of their own."""

    def __init__(self, classes, dim, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.dim, self.rate = classes, dim, rate

    def build(self, input_shape):
        self.centers = self.add_weight(
            name="centers", shape=(self.classes, self.dim), initializer="zeros", trainable=False
        )
        super().build(input_shape)

    def call(self, inputs):
        features, labels = inputs
        labels = tf.reshape(tf.cast(labels, tf.int32), [-1])
        batch = tf.gather(self.centers, labels)
        _, place, count = tf.unique_with_counts(labels)
        appear = tf.reshape(tf.gather(count, place), [-1, 1])
        diff = (batch - features) / tf.cast(1 + appear, tf.float32) * self.rate
        with tf.control_dependencies([tf.scatter_sub(self.centers, labels, diff)]):
            return tf.reduce_sum(tf.square(features - batch), axis=1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], 1)


def test_center_loss():
    features, labels = Input((2,)), Input((1,))
    layer = CenterLoss(3, 2)
    model = Model([features, labels], layer([features, labels]))
    model.compile("sgd", lambda y, d: tf.reduce_mean(d))
    x = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    loss = model.train_on_batch([x, np.array([[0], [0], [2]])], np.zeros((3, 1)))
    np.testing.assert_allclose(loss, (1 + 9 + 4) / 3, rtol=1e-6)
    # each row moves its centre by rate * difference / (1 + how many rows the class has)
    np.testing.assert_allclose(K.get_value(layer.centers), [[0.5 * 4 / 3, 0], [0, 0], [0, 0.5]], rtol=1e-6)


# --- gradients ----------------------------------------------------------------------------------------------------


def test_gradient_penalty():
    real, fake = Input((4,)), Input((4,))
    critic = Sequential([Dense(16, activation="tanh", input_shape=(4,)), Dense(1)])
    epsilon = tf.random_uniform([tf.shape(real)[0], 1], 0.0, 1.0)
    mixed = epsilon * real + (1 - epsilon) * fake
    slope = tf.gradients(critic(mixed), mixed)[0]
    norms = tf.sqrt(tf.reduce_sum(tf.square(slope), axis=1))
    penalty = tf.reduce_mean((norms - 1.0) ** 2)
    loss = tf.reduce_mean(critic(fake)) - tf.reduce_mean(critic(real)) + 10 * penalty
    updates = keras.optimizers.Adam(0.01).get_updates(loss, critic.trainable_weights)
    train = K.function([real, fake], [loss, penalty], updates)
    a, b = np.random.randn(32, 4) + 1, np.random.randn(32, 4)
    penalties = [train([a, b])[1] for _ in range(40)]
    assert penalties[-1] < 0.5 * penalties[0]


def _small_network():
    return Sequential(
        [
            Conv2D(4, 3, padding="same", input_shape=(8, 8, 3), name="features"),
            Activation("relu"),
            MaxPooling2D(2),
            Flatten(),
            Dense(3, activation="softmax"),
        ]
    )


def test_grad_cam():
    model = _small_network()
    layer = model.get_layer("features").output
    loss = tf.reduce_sum(model.output * tf.one_hot([1], 3), axis=1)
    grads = tf.gradients(loss, layer)[0]
    grads = tf.div(grads, tf.sqrt(tf.reduce_mean(tf.square(grads))) + tf.constant(1e-5))
    weights = tf.reduce_mean(grads, axis=(1, 2))
    cam = tf.nn.relu(tf.reduce_sum(layer * weights[:, None, None, :], axis=-1))
    cam = tf.image.resize_images(cam[..., None], [16, 16])
    sess = K.get_session()
    image = np.random.rand(1, 8, 8, 3)
    found, maps, slopes = sess.run([cam, layer, grads], feed_dict={model.input: image, K.learning_phase(): 0})
    assert found.shape == (1, 16, 16, 1)
    plain = np.maximum((maps * slopes.mean((1, 2))[:, None, None]).sum(-1), 0)
    np.testing.assert_allclose(found[0, ::2, ::2, 0], plain[0], atol=1e-5)


def test_guided_backpropagation():
    @tf.RegisterGradient("GuidedReluTest")
    def guided(op, grad):
        dtype = op.inputs[0].dtype
        return grad * tf.cast(grad > 0.0, dtype) * tf.cast(op.inputs[0] > 0.0, dtype)

    weights = [np.array([[1.0, -2.0], [3.0, 1.0]]), np.zeros(2)]
    graph = tf.get_default_graph()
    with graph.gradient_override_map({"Relu": "GuidedReluTest"}):
        model = Sequential([Dense(2, activation="relu", input_shape=(2,), weights=weights)])
    x, scale = model.input, tf.constant([1.0, -1.0])
    grads = tf.gradients(tf.reduce_sum(model.output * scale), x)[0]
    got = K.function([x], [grads])([np.array([[1.0, 3.0], [-1.0, 2.0]])])[0]
    # the second unit's gradient is negative, so it is cut off although the unit is active
    np.testing.assert_allclose(got, [[1, 3], [1, 3]])
    with pytest.raises(KeyError, match="two gradient"):
        tf.RegisterGradient("GuidedReluTest")(guided)
    with pytest.raises(LookupError, match="No gradient defined"), graph.gradient_override_map({"Relu": "Nothing"}):
        pass


def test_custom_gradient():
    @tf.custom_gradient
    def log1pexp(x):
        e = tf.exp(x)
        return tf.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))

    x = tf.placeholder(tf.float32, [None])
    y = log1pexp(x)
    assert K.function([x], [y, tf.gradients(y, x)[0]])([[100.0, 0.0]])[1].tolist() == [1.0, 0.5]


def gram(x):
    rows = tf.reshape(tf.transpose(x, [2, 0, 1]), [tf.shape(x)[2], -1])
    return tf.matmul(rows, rows, transpose_b=True)


def test_style_transfer():
    content, style = np.random.rand(2, 12, 12, 3).astype("float32")
    picture = tf.Variable(np.random.rand(1, 12, 12, 3).astype("float32"))
    inputs = tf.concat([picture, content[None], style[None]], axis=0)
    network = Sequential([Conv2D(6, 3, activation="relu", input_shape=(12, 12, 3)), Conv2D(4, 3, activation="relu")])
    features = network(inputs)
    mine, target, styled = tf.unstack(features, num=3)
    loss = tf.reduce_sum(tf.square(mine - target)) + 0.01 * tf.nn.l2_loss(gram(mine) - gram(styled))
    loss += 1e-3 * tf.reduce_sum(tf.image.total_variation(picture))
    step = tf.train.AdamOptimizer(0.05).minimize(loss, var_list=[picture])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        losses = [sess.run([loss, step])[0] for _ in range(15)]
    assert losses[-1] < 0.7 * losses[0]


# --- sequences ----------------------------------------------------------------------------------------------------


def test_ctc():
    steps, classes = 10, 5
    x = Input((steps, 3), name="x")
    labels = Input((4,), dtype="int32")
    lengths = Input((1,), dtype="int32")
    logits = Dense(classes + 1)(x)
    label_places = tf.where(tf.sequence_mask(tf.reshape(lengths, [-1]), 4))
    assert label_places.get_shape().as_list() == [None, 2]

    def cost(args):
        y_true, y_pred, count = args
        y_pred = tf.nn.softmax(y_pred)
        frames = tf.fill([tf.shape(y_pred)[0], 1], steps)
        return K.ctc_batch_cost(y_true, y_pred, frames, count)

    loss = Lambda(cost, output_shape=(1,))([labels, logits, lengths])
    model = Model([x, labels, lengths], loss)
    model.compile(keras.optimizers.Adam(0.05), lambda y_true, y_pred: y_pred)
    data = [np.random.randn(6, steps, 3), np.random.randint(0, classes, (6, 4)), np.random.randint(1, 4, (6, 1))]
    losses = model.fit(data, np.zeros((6, 1)), epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_crf_like_forward_recursion():
    """log of the sum over all paths, by tf.scan, against all paths written out."""
    scores = tf.placeholder(tf.float32, [None, 4, 3])
    steps = tf.Variable(np.random.randn(3, 3).astype("float32"))
    time_first = tf.transpose(scores, [1, 0, 2])

    def step(before, now):
        return tf.reduce_logsumexp(before[:, :, None] + steps[None], axis=1) + now

    alphas = tf.scan(step, time_first[1:], initializer=time_first[0])
    total = tf.reduce_logsumexp(alphas[-1], axis=1)
    value = np.random.randn(2, 4, 3).astype("float32")
    got, slope = K.function([scores], [total, tf.gradients(total, steps)[0]])([value])
    table = K.get_value(steps)
    paths = np.array(np.meshgrid(*[range(3)] * 4)).reshape(4, -1).T
    for s, v in zip(value, got):
        sums = [sum(s[t, p[t]] for t in range(4)) + sum(table[p[t], p[t + 1]] for t in range(3)) for p in paths]
        np.testing.assert_allclose(v, np.log(np.exp(sums).sum()), rtol=1e-5)
    np.testing.assert_allclose(slope.sum(), 2 * 3, rtol=1e-5)  # one step from t to t + 1 in every path


def test_embeddings_and_sampling():
    model = Sequential([Embedding(10, 4, input_length=3), Lambda(lambda e: tf.reduce_mean(e, axis=1))])
    table = model.layers[0].embeddings
    similar = tf.matmul(tf.nn.l2_normalize(tf.nn.embedding_lookup(table, [1, 2]), 1), tf.nn.l2_normalize(table, 1),
                        transpose_b=True)  # fmt: skip
    found = K.get_session().run(tf.nn.top_k(similar, 2).indices)
    assert found[:, 0].tolist() == [1, 2]


# --- detection ----------------------------------------------------------------------------------------------------


def box_iou(b1, b2):
    b1, b2 = K.expand_dims(b1, -2), K.expand_dims(b2, 0)
    low = tf.maximum(b1[..., :2] - b1[..., 2:4] / 2.0, b2[..., :2] - b2[..., 2:4] / 2.0)
    high = tf.minimum(b1[..., :2] + b1[..., 2:4] / 2.0, b2[..., :2] + b2[..., 2:4] / 2.0)
    wh = tf.maximum(high - low, 0.0)
    both = wh[..., 0] * wh[..., 1]
    return both / (b1[..., 2] * b1[..., 3] + b2[..., 2] * b2[..., 3] - both)


def yolo_like_loss(args):
    """Objectness with a mask of boxes to ignore, found image by image in a loop over data-dependent boxes."""
    y_true, y_pred = args
    object_mask = y_true[..., 4:5]
    m = tf.shape(y_pred)[0]
    grid = tf.shape(y_pred)[1:3]
    grid_y = tf.tile(tf.reshape(tf.range(0, limit=grid[0]), [-1, 1, 1]), [1, grid[1], 1])
    grid_x = tf.tile(tf.reshape(tf.range(0, limit=grid[1]), [1, -1, 1]), [grid[0], 1, 1])
    cells = tf.cast(tf.concat([grid_x, grid_y], axis=-1), tf.float32)
    xy = (tf.sigmoid(y_pred[..., :2]) + cells) / tf.cast(grid[::-1], tf.float32)
    pred_box = tf.concat([xy, tf.exp(y_pred[..., 2:4]) * 0.3], axis=-1)
    ignore_mask = tf.TensorArray(K.dtype(y_true), size=1, dynamic_size=True)
    object_mask_bool = tf.cast(object_mask, "bool")

    def loop_body(b, ignore_mask):
        true_box = tf.boolean_mask(y_true[b, ..., 0:4], object_mask_bool[b, ..., 0])
        best_iou = tf.reduce_max(box_iou(pred_box[b], true_box), axis=-1)
        return b + 1, ignore_mask.write(b, tf.cast(best_iou < 0.2, K.dtype(true_box)))

    _, ignore_mask = tf.while_loop(lambda b, *args: b < m, loop_body, [0, ignore_mask])
    ignore = tf.expand_dims(ignore_mask.stack(), -1)
    logits = y_pred[..., 4:5]
    confidence = K.binary_crossentropy(object_mask, logits, from_logits=True)
    loss = tf.reduce_sum(object_mask * confidence + (1 - object_mask) * confidence * ignore)
    loss += tf.reduce_sum(object_mask * tf.square(y_true[..., 0:2] - xy))
    return loss / tf.cast(m, tf.float32)


def _numpy_yolo(y_true, y_pred):
    total = 0.0
    for t, p in zip(y_true, y_pred):
        h, w = p.shape[:2]
        cells = np.stack(np.meshgrid(range(w), range(h)), -1)
        xy = (1 / (1 + np.exp(-p[..., :2])) + cells) / [w, h]
        wh = np.exp(p[..., 2:4]) * 0.3
        boxes = t[t[..., 4] > 0][:, :4]
        for i, j in np.ndindex(h, w):
            best = -np.inf
            for b in boxes:
                low = np.maximum(xy[i, j] - wh[i, j] / 2, b[:2] - b[2:] / 2)
                high = np.minimum(xy[i, j] + wh[i, j] / 2, b[:2] + b[2:] / 2)
                both = np.prod(np.maximum(high - low, 0))
                best = max(best, both / (np.prod(wh[i, j]) + np.prod(b[2:]) - both))
            o, z = t[i, j, 4], p[i, j, 4]
            cross = max(z, 0) - z * o + np.log1p(np.exp(-abs(z)))
            total += cross * (o + (1 - o) * (best < 0.2)) + o * ((t[i, j, :2] - xy[i, j]) ** 2).sum()
    return total / len(y_true)


def test_yolo_like_loss():
    y_true = np.zeros((3, 4, 4, 5), "float32")
    for b, i, j in [(0, 1, 2), (0, 3, 3), (1, 0, 0), (2, 2, 1), (2, 2, 2), (2, 0, 3)]:
        y_true[b, i, j] = [(j + 0.4) / 4, (i + 0.6) / 4, 0.3, 0.25, 1]
    y_pred = (np.random.randn(3, 4, 4, 5) * 0.5).astype("float32")
    a, p = Input((4, 4, 5)), Input((4, 4, 5))
    f = K.function([a, p], [yolo_like_loss([a, p])])
    np.testing.assert_allclose(f([y_true, y_pred])[0], _numpy_yolo(y_true, y_pred), rtol=1e-5)

    images, boxes = Input((4, 4, 3)), Input((4, 4, 5))
    output = Conv2D(5, 3, padding="same")(images)
    loss = Lambda(yolo_like_loss, output_shape=(1,), name="yolo_loss")([boxes, output])
    model = Model([images, boxes], loss)
    model.compile(keras.optimizers.Adam(0.05), {"yolo_loss": lambda y_true, y_pred: y_pred})
    data = [np.random.rand(3, 4, 4, 3), y_true]
    losses = [model.train_on_batch(data, np.zeros(3)) for _ in range(8)]
    assert losses[-1] < 0.8 * losses[0]


def test_boxes_by_score():
    """What follows a detector: boxes of high score, class by class, without their doubles."""
    boxes = tf.placeholder(tf.float32, [None, 4])
    scores = tf.placeholder(tf.float32, [None, 2])
    mask = scores >= 0.3
    found_boxes, found_scores, found_classes = [], [], []
    for c in range(2):
        class_boxes = tf.boolean_mask(boxes, mask[:, c])
        class_scores = tf.boolean_mask(scores[:, c], mask[:, c])
        index = tf.image.non_max_suppression(class_boxes, class_scores, K.constant(5, dtype="int32"), iou_threshold=0.5)
        found_boxes.append(K.gather(class_boxes, index))
        found_scores.append(K.gather(class_scores, index))
        found_classes.append(K.ones_like(K.gather(class_scores, index), "int32") * c)
    out = [K.concatenate(parts, axis=0) for parts in (found_boxes, found_scores, found_classes)]
    with tf.Session() as sess:
        b, s, c = sess.run(
            out,
            {
                boxes: [[0, 0, 1, 1], [0, 0, 1, 0.95], [2, 2, 3, 3], [5, 5, 6, 6]],
                scores: [[0.6, 0.1], [0.9, 0.2], [0.5, 0.8], [0.1, 0.2]],
            },
        )
    assert s.tolist() == pytest.approx([0.9, 0.5, 0.8]) and c.tolist() == [0, 0, 1]
    assert b.tolist() == [[0, 0, 1, np.float32(0.95)], [2, 2, 3, 3], [2, 2, 3, 3]]


class DecodeBoxes(Layer):
    """Boxes of an SSD from offsets to anchors; the best few of each image, padded to a fixed number."""

    def __init__(self, keep=3, **kwargs):
        super().__init__(**kwargs)
        self.keep = keep

    def call(self, inputs):
        scores, offsets, anchors = tf.split(inputs, [2, 4, 4], axis=-1)
        cx = offsets[..., 0:1] * anchors[..., 2:3] * 0.1 + anchors[..., 0:1]
        cy = offsets[..., 1:2] * anchors[..., 3:4] * 0.1 + anchors[..., 1:2]
        w = tf.exp(offsets[..., 2:3] * 0.2) * anchors[..., 2:3]
        h = tf.exp(offsets[..., 3:4] * 0.2) * anchors[..., 3:4]
        boxes = tf.concat([cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h], axis=-1)
        rows = tf.concat([scores[..., 1:], boxes], axis=-1)

        def one(image):
            index = tf.image.non_max_suppression(image[:, 1:], image[:, 0], self.keep, iou_threshold=0.45)
            return self._filled(tf.gather(image, index))

        return tf.map_fn(one, rows, dtype=tf.float32)

    def _filled(self, best):
        missing = tf.maximum(self.keep - tf.shape(best)[0], 0)
        return tf.concat([best, tf.zeros([missing, 5])], axis=0)[: self.keep]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.keep, 5)


def test_ssd_boxes():
    inputs = Input((4, 10))
    model = Model(inputs, DecodeBoxes()(inputs))
    rows = np.zeros((2, 4, 10), "float32")
    rows[..., 1] = [[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4]]
    rows[..., 6:] = [[0.3, 0.3, 0.2, 0.2], [0.31, 0.3, 0.2, 0.2], [0.7, 0.7, 0.2, 0.2], [0.7, 0.71, 0.2, 0.2]]
    got = model.predict(rows)
    assert got.shape == (2, 3, 5)
    np.testing.assert_allclose(got[0, :, 0], [0.9, 0.7, 0])
    np.testing.assert_allclose(got[1, :, 0], [0.4, 0.2, 0])
    np.testing.assert_allclose(got[0, 0, 1:], [0.2, 0.2, 0.4, 0.4], atol=1e-6)


def test_smooth_l1_and_hard_negatives():
    y_true = tf.placeholder(tf.float32, [None, 6, 3])
    y_pred = tf.placeholder(tf.float32, [None, 6, 3])
    size = tf.abs(y_true - y_pred)
    smooth = tf.reduce_sum(tf.where(tf.less(size, 1.0), 0.5 * size**2, size - 0.5), -1)
    negatives = 1 - y_true[..., 0]
    count = tf.minimum(3 * tf.reduce_sum(y_true[..., 0], -1), tf.reduce_sum(negatives, -1))
    ranked = tf.nn.top_k(smooth * negatives, k=6)
    keep = tf.sequence_mask(tf.cast(count, tf.int32), 6, dtype=tf.float32)
    loss = tf.reduce_sum(ranked.values * keep, -1) / tf.maximum(count, 1.0)
    a, b = np.random.rand(2, 6, 3).round() * 1.0, np.random.randn(2, 6, 3)
    a[:, :, 0] = [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
    d = np.abs(a - b)
    losses = np.where(d < 1, 0.5 * d * d, d - 0.5).sum(-1) * (1 - a[..., 0])
    want = [np.sort(row)[::-1][:3].sum() / 3 for row in losses]
    got = K.function([y_true, y_pred], [loss, tf.gradients(loss, y_pred)[0]])([a, b])
    np.testing.assert_allclose(got[0], want, rtol=1e-5)
    assert np.count_nonzero(got[1]) == 2 * 3 * 3


def test_hard_negatives_as_many_as_the_batch_asks_for():
    y_true, y_pred = tf.placeholder(tf.float32, [None, 6]), tf.placeholder(tf.float32, [None, 6])
    losses = tf.reshape(tf.square(y_pred) * (1 - y_true), [-1])
    keep = tf.minimum(2 * tf.to_int32(tf.reduce_sum(y_true)), tf.count_nonzero(losses, dtype=tf.int32))
    values, indices = tf.nn.top_k(losses, k=keep, sorted=False)
    kept = tf.scatter_nd(tf.expand_dims(indices, axis=1), tf.ones_like(indices, dtype=tf.int32), tf.shape(losses))
    loss = tf.reduce_sum(losses * tf.to_float(kept))
    f = K.function([y_true, y_pred], [values, loss, tf.gradients(loss, y_pred)[0]])
    b = np.random.permutation(12).reshape(2, 6) + 1.0
    for positives in (1, 2):
        a = np.zeros((2, 6))
        a[:positives, 0] = 1
        want = np.sort((b * b * (1 - a)).ravel())[::-1][: 2 * positives]
        got = f([a, b])
        np.testing.assert_allclose(got[0], want)
        np.testing.assert_allclose(got[1], want.sum(), rtol=1e-6)
        np.testing.assert_allclose(got[2], 2 * b * (b * b * (1 - a) >= want[-1]))


# --- the rest -----------------------------------------------------------------------------------------------------


def test_variational_autoencoder_pieces():
    x = Input((6,))
    mean, log_variance = Dense(2)(x), Dense(2)(x)
    z = Lambda(lambda a: a[0] + tf.exp(a[1] / 2) * tf.random_normal(tf.shape(a[0]), stddev=1.0))([mean, log_variance])
    model = Model(x, Dense(6, activation="sigmoid")(z))
    divergence = -0.5 * tf.reduce_sum(1 + log_variance - tf.square(mean) - tf.exp(log_variance), axis=-1)
    cross = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=model.output)
    model.add_loss(tf.reduce_mean(tf.reduce_sum(cross, 1) + divergence))
    model.compile("adam", loss=None)
    losses = model.fit(np.random.rand(64, 6), epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_layers_functions():
    x = tf.placeholder(tf.float32, [None, 8, 8, 1])
    training = tf.placeholder(tf.bool, [])
    h = tf.layers.conv2d(x, 4, 3, padding="same", activation=tf.nn.relu)
    h = tf.layers.batch_normalization(h, training=training)
    h = tf.layers.max_pooling2d(h, 2, 2)
    h = tf.layers.dropout(tf.layers.flatten(h), rate=0.5, training=training)
    logits = tf.layers.dense(h, 2, kernel_initializer=tf.glorot_uniform_initializer())
    y = tf.placeholder(tf.int32, [None])
    loss = tf.losses.sparse_softmax_cross_entropy(labels=y, logits=logits)
    moving = [v for v in tf.global_variables() if "moving_mean" in v.name][0]
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    images = np.random.rand(32, 8, 8, 1)
    labels = (images.mean((1, 2, 3)) > 0.5).astype(int)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        first = sess.run(loss, {x: images, y: labels, training: False})
        for _ in range(30):
            sess.run(step, {x: images, y: labels, training: True})
        assert np.abs(sess.run(moving)).max() > 0
        one, two = (sess.run(logits, {x: images, training: False}) for _ in range(2))
        np.testing.assert_array_equal(one, two)
        assert np.isfinite(first)


def test_metrics_in_compile():
    def mean_iou(y_true, y_pred):
        a, b = tf.cast(y_true > 0.5, tf.float32), tf.to_float(y_pred > 0.5)
        both = tf.reduce_sum(a * b)
        return tf.div_no_nan(both, tf.reduce_sum(a) + tf.reduce_sum(b) - both)

    def from_numpy(y_true, y_pred):
        return tf.py_func(lambda a, b: np.float32((a.round() == b.round()).mean()), [y_true, y_pred], tf.float32)

    model = Sequential([GlobalAveragePooling2D(input_shape=(4, 4, 3)), Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[mean_iou, from_numpy, "accuracy"])
    x, y = np.random.rand(16, 4, 4, 3), np.random.randint(0, 2, (16, 1))
    _, iou, share, accuracy = model.evaluate(x, y, batch_size=16, verbose=0)
    p = model.predict(x) > 0.5
    np.testing.assert_allclose(iou, (p & (y > 0)).sum() / max((p | (y > 0)).sum(), 1), rtol=1e-6)
    np.testing.assert_allclose(share, accuracy, rtol=1e-6)
