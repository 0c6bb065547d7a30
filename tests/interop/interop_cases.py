"""Models that go from one Keras to another: every layer, every optimizer, and the ways models are put together.

The same code runs under gpukeras, tf-keras and Keras 2.0 to 2.3 (Python 3.7), so it keeps to what all of them offer:
`keras` is the package in question. What a Keras has not is left out: `build` gives None then.
"""

import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "golden")]

import interop_tf1  # noqa: E402
import layers_cases  # noqa: E402

# name -> class and settings; the learning rate is added under the name that the package has for it.
OPTIMIZERS = {
    "SGD": ("SGD", {}),
    "SGD/momentum": ("SGD", {"momentum": 0.9}),
    "SGD/nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "SGD/decay": ("SGD", {"decay": 0.5, "momentum": 0.5}),
    "SGD/clipnorm": ("SGD", {"clipnorm": 0.05}),
    "SGD/clipvalue": ("SGD", {"clipvalue": 0.01}),
    "RMSprop": ("RMSprop", {}),
    "RMSprop/epsilon": ("RMSprop", {"rho": 0.8, "epsilon": 1e-14}),
    "Adagrad": ("Adagrad", {}),
    "Adagrad/epsilon": ("Adagrad", {"epsilon": 1e-14}),
    "Adadelta": ("Adadelta", {"rho": 0.9}),
    "Adam": ("Adam", {}),
    "Adam/betas": ("Adam", {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3}),
    "Adam/decay": ("Adam", {"decay": 0.5}),
    "Adam/amsgrad": ("Adam", {"amsgrad": True}),
    "Adamax": ("Adamax", {}),
    "Nadam": ("Nadam", {}),
    "Nadam/first": ("Nadam", {}),
}
# Layers whose penalty is the sum over the batch in Keras 2.2 and its mean in tf-keras: one sample makes them equal.
ONE_SAMPLE = ("ActivityRegularization", "Dense")
# Weights of a layer alone: kernels in CuDNN's layout here, in the plain layer's there.
CUDNN = ("cudnn/lstm", "cudnn/gru", "cudnn/bidirectional_lstm", "cudnn/bidirectional_gru", "cudnn/nested")


def is_tf_keras(keras):
    return keras.__name__ == "tf_keras"


class _Lenient:
    """The layers of a Keras, where asking for one that it has not, or with settings it has not, gives None."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        found = getattr(self._module, name, None)

        def make(*args, **kwargs):
            if found is None or any(a is None for a in args):
                return None
            try:
                return found(*args, **kwargs)
            except (TypeError, ValueError, AttributeError):
                return None

        return make


class _LenientKeras:
    def __init__(self, keras):
        self.layers = _Lenient(keras.layers)


def data(seed, *shape):
    return np.random.RandomState(seed).uniform(-1, 1, shape).astype("float32")


def sgd(keras, rate=0.1, momentum=0.5):
    return keras.optimizers.SGD(rate, momentum=momentum)


# -- One layer ---------------------------------------------------------------------------------------------


def layer_names(keras):
    return ["layer/" + name for name in sorted(layers_cases.cases(_LenientKeras(keras)))]


def layer_case(keras, name, number):
    """(model, inputs, target) around one layer, with weights set from a seed; None where there is no such layer."""
    name = name.split("/", 1)[1]
    layer, shapes = layers_cases.cases(_LenientKeras(keras))[name]
    if layer is None:
        return None
    if shapes is None:
        x = [np.array([[0, 3, 6], [1, 1, 0]], dtype="float32")]
    else:
        x = [data(10 * number + i, *shape) for i, shape in enumerate(shapes)]
    if name in ONE_SAMPLE:
        x = [v[:1] for v in x]
    tensors = [keras.layers.Input(shape=v.shape[1:]) for v in x]
    model = keras.models.Model(tensors, layer(tensors if len(tensors) > 1 else tensors[0]))
    weights = [0.5 * data(1000 + 10 * number + i, *w.shape) for i, w in enumerate(layer.get_weights())]
    if "BatchNormalization" in name:
        weights = [np.abs(w) + 0.5 for w in weights]
    layer.set_weights(weights)
    model.compile(sgd(keras), "mse")
    shape = np.shape(predict(model, x)[0])
    return model, x, [data(5000 + number, *shape)]


def is_random(name):
    """Whether training the case draws random numbers, which are each package's own."""
    parts = name.split("/")
    return parts[0] == "layer" and parts[1] in layers_cases.RANDOM


