"""What the catalogue (losses, metrics, optimizers, activations, layers, ...) computes on fixed inputs.

`compute(keras)` runs every case with the package it is given and returns {name: array}. The same code runs under
Keras 2.2.4, whose answers are stored (make_catalogue.py), and under gpukeras in the tests. It therefore keeps to
Python 3.6 and to what both packages offer.
"""

import json

import numpy as np


def _rand(seed, *shape):
    return np.random.RandomState(seed).randn(*shape).astype("float32")


def _probabilities(seed, *shape):
    e = np.exp(_rand(seed, *shape))
    return (e / e.sum(axis=-1, keepdims=True)).astype("float32")


def _signs(seed, *shape):
    return np.where(_rand(seed, *shape) > 0, 1.0, -1.0).astype("float32")


def _one_hot(seed, n, classes):
    return np.eye(classes, dtype="float32")[np.random.RandomState(seed).randint(classes, size=n)]


def _evaluate(K, function, *arrays):
    return K.eval(function(*[K.variable(x) for x in arrays]))


# -- losses and metrics: one pair of arguments per kind of target ---------------------------------------------

_EDGES = np.array([[0.0, 1.0, 0.5, 1.0], [1.0, 0.0, 0.0, 1e-9]], dtype="float32")

PAIRS = {
    "real": (_rand(1, 5, 4), _rand(2, 5, 4)),
    "positive": (np.abs(_rand(3, 5, 4)), np.abs(_rand(4, 5, 4))),
    "probabilities": (_probabilities(5, 5, 4), _probabilities(6, 5, 4)),
    "signs": (_signs(7, 5, 4), _rand(8, 5, 4)),
    "classes": (_one_hot(9, 6, 4), _probabilities(10, 6, 4)),
    "sequence": (_probabilities(11, 2, 3, 4), _probabilities(12, 2, 3, 4)),
    "edges": (np.array([[1, 0, 0, 1], [1, 1, 0, 0]], dtype="float32"), _EDGES),
}

LOSSES = {
    "mean_squared_error": ("real", "sequence"),
    "mean_absolute_error": ("real", "sequence"),
    "mean_absolute_percentage_error": ("real", "edges"),
    "mean_squared_logarithmic_error": ("real", "positive"),
    "squared_hinge": ("signs",),
    "hinge": ("signs",),
    "categorical_hinge": ("classes", "sequence"),
    "logcosh": ("real",),
    "categorical_crossentropy": ("classes", "probabilities", "sequence", "edges"),
    "binary_crossentropy": ("probabilities", "sequence", "edges"),
    "kullback_leibler_divergence": ("probabilities", "sequence", "edges"),
    "poisson": ("positive",),
    "cosine_proximity": ("real", "sequence"),
}

_METRICS = {
    "binary_accuracy": ("edges", "classes"),
    "categorical_accuracy": ("classes", "sequence"),
    "top_k_categorical_accuracy": ("classes",),
}


def _losses(keras):
    K = keras.backend
    for name, kinds in sorted(LOSSES.items()):
        for kind in kinds:
            loss = keras.losses.get(name)
            yield "loss/%s/%s" % (name, kind), _evaluate(K, loss, *PAIRS[kind])
            y_true, y_pred = (K.variable(x) for x in PAIRS[kind])
            grad = K.gradients(K.sum(loss(y_true, y_pred)), [y_pred])[0]
            yield "loss/%s/%s/gradient" % (name, kind), K.eval(grad)
    numbers = np.array([[0.0], [3.0], [1.0], [2.0], [3.0], [0.0]], dtype="float32")
    sparse = keras.losses.sparse_categorical_crossentropy
    yield "loss/sparse/column", _evaluate(K, sparse, numbers, PAIRS["classes"][1])
    yield "loss/sparse/flat", _evaluate(K, sparse, numbers[:, 0], PAIRS["classes"][1])
    yield "loss/sparse/sequence", _evaluate(K, sparse, numbers.reshape((2, 3, 1)), PAIRS["sequence"][1])


