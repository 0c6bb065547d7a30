"""A training step of Keras 2.0 to 2.3 on TensorFlow 1 in which every update reads the values from before the step.

TensorFlow 1 does not say whether an update, or a gradient, reads a variable before or after another update of the same
step, so `train_on_batch` of the original gives now this and now that. Here all new values are computed first, from the
very tensors that Keras built, and assigned afterwards.
"""

import importlib

import numpy as np

ASSIGNMENTS = ("Assign", "AssignAdd", "AssignVariableOp", "AssignAddVariableOp")


def is_original(model):
    """Whether a model is one of the original Keras."""
    return type(model).__module__.split(".")[0] == "keras"


def train(model, x, t):
    """One step on a batch; the loss before it."""
    K = importlib.import_module("keras.backend")
    model = getattr(model, "model", model)  # a Sequential holds one, before 2.2
    if not hasattr(model, "interop_step"):
        model.interop_step = _build(K, model)
    loss, variables, values, others = model.interop_step
    feed = dict(zip(model._feed_inputs + model._feed_targets, list(x) + list(t)))
    feed.update((weights, np.ones(len(x[0]))) for weights in model._feed_sample_weights)
    if not isinstance(K.learning_phase(), int):
        feed[K.learning_phase()] = 1
    found = K.get_session().run([loss] + values + others, feed_dict=feed)
    K.batch_set_value(list(zip(variables, found[1 : 1 + len(values)])))
    return float(found[0])


def _build(K, model):
    """The loss; variables and the tensors with their new values; updates that nothing else of a step reads."""
    before = list(model.optimizer.get_weights()) if getattr(model.optimizer, "weights", None) else None
    if hasattr(model, "_check_trainable_weights_consistency"):
        model._check_trainable_weights_consistency()
    params = model._collected_trainable_weights
    try:
        updates = model.optimizer.get_updates(params=params, loss=model.total_loss)
    except TypeError:
        updates = model.optimizer.get_updates(params, model.constraints, model.total_loss)  # before 2.0.7
    K.get_session()
    K.batch_get_value(model.optimizer.weights)
    if before is not None:
        model.optimizer.set_weights(before)
    by_name = {v.op.name: v for v in _global_variables()}
    variables, values, others = [], [], []
    for update in list(updates) + list(model.updates):
        if isinstance(update, tuple):
            variable, value = update
        elif update.op.type in ASSIGNMENTS and update.op.inputs[0].op.name in by_name:
            variable, value = by_name[update.op.inputs[0].op.name], update.op.inputs[1]
            if "Add" in update.op.type:
                value = value + variable
        else:
            others.append(update.op)  # moving averages
            continue
        variables.append(variable)
        values.append(value)
    return model.total_loss, variables, values, others


def _global_variables():
    return importlib.import_module("tensorflow").global_variables()
