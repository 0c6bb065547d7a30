"""Optimizers: the rules that turn gradients into weight updates.

`get_updates` is symbolic and runs once, when a model builds its training function. Hyperparameters are
backend variables, so `K.set_value(optimizer.lr, ...)` takes effect at the next batch without a rebuild. The
updates of one batch all read the values from before it.
"""

import numpy as np

from . import backend as K
from .legacy import interfaces
from .mixed_precision import scale_loss
from .utils.generic_utils import deserialize_keras_object, has_arg, serialize_keras_object
from .utils.optimizer_configs import foreign_config


def clip_norm(g, c, n):
    """Scales a gradient down when a norm is too large.

    Arguments:
        g: tensor, the gradient.
        c: float, the largest norm allowed; 0 or less switches clipping off.
        n: scalar tensor, the norm to compare with (usually of all gradients together).

    Returns:
        `g` times min(1, c / n).
    """
    if c <= 0:
        return g
    return g * _clip_factor(c, n)


def _clip_factor(c, n):
    # min(1, c / n) without dividing by a norm of zero.
    return c / K.maximum(n, c)


class Optimizer:
    """Base of all optimizers.

    Arguments:
        clipnorm: float, gradients are scaled down together when their joint L2 norm exceeds this.
        clipvalue: float, every gradient entry is clipped to [-clipvalue, clipvalue].

    Raises:
        TypeError: for any other keyword.

    Attributes:
        loss_scale: `mixed_precision.LossScale`, or None; `compile` sets it for models with layers in float16.

    Subclasses write `get_updates(self, loss, params)`: call `self.get_gradients(loss, params)`, put what must
    be saved into `self.weights`, append the updates to `self.updates` and return that list.
    """

    loss_scale = None

    def __init__(self, **kwargs):
        for name in kwargs:
            if name not in ("clipnorm", "clipvalue"):
                hint = " (the rate is `lr`)" if name == "learning_rate" else ""
                raise TypeError(
                    f"Unexpected keyword argument passed to optimizer: {name}; {type(self).__name__} knows "
                    f"its own arguments, clipnorm and clipvalue{hint}"
                )
        self.__dict__.update(kwargs)
        self.updates = []
        self.weights = []

    def __setattr__(self, name, value):
        # `optimizer.lr = 0.01` on a built optimizer must reach the variable that the updates read.
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            current = self.__dict__.get(name)
            if K.is_tensor(current) and hasattr(current, "constraint"):
                K.set_value(current, value)
                return
        object.__setattr__(self, name, value)

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        """Builds the updates of one training step.

        Arguments:
            loss: scalar tensor to minimise.
            params: list of variables.

        Returns:
            List of updates.
        """
        raise NotImplementedError(f"{type(self).__name__}: write get_updates(self, loss, params)")

    def get_gradients(self, loss, params):
        """Gradients of the loss, clipped as asked for.

        Arguments:
            loss: scalar tensor.
            params: list of variables.

        Returns:
            List of tensors shaped like the variables.

        Raises:
            ValueError: when the loss does not depend on a variable in a differentiable way.
        """
        grads = self._derivatives(loss, params)
        missing = [p for p, g in zip(params, grads) if g is None]
        if missing:
            names = ", ".join(str(p.name) for p in missing)
            raise ValueError(
                "An operation has `None` for gradient: no differentiable path leads from the loss to "
                f"{names}. Make sure that every op between them has a gradient (K.argmax, K.round and K.eval "
                "have none)."
            )
        if self.loss_scale is not None:
            self.loss_scale.watch(grads)
        clipnorm, clipvalue = getattr(self, "clipnorm", None), getattr(self, "clipvalue", None)
        if clipnorm is not None and clipnorm > 0:
            norm = K.sqrt(sum(K.sum(K.square(g)) for g in grads))
            factor = _clip_factor(clipnorm, norm)
            grads = [g * factor for g in grads]
        if clipvalue is not None and clipvalue > 0:
            grads = [K.clip(g, -clipvalue, clipvalue) for g in grads]
        return grads

    def _derivatives(self, loss, params):
        # Gradients before clipping; what averages them over processes does it here.
        return (K if self.loss_scale is None else self.loss_scale).gradients(loss, params)

    def guarded(self, updates):
        """The updates of a step as a training function carries them out.

        Arguments:
            updates: list of updates, what `get_updates` returned.

        Returns:
            List of updates; with a loss scale they are left out where a gradient is not finite.
        """
        if self.loss_scale is None:
            return list(updates)
        self.weights = [*self.weights, *self.loss_scale.weights]
        return self.loss_scale.guard(updates)

    def set_weights(self, weights):
        """Sets the optimizer's state.

        Arguments:
            weights: list of arrays as `get_weights` returns them.

        Raises:
            ValueError: when their number or a shape does not fit.
        """
        params = self.weights
        if len(params) != len(weights):
            raise ValueError(
                f"Length of the specified weight list ({len(weights)}) does not match the number of weights "
                f"of the optimizer ({len(params)}); the state must come from the same optimizer on the same "
                "weights, and a model must have been trained (or `_make_train_function` called) to have one"
            )
        for p, new in zip(params, weights):
            if tuple(K.int_shape(p)) != np.shape(new):
                raise ValueError(
                    f"Optimizer weight shape {tuple(K.int_shape(p))} of {p.name} not compatible with "
                    f"provided weight shape {np.shape(new)}"
                )
        K.batch_set_value(list(zip(params, weights)))

    def get_weights(self):
        """The optimizer's state.

        Returns:
            List of arrays.
        """
        return K.batch_get_value(self.weights)

    def get_config(self):
        """Arguments to build an equal optimizer from.

        Returns:
            dict.
        """
        config = {name: getattr(self, name) for name in ("clipnorm", "clipvalue") if hasattr(self, name)}
        if self.loss_scale is not None and not self.loss_scale.is_default:
            config["loss_scale"] = self.loss_scale.get_config()
        return config

    @classmethod
    def from_config(cls, config):
        """Builds an optimizer from what `get_config` returned, here, in later Keras or in tf.keras.

        Arguments:
            config: dict.

        Returns:
            A new optimizer.
        """
        if isinstance(config.get("loss_scale"), dict):
            config = dict(config)
            scale = config.pop("loss_scale")
            return scale_loss(cls.from_config(config), **scale)
        if has_arg(cls.__init__, "learning_rate"):  # a user's class with that name for its rate
            return cls(**config)
        return cls(**foreign_config(cls.__name__, config))


