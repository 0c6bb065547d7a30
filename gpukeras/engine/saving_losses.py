"""Crossentropies with options, as files of tf.keras and Keras 3 hold them: from logits, with smoothed labels.

They serialise under the names and configs those files use, so that a model loaded with one saves and loads again.
"""

from .. import backend as K
from .. import losses


class _Crossentropy:
    """A crossentropy with options, callable as a loss function."""

    def __init__(self, from_logits=False, label_smoothing=0.0):
        self.from_logits = bool(from_logits)
        self.label_smoothing = float(label_smoothing or 0.0)
        self.__name__ = self.function.__name__

    def __call__(self, y_true, y_pred):
        if self.label_smoothing:
            y_true = self.smooth(y_true)
        return self.compute(y_true, y_pred)

    def get_config(self):
        """Returns the options, as tf.keras spells them.

        Returns:
            dict.
        """
        return {"name": self.__name__, "from_logits": self.from_logits, "label_smoothing": self.label_smoothing}


class BinaryCrossentropy(_Crossentropy):
    """Binary crossentropy with options.

    Arguments:
        from_logits: bool, predictions come before the sigmoid.
        label_smoothing: float, how far targets are drawn to 0.5.
    """

    function = staticmethod(losses.binary_crossentropy)

    def smooth(self, y_true):
        """Draws the targets to one half.

        Arguments:
            y_true: tensor.

        Returns:
            Tensor of the same shape.
        """
        return y_true * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing

    def compute(self, y_true, y_pred):
        """The loss of every sample.

        Arguments:
            y_true: tensor of targets.
            y_pred: tensor of predictions.

        Returns:
            Tensor without the last axis.
        """
        return K.mean(K.binary_crossentropy(y_true, y_pred, from_logits=self.from_logits), axis=-1)


class CategoricalCrossentropy(_Crossentropy):
    """Categorical crossentropy with options.

    Arguments:
        from_logits: bool, predictions come before the softmax.
        label_smoothing: float, how far targets are drawn to the uniform distribution.
    """

    function = staticmethod(losses.categorical_crossentropy)

    def smooth(self, y_true):
        """Draws the targets to the uniform distribution.

        Arguments:
            y_true: tensor.

        Returns:
            Tensor of the same shape.
        """
        classes = K.cast(K.shape(y_true)[-1], K.dtype(y_true))
        return y_true * (1.0 - self.label_smoothing) + self.label_smoothing / classes

    def compute(self, y_true, y_pred):
        """The loss of every sample.

        Arguments:
            y_true: tensor of one-hot targets.
            y_pred: tensor of predictions.

        Returns:
            Tensor without the last axis.
        """
        return K.categorical_crossentropy(y_true, y_pred, from_logits=self.from_logits)


class SparseCategoricalCrossentropy(_Crossentropy):
    """Crossentropy against integer labels, with options.

    Arguments:
        from_logits: bool, predictions come before the softmax.
        label_smoothing: float, must be 0.
    """

    function = staticmethod(losses.sparse_categorical_crossentropy)

    def compute(self, y_true, y_pred):
        """The loss of every sample.

        Arguments:
            y_true: tensor of labels.
            y_pred: tensor of predictions.

        Returns:
            Tensor without the last axis.
        """
        return K.sparse_categorical_crossentropy(y_true, y_pred, from_logits=self.from_logits)


def from_options(class_name, config):
    """Builds the loss that a file describes.

    Arguments:
        class_name: str, one of the classes here.
        config: dict of its options.

    Returns:
        A callable `(y_true, y_pred) -> loss`.

    Raises:
        ValueError: for a loss whose options are not known here.
    """
    cls = {c.__name__: c for c in (BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy)}.get(
        class_name
    )
    if cls is None:
        raise ValueError("The loss %s with options %r has no counterpart here" % (class_name, config))
    return cls(config.get("from_logits"), config.get("label_smoothing"))
