"""The event files of the TensorBoard callback, read back by TensorBoard's own reader."""

import glob
import io
import os
import subprocess
import sys
import zlib

import numpy as np
import pytest

from gpukeras import backend as K
from gpukeras.callbacks import LambdaCallback, TensorBoard
from gpukeras.callbacks._events import Histogram, png, to_bytes, weight_pictures
from gpukeras.layers import Dense, Dropout, Embedding, Flatten, Input
from gpukeras.models import Model, Sequential

pytest.importorskip("tensorboard", reason="needs the tensorboard package to write and to read event files")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read(folder):
    """Everything that TensorBoard finds in a folder."""
    found = EventAccumulator(str(folder), size_guidance={"histograms": 0, "scalars": 0, "images": 0})
    found.Reload()
    return found


def scalars(found, tag):
    """Steps and values, by step: files written within a second of each other are read in no set order."""
    return sorted((e.step, e.value) for e in found.Scalars(tag))


def classifier(dropout=0.0):
    model = Sequential(
        [Dense(4, activation="relu", input_shape=(6,)), Dropout(dropout), Dense(3, activation="softmax")]
    )
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model


def data(n=40):
    x = np.random.normal(size=(n, 6)).astype("float32")
    return x, np.eye(3)[np.arange(n) % 3]


def test_scalars_per_epoch(tmp_path):
    x, y = data()
    history = classifier().fit(
        x, y, epochs=3, verbose=0, validation_data=(x[:8], y[:8]), callbacks=[TensorBoard(str(tmp_path))]
    )
    found = read(tmp_path)
    assert set(found.Tags()["scalars"]) == {"loss", "acc", "val_loss", "val_acc"}
    for name, values in history.history.items():
        steps, written = zip(*scalars(found, name))
        assert steps == (0, 1, 2)
        np.testing.assert_allclose(written, values, rtol=1e-6)


def test_scalars_of_other_callbacks_and_second_training(tmp_path):
    x, y = data()
    model, board = classifier(), TensorBoard(str(tmp_path), write_graph=False)
    extra = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=np.float32(epoch + 0.5)))
    model.fit(x, y, verbose=0, callbacks=[extra, board])
    assert board.writer is None
    model.fit(x, y, verbose=0, epochs=2, initial_epoch=1, callbacks=[extra, board])
    assert len(glob.glob(str(tmp_path / "events.out.tfevents.*"))) == 2
    assert scalars(read(tmp_path), "extra") == [(0, 0.5), (1, 1.5)]


@pytest.mark.parametrize("freq,steps", [("batch", [10, 20, 30, 40]), (15, [20, 40]), (1, [10, 20, 30, 40])])
def test_scalars_per_batch(tmp_path, freq, steps):
    x, y = data()
    classifier().fit(x, y, batch_size=10, verbose=0, callbacks=[TensorBoard(str(tmp_path), update_freq=freq)])
    written = [step for step, _ in scalars(read(tmp_path), "loss")]
    # The last one is that of the epoch.
    assert written == steps + [40]


def test_graph(tmp_path):
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    x, y = data()
    K.clear_session()
    classifier(0.5).fit(x, y, verbose=0, callbacks=[TensorBoard(str(tmp_path))])
    graph = GraphDef()
    graph.ParseFromString(read(tmp_path).Graph().SerializeToString())
    nodes = {node.name: node for node in graph.node}
    assert len(nodes) == len(graph.node)
    for node in graph.node:
        assert all(name.partition(":")[0] in nodes for name in node.input)
    assert nodes["dense_1/kernel"].op == "Variable"
    assert nodes["dense_1_input"].op == "Placeholder"
    sizes = [d.size for d in nodes["dense_1/kernel"].attr["_output_shapes"].list.shape[0].dim]
    assert sizes == [6, 4]
    # The graph holds the way from the input to the output.
    seen, pending = set(), [name for name in nodes if "softmax" in nodes[name].op.lower()]
    assert pending
    while pending:
        name = pending.pop().partition(":")[0]
        if name not in seen:
            seen.add(name)
            pending += nodes[name].input
    assert {"dense_1_input", "dense_1/kernel", "dense_2/bias"} <= seen


