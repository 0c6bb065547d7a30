"""`import gpukeras.as_keras` makes `import keras` mean gpukeras from there on, in a program or a notebook."""

from .compat import alias as _alias

_alias.install()
