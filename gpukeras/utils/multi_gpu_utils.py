"""One model on several devices: each batch is split among copies that share their weights."""

import numbers
from collections import Counter

from .. import backend as K

__all__ = ["multi_gpu_model"]


def multi_gpu_model(model, gpus=None, cpu_merge=True, cpu_relocation=False):
    """Makes a model that splits its batches among several GPUs.

    The copies share the weights of `model`, so that saving and loading `model` saves and loads what was trained;
    compile and fit the returned model.  A batch that does not divide leaves the rest to the last copy; copies that a
    small batch leaves without rows take no part in the step.  The loss is that of the whole batch.  Each copy's batch
    normalisation goes by its own rows, and the last copy's move the averages.

    Arguments:
        model: built `Model`, the template.
        gpus: int >= 2, the number of GPUs; or list of at least two GPU numbers; None for all there are.
        cpu_merge: whether the results are put together by what all GPUs have in common, which is the first GPU of the
            machine, in place of Keras' CPU; otherwise by the first of `gpus`. The numbers are the same.
        cpu_relocation: whether the template is built again, with weights that are copies of its own. Weights live on
            the first GPU of the machine either way, and the others have copies while they compute.

    Returns:
        `Model` with the inputs and outputs of `model`.

    Raises:
        ValueError: for fewer than two GPUs, for GPUs that are not there, or for a stateful model.
    """
    from ..engine.training import Model
    from ..layers.core import Lambda
    from ..layers.merge import concatenate
    from ..models import clone_model

    numbers_of_gpus = _gpu_numbers(gpus)
    if getattr(model, "stateful", False):
        raise ValueError(
            f"multi_gpu_model: model {model.name!r} is stateful, and a state belongs to the samples of a whole batch; "
            "build it with stateful=False, or train it on one GPU"
        )
    if cpu_relocation:
        with K.device("/cpu:0"):
            twin = clone_model(model)
        twin.set_weights(model.get_weights())
        model = twin
    parts = len(numbers_of_gpus)
    merged = [[] for _ in model.outputs]
    for i, gpu in enumerate(numbers_of_gpus):
        with K.device("/gpu:%d" % gpu), K.name_scope("replica_%d" % gpu):
            slices = []
            for x in model.inputs:
                shape = K.int_shape(x)[1:]
                cut = Lambda(K.replica_rows, output_shape=shape, arguments={"i": i, "parts": parts})
                slices.append(cut(x))
            outputs = model(slices if len(slices) > 1 else slices[0])
            for results, y in zip(merged, outputs if isinstance(outputs, list) else [outputs], strict=True):
                results.append(y)
    with K.device("/cpu:0" if cpu_merge else "/gpu:%d" % numbers_of_gpus[0]):
        outputs = [
            concatenate(results, axis=0, name=name)
            for name, results in zip(_numbered(model.output_names), merged, strict=True)
        ]
    return Model(model.inputs, outputs)


def _numbered(names):
    """The names, those that occur more than once (outputs of one layer) with _1, _2, ... behind."""
    counts = Counter()
    unique = []
    for name in names:
        counts[name] += 1
        unique.append(f"{name}_{counts[name]}" if names.count(name) > 1 else name)
    return unique


def _get_available_devices():
    """Names of the CPU and the GPUs."""
    return ["/device:CPU:0", *K.tensorflow_backend._get_available_gpus()]


def _normalize_device_name(name):
    """The short name of a device: '/gpu:1' for '/device:GPU:1'."""
    return "/" + ":".join(name.lower().rsplit("/", 1)[-1].split(":")[-2:])


def _gpu_numbers(gpus):
    """The numbers of the GPUs to use, checked against those that are there."""
    there = list(range(len(K.tensorflow_backend._get_available_gpus())))
    if gpus is None:
        gpus = there
    if isinstance(gpus, (list, tuple)):
        wanted = list(gpus)
        if not all(isinstance(g, numbers.Integral) for g in wanted):
            raise ValueError("`gpus` should be an int or a list of ints, got %r" % (gpus,))
    elif isinstance(gpus, numbers.Integral) and not isinstance(gpus, bool):
        wanted = list(range(gpus))
    else:
        raise ValueError("`gpus` should be an int or a list of ints, got %r" % (gpus,))
    if len(wanted) < 2:
        raise ValueError(
            "`multi_gpu_model` needs at least two GPUs, got gpus=%r (%d on this machine); use the model itself"
            % (gpus, len(there))
        )
    if len(set(wanted)) < len(wanted):
        raise ValueError("`gpus` names a GPU twice: %r" % (gpus,))
    missing = [g for g in wanted if g not in there]
    if missing:
        raise ValueError(
            "`multi_gpu_model` was called with gpus=%r, but GPU %s is not there; this machine has %d: %s"
            % (gpus, ", ".join(map(str, missing)), len(there), there)
        )
    return [int(g) for g in wanted]
