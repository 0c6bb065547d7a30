"""Models as scikit-learn estimators, for pipelines, grid searches and cross-validation.

scikit-learn itself is not imported here: it asks for its tags, and by then it is there.
"""

import numpy as np

from ..models import Sequential
from ..utils.func_utils import has_arg
from ..utils.np_utils import to_categorical

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]


class BaseWrapper:
    """What classifiers and regressors have in common; use `KerasClassifier` or `KerasRegressor`.

    Arguments:
        build_fn: function, or object that can be called, that returns a compiled model. Subclasses may define
            `__call__` and leave `build_fn` out.
        **sk_params: arguments of `build_fn`, and of `Sequential`'s `fit`, `predict`, `predict_classes` and `evaluate`
            (`epochs`, `batch_size`, ...). A grid search may vary any of them. Arguments given to a method directly
            go before these.

    Raises:
        ValueError: for arguments that none of these functions takes.
    """

    # What scikit-learn before 1.6 reads instead of `__sklearn_tags__`.
    _estimator_type = None

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _builder(self):
        return self if self.build_fn is None else self.build_fn

    def check_params(self, params):
        """Refuses arguments that nothing takes.

        Arguments:
            params: dict from names to values.

        Raises:
            ValueError: for a name that neither the building function nor the model's methods know.
        """
        builder = self._builder()
        if builder is self and not callable(self):
            raise ValueError(
                f"{type(self).__name__} needs `build_fn`, a function that returns a compiled model, "
                "or a subclass with a method `__call__` that does."
            )
        takers = (Sequential.fit, Sequential.predict, Sequential.predict_classes, Sequential.evaluate, builder)
        for name in params:
            # nb_epoch is the Keras 1 spelling of epochs, which `fit` translates.
            if name != "nb_epoch" and not any(has_arg(fn, name) for fn in takers):
                raise ValueError(f"{name} is not a legal parameter: neither `build_fn` nor the model's methods take it")

    def get_params(self, **params):
        """Gives the settings, the very objects that were given (scikit-learn's `clone` looks at their identity).

        Arguments:
            **params: `deep`, which makes no difference.

        Returns:
            dict.
        """
        return dict(self.sk_params, build_fn=self.build_fn)

    def set_params(self, **params):
        """Changes settings.

        Arguments:
            **params: new values.

        Returns:
            self.

        Raises:
            ValueError: for arguments that nothing takes.
        """
        if "build_fn" in params:
            params = dict(params)
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def fit(self, x, y, **kwargs):
        """Builds a new model and trains it.

        Arguments:
            x: array (N, ...).
            y: array of targets (N,) or (N, ...).
            **kwargs: arguments of `Sequential.fit`.

        Returns:
            `History`.
        """
        builder = self._builder()
        self.model = builder(**self.filter_sk_params(builder))
        y = np.asarray(y)
        if _is_categorical_crossentropy(self.model.loss) and y.ndim != 2:
            y = to_categorical(y)
        arguments = self.filter_sk_params(Sequential.fit)
        if "nb_epoch" in self.sk_params:
            arguments["nb_epoch"] = self.sk_params["nb_epoch"]
        arguments.update(kwargs)
        return self.model.fit(x, y, **arguments)

    def filter_sk_params(self, fn, override=None):
        """Picks the settings that a function takes.

        Arguments:
            fn: the function.
            override: dict of arguments that go before the settings.

        Returns:
            dict of arguments for `fn`.
        """
        arguments = {name: value for name, value in self.sk_params.items() if has_arg(fn, name)}
        arguments.update(override or {})
        return arguments

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model")

    def _fitted(self):
        """The model, or an error that scikit-learn knows when there is none yet."""
        if hasattr(self, "model"):
            return self.model
        try:
            from sklearn.exceptions import NotFittedError as error
        except ImportError:
            error = AttributeError
        raise error(f"This {type(self).__name__} has no model yet: call `fit` first.")

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        kind = self._estimator_type
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
            non_deterministic=True,
            input_tags=InputTags(three_d_array=True),
        )

    def __repr__(self):
        settings = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({settings})"


