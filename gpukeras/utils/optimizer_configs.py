"""Optimizer settings as later Keras and tf.keras write them, turned into ours."""

import warnings

# Settings of tf.keras without a counterpart here, and the value that changes nothing.
_NO_COUNTERPART = {
    "centered": False,
    "ema_momentum": None,
    "ema_overwrite_frequency": None,
    "gradient_accumulation_steps": None,
    "initial_accumulator_value": 0.0,
    "loss_scale_factor": None,
    "use_ema": False,
    "weight_decay": None,
}
_SILENT = ("ema_momentum", "is_legacy_optimizer", "jit_compile", "name")


def foreign_config(class_name, config):
    """Renames and drops what Keras 2.2.4 does not know; a config of ours comes back as it is.

    Arguments:
        class_name: str, the optimizer.
        config: dict, its settings.

    Returns:
        A new dict.
    """
    config = dict(config)
    if "learning_rate" not in config:
        return config
    ignored = []
    for name in list(config):
        if name in _SILENT:
            del config[name]
        elif name in _NO_COUNTERPART:
            value = config.pop(name)
            if value and value != _NO_COUNTERPART[name]:
                ignored.append(f"{name}={value!r}")
    config["lr"] = _rate(config.pop("learning_rate"), ignored)
    _rename_clipping(config, ignored)
    if class_name == "Nadam" and "decay" in config:
        # tf.keras keeps the schedule's speed under the name of another setting.
        config.setdefault("schedule_decay", config.pop("decay"))
    if class_name == "RMSprop" and config.pop("momentum", 0.0):
        ignored.append("momentum")
    if config.get("decay", 0.0) is None:
        del config["decay"]
    if ignored:
        warnings.warn(
            "{}: these settings from another version of Keras do not exist here and are ignored: {}".format(
                class_name, ", ".join(ignored)
            ),
            stacklevel=3,
        )
    return config


def _rate(value, ignored):
    # A schedule object comes as a dict; its first rate is the nearest fixed one.
    if not isinstance(value, dict):
        return value
    settings = value.get("config", {})
    rate = settings.get("initial_learning_rate", settings.get("values", [0.001])[0])
    ignored.append("the schedule {} (lr={} from now on)".format(value.get("class_name"), rate))
    return rate


def _rename_clipping(config, ignored):
    # Ours is the joint norm of all gradients, which tf.keras calls global_clipnorm.
    joint = config.pop("global_clipnorm", None)
    single = config.pop("clipnorm", None)
    if joint is not None:
        config["clipnorm"] = joint
    elif single is not None:
        config["clipnorm"] = single
        ignored.append("clipnorm per weight (the joint norm of all gradients is clipped instead)")
    if config.get("clipvalue", 0.0) is None:
        del config["clipvalue"]