def test_histograms_and_pictures(tmp_path):
    from PIL import Image

    x, y = data()
    K.clear_session()
    model = classifier()
    board = TensorBoard(str(tmp_path), histogram_freq=2, batch_size=7, write_grads=True, write_images=True)
    weights, outputs = [], []
    hidden = K.function([model.layers[0].input], [model.layers[0].output])

    def keep(epoch, logs):
        if epoch % 2 == 0:
            weights.append(model.layers[0].get_weights()[0])
            outputs.append(hidden([x[:20]])[0])

    model.fit(
        x,
        y,
        verbose=0,
        epochs=3,
        validation_data=(x[:20], y[:20]),
        callbacks=[board, LambdaCallback(on_epoch_end=keep)],
    )
    found = read(tmp_path)
    tags = set(found.Tags()["histograms"])
    assert {"dense_1_out", "dropout_1_out", "dense_2_out"} <= tags
    for name in ("dense_1/kernel_0", "dense_1/bias_0", "dense_2/kernel_0", "dense_2/bias_0"):
        assert {name, name + "_grad"} <= tags
        assert name + "/image" in found.Tags()["images"]
    for tag, arrays in (("dense_1/kernel_0", weights), ("dense_1_out", outputs)):
        events = found.Histograms(tag)
        assert [e.step for e in events] == [0, 2]
        for event, array in zip(events, arrays, strict=True):
            held = event.histogram_value
            assert held.num == array.size == sum(held.bucket)
            np.testing.assert_allclose([held.min, held.max], [array.min(), array.max()], rtol=1e-6)
            np.testing.assert_allclose(held.sum, array.sum(), rtol=1e-4)
    event = found.Images("dense_1/kernel_0/image")[0]
    picture = np.asarray(Image.open(io.BytesIO(event.encoded_image_string)))
    assert (event.height, event.width) == picture.shape == (4, 6)
    np.testing.assert_array_equal(picture, to_bytes(weights[0].T))


def test_as_the_server_reads_it(tmp_path):
    """TensorBoard's server turns old summaries into tensors of its plugins first."""
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer

    x, y = data()
    K.clear_session()
    board = TensorBoard(str(tmp_path / "run"), histogram_freq=1, write_images=True)
    classifier().fit(x, y, verbose=0, validation_data=(x, y), callbacks=[board])
    server = EventMultiplexer()
    server.AddRunsFromDirectory(str(tmp_path))
    server.Reload()
    assert server.Runs()["run"]["graph"]
    for plugin, tag in (("scalars", "loss"), ("histograms", "dense_1_out"), ("images", "dense_1/kernel_0/image")):
        assert tag in server.PluginRunToTagToContent(plugin)["run"]
        assert [e.step for e in server.Tensors("run", tag)] == [0]
    assert len(server.Graph("run").node) > 10


def test_histograms_need_validation_arrays(tmp_path):
    x, y = data()

    def batches():
        while True:
            yield x, y

    for keywords in (dict(), dict(validation_data=batches(), validation_steps=1)):
        with pytest.raises(ValueError, match="validation_data must be provided, and cannot be a generator"):
            classifier().fit_generator(
                batches(), 1, verbose=0, callbacks=[TensorBoard(str(tmp_path), histogram_freq=1)], **keywords
            )
    with pytest.raises(ValueError, match="embeddings_data must be provided"):
        classifier().fit(x, y, verbose=0, callbacks=[TensorBoard(str(tmp_path), embeddings_freq=1)])


def test_embeddings(tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    words = np.random.randint(0, 9, (12, 2))
    inputs = Input((2,))
    outputs = Dense(1)(Flatten()(Embedding(9, 5, name="words")(inputs)))
    model = Model(inputs, outputs)
    model.compile("sgd", "mse")
    board = TensorBoard(
        str(tmp_path), embeddings_freq=1, embeddings_data=words, embeddings_metadata={"words": "m.tsv"}, batch_size=5
    )
    model.fit(words, np.ones(12), epochs=2, verbose=0, callbacks=[board])
    config = ProjectorConfig()
    text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), config)
    (entry,) = config.embeddings
    assert (entry.tensor_name, entry.metadata_path) == ("words", "m.tsv")
    table = np.loadtxt(os.path.join(tmp_path, entry.tensor_path))
    np.testing.assert_allclose(table, model.layers[1].get_weights()[0][words].reshape(12, 10), rtol=1e-5)
    np.testing.assert_allclose(_from_the_projector(tmp_path, "words", (12, 10)), table, rtol=1e-6)
    with pytest.raises(ValueError, match="embeddings_layer_names has 'nobody'"):
        wrong = TensorBoard(str(tmp_path), embeddings_freq=1, embeddings_data=words, embeddings_layer_names=["nobody"])
        model.fit(words, np.ones(12), verbose=0, callbacks=[wrong])


