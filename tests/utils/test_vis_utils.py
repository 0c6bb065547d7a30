"""Drawings of models and of trainings."""

import shutil
import sys

import numpy as np
import pytest

from gpukeras import utils
from gpukeras.layers import Dense, Embedding, Flatten, Input, TimeDistributed, add
from gpukeras.models import Model, Sequential
from gpukeras.utils import vis_utils


class _Drawn:
    """Stands in for pydot: keeps what it is given."""

    class Node:
        def __init__(self, name, label):
            self.name, self.label = name, label

    class Edge:
        def __init__(self, *ends):
            self.ends = ends

    class Dot:
        def __init__(self):
            self.settings, self.nodes, self.edges = {}, [], []
            self.add_node, self.add_edge = self.nodes.append, self.edges.append

        def set(self, key, value):
            self.settings[key] = value

        def set_node_defaults(self, **settings):
            self.settings.update(settings)

        def write(self, path, format):
            if format != "raw":
                raise FileNotFoundError("dot")
            with open(path, "w") as f:
                f.write("digraph")


@pytest.fixture
def drawn(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", _Drawn)


def diamond():
    inputs = Input((4,), name="in")
    left, right = Dense(4, name="left")(inputs), Dense(4, name="right")(inputs)
    return Model(inputs, add([left, right], name="sum"))


def graph(dot):
    """Labels of the nodes, and edges as pairs of positions."""
    places = {node.name: i for i, node in enumerate(dot.nodes)}
    return [node.label for node in dot.nodes], sorted(tuple(places[end] for end in edge.ends) for edge in dot.edges)


def test_layers_and_connections(drawn):
    dot = vis_utils.model_to_dot(diamond(), rankdir="LR")
    labels, edges = graph(dot)
    assert labels == ["in: InputLayer", "left: Dense", "right: Dense", "sum: Add"]
    assert edges == [(0, 1), (0, 2), (1, 3), (2, 3)]
    assert dot.settings == {"rankdir": "LR", "concentrate": True, "shape": "record"}


def test_shapes_and_wrapped_layers(drawn):
    model = Sequential([Embedding(5, 3, input_length=2, name="a|b"), TimeDistributed(Dense(4, name="d"), name="t")])
    model.add(Flatten(name="f"))
    labels, edges = graph(vis_utils.model_to_dot(model, show_shapes=True, show_layer_names=False))
    assert labels[0].startswith("InputLayer\n")
    assert labels[1] == "Embedding\n|{input:|output:}|{{(None, 2)}|{(None, 2, 3)}}"
    assert labels[2].startswith("TimeDistributed(Dense)\n")
    assert edges == [(0, 1), (1, 2), (2, 3)]
    labels, _ = graph(vis_utils.model_to_dot(model))
    assert labels[1:] == [r"a\|b: Embedding", "t(d): TimeDistributed(Dense)", "f: Flatten"]


def test_shared_layers_and_several_inputs(drawn):
    first, second = Input((3,), name="x"), Input((3,), name="y")
    shared = Dense(2, name="shared")
    model = Model([first, second], add([shared(first), shared(second)], name="sum"))
    other = Input((3,), name="elsewhere")
    shared(other)
    labels, edges = graph(vis_utils.model_to_dot(model, show_shapes=True))
    sum_label = next(label for label in labels if label.startswith("sum"))
    assert sum_label == "sum: Add\n|{input:|output:}|{{(None, 2), (None, 2)}|{(None, 2)}}"
    assert len(labels) == 4 and len(edges) == 4


def test_what_is_missing(drawn, tmp_path, monkeypatch):
    with pytest.raises(OSError, match="failed to call Graphviz"):
        vis_utils.plot_model(diamond(), tmp_path / "m.png")
    with pytest.raises(FileNotFoundError):
        vis_utils.plot_model(diamond(), str(tmp_path / "no" / "m.png"))
    utils.plot_model(diamond(), tmp_path / "m.dot")
    assert (tmp_path / "m.dot").read_text() == "digraph"
    with pytest.raises(ValueError, match="no graph to draw"):
        vis_utils.model_to_dot(Sequential([Dense(2)]))
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match=r'pip install "gpukeras\[plot\]"'):
        vis_utils.model_to_dot(diamond())


def test_with_real_pydot(tmp_path):
    pytest.importorskip("pydot")
    path = tmp_path / "m.dot"
    vis_utils.plot_model(diamond(), path, show_shapes=True)
    text = path.read_text()
    assert text.count("->") == 4 and "left: Dense" in text
    if shutil.which("dot") is None:
        with pytest.raises(OSError, match="failed to call Graphviz"):
            vis_utils.plot_model(diamond(), str(tmp_path / "m.png"))
    else:
        vis_utils.plot_model(diamond(), str(tmp_path / "m.png"))
        assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


def test_history_needs_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="matplotlib"):
        utils.plot_history({"loss": [1.0]})


def test_history(tmp_path):
    pytest.importorskip("matplotlib")
    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.random.normal(size=(8, 2)), np.ones(8)
    history = model.fit(x, y, epochs=3, validation_data=(x, y), verbose=0)
    figure = utils.plot_history(history, tmp_path / "h.png")
    assert (tmp_path / "h.png").read_bytes().startswith(b"\x89PNG")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "mean_absolute_error"]
    training, validation = figure.axes[0].lines
    np.testing.assert_allclose(training.get_xydata(), list(zip([1, 2, 3], history.history["loss"])))
    np.testing.assert_allclose(validation.get_ydata(), history.history["val_loss"])
    assert len(utils.plot_history(history.history, metrics=["loss"]).axes) == 1
    with pytest.raises(ValueError, match="nothing"):
        utils.plot_history(history, metrics=["nothing"])