def _metrics(keras):
    K = keras.backend
    for name, kinds in sorted(_METRICS.items()):
        for kind in kinds:
            yield "metric/%s/%s" % (name, kind), _evaluate(K, keras.metrics.get(name), *PAIRS[kind])
    numbers = np.array([[0.0], [3.0], [1.0], [2.0], [3.0], [0.0]], dtype="float32")
    scores = PAIRS["classes"][1]
    m = keras.metrics
    yield "metric/sparse/column", _evaluate(K, m.sparse_categorical_accuracy, numbers, scores)
    yield "metric/sparse/flat", _evaluate(K, m.sparse_categorical_accuracy, numbers[:, 0], scores)
    for k in (1, 2, 3):
        top = lambda t, p: m.top_k_categorical_accuracy(t, p, k=k)  # noqa: B023
        yield "metric/top_k/%d" % k, _evaluate(K, top, *PAIRS["classes"])
        top = lambda t, p: m.sparse_top_k_categorical_accuracy(t, p, k=k)  # noqa: B023
        yield "metric/sparse_top_k/%d" % k, _evaluate(K, top, numbers, scores)


# -- optimizers: six steps of a least-squares fit ------------------------------------------------------------

OPTIMIZERS = {
    "sgd": ("SGD", dict(lr=0.05)),
    "sgd_momentum": ("SGD", dict(lr=0.05, momentum=0.9, decay=0.1)),
    "sgd_nesterov": ("SGD", dict(lr=0.05, momentum=0.9, nesterov=True)),
    "sgd_clipnorm": ("SGD", dict(lr=0.05, momentum=0.9, clipnorm=0.5)),
    "sgd_clipvalue": ("SGD", dict(lr=0.05, clipvalue=0.2)),
    "sgd_both_clips": ("SGD", dict(lr=0.05, clipvalue=0.2, clipnorm=1.5)),
    "rmsprop": ("RMSprop", dict()),
    "rmsprop_set": ("RMSprop", dict(lr=0.01, rho=0.7, epsilon=1e-2, decay=0.05)),
    "adagrad": ("Adagrad", dict()),
    "adagrad_set": ("Adagrad", dict(lr=0.1, epsilon=1e-2, decay=0.05)),
    "adadelta": ("Adadelta", dict()),
    "adadelta_set": ("Adadelta", dict(lr=0.5, rho=0.8, epsilon=1e-3, decay=0.05)),
    "adam": ("Adam", dict()),
    "adam_set": ("Adam", dict(lr=0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-3, decay=0.05)),
    "adam_amsgrad": ("Adam", dict(lr=0.02, beta_2=0.5, amsgrad=True)),
    "adam_clipnorm": ("Adam", dict(lr=0.02, clipnorm=0.1)),
    "adamax": ("Adamax", dict()),
    "adamax_set": ("Adamax", dict(lr=0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-3, decay=0.05)),
    "nadam": ("Nadam", dict()),
    "nadam_set": ("Nadam", dict(lr=0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-3, schedule_decay=0.1)),
}


def train(keras, optimizer, steps=6, constraint=None):
    """Weights and optimizer state after some steps; the batch changes from step to step.

    All updates of a step are to read the values from before it. On TensorFlow 1 reading the step counter races
    with its increment, so the counters (the first one or two updates) run after the others, last one first.
    """
    K = keras.backend
    w = K.variable(_rand(20, 3, 2), name="w", constraint=constraint)
    b = K.variable(_rand(21, 2), name="b", constraint=constraint)
    x, y = K.placeholder((4, 3)), K.placeholder((4, 2))
    loss = K.mean(K.square(K.dot(x, w) + b - y))
    updates = optimizer.get_updates(loss, [w, b])
    counters = 2 if hasattr(optimizer, "m_schedule") else 1
    step = K.function([x, y], [loss], updates=updates[counters:])
    count = [K.function([x, y], [loss], updates=[u]) for u in reversed(updates[:counters])]
    losses = []
    for i in range(steps):
        batch = [_rand(30 + i, 4, 3), _rand(50 + i, 4, 2)]
        losses.append(step(batch)[0])
        for function in count:
            function(batch)
    return [np.array(losses), K.get_value(w), K.get_value(b)] + optimizer.get_weights()


