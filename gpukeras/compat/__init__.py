"""What programs written for Keras expect around it: the name `keras`, and packages that came with it."""
