"""Checkpoints of variables, in NumPy's format."""

from __future__ import annotations

import os
import re
from collections import namedtuple
from typing import Any

import numpy as np

from ...graph.tensor import Variable as GraphVariable
from ._variables import global_variables
from .errors import NotFoundError

CheckpointState = namedtuple("CheckpointState", "model_checkpoint_path all_model_checkpoint_paths")


class Saver:
    """Saves variables to files and restores them.

    The files are NumPy's (`PREFIX.npz`) beside a text file `checkpoint`; they are not TensorFlow's, which neither
    reads them nor is read.

    Arguments:
        var_list: variables, or a dict of names and variables; default: all there are when it saves or restores.
        max_to_keep: how many checkpoints to keep; 0 or None: all.
        Others are accepted for TensorFlow's sake.
    """

    def __init__(
        self, var_list: Any = None, reshape: bool = False, sharded: bool = False, max_to_keep: Any = 5,
        keep_checkpoint_every_n_hours: float = 10000.0, name: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        self._variables = var_list
        self._keep = max_to_keep
        self.last_checkpoints: list[str] = []

    def _named(self) -> dict[str, GraphVariable]:
        chosen = global_variables() if self._variables is None else self._variables
        if isinstance(chosen, dict):
            return dict(chosen)
        return {v.name.split(":")[0]: v for v in chosen}

    def save(
        self, sess: Any, save_path: str, global_step: Any = None, latest_filename: str = "checkpoint",
        write_meta_graph: bool = True, **kwargs: Any,
    ) -> str:  # fmt: skip
        """Writes all variables.

        Arguments:
            sess: accepted; values do not depend on it.
            save_path: prefix of the file.
            global_step: number added to the prefix, or a variable or tensor that holds it.
            latest_filename: name of the text file that says which is the latest.

        Returns:
            The prefix.
        """
        if global_step is not None:
            step = (
                sess.run(global_step) if hasattr(global_step, "dtype") and hasattr(global_step, "eval") else global_step
            )
            save_path = f"{save_path}-{int(step)}"
        folder = os.path.dirname(os.path.abspath(save_path))
        if not os.path.isdir(folder):
            raise ValueError(f"Parent directory of {save_path} doesn't exist, can't save.")
        arrays = {name: v.numpy() for name, v in self._named().items()}
        temporary = f"{save_path}.tmp{os.getpid()}.npz"
        np.savez(temporary, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, save_path + ".npz")
        self._remember(save_path, folder, latest_filename)
        return save_path

    def _remember(self, path: str, folder: str, latest: str) -> None:
        self.last_checkpoints = [p for p in self.last_checkpoints if p != path] + [path]
        while self._keep and len(self.last_checkpoints) > self._keep:
            old = self.last_checkpoints.pop(0) + ".npz"
            if os.path.exists(old):
                os.remove(old)
        with open(os.path.join(folder, latest), "w", encoding="utf-8") as file:
            names = [os.path.basename(p) for p in self.last_checkpoints]
            file.write(f'model_checkpoint_path: "{os.path.basename(path)}"\n')
            file.writelines(f'all_model_checkpoint_paths: "{name}"\n' for name in names)

    def restore(self, sess: Any, save_path: str) -> None:
        """Gives the variables the values of a checkpoint.

        Raises:
            NotImplementedError: for a checkpoint of TensorFlow's.
            NotFoundError: when there is no such checkpoint, or a variable is not in it.
        """
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        if not os.path.exists(save_path + ".npz"):
            if os.path.exists(save_path + ".index") or os.path.exists(save_path + ".meta"):
                raise NotImplementedError(
                    f"{save_path}: a checkpoint in TensorFlow's format, which is not read here; with TensorFlow, "
                    "load it and write the weights with model.save_weights('weights.h5')"
                )
            raise NotFoundError(f"{save_path}: no checkpoint of this name (there is no {save_path}.npz)")
        with np.load(save_path + ".npz", allow_pickle=False) as arrays:
            for name, v in self._named().items():
                if name not in arrays:
                    raise NotFoundError(f"Key {name} not found in checkpoint {save_path}")
                v.assign_value(arrays[name])

    def export_meta_graph(self, *args: Any, **kwargs: Any) -> Any:
        """Not available: TensorFlow's own format of graphs."""
        raise NotImplementedError(
            "Saver.export_meta_graph: graphs are not written in TensorFlow's format; use model.save"
        )


def get_checkpoint_state(checkpoint_dir: str, latest_filename: str | None = None) -> CheckpointState | None:
    """Which checkpoints there are in a folder, or None."""
    path = os.path.join(checkpoint_dir, latest_filename or "checkpoint")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        text = file.read()
    latest = re.findall(r'^model_checkpoint_path: "(.*)"', text, re.M)
    every = re.findall(r'^all_model_checkpoint_paths: "(.*)"', text, re.M)
    if not latest:
        return None
    return CheckpointState(os.path.join(checkpoint_dir, latest[0]), [os.path.join(checkpoint_dir, p) for p in every])


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """The prefix of the latest checkpoint in a folder, or None."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    return None if state is None else state.model_checkpoint_path


def checkpoint_exists(checkpoint_prefix: str) -> bool:
    """Whether there is a checkpoint of this prefix."""
    return os.path.exists(checkpoint_prefix + ".npz")


def import_meta_graph(*args: Any, **kwargs: Any) -> Any:
    """Not available: TensorFlow's own format of graphs."""
    raise NotImplementedError(
        "tf.train.import_meta_graph: graphs of TensorFlow are not read; see keras.models.load_model"
    )


def get_checkpoint_mtimes(checkpoint_prefixes: Any) -> list[float]:
    """When checkpoints were written."""
    return [os.path.getmtime(p + ".npz") for p in checkpoint_prefixes if checkpoint_exists(p)]