class KerasClassifier(BaseWrapper):
    """A model as a scikit-learn classifier; for the arguments see `BaseWrapper`.

    The model's output is one probability per class, or one alone for two classes.

    Attributes:
        classes_: the labels.
        n_classes_: their number.
    """

    _estimator_type = "classifier"

    def fit(self, x, y, sample_weight=None, **kwargs):
        """Builds a new model and trains it.

        Arguments:
            x: array (N, ...).
            y: labels of any type (N,) or (N, 1), or one-hot (N, classes).
            sample_weight: array (N,), or None.
            **kwargs: arguments of `Sequential.fit`.

        Returns:
            `History`.

        Raises:
            ValueError: for labels of another shape.
        """
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}; expected (N,), (N, 1) or (N, classes).")
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """Predicts labels.

        Arguments:
            x: array (N, ...).
            **kwargs: arguments of `Sequential.predict_classes`.

        Returns:
            Array of labels (N,), or (N, 1) when the model has one output.
        """
        probabilities = self._fitted().predict(x, **self.filter_sk_params(Sequential.predict_classes, kwargs))
        if probabilities.shape[-1] > 1:
            return self.classes_[probabilities.argmax(axis=-1)]
        return self.classes_[(probabilities > 0.5).astype(int)]

    def predict_proba(self, x, **kwargs):
        """Predicts the classes' probabilities.

        Arguments:
            x: array (N, ...).
            **kwargs: arguments of `Sequential.predict_proba`.

        Returns:
            Array (N, classes); two columns when the model has one output.
        """
        probabilities = self._fitted().predict(x, **self.filter_sk_params(Sequential.predict_proba, kwargs))
        if probabilities.shape[1] == 1:
            probabilities = np.hstack([1 - probabilities, probabilities])
        return probabilities

    def score(self, x, y, sample_weight=None, **kwargs):
        """Gives the accuracy; a label that was not there in `fit` cannot be predicted and counts as a mistake.

        Arguments:
            x: array (N, ...).
            y: labels (N,) or (N, 1), or one-hot.
            sample_weight: array (N,), how much each sample counts, or None.
            **kwargs: arguments of `Sequential.evaluate`.

        Returns:
            float.

        Raises:
            ValueError: when the model was compiled without `metrics=["accuracy"]`.
        """
        model, y = self._fitted(), np.asarray(y)
        if sample_weight is not None or not np.isin(y, self.classes_).all():
            # A model's metrics know neither weights nor labels beyond its classes.
            truth = self.classes_[y.argmax(axis=1)] if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
            right = self.predict(x, **kwargs).reshape(-1) == truth
            return float(np.average(right, weights=sample_weight))
        y = np.searchsorted(self.classes_, y)
        if _is_categorical_crossentropy(model.loss) and y.ndim != 2:
            # The labels at hand need not hold every class.
            y = to_categorical(y, self.n_classes_)
        values = model.evaluate(x, y, **self.filter_sk_params(Sequential.evaluate, kwargs))
        values = values if isinstance(values, list) else [values]
        for name, value in zip(model.metrics_names, values):
            if name in ("acc", "accuracy"):
                return value
        raise ValueError(
            'The score is the accuracy, which the model does not compute: compile it with `metrics=["accuracy"]`.'
        )


class KerasRegressor(BaseWrapper):
    """A model as a scikit-learn regressor; for the arguments see `BaseWrapper`."""

    _estimator_type = "regressor"

    def predict(self, x, **kwargs):
        """Predicts values.

        Arguments:
            x: array (N, ...).
            **kwargs: arguments of `Sequential.predict`.

        Returns:
            Array (N,), or (N, outputs) for several outputs.
        """
        values = self._fitted().predict(x, **self.filter_sk_params(Sequential.predict, kwargs))
        return np.squeeze(values, axis=-1) if values.shape[-1] == 1 else values

    def score(self, x, y, sample_weight=None, **kwargs):
        """Gives the loss with its sign turned, so that more is better.

        Arguments:
            x: array (N, ...).
            y: array of targets.
            sample_weight: array (N,), or None.
            **kwargs: arguments of `Sequential.evaluate`.

        Returns:
            float.
        """
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        loss = self._fitted().evaluate(x, np.asarray(y), **self.filter_sk_params(Sequential.evaluate, kwargs))
        return -loss[0] if isinstance(loss, list) else -loss


def _is_categorical_crossentropy(loss):
    return getattr(loss, "__name__", loss) == "categorical_crossentropy"