# -- Optimizers --------------------------------------------------------------------------------------------


def optimizer_names(keras):
    names = ["optimizer/" + name for name in OPTIMIZERS]
    if is_tf_keras(keras):
        names += ["legacy_" + name for name in names]
    return names


def _optimizer(keras, name):
    kind, settings = OPTIMIZERS[name.split("/", 1)[1]]
    settings, module = dict(settings), keras.optimizers
    rate = {"SGD": 0.1, "Adadelta": 0.7}.get(kind, 0.01)
    if is_tf_keras(keras):
        if name.startswith("legacy_"):
            module = keras.optimizers.legacy
        elif "decay" in settings:
            return None
        if "clipnorm" in settings:
            # The norm of all gradients together; its own `clipnorm` looks at each alone.
            settings["global_clipnorm"] = settings.pop("clipnorm")
        settings["learning_rate"] = rate
    else:
        settings["lr"] = rate
    try:
        return getattr(module, kind)(**settings)
    except (TypeError, ValueError):
        return None


def optimizer_case(keras, name, number):
    optimizer = _optimizer(keras, name)
    if optimizer is None:
        return None
    L = keras.layers
    model = keras.models.Sequential([L.Dense(4, activation="tanh", input_shape=(3,)), L.Dense(2)])
    model.set_weights([data(7000 + i, *w.shape) for i, w in enumerate(model.get_weights())])
    model.compile(optimizer, "mse")
    return model, [data(71, 5, 3)], [data(72, 5, 2)]


# -- Models ------------------------------------------------------------------------------------------------


def custom_objects(keras):
    """A layer, an activation, a loss, a metric, an initializer, a regularizer, a constraint and a Lambda's function."""
    K = keras.backend

    class Scale(keras.layers.Layer):
        def __init__(self, times=1.0, **kwargs):
            super().__init__(**kwargs)
            self.times = times

        def build(self, input_shape):
            self.scale = self.add_weight(name="scale", shape=(int(input_shape[-1]),), initializer="ones")
            super().build(input_shape)

        def call(self, inputs):
            return inputs * self.scale * self.times

        def compute_output_shape(self, input_shape):
            return input_shape

        def get_config(self):
            return dict(super().get_config(), times=self.times)

    class Pull:
        def __init__(self, rate=0.1):
            self.rate = rate

        def __call__(self, w):
            return self.rate * K.sum(K.square(w - 1.0))

        def get_config(self):
            return {"rate": self.rate}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    class Clip:
        def __init__(self, most=0.4):
            self.most = most

        def __call__(self, w):
            return K.clip(w, -self.most, self.most)

        def get_config(self):
            return {"most": self.most}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    if is_tf_keras(keras):
        Pull = type("Pull", (Pull, keras.regularizers.Regularizer), {})
        Clip = type("Clip", (Clip, keras.constraints.Constraint), {})

    def bent(x):
        return K.tanh(x) + 0.1 * x

    def fourth(y_true, y_pred):
        return K.mean(K.square(K.square(y_true - y_pred)), axis=-1)

    def furthest(y_true, y_pred):
        return K.max(K.abs(y_true - y_pred))

    def tripled(x):
        return x * 3.0

    found = {f.__name__: f for f in (Scale, Pull, Clip, bent, fourth, furthest, tripled)}
    # tf-keras and Keras 2.2 store a Lambda's function as bytecode, which gpukeras takes from nobody else: the layer's
    # name supplies it.
    return dict(found, lam=tripled)


