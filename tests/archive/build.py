"""Small archives for the tests: contents to entries, blocks and bytes, without the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest.mock import patch

from blake3 import blake3

from ucompress.archive import HOLE, ArchiveHeader, ArchiveWriter, Entry, EntryKind, Extent, WriterTotals
from ucompress.archive.format import coding
from ucompress.codec.block import BlockCompressor


@dataclass
class Plan:
    """Members and blocks of an archive to be.

    Attributes:
        entries: sorted by path.
        blocks: decoded bytes of each block.
    """

    entries: list[Entry] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)


class _Storing:
    def __init__(self, level: int, *, pages: bool) -> None:
        pass

    def compress(self, data: bytes) -> tuple[int, bytes]:
        return 0, bytes(data)


@contextmanager
def stored_pages() -> Iterator[None]:
    """Pages, directory and dictionary as they are: quick to decode in pure Python, and with known sizes."""
    with patch.object(coding, "_compressor", cache(_Storing)):
        yield


def plan_files(
    files: dict[bytes, bytes], *, block: int = 4096, others: Iterable[Entry] = (), hashed: bool = False
) -> Plan:
    """Pack contents one after the other into blocks; equal contents share their extents."""
    stream, known, spans = bytearray(), dict[bytes, int](), dict[bytes, int]()
    for path, content in files.items():
        spans[path] = known.setdefault(content, len(stream))
        if spans[path] == len(stream):
            stream += content
    entries = list(others)
    for path, content in files.items():
        extents, at, left = [], spans[path], len(content)
        while left:
            length = min(left, block - at % block)
            extents.append(Extent(at // block, at % block, length))
            at, left = at + length, left - length
        digest = blake3(content).digest() if hashed else None
        entries.append(Entry(path, size=len(content), extents=tuple(extents), digest=digest))
    entries.sort(key=lambda entry: entry.path)
    return Plan(entries, [bytes(stream[at : at + block]) for at in range(0, len(stream), block)])


def write(
    path: Path,
    plan: Plan,
    *,
    header: ArchiveHeader | None = None,
    dictionary: bytes = b"",
    errata: Sequence[tuple[Entry, Entry]] = (),
    substituted: Iterable[int] = (),
    references: Mapping[int, int] | None = None,
    recovery: int = 0,
) -> WriterTotals:
    """Write an archive of the plan to `path`; `references` says which blocks are coded after which."""
    header = header or ArchiveHeader(level=1)
    marked = set(substituted)
    with ArchiveWriter.create(path, header) as writer:
        writer.write_dictionary(dictionary)
        writer.write_index(plan.entries, references)
        compressor = BlockCompressor(header.level, dictionary)
        for number, data in enumerate(plan.blocks):
            at = (references or {}).get(number)
            past = None if at is None else writer.read_block(at)
            codec, payload = compressor.compress(data, past)
            writer.write_block(
                codec,
                payload,
                len(data),
                blake3(data).digest(),
                reference=at,
                substituted=number in marked,
            )
        return writer.finish(errata, recovery=recovery)


def folder(path: bytes, mode: int = 0o755, mtime_ns: int = 10**18) -> Entry:
    """A directory's entry."""
    return Entry(path, EntryKind.DIRECTORY, mode, mtime_ns)


def hole_first(entry: Entry, length: int) -> Entry:
    """The same file with zeros before its content."""
    extents = (Extent(HOLE, 0, length), *entry.extents)
    return entry._replace(size=entry.size + length, extents=extents)
