"""What an extraction came to: what was written, what failed, what of it was given up and why."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ucompress.archive.extracting.portable import NameNotes
from ucompress.errors import CompressionError, CorruptArchiveError, OutputError, UnsupportedArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Loss(StrEnum):
    """What a member may have in an archive and not get back."""

    SETUID = "setuid"
    OTHER_ATTRIBUTES = "other_attributes"
    ATTRIBUTES = "attributes"
    MODES = "modes"
    TIMES = "times"


class Losses:
    """Counts by kind what members did not get back; any number of threads may note."""

    def __init__(self) -> None:
        """Nothing is lost."""
        self._seen: dict[Loss, tuple[int, bytes]] = {}
        self._lock = threading.Lock()

    def note(self, what: Loss, path: bytes) -> None:
        """A member did not get something back."""
        with self._lock:
            count, first = self._seen.get(what, (0, path))
            self._seen[what] = count + 1, min(first, path)

    def __iter__(self) -> Iterator[tuple[Loss, int, bytes]]:
        """For each kind that there is, in order: how many members, and the first of them by its bytes."""
        for what in Loss:
            if what in self._seen:
                yield (what, *self._seen[what])


@dataclass(slots=True)
class LooseBlocks:
    """What was written of blocks that hold bytes of members without names.

    Attributes:
        folder: its name in the target; empty if there were no such blocks.
        blocks: how many were written, each to a file `block-NUMBER` of its own.
        content_bytes: their bytes.
        lost: how many cannot be read.
    """

    folder: bytes = b""
    blocks: int = 0
    content_bytes: int = 0
    lost: int = 0


@dataclass(slots=True)
class ExtractionReport:
    """What was written, and what was not.

    Attributes:
        files, folders, links: numbers of members written.
        content_bytes: bytes of the files written.
        failed: (member path, reason) of members that could not be written, or not with all that belongs to
            them; names that were asked for and may be lost with the index among them.
        incomplete: how many of those stand, with their content, but without an attribute, mode or time.
        damaged, unsupported: how many because the archive is damaged, or needs what this program lacks.
        nameless: further members, lost names and all with their index pages; -1: nothing tells how many.
        names: those that other systems do not tell apart, or do not have.
        loose: blocks that hold bytes of the nameless members, where everything was to be written.
        losses: what was left off on purpose, or because the file system has no such thing.
    """

    files: int = 0
    folders: int = 0
    links: int = 0
    content_bytes: int = 0
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    incomplete: int = 0
    damaged: int = 0
    unsupported: int = 0
    nameless: int = 0
    names: NameNotes = field(default_factory=NameNotes)
    loose: LooseBlocks = field(default_factory=LooseBlocks)
    losses: Losses = field(default_factory=Losses)

    @property
    def complete(self) -> bool:
        """Whether all that was to be written was, with all that belongs to it."""
        return not (self.failed or self.nameless)

    @property
    def kind(self) -> type[CompressionError]:
        """The error that the failures come to: the archive's fault before the target's."""
        if self.damaged or self.nameless:
            return CorruptArchiveError
        return UnsupportedArchiveError if self.unsupported else OutputError