def _sequential(keras):
    L = keras.layers
    model = keras.models.Sequential(
        [
            L.Dense(6, activation="relu", input_shape=(4,), kernel_regularizer="l2", name="a"),
            L.Dropout(0.0, name="b"),
            L.BatchNormalization(name="c"),
            L.LeakyReLU(name="d"),
            L.Dense(3, activation="softmax", name="e"),
        ]
    )
    model.compile(sgd(keras), "categorical_crossentropy")
    return model, [data(1, 8, 4)], [np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2, 0, 1]]]


def _functional(keras):
    """Two inputs, a nested model used twice, a shared layer, two outputs with losses and weights of their own."""
    L = keras.layers
    inner_in = L.Input((3,), name="inner_in")
    inner_out = L.Dense(2, activation="tanh", name="inner_b")(L.Dense(4, name="inner_a")(inner_in))
    inner = keras.models.Model(inner_in, inner_out, name="inner")
    a, b = L.Input((3,), name="a"), L.Input((3,), name="b")
    shared = L.Dense(3, activation="sigmoid", name="shared")
    joined = L.Concatenate(name="joined")([inner(shared(a)), inner(shared(b))])
    one = L.Dense(1, name="one")(joined)
    two = L.Dense(2, activation="sigmoid", name="two")(L.PReLU(name="bend")(joined))
    model = keras.models.Model([a, b], [one, two])
    losses = {"one": "mse", "two": "binary_crossentropy"}
    model.compile(sgd(keras), losses, loss_weights={"one": 1.0, "two": 0.5})
    return model, [data(2, 6, 3), data(3, 6, 3)], [data(4, 6, 1), (data(5, 6, 2) > 0).astype("float32")]


def _nested(keras):
    """A Sequential and a functional model inside a Sequential, one of their layers frozen."""
    L, M = keras.layers, keras.models
    first = M.Sequential([L.Dense(4, input_shape=(3,), name="p"), L.BatchNormalization(name="q")], name="first")
    x = L.Input((4,), name="x")
    middle = L.Dense(4, name="r", trainable=False)(x)
    second = M.Model(x, L.Add(name="s")([middle, L.Dense(4, activation="tanh", name="t")(x)]), name="second")
    model = M.Sequential([first, second, L.Dense(2, name="last")], name="all")
    model.compile(sgd(keras), "mse")
    return model, [data(6, 8, 3)], [data(7, 8, 2)]


def _settings(keras):
    """Initializers, regularizers and constraints of every kind in configs."""
    L, I = keras.layers, keras.initializers
    R, C = keras.regularizers, keras.constraints
    initializers = [
        "zeros", "ones", "glorot_uniform", "glorot_normal", "he_normal", "he_uniform", "lecun_uniform",
        I.Constant(0.3), I.RandomNormal(0.1, 0.2, seed=3), I.RandomUniform(-0.2, 0.3, seed=4),
        I.TruncatedNormal(0.0, 0.2, seed=5), I.Orthogonal(0.9, seed=6), I.Identity(0.8),
        I.VarianceScaling(2.0, mode="fan_in", seed=7),
    ]  # fmt: skip
    regularizers = ["l1", "l2", R.l1(0.01), R.l2(0.02), R.l1_l2(0.01, 0.02)]
    names = ["max_norm", "non_neg", "unit_norm", "min_max_norm"]
    named = {name: getattr(C, {"max_norm": "MaxNorm"}.get(name, name), None) for name in names}
    constraints = ["max_norm", "non_neg", "unit_norm", C.MaxNorm(0.7, axis=1), C.UnitNorm(axis=1)]
    constraints += [C.MinMaxNorm(0.2, 0.8, rate=0.6)]
    assert all(named[name] for name in ("max_norm", "non_neg", "unit_norm"))
    model = keras.models.Sequential(name="settings")
    for i, initializer in enumerate(initializers):
        extra = {"input_shape": (3,)} if i == 0 else {}
        model.add(
            L.Dense(
                3,
                name="d%02d" % i,
                kernel_initializer=initializer,
                kernel_regularizer=regularizers[i % 5] if i % 3 else None,
                bias_regularizer=regularizers[(i + 1) % 5] if i % 4 == 1 else None,
                kernel_constraint=constraints[i % 6] if i % 2 else None,
                bias_constraint=C.NonNeg() if i % 5 == 2 else None,
                **extra,
            )
        )
    # One layer's weights at random instead: products of fourteen would say little.
    model.set_weights([np.eye(3, dtype="float32") + 0.1 * data(900 + i, *w.shape) if w.ndim == 2
                       else 0.1 * data(950 + i, *w.shape) for i, w in enumerate(model.get_weights())])  # fmt: skip
    model.compile(sgd(keras, 0.01), "mse")
    return model, [data(8, 5, 3)], [data(9, 5, 3)]


