"""TensorBoard with every argument at once, on models of several inputs and outputs, read back by its own reader."""

import os

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.callbacks import TensorBoard
from gpukeras.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    concatenate,
)
from gpukeras.models import Model, Sequential

pytest.importorskip("tensorboard", reason="needs the tensorboard package to write and to read event files")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read(folder):
    found = EventAccumulator(str(folder), size_guidance={"histograms": 0, "scalars": 0, "images": 0})
    found.Reload()
    return found


def words_and_pictures():
    """Two inputs, two outputs, a layer used twice, layers that differ in training, a convolution and a recurrence."""
    K.clear_session()
    words, pictures = Input((8,), name="words"), Input((6, 6, 1), name="pictures")
    w = LSTM(3, name="lstm")(Embedding(10, 4, name="emb")(words))
    p = Flatten()(BatchNormalization(name="bn")(Conv2D(5, 3, name="conv")(pictures)))
    z = Dropout(0.3)(concatenate([w, p]))
    shared = Dense(3, name="shared")
    out = Dense(2, activation="softmax", name="out")(shared(z))
    other = Dense(1, name="other")(shared(z))
    model = Model([words, pictures], [out, other])
    model.compile("adam", ["categorical_crossentropy", "mse"], metrics={"out": "acc"})
    x = [np.random.randint(0, 10, (16, 8)), np.random.rand(16, 6, 6, 1)]
    y = [np.eye(2)[np.arange(16) % 2], np.random.rand(16, 1)]
    return model, x, y


def test_everything_at_once(tmp_path):
    model, x, y = words_and_pictures()
    board = TensorBoard(
        log_dir=str(tmp_path),
        histogram_freq=1,
        batch_size=5,
        write_graph=True,
        write_grads=True,
        write_images=True,
        embeddings_freq=2,
        embeddings_layer_names=["emb"],
        embeddings_metadata="labels.tsv",
        embeddings_data=x,
        update_freq=6,
    )
    history = model.fit(x, y, batch_size=4, epochs=3, validation_split=0.5, verbose=0, callbacks=[board])
    found = read(tmp_path)
    tags = found.Tags()
    assert tags["graph"] and len(found.Graph().node) > 50
    names = ["loss", "out_loss", "other_loss", "out_acc"]
    assert set(tags["scalars"]) == {*names, *("val_" + n for n in names)}
    # Eight samples an epoch in batches of 4: after 8, 16 and 24 samples, and at the end of each epoch.
    assert [e.step for e in found.Scalars("out_loss")] == [8, 8, 16, 16, 24, 24]
    np.testing.assert_allclose([e.value for e in found.Scalars("val_out_acc")], history.history["val_out_acc"])
    outputs = {"emb_out", "lstm_out", "conv_out", "bn_out", "out_out", "other_out", "words_out", "pictures_out"}
    weights = {w.name.replace(":", "_") for w in model.weights}
    gradients = {w.name.replace(":", "_") + "_grad" for w in model.trainable_weights}
    histograms = set(tags["histograms"])
    assert outputs | weights | gradients <= histograms
    assert "shared_out" not in histograms and "bn/moving_mean_0_grad" not in histograms
    # Eight validation samples, 4 x 4 x 5 outputs each, whatever the batches.
    assert [h.histogram_value.num for h in found.Histograms("conv_out")] == [640] * 3
    # Of five kernels three are shown.
    kernels = [name for name in tags["images"] if name.startswith("conv/kernel_0/image")]
    assert kernels == [f"conv/kernel_0/image/{i}" for i in range(3)]
    files = sorted(name for name in os.listdir(tmp_path) if not name.startswith("events"))
    assert files == ["keras_embedding_emb-0.tsv", "keras_embedding_emb-2.tsv", "projector_config.pbtxt"]
    settings = (tmp_path / "projector_config.pbtxt").read_text()
    assert "labels.tsv" in settings and "keras_embedding_emb-2.tsv" in settings
    assert np.loadtxt(tmp_path / "keras_embedding_emb-2.tsv").shape == (16, 32)


def test_little_is_written_when_little_is_asked_for(tmp_path):
    model, x, y = words_and_pictures()
    model.fit(x, y, verbose=0, callbacks=[TensorBoard(str(tmp_path), write_graph=False)])
    tags = read(tmp_path).Tags()
    assert not tags["graph"] and not tags["histograms"] and not tags["images"]
    assert all("tfevents" in name for name in os.listdir(tmp_path))


@pytest.mark.parametrize("freq, steps", [("batch", [4, 8, 12, 12]), (5, [8, 12]), ("epoch", [0])])
def test_generators(freq, steps, tmp_path):
    model = Sequential([Dense(2, activation="softmax", input_shape=(3,))])
    model.compile("sgd", "categorical_crossentropy")
    x, y = np.random.rand(4, 3), np.eye(2)[[0, 1, 0, 1]]

    def batches():
        while True:
            yield x, y

    board = TensorBoard(str(tmp_path), histogram_freq=1, write_grads=True, update_freq=freq)
    model.fit_generator(batches(), 3, verbose=0, validation_data=(x, y), callbacks=[board])
    found = read(tmp_path)
    # The epoch's own value comes last.
    assert [e.step for e in found.Scalars("loss")] == steps
    assert any(name.endswith("kernel_0_grad") for name in found.Tags()["histograms"])


def test_weights_in_models_in_models_and_frozen_ones(tmp_path):
    K.clear_session()
    inner = Sequential([Dense(3, input_shape=(3,), name="inside"), BatchNormalization(name="bn")], name="inner")
    frozen = Dense(4, name="frozen", trainable=False)
    model = Sequential([inner, frozen, Dense(2, name="last")])
    model.compile("sgd", "mse")
    x, y = np.random.rand(6, 3), np.ones((6, 2))
    board = TensorBoard(str(tmp_path), histogram_freq=1, write_grads=True)
    model.fit(x, y, verbose=0, validation_data=(x, y, np.ones(6)), callbacks=[board])
    found = set(read(tmp_path).Tags()["histograms"])
    assert {"inside/kernel_0", "inside/kernel_0_grad", "bn/moving_mean_0", "inner_out", "frozen/kernel_0"} <= found
    assert "frozen/kernel_0_grad" not in found


def test_a_subclass_adds_to_what_is_written(tmp_path):
    class WithRate(TensorBoard):
        def on_epoch_end(self, epoch, logs=None):
            logs["lr"] = K.eval(self.model.optimizer.lr)
            super().on_epoch_end(epoch, logs)

    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones(4), epochs=2, verbose=0, callbacks=[WithRate(str(tmp_path))])
    values = [(e.step, e.value) for e in read(tmp_path).Scalars("lr")]
    assert values == [(0, pytest.approx(0.01)), (1, pytest.approx(0.01))]
