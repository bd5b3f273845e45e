"""The walk itself: one pass over the inputs, in the order of member paths, columns out.

A folder's entries are sorted together with the folders in it, each of which is entered where what is below it
comes: behind `name/`. So what is found is in order, and only folders that are open are in memory.
"""

from __future__ import annotations

import errno
import os
import stat
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import lt
from typing import TYPE_CHECKING, NamedTuple

from ucompress.errors import UsageError
from ucompress.scan.attributes import LeftAttributes
from ucompress.scan.building import ROWS_TOGETHER, Listed, ManifestBuilder, not_barren, reordered
from ucompress.scan.fitting import path_fault, target_fault, xattrs_fault
from ucompress.scan.listing import take_plain
from ucompress.scan.manifest import (
    Manifest,
    MemberKind,
    ScanNote,
    date_housing,
    kept_identity,
    kept_time,
    name_hard_links,
)
from ucompress.scan.opening import LONGEST_STEP, open_long, read_link, read_whole, read_xattrs
from ucompress.scan.rules import (
    SPECIAL,
    WINDOWS,
    AnyPath,
    Ignore,
    NeverPacked,
    gitignore_spec,
    look_at_input,
    matchable,
    named_inputs,
    pattern_spec,
)
from ucompress.scan.unsized import without_unsized
from ucompress.spill import IN_MEMORY, Spill

if TYPE_CHECKING:
    from ucompress.scan.rules import Spec

_REPARSE_POINT = 0x400
_PROGRESS_EVERY = 1000
_HAS_XATTRS = hasattr(os, "listxattr")

Progress = Callable[[int, int, bytes], None]


def scan(
    inputs: Iterable[AnyPath],
    *,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    gitignore: bool = False,
    skip: Iterable[str | os.PathLike[str]] = (),
    output: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    spill: Spill = IN_MEMORY,
) -> Manifest:
    """List everything under the inputs.

    Args:
        inputs: files, directories and symbolic links.
        include: gitignore-style patterns on member names; with any, only files that match are
            taken, and directories that match or hold such a file.
        exclude: the same, for what is left out; wins over `include`; directories are not entered.
        gitignore: honour `.gitignore` files inside the inputs.
        skip: files that are never packed, such as the database; they need not exist. Other names of them are
            left out with a notice.
        output: what is to be replaced, and not packed either; other names of it are.
        progress: called once a directory, and in one of 1,000 entries and more again, with (entries so
            far, bytes so far, member path).
        spill: keeps the columns.

    Raises:
        InputError: an input does not exist, cannot be looked at, or is a FIFO, a socket or a device.
        UsageError: two inputs have the same name, an input has no name, or a pattern is malformed.
    """
    scanner = _Scanner(
        pattern_spec(include, below=True),
        pattern_spec(exclude, below=False),
        gitignore,
        NeverPacked(skip, output),
        progress,
        spill,
    )
    scanner.walk(named_inputs(inputs))
    return scanner.finish()


class _Folder(NamedTuple):
    """A folder to be listed: its member path, where it lies, its identity, what is ignored, its input."""

    name: bytes
    source: bytes
    identity: tuple[int, int]
    ignore: Ignore | None
    number: int


