"""Writes members to a folder: in parallel over blocks, each file at once or not at all."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from ucompress.archive.delivery import (
    FAILURES,
    Delivery,
    Failure,
    fallen_short,
    permissions,
    reason,
    user_xattrs,
)
from ucompress.archive.entry import HOLE, Entry, EntryKind, MemberName, Progress, show, to_path
from ucompress.archive.hashing import HashBudget
from ucompress.archive.limits import BYTES_PER_EXTENT, ExtractionLimits
from ucompress.archive.loose import loose_blocks, write_loose
from ucompress.archive.openfile import Shortfall
from ucompress.archive.outcome import ExtractionReport, Loss
from ucompress.archive.pages import LINKED
from ucompress.archive.portable import NameCheck
from ucompress.archive.selection import cut, select, selected
from ucompress.archive.staging import StagingFolder
from ucompress.archive.target import TargetFolder
from ucompress.errors import (
    ArchiveError,
    CorruptArchiveError,
    MemberNotFoundError,
    OutputError,
    UnsupportedArchiveError,
)
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from ucompress.archive.reader import Archive


def extract(
    archive: Archive,
    root: Path,
    members: MemberName | Iterable[MemberName] | None = None,
    *,
    force: bool = False,
    setuid: bool = False,
    threads: int | None = None,
    limits: ExtractionLimits | None = None,
    progress: Progress | None = None,
) -> ExtractionReport:
    """Write members below a folder.

    Damage costs the members that it hits: they are listed in the report, or counted where even their names
    are lost; all others are written, and of the nameless their blocks (`LooseBlocks`). Where the file system
    takes two members' names for one, the first is written; the other and all below it are listed.

    Args:
        archive: the archive.
        root: target folder; made if it is not there.
        members: names; a folder's name stands for all below it. None: everything.
        force: replace files that are there, and give folders that are there the archive's attributes.
        setuid: give back set-user-ID and set-group-ID bits; the files belong to whoever extracts.
        threads: decoding threads, at most; None: as many as there are cores.
        limits: None: the default limits.
        progress: called with (member name, content bytes) after each file, from any thread.

    Raises:
        MemberNotFoundError: a name that the archive does not have; nothing was written.
        TypeError: what should be a name is none; nothing was written.
        UsageError: `threads` is no number from 1 on; nothing was written.
        OutputError: the folder cannot be written, or a file is already there and `force` is not set,
            and nothing was written; or the disk is full.
        UnsafeArchiveError: the archive exceeds a limit; nothing was written.
    """
    names = _names(members)
    decoding = archive._decoding_threads(threads)
    target = TargetFolder(root, force=force)
    try:
        job = _Extraction(
            archive,
            target,
            limits or ExtractionLimits(),
            decoding,
            progress,
            permissions(setuid=setuid),
        )
        try:
            job.check(names, force=force)
            if names is None:
                job.stage()
        except BaseException as error:
            target.remove_made()
            if isinstance(error, MemberNotFoundError):
                raise MemberNotFoundError(f"{error}; nothing was written") from error
            raise
        try:
            return job.run(names)
        finally:
            job.settle()
    finally:
        target.close()


def _names(members: MemberName | Iterable[MemberName] | None) -> list[bytes] | None:
    """What is named, as paths; None for everything."""
    if members is None:
        return None
    if isinstance(members, str | bytes | os.PathLike):
        return [to_path(members)]
    if not isinstance(members, Iterable):
        raise TypeError(f"members are one name, or several, not {type(members).__name__}")
    return [to_path(name) for name in members]


class _Extraction:
    """One run: batches of files by block, then links, then folders' times."""

    def __init__(
        self,
        archive: Archive,
        target: TargetFolder,
        limits: ExtractionLimits,
        threads: int,
        progress: Progress | None,
        bits: int,
    ) -> None:
        self._permissions = bits
        self._left_off = permissions(setuid=True) & ~bits
        self._names = NameCheck(self._has, target.folds)
        self._archive = archive
        self._target = target
        self._work = target
        self._staging: StagingFolder | None = None
        self._new = True
        self._first: list[Entry] = []
        self._folders: list[Entry] = []
        self._selected = 0
        self._loose: list[int] = []
        self._hashes = HashBudget(archive.statistics.archive_bytes)
        self._limits = limits
        self._threads = threads
        self._progress = progress
        self._lock = threading.Lock()
        self._report = ExtractionReport(names=self._names.notes)
        self._failed: set[bytes] = set()

    def check(self, names: list[bytes] | None, *, force: bool) -> None:
        """Refuse before anything is written what exceeds a limit or would replace something."""
        limits, total, extents, content = self._limits, 0, 0, 0
        look = not force and not self._target.is_empty()
        free = self._target.free_bytes() if limits.content_bytes is None else limits.content_bytes
        batches, tops = cut(select(self._archive, names)), dict[bytes, bool]()
        self._first = next(batches, [])
        for batch in chain((self._first,), batches):
            for entry in batch:
                extents += max(0, len(entry.extents) - 1)
                content += entry.size
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
                self._names.look(entry.path)
            if self._selected + len(batch) > limits.members:
                raise limits.too_many(batch[limits.members - self._selected], len(self._archive))
            self._selected += len(batch)
            if free is not None and total > free:
                raise limits.too_much(total, free, self._target.root)
            self._check_tops(batch, tops)
            if look:
                self._check_free(batch, tops)
        if names is None and self._archive.lost_entries:
            table = self._archive._directory.blocks
            self._loose = loose_blocks(self._archive.entries(), table)
            if (files := self._selected + len(self._loose)) > limits.members:
                raise limits.too_many_blocks(files)
            total += sum([table.decoded[number] for number in self._loose])
            if free is not None and total > free:
                raise limits.too_much(total, free, self._target.root)

    def _has(self, path: bytes) -> bool:
        """Whether the archive has a member of this path, or below it."""
        return path in self._archive or next(self._archive.entries(path + b"/"), None) is not None

    def _note_left_off(self, entry: Entry) -> None:
        """Note what a member will not get back whatever the target can."""
        losses, kind = self._report.losses, entry.kind
        if entry.mode & self._left_off and kind in (EntryKind.FILE, EntryKind.DIRECTORY):
            losses.note(Loss.SETUID, entry.path)
        kept = user_xattrs(entry)
        if len(kept) != len(entry.xattrs):
            losses.note(Loss.OTHER_ATTRIBUTES, entry.path)
        if kept and kind is EntryKind.SYMLINK:
            losses.note(Loss.ATTRIBUTES, entry.path)

    def _admitted(self, batch: list[Entry]) -> list[Entry]:
        """The entries whose names the target can have; the others fail."""
        if not self._names.refused:
            return batch
        admitted = []
        for entry in batch:
            why = self._names.objection(entry.path)
            if why is None:
                admitted.append(entry)
            else:
                self._fail(entry, Failure(why, OutputError))
        return admitted

    def _check_tops(self, batch: list[Entry], tops: dict[bytes, bool]) -> None:
        """Note which of the topmost names stand in the target; refuse one that cannot be made there."""
        first = {entry.path.partition(b"/")[0]: entry for entry in reversed(batch)}
        for name in sorted(first.keys() - tops.keys()):
            entry = first[name]
            self._target.refuse_if_read_only(entry.path, folder=entry.kind is EntryKind.DIRECTORY)
            tops[name] = self._target.exists(name)
            self._new = self._new and not tops[name]

    def _check_free(self, batch: list[Entry], tops: dict[bytes, bool]) -> None:
        """Refuse a member other than a folder that is there already."""
        for entry in batch:
            if (
                tops[entry.path.partition(b"/")[0]]
                and entry.kind is not EntryKind.DIRECTORY
                and self._target.exists(entry.path)
            ):
                path = self._target.path_of(entry.path)
                raise OutputError(
                    f"{show(path)} is already there; nothing was written. "
                    "--force replaces it (in Python force=True)"
                ).about(path)

    def stage(self) -> None:
        """Where no name of the archive stands in the target yet, put all together in a folder beside."""
        if self._new and self._target.descriptor is not None:
            self._staging = StagingFolder.beside(self._target)
            self._work = self._staging or self._target

    def run(self, names: list[bytes] | None) -> ExtractionReport:
        """Write everything; see `extract`."""
        links: list[Entry] = []
        with ThreadPool(self._threads) as pool:
            for batch in self._batches(names):
                for folder in (entry for entry in batch if entry.kind is EntryKind.DIRECTORY):
                    if self._guard(folder, lambda made: self._work.make_folder(made.path)):
                        self._folders.append(folder)
                links += [e for e in batch if e.kind in LINKED]
                self._deliver([e for e in batch if e.kind is EntryKind.FILE], pool)
            self._hard_links([link for link in links if link.kind is EntryKind.HARDLINK], names, pool)
        for link in links:
            if link.kind is EntryKind.SYMLINK and self._guard(link, self._make_symlink):
                self._report.links += 1
        self._report.loose = write_loose(self._archive, self._loose, self._work, self._target, self._threads)
        self.settle()
        self._report.failed.sort()
        self._report.nameless = self._archive.lost_entries
        return self._report

    def _batches(self, names: list[bytes] | None) -> Iterator[list[Entry]]:
        """The entries again, in parts; those of a small archive were kept."""
        batch, self._first = self._first, []
        yield self._admitted(batch)
        if self._selected > len(batch):
            for rest in cut(islice(select(self._archive, names), len(batch), None)):
                yield self._admitted(rest)

    def _deliver(self, files: Sequence[Entry], pool: Executor) -> None:
        Delivery(
            self._archive, self._work, self._done, self._hashes, self._permissions, self._report.losses
        ).run(files, pool)

    def _finish_folders(self, folders: list[Entry]) -> None:
        """Give folders their modes and times, those inside before those around them."""
        for folder in reversed(folders):
            if self._guard(folder, self._finish_folder):
                self._report.folders += 1

    def settle(self) -> None:
        """Finish all folders, and move out what was put together beside: also where a run was cut short."""
        folders, self._folders = self._folders, []
        try:
            self._finish_folders([folder for folder in folders if b"/" in folder.path])
        finally:
            self._move_out()
        self._finish_folders([folder for folder in folders if b"/" not in folder.path])

    def _move_out(self) -> None:
        """Move to the target what was put together beside it, if anything was."""
        if self._staging is not None:
            staging, self._staging, self._work = self._staging, None, self._target
            try:
                staging.move_out()
            finally:
                staging.close()

    def _done(self, entries: Sequence[Entry], failure: Failure | None) -> None:
        """Note files; called from any thread."""
        with self._lock:
            if failure is not None:
                for entry in entries:
                    self._fail(entry, failure)
                return
            self._report.files += len(entries)
            self._report.content_bytes += sum([entry.size for entry in entries])
        if self._progress is not None:
            for entry in entries:
                self._progress(show(entry.path), entry.size)

    def _fail(self, entry: Entry, failure: Failure) -> None:
        self._report.failed.append((entry.path, failure.message))
        if failure.stands:
            self._report.incomplete += 1
        else:
            self._failed.add(entry.path)
        self._report.damaged += failure.kind is CorruptArchiveError
        self._report.unsupported += failure.kind is UnsupportedArchiveError

    def _guard(self, entry: Entry, action: Callable[[Entry], Sequence[Shortfall] | None]) -> bool:
        """Run an action; what fails, or falls short, goes to the report."""
        try:
            failure = fallen_short(entry, action(entry) or (), self._report.losses)
        except FAILURES as error:
            failure = reason(error)
        if failure is not None:
            self._fail(entry, failure)
        return failure is None

    def _finish_folder(self, entry: Entry) -> Sequence[Shortfall]:
        mode, exact = entry.mode & self._permissions, self._permissions == permissions(setuid=True)
        return self._work.finish_folder(entry.path, mode, entry.mtime_ns, user_xattrs(entry), exact=exact)

    def _make_symlink(self, entry: Entry) -> Sequence[Shortfall]:
        return self._work.make_symlink(entry.path, entry.target, entry.mtime_ns)

    def _hard_links(self, links: list[Entry], names: list[bytes] | None, pool: Executor) -> None:
        """Link to files written before; the first link stands in for a file that was not selected."""
        chosen = None if names is None else set(names)
        stands_at: dict[bytes, bytes] = {}
        copied, linked = list[Entry](), list[Entry]()
        for link in links:
            if link.target in stands_at or selected(link.target, chosen):
                linked.append(link)
            else:
                stands_at[link.target] = link.path
                copied.append(link)
        self._copy_instead(copied, pool)
        unlinked = []
        for link in linked:
            primary = stands_at.get(link.target, link.target)
            if primary in self._failed:
                message = f"the file that it links to, {show(primary)}, was not written"
                self._fail(link, Failure(message, OutputError))
                continue
            try:
                made = self._link(link, primary)
            except FAILURES as error:
                self._fail(link, reason(error))
                continue
            self._report.links += made
            if not made:
                unlinked.append(link)
        self._copy_instead(unlinked, pool)

    def _link(self, link: Entry, primary: bytes) -> bool:
        """Make a hard link; False where the target's file system has none, or no more of them."""
        self._archive.origin(link)  # what it links to is a file of the archive, whatever stands in the target
        try:
            self._work.make_hard_link(link.path, primary)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
                raise
            return False
        return True

    def _copy_instead(self, links: list[Entry], pool: Executor) -> None:
        """Write the files that hard links are other names of, under the links' names."""
        for batch in cut(self._origins(links)):
            self._deliver(batch, pool)

    def _origins(self, links: list[Entry]) -> Iterator[Entry]:
        """The files that hard links lead to, each with the link's path."""
        for link in links:
            try:
                yield self._archive.origin(link)._replace(path=link.path)
            except ArchiveError as error:
                self._fail(link, reason(error))
