"""Graph and concrete shapes in, a static plan of kernel calls out."""
