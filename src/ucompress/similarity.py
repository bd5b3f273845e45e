"""The order in which contents stand, so that like stands beside like.

Blocks are coded one by one, so what helps a content must stand near it. Contents of one class
come together, then those of one extension, then in the order of their paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def extension(path: bytes) -> bytes:
    """The lower-case extension of a path's last component, without the dot; empty if none."""
    name = path.rpartition(b"/")[2]
    stem, dot, suffix = name.rpartition(b".")
    return suffix.lower() if dot and stem else b""


def similarity_order(paths: Sequence[bytes], classes: Sequence[int]) -> list[int]:
    """Indices of contents in the order in which they are to be stored.

    Args:
        paths: one path for each content; it settles ties, so no two should be equal.
        classes: one class for each content (`segments.TEXT`, `BINARY`, `DENSE`).
    """
    return sorted(range(len(paths)), key=lambda i: (classes[i], extension(paths[i]), paths[i], i))
