"""The tests of training on several devices once more, on four simulated GPUs with memories of their own."""

import pytest

from gpukeras.kernels.cuda import glue
from tests.utils import test_virtual_devices as virtual

from .device import simulated_gpu
from .nccl import Nccl

_TESTS = """no_kernel_sees_an_empty_batch batch_normalisation_goes_by_the_rows_of_each_device
the_last_device_moves_the_averages_of_batch_normalisation several_inputs_and_outputs_with_weights
class_weights_and_temporal_sample_weights a_loss_of_the_whole_batch terms_of_the_loss_are_counted_once
dropout_differs_from_device_to_device either_model_goes_on_training frozen_layers_stay files
branches_put_on_devices_by_hand stateful_metrics where_results_and_weights_are"""
globals().update((name, getattr(virtual, name)) for name in (f"test_{word}" for word in _TESTS.split()))


@pytest.fixture(autouse=True, params=["copies", "nccl"])
def four_devices(request, monkeypatch):
    monkeypatch.delenv("GPUKERAS_VIRTUAL_DEVICES", raising=False)
    with glue.use({"nccl": Nccl()} if request.param == "nccl" else {}), simulated_gpu(devices=4, engine="numpy"):
        yield


@pytest.mark.parametrize(
    ("make", "gpus"), [(virtual.mlp, 2), (virtual.mlp, [1, 3]), (virtual.cnn, None), (virtual.lstm, 4)]
)
def test_training_is_that_of_one_device(make, gpus):
    virtual.test_training_is_that_of_one_device(make, gpus)
