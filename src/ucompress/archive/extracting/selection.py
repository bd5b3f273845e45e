"""Which members are extracted, in which batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ucompress.archive.format.entry import Entry, show, xattr_bytes
from ucompress.errors import CorruptArchiveError, MemberNotFoundError

if TYPE_CHECKING:
    from ucompress.archive.reading.reader import ArchiveReader

BATCH = 100_000
"""Files whose blocks are decoded together: each block once in a batch. They take about 500 bytes each."""

BATCH_EXTENTS = 1 << 18
"""Extents at which a batch ends before it has as many files: they take memory."""


BATCH_BYTES = 1 << 23
"""Bytes of targets and attributes at which a batch ends, too: a page may unpack to many times its size."""


def select(archive: ArchiveReader, names: list[bytes] | None, lost: list[bytes]) -> Iterator[Entry]:
    """Entries of the given names and of everything below them, each once and ascending; all without names.

    Args:
        archive: the archive.
        names: paths of members, each with all below it; None: everything.
        lost: takes the names that were not found, and may be among those that were lost with the index.

    Raises:
        MemberNotFoundError: the archive does not have one of the names.
    """
    if names is None:
        yield from archive.entries()
        return

    def miss(name: bytes) -> None:
        if not _may_be_lost(archive, name):
            raise MemberNotFoundError(f"{archive.name}: there is no member {show(name) or repr('')}")
        lost.append(name)

    found, last = set[bytes](), b""
    # What lies below `a` does not follow `a` at once: `a-b` comes between.
    for key, below in sorted({*((name, False) for name in names), *((name + b"/", True) for name in names)}):
        if last and key.startswith(last):
            if not (below or has(archive, key)):
                miss(key)
        elif not below:
            entry = _entry(archive, key)
            if entry is not None:
                found.add(key)
                yield entry
        else:
            last = key
            for entry in archive.entries(key):
                found.add(key[:-1])
                yield entry
            if key[:-1] not in found:
                miss(key[:-1])


def has(archive: ArchiveReader, path: bytes) -> bool:
    """Whether there is a member of this path, or below it, as far as the index is left."""
    return _entry(archive, path) is not None or next(archive.entries(path + b"/"), None) is not None


def why_lost(archive: ArchiveReader) -> str:
    """What to say of a name that `select` found lost."""
    if archive.lost_entries < 0:
        return "not found; it may be among members whose names are lost, and nothing tells how many those are"
    return f"not found; it may be among {archive.lost_entries:,} members whose names are lost"


def _entry(archive: ArchiveReader, path: bytes) -> Entry | None:
    """The entry of a path; None where there is none, or its page is passed over."""
    try:
        return archive.entry(path)
    except MemberNotFoundError:
        return None
    except CorruptArchiveError:
        if not _may_be_lost(archive, path):
            raise
        return None


def _may_be_lost(archive: ArchiveReader, path: bytes) -> bool:
    """Whether a path that is not found may have been lost with the index."""
    return archive.lost_entries < 0 or archive._finder.may_have_lost(path)


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
