"""Layers that put several tensors together, and their functional forms."""

from .. import backend as K
from ..engine.base_layer import Layer

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def _batch_sizes(shapes):
    return {shape[0] for shape in shapes if shape is not None} - {None}


class _Merge(Layer):
    """Base of the element-wise merge layers; a subclass writes `_merge_function(self, inputs)`.

    Inputs of fewer axes than the widest get axes of size 1 after the batch axis; axes of size 1 are broadcast.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merge_function(self, inputs):
        raise NotImplementedError(f"{type(self).__name__}: write _merge_function(self, inputs)")

    def _compute_elemwise_op_output_shape(self, shape1, shape2):
        """The shape of an element-wise operation on two samples.

        Arguments:
            shape1: tuple without the batch axis, or None when unknown.
            shape2: tuple without the batch axis, or None when unknown.

        Returns:
            tuple or None.

        Raises:
            ValueError: when two sizes differ and neither is 1.
        """
        if shape1 is None or shape2 is None:
            return None
        long, short = (shape1, shape2) if len(shape1) >= len(shape2) else (shape2, shape1)
        output = list(long[: len(long) - len(short)])
        for i, j in zip(long[len(output) :], short):
            if i == 1 or i == j:
                output.append(j)
            elif j == 1:
                output.append(i)
            elif i is None or j is None:
                output.append(None)
            else:
                raise ValueError(
                    f"{type(self).__name__} {self.name!r}: operands could not be broadcast together with "
                    f"shapes {tuple(shape1)} {tuple(shape2)}"
                )
        return tuple(output)

    def _merged_shape(self, shapes):
        output = None if shapes[0] is None else tuple(shapes[0][1:])
        for shape in shapes[1:]:
            output = self._compute_elemwise_op_output_shape(output, None if shape is None else tuple(shape[1:]))
        return output

    def build(self, input_shape):
        if not isinstance(input_shape, list):
            raise ValueError(
                f"A merge layer should be called on a list of inputs. {type(self).__name__} {self.name!r} got "
                "one tensor; pass [a, b, ...]"
            )
        if len(input_shape) < 2:
            raise ValueError(
                "A merge layer should be called on a list of at least 2 inputs. "
                f"{type(self).__name__} {self.name!r} got {len(input_shape)} inputs."
            )
        if len(_batch_sizes(input_shape)) > 1:
            raise ValueError(
                "Can not merge tensors with different batch sizes. "
                f"{type(self).__name__} {self.name!r} got tensors with shapes: {input_shape}"
            )
        self._merged_shape(input_shape)
        self.built = True

    def call(self, inputs):
        # K.ndim is asked here, not at build, because a tensor of unknown rank may come later.
        ndims = [K.ndim(x) for x in inputs]
        if None in ndims:
            return self._merge_batch_last(inputs, ndims)
        widest = max(ndims)
        return self._merge_function([_with_axes(x, widest - n) for x, n in zip(inputs, ndims)])

    def _merge_batch_last(self, inputs, ndims):
        # With an unknown rank nobody can say how many axes to insert after the batch axis. With the batch axis
        # last, broadcasting lines the inputs up by itself; the result is turned back.
        moved = [_batch_to_end(x, n) for x, n in zip(inputs, ndims)]
        output = self._merge_function(moved)
        if all(n is not None and n < 2 for n in ndims):
            return output
        ndim = K.ndim(output)
        if ndim is not None:
            return K.permute_dimensions(output, [ndim - 1, *range(ndim - 1)])
        return _turn(output, last_first=True)

    def compute_output_shape(self, input_shape):
        merged = self._merged_shape(input_shape)
        sizes = _batch_sizes(input_shape)
        batch = sizes.pop() if len(sizes) == 1 else None
        return None if merged is None else (batch, *merged)

    def _check_masks(self, inputs, mask):
        for name, value in (("mask", mask), ("inputs", inputs)):
            if not isinstance(value, list):
                raise ValueError(f"`{name}` should be a list, got {type(value).__name__}.")
        if len(mask) != len(inputs):
            raise ValueError(
                "The lists `inputs` and `mask` should have the same length, "
                f"got {len(inputs)} inputs and {len(mask)} masks."
            )

    def compute_mask(self, inputs, mask=None):
        """The output is valid where all masked inputs are.

        Arguments:
            inputs: list of tensors.
            mask: list of masks or None.

        Returns:
            A mask or None.
        """
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        masks = [K.expand_dims(m, 0) for m in mask if m is not None]
        if not masks:
            return None
        if len(masks) == 1:
            return next(m for m in mask if m is not None)
        return K.all(K.concatenate(masks, axis=0), axis=0, keepdims=False)


def _with_axes(x, count):
    for _ in range(count):
        x = K.expand_dims(x, axis=1)
    return x


def _batch_to_end(x, ndim):
    if ndim is None:
        return _turn(x, last_first=False)
    return K.permute_dimensions(x, [*range(1, ndim), 0]) if ndim > 1 else x


def _turn(x, last_first):
    # Moves the first axis to the end or back, for any rank: as a matrix it is a transposition.
    sizes = K.shape(x)
    if last_first:
        ends, rest = sizes[-1:], sizes[:-1]
        matrix = K.reshape(x, K.concatenate([[-1], ends]))
        target = K.concatenate([ends, rest])
    else:
        ends, rest = sizes[:1], sizes[1:]
        matrix = K.reshape(x, K.concatenate([ends, [-1]]))
        target = K.concatenate([rest, ends])
    return K.reshape(K.permute_dimensions(matrix, (1, 0)), target)


class Add(_Merge):
    """Sum of the inputs, element by element.

    Input shape:
        List of tensors of the same shape, or of shapes that broadcast.
    """

    def _merge_function(self, inputs):
        output = inputs[0]
        for x in inputs[1:]:
            output = output + x
        return output


class Subtract(_Merge):
    """First input minus second, element by element.

    Input shape:
        List of exactly two tensors.
    """

    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(f"A `Subtract` layer should be called on exactly 2 inputs, got {len(input_shape)}")

    def _merge_function(self, inputs):
        if len(inputs) != 2:
            raise ValueError(f"A `Subtract` layer should be called on exactly 2 inputs, got {len(inputs)}")
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """Product of the inputs, element by element.

    Input shape:
        List of tensors of the same shape, or of shapes that broadcast.
    """

    def _merge_function(self, inputs):
        output = inputs[0]
        for x in inputs[1:]:
            output = output * x
        return output


class Average(_Merge):
    """Mean of the inputs, element by element.

    Input shape:
        List of tensors of the same shape, or of shapes that broadcast.
    """

    def _merge_function(self, inputs):
        output = inputs[0]
        for x in inputs[1:]:
            output = output + x
        return output / len(inputs)


class Maximum(_Merge):
    """Largest of the inputs, element by element.

    Input shape:
        List of tensors of the same shape, or of shapes that broadcast.
    """

    def _merge_function(self, inputs):
        output = inputs[0]
        for x in inputs[1:]:
            output = K.maximum(output, x)
        return output


class Minimum(_Merge):
    """Smallest of the inputs, element by element.

    Input shape:
        List of tensors of the same shape, or of shapes that broadcast.
    """

    def _merge_function(self, inputs):
        output = inputs[0]
        for x in inputs[1:]:
            output = K.minimum(output, x)
        return output


class Concatenate(_Merge):
    """Lays the inputs next to each other along an axis.

    Arguments:
        axis: int, counted with the batch axis.

    Input shape:
        List of tensors that agree on all other axes.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        if not isinstance(input_shape, list) or len(input_shape) < 2:
            raise ValueError(
                f"A `Concatenate` layer should be called on a list of at least 2 inputs, got {input_shape}"
            )
        if all(shape is None for shape in input_shape):
            return
        ndims = {len(shape) for shape in input_shape}
        ndim = max(ndims)
        if len(ndims) > 1 or not -ndim <= self.axis < ndim:
            self._refuse(input_shape)
        for i in range(ndim):
            sizes = {shape[i] for shape in input_shape}
            if i != self.axis % ndim and len(sizes - {None} if i == 0 else sizes) > 1:
                self._refuse(input_shape)
        self.built = True

    def _refuse(self, shapes):
        raise ValueError(
            "A `Concatenate` layer requires inputs with matching shapes except for the concat axis "
            f"({self.axis}). Got inputs shapes: {shapes}"
        )

    def _merge_function(self, inputs):
        return K.concatenate(inputs, axis=self.axis)

    def call(self, inputs):
        if not isinstance(inputs, list):
            raise ValueError("A `Concatenate` layer should be called on a list of inputs.")
        return self._merge_function(inputs)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, list):
            raise ValueError("A `Concatenate` layer should be called on a list of inputs.")
        output = list(input_shape[0])
        for shape in input_shape[1:]:
            if output[self.axis] is None or shape[self.axis] is None:
                output[self.axis] = None
                break
            output[self.axis] += shape[self.axis]
        return tuple(output)

    def compute_mask(self, inputs, mask=None):
        """The parts' masks laid next to each other; an input without one counts as all valid.

        Arguments:
            inputs: list of tensors.
            mask: list of masks or None.

        Returns:
            A mask or None.
        """
        if mask is None:
            return None
        self._check_masks(inputs, mask)
        if all(m is None for m in mask):
            return None
        # As long as no mask has an entry per feature, one column per input says all.
        narrow = all(m is None or K.ndim(m) < K.ndim(x) for x, m in zip(inputs, mask))
        masks = []
        for x, m in zip(inputs, mask):
            if m is None:
                masks.append(K.ones_like(x[..., :1] if narrow else x, dtype="bool"))
            else:
                masks.append(K.expand_dims(m) if K.ndim(m) < K.ndim(x) else m)
        return K.all(K.concatenate(masks, axis=self.axis), axis=-1, keepdims=False)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