class _Rule(Optimizer):
    # What the built-in optimizers share: a subclass names its hyperparameters and writes `_step`.

    _variables = ()  # attributes that are backend variables
    _numbers = ()  # attributes that are plain numbers, fixed when the updates are built

    def _create(self, epsilon=None, decay=0.0, **variables):
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            for name, value in variables.items():
                setattr(self, name, K.variable(value, name=name))
            if "decay" in self._variables:
                self.decay = K.variable(decay, name="decay")
                self.initial_decay = decay
        if "epsilon" in self._numbers:
            self.epsilon = K.epsilon() if epsilon is None else epsilon

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        """Builds the updates of one training step.

        Arguments:
            loss: scalar tensor to minimise.
            params: list of variables.

        Returns:
            List of updates.
        """
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        self._step(params, grads)
        return self.updates

    def _step(self, params, grads):
        # Sets self.weights and appends the updates of the weights and of the state.
        raise NotImplementedError

    def _rate(self):
        # The learning rate of this step: divided by 1 + decay * (steps done before it).
        if self.initial_decay > 0:
            return self.lr / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay)))
        return self.lr

    def _step_number(self):
        # 1 for the first step, as a float.
        return K.cast(self.iterations, K.floatx()) + 1

    def _set(self, variable, value):
        self.updates.append(K.update(variable, value))

    def _set_param(self, p, value):
        constraint = getattr(p, "constraint", None)
        self._set(p, value if constraint is None else constraint(value))

    def get_config(self):
        """Arguments to build an equal optimizer from.

        Returns:
            dict.
        """
        config = super().get_config()
        config.update((name, float(K.get_value(getattr(self, name)))) for name in self._variables)
        config.update((name, getattr(self, name)) for name in self._numbers)
        return config


