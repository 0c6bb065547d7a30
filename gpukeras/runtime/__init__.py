"""Devices, memory and feeds: what a plan runs on.  Imports nothing of the package above it."""
