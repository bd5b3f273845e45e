"""Packs whole trees: as small as a solid archive, with every file one short read away."""

__version__ = "0.1.0"
