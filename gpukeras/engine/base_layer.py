"""The layer: an operation with weights that is applied to tensors by calling it."""

import functools
import re

from .. import backend as K
from .. import mixed_precision
from ..utils.generic_utils import is_all_none, to_list, unpack_singleton
from .calls import takes_argument
from .input_spec import InputSpec, check_are_tensors, check_compatibility
from .layer_state import LayerState
from .node import Node, NodeAccess, as_shape_tuple, history_of, list_of_shapes, mask_of, shape_of

__all__ = ["InputSpec", "Layer", "Node"]

_KEYWORDS = (
    "input_shape",
    "batch_input_shape",
    "batch_size",
    "dtype",
    "name",
    "trainable",
    "weights",
    "input_dtype",
)


class Layer(LayerState, NodeAccess):
    """Base class of all layers.

    A layer of one's own overrides `build(input_shape)` to make its weights with `add_weight`,
    `call(inputs)` to compute its output, `compute_output_shape(input_shape)` when the shape changes, and
    `get_config()` when it is to be saved.

    Arguments:
        input_shape: tuple without the batch axis, for the first layer of a Sequential.
        batch_input_shape: tuple with the batch axis.
        batch_size: int, goes before `input_shape`.
        dtype: str, dtype of the input that is made from those shapes. Without one of them: 'float32' keeps the layer
            out of mixed precision, 'mixed_float16' and 'mixed_bfloat16' put it there.
        name: str, unique within a model; `<class>_<number>` by default.
        trainable: bool, whether training changes the weights.
        weights: list of arrays, set once the layer is built.
        input_dtype: old spelling of `dtype`.

    Raises:
        TypeError: for any other keyword, naming it.
    """

    def __init__(self, **kwargs):
        for key in kwargs:
            if key not in _KEYWORDS:
                raise TypeError(
                    "Keyword argument not understood: {!r}. Layer {} also takes {}.".format(
                        key, type(self).__name__, ", ".join(_KEYWORDS)
                    )
                )
        self.input_spec = None
        self.supports_masking = False
        self.stateful = False
        self._init_state()
        self._built = False
        self._inbound_nodes = []
        self._outbound_nodes = []
        self.name = kwargs.get("name") or default_name(type(self).__name__)
        self.trainable = kwargs.get("trainable", True)
        if kwargs.get("batch_input_shape") is not None:
            self.batch_input_shape = tuple(kwargs["batch_input_shape"])
        elif kwargs.get("input_shape") is not None:
            self.batch_input_shape = (kwargs.get("batch_size"), *_as_shape(kwargs["input_shape"], self.name))
        self._policy, self._policy_is_own, dtype = mixed_precision.layer_policy(
            kwargs.get("dtype") or kwargs.get("input_dtype"), hasattr(self, "batch_input_shape")
        )
        self.dtype = dtype_name(dtype)
        self._initial_weights = kwargs.get("weights")

    @property
    def built(self):
        """Whether the weights exist."""
        return self._built

    @built.setter
    def built(self, value):
        self._built = value

    # -- what subclasses override ---------------------------------------------------------------

    def build(self, input_shape):
        """Makes the weights; called once, before the first `call`.

        Arguments:
            input_shape: shape tuple, or a list of them for several inputs.
        """
        self.built = True

    def call(self, inputs, **kwargs):
        """Computes the output.

        Arguments:
            inputs: a tensor, or a list of them.
            **kwargs: whatever else the layer is called with.

        Returns:
            A tensor, or a list of them.
        """
        return inputs

    def compute_output_shape(self, input_shape):
        """Shape of the output for a given input shape; the same unless overridden.

        Arguments:
            input_shape: shape tuple, or a list of them for several inputs.

        Returns:
            A shape tuple, or a list of them.
        """
        return input_shape

    def compute_mask(self, inputs, mask=None):
        """Mask of the output.

        Arguments:
            inputs: a tensor, or a list of them.
            mask: mask of the inputs or None; a list for several inputs.

        Returns:
            The mask as it came if the layer supports masking, else None.

        Raises:
            TypeError: when a mask comes to a layer that does not support masking.
        """
        if self.supports_masking:
            return mask
        # Not is_all_none: a mask may be a NumPy array, which a tuple or list test must not unpack.
        if mask is not None and not (isinstance(mask, list) and all(m is None for m in mask)):
            raise TypeError(
                f"Layer {self.name} does not support masking, but was passed an input_mask: {mask}. Remove the mask "
                "before it (e.g. a Lambda layer) or set `supports_masking = True` in the layer."
            )
        return None

    def get_config(self):
        """Arguments to make the same layer again.

        Returns:
            dict.
        """
        config = {"name": self.name, "trainable": self.trainable}
        if hasattr(self, "batch_input_shape"):
            config["batch_input_shape"] = self.batch_input_shape
            config["dtype"] = self.dtype
        elif self.__dict__.get("_policy_is_own"):
            config["dtype"] = self.dtype if self._policy == "float32" else self._policy
        return config

    @classmethod
    def from_config(cls, config):
        """Makes a layer from what `get_config()` returned.

        Arguments:
            config: dict.

        Returns:
            A layer, without weights.
        """
        return cls(**config)

    # -- calling --------------------------------------------------------------------------------

    def assert_input_compatibility(self, inputs):
        """Checks that inputs are tensors and fit `input_spec`.

        Arguments:
            inputs: a tensor, or a list of them.

        Raises:
            ValueError: when they do not.
        """
        check_are_tensors(self, inputs)
        check_compatibility(self, inputs)

    def __call__(self, inputs, **kwargs):
        """Applies the layer: builds it if need be, computes the output and records the call.

        Arguments:
            inputs: a tensor, or a list (or tuple) of them.
            **kwargs: passed on to `call`.

        Returns:
            What `call` returns, as Keras tensors.

        Raises:
            ValueError: when the inputs do not fit the layer.
        """
        if isinstance(inputs, (list, tuple)):
            # A copy: the caller may go on to change the list.
            inputs = list(inputs)
        tensors = to_list(inputs)
        with K.name_scope(self.name):
            if not self.built:
                self._build_for(inputs)
            self.assert_input_compatibility(inputs)
            if isinstance(inputs, list) and len(inputs) == 1 and isinstance(self.input_spec, InputSpec):
                # A layer of one input takes it in a list too.
                inputs = inputs[0]
            masks = [mask_of(x) for x in tensors]
            mask = unpack_singleton(masks)
            arguments = kwargs
            if not is_all_none(masks) and "mask" not in kwargs and takes_argument(self.call, "mask"):
                kwargs = dict(kwargs, mask=mask)
            outputs = mixed_precision.call(self, inputs, kwargs)
            output_mask = self.compute_mask(inputs, mask)
            outputs = _as_new_tensors(outputs, tensors)
            shapes = [shape_of(x) for x in tensors]
            output_shape = self._shape_of_outputs(outputs, shapes)
            self._add_inbound_node(
                input_tensors=tensors,
                output_tensors=outputs,
                input_masks=masks,
                output_masks=_one_each(output_mask, outputs),
                input_shapes=shapes,
                output_shapes=output_shape,
                arguments=arguments,
            )
            self._add_activity_penalty(outputs, tensors)
        return outputs

    def _build_for(self, inputs):
        self.assert_input_compatibility(inputs)
        self.build(unpack_singleton([shape_of(x) for x in to_list(inputs)]))
        self.built = True
        self._set_initial_weights()

    def _set_initial_weights(self):
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            # Only the first values: a later build must not bring them back, nor memory hold them.
            self._initial_weights = None

    def _shape_of_outputs(self, outputs, input_shapes):
        if any(shape is None for shape in input_shapes):
            return [shape_of(x) for x in to_list(outputs)]
        return self.compute_output_shape(unpack_singleton(input_shapes))

    def _add_activity_penalty(self, outputs, inputs):
        regularizer = getattr(self, "activity_regularizer", None)
        if regularizer is not None:
            with K.name_scope("activity_regularizer"):
                self.add_loss([regularizer(mixed_precision.in_full(x)) for x in to_list(outputs)], inputs=inputs)

    def _add_inbound_node(
        self,
        input_tensors,
        output_tensors,
        input_masks,
        output_masks,
        input_shapes,
        output_shapes,
        arguments=None,
    ):
        """Records a call of this layer and marks its output tensors.

        Arguments:
            input_tensors: a tensor or list of tensors.
            output_tensors: a tensor or list of tensors.
            input_masks: mask or None per input.
            output_masks: mask or None per output.
            input_shapes: shape per input.
            output_shapes: shape per output.
            arguments: dict, keyword arguments of the call.
        """
        input_tensors = to_list(input_tensors)
        output_tensors = to_list(output_tensors, allow_tuple=True)
        output_shapes = list_of_shapes(output_shapes, len(output_tensors))
        mixed_precision.mark(self, output_tensors)
        layers, node_indices, tensor_indices = history_of(input_tensors)
        uses_phase = getattr(self, "uses_learning_phase", False) or any(
            getattr(x, "_uses_learning_phase", False) for x in input_tensors
        )
        for position, x in enumerate(output_tensors):
            if position < len(output_shapes):
                x._keras_shape = as_shape_tuple(output_shapes[position])
            x._uses_learning_phase = uses_phase or getattr(x, "_uses_learning_phase", False)
            x._keras_history = (self, len(self._inbound_nodes), position)
        Node(
            self,
            inbound_layers=layers,
            node_indices=node_indices,
            tensor_indices=tensor_indices,
            input_tensors=input_tensors,
            output_tensors=output_tensors,
            input_masks=to_list(input_masks),
            output_masks=to_list(output_masks, allow_tuple=True),
            input_shapes=list_of_shapes(input_shapes, len(input_tensors)),
            output_shapes=output_shapes,
            arguments=arguments,
        )


