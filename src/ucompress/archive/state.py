"""What a writer leaves behind: the state to resume from, its totals, and the final name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ucompress.errors import OutputError

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

    Parameters:
        distinct_contents: number of distinct file contents.
        unique_bytes: bytes left after deduplication.

    Returns:
        8 where 8 bytes for each content are at most 1 % of an archive of a sixteenth of the unique
        bytes, otherwise 0.
    """
    return 8 if 8 * distinct_contents <= unique_bytes // 1600 else 0


def publish(partial: str | os.PathLike[str], final: str | os.PathLike[str]) -> None:
    """Give a finished archive its final name: fsync, rename, fsync of the folder.

    Raises:
        OutputError: the rename failed, and the partial file and what stood at `final` are untouched; or the
            folder refuses to confirm the name, which the archive has by then.
    """
    target = Path(final)
    try:
        with Path(partial).open("rb+") as file:
            os.fsync(file.fileno())
        Path(partial).replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot give the archive its name {target}: {error.strerror}; "
            f"it stands complete at {os.fspath(partial)}"
        ) from error
    try:
        _confirm(target.parent)
    except OSError as error:
        raise OutputError(
            f"{target} is complete, but its folder does not confirm that the name is on the disk: "
            f"{error.strerror}; after a power failure it may be gone"
        ).about(target) from error


def _confirm(folder: Path) -> None:
    """Wait until a folder's names are on the disk, where a folder can be asked."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
