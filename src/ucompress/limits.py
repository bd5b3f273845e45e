"""What the format takes of one member (docs/format.md, section 12)."""

from __future__ import annotations

from typing import Final

PATH_LIMIT: Final = 65_535
"""The longest path, in bytes."""

TARGET_LIMIT: Final = 65_535
"""The longest target of a link, in bytes."""

XATTR_COUNT_LIMIT: Final = 4096
"""Extended attributes."""

XATTRS_LIMIT: Final = 1 << 20
"""Bytes of their names and values."""
