"""Drawings of models and of trainings."""

import shutil
import sys
import types
import xml.dom.minidom

import numpy as np
import pytest

from gpukeras import utils
from gpukeras.layers import LSTM, Bidirectional, Conv1D, Dense, Embedding, Flatten, Input, TimeDistributed, add
from gpukeras.models import Model, Sequential
from gpukeras.utils import vis_utils


class _Drawn:
    """Stands in for pydot: keeps what it is given."""

    class Node:
        def __init__(self, name, label, fillcolor):
            self.name, self.label, self.colour = name, label, fillcolor

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

        def set_edge_defaults(self, **settings):
            pass

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
    assert {"rankdir": "LR", "concentrate": True, "shape": "record"}.items() <= dot.settings.items()


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
    assert sum_label == "sum: Add\n|{input:|output:}|{{[(None, 2), (None, 2)]}|{(None, 2)}}"
    assert len(labels) == 4 and len(edges) == 4


def test_colours_tell_families_apart(drawn):
    class Own(Dense):
        pass

    model = Sequential([Conv1D(3, 2, input_shape=(6, 2)), TimeDistributed(Dense(3)), LSTM(2), Own(2)])
    model.add(Sequential([Dense(2, input_shape=(2,))]))
    colours = [node.colour for node in vis_utils.model_to_dot(model).nodes]
    given, conv, wrapped, recurrent, own, inner = colours
    assert len({given, conv, wrapped, recurrent, own}) == 5 and own == inner == "white"
    assert wrapped == vis_utils.model_to_dot(diamond()).nodes[1].colour


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


def nested():
    inner = Sequential([Dense(3, input_shape=(4,), name="a|b"), Dense(2, name="<c>")], name="inner")
    model = Sequential([TimeDistributed(inner, input_shape=(5, 4), name="each"), Bidirectional(LSTM(2, name="l"))])
    model.add(Sequential([Dense(1, input_shape=(4,))], name="{last}"))
    return model


@pytest.mark.parametrize("make", [diamond, nested])
@pytest.mark.parametrize("show_shapes", [True, False])
def test_with_real_pydot(make, show_shapes, tmp_path):
    pytest.importorskip("pydot")
    path = tmp_path / "m.dot"
    utils.plot_model(make(), path, show_shapes=show_shapes, rankdir="LR")
    text = path.read_text()
    assert text.count("->") == (4 if make is diamond else 3) and "rankdir=LR" in text
    assert ("left: Dense" if make is diamond else "each(inner): TimeDistributed(Sequential)") in text
    assert ("output:" in text) is show_shapes


@pytest.fixture
def graphviz():
    pytest.importorskip("pydot")
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")


STARTS = [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("jpg", b"\xff\xd8")]


@pytest.mark.parametrize("ending, start", STARTS)
def test_pictures_by_graphviz(ending, start, graphviz, tmp_path):
    path = tmp_path / ("m." + ending)
    assert utils.plot_model(nested(), str(path), show_shapes=True) is None
    assert path.read_bytes().startswith(start)


def test_endings_that_are_no_format(graphviz, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    utils.plot_model(diamond())
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
    utils.plot_model(diamond(), tmp_path / "plain")
    assert (tmp_path / "plain").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="cannot write .*m.weird' in the format 'weird'"):
        utils.plot_model(diamond(), tmp_path / "m.weird")


def test_real_pydot_without_graphviz(tmp_path, monkeypatch):
    pytest.importorskip("pydot")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="failed to call Graphviz; install it .*apt install graphviz"):
        utils.plot_model(diamond(), str(tmp_path / "m.png"))
    utils.plot_model(diamond(), str(tmp_path / "m.dot"))
    assert "digraph" in (tmp_path / "m.dot").read_text()


def test_in_notebooks(graphviz, tmp_path, monkeypatch):
    picture = vis_utils.model_to_dot(nested()).create(prog="dot", format="svg").decode("utf-8")
    # What IPython.display.SVG takes.
    root = xml.dom.minidom.parseString(picture).documentElement
    assert root.tagName == "svg"
    told = {node.firstChild.data for node in root.getElementsByTagName("text")}
    assert {"each(inner): TimeDistributed(Sequential)", "{last}: Sequential"} <= told
    for name in ("ipykernel", "IPython"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["IPython"].display = types.SimpleNamespace(
        SVG=lambda filename: ("svg", filename), Image=lambda filename: ("image", filename)
    )
    for ending, kind in (("svg", "svg"), ("png", "image"), ("jpg", "image")):
        path = str(tmp_path / ("m." + ending))
        assert utils.plot_model(diamond(), path) == (kind, path)
    assert utils.plot_model(diamond(), str(tmp_path / "m.pdf")) is None


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


def test_history_of_every_kind(tmp_path):
    pytest.importorskip("matplotlib")
    values = {name: [0.5, 0.25] for name in ("loss", "acc", "val_loss", "val_acc", "val_only", "lr")}
    figure = utils.plot_history(values)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "acc", "val_only", "lr"]
    assert [len(axes.lines) for axes in figure.axes] == [2, 2, 1, 1]
    assert [axes.get_yscale() for axes in figure.axes] == ["linear"] * 3 + ["log"]
    # Three beside each other, the fourth below.
    assert figure.axes[3].get_position().y0 < figure.axes[0].get_position().y0
    (axes,) = utils.plot_history(values, metrics=["accuracy"]).axes
    assert len(axes.lines) == 2 and axes.get_title() == "accuracy"
    for ending, start in STARTS[:3]:
        figure.savefig(tmp_path / f"h.{ending}")
        assert (tmp_path / f"h.{ending}").read_bytes().startswith(start)
    # What a notebook asks for.
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_history_of_a_training_that_goes_on():
    pytest.importorskip("matplotlib")
    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((4, 2)), np.ones(4), initial_epoch=3, epochs=5, verbose=0)
    (line,) = utils.plot_history(history).axes[0].lines
    assert line.get_xdata().tolist() == [4, 5]
    with pytest.raises(ValueError, match="The history has no values; it has"):
        utils.plot_history({})
