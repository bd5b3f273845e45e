"""Kernels that several threads call at the same moment."""