def _optimizers(keras):
    for name, (cls, settings) in sorted(OPTIMIZERS.items()):
        result = train(keras, getattr(keras.optimizers, cls)(**settings))
        for i, array in enumerate(result):
            yield "optimizer/%s/%d" % (name, i), array
    constraint = keras.constraints.UnitNorm()
    for i, array in enumerate(train(keras, keras.optimizers.Adam(lr=0.1), constraint=constraint)):
        yield "optimizer/constrained/%d" % i, array


# -- activations, constraints, regularizers, initializers ----------------------------------------------------

_ACTIVATIONS = "elu exponential hard_sigmoid linear relu selu sigmoid softmax softplus softsign tanh".split()


def _functions(keras):
    K = keras.backend
    x, images = 3 * _rand(60, 4, 5), _rand(61, 2, 3, 4)
    for name in _ACTIVATIONS:
        yield "activation/" + name, _evaluate(K, keras.activations.get(name), x)
    a = keras.activations
    yield "activation/softmax/axis", _evaluate(K, lambda t: a.softmax(t, axis=1), images)
    yield "activation/softmax/3d", _evaluate(K, a.softmax, images)
    yield "activation/elu/alpha", _evaluate(K, lambda t: a.elu(t, 0.3), x)
    relu = dict(alpha=0.1, max_value=2.0, threshold=0.5)
    yield "activation/relu/all", _evaluate(K, lambda t: a.relu(t, **relu), x)
    yield "activation/relu/threshold", _evaluate(K, lambda t: a.relu(t, threshold=0.5), x)
    c = keras.constraints
    constraints = {
        "max_norm": c.MaxNorm(1.5),
        "max_norm_axes": c.MaxNorm(1.5, axis=[0, 1]),
        "non_neg": c.NonNeg(),
        "unit_norm": c.UnitNorm(axis=1),
        "min_max_norm": c.MinMaxNorm(0.5, 1.5),
        "min_max_norm_rate": c.MinMaxNorm(0.5, 1.5, rate=0.3, axis=1),
    }
    for name, constraint in sorted(constraints.items()):
        w = _rand(62, 3, 4) * np.array([0.01, 0.5, 1, 5], dtype="float32")
        yield "constraint/" + name, _evaluate(K, constraint, w)
    for name in ("l1", "l2", "l1_l2"):
        yield "regularizer/" + name, _evaluate(K, keras.regularizers.get(name), x)
    yield "initializer/identity", np.asarray(keras.initializers.Identity(gain=2.0)((6, 2)))
    yield "initializer/constant", K.eval(keras.initializers.Constant(3.5)((2, 2)))


# -- layers: forward in both phases, and gradients with respect to input and weights -------------------------