def _custom(keras):
    L, own = keras.layers, custom_objects(keras)
    model = keras.models.Sequential(
        [
            L.Dense(4, activation=own["bent"], input_shape=(3,), kernel_regularizer=own["Pull"](0.05), name="a"),
            own["Scale"](1.5, name="b"),
            L.Lambda(own["tripled"], name="lam"),
            L.Dense(2, kernel_constraint=own["Clip"](0.3), name="c"),
        ]
    )
    model.set_weights([0.4 * data(40 + i, *w.shape) for i, w in enumerate(model.get_weights())])
    model.compile(sgd(keras, 0.01), own["fourth"], metrics=[own["furthest"]])
    return model, [data(10, 5, 3)], [data(11, 5, 2)]


def _gates(keras, gru=False):
    """The recurrent settings that are the defaults of Keras 2.2; later versions have others."""
    return dict({"reset_after": False} if gru and is_tf_keras(keras) else {}, recurrent_activation="hard_sigmoid")


def _stateful(keras):
    L = keras.layers
    lstm, gru = _gates(keras), _gates(keras, gru=True)
    layers = [L.LSTM(3, stateful=True, return_sequences=True, batch_input_shape=(2, 4, 3), name="a", **lstm)]
    layers += [L.GRU(2, stateful=True, name="b", **gru), L.Dense(1, name="c")]
    model = keras.models.Sequential(layers)
    model.compile(sgd(keras), "mse")
    return model, [data(12, 2, 4, 3)], [data(13, 2, 1)]


def _masked(keras):
    L = keras.layers
    layers = [
        L.Embedding(9, 4, mask_zero=True, name="a"),
        L.Bidirectional(L.LSTM(3, name="in_b", **_gates(keras)), name="b"),
    ]
    layers += [L.Dense(2, activation="softmax", name="c")]
    x = keras.layers.Input((5,), name="x")
    y = x
    for layer in layers:
        y = layer(y)
    model = keras.models.Model(x, y)
    model.compile(sgd(keras), "categorical_crossentropy")
    words = np.array([[3, 4, 5, 6, 7], [1, 2, 3, 0, 0], [8, 0, 0, 0, 0]], dtype="float32")
    return model, [words], [np.eye(2, dtype="float32")[[0, 1, 1]]]


def _encoder_decoder(keras):
    """States handed from one recurrent layer to another."""
    L = keras.layers
    a, b = L.Input((4, 3), name="a"), L.Input((3, 3), name="b")
    gates = _gates(keras)
    h, s, c = L.LSTM(4, return_state=True, name="encoder", **gates)(a)
    decoder = L.LSTM(4, return_sequences=True, return_state=True, name="decoder", **gates)
    decoded, _, _ = decoder(b, initial_state=[s, c])
    y = L.TimeDistributed(L.Dense(2, activation="softmax", name="in_out"), name="out")(decoded)
    model = keras.models.Model([a, b], y)
    model.compile(sgd(keras), "mse")
    return model, [data(14, 5, 4, 3), data(15, 5, 3, 3)], [data(16, 5, 3, 2)]


