"""What a scan found: one entry for each thing to pack, kept in columns."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, overload

import numpy as np

from ucompress.spill import AT_ONCE, IN_MEMORY, SparseStringsBuilder, Spill, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ucompress.spill import Column

_EARLIEST_NS, _LATEST_NS = -(1 << 63), (1 << 63) - 1
_WORD = (1 << 64) - 1


class MemberKind(IntEnum):
    """What an archive can hold."""

    FILE = 0
    DIRECTORY = 1
    SYMLINK = 2
    HARDLINK = 3


@dataclass(slots=True)
class ScanEntry:
    """One thing to pack.

    Attributes:
        path: member path, raw bytes, `/` between the parts.
        source: path in the file system.
        root: the input that it belongs to, with which `source` begins.
        kind: what it is; a hard link is every path of a file but the lowest.
        mode: permission bits and file type, as `stat` gives them.
        mtime_ns, ctime_ns: times in nanoseconds since the epoch.
        size: bytes of content; 0 for all but files and hard links.
        inode, device, nlink: the file's identity and number of names.
        target: the text of a symbolic link, or the primary's member path of a hard link.
        xattrs: `user.*` extended attributes, sorted by name.
    """

    path: bytes
    source: bytes
    root: bytes
    kind: MemberKind
    mode: int
    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    device: int
    nlink: int
    target: bytes = b""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class ScanNote:
    """Something that a user should hear of: a path left out, or one that could not be read.

    Attributes:
        path: of the member.
        message: what is wrong with it.
        packed: whether it is packed all the same, not as it is in all.
    """

    path: bytes
    message: str
    packed: bool = False

    def __str__(self) -> str:
        """One line for people."""
        return f"{os.fsdecode(self.path)}: {self.message}"


@dataclass(slots=True)
class Manifest(Sequence[ScanEntry]):
    """What a scan found, in columns, which may stand in files; rows are made when asked for.

    Attributes:
        paths: member paths in ascending order of their bytes; the other columns are parallel.
        kinds, modes, mtimes_ns, ctimes_ns, sizes, inodes, devices, nlinks: see `ScanEntry`.
        roots: for each input the file system path that stands for the first part of a member path.
        inputs: index into `roots` of each entry.
        targets, xattrs: by index, only where there are any; the former in order.
        housing: folders that are home to a file never packed, such as the database: their own times
            change with every run, so they have that of the newest thing in them.
        notices: what was left out on purpose.
        warnings: what is not as it was asked for, and did no harm to a member.
        errors: what could not be read; the run goes on and ends with exit code 3.
        spill: keeps the columns.
    """

    paths: Sequence[bytes] = field(default_factory=list)
    kinds: Column = field(default_factory=lambda: array("B"))
    modes: Column = field(default_factory=lambda: array("L"))
    mtimes_ns: Column = field(default_factory=lambda: array("q"))
    ctimes_ns: Column = field(default_factory=lambda: array("q"))
    sizes: Column = field(default_factory=lambda: array("Q"))
    inodes: Column = field(default_factory=lambda: array("Q"))
    devices: Column = field(default_factory=lambda: array("Q"))
    nlinks: Column = field(default_factory=lambda: array("L"))
    inputs: Column = field(default_factory=lambda: array("L"))
    roots: list[bytes] = field(default_factory=list)
    targets: Mapping[int, bytes] = field(default_factory=dict)
    xattrs: dict[int, tuple[tuple[bytes, bytes], ...]] = field(default_factory=dict)
    housing: set[int] = field(default_factory=set)
    notices: list[ScanNote] = field(default_factory=list)
    warnings: list[ScanNote] = field(default_factory=list)
    errors: list[ScanNote] = field(default_factory=list)
    spill: Spill = IN_MEMORY

    def __len__(self) -> int:
        """Number of entries of all kinds."""
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> ScanEntry: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ScanEntry]: ...

    def __getitem__(self, index: int | slice) -> ScanEntry | Sequence[ScanEntry]:
        """The entry at a place, or a list of entries."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        return ScanEntry(
            path=self.paths[index],
            source=self.source(index),
            root=self.root(index),
            kind=MemberKind(self.kinds[index]),
            mode=self.modes[index],
            mtime_ns=self.mtimes_ns[index],
            ctime_ns=self.ctimes_ns[index],
            size=self.sizes[index],
            inode=self.inodes[index],
            device=self.devices[index],
            nlink=self.nlinks[index],
            target=self.targets.get(index, b""),
            xattrs=self.xattrs.get(index, ()),
        )

    def __iter__(self) -> Iterator[ScanEntry]:
        """The entries in order."""
        return (self[index] for index in range(len(self)))

    def source(self, index: int) -> bytes:
        """Path in the file system of one entry."""
        path = self.paths[index]
        slash = path.find(b"/")
        return self.roots[self.inputs[index]] + (path[slash:] if slash >= 0 else b"")

    def root(self, index: int) -> bytes:
        """Path in the file system of the input that an entry belongs to."""
        return self.roots[self.inputs[index]]

    def anchor(self, folder: bytes) -> None:
        """Make relative roots absolute, for readers with another current folder than `folder`."""
        self.roots = [os.path.join(folder, root) for root in self.roots]

    def sources(self, indices: Iterable[int]) -> list[bytes]:
        """`source` of many entries."""
        chosen, inputs, roots = list(indices), self.inputs, self.roots
        paths = taken(self.paths, chosen)
        if len(roots) == 1 and paths:
            root_path, first_part = roots[0], len(paths[0].partition(b"/")[0])
            return [root_path + path[first_part:] for path in paths]
        names: dict[int, int] = {}  # length of the first part of an input's member paths
        found = []
        for index, path in zip(chosen, paths, strict=True):
            root = inputs[index]
            cut = names.get(root)
            if cut is None:
                cut = names[root] = len(path.partition(b"/")[0])
            found.append(roots[root] + path[cut:])
        return found


