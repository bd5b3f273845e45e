"""Which members are extracted, in which batches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ucompress.archive.entry import Entry, show, xattr_bytes
from ucompress.errors import MemberNotFoundError

if TYPE_CHECKING:
    from ucompress.archive.reader import Archive

BATCH = 50_000
"""Files whose blocks are decoded together: each block once in a batch."""

BATCH_EXTENTS = 1 << 18
"""Extents at which a batch ends before it has as many files: they take memory."""


BATCH_BYTES = 1 << 23
"""Bytes of targets and attributes at which a batch ends, too: a page may unpack to many times its size."""


def select(archive: Archive, names: list[bytes] | None) -> Iterator[Entry]:
    """Entries of the given names and of everything below them, each once and ascending; all without names."""
    if names is None:
        yield from archive.entries()
        return
    found, last = set[bytes](), b""
    # What lies below `a` does not follow `a` at once: `a-b` comes between.
    for key in sorted({*names, *(name + b"/" for name in names)}):
        if last and key.startswith(last):
            continue
        if not key.endswith(b"/"):
            with contextlib.suppress(MemberNotFoundError):
                yield archive.entry(key)
                found.add(key)
            continue
        last = key
        for entry in archive.entries(key):
            found.add(key[:-1])
            yield entry
        if key[:-1] not in found:
            raise MemberNotFoundError(f"{archive.name}: there is no member {show(key[:-1])}")


def cut(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Entries in batches, of so many files, so many extents and so many bytes beside the contents."""
    batch, extents, held = list[Entry](), 0, 0
    for entry in entries:
        batch.append(entry)
        extents += len(entry.extents)
        if entry.target or entry.xattrs:
            held += len(entry.target) + xattr_bytes(entry)
        if len(batch) >= BATCH or extents >= BATCH_EXTENTS or held >= BATCH_BYTES:
            yield batch
            batch, extents, held = [], 0, 0
    if batch:
        yield batch


def selected(path: bytes, names: set[bytes] | None) -> bool:
    """Whether a path is one of the names or below one."""
    if names is None or path in names:
        return True
    slash = path.find(b"/")
    while slash >= 0:
        if path[:slash] in names:
            return True
        slash = path.find(b"/", slash + 1)
    return False
