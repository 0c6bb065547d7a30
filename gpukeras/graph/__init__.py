"""Symbolic tensors, operations and gradients."""