def layer_cases(keras):
    """name -> (layer, input shapes, phases); layers whose training phase is random run in the test phase."""
    L = keras.layers
    both, test = (0, 1), (0,)
    return {
        "masking": (L.Masking(), [(2, 3, 2)], test),
        "dropout": (L.Dropout(0.4), [(2, 3)], test),
        "spatial_dropout": (L.SpatialDropout1D(0.4), [(2, 3, 2)], test),
        "spatial_dropout_2d": (L.SpatialDropout2D(0.4), [(2, 3, 2, 2)], test),
        "spatial_dropout_3d": (L.SpatialDropout3D(0.4), [(2, 3, 2, 2, 2)], test),
        "activation": (L.Activation("softsign"), [(2, 3)], test),
        "reshape": (L.Reshape((2, -1)), [(2, 3, 4)], test),
        "permute": (L.Permute((3, 1, 2)), [(2, 3, 4, 2)], test),
        "flatten": (L.Flatten(), [(2, 3, 2, 2)], test),
        "flatten_first": (L.Flatten(data_format="channels_first"), [(2, 3, 2, 2)], test),
        "repeat_vector": (L.RepeatVector(3), [(2, 4)], test),
        "dense": (L.Dense(3, activation="tanh"), [(2, 4)], test),
        "dense_3d": (L.Dense(3, use_bias=False), [(2, 5, 4)], test),
        "lambda": (L.Lambda(lambda x, n: x * n, arguments={"n": 3.0}), [(2, 3)], test),
        "add": (L.Add(), [(2, 3)] * 3, test),
        "add_broadcast": (L.Add(), [(2, 3, 4), (2, 4), (2, 1, 1)], test),
        "subtract": (L.Subtract(), [(2, 3), (2, 1)], test),
        "multiply": (L.Multiply(), [(2, 3, 4), (2, 3, 1)], test),
        "average": (L.Average(), [(2, 3)] * 3, test),
        "maximum": (L.Maximum(), [(2, 3)] * 2, test),
        "minimum": (L.Minimum(), [(2, 3)] * 2, test),
        "concatenate": (L.Concatenate(), [(2, 3), (2, 4)], test),
        "concatenate_axis": (L.Concatenate(axis=1), [(2, 3, 2), (2, 4, 2)], test),
        "dot": (L.Dot(1), [(2, 3), (2, 3)], test),
        "dot_matrix": (L.Dot((2, 1)), [(2, 3, 4), (2, 4, 5)], test),
        "dot_vector": (L.Dot((2, 1)), [(2, 3, 4), (2, 4)], test),
        "dot_cosine": (L.Dot(-1, normalize=True), [(2, 3, 4), (2, 5, 4)], test),
        "leaky_relu": (L.LeakyReLU(0.2), [(2, 3)], test),
        "prelu": (L.PReLU(), [(2, 3, 4)], test),
        "prelu_shared": (L.PReLU(shared_axes=[1]), [(2, 3, 4)], test),
        "elu": (L.ELU(0.7), [(2, 3)], test),
        "thresholded_relu": (L.ThresholdedReLU(0.3), [(2, 3)], test),
        "softmax": (L.Softmax(axis=1), [(2, 3, 4)], test),
        "relu": (L.ReLU(1.0, 0.2, 0.1), [(2, 3)], test),
        "gaussian_noise": (L.GaussianNoise(0.3), [(2, 3)], test),
        "gaussian_dropout": (L.GaussianDropout(0.3), [(2, 3)], test),
        "alpha_dropout": (L.AlphaDropout(0.3), [(2, 3)], test),
        "bn": (L.BatchNormalization(), [(6, 3)], both),
        "bn_images": (L.BatchNormalization(epsilon=0.1), [(2, 3, 4, 2)], both),
        "bn_first": (L.BatchNormalization(axis=1), [(2, 3, 4, 2)], both),
        "bn_middle": (L.BatchNormalization(axis=2), [(2, 3, 4, 2)], both),
        "bn_plain": (L.BatchNormalization(center=False, scale=False), [(6, 3)], both),
        "bn_gamma": (L.BatchNormalization(center=False), [(6, 2, 3)], both),
        "bn_frozen": (L.BatchNormalization(trainable=False), [(6, 3)], both),
        "embedding": (L.Embedding(7, 3, mask_zero=True), None, test),
    }


def _set_random_weights(layer, seed):
    # Variances must be positive; that does not hurt the others.
    layer.set_weights([np.abs(_rand(seed + i, *w.shape)) + 0.1 for i, w in enumerate(layer.get_weights())])


