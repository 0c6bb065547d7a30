"""Every layer class of Keras on small inputs: config, weights, inputs, outputs, and the weights after one SGD step.

The same code runs under Keras 2.2.4, whose answers are stored (make_layers.py), and, for comparison, under tf-keras;
the test (tests/test_layers_golden.py) rebuilds the layers from what was stored. It therefore keeps to Python 3.6 and
to what these packages offer.
"""

import json

import numpy as np

# Layers whose training step is random, so that only their output outside of training can be stored.
RANDOM = "AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D".split()
# Classes with no case of their own, and why.
EXEMPT = {
    "Layer": "base class",
    "Wrapper": "base class",
    "Recurrent": "base class of Keras 1, refuses to be used",
    "InputLayer": "every model has one",
    "Highway": "of Keras 1",
    "MaxoutDense": "of Keras 1",
    "ConvRecurrent2D": "base class",
    "ConvRNN2D": "base class",
    "Lambda": "its config holds the code of a function, which belongs to one Python version",
    "CuDNNGRU": "the original runs it on GPUs only; tests/layers compares it with GRU",
    "CuDNNLSTM": "the original runs it on GPUs only; tests/layers compares it with LSTM",
    "SimpleRNNCell": "in RNN",
    "GRUCell": "in RNN",
    "LSTMCell": "in RNN",
    "StackedRNNCells": "in RNN",
    "ConvLSTM2DCell": "in ConvLSTM2D",
}


def _rand(seed, *shape):
    return np.random.RandomState(seed).randn(*shape).astype("float32")


