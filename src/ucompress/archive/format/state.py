"""What a writer leaves behind: the state to resume from, and its totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DIGEST_SIZE = 16
"""Bytes of a digest in a `WriterState`."""


@dataclass(frozen=True, slots=True)
class WriterState:
    """What `ArchiveWriter.resume` compares a partial file with.

    Attributes:
        head: digest of all that stands before the blocks (`ArchiveWriter.head_digest`).
        records: digest of each block's record, header and coded bytes (`ArchiveWriter.record_digest`).
    """

    head: bytes
    records: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class WriterTotals:
    """What an archive's bytes went into.

    Attributes:
        archive_bytes: the whole file.
        dictionary_bytes, index_bytes, block_bytes, directory_bytes: each with headers and parity;
            errata count as index, the footer as directory.
        recovery_bytes: the recovery record, 0 without one.
        blocks: number of blocks.
        unique_bytes: decoded bytes of all blocks.
        entries: members after errata.
        content_bytes: sum of all files' sizes after errata.
        tree_hash: BLAKE3-256 over what the archive says.
    """

    archive_bytes: int
    dictionary_bytes: int
    index_bytes: int
    block_bytes: int
    directory_bytes: int
    recovery_bytes: int
    blocks: int
    unique_bytes: int
    entries: int
    content_bytes: int
    tree_hash: bytes


def choose_content_hash_bytes(distinct_contents: int, unique_bytes: int) -> int:
    """How long the kept content hashes are when the user has no wish: 8 where they cost little.

    Args:
        distinct_contents: number of distinct file contents.
        unique_bytes: bytes left after deduplication.

    Returns:
        8 where 8 bytes for each content are at most 1 % of an archive of a sixteenth of the unique
        bytes, otherwise 0.
    """
    return 8 if 8 * distinct_contents <= unique_bytes // 1600 else 0