def _recurrent(keras):
    """Recurrent layers with settings away from the defaults."""
    L = keras.layers
    settings = dict(return_sequences=True, kernel_regularizer="l2", recurrent_constraint="max_norm")
    gru, lstm = (dict(_gates(keras, gru=kind), **settings) for kind in (True, False))
    gru["recurrent_activation"] = "sigmoid"
    model = keras.models.Sequential(
        [
            L.SimpleRNN(3, unroll=True, activation="relu", input_shape=(5, 4), name="a", **settings),
            L.GRU(3, go_backwards=True, name="b", **gru),
            L.LSTM(3, unit_forget_bias=False, use_bias=False, implementation=2, name="c", **lstm),
            L.Bidirectional(L.GRU(3, name="in_d", **gru), merge_mode="sum", name="d"),
            L.TimeDistributed(keras.models.Sequential([L.Dense(2, input_shape=(3,), name="in_e")], name="m"), name="e"),
            L.GlobalAveragePooling1D(name="f"),
        ]
    )
    model.compile(sgd(keras), "mse")
    return model, [data(17, 3, 5, 4)], [data(18, 3, 2)]


def _convolutions(keras):
    """A small image network: residual sum, separable and transposed convolutions, normalisation, pooling."""
    L = keras.layers
    x = L.Input((8, 8, 2), name="x")
    y = L.Conv2D(4, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name="a")(x)
    y = L.Activation("relu", name="c")(L.BatchNormalization(scale=False, name="b")(y))
    z = L.SeparableConv2D(4, 3, padding="same", depth_multiplier=2, name="d")(y)
    y = L.MaxPooling2D(2, name="f")(L.Add(name="e")([y, z]))
    y = L.Conv2DTranspose(2, 3, strides=2, padding="same", kernel_constraint="max_norm", name="g")(y)
    y = L.AveragePooling2D(4, name="h")(L.ZeroPadding2D(1, name="i")(L.Cropping2D(1, name="j")(y)))
    y = L.Dense(2, activation="softmax", name="l")(L.Flatten(name="k")(y))
    model = keras.models.Model(x, y)
    model.compile(sgd(keras), "categorical_crossentropy")
    return model, [data(19, 4, 8, 8, 2)], [np.eye(2, dtype="float32")[[0, 1, 1, 0]]]


def _merging(keras):
    """Every merge layer, on the outputs of shared layers."""
    L = keras.layers
    a, b = L.Input((3,), name="a"), L.Input((3,), name="b")
    shared = L.Dense(3, activation="tanh", name="shared")
    p, q = shared(a), shared(b)
    kinds = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
    parts = [getattr(L, kind)(name=kind.lower())([p, q]) for kind in kinds if hasattr(L, kind)]
    parts += [L.Dot(-1, normalize=True, name="dot")([p, q])]
    model = keras.models.Model([a, b], L.Dense(1, name="y")(L.Concatenate(name="cat")(parts)))
    model.compile(sgd(keras), "mse")
    return model, [data(20, 5, 3), data(21, 5, 3)], [data(22, 5, 1)]


MODELS = {
    f.__name__[1:]: f
    for f in (
        _sequential, _functional, _nested, _settings, _custom, _stateful, _masked, _encoder_decoder, _recurrent,
        _convolutions, _merging,
    )
}  # fmt: skip


def model_names():
    return ["model/" + name for name in sorted(MODELS)]


def model_case(keras, name, number):
    return MODELS[name.split("/", 1)[1]](keras)


