"""`TensorBoard`: what happens in a training, as files that TensorBoard shows."""

import os

import numpy as np

from .. import backend as K
from ._events import Histogram, SummaryWriter, graph_def, png, protos, to_bytes, weight_pictures
from .base import Callback

__all__ = ["TensorBoard"]

# So many channels of a kernel are shown as pictures.
_PICTURES = 3


class TensorBoard(Callback):
    """Writes event files for TensorBoard (`tensorboard --logdir=...`); needs the `tensorboard` package only.

    Arguments:
        log_dir: folder for the files.
        histogram_freq: int, every how many epochs histograms of weights and of the layers' outputs for the validation
            data are written; 0 for never. Needs validation data that are arrays.
        batch_size: int, samples at a time when outputs are computed.
        write_graph: bool, whether to write the graph.
        write_grads: bool, whether to write histograms of the gradients, with those of the weights.
        write_images: bool, whether to write the weights as pictures, with their histograms.
        embeddings_freq: int, every how many epochs outputs of embedding layers are written; 0 for never.
        embeddings_layer_names: list of layers whose outputs are written; None for all `Embedding` layers.
        embeddings_metadata: name of a file with the labels of the rows, or dict from layers' names to such.
        embeddings_data: array, or list of arrays, of inputs whose embeddings are written.
        update_freq: 'epoch', 'batch', or every how many samples the loss and the metrics are written.

    Attributes:
        writer: the open file; `writer.add_summary(summary, step)` adds to it.

    Raises:
        ImportError: without the `tensorboard` package, when training begins.
    """

    def __init__(
        self,
        log_dir="./logs",
        histogram_freq=0,
        batch_size=32,
        write_graph=True,
        write_grads=False,
        write_images=False,
        embeddings_freq=0,
        embeddings_layer_names=None,
        embeddings_metadata=None,
        embeddings_data=None,
        update_freq="epoch",
    ):
        super().__init__()
        self.log_dir = log_dir
        self.histogram_freq = histogram_freq
        self.merged = None
        self.write_graph = write_graph
        self.write_grads = write_grads
        self.write_images = write_images
        self.embeddings_freq = embeddings_freq
        self.embeddings_layer_names = embeddings_layer_names
        self.embeddings_metadata = embeddings_metadata or {}
        self.batch_size = batch_size
        self.embeddings_data = embeddings_data
        # 'batch' is the same as every single sample: each batch has at least one.
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.samples_seen = 0
        self.samples_seen_at_last_write = 0
        self.writer = None
        # Nothing is done per batch then, so there is nothing to time.
        self._quick = update_freq == "epoch" and type(self).on_batch_end is TensorBoard.on_batch_end

    def set_model(self, model):
        """Opens the file, and writes the graph.

        Arguments:
            model: `Model`.
        """
        self.model = model
        self.close()
        self.writer = SummaryWriter(self.log_dir)
        if self.write_graph:
            tensors = list(model.outputs) + [t for t in [getattr(model, "total_loss", None)] if K.is_tensor(t)]
            self.writer.add_graph(graph_def(tensors, _leaf_kind))
        if self.histogram_freq and self.merged is None:
            self.merged = self._outputs_and_gradients()

    def _outputs_and_gradients(self):
        """Names of histograms, and the function that computes their values from a batch of validation data."""
        model = self.model
        names, tensors = [], []
        for layer in model.layers:
            outputs = _outputs(layer, model)
            for i, tensor in enumerate(outputs):
                names.append(f"{layer.name}_out" if len(outputs) == 1 else f"{layer.name}_out_{i}")
                tensors.append(tensor)
        if self.write_grads:
            weights = model.trainable_weights
            for weight, gradient in zip(weights, model.optimizer.get_gradients(model.total_loss, weights)):
                names.append(f"{_tag(weight)}_grad")
                tensors.append(gradient)
        phase = [K.learning_phase()] if model.uses_learning_phase and K.is_tensor(K.learning_phase()) else []
        inputs = model._feed_inputs + model._feed_targets + model._feed_sample_weights
        return names, len(inputs), bool(phase), K.function(inputs + phase, tensors)

    def on_train_begin(self, logs=None):
        """Looks whether there are the data that the settings need.

        Arguments:
            logs: dict.

        Raises:
            ValueError: when they are missing.
        """
        self._check_data()
        if self.embeddings_freq:
            self._prepare_embeddings()

    def _check_data(self):
        if self.histogram_freq and not self.validation_data:
            raise ValueError("If printing histograms, validation_data must be provided, and cannot be a generator.")
        if self.embeddings_freq and self.embeddings_data is None:
            raise ValueError("To visualize embeddings, embeddings_data must be provided.")

    def on_batch_end(self, batch, logs=None):
        """Writes the loss and the metrics when `update_freq` samples have gone by.

        Arguments:
            batch: int.
            logs: dict with `size` and the values.
        """
        if self.update_freq == "epoch":
            return
        logs = logs or {}
        self.samples_seen += logs.get("size", 0)
        if self.samples_seen - self.samples_seen_at_last_write >= self.update_freq:
            self._write_logs(logs, self.samples_seen)
            self.samples_seen_at_last_write = self.samples_seen

    def on_epoch_end(self, epoch, logs=None):
        """Writes histograms, embeddings, and the loss and metrics.

        Arguments:
            epoch: int, from 0.
            logs: dict of values.

        Raises:
            ValueError: when data for histograms or embeddings are missing.
        """
        self._check_data()
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
            self._write_outputs(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        self._write_logs(logs or {}, epoch if self.update_freq == "epoch" else self.samples_seen)

    def on_train_end(self, _=None):
        """Closes the file.

        Arguments:
            _: dict, not looked at.
        """
        self.close()

    def close(self):
        """Closes the file, if it is open."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _write_logs(self, logs, index):
        summary = protos()[1].Summary()
        for name, value in logs.items():
            if name not in ("batch", "size") and np.size(value) == 1:
                summary.value.add(tag=name, simple_value=float(np.reshape(value, ())))
        self.writer.add_summary(summary, index)
        self.writer.flush()

    def _write_weights(self, epoch):
        """Histograms and pictures of all weights; one event each, so that none grows beyond what readers take."""
        summaries = protos()[1]
        for layer in self.model.layers:
            for weight, value in zip(layer.weights, K.batch_get_value(layer.weights)):
                summary = summaries.Summary()
                histogram = Histogram()
                histogram.add(value)
                histogram.proto(summary.value.add(tag=_tag(weight)).histo)
                if self.write_images:
                    _add_pictures(summary, f"{_tag(weight)}/image", value)
                self.writer.add_summary(summary, epoch)

    def _write_outputs(self, epoch):
        """Histograms of outputs and gradients over all validation data."""
        names, count, has_phase, function = self.merged
        data = self.validation_data[:count]
        histograms = [Histogram() for _ in names]
        total = len(data[0])
        for start in range(0, total, self.batch_size):
            batch = [x[start : start + self.batch_size] for x in data]
            for histogram, values in zip(histograms, function(batch + [0] if has_phase else batch)):
                histogram.add(values)
        summary = protos()[1].Summary()
        for name, histogram in zip(names, histograms):
            histogram.proto(summary.value.add(tag=name).histo)
        self.writer.add_summary(summary, epoch)

    def _prepare_embeddings(self):
        """Makes the function for the embeddings."""
        names = self.embeddings_layer_names
        if not names:
            names = [layer.name for layer in self.model.layers if type(layer).__name__ == "Embedding"]
        layers = {layer.name: layer for layer in self.model.layers}
        unknown = [name for name in names if name not in layers]
        if unknown:
            raise ValueError(
                f"TensorBoard: embeddings_layer_names has {unknown[0]!r}, but the model has {list(layers)}."
            )
        phase = [K.learning_phase()] if K.is_tensor(K.learning_phase()) else []
        outputs = [_outputs(layers[name], self.model)[0] for name in names]
        self._embedded = names, bool(phase), K.function(self.model._feed_inputs + phase, outputs)

    def _write_embeddings(self, epoch):
        """Writes one table per layer, and the settings of TensorBoard's projector that point to the newest."""
        from google.protobuf import text_format
        from tensorboard.plugins.projector import projector_config_pb2

        names, has_phase, function = self._embedded
        data = self.embeddings_data if isinstance(self.embeddings_data, list) else [self.embeddings_data]
        rows = [[] for _ in names]
        for start in range(0, len(data[0]), self.batch_size):
            batch = [x[start : start + self.batch_size] for x in data]
            for found, values in zip(rows, function(batch + [0] if has_phase else batch)):
                found.append(values.reshape(len(values), -1))
        config = projector_config_pb2.ProjectorConfig()
        metadata = self.embeddings_metadata
        for name, found in zip(names, rows):
            table = f"keras_embedding_{name.replace('/', '_')}-{epoch}.tsv"
            np.savetxt(os.path.join(self.log_dir, table), np.concatenate(found), fmt="%.7g", delimiter="\t")
            entry = config.embeddings.add(tensor_name=name, tensor_path=table)
            labels = metadata if isinstance(metadata, str) else metadata.get(name)
            if labels:
                entry.metadata_path = labels
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w") as f:
            f.write(text_format.MessageToString(config))


def _tag(weight):
    return weight.name.replace(":", "_")


def _leaf_kind(tensor):
    if K.is_placeholder(tensor):
        return "Placeholder"
    # Of what has no inputs, only variables have a constraint.
    return "Variable" if hasattr(tensor, "constraint") else "Const"


def _outputs(layer, model):
    """The tensors that a layer gives where the model uses it; none for a layer that is used more than once."""
    nodes = [node for i, node in enumerate(layer._inbound_nodes) if f"{layer.name}_ib-{i}" in model._network_nodes]
    return list(nodes[0].output_tensors) if len(nodes) == 1 else []


def _add_pictures(summary, tag, value):
    pictures = weight_pictures(value, K.image_data_format())
    if pictures is None or not pictures.size:
        return
    pictures = pictures[:_PICTURES]
    for i, picture in enumerate(pictures):
        grey = to_bytes(picture)
        name = tag if len(pictures) == 1 else f"{tag}/{i}"
        image = summary.value.add(tag=name).image
        image.height, image.width, image.colorspace = grey.shape[0], grey.shape[1], 1
        image.encoded_image_string = png(grey)