class _Scanner:
    """One walk; `here` ends with the entries of what is being listed, `below` has its folders."""

    def __init__(
        self,
        include: Spec | None,
        exclude: Spec | None,
        gitignore: bool,
        skip: NeverPacked,
        progress: Progress | None,
        spill: Spill,
    ) -> None:
        self.include = include
        self.exclude = exclude
        self.gitignore = gitignore
        self.skip = skip
        self.progress = progress
        self._takes_all = include is None and exclude is None and not gitignore
        self._never = {inode for _, inode in skip.files}
        self.spill = spill
        self.builder = ManifestBuilder(spill)
        self.found = self.builder.made
        self.here = Listed()
        self.below: list[_Folder] = []
        self.number = 0
        self.listed = 0
        self.bytes = 0
        self.without_xattrs: set[int] = set()
        self.left = LeftAttributes()

    def walk(self, inputs: Sequence[tuple[bytes, bytes]]) -> None:
        """Walk the inputs: (name, where it lies) of each."""
        self.found.roots.extend(source for _, source in inputs)
        for self.number, (name, source) in enumerate(inputs):
            self._look_at_input(name, source)
        open_folders = [self._in_order(self.here, 0, self.below)]
        while open_folders:
            folder = next(open_folders[-1], None)
            if folder is None:
                open_folders.pop()
            else:
                open_folders.append(self._walk(folder))

    def _look_at_input(self, name: bytes, source: bytes) -> None:
        status = look_at_input(source)
        if self.skip.has(source, status):
            raise UsageError(
                f"{os.fsdecode(source)} is the output or the database: it cannot pack itself"
            ).about(source)
        if stat.S_ISLNK(status.st_mode):
            note = "a link, and not followed: only the link itself is packed"
            self.found.notices.append(ScanNote(name, note))
        self._visit(name, source, status, None)

    def finish(self) -> Manifest:
        """Drop directories that nothing was taken from, tell primaries from hard links."""
        manifest = self.builder.finish()
        if self.include is not None:
            manifest = reordered(manifest, not_barren(manifest, self.include), self.spill)
        manifest = without_unsized(manifest, self.progress)
        manifest.notices.extend(self.left.notices())
        manifest.notices.sort(key=lambda note: note.path)
        manifest.errors.sort(key=lambda note: note.path)
        manifest.warnings.sort(key=lambda note: note.path)
        name_hard_links(manifest)
        date_housing(manifest)
        self.spill.release()
        return manifest

    def _walk(self, folder: _Folder) -> Iterator[_Folder]:
        """Take a folder's entries; yields each folder in it where what is below that has its place."""
        if len(self.here.paths) >= ROWS_TOGETHER:
            self.listed += len(self.here.paths)
            self.here = Listed()
        begin = len(self.here.paths)
        self.below, self.number = [], folder.number
        self._list(folder.name, folder.source, folder.identity, folder.ignore)
        yield from self._in_order(self.here, begin, self.below)

    def _in_order(self, here: Listed, begin: int, below: list[_Folder]) -> Iterator[_Folder]:
        paths = here.paths
        order: Sequence[int] = range(begin, len(paths))
        mine = paths[begin:]
        if not all(map(lt, mine, islice(mine, 1, None))):
            order = sorted(order, key=paths.__getitem__)
        first = 0
        for folder in sorted(below, key=lambda folder: folder.name + b"/"):
            after = bisect_left(order, folder.name + b"/", first, key=paths.__getitem__)
            self.builder.take(here, order[first:after])
            first = after
            yield folder
        self.builder.take(here, order[first:])

    @property
    def _taken(self) -> int:
        """Entries so far, those of the folder that is being listed among them."""
        return self.listed + len(self.here.paths)

    def _list(self, name: bytes, source: bytes, identity: tuple[int, int], ignore: Ignore | None) -> None:
        if self.progress is not None:
            self.progress(self._taken, self.bytes, name)
        hidden = self.skip.names.get(identity, ())
        told = self._taken
        if not hidden and ignore is None and len(source) <= LONGEST_STEP and self._takes_all:
            taken = take_plain(self.here, name, source, self.number, self._never)
            if taken is not None:
                self.bytes += taken[1]
                if self.progress is not None and self._taken - told >= _PROGRESS_EVERY:
                    self.progress(self._taken, self.bytes, name)
                self._look_at_each(name, source, taken[0])
                return
        descriptor = None
        try:
            if len(source) > LONGEST_STEP and not WINDOWS:
                descriptor = open_long(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            with os.scandir(source if descriptor is None else descriptor) as listing:
                if self.gitignore:
                    ignore = self._read_gitignore(name, source, ignore)
                for child in listing:
                    child_name = os.fsencode(child.name)
                    if child_name in hidden:
                        continue
                    path = source + b"/" + child_name
                    try:
                        status = os.lstat(path) if WINDOWS else child.stat(follow_symlinks=False)
                    except OSError as error:
                        self._fail(name + b"/" + child_name, error)
                        continue
                    self._visit(name + b"/" + child_name, path, status, ignore)
                    if self.progress is not None and self._taken - told >= _PROGRESS_EVERY:
                        told = self._taken
                        self.progress(told, self.bytes, name)
        except OSError as error:
            self._fail(name, error)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _look_at_each(self, name: bytes, source: bytes, children: list[bytes]) -> None:
        """Visit some of a folder's entries."""
        for child in children:
            path = source + b"/" + child
            try:
                status = os.lstat(path)
            except OSError as error:
                self._fail(name + b"/" + child, error)
                continue
            self._visit(name + b"/" + child, path, status, None)

    def _visit(self, name: bytes, source: bytes, status: os.stat_result, ignore: Ignore | None) -> None:
        mode = stat.S_IFMT(status.st_mode)
        if mode == stat.S_IFREG:
            if not self._wanted(name, ignore) or self._is_ours(name, status):
                return
            if not self._is_refused(name, path_fault(name)):
                self._add(name, source, MemberKind.FILE, status)
                self.bytes += status.st_size
        elif mode == stat.S_IFDIR:
            if self._excluded(matchable(name) + "/", ignore):
                return
            if WINDOWS and getattr(status, "st_file_attributes", 0) & _REPARSE_POINT:
                self.found.notices.append(ScanNote(name, "a junction, left out"))
                return
            identity = (status.st_dev, status.st_ino)
            if self._is_refused(name, path_fault(name, "left out with all that is in it")):
                return
            if identity in self.skip.names:
                self.here.housing.add(len(self.here.paths))
            self._add(name, source, MemberKind.DIRECTORY, status)
            self.below.append(_Folder(name, source, identity, ignore, self.number))
        elif mode == stat.S_IFLNK:
            if self._wanted(name, ignore) and not self._is_refused(name, path_fault(name)):
                self._add_link(name, source, status)
        elif self._wanted(name, ignore):
            self.found.notices.append(ScanNote(name, f"{SPECIAL.get(mode, 'not a file')}, left out"))

    def _is_ours(self, name: bytes, status: os.stat_result) -> bool:
        own = self.skip.files.get((status.st_dev, status.st_ino))
        if own is not None:
            reason = f"another name of {os.fsdecode(own)}, which this run writes to: left out"
            self.found.notices.append(ScanNote(name, reason))
        return own is not None

    def _is_refused(self, name: bytes, fault: str | None) -> bool:
        if fault is not None:
            self.found.errors.append(ScanNote(name, fault))
        return fault is not None

    def _excluded(self, text: str, ignore: Ignore | None) -> bool:
        if self.exclude is not None and self.exclude.match_file(text):
            return True
        return ignore is not None and ignore.ignores(text)

    def _wanted(self, name: bytes, ignore: Ignore | None) -> bool:
        if self.exclude is None and self.include is None and ignore is None:
            return True
        text = matchable(name)
        if self._excluded(text, ignore):
            return False
        return self.include is None or self.include.match_file(text)

    def _add(self, name: bytes, source: bytes, kind: MemberKind, status: os.stat_result) -> None:
        found = self.here
        if _HAS_XATTRS and status.st_dev not in self.without_xattrs:
            xattrs = self._read_xattrs(name, source, status.st_dev)
            if xattrs and kind == MemberKind.SYMLINK:
                for attribute, _ in xattrs:
                    self.left.note(name, attribute)
            elif xattrs:
                found.xattrs[len(found.paths)] = xattrs
        found.paths.append(name)
        found.kinds.append(kind)
        found.modes.append(status.st_mode)
        found.mtimes_ns.append(self._kept_time(name, status.st_mtime_ns))
        found.ctimes_ns.append(kept_time(status.st_ctime_ns))
        found.sizes.append(status.st_size if kind == MemberKind.FILE else 0)
        inode, device = kept_identity(status)
        found.inodes.append(inode)
        found.devices.append(device)
        found.nlinks.append(status.st_nlink)
        found.inputs.append(self.number)

    def _kept_time(self, name: bytes, time_ns: int) -> int:
        kept = kept_time(time_ns)
        if kept != time_ns:
            self.found.notices.append(
                ScanNote(
                    name, "its time is beyond what an archive can hold (1677 to 2262); the nearest is kept"
                )
            )
        return kept

    def _add_link(self, name: bytes, source: bytes, status: os.stat_result) -> None:
        try:
            target = read_link(source)
        except OSError as error:
            self._fail(name, error)
            return
        if not self._is_refused(name, target_fault(target)):
            self.here.targets[len(self.here.paths)] = target
            self._add(name, source, MemberKind.SYMLINK, status)

    def _read_xattrs(self, name: bytes, source: bytes, device: int) -> tuple[tuple[bytes, bytes], ...]:
        try:
            kept, left, failure = read_xattrs(source)
        except OSError as error:
            if error.errno in (errno.ENOTSUP, errno.ENOSYS):
                self.without_xattrs.add(device)
            elif error.errno == errno.EACCES:
                self.left.note(name, b"attributes that may not be read")
            elif error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                self._fail_attributes(name, error)
            return ()
        if failure is not None:
            self._fail_attributes(name, failure)
        for attribute in left:
            self.left.note(name, attribute)
        fault = xattrs_fault(kept)
        if fault is not None:
            self._fall_short(name, fault)
        return kept if fault is None else ()

    def _fail_attributes(self, name: bytes, error: OSError) -> None:
        self._fall_short(name, f"packed, but its attributes cannot be read: {error.strerror or error}")

    def _fall_short(self, name: bytes, message: str) -> None:
        self.found.errors.append(ScanNote(name, message, packed=True))

    def _read_gitignore(self, name: bytes, source: bytes, outer: Ignore | None) -> Ignore | None:
        path = source + b"/.gitignore"
        try:
            text = read_whole(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return outer
        except OSError as error:
            if error.errno == errno.ELOOP:
                note = ScanNote(name + b"/.gitignore", "is a link: its lines do not hold, as for git")
                self.found.warnings.append(note)
            else:
                self._fail(name + b"/.gitignore", error)
            return outer
        spec, passed_over = gitignore_spec(text)
        self.found.warnings.extend(ScanNote(name + b"/.gitignore", message) for message in passed_over)
        return Ignore(spec, len(name) + 1, outer)

    def _fail(self, name: bytes, error: OSError) -> None:
        self.found.errors.append(ScanNote(name, error.strerror or str(error)))