def _from_the_projector(folder, name, shape):
    """A table as TensorBoard's projector serves it to the browser."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import Client

    runs = EventMultiplexer()
    runs.AddRunsFromDirectory(str(folder))
    runs.Reload()
    provider = MultiplexerDataProvider(runs, str(folder))
    context = TBContext(logdir=str(folder), multiplexer=runs, data_provider=provider)
    server = Client(ProjectorPlugin(context).get_plugin_apps()["/tensor"])
    answer = server.get(f"/tensor?run=.&name={name}")
    assert answer.status_code == 200, answer.data
    return np.frombuffer(answer.data, "float32").reshape(shape)


def test_own_summaries(tmp_path):
    from tensorboard.compat.proto.summary_pb2 import Summary

    x, y = data()
    board = TensorBoard(str(tmp_path))

    def write(epoch, logs):
        summary = Summary(value=[Summary.Value(tag="mine", simple_value=2.0)])
        board.writer.add_summary(summary, epoch)
        board.writer.add_summary(summary.SerializeToString(), epoch + 5)

    classifier().fit(x, y, verbose=0, callbacks=[board, LambdaCallback(on_epoch_end=write)])
    assert scalars(read(tmp_path), "mine") == [(0, 2.0), (5, 2.0)]


def test_histogram_of_parts():
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    values = np.concatenate([np.random.normal(size=500), [0.0, 0.0, -3.0, np.nan, np.inf]])
    made, message = Histogram(), HistogramProto()
    for part in np.array_split(values, 4):
        made.add(part)
    made.add([])
    made.proto(message)
    finite = values[np.isfinite(values)]
    assert message.num == len(finite) == sum(message.bucket)
    np.testing.assert_allclose([message.min, message.max], [finite.min(), finite.max()])
    np.testing.assert_allclose([message.sum, message.sum_squares], [finite.sum(), (finite**2).sum()])
    below = np.cumsum(message.bucket)
    for limit, count in zip(message.bucket_limit, below, strict=True):
        assert count == (finite < limit).sum()
    empty = HistogramProto()
    Histogram().proto(empty)
    assert empty.num == 0


def test_pictures():
    from PIL import Image

    grey = np.arange(35, dtype="uint8").reshape(5, 7) * 7
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(grey)))), grey)
    assert zlib.crc32(b"IEND").to_bytes(4, "big") == png(grey)[-4:]
    assert to_bytes(np.array([[0.0, 2.0]])).tolist() == [[0, 255]]
    assert to_bytes(np.array([[-1.0, 0.0, 0.5]])).tolist() == [[1, 128, 191]]
    assert to_bytes(np.zeros((1, 2))).tolist() == [[0, 0]]
    assert weight_pictures(np.zeros((5, 1)), "channels_last").shape == (1, 5, 1)
    assert weight_pictures(np.zeros((7, 3)), "channels_last").shape == (1, 3, 7)
    assert weight_pictures(np.zeros((3, 4, 1, 8)), "channels_last").shape == (8, 3, 4)
    assert weight_pictures(np.zeros((8, 3, 4)), "channels_first").shape == (8, 3, 4)
    assert weight_pictures(np.zeros((3, 3, 2, 8)), "channels_last") is None
    assert weight_pictures(np.zeros(()), "channels_last") is None


def test_without_the_package(tmp_path, monkeypatch):
    for name in ("tensorboard.compat.proto", "tensorboard.compat"):
        monkeypatch.setitem(sys.modules, name, None)
    x, y = data()
    with pytest.raises(ImportError, match=r'pip install "gpukeras\[tensorboard\]"'):
        classifier().fit(x, y, verbose=0, callbacks=[TensorBoard(str(tmp_path))])


def test_beside_the_stand_in_for_tensorflow(tmp_path):
    """tensorboard asks for TensorFlow; what stands in for it for programs is not what it needs."""
    program = """
import gpukeras.as_keras, sys
import numpy as np, tensorflow as tf
from keras.callbacks import TensorBoard
from keras.layers import Dense
from keras.models import Sequential

model = Sequential([Dense(1, input_dim=2)])
model.compile("sgd", "mse")
model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0, callbacks=[TensorBoard(sys.argv[1])])
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert scalars(read(tmp_path), "loss") == [(0, 0.0)]
