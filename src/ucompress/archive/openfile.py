"""What is done with a file or folder that is open: parts written, attributes set."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from blake3 import blake3

Xattrs = tuple[tuple[bytes, bytes], ...]


def write_parts(descriptor: int, parts: Iterable[tuple[int, memoryview]]) -> None:
    """Write bytes at their offsets."""
    for offset, data in parts:
        os.lseek(descriptor, offset, os.SEEK_SET)
        while data:
            data = data[os.write(descriptor, data) :]


def content_hash(descriptor: int) -> blake3:
    """BLAKE3 of an open file's content."""
    hasher = blake3()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while data := os.read(descriptor, 1 << 20):
        hasher.update(data)
    return hasher


def dress(descriptor: int, mode: int, mtime_ns: int, xattrs: Xattrs) -> None:
    """Attributes, mode and time of an open file or folder; what the file system cannot keep is left out."""
    if hasattr(os, "setxattr"):
        for name, value in xattrs:
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, value)
    if hasattr(os, "fchmod"):
        # Where the file system has no modes it may say so; the file is ours, so nothing else forbids it.
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, mode)
    with contextlib.suppress(OSError, OverflowError):
        os.utime(descriptor, ns=(mtime_ns, mtime_ns))