def cudnn_case(keras, name, number):
    """A recurrent layer of CuDNN's kind where there is one that runs anywhere, the plain layer elsewhere."""
    L = keras.layers
    gru = "gru" in name
    if keras.__name__ == "gpukeras":
        make = lambda **kwargs: (L.CuDNNGRU if gru else L.CuDNNLSTM)(3, **kwargs)
    else:
        plain = {"recurrent_activation": "sigmoid"}
        if gru:
            plain["reset_after"] = True
        make = lambda **kwargs: (L.GRU if gru else L.LSTM)(3, **dict(plain, **kwargs))
    if "bidirectional" in name:
        layers = [L.Bidirectional(make(name="in_a"), input_shape=(4, 2), name="a")]
    elif "nested" in name:
        inner = keras.models.Sequential([make(return_sequences=True, input_shape=(4, 2), name="in_a")], name="a")
        layers = [inner, L.Dense(2, name="b")]
    else:
        layers = [make(input_shape=(4, 2), name="a")]
    model = keras.models.Sequential(layers)
    model.compile(sgd(keras), "mse")
    x = data(30, 3, 4, 2)
    return model, [x], [data(31, *np.shape(predict(model, [x])[0]))]


# -- All of them -------------------------------------------------------------------------------------------


def names(keras):
    """Names of all cases of a Keras, in order."""
    found = layer_names(keras) + optimizer_names(keras) + model_names()
    return found + list(CUDNN)


def build(keras, name):
    """(model, list of inputs, list of targets), compiled and untrained; None when this Keras cannot have it."""
    if hasattr(keras.backend, "clear_session"):
        keras.backend.clear_session()
    number = sum(ord(c) * (i + 1) for i, c in enumerate(name)) % 991
    kind = name.split("/")[0]
    maker = {
        "layer": layer_case,
        "optimizer": optimizer_case,
        "legacy_optimizer": optimizer_case,
        "model": model_case,
        "cudnn": cudnn_case,
    }[kind]
    if kind in ("model", "cudnn"):
        np.random.seed(number)
        try:
            made = maker(keras, name, number)
        except (TypeError, AttributeError):
            # Keras before 2.2 lacks settings such as GRU's reset_after, and some merge layers.
            if not keras.__version__.startswith(("2.0", "2.1")):
                raise
            return None
        if made is not None and name not in ("model/settings", "model/custom"):
            set_seeded_weights(made[0], number)
        return made
    return maker(keras, name, number)


def set_seeded_weights(model, number):
    """The same weights whichever package draws them; variances and scales stay positive."""
    for at, layer in enumerate(leaves(model)):
        values = [0.6 * data(3000 + 31 * number + 7 * at + i, *w.shape) for i, w in enumerate(layer.get_weights())]
        if is_normalization(layer):
            values = [np.abs(v) + 0.5 for v in values]
        layer.set_weights(values)


def leaves(model):
    """The layers of a model and of the models in it, each once."""
    found = []
    for layer in model.layers:
        inner = leaves(layer) if hasattr(layer, "layers") else [layer]
        found += [one for one in inner if all(one is not other for other in found)]
    return found


def is_normalization(layer):
    return layer.__class__.__name__ == "BatchNormalization"


def weights_of(model):
    """All weights of a model, by (nested) layer in order, without moving averages."""
    return [
        np.asarray(w) for layer in leaves(model) for w in layer.get_weights()[: -2 if is_normalization(layer) else None]
    ]


def averages_of(model):
    """The moving averages of batch normalisation: means, variances."""
    found = [layer.get_weights()[-2:] for layer in leaves(model) if is_normalization(layer)]
    return [[np.asarray(pair[i]) for pair in found] for i in range(2)]


def feed(values):
    return values if len(values) > 1 else values[0]


def predict(model, x):
    y = model.predict(feed(x), batch_size=len(x[0]), verbose=0)
    return [np.asarray(v) for v in (y if isinstance(y, list) else [y])]


def train(model, x, t):
    if interop_tf1.is_original(model):
        return interop_tf1.train(model, x, t)
    loss = model.train_on_batch(feed(x), feed(t))
    return float(np.ravel(loss)[0])


def evaluate(model, x, t):
    return float(np.ravel(model.test_on_batch(feed(x), feed(t)))[0])
