"""Many small files made, read or looked at, or a folder's, in one call: system calls taken out of Python."""

from __future__ import annotations

from ucompress._core import list_folder, look_at_files, read_spans, write_files

__all__ = ["list_folder", "look_at_files", "read_spans", "write_files"]
