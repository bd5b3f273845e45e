"""Writes members to a folder: in parallel over blocks, each file at once or not at all."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import chain
from typing import TYPE_CHECKING

from ucompress.archive.extracting.delivery import (
    FAILURES,
    Delivery,
    Failure,
    fallen_short,
    permissions,
    reason,
    refusal,
    user_xattrs,
)
from ucompress.archive.extracting.limits import ExtractionLimits
from ucompress.archive.extracting.loose import write_loose
from ucompress.archive.extracting.openfile import Shortfall
from ucompress.archive.extracting.outcome import ExtractionReport
from ucompress.archive.extracting.preflight import Preflight
from ucompress.archive.extracting.selection import cut, selected
from ucompress.archive.extracting.settling import OpenFolders
from ucompress.archive.extracting.staging import StagingFolder
from ucompress.archive.extracting.target import TargetFolder
from ucompress.archive.format.entry import Entry, EntryKind, MemberName, Progress, show, to_path
from ucompress.archive.reading.hashing import HashBudget
from ucompress.config import check_flag, checked_path
from ucompress.errors import (
    ArchiveError,
    CorruptArchiveError,
    MemberNotFoundError,
    OutputError,
    UnsupportedArchiveError,
    UsageError,
)
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from ucompress.archive.reading.reader import ArchiveReader


def extract(
    archive: ArchiveReader,
    root: str | bytes | os.PathLike[str],
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
        UsageError: an argument is not of its kind, `threads` no number from 1 on, or the target or a
            name is nothing that a path could be; nothing was written.
        OutputError: the folder cannot be written, or a file is already there and `force` is not set,
            and nothing was written; or the disk is full.
        UnsafeArchiveError: the archive exceeds a limit; nothing was written.
    """
    names = _names(members)
    check_flag("force", force)
    check_flag("setuid", setuid)
    if not isinstance(limits, ExtractionLimits | None):
        raise UsageError(f"limits must be ExtractionLimits or None, not {limits!r}")
    decoding = archive._decoding_threads(threads)
    target = TargetFolder(checked_path("the target", root), force=force)

    def attempt(*, staged: bool) -> ExtractionReport:
        bits = permissions(setuid=setuid)
        seen = Preflight(archive, target, names, bits)
        job = _Extraction(archive, target, seen, decoding, progress, bits)
        try:
            seen.check(limits or ExtractionLimits(), force=force)
            if staged:
                job.stage()
        except BaseException as error:
            target.remove_made()
            if isinstance(error, MemberNotFoundError):
                raise MemberNotFoundError(f"{error}; nothing was written") from error
            raise
        try:
            return job.run(force=force)
        finally:
            job.settle()

    try:
        try:
            return attempt(staged=names is None)
        except _OvertakenError:
            return attempt(staged=False)
    finally:
        target.close()


