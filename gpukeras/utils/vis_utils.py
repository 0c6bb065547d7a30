"""Drawings: models as graphs of layers (pydot, Graphviz), trainings as curves (matplotlib)."""

import os
import re

__all__ = ["model_to_dot", "plot_history", "plot_model"]


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
        return ", ".join(str(tuple(shape)) for shape in shapes)
    return str(None if shapes is None else tuple(shapes))


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
    dot.set_node_defaults(shape="record")
    for layer in layers:
        dot.add_node(pydot.Node(str(id(layer)), label=_label(layer, show_shapes, show_layer_names)))
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

    Raises:
        ImportError: without pydot.
        OSError: without Graphviz, the program that pydot calls.
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
            "`pydot` failed to call Graphviz; install it (https://www.graphviz.org/) so that its program `dot` is "
            "found on the PATH, or write to a file that ends in .dot."
        ) from error


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
    values = getattr(history, "history", history)
    numbers = getattr(history, "epoch", None)
    if metrics is None:
        metrics = [name for name in values if not (name.startswith("val_") and name[4:] in values)]
    missing = [name for name in metrics if name not in values]
    if missing or not metrics:
        raise ValueError(f"The history has no {missing or 'values'}; it has {list(values)}.")
    # A figure of its own, not one of pyplot's: nothing is shown, and nothing stays in memory.
    figure = Figure(figsize=(5 * len(metrics), 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics):
        for key, label in ((name, "training"), ("val_" + name, "validation")):
            if key in values:
                count = len(values[key])
                steps = numbers if numbers is not None and len(numbers) == count else range(count)
                axes.plot([n + 1 for n in steps], values[key], marker="." if count < 30 else None, label=label)
        axes.set_xlabel("epoch")
        axes.set_title(name)
        axes.legend()
        axes.grid(alpha=0.3)
    if to_file is not None:
        figure.savefig(to_file)
    return figure
