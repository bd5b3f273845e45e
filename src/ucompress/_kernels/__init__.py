"""Kernels on pointers and lengths, without Python objects. Private: use `ucompress._core`."""