class _OvertakenError(Exception):
    """What was put together cannot be moved out, for somebody made the same names meanwhile."""


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
        archive: ArchiveReader,
        target: TargetFolder,
        seen: Preflight,
        threads: int,
        progress: Progress | None,
        bits: int,
    ) -> None:
        self._permissions = bits
        self._seen = seen
        self._archive = archive
        self._target = target
        self._work = target
        self._staging: StagingFolder | None = None
        self._open = OpenFolders(self._finish_folder)
        self._last_made = b""
        self._tops: list[bytes] = []
        self._stands_at: dict[bytes, bytes] = {}
        self._hashes = HashBudget(archive.statistics.archive_bytes)
        self._threads = threads
        self._progress = progress
        self._lock = threading.Lock()
        self._report = seen.report
        self._failed: set[bytes] = set()

    def _admitted(self, batch: list[Entry]) -> list[Entry]:
        """The entries whose names the target can have; the others fail."""
        if not self._seen.names.refused:
            return batch
        admitted = []
        for entry in batch:
            why = self._seen.names.objection(entry.path)
            if why is None:
                admitted.append(entry)
            else:
                self._fail(entry, Failure(why, OutputError))
        return admitted

    def stage(self) -> None:
        """Where no name of the archive stands in the target yet, put all together in a folder beside."""
        if self._seen.new and self._target.descriptor is not None:
            self._staging = StagingFolder.beside(self._target)
            self._work = self._staging or self._target

    def run(self, *, force: bool) -> ExtractionReport:
        """Write everything; see `extract`.

        Raises:
            _OvertakenError: what was put together was removed again; each file is to be replaced by itself.
        """
        with ThreadPool(self._threads) as pool:
            for batch in map(self._admitted, self._seen.batches()):
                for folder in (entry for entry in batch if entry.kind is EntryKind.DIRECTORY):
                    self._make_folder(folder)
                self._deliver([e for e in batch if e.kind is EntryKind.FILE], pool)
                del batch  # before the next one is made
            if self._seen.links:
                for batch in self._seen.batches():
                    self._hard_links([e for e in batch if e.kind is EntryKind.HARDLINK], pool)
                    for entry in batch:
                        self._walk(entry)
        loose = self._seen.loose
        self._report.loose = write_loose(self._archive, loose, self._work, self._target, self._threads)
        self.settle(force=force)
        self._report.failed.sort()
        self._report.nameless = self._archive.lost_entries
        return self._report

    def _deliver(self, files: Sequence[Entry], pool: Executor) -> None:
        Delivery(
            self._archive, self._work, self._done, self._hashes, self._permissions, self._report.losses
        ).run(files, pool)

    def _make_folder(self, folder: Entry) -> None:
        if self._guard(folder, lambda made: self._work.make_folder(made.path)):
            self._last_made = folder.path
            if b"/" not in folder.path:
                self._tops.append(folder.path)

    def _walk(self, entry: Entry) -> None:
        """Make a symbolic link, or note a folder to be finished when nothing more comes into it."""
        if entry.path in self._failed:
            return
        if entry.kind is EntryKind.SYMLINK:
            self._open.go_to(entry.path)
            self._report.links += self._guard(entry, self._make_symlink)
        elif entry.kind is EntryKind.DIRECTORY and b"/" in entry.path:
            self._open.enter(entry)

    def settle(self, *, force: bool = False) -> None:
        """Finish all folders, and move out what was put together beside: also where a run was cut short."""
        last, self._last_made = self._last_made, b""
        try:
            self._finish_up_to(last)
        finally:
            self._move_out(force=force)
        tops, self._tops = self._tops, []
        for name in reversed(tops):
            self._finish_folder(self._archive.entry(name))

    def _finish_up_to(self, last: bytes) -> None:
        """Finish the folders that were made, and are not the topmost, up to a path."""
        if last > self._open.reached:
            for entry in chain.from_iterable(self._seen.batches()):
                if entry.path > last:
                    break
                if entry.path > self._open.reached and entry.kind is EntryKind.DIRECTORY:
                    self._walk(entry)
        self._open.leave()

    def _finish_folder(self, folder: Entry) -> None:
        """Give a folder its mode, its time and its attributes."""
        self._report.folders += self._guard(folder, self._dress_folder)

    def _move_out(self, *, force: bool) -> None:
        """Move to the target what was put together beside it, if anything was."""
        if self._staging is not None:
            staging, self._staging, self._work = self._staging, None, self._target
            try:
                if not staging.move_out(force=force):
                    self._tops = []
                    raise _OvertakenError
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
            failure = refusal(error, self._work, entry.path)
        if failure is not None:
            self._fail(entry, failure)
        return failure is None

    def _dress_folder(self, entry: Entry) -> Sequence[Shortfall]:
        mode, exact = entry.mode & self._permissions, self._permissions == permissions(setuid=True)
        return self._work.finish_folder(entry.path, mode, entry.mtime_ns, user_xattrs(entry), exact=exact)

    def _make_symlink(self, entry: Entry) -> Sequence[Shortfall]:
        return self._work.make_symlink(entry.path, entry.target, entry.mtime_ns)

    def _hard_links(self, links: list[Entry], pool: Executor) -> None:
        """Link to files written before; the first link stands in for a file that was not selected."""
        chosen = None if self._seen.wanted is None else set(self._seen.wanted)
        copied, linked = list[Entry](), list[Entry]()
        for link in links:
            if link.path in self._failed:
                continue
            if link.target in self._stands_at or selected(link.target, chosen):
                linked.append(link)
            else:
                self._stands_at[link.target] = link.path
                copied.append(link)
        self._copy_instead(copied, pool)
        unlinked = []
        for link in linked:
            primary = self._stands_at.get(link.target, link.target)
            if primary in self._failed:
                message = f"the file that it links to, {show(primary)}, was not written"
                self._fail(link, Failure(message, OutputError))
                continue
            try:
                made = self._link(link, primary)
            except FAILURES as error:
                self._fail(link, refusal(error, self._work, link.path))
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
