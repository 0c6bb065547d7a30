"""Drawings: models as graphs of layers (pydot, Graphviz), trainings as curves (matplotlib)."""

import os
import re
import sys
from functools import partial

from .logs import Logs

__all__ = ["model_to_dot", "plot_history", "plot_model"]

# Fill colours by how the module begins that a layer comes from; the first that fits counts.
_COLOURS = (
    ("convolutional_recurrent", "#d5e8d4"),
    ("convolutional", "#cfe2f3"),
    ("core", "#fff2cc"),
    ("cudnn_recurrent", "#d5e8d4"),
    ("embeddings", "#ead1dc"),
    ("input_layer", "#e7e6e6"),
    ("merge", "#fce5cd"),
    ("pooling", "#e4eefa"),
    ("recurrent", "#d5e8d4"),
    ("rnn", "#d5e8d4"),
)


def _pydot():
    try:
        import pydot
    except ImportError:
        raise ImportError('Drawing a model needs pydot: pip install "gpukeras[plot]"') from None
    return pydot


def _escaped(text):
    """Text with the characters that mean something in a record's label made harmless."""
    return re.sub(r"([{}|<>\\])", r"\\\1", text)


def _described(layer):
    """The name and the class of a layer, those of a wrapped layer in brackets."""
    name, kind = layer.name, type(layer).__name__
    from ..layers.wrappers import Wrapper

    if isinstance(layer, Wrapper):
        inner_name, inner_kind = _described(layer.layer)
        name, kind = f"{name}({inner_name})", f"{kind}({inner_kind})"
    return name, kind


def _shape_text(layer, side):
    """The shapes of a layer's inputs or outputs; 'multiple' for a layer that is used with different ones."""
    try:
        shapes = getattr(layer, side + "_shape")
    except AttributeError:
        return "multiple"
    if isinstance(shapes, list):
        return str([tuple(shape) for shape in shapes])
    return str(None if shapes is None else tuple(shapes))


def _colour(layer):
    """Fill colour of a layer; white for a model and for layers of the user's."""
    from ..layers.wrappers import Wrapper

    while isinstance(layer, Wrapper):
        layer = layer.layer
    package, _, module = type(layer).__module__.rpartition(".")
    if not package.startswith(__package__.partition(".")[0] + "."):
        return "white"
    return next((colour for start, colour in _COLOURS if module.startswith(start)), "white")


def _label(layer, show_shapes, show_layer_names):
    name, kind = _described(layer)
    label = _escaped(f"{name}: {kind}" if show_layer_names else kind)
    if show_shapes:
        sides = (_escaped(_shape_text(layer, side)) for side in ("input", "output"))
        label = "{}\n|{{input:|output:}}|{{{{{}}}|{{{}}}}}".format(label, *sides)
    return label


def model_to_dot(model, show_shapes=False, show_layer_names=True, rankdir="TB"):
    """Makes a graph of a model's layers; in a notebook, `SVG(model_to_dot(model).create(format="svg"))` shows it.

    Arguments:
        model: `Model`.
        show_shapes: bool, whether to show the shapes of inputs and outputs.
        show_layer_names: bool, whether to show names beside classes.
        rankdir: 'TB' for top to bottom, 'LR' for left to right.

    Returns:
        `pydot.Dot`.

    Raises:
        ImportError: without pydot.
        ValueError: for a model without layers in a graph.
    """
    pydot = _pydot()
    if not model.built and hasattr(model, "build"):
        model.build()
    layers = getattr(model, "_layers", None) or []
    if not getattr(model, "outputs", None):
        raise ValueError(
            f"Model {model.name!r} has no graph to draw: give its first layer an `input_shape`, or call it on an input."
        )
    dot = pydot.Dot()
    dot.set("rankdir", rankdir)
    dot.set("concentrate", True)
    dot.set_node_defaults(shape="record", style="filled", color="#666666", fontname="Helvetica", fontsize="12")
    dot.set_edge_defaults(color="#666666", arrowsize="0.7")
    for layer in layers:
        label = _label(layer, show_shapes, show_layer_names)
        dot.add_node(pydot.Node(str(id(layer)), label=label, fillcolor=_colour(layer)))
    drawn = {id(layer) for layer in layers}
    for layer in layers:
        for i, node in enumerate(layer._inbound_nodes):
            if f"{layer.name}_ib-{i}" not in model._network_nodes:
                continue
            for before in node.inbound_layers:
                if id(before) in drawn:
                    dot.add_edge(pydot.Edge(str(id(before)), str(id(layer))))
    return dot


