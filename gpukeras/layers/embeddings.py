"""The embedding layer: a table of vectors looked up by number."""

from .. import backend as K
from .. import constraints, initializers, regularizers
from ..engine.base_layer import Layer
from ..legacy import interfaces
from .core import positive_int

__all__ = ["Embedding"]


class Embedding(Layer):
    """Turns integers into vectors, which are weights.

    Arguments:
        input_dim: int, how many rows the table has: the largest index plus 1.
        output_dim: int, length of a vector.
        embeddings_initializer: initializer of the table (input_dim, output_dim).
        embeddings_regularizer: penalty on the table.
        activity_regularizer: penalty on the output.
        embeddings_constraint: projection of the table after each update.
        mask_zero: bool, index 0 is padding and is masked; then `input_dim` counts it too.
        input_length: int (or tuple of int for inputs with more axes), length of the sequences; needed where
            a `Flatten` and `Dense` come next.

    Input shape:
        (N, T), integers from 0 to input_dim - 1.

    Output shape:
        (N, T, output_dim).

    Source: Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks",
    2015.
    """

    #: Large integers have no place in 16 bits.
    casts_inputs = False

    @interfaces.legacy_embedding_support
    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        activity_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        input_length=None,
        **kwargs,
    ):
        if "input_shape" not in kwargs and "batch_input_shape" not in kwargs:
            kwargs["input_shape"] = tuple(_lengths(input_length)) if input_length else (None,)
        super().__init__(**kwargs)
        self.input_dim = positive_int(self, "input_dim", input_dim)
        self.output_dim = positive_int(self, "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.input_length = input_length

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            name="embeddings",
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            # `dtype` may describe the integers that come in; the table is of floats all the same.
            dtype=self.dtype if "float" in self.dtype else K.floatx(),
        )
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return K.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        if self.input_length is None:
            return (*input_shape, self.output_dim)
        lengths = _lengths(self.input_length)
        sizes = input_shape[1:]
        if len(lengths) != len(sizes) or any(a and b and a != b for a, b in zip(lengths, sizes)):
            raise ValueError(
                f'Embedding {self.name!r}: "input_length" is {self.input_length}, but received input has '
                f"shape {tuple(input_shape)}"
            )
        return (input_shape[0], *(a or b for a, b in zip(lengths, sizes)), self.output_dim)

    def call(self, inputs):
        if "int" not in K.dtype(inputs):
            inputs = K.cast(inputs, "int32")
        return K.gather(self.embeddings, inputs)

    def get_config(self):
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "input_length": self.input_length,
        }


def _lengths(input_length):
    return list(input_length) if isinstance(input_length, (list, tuple)) else [input_length]
