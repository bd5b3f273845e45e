"""What an archive's bytes are, by header and directory alone."""

from __future__ import annotations

from dataclasses import dataclass

from ucompress.archive.format.directory import Directory
from ucompress.archive.format.layout import BLOCK_HEADER_SIZE, ArchiveHeader, Footer
from ucompress.archive.format.parity import section_bytes


@dataclass(frozen=True, slots=True)
class ArchiveStatistics:
    """Figures of an archive, in bytes unless told otherwise.

    Attributes:
        archive_bytes: the whole file.
        entries: number of members.
        content_bytes: sum of all files' sizes; -1 if the archive was recovered.
        unique_bytes: decoded bytes of all blocks.
        blocks: number of blocks.
        references: how many of them are coded after another one.
        block_bytes, dictionary_bytes, index_bytes: what they take in the archive, with headers and
            parity; errata count as index.
        recovery_bytes: what a recovery record takes, 0 without one.
        level: the level that it was written with.
        content_hash_bytes: bytes of content hash kept for a file.
        decoder_memory: working memory that decoding takes.
    """

    archive_bytes: int
    entries: int
    content_bytes: int
    unique_bytes: int
    blocks: int
    references: int
    block_bytes: int
    dictionary_bytes: int
    index_bytes: int
    recovery_bytes: int
    level: int
    content_hash_bytes: int
    decoder_memory: int


def statistics_of(
    size: int, header: ArchiveHeader, directory: Directory, footer: Footer | None
) -> ArchiveStatistics:
    """The figures of an archive of `size` bytes; `footer` is None where it was recovered."""
    dictionary_bytes = section_bytes(directory.dictionary_length) if directory.dictionary_at else 0
    errata = directory.errata
    errata_bytes = section_bytes(errata.payload_length) if errata.section_at else 0
    blocks = directory.blocks
    return ArchiveStatistics(
        archive_bytes=size,
        entries=directory.entries,
        content_bytes=directory.content_bytes,
        unique_bytes=sum(blocks.decoded),
        blocks=len(blocks),
        references=blocks.referring,
        block_bytes=sum(blocks.coded) + BLOCK_HEADER_SIZE * len(blocks),
        dictionary_bytes=dictionary_bytes,
        index_bytes=section_bytes(directory.index.payload_length) + errata_bytes,
        recovery_bytes=0 if footer is None else max(0, footer.directory_at - _last_end(directory)),
        level=header.level,
        content_hash_bytes=header.content_hash_bytes,
        decoder_memory=header.decoder_memory,
    )


def _last_end(directory: Directory) -> int:
    """Where the last part ends that the directory names."""
    tables = (table for table in (directory.index, directory.errata) if table.section_at)
    ends = [table.section_at + section_bytes(table.payload_length) for table in tables]
    blocks = directory.blocks
    if len(blocks):
        ends.append(blocks.at[-1] + BLOCK_HEADER_SIZE + blocks.coded[-1])
    return max(ends)