def cases(keras):
    """name -> (layer, shapes of its inputs)."""
    L = keras.layers
    seq, image, film = (3, 5, 4), (2, 7, 6, 3), (2, 5, 4, 4, 2)
    sizes = {"1D": (2, 9, 3), "2D": image, "3D": film}
    found = {
        "Activation": (L.Activation("tanh"), [(3, 4)]),
        "ActivityRegularization": (L.ActivityRegularization(l1=0.1, l2=0.2), [(3, 4)]),
        "Add": (L.Add(), [seq, seq]),
        "AlphaDropout": (L.AlphaDropout(0.3), [(3, 4)]),
        "Average": (L.Average(), [seq, seq]),
        "BatchNormalization": (L.BatchNormalization(), [(6, 4)]),
        "BatchNormalization/axis": (L.BatchNormalization(axis=1, epsilon=0.1), [(4, 3, 5)]),
        "Bidirectional/ave": (L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="ave"), [seq]),
        "Bidirectional/concat": (L.Bidirectional(L.LSTM(3)), [seq]),
        "Bidirectional/mul": (L.Bidirectional(L.SimpleRNN(3), merge_mode="mul"), [seq]),
        "Bidirectional/sum": (L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="sum"), [seq]),
        "Concatenate": (L.Concatenate(axis=1), [seq, (3, 2, 4)]),
        "Conv1D": (L.Conv1D(4, 3, strides=2, padding="same", activation="relu"), [sizes["1D"]]),
        "Conv1D/causal": (L.Conv1D(4, 3, dilation_rate=2, padding="causal"), [sizes["1D"]]),
        "Conv2D": (L.Conv2D(4, (3, 2), strides=(2, 1), kernel_regularizer="l2"), [image]),
        "Conv2D/dilated": (L.Conv2D(4, 3, dilation_rate=2, padding="same", use_bias=False), [image]),
        "Conv2DTranspose": (L.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1), [image]),
        "Conv3D": (L.Conv3D(3, 2, strides=(1, 2, 1), padding="same"), [film]),
        "Conv3DTranspose": (L.Conv3DTranspose(3, 2, strides=2), [film]),
        "ConvLSTM2D": (L.ConvLSTM2D(2, 3, padding="same", return_sequences=True), [(2, 3, 5, 4, 2)]),
        "Cropping1D": (L.Cropping1D((1, 2)), [sizes["1D"]]),
        "Cropping2D": (L.Cropping2D(((1, 2), (0, 1))), [image]),
        "Cropping3D": (L.Cropping3D(((1, 1), (0, 1), (2, 0))), [film]),
        "Dense": (L.Dense(4, activation="sigmoid", activity_regularizer="l2"), [(3, 5)]),
        "Dense/3d": (L.Dense(4, bias_regularizer="l1"), [seq]),
        "DepthwiseConv2D": (L.DepthwiseConv2D(3, depth_multiplier=2), [image]),
        "Dot": (L.Dot((2, 1)), [(2, 3, 4), (2, 4, 5)]),
        "Dropout": (L.Dropout(0.3), [(3, 4)]),
        "ELU": (L.ELU(0.7), [(3, 4)]),
        "Embedding": (L.Embedding(7, 3), None),
        "Flatten": (L.Flatten(), [image]),
        "GRU": (L.GRU(3), [seq]),
        "GRU/reset_after": (L.GRU(3, reset_after=True, return_sequences=True), [seq]),
        "GaussianDropout": (L.GaussianDropout(0.3), [(3, 4)]),
        "GaussianNoise": (L.GaussianNoise(0.3), [(3, 4)]),
        "LSTM": (L.LSTM(3), [seq]),
        "LSTM/second": (L.LSTM(3, implementation=2, go_backwards=True, return_sequences=True), [seq]),
        "LeakyReLU": (L.LeakyReLU(0.2), [(3, 4)]),
        "LocallyConnected1D": (L.LocallyConnected1D(4, 3, strides=2), [sizes["1D"]]),
        "LocallyConnected2D": (L.LocallyConnected2D(2, (3, 2)), [image]),
        "Masking": (L.Masking(), [seq]),
        "Maximum": (L.Maximum(), [seq, seq]),
        "Minimum": (L.Minimum(), [seq, seq]),
        "Multiply": (L.Multiply(), [seq, seq]),
        "PReLU": (L.PReLU(shared_axes=[1]), [seq]),
        "Permute": (L.Permute((3, 1, 2)), [image]),
        "RNN/SimpleRNNCell": (L.RNN(L.SimpleRNNCell(3), return_sequences=True), [seq]),
        "RNN/GRUCell": (L.RNN(L.GRUCell(3)), [seq]),
        "RNN/StackedRNNCells": (L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.LSTMCell(2)])), [seq]),
        "ReLU": (L.ReLU(1.0, 0.2, 0.1), [(3, 4)]),
        "RepeatVector": (L.RepeatVector(3), [(3, 4)]),
        "Reshape": (L.Reshape((4, -1)), [(3, 2, 6)]),
        "SeparableConv1D": (L.SeparableConv1D(4, 3, depth_multiplier=2), [sizes["1D"]]),
        "SeparableConv2D": (L.SeparableConv2D(4, 3, padding="same"), [image]),
        "SimpleRNN": (L.SimpleRNN(3), [seq]),
        "Softmax": (L.Softmax(axis=1), [seq]),
        "SpatialDropout1D": (L.SpatialDropout1D(0.3), [sizes["1D"]]),
        "SpatialDropout2D": (L.SpatialDropout2D(0.3), [image]),
        "SpatialDropout3D": (L.SpatialDropout3D(0.3), [film]),
        "Subtract": (L.Subtract(), [seq, seq]),
        "ThresholdedReLU": (L.ThresholdedReLU(0.3), [(3, 4)]),
        "TimeDistributed": (L.TimeDistributed(L.Dense(3, activation="relu")), [seq]),
        "TimeDistributed/Conv2D": (L.TimeDistributed(L.Conv2D(2, 2)), [(2, 3, 5, 4, 2)]),
        "UpSampling1D": (L.UpSampling1D(2), [sizes["1D"]]),
        "UpSampling2D": (L.UpSampling2D((2, 3)), [image]),
        "UpSampling2D/bilinear": (L.UpSampling2D(2, interpolation="bilinear"), [image]),
        "UpSampling3D": (L.UpSampling3D((1, 2, 2)), [film]),
        "ZeroPadding1D": (L.ZeroPadding1D((1, 2)), [sizes["1D"]]),
        "ZeroPadding2D": (L.ZeroPadding2D(((1, 2), (0, 1))), [image]),
        "ZeroPadding3D": (L.ZeroPadding3D(((1, 1), (0, 1), (2, 0))), [film]),
    }
    for kind, shape in sizes.items():
        for name in ("MaxPooling", "AveragePooling"):
            layer = getattr(L, name + kind)
            found[name + kind] = (layer(2), [shape])
            found[name + kind + "/same"] = (layer(3, strides=2, padding="same"), [shape])
        for name in ("GlobalMaxPooling", "GlobalAveragePooling"):
            found[name + kind] = (getattr(L, name + kind)(), [shape])
    return found


