"""What a layer owns: weights, loss terms and updates."""

import numpy as np

from .. import backend as K
from .. import initializers
from ..legacy import interfaces
from ..utils.generic_utils import object_list_uid, to_list
from ..utils.layer_utils import count_params as _count_params
from .calls import takes_argument


def without_repeats(items):
    """Keeps the first of each object in a list (by identity), and every plain number.

    Arguments:
        items: list.

    Returns:
        list.
    """
    # Two terms `add_loss(1)` are two terms, although Python has but one object 1.
    keys = (object() if isinstance(item, (int, float)) else id(item) for item in items)
    return list(dict(zip(keys, items)).values())


class LayerState:
    """The part of a layer that keeps its weights, losses and updates."""

    def _init_state(self):
        self._trainable_weights = []
        self._non_trainable_weights = []
        self._losses = []
        self._updates = []
        # Terms that hold only for certain inputs, by the identity of those inputs; None: always.
        self._per_input_losses = {}
        self._per_input_updates = {}

    @property
    def trainable_weights(self):
        """Weights that training changes; none while `trainable` is False."""
        return self._trainable_weights if getattr(self, "trainable", True) else []

    @trainable_weights.setter
    def trainable_weights(self, weights):
        self._trainable_weights = weights

    @property
    def non_trainable_weights(self):
        """Weights that training leaves alone; all of them while `trainable` is False."""
        if getattr(self, "trainable", True):
            return self._non_trainable_weights
        return self._trainable_weights + self._non_trainable_weights

    @non_trainable_weights.setter
    def non_trainable_weights(self, weights):
        self._non_trainable_weights = weights

    @property
    def weights(self):
        """All weights, trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def losses(self):
        """Loss terms of the layer, those for certain inputs included."""
        return self._losses

    @property
    def updates(self):
        """Updates of the layer; none while it is neither trainable nor stateful."""
        return self._updates if self._updates_apply() else []

    def _updates_apply(self):
        return getattr(self, "trainable", True) or getattr(self, "stateful", False)

    @interfaces.legacy_add_weight_support
    def add_weight(self, name, shape, dtype=None, initializer=None, regularizer=None, trainable=True, constraint=None):
        """Makes a weight of this layer.

        Arguments:
            name: str, the weight is called `<layer>/<name>`.
            shape: tuple of int.
            dtype: str, `K.floatx()` by default.
            initializer: name, config or callable `(shape, dtype) -> values`.
            regularizer: callable on the weight; its result joins the losses.
            trainable: bool, whether training changes the weight.
            constraint: callable on the weight, applied after each step.

        Returns:
            The variable.

        Raises:
            ValueError: when the shape is not fully known or the initializer is unknown.
        """
        shape = tuple(shape)
        if None in shape:
            raise ValueError(
                f"Layer {self.name}: weight '{name}' needs a fully known shape, got {shape}; give the missing size "
                "in the "
                "input shape of the model."
            )
        dtype = dtype or K.floatx()
        weight = K.variable(
            _initial_values(initializers.get(initializer), shape, dtype),
            dtype=dtype,
            name=name,
            constraint=constraint,
        )
        if regularizer is not None:
            with K.name_scope("weight_regularizer"):
                self.add_loss(regularizer(weight))
        if trainable:
            self._trainable_weights.append(weight)
        else:
            self._non_trainable_weights.append(weight)
        return weight

    def add_loss(self, losses, inputs=None):
        """Adds terms to the loss of every model the layer is part of.

        Arguments:
            losses: a scalar tensor, or a list of them.
            inputs: the tensor(s) the terms depend on; None when they always hold, such as
                penalties on weights.
        """
        self._add_terms(losses, inputs, "_losses", "_per_input_losses")

    def add_update(self, updates, inputs=None):
        """Adds updates that every training step of a model with this layer runs.

        Arguments:
            updates: an update such as `K.update(x, new)` or `(variable, new value)`, or a list of them.
            inputs: the tensor(s) the updates depend on; None when they always hold.
        """
        self._add_terms(updates, inputs, "_updates", "_per_input_updates")

    def _add_terms(self, terms, inputs, all_terms, by_inputs):
        if terms is None:
            return
        terms = to_list(terms)
        if not terms:
            return
        # A container answers `losses` and `updates` itself and has no such list to extend.
        if hasattr(self, all_terms):
            getattr(self, all_terms).extend(terms)
        getattr(self, by_inputs).setdefault(_inputs_key(inputs), []).extend(terms)

    def get_updates_for(self, inputs):
        """Updates that hold for certain inputs.

        Arguments:
            inputs: a tensor or list of tensors; None for the updates that always hold.

        Returns:
            list of updates.
        """
        if not self._updates_apply():
            return []
        return self._per_input_updates.get(_inputs_key(inputs), [])

    def get_losses_for(self, inputs):
        """Loss terms that hold for certain inputs.

        Arguments:
            inputs: a tensor or list of tensors; None for the terms that always hold.

        Returns:
            list of scalar tensors.
        """
        return self._per_input_losses.get(_inputs_key(inputs), [])

    def set_weights(self, weights):
        """Sets the values of all weights.

        Arguments:
            weights: list of arrays, in the order of `get_weights()`.

        Raises:
            ValueError: when the number of arrays or a shape differs.
        """
        self._set_values(self.weights, weights)

    def _set_values(self, params, weights):
        if len(params) != len(weights):
            raise ValueError(
                f'You called `set_weights(weights)` on layer "{self.name}" with a weight list of length '
                f"{len(weights)}, but the "
                f"layer was expecting {len(params)} weights, of shapes {[K.int_shape(p) for p in params]}. Provided "
                f"shapes: {[np.shape(w) for w in weights]}"
            )
        for param, value in zip(params, weights, strict=True):
            if K.int_shape(param) != np.shape(value):
                raise ValueError(
                    f"Layer {self.name}: weight {param.name} has shape {K.int_shape(param)}, which is not "
                    "compatible with the provided "
                    f"weight shape {np.shape(value)}"
                )
        K.batch_set_value(list(zip(params, weights, strict=True)))

    def get_weights(self):
        """Values of all weights.

        Returns:
            list of NumPy arrays.
        """
        return K.batch_get_value(self.weights)

    def count_params(self):
        """Number of scalars in the weights.

        Returns:
            int.

        Raises:
            RuntimeError: when the layer has no weights yet because it was never built.
        """
        if not self.built:
            raise RuntimeError(
                f"You tried to call `count_params` on {self.name}, but the layer isn't built. You can build it "
                f"manually via: `{self.name}.build(batch_input_shape)`."
            )
        return _count_params(self.weights)


def _initial_values(initializer, shape, dtype):
    # Functions of one's own may take the shape alone; K.variable then casts.
    if takes_argument(initializer, "dtype"):
        return initializer(shape, dtype=dtype)
    return initializer(shape)


def _inputs_key(inputs):
    if inputs is None or (isinstance(inputs, list) and not inputs):
        return None
    # A layer of mixed precision computes with its inputs in 16 bits, and knows the originals only.
    return object_list_uid([getattr(x, "_cast_of", x) for x in to_list(inputs, allow_tuple=True)])
