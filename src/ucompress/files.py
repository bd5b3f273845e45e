"""Many small files made or read in one call: system calls taken out of Python."""

from __future__ import annotations

from ucompress._core import read_spans, write_files

__all__ = ["read_spans", "write_files"]
