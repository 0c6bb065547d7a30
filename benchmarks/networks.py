"""Convolutional and recurrent networks of the benchmarks, in Keras and in PyTorch."""

import numpy as np

CROSSENTROPY = "categorical_crossentropy"


def compiled(keras, model, loss, optimizer):
    """The model, compiled as every workload is."""
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return model


def trained_with(torch, model, loss, optimizer, **options):
    """A PyTorch module, its loss and its optimizer."""
    return model, getattr(torch.nn, loss)(), getattr(torch.optim, optimizer)(model.parameters(), **options)


# --- small convolutional networks --------------------------------------------------------------------------------


def mnist_cnn_keras(keras):
    """Keras' own MNIST CNN: two convolutions, pooling, dropout, two dense layers; Adadelta."""
    layers = keras.layers
    model = keras.models.Sequential(
        [
            layers.InputLayer((28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return compiled(keras, model, CROSSENTROPY, "adadelta")


def mnist_cnn_torch(torch):
    """The PyTorch equivalent of `mnist_cnn_keras`."""
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )
    return trained_with(torch, model, "CrossEntropyLoss", "Adadelta", lr=1.0)


def vgg_like_keras(keras):
    """The manual's VGG-like network on 100 x 100 images: four convolutions, two poolings, SGD with momentum."""
    layers = keras.layers
    model = keras.models.Sequential(
        [
            layers.InputLayer((100, 100, 3)),
            *(layers.Conv2D(32, (3, 3), activation="relu"), layers.Conv2D(32, (3, 3), activation="relu")),
            *(layers.MaxPooling2D((2, 2)), layers.Dropout(0.25)),
            *(layers.Conv2D(64, (3, 3), activation="relu"), layers.Conv2D(64, (3, 3), activation="relu")),
            *(layers.MaxPooling2D((2, 2)), layers.Dropout(0.25)),
            *(layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dropout(0.5)),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return compiled(keras, model, CROSSENTROPY, "sgd")


def vgg_like_torch(torch):
    """The PyTorch equivalent of `vgg_like_keras`."""
    nn = torch.nn
    model = nn.Sequential(
        *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(64 * 22 * 22, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10)),
    )
    return trained_with(torch, model, "CrossEntropyLoss", "SGD", lr=0.01)


# --- CIFAR ResNet20 ----------------------------------------------------------------------------------------------


def resnet20_keras(keras):
    """ResNet20 (He et al., 2015) for 32 x 32 images: three stages of three residual blocks with 16, 32, 64 filters."""
    layers = keras.layers

    def unit(x, filters, strides, activation=True):
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.Activation("relu")(x) if activation else x

    inputs = layers.Input((32, 32, 3))
    x = unit(inputs, 16, 1)
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            strides = 2 if stage and not block else 1
            y = unit(unit(x, filters, strides), filters, 1, activation=False)
            if strides > 1:
                x = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x)
            x = layers.Activation("relu")(layers.add([x, y]))
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return compiled(keras, keras.models.Model(inputs, outputs), CROSSENTROPY, "adam")


def resnet20_torch(torch):
    """The PyTorch equivalent of `resnet20_keras`."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, channels, filters, strides):
            super().__init__()
            self.first = nn.Sequential(
                nn.Conv2d(channels, filters, 3, strides, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()
            )
            self.second = nn.Sequential(nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters))
            self.short = nn.Conv2d(channels, filters, 1, 2, bias=False) if strides > 1 else nn.Identity()

        def forward(self, x):
            return torch.relu(self.second(self.first(x)) + self.short(x))

    blocks, channels = [], 16
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            blocks.append(Block(channels, filters, 2 if stage and not block else 1))
            channels = filters
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return trained_with(torch, nn.Sequential(*stem, *blocks, *head), "CrossEntropyLoss", "Adam", lr=1e-3)


# --- text --------------------------------------------------------------------------------------------------------


def imdb_lstm_keras(keras):
    """Keras' own IMDB LSTM: embedding of 20000 words, LSTM(128) over 80 steps, Adam."""
    layers = keras.layers
    model = keras.models.Sequential(
        [
            layers.InputLayer((80,)),
            layers.Embedding(20000, 128),
            layers.LSTM(128),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return compiled(keras, model, "binary_crossentropy", "adam")


def last_output(torch):
    """A PyTorch module that runs a recurrent one and gives out its last step."""

    class LastOutput(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)[0][:, -1]

    return LastOutput


def imdb_lstm_torch(torch):
    """The PyTorch equivalent of `imdb_lstm_keras`."""
    nn = torch.nn
    lstm = last_output(torch)(nn.LSTM(128, 128, batch_first=True))
    model = nn.Sequential(nn.Embedding(20000, 128), lstm, nn.Linear(128, 1))
    return trained_with(torch, model, "BCEWithLogitsLoss", "Adam", lr=1e-3)


def stacked_lstm_keras(keras):
    """The manual's three stacked LSTM(32) over 8 steps of 16 numbers, RMSprop."""
    layers = keras.layers
    model = keras.models.Sequential(
        [
            layers.InputLayer((8, 16)),
            layers.LSTM(32, return_sequences=True),
            layers.LSTM(32, return_sequences=True),
            layers.LSTM(32),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return compiled(keras, model, CROSSENTROPY, "rmsprop")


def stacked_lstm_torch(torch):
    """The PyTorch equivalent of `stacked_lstm_keras`."""
    nn = torch.nn
    model = nn.Sequential(last_output(torch)(nn.LSTM(16, 32, 3, batch_first=True)), nn.Linear(32, 10))
    return trained_with(torch, model, "CrossEntropyLoss", "RMSprop", lr=1e-3, alpha=0.9)


def conv1d_text_keras(keras):
    """Keras' own IMDB CNN: embedding, a convolution over 400 words, global maximum, two dense layers."""
    layers = keras.layers
    model = keras.models.Sequential(
        [
            layers.InputLayer((400,)),
            *(layers.Embedding(5000, 50), layers.Dropout(0.2)),
            *(layers.Conv1D(250, 3, activation="relu"), layers.GlobalMaxPooling1D()),
            *(layers.Dense(250, activation="relu"), layers.Dropout(0.2), layers.Dense(1, activation="sigmoid")),
        ]
    )
    return compiled(keras, model, "binary_crossentropy", "adam")


def conv1d_text_torch(torch):
    """The PyTorch equivalent of `conv1d_text_keras`."""
    nn = torch.nn

    class Text(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Sequential(nn.Embedding(5000, 50), nn.Dropout(0.2))
            self.convolution = nn.Conv1d(50, 250, 3)
            self.head = nn.Sequential(nn.Linear(250, 250), nn.ReLU(), nn.Dropout(0.2), nn.Linear(250, 1))

        def forward(self, x):
            x = self.convolution(self.words(x).transpose(1, 2))
            return self.head(torch.relu(x).amax(2))

    return trained_with(torch, Text(), "BCEWithLogitsLoss", "Adam", lr=1e-3)


# --- large networks, prediction only -----------------------------------------------------------------------------


def resnet50_keras(keras):
    """ResNet50 from the applications, random weights."""
    return compiled(keras, keras.applications.ResNet50(weights=None), CROSSENTROPY, "sgd")


def resnet50_torch(torch):
    """ResNet50 in PyTorch: 3, 4, 6, 3 bottlenecks."""
    nn = torch.nn

    def unit(channels, filters, size, strides=1):
        return nn.Conv2d(channels, filters, size, strides, size // 2), nn.BatchNorm2d(filters)

    class Bottleneck(nn.Module):
        def __init__(self, channels, filters, strides, project):
            super().__init__()
            self.main = nn.Sequential(
                *(*unit(channels, filters, 1, strides), nn.ReLU(), *unit(filters, filters, 3), nn.ReLU()),
                *unit(filters, 4 * filters, 1),
            )
            self.short = nn.Sequential(*unit(channels, 4 * filters, 1, strides)) if project else nn.Identity()

        def forward(self, x):
            return torch.relu(self.main(x) + self.short(x))

    blocks, channels = [], 64
    for stage, (filters, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(count):
            blocks.append(Bottleneck(channels, filters, 2 if stage and not block else 1, not block))
            channels = 4 * filters
    stem = [*unit(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    model = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))
    return trained_with(torch, model, "CrossEntropyLoss", "SGD", lr=0.01)


def mobilenet_keras(keras):
    """MobileNet from the applications, random weights."""
    return compiled(keras, keras.applications.MobileNet(weights=None), CROSSENTROPY, "sgd")


def mobilenet_torch(torch):
    """MobileNet in PyTorch: thirteen pairs of depthwise and 1 x 1 convolutions."""
    nn = torch.nn
    parts = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    channels = 32
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for filters, strides in rows:
        parts += [nn.Conv2d(channels, channels, 3, strides, 1, groups=channels, bias=False)]
        parts += [nn.BatchNorm2d(channels), nn.ReLU6(), nn.Conv2d(channels, filters, 1, bias=False)]
        parts += [nn.BatchNorm2d(filters), nn.ReLU6()]
        channels = filters
    model = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))
    return trained_with(torch, model, "CrossEntropyLoss", "SGD", lr=0.01)


# --- data --------------------------------------------------------------------------------------------------------


def words(vocabulary, length):
    """Returns a maker of sequences of word numbers with one truth value each."""

    def make(samples):
        rng = np.random.default_rng(0)
        x = rng.integers(0, vocabulary, (samples, length)).astype(np.int32)
        return x, rng.integers(0, 2, (samples, 1)).astype(np.float32)

    return make
