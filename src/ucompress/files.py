"""Many small files made, read or looked at in one call: system calls taken out of Python."""

from __future__ import annotations

from ucompress._core import look_at_files, read_spans, write_files

__all__ = ["look_at_files", "read_spans", "write_files"]
