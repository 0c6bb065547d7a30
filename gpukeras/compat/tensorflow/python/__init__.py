"""`tensorflow.python`: the few inner modules that programs import."""
