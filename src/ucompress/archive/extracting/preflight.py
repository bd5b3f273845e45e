"""What is looked at before anything is written: limits, names, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ucompress.archive.extracting.delivery import permissions, user_xattrs
from ucompress.archive.extracting.limits import BYTES_PER_EXTENT, ExtractionLimits
from ucompress.archive.extracting.loose import loose_blocks
from ucompress.archive.extracting.outcome import ExtractionReport, Loss
from ucompress.archive.extracting.portable import NameCheck
from ucompress.archive.extracting.selection import BATCH, cut, has, select, why_lost
from ucompress.archive.format.entry import HOLE, Entry, EntryKind, show, xattr_bytes
from ucompress.archive.format.pages import LINKED
from ucompress.errors import OutputError

if TYPE_CHECKING:
    from ucompress.archive.extracting.target import TargetFolder
    from ucompress.archive.reading.reader import ArchiveReader


class Preflight:
    """The first walk over the members that are wanted; the others go over them by `batches`.

    Args:
        archive: the archive.
        target: where to.
        wanted: paths of members, each with all below it; None: everything.
        bits: the mode bits that members get, if they have them.

    Attributes:
        wanted: as given.
        names: what is peculiar about the members' names, and which of them the target cannot have.
        report: takes what is found.
        selected, links: numbers of members, and of links among them.
        new: whether no topmost name stands in the target.
        loose: the blocks that hold bytes of members without names.
    """

    def __init__(
        self, archive: ArchiveReader, target: TargetFolder, wanted: list[bytes] | None, bits: int
    ) -> None:
        """Nothing is looked at yet."""
        self.wanted = wanted
        self.names = NameCheck(self._has, target.folds)
        self.report = ExtractionReport(names=self.names.notes)
        self.selected = 0
        self.links = 0
        self.new = True
        self.loose: list[int] = []
        self._archive = archive
        self._target = target
        self._left_off = permissions(setuid=True) & ~bits
        self._only: list[Entry] = []
        self._tops: dict[bytes, bool] = {}

    def check(self, limits: ExtractionLimits, *, force: bool) -> None:
        """Refuse what exceeds a limit or would replace something; see `extract`."""
        if self.wanted is None and len(self._archive) > limits.members:
            raise limits.too_many(len(self._archive))
        total, extents, content, made = 0, 0, 0, 0
        look = not force and not self._target.is_empty()
        free = self._target.free_bytes() if limits.content_bytes is None else limits.content_bytes
        room = self._target.free_inodes()
        lost = list[bytes]()
        for batch in cut(select(self._archive, self.wanted, lost)):
            self._only = batch if not self.selected and len(batch) < BATCH else []
            for entry in batch:
                extents += max(0, len(entry.extents) - 1)
                content += entry.size
                self.links += entry.kind in LINKED
                if entry.target or entry.xattrs:
                    total += xattr_bytes(entry) + len(entry.target) * (entry.kind is EntryKind.SYMLINK)
                for block, _, length in entry.extents:
                    if block != HOLE:
                        total += length
                if (
                    entry.size > limits.file_bytes
                    or extents > limits.extents + content // BYTES_PER_EXTENT
                    or entry.path.count(b"/") >= limits.depth
                    or len(entry.path) > limits.path_bytes
                ):
                    raise limits.refusal(entry)
                if entry.xattrs or entry.mode & self._left_off:
                    self._note_left_off(entry)
                self.names.look(entry.path)
            if self.selected + len(batch) > limits.members:
                raise limits.too_many(len(self._archive), batch[limits.members - self.selected])
            self.selected += len(batch)
            if free is not None and total > free:
                raise limits.too_much(total, free, self._target.root)
            self._check_tops(batch)
            made += self._to_be_made(batch)
            if room is not None and made > room:
                raise limits.no_room(made, room, self._target.root)
            if look:
                self._check_free(batch)
            del batch  # before the next one is made
        self.report.failed.extend((name, why_lost(self._archive)) for name in lost)
        self.report.damaged += len(lost)
        if self.wanted is None and self._archive.lost_entries:
            table = self._archive._directory.blocks
            self.loose = loose_blocks(self._archive.entries(), table)
            if (files := self.selected + len(self.loose)) > limits.members:
                raise limits.too_many_blocks(files)
            total += sum([table.decoded[number] for number in self.loose])
            if free is not None and total > free:
                raise limits.too_much(total, free, self._target.root)

    def batches(self) -> Iterator[list[Entry]]:
        """The members, in parts, once more each time; those that fit one part are kept."""
        if len(self._only) == self.selected:
            return iter((self._only,))
        return cut(select(self._archive, self.wanted, []))

    def _has(self, path: bytes) -> bool:
        """Whether the archive has a member of this path, or below it."""
        return has(self._archive, path)

    def _note_left_off(self, entry: Entry) -> None:
        """Note what a member will not get back whatever the target can."""
        losses, kind = self.report.losses, entry.kind
        if entry.mode & self._left_off and kind in (EntryKind.FILE, EntryKind.DIRECTORY):
            losses.note(Loss.SETUID, entry.path)
        kept = user_xattrs(entry)
        if len(kept) != len(entry.xattrs):
            losses.note(Loss.OTHER_ATTRIBUTES, entry.path)
        if kept and kind is EntryKind.SYMLINK:
            losses.note(Loss.ATTRIBUTES, entry.path)

    def _check_tops(self, batch: list[Entry]) -> None:
        """Note which of the topmost names stand in the target; refuse one that cannot be made there."""
        first = {entry.path.partition(b"/")[0]: entry for entry in reversed(batch)}
        for name in sorted(first.keys() - self._tops.keys()):
            entry = first[name]
            self._target.refuse_if_read_only(entry.path, folder=entry.kind is EntryKind.DIRECTORY)
            self._tops[name] = self._target.exists(name)
            self.new = self.new and not self._tops[name]

    def _to_be_made(self, batch: list[Entry]) -> int:
        """How many members certainly take an inode that they do not have yet."""
        if not self.new:
            batch = [entry for entry in batch if not self._tops[entry.path.partition(b"/")[0]]]
        return sum([entry.kind is not EntryKind.HARDLINK for entry in batch])

    def _check_free(self, batch: list[Entry]) -> None:
        """Refuse a member other than a folder that is there already."""
        for entry in batch:
            if (
                self._tops[entry.path.partition(b"/")[0]]
                and entry.kind is not EntryKind.DIRECTORY
                and self._target.exists(entry.path)
            ):
                path = self._target.path_of(entry.path)
                raise OutputError(
                    f"{show(path)} is already there; nothing was written. "
                    "--force replaces it (in Python force=True)"
                ).about(path)
