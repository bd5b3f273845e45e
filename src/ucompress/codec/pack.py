"""Columns of an index page, made in one call each."""

from __future__ import annotations

from ucompress._core import split_prefixed

__all__ = ["split_prefixed"]