def _layers(keras):
    K = keras.backend
    for number, (name, (layer, shapes, phases)) in enumerate(sorted(layer_cases(keras).items())):
        if shapes is None:
            arrays = [np.array([[0, 3, 6], [1, 1, 0]], dtype="float32")]
        else:
            arrays = [_rand(100 + 10 * number + i, *shape) for i, shape in enumerate(shapes)]
        inputs = [keras.layers.Input(batch_shape=x.shape) for x in arrays]
        output = layer(inputs if len(inputs) > 1 else inputs[0])
        _set_random_weights(layer, 500 + 10 * number)
        towards = K.constant(_rand(900 + number, *[int(n) for n in K.int_shape(output)]))
        wanted = layer.trainable_weights + ([] if shapes is None else inputs)
        grads = K.gradients(K.sum(output * towards), wanted) if wanted else []
        # The sum makes a full array of what TensorFlow keeps as rows of one, for Embedding.
        grads = [K.zeros_like(v) + g for v, g in zip(wanted, grads)]
        run = K.function([*inputs, K.learning_phase()], [output, *grads])
        for phase in phases:
            for i, array in enumerate(run([*arrays, phase])):
                yield "layer/%s/%d/%d" % (name, phase, i), array
        if "bn" in name and layer.updates:
            # The original corrects its first moving average to the batch's own value, which is the target
            # that the plain average of ours moves towards.
            follow = K.function([*inputs, K.learning_phase()], [output], updates=layer.updates)
            before = [K.get_value(v) for v in (layer.moving_mean, layer.moving_variance)]
            follow([*arrays, 1])
            after = [K.get_value(v) for v in (layer.moving_mean, layer.moving_variance)]
            for i in range(2):
                yield "moving/%s/before/%d" % (name, i), before[i]
                yield "moving/%s/after/%d" % (name, i), after[i]


def _masks(keras):
    K, L = keras.backend, keras.layers
    numbers = np.array([[0, 3, 6], [1, 0, 0]], dtype="float32")
    others = np.array([[2, 0, 6], [1, 0, 1]], dtype="float32")
    a, b, c = (L.Input(batch_shape=(2, 3)) for _ in range(3))
    embedded = [L.Embedding(7, 2, mask_zero=True)(x) for x in (a, b)]
    open_ = L.Embedding(7, 2)(c)
    steps = {
        "add": L.Add()(embedded),
        "add_one": L.Add()([embedded[0], open_]),
        "concatenate": L.Concatenate()(embedded),
        "concatenate_one": L.Concatenate()([embedded[0], open_]),
        "concatenate_time": L.Concatenate(axis=1)(embedded),
        "masking": L.Masking()(L.Reshape((3, 1))(a)),
    }
    for name, tensor in sorted(steps.items()):
        layer, node, index = tensor._keras_history
        mask = layer._inbound_nodes[node].output_masks[index]
        yield "mask/" + name, K.function([a, b, c], [mask])([numbers, others, numbers])[0]


# -- configs ----------------------------------------------------------------------------------------------


def configs(keras):
    """name -> config with default settings, as JSON-able values."""
    L, found = keras.layers, {}
    for name, (layer, _, _) in layer_cases(keras).items():
        if name != "lambda":
            found["layer/" + name] = {"class_name": type(layer).__name__, "config": layer.get_config()}
    found["layer/dense_all"] = L.Dense(
        3, kernel_regularizer="l1_l2", bias_constraint="maxnorm", activity_regularizer="l2", input_dim=4
    ).get_config()
    for cls in "SGD RMSprop Adagrad Adadelta Adam Adamax Nadam".split():
        found["optimizer/" + cls] = keras.optimizers.serialize(getattr(keras.optimizers, cls)(clipnorm=0.5))
    kinds = {
        "initializers": "zeros ones constant normal uniform truncated_normal VarianceScaling orthogonal identity "
        "glorot_uniform glorot_normal he_uniform he_normal lecun_uniform lecun_normal",
        "constraints": "max_norm non_neg unit_norm min_max_norm",
        "regularizers": "l1 l2 l1_l2",
        "losses": " ".join(sorted(LOSSES)) + " mse mae kld cosine sparse_categorical_crossentropy",
        "metrics": "binary_accuracy mse sparse_categorical_accuracy top_k_categorical_accuracy",
        "activations": " ".join(_ACTIVATIONS),
    }
    for module, names in kinds.items():
        m = getattr(keras, module)
        for name in names.split():
            found["%s/%s" % (module, name)] = m.serialize(m.get(name))
    plain = lambda x: x.item() if hasattr(x, "item") else list(x)
    return json.loads(json.dumps(found, default=plain, sort_keys=True))


def compute(keras):
    """All cases, as {name: array}."""
    results = {}
    for group in (_losses, _metrics, _optimizers, _functions, _layers, _masks):
        for name, array in group(keras):
            assert name not in results, name
            results[name] = np.asarray(array)
    return results
