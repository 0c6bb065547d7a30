"""`tf.test`: what GPUs there are, and a base of test cases."""

from __future__ import annotations

import tempfile
import unittest
from typing import Any

import numpy as np

from ...backend.running import Session, available_gpus, current_session
from ._missing import module_getattr


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether a GPU is used."""
    return bool(available_gpus())


def is_built_with_cuda() -> bool:
    """Whether a GPU is used."""
    return bool(available_gpus())


def gpu_device_name() -> str:
    """Name of the first GPU, or ''."""
    found = available_gpus()
    return found[0] if found else ""


def get_temp_dir() -> str:
    """A folder for temporary files."""
    return tempfile.gettempdir()


class TestCase(unittest.TestCase):
    """A test case with the comparisons of TensorFlow's."""

    def test_session(self, *args: Any, **kwargs: Any) -> Session:
        """A session, for a with statement."""
        return Session()

    session = cached_session = test_session

    def evaluate(self, tensors: Any) -> Any:
        """Values of tensors."""
        return current_session().run(tensors)

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Fails unless two arrays differ by rounding only."""
        np.testing.assert_allclose(a, b, rtol, atol, err_msg=msg or "")

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Fails unless two arrays are equal."""
        np.testing.assert_array_equal(a, b, err_msg=msg or "")

    def assertShapeEqual(self, np_array: Any, tf_tensor: Any, msg: Any = None) -> None:
        """Fails unless an array and a tensor have one shape."""
        self.assertEqual(list(np_array.shape), tf_tensor.get_shape().as_list(), msg)


# pytest would collect it, and the session it offers, as tests of its own
TestCase.__test__ = False  # type: ignore[attr-defined]


def main(argv: Any = None) -> None:
    """Runs the test cases of the main program."""
    unittest.main(argv=argv)


__getattr__ = module_getattr("test")