def run(keras, layer, inputs, weights, targets, step):
    """Outputs of the layer, and its weights after one SGD step towards the targets when `step`."""
    tensors = [keras.layers.Input(batch_shape=x.shape) for x in inputs]
    output = layer(tensors if len(tensors) > 1 else tensors[0])
    model = keras.models.Model(tensors, output)
    if weights:
        layer.set_weights(weights)
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], batch_size=len(inputs[0]))
    if not (step and layer.trainable_weights):
        return outputs, []
    model.compile(keras.optimizers.SGD(0.1), "mse")
    if targets is None:
        targets = _rand(7, *outputs.shape)
    model.train_on_batch(inputs if len(inputs) > 1 else inputs[0], targets)
    return outputs, layer.get_weights()


def compute(keras):
    """(arrays by name, configs by name): inputs, weights, output, target and weights after a step of every case."""
    arrays, configs = {}, {}
    for number, name in enumerate(sorted(cases(keras))):
        keras.backend.clear_session()  # TensorFlow's graph grows, and everything takes longer with it
        layer, shapes = cases(keras)[name]
        if shapes is None:
            inputs = [np.array([[0, 3, 6], [1, 1, 0]], dtype="float32")]
        else:
            inputs = [_rand(10 * number + i, *shape) for i, shape in enumerate(shapes)]
        tensors = [keras.layers.Input(batch_shape=x.shape) for x in inputs]
        shape = keras.backend.int_shape(layer(tensors if len(tensors) > 1 else tensors[0]))
        weights = [0.5 * _rand(1000 + 10 * number + i, *w.shape) for i, w in enumerate(layer.get_weights())]
        if "BatchNormalization" in name:
            weights = [np.abs(w) + 0.1 for w in weights]  # a variance is positive
        target = _rand(5000 + number, *shape)
        outputs, after = run(keras, layer, inputs, weights, target, name not in RANDOM)
        groups = {"input": inputs, "weight": weights, "output": [outputs]}
        if after:
            groups.update(target=[target], after=after)
        for group, values in groups.items():
            for i, value in enumerate(values):
                arrays["%s:%s:%d" % (name, group, i)] = np.asarray(value)
        plain = lambda x: x.item() if hasattr(x, "item") else list(x)
        config = {"class_name": type(layer).__name__, "config": layer.get_config()}
        configs[name] = json.loads(json.dumps(config, default=plain, sort_keys=True))
    return arrays, configs


# -- CTC ---------------------------------------------------------------------------------------------------


def ctc(keras):
    """name -> array: costs, their gradients and decoded labels for a few random batches."""
    K, found = keras.backend, {}
    for seed in range(3):
        rng = np.random.RandomState(seed)
        batch, steps, classes, longest = 4, 9, 5, 4
        scores = np.exp(2 * rng.randn(batch, steps, classes))
        y = (scores / scores.sum(-1, keepdims=True)).astype("float32")
        labels = rng.randint(0, classes - 1, (batch, longest))
        lengths, counts = rng.randint(7, steps + 1, (batch, 1)), rng.randint(1, longest + 1, (batch, 1))
        if seed == 1:
            y[0, :, 1] = 0
        if seed == 2:  # four equal labels need seven steps: no alignment in five
            labels[0], lengths[0], counts[0] = 0, 5, 4
        pred = K.placeholder((batch, steps, classes))
        true, lengths, counts = (K.constant(v, dtype="int32") for v in (labels, lengths, counts))
        cost = K.ctc_batch_cost(true, pred, lengths, counts)
        grad = K.gradients(K.sum(cost), [pred])[0]
        found["cost/%d" % seed], found["gradient/%d" % seed] = K.function([pred], [cost, grad])([y])
        ways = {
            "greedy": dict(),
            "narrow": dict(greedy=False, beam_width=3, top_paths=2),
            "wide": dict(greedy=False, beam_width=30, top_paths=4),
        }
        for way, settings in sorted(ways.items()):
            paths, score = K.ctc_decode(pred, K.reshape(lengths, (-1,)), **settings)
            values = K.function([pred], list(paths) + [score])([y])
            for i, value in enumerate(values):
                found["%s/%d/%d" % (way, seed, i)] = value
    return found
