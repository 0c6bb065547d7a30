"""Callbacks: objects whose hooks `fit` and `fit_generator` call while they train.

- `base`: the protocol (`Callback`, `CallbackList`) and `LambdaCallback`
- `loggers`: what records or shows values (`BaseLogger`, `History`, `ProgbarLogger`, `CSVLogger`, ...)
- `tensorboard`: `TensorBoard`, what writes event files
- `control`: what acts on the training (`EarlyStopping`, `ModelCheckpoint`, `LearningRateScheduler`, ...)
"""

from .base import Callback, CallbackList, LambdaCallback
from .control import (
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from .loggers import BaseLogger, CSVLogger, History, ProgbarLogger, RemoteMonitor
from .tensorboard import TensorBoard

__all__ = [
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "TensorBoard",
    "TerminateOnNaN",
]
