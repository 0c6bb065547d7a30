"""The layer that stands for a model's input, and `Input`, which makes one."""

from .. import backend as K
from ..legacy import interfaces
from .base_layer import Layer, dtype_name
from .node import Node, shape_of

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """Entry point of a model: a placeholder, or a tensor that is there already.

    Arguments:
        input_shape: tuple of int or None, without the batch axis.
        batch_size: int or None, goes before `input_shape`.
        batch_input_shape: tuple of int or None, with the batch axis.
        dtype: str, that of `input_tensor` or else `K.floatx()` by default.
        input_tensor: tensor to use in place of a new placeholder.
        sparse: bool, whether the placeholder takes sparse matrices.
        name: str.

    Raises:
        ValueError: when neither or both of the shapes are given.
    """

    @interfaces.legacy_input_support
    def __init__(
        self,
        input_shape=None,
        batch_size=None,
        batch_input_shape=None,
        dtype=None,
        input_tensor=None,
        sparse=False,
        name=None,
    ):
        if not name:
            name = f"input_{K.get_uid('input')}"
        super().__init__(dtype=dtype, name=name)
        self.trainable = False
        self.built = True
        self.sparse = sparse
        self.supports_masking = True
        if input_shape is not None and batch_input_shape is not None:
            raise ValueError(
                f"Only provide the `input_shape` OR the `batch_input_shape` argument to InputLayer '{name}', not "
                f"both at the same time: got {input_shape} and {batch_input_shape}."
            )
        if input_tensor is not None:
            _check_tensor(input_tensor, name)
        self.batch_input_shape = self._full_shape(input_shape, batch_size, batch_input_shape, input_tensor)
        if dtype is None and input_tensor is not None:
            dtype = K.dtype(input_tensor)
        self.dtype = dtype_name(dtype)
        self.is_placeholder = input_tensor is None or K.is_placeholder(input_tensor)
        if input_tensor is None:
            input_tensor = K.placeholder(shape=self.batch_input_shape, dtype=self.dtype, sparse=sparse, name=name)
        else:
            input_tensor._keras_shape = self.batch_input_shape
        self._add_root_node(input_tensor)

    def _full_shape(self, shape, batch_size, batch_shape, tensor):
        if batch_shape is not None:
            return tuple(batch_shape)
        if shape is not None:
            return (batch_size, *_as_tuple(shape, self.name))
        if tensor is not None:
            found = shape_of(tensor)
            if found is not None:
                return found
        raise ValueError(
            f"Input layer '{self.name}' should be passed either a `batch_input_shape` or an `input_shape`; "
            "`input_shape` does not include the batch axis."
        )

    def _add_root_node(self, tensor):
        tensor._uses_learning_phase = False
        tensor._keras_history = (self, 0, 0)
        Node(
            self,
            inbound_layers=[],
            node_indices=[],
            tensor_indices=[],
            input_tensors=[tensor],
            output_tensors=[tensor],
            input_masks=[None],
            output_masks=[None],
            input_shapes=[self.batch_input_shape],
            output_shapes=[self.batch_input_shape],
        )

    def get_config(self):
        """Arguments to make the same input again.

        Returns:
            dict.
        """
        return {
            "batch_input_shape": self.batch_input_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        """Makes an input from a config; keys of newer writers that change nothing here are dropped.

        Arguments:
            config: dict.

        Returns:
            An InputLayer.

        Raises:
            ValueError: when the config asks for ragged tensors.
        """
        config = dict(config)
        if config.pop("ragged", False):
            raise ValueError(f"Input '{config.get('name')}': ragged inputs are not supported.")
        config.pop("type_spec", None)
        config.pop("optional", None)
        if "batch_shape" in config:
            config["batch_input_shape"] = config.pop("batch_shape")
        return cls(**config)


def Input(shape=None, batch_shape=None, name=None, dtype=None, sparse=False, tensor=None):
    """Makes the tensor a model starts from.

    Arguments:
        shape: tuple of int or None, without the batch axis.
        batch_shape: tuple of int or None, with the batch axis.
        name: str, unique within a model; `input_<number>` by default.
        dtype: str, `K.floatx()` by default.
        sparse: bool, whether the placeholder takes sparse matrices.
        tensor: tensor to wrap in place of making a placeholder.

    Returns:
        A Keras tensor.

    Raises:
        ValueError: when no shape can be known.
    """
    if batch_shape is None and shape is None and tensor is None:
        raise ValueError(
            "Input needs `shape` (of one sample, without the batch axis) or `batch_shape` (with it); got neither."
        )
    if batch_shape is None and shape is not None:
        batch_shape = (None, *_as_tuple(shape, name or "Input"))
    layer = InputLayer(batch_input_shape=batch_shape, name=name, dtype=dtype, sparse=sparse, input_tensor=tensor)
    return layer._inbound_nodes[0].output_tensors[0]


def _as_tuple(shape, name):
    try:
        return tuple(shape)
    except TypeError:
        raise TypeError(f"{name}: `shape` must be a tuple such as ({shape},), got {shape!r}") from None


def _check_tensor(tensor, name):
    try:
        K.is_keras_tensor(tensor)
    except ValueError:
        raise ValueError(
            f"Input '{name}': `tensor` must be a symbolic tensor such as K.variable(array), got {type(tensor)}"
        ) from None