def _zeros_like_all(params):
    return [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]


class SGD(_Rule):
    """Stochastic gradient descent with momentum.

    v' = momentum * v - lr * g;  p' = p + v', or p + momentum * v' - lr * g with Nesterov momentum.

    Arguments:
        lr: float, learning rate.
        momentum: float between 0 and 1.
        decay: float, lr is divided by 1 + decay * (steps done).
        nesterov: bool, use Nesterov momentum.
        **kwargs: clipnorm, clipvalue.
    """

    _variables = ("lr", "momentum", "decay")
    _numbers = ("nesterov",)

    def __init__(self, lr=0.01, momentum=0.0, decay=0.0, nesterov=False, **kwargs):
        super().__init__(**kwargs)
        self._create(decay=decay, lr=lr, momentum=momentum)
        self.nesterov = nesterov

    def _step(self, params, grads):
        lr = self._rate()
        moments = _zeros_like_all(params)
        self.weights = [self.iterations] + moments
        for p, g, m in zip(params, grads, moments):
            step = lr * g
            v = self.momentum * m - step
            self._set(m, v)
            new_p = p + self.momentum * v - step if self.nesterov else p + v
            self._set_param(p, new_p)


class RMSprop(_Rule):
    """Gradients divided by the root of their running mean square.

    a' = rho * a + (1 - rho) * g^2;  p' = p - lr * g / (sqrt(a') + epsilon).

    Arguments:
        lr: float, learning rate.
        rho: float, how much of the running mean is kept.
        epsilon: float, or None for `K.epsilon()`.
        decay: float, lr is divided by 1 + decay * (steps done).
        **kwargs: clipnorm, clipvalue.

    Source: Tieleman and Hinton, "Lecture 6.5 - rmsprop", 2012.
    """

    _variables = ("lr", "rho", "decay")
    _numbers = ("epsilon",)

    def __init__(self, lr=0.001, rho=0.9, epsilon=None, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        self._create(epsilon, decay, lr=lr, rho=rho)

    def _step(self, params, grads):
        accumulators = _zeros_like_all(params)
        self.weights = accumulators
        lr, fresh = self._rate(), 1.0 - self.rho
        for p, g, a in zip(params, grads, accumulators):
            new_a = self.rho * a + fresh * K.square(g)
            self._set(a, new_a)
            self._set_param(p, p - lr * g / (K.sqrt(new_a) + self.epsilon))


class Adagrad(_Rule):
    """Gradients divided by the root of the sum of all their squares so far.

    a' = a + g^2;  p' = p - lr * g / (sqrt(a') + epsilon).

    Arguments:
        lr: float, learning rate.
        epsilon: float, or None for `K.epsilon()`.
        decay: float, lr is divided by 1 + decay * (steps done).
        **kwargs: clipnorm, clipvalue.

    Source: Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    2011.
    """

    _variables = ("lr", "decay")
    _numbers = ("epsilon",)

    def __init__(self, lr=0.01, epsilon=None, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        self._create(epsilon, decay, lr=lr)

    def _step(self, params, grads):
        accumulators = _zeros_like_all(params)
        self.weights = accumulators
        lr = self._rate()
        for p, g, a in zip(params, grads, accumulators):
            new_a = a + K.square(g)
            self._set(a, new_a)
            self._set_param(p, p - lr * g / (K.sqrt(new_a) + self.epsilon))


class Adadelta(_Rule):
    """Steps as large as the running root mean square of earlier steps, over that of the gradients.

    a' = rho * a + (1 - rho) * g^2;  u = g * sqrt(d + epsilon) / sqrt(a' + epsilon);
    p' = p - lr * u;  d' = rho * d + (1 - rho) * u^2.

    Arguments:
        lr: float, learning rate; best left at 1.
        rho: float, how much of the running means is kept.
        epsilon: float, or None for `K.epsilon()`.
        decay: float, lr is divided by 1 + decay * (steps done).
        **kwargs: clipnorm, clipvalue.

    Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.
    """

    _variables = ("lr", "decay")
    _numbers = ("rho", "epsilon")

    def __init__(self, lr=1.0, rho=0.95, epsilon=None, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        self._create(epsilon, decay, lr=lr)
        self.rho = rho

    def _step(self, params, grads):
        accumulators = _zeros_like_all(params)
        delta_accumulators = _zeros_like_all(params)
        self.weights = accumulators + delta_accumulators
        lr, rho, epsilon = self._rate(), self.rho, self.epsilon
        for p, g, a, d in zip(params, grads, accumulators, delta_accumulators):
            new_a = rho * a + (1.0 - rho) * K.square(g)
            self._set(a, new_a)
            step = g * K.sqrt(d + epsilon) / K.sqrt(new_a + epsilon)
            self._set_param(p, p - lr * step)
            self._set(d, rho * d + (1.0 - rho) * K.square(step))


class Adam(_Rule):
    """Running means of gradients and of their squares, corrected for starting at 0.

    lr_t = lr * sqrt(1 - beta_2^t) / (1 - beta_1^t);  m' = beta_1 * m + (1 - beta_1) * g;
    v' = beta_2 * v + (1 - beta_2) * g^2;  p' = p - lr_t * m' / (sqrt(v') + epsilon).

    Arguments:
        lr: float, learning rate.
        beta_1: float, how much of the mean of gradients is kept.
        beta_2: float, how much of the mean of squares is kept.
        epsilon: float, or None for `K.epsilon()`.
        decay: float, lr is divided by 1 + decay * (steps done).
        amsgrad: bool, divide by the root of the largest v so far.
        **kwargs: clipnorm, clipvalue.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014; Reddi et al., "On the
    Convergence of Adam and Beyond", 2018 (amsgrad).
    """

    _variables = ("lr", "beta_1", "beta_2", "decay")
    _numbers = ("epsilon", "amsgrad")

    def __init__(self, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, amsgrad=False, **kwargs):
        super().__init__(**kwargs)
        self._create(epsilon, decay, lr=lr, beta_1=beta_1, beta_2=beta_2)
        self.amsgrad = amsgrad

    def _step(self, params, grads):
        t = self._step_number()
        lr_t = self._rate() * (K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t)))
        ms, vs = _zeros_like_all(params), _zeros_like_all(params)
        # Without amsgrad the saved state still has one (1,) entry per weight in the third place.
        vhats = _zeros_like_all(params) if self.amsgrad else [K.zeros((1,)) for _ in params]
        self.weights = [self.iterations] + ms + vs + vhats
        fresh_1, fresh_2 = 1.0 - self.beta_1, 1.0 - self.beta_2
        for p, g, m, v, vhat in zip(params, grads, ms, vs, vhats):
            m_t = self.beta_1 * m + fresh_1 * g
            v_t = self.beta_2 * v + fresh_2 * K.square(g)
            self._set(m, m_t)
            self._set(v, v_t)
            if self.amsgrad:
                scale = K.maximum(vhat, v_t)
                self._set(vhat, scale)
            else:
                scale = v_t
            self._set_param(p, p - lr_t * m_t / (K.sqrt(scale) + self.epsilon))


class Adamax(_Rule):
    """Adam with the largest recent gradient in place of the root mean square.

    lr_t = lr / (1 - beta_1^t);  m' = beta_1 * m + (1 - beta_1) * g;  u' = max(beta_2 * u, |g|);
    p' = p - lr_t * m' / (u' + epsilon).

    Arguments:
        lr: float, learning rate.
        beta_1: float, how much of the mean of gradients is kept.
        beta_2: float, how fast the largest gradient is forgotten.
        epsilon: float, or None for `K.epsilon()`.
        decay: float, lr is divided by 1 + decay * (steps done).
        **kwargs: clipnorm, clipvalue.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, section 7.
    """

    _variables = ("lr", "beta_1", "beta_2", "decay")
    _numbers = ("epsilon",)

    def __init__(self, lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        self._create(epsilon, decay, lr=lr, beta_1=beta_1, beta_2=beta_2)

    def _step(self, params, grads):
        lr_t = self._rate() / (1.0 - K.pow(self.beta_1, self._step_number()))
        ms, us = _zeros_like_all(params), _zeros_like_all(params)
        self.weights = [self.iterations] + ms + us
        fresh = 1.0 - self.beta_1
        for p, g, m, u in zip(params, grads, ms, us):
            m_t = self.beta_1 * m + fresh * g
            u_t = K.maximum(self.beta_2 * u, K.abs(g))
            self._set(m, m_t)
            self._set(u, u_t)
            self._set_param(p, p - lr_t * m_t / (u_t + self.epsilon))


class Nadam(_Rule):
    """Adam with Nesterov momentum and a momentum that warms up.

    mu_t = beta_1 * (1 - 0.5 * 0.96^(t * schedule_decay)), and the update looks one mu ahead.

    Arguments:
        lr: float, learning rate.
        beta_1: float, the momentum after the warm-up.
        beta_2: float, how much of the mean of squares is kept.
        epsilon: float, or None for `K.epsilon()`.
        schedule_decay: float, speed of the warm-up.
        **kwargs: clipnorm, clipvalue.

    Source: Dozat, "Incorporating Nesterov Momentum into Adam", 2015.
    """

    _variables = ("lr", "beta_1", "beta_2")
    _numbers = ("epsilon", "schedule_decay")

    def __init__(self, lr=0.002, beta_1=0.9, beta_2=0.999, epsilon=None, schedule_decay=0.004, **kwargs):
        super().__init__(**kwargs)
        self._create(epsilon, lr=lr, beta_1=beta_1, beta_2=beta_2)
        with K.name_scope(self.__class__.__name__):
            # The product of all mu so far. The format has no place for it; `set_weights` works it out.
            self.m_schedule = K.variable(1.0, name="m_schedule")
        self.schedule_decay = schedule_decay

    def set_weights(self, weights):
        """Sets the optimizer's state; the schedule goes on where the step counter says.

        Arguments:
            weights: list of arrays as `get_weights` returns them.

        Raises:
            ValueError: when their number or a shape does not fit.
        """
        super().set_weights(weights)
        # Far below the smallest number after that many steps.
        steps = np.arange(1, min(int(K.get_value(self.iterations)), 10**6) + 1)
        mus = float(K.get_value(self.beta_1)) * (1.0 - 0.5 * 0.96 ** (steps * self.schedule_decay))
        K.set_value(self.m_schedule, np.prod(mus))

    def _momentum(self, t):
        warm_up = K.pow(K.cast_to_floatx(0.96), t * self.schedule_decay)
        return self.beta_1 * (1.0 - 0.5 * warm_up)

    def _step(self, params, grads):
        t = self._step_number()
        mu, mu_next = self._momentum(t), self._momentum(t + 1)
        schedule = self.m_schedule * mu
        self._set(self.m_schedule, schedule)
        # All that does not depend on the weight is a scalar, so the big tensors see few operations.
        on_gradient = self.lr * (1.0 - mu) / (1.0 - schedule)
        on_moment = self.lr * mu_next / (1.0 - schedule * mu_next)
        on_square = 1.0 / (1.0 - K.pow(self.beta_2, t))
        fresh_1, fresh_2 = 1.0 - self.beta_1, 1.0 - self.beta_2
        ms, vs = _zeros_like_all(params), _zeros_like_all(params)
        self.weights = [self.iterations] + ms + vs
        for p, g, m, v in zip(params, grads, ms, vs):
            m_t = self.beta_1 * m + fresh_1 * g
            v_t = self.beta_2 * v + fresh_2 * K.square(g)
            self._set(m, m_t)
            self._set(v, v_t)
            step = (on_gradient * g + on_moment * m_t) / (K.sqrt(on_square * v_t) + self.epsilon)
            self._set_param(p, p - step)


class TFOptimizer(Optimizer):
    """Wraps an object with TensorFlow 1's optimizer protocol.

    Arguments:
        optimizer: object with `compute_gradients(loss, params)` -> list of (gradient, variable), and
            `apply_gradients(pairs, global_step=variable)` -> an operation, an update or a list of updates.
    """

    def __init__(self, optimizer):
        self.optimizer = optimizer
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        """Builds the updates of one training step.

        Arguments:
            loss: scalar tensor to minimise.
            params: list of variables.

        Returns:
            List of updates.
        """
        pairs = self.optimizer.compute_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        applied = self.optimizer.apply_gradients(pairs, global_step=self.iterations)
        if hasattr(applied, "as_updates"):
            applied = applied.as_updates()
        self.updates += list(applied) if isinstance(applied, (list, tuple)) else [applied]
        return self.updates

    @property
    def weights(self):
        """Not known: the wrapped optimizer keeps its state to itself."""
        raise NotImplementedError("TFOptimizer: the state of a wrapped optimizer cannot be read")

    def get_config(self):
        """Not known: the wrapped optimizer has no config."""
        raise NotImplementedError("TFOptimizer: a wrapped optimizer has no config")

    @classmethod
    def from_config(cls, config):
        """Not possible, for want of a config.

        Arguments:
            config: dict.
        """
        raise NotImplementedError("TFOptimizer: a wrapped optimizer cannot be built from a config")


sgd = SGD
rmsprop = RMSprop
adagrad = Adagrad
adadelta = Adadelta
adam = Adam
adamax = Adamax
nadam = Nadam

_CLASSES = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adam": Adam,
    "adamax": Adamax,
    "nadam": Nadam,
    "tfoptimizer": TFOptimizer,
}


def serialize(optimizer):
    """What a config stores for an optimizer.

    Arguments:
        optimizer: an `Optimizer`.

    Returns:
        dict with `class_name` and `config`.
    """
    return serialize_keras_object(optimizer)


def deserialize(config, custom_objects=None):
    """Builds an optimizer from its config.

    Arguments:
        config: dict with `class_name` (in any case for the built-in ones) and `config`.
        custom_objects: dict of name -> class.

    Returns:
        The optimizer.

    Raises:
        ValueError: for an unknown name.
    """
    name = config["class_name"]
    # tf.keras writes its own optimizers as 'Custom>Adam'.
    short = name.rsplit(">", 1)[-1].lower() if isinstance(name, str) else name
    if short in _CLASSES:
        # In place, as Keras does: its users compare the dict afterwards.
        config["class_name"] = short
    return deserialize_keras_object(
        config, module_objects=_CLASSES, custom_objects=custom_objects, printable_module_name="optimizer"
    )


def get(identifier):
    """Finds an optimizer by name or config, and passes optimizers through.

    Arguments:
        identifier: str, config dict, `Optimizer`, or an object with TensorFlow 1's optimizer protocol.

    Returns:
        An `Optimizer`.

    Raises:
        ValueError: for an unknown name or another type.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    if hasattr(identifier, "compute_gradients") and hasattr(identifier, "apply_gradients"):
        return TFOptimizer(identifier)
    raise ValueError(
        f"Could not interpret optimizer identifier: {identifier!r}; expected a name such as "
        "'adam', an Optimizer instance (not a class), or a config dict"
    )
