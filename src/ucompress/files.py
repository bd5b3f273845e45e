"""Many small files made in one call: what extraction spends most of its time on, taken out of Python."""

from __future__ import annotations

from ucompress._core import write_files

__all__ = ["write_files"]