class Dot(_Merge):
    """Dot products of two tensors, sample by sample.

    Arguments:
        axes: int, or tuple of two int, the axis of each input to sum over, counted with the batch axis.
        normalize: bool, bring both inputs to norm 1 along these axes, so that the result is a cosine.

    Input shape:
        List of two tensors, for example (N, A, D) and (N, B, D) with axes=2.

    Output shape:
        The remaining axes of both, (N, A, B) in the example; (N, 1) when none remain.
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(f"Invalid type for `axes` of Dot - should be a list or an int, got {axes!r}")
            if len(axes) != 2:
                raise ValueError(f"Invalid format for `axes` of Dot - should contain two elements, got {axes!r}")
            if not all(isinstance(axis, int) for axis in axes):
                raise ValueError(f'Invalid format for `axes` of Dot - list elements should be "int", got {axes!r}')
        self.axes = axes
        self.normalize = normalize
        self.supports_masking = True

    def _check_two(self, inputs):
        if not isinstance(inputs, list) or len(inputs) != 2:
            raise ValueError(f"A `Dot` layer should be called on a list of 2 inputs, got {inputs}.")

    def _axes_for(self, ndims):
        axes = [self.axes] * 2 if isinstance(self.axes, int) else list(self.axes)
        for axis, ndim in zip(axes, ndims):
            if not -ndim <= axis < ndim:
                raise ValueError(
                    f"Dot {self.name!r}: axis {axis} is not an axis of an input with {ndim} axes; got axes={self.axes}"
                )
        return [axis % ndim for axis, ndim in zip(axes, ndims)]

    def build(self, input_shape):
        self._check_two(input_shape)
        shape1, shape2 = input_shape
        if shape1 is None or shape2 is None:
            return
        axis1, axis2 = self._axes_for([len(shape1), len(shape2)])
        if None not in (shape1[axis1], shape2[axis2]) and shape1[axis1] != shape2[axis2]:
            raise ValueError(
                f"Dimension incompatibility {shape1[axis1]} != {shape2[axis2]}. "
                f"Layer shapes: {shape1}, {shape2}; axes: {self.axes}"
            )
        self.built = True

    def _merge_function(self, inputs):
        self._check_two(inputs)
        x1, x2 = inputs
        axes = self._axes_for([K.ndim(x1), K.ndim(x2)])
        if self.normalize:
            x1 = K.l2_normalize(x1, axis=axes[0])
            x2 = K.l2_normalize(x2, axis=axes[1])
        return K.batch_dot(x1, x2, axes)

    def call(self, inputs):
        return self._merge_function(inputs)

    def compute_output_shape(self, input_shape):
        self._check_two(input_shape)
        shape1, shape2 = (list(shape) for shape in input_shape)
        axis1, axis2 = self._axes_for([len(shape1), len(shape2)])
        del shape1[axis1], shape2[axis2]
        output = (*shape1, *shape2[1:])
        return (*output, 1) if len(output) == 1 else output

    def compute_mask(self, inputs, mask=None):
        """None: a sum over masked and other steps has no mask.

        Arguments:
            inputs: list of tensors.
            mask: list of masks or None.

        Returns:
            None.
        """
        return None

    def get_config(self):
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def add(inputs, **kwargs):
    """Adds tensors element by element.

    Arguments:
        inputs: list of at least two tensors.
        **kwargs: of the layer.

    Returns:
        Tensor.
    """
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """Subtracts the second tensor from the first, element by element.

    Arguments:
        inputs: list of exactly two tensors.
        **kwargs: of the layer.

    Returns:
        Tensor.
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """Multiplies tensors element by element.

    Arguments:
        inputs: list of at least two tensors.
        **kwargs: of the layer.

    Returns:
        Tensor.
    """
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """Averages tensors element by element.

    Arguments:
        inputs: list of at least two tensors.
        **kwargs: of the layer.

    Returns:
        Tensor.
    """
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """Takes the largest of several tensors, element by element.

    Arguments:
        inputs: list of at least two tensors.
        **kwargs: of the layer.

    Returns:
        Tensor.
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """Takes the smallest of several tensors, element by element.

    Arguments:
        inputs: list of at least two tensors.
        **kwargs: of the layer.

    Returns:
        Tensor.
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """Lays tensors next to each other along an axis.

    Arguments:
        inputs: list of at least two tensors.
        axis: int, counted with the batch axis.
        **kwargs: of the layer.

    Returns:
        Tensor.
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes, normalize=False, **kwargs):
    """Dot products of two tensors, sample by sample.

    Arguments:
        inputs: list of two tensors.
        axes: int or tuple of two int, the axes to sum over.
        normalize: bool, bring both to norm 1 along these axes first.
        **kwargs: of the layer.

    Returns:
        Tensor.
    """
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)