def plot_model(model, to_file="model.png", show_shapes=False, show_layer_names=True, rankdir="TB"):
    """Draws a model into a file.

    Arguments:
        model: `Model`.
        to_file: path; its ending tells the format (png, svg, pdf, ...; dot needs no Graphviz).
        show_shapes: bool, whether to show the shapes of inputs and outputs.
        show_layer_names: bool, whether to show names beside classes.
        rankdir: 'TB' for top to bottom, 'LR' for left to right.

    Returns:
        None; in a notebook the drawing, which is shown there.

    Raises:
        ImportError: without pydot.
        OSError: without Graphviz, the program that pydot calls.
        ValueError: for a format that Graphviz does not know.
    """
    dot = model_to_dot(model, show_shapes, show_layer_names, rankdir)
    to_file = os.fspath(to_file)
    form = os.path.splitext(to_file)[1][1:].lower() or "png"
    try:
        dot.write(to_file, format="raw" if form == "dot" else form)
    except FileNotFoundError as error:
        if not os.path.isdir(os.path.dirname(os.path.abspath(to_file))):
            raise
        raise OSError(
            "`pydot` failed to call Graphviz; install it so that its program `dot` is found on the PATH (apt install "
            "graphviz, brew install graphviz, conda install graphviz, or https://www.graphviz.org/), or write to a "
            "file that ends in .dot."
        ) from error
    except AssertionError as error:  # what pydot says when Graphviz fails
        raise ValueError(f"plot_model: Graphviz cannot write {to_file!r} in the format {form!r}: {error}") from error
    return _shown(to_file, form)


def _shown(path, form):
    """A picture as a notebook shows it; None elsewhere and for formats that notebooks do not show."""
    if "ipykernel" not in sys.modules or form not in ("png", "svg", "jpg", "jpeg", "gif"):
        return None
    from IPython import display

    return display.SVG(filename=path) if form == "svg" else display.Image(filename=path)


def plot_history(history, to_file=None, metrics=None):
    """Draws the curves of a training: one picture per value, training and validation together.

    Arguments:
        history: what `fit` returned, or its dict `history`.
        to_file: path to save to, or None.
        metrics: list of names to draw; None for all (without the `val_` ones, which go along).

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ImportError: without matplotlib.
        ValueError: for a value that the history does not have.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plot_history needs matplotlib: pip install "gpukeras[plot]"') from None
    values = Logs(getattr(history, "history", history))
    numbers = getattr(history, "epoch", None)
    if metrics is None:
        metrics = [name for name in values if not (name.startswith("val_") and name[4:] in values)]
    missing = [name for name in metrics if name not in values]
    if missing or not metrics:
        raise ValueError(f"The history has no {missing or 'values'}; it has {list(values)}.")
    columns = min(len(metrics), 3)
    rows = -(-len(metrics) // columns)
    # A figure of its own, not one of pyplot's: nothing is shown, and nothing stays in memory.
    figure = Figure(figsize=(5 * columns, 3.8 * rows), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(places, metrics):
        _draw_curves(axes, name, values, numbers)
    for axes in places[len(metrics) :]:
        axes.remove()
    if to_file is not None:
        figure.savefig(to_file)
    # Notebooks show an object that can be drawn so.
    figure._repr_png_ = partial(_as_png, figure)
    return figure


def _draw_curves(axes, name, values, numbers):
    """Draws a value's curves: of the training, and of the validation where there is one."""
    from matplotlib.ticker import MaxNLocator

    for key, label in ((name, "training"), ("val_" + name, "validation")):
        if key in values:
            count = len(values[key])
            steps = numbers if numbers is not None and len(numbers) == count else range(count)
            axes.plot([n + 1 for n in steps], values[key], marker="." if count < 30 else None, label=label)
    if name == "lr" and min(values[name]) > 0:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("epoch")
    axes.set_title(name)
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)


def _as_png(figure):
    from io import BytesIO

    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
