"""Mixed precision: layers compute in 16 bits, variables, losses and sums stay in float32.

    keras.mixed_precision.set_policy("mixed_float16")

before the layers are made, or `GPUKERAS_PRECISION=mixed_float16` in the environment, is all that a program needs:
`compile` then gives its optimizer a `LossScale` by itself.  The policy belongs to the program and not to its files: a
model that was trained with it is saved as any other, and loads with or without it.
"""

import os

from . import backend as K

__all__ = ["LossScale", "get_policy", "scale_loss", "set_policy"]

#: What layers compute in, by policy; None: in the type of their inputs.
_POLICIES = {"float32": None, "mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_VARIABLE = "GPUKERAS_PRECISION"
#: What later versions write for a policy's name.
_SPELLINGS = {"infer": "float32"}


class _State:
    policy = None  # not settled yet: the environment decides


def set_policy(name):
    """Sets the precision of the layers made from now on.

    Arguments:
        name: 'float32', 'mixed_float16' or 'mixed_bfloat16'.

    Raises:
        ValueError: for another name.
        ImportError: for 'mixed_bfloat16' without the package ml_dtypes.
    """
    _State.policy = _checked(name, "set_policy")


def get_policy():
    """The precision of the layers made from now on.

    Returns:
        str, the name of the policy: as set, or as `GPUKERAS_PRECISION` says, or 'float32'.
    """
    if _State.policy is None:
        _State.policy = _checked(os.environ.get(_VARIABLE) or "float32", _VARIABLE)
    return _State.policy


def _checked(name, where):
    if name not in _POLICIES:
        raise ValueError(f"{where}: unknown policy {name!r}; expected one of {', '.join(_POLICIES)}")
    if _POLICIES[name] is not None:
        with K.precision_scope(_POLICIES[name]):  # bfloat16 wants a package: say so here
            pass
    return name


def layer_policy(dtype, has_input_shape):
    """The policy of a layer, and its `dtype` without it.

    Arguments:
        dtype: the constructor's argument: None, a name, a dtype, or the dict that later versions write.
        has_input_shape: bool, whether the layer was given the shape of its input, which `dtype` then describes.

    Returns:
        (name of the policy, whether it was asked for, dtype).
    """
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    dtype = _SPELLINGS.get(dtype, dtype) if isinstance(dtype, str) else dtype
    if isinstance(dtype, str) and dtype in _POLICIES and _POLICIES[dtype] is not None:
        return dtype, True, None
    if dtype is None or has_input_shape:
        return get_policy(), False, dtype
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or dtype.__name__
    return ("float32", True, dtype) if "float" in name else (get_policy(), False, dtype)


def call(layer, inputs, kwargs):
    """Calls `layer.call` in the layer's precision.

    Arguments:
        layer: a layer; one without a policy, such as a model, is called as it is.
        inputs: a tensor, or a list of them.
        kwargs: dict, further arguments.

    Returns:
        What `layer.call` returns.
    """
    policy = getattr(layer, "_policy", None)
    if policy is None:
        return layer.call(inputs, **kwargs)
    low = _POLICIES[policy]
    if getattr(layer, "casts_inputs", True):
        several = isinstance(inputs, (list, tuple))
        cast = [_prepared(x, low) for x in (inputs if several else [inputs])]
        inputs = type(inputs)(cast) if several else cast[0]
    with K.precision_scope(low):
        return layer.call(inputs, **kwargs)


def _prepared(x, low):
    """An input in the layer's precision: down from float32, or up again from what a layer in 16 bits made of it."""
    if not K.is_tensor(x) or K.is_sparse(x):
        return x
    if low is None:
        return in_full(x)
    if K.dtype(x) not in ("float32", "float16", "bfloat16") or K.dtype(x) == low:
        return x
    return _twin(x, K.cast(x, low))


def _twin(x, y):
    for name in ("_keras_shape", "_keras_history", "_keras_mask"):
        if hasattr(x, name):
            setattr(y, name, getattr(x, name))
    y._cast_of = x
    return y


def in_full(x):
    """A tensor that a layer of mixed precision made, in the default float type; others as they are.

    Arguments:
        x: tensor.

    Returns:
        Tensor.
    """
    if not K.is_low_precision(x) or not getattr(x, "_mixed", False):
        return x
    return _twin(x, K.cast(x, K.floatx()))


def mark(layer, outputs):
    """Marks what a layer of mixed precision gave out in 16 bits.

    Arguments:
        layer: the layer.
        outputs: list of tensors.
    """
    if _POLICIES.get(getattr(layer, "_policy", None)) is not None:
        for x in outputs:
            if K.is_low_precision(x):
                x._mixed = True


def wants_loss_scale(layers):
    """Whether a model's gradients may be too small for 16 bits: whether a layer computes in float16.

    Arguments:
        layers: list of layers; models among them, and layers in wrappers, count too.

    Returns:
        bool.
    """
    for layer in layers:
        inner = list(getattr(layer, "layers", ()))
        if getattr(layer, "_policy", None) == "mixed_float16" or wants_loss_scale(inner):
            return True
    return False


class LossScale:
    """The factor that keeps gradients in the range of float16, and how it follows them.

    The loss is multiplied by it and the gradients are divided by it, in float32. When a gradient is infinite or not
    a number, the step is left out, state of the optimizer included, and the factor is divided by 2, down to 1. After
    `growth_steps` good steps in a row it is multiplied by 2.

    Arguments:
        initial: float, the first factor, a power of 2.
        growth_steps: int.

    Source: Micikevicius et al., "Mixed Precision Training", 2018.
    """

    def __init__(self, initial=2.0**15, growth_steps=2000):
        self.initial = float(initial)
        self.growth_steps = int(growth_steps)
        with K.name_scope("LossScale"):
            self.scale = K.variable(self.initial, dtype="float32", name="loss_scale")
            self.good_steps = K.variable(0, dtype="int32", name="good_steps")
        self._finite = None

    @property
    def weights(self):
        """What is saved with the optimizer: the factor, and the number of good steps since it last changed."""
        return [self.scale, self.good_steps]

    @property
    def is_default(self):
        """Whether it is one that `compile` makes."""
        return (self.initial, self.growth_steps) == (2.0**15, 2000)

    def get_config(self):
        """Arguments to make an equal one.

        Returns:
            dict.
        """
        return {"initial": self.initial, "growth_steps": self.growth_steps}

    def gradients(self, loss, params):
        """Gradients by way of the scaled loss.

        Arguments:
            loss: scalar tensor.
            params: list of variables.

        Returns:
            List of tensors, None where the loss does not depend on a variable.
        """
        grads = K.gradients(K.cast(loss, "float32") * self.scale, params)
        factor = 1.0 / self.scale
        return [None if g is None else K.cast(K.cast(g, "float32") * factor, K.dtype(g)) for g in grads]

    def watch(self, grads):
        """Takes down whether gradients are finite: those that decide about the step.

        Arguments:
            grads: list of tensors.
        """
        self._finite = K.all_finite(grads)

    def guard(self, updates):
        """The updates of a step, left out where gradients are not finite, and those of the factor.

        Arguments:
            updates: list of updates.

        Returns:
            List of updates; the same where no gradients were taken by way of this factor.
        """
        if self._finite is None:
            return list(updates)
        finite, self._finite = self._finite, None
        good = self.good_steps + 1
        grown = K.equal(good, self.growth_steps)
        larger = K.minimum(self.scale * 2.0, 2.0**126)
        smaller = K.maximum(self.scale * 0.5, 1.0)
        stays = [(self.scale, K.select(grown, larger, self.scale)), (self.good_steps, K.select(grown, 0 * good, good))]
        falls = [smaller, 0 * good]
        own = [(v, K.select(finite, new, other)) for (v, new), other in zip(stays, falls)]
        return K.guarded_updates(updates, finite) + own


def scale_loss(optimizer, initial=2.0**15, growth_steps=2000):
    """Gives an optimizer a loss scale of one's own; `compile` does that by itself where a layer needs it.

    Arguments:
        optimizer: an `Optimizer`.
        initial: float, the first factor, a power of 2.
        growth_steps: int, good steps in a row after which it is doubled.

    Returns:
        The optimizer.
    """
    optimizer.loss_scale = LossScale(initial, growth_steps)
    return optimizer
