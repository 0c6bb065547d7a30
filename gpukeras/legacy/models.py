"""Models of Keras 1.

`Graph` left Keras before version 2.2 and is not offered; `Model` and `Sequential` take the old keywords by way of
`interfaces`.
"""

from ..models import Model, Sequential

__all__ = ["Model", "Sequential"]