def default_name(class_name):
    """A layer name that is free: `Conv2DTranspose` -> `conv2d_transpose_1`.

    Arguments:
        class_name: str.

    Returns:
        str.
    """
    return f"{snake_case(class_name)}_{K.get_uid(class_name)}"


@functools.lru_cache(maxsize=1024)
def snake_case(class_name):
    """CamelCase to snake_case; a leading underscore, which a name scope cannot have, is preceded by a word.

    Arguments:
        class_name: str.

    Returns:
        str.
    """
    snake = re.sub(r"(?<=.)(?=[A-Z][a-z0-9])|(?<=[a-z])(?=[A-Z])", "_", class_name).lower()
    return "private" + snake if snake.startswith("_") else snake


def dtype_name(dtype):
    """The name of a dtype, also out of the dict that newer files hold for it.

    Arguments:
        dtype: str, NumPy dtype, `{'class_name': 'Policy', 'config': {'name': ...}}` or None.

    Returns:
        str, `K.floatx()` for None.
    """
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    if dtype is None:
        return K.floatx()
    return dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or dtype.__name__


def _as_shape(shape, layer_name):
    try:
        return tuple(shape)
    except TypeError:
        raise TypeError(
            f"Layer {layer_name}: `input_shape` must be a tuple such as ({shape},), got {shape!r}"
        ) from None


def _as_new_tensors(outputs, inputs):
    """Replaces outputs that are inputs handed through, so that they can carry a history of their own."""
    taken = {id(x) for x in inputs}
    fresh = [K.identity(x) if id(x) in taken else x for x in to_list(outputs, allow_tuple=True)]
    return unpack_singleton(fresh)


def _one_each(mask, outputs):
    """Turns the answer of `compute_mask` into one entry per output."""
    count = len(to_list(outputs))
    if not isinstance(mask, (list, tuple)):
        return [mask] * count
    # A layer that merges masked inputs may hand on all their masks for its one output.
    return (list(mask) + [None] * count)[:count]