def kept_identity(status: os.stat_result) -> tuple[int, int]:
    """Inode and device of a file as columns of 64 bits hold them."""
    return status.st_ino & _WORD, status.st_dev & _WORD


def kept_time(time_ns: int) -> int:
    """A time as archives and databases keep it: before 1677 or after 2262 the nearest that they can."""
    return min(max(time_ns, _EARLIEST_NS), _LATEST_NS)


def name_hard_links(manifest: Manifest) -> None:
    """Turn every name of a file but its lowest into a hard link to that one; paths must ascend."""
    links, primaries = other_names(manifest)
    if not len(links):
        return
    targets = SparseStringsBuilder(manifest.spill)
    ahead = iter(manifest.targets.items())
    symlink = next(ahead, None)
    for first in range(0, len(links), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        names = taken(manifest.paths, primaries[part].tolist())
        for index, primary in zip(links[part].tolist(), names, strict=True):
            while symlink is not None and symlink[0] < index:
                targets.add(*symlink)
                symlink = next(ahead, None)
            manifest.kinds[index] = MemberKind.HARDLINK
            targets.add(index, primary)
    while symlink is not None:
        targets.add(*symlink)
        symlink = next(ahead, None)
    manifest.targets = targets.finish()


def other_names(manifest: Manifest) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The entries that are other names of a file than its lowest, in order, and the entry of each lowest one.

    Paths must ascend.
    """
    kinds = np.asarray(manifest.kinds)
    is_name = (kinds == MemberKind.FILE) | (kinds == MemberKind.HARDLINK)
    several = np.flatnonzero(is_name & (np.asarray(manifest.nlinks) > 1))
    devices, inodes = np.asarray(manifest.devices)[several], np.asarray(manifest.inodes)[several]
    order = np.lexsort((inodes, devices))
    devices, inodes = devices[order], inodes[order]
    opens = np.ones(len(order), dtype=np.bool_)
    opens[1:] = (devices[1:] != devices[:-1]) | (inodes[1:] != inodes[:-1])
    primary = several[order[opens]][np.cumsum(opens) - 1]
    links, primary = several[order[~opens]], primary[~opens]
    ascending = np.argsort(links)
    return links[ascending], primary[ascending]


def date_housing(manifest: Manifest) -> None:
    """Give each folder that is home to files of ours the time of the newest entry in it, 0 without any.

    Its own time tells when we last wrote there. Paths must ascend.
    """
    for index in sorted(manifest.housing, reverse=True):
        folder = manifest.paths[index] + b"/"
        newest = 0
        for child in range(bisect_left(manifest.paths, folder), len(manifest.paths)):
            if not manifest.paths[child].startswith(folder):
                break
            if b"/" not in manifest.paths[child][len(folder) :]:
                newest = max(newest, manifest.mtimes_ns[child])
        manifest.mtimes_ns[index] = newest
