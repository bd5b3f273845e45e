"""The index: members into pages (format section 6)."""

from __future__ import annotations

from itertools import chain, islice, pairwise
from operator import lt
from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive.directory import PageTable, separator
from ucompress.archive.encode import encode_page
from ucompress.archive.entry import HOLE, EntryKind, link_problem, path_problem, paths_are_sound
from ucompress.archive.layout import (
    BLOCKS_LIMIT,
    PAGE_EXTENTS_LIMIT,
    TARGET_LIMIT,
    XATTR_COUNT_LIMIT,
    XATTRS_LIMIT,
    blocks_bound,
)
from ucompress.archive.pages import LINKED
from ucompress.archive.places import LEAST_BOUND
from ucompress.codec.block import BLOCK_LIMIT
from ucompress.config import DEFAULT_LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ucompress.archive.members import Integers, Members

PAGE_ENTRIES = 8192
PAGE_BYTES = 1 << 20
PAGE_EXTENTS = 1 << 14
"""So few that decoded pages are small beside what a reader keeps of them, however scattered files are."""

_ENTRY_COST = 64
"""What an entry weighs beside its path, target and attributes."""


class IndexWriter:
    """Cuts sorted members into pages.

    Parameters:
        hash_length: bytes of content hash kept for a file.
        level: the archive's level.
        errata: members may be cancelled, and hard links need no file before them.
        references: the blocks that may be coded after another one, and after which.

    Attributes:
        table: where each page lies within the section's payload.
        content_bytes: sum of all files' sizes.
    """

    def __init__(
        self,
        hash_length: int,
        *,
        level: int = DEFAULT_LEVEL,
        errata: bool = False,
        references: Mapping[int, int] | None = None,
    ) -> None:
        """Start without pages."""
        self._level = level
        self._references = references or {}
        self._hash_length = hash_length
        self._errata = errata
        self._last = b""
        self.table = PageTable()
        self.content_bytes = 0

    def pages(self, members: Members) -> Iterator[bytes]:
        """The coded pages; ValueError for a member that no archive may have, or out of order."""
        self._validate(members)
        starts = members.extent_start
        counts = np.append(np.diff(starts), 0)[members.contents]  # the last for what has no content
        sizes = np.add.reduceat(members.extent_length, starts[:-1]) if len(starts) > 1 else starts[:0]
        self.content_bytes += int(sizes[members.contents[members.contents >= 0]].sum())
        costs = np.fromiter(map(len, members.paths), np.int64, len(members)) + _ENTRY_COST
        for at, target in members.targets.items():
            costs[at] += len(target)
        for at, xattrs in members.xattrs.items():
            costs[at] += sum(len(name) + len(value) for name, value in xattrs)
        weight, extents = np.cumsum(costs), np.cumsum(counts)
        begin = 0
        while begin < len(members):
            end = min(
                begin + PAGE_ENTRIES, _room(weight, begin, PAGE_BYTES), _room(extents, begin, PAGE_EXTENTS)
            )
            yield self._page(members, begin, max(end, begin + 1))
            begin = max(end, begin + 1)

    def _page(self, members: Members, begin: int, end: int) -> bytes:
        page = encode_page(members, self._hash_length, begin, end, level=self._level)
        self.table.add(len(page), end - begin, separator(self._last, members.paths[begin]))
        self._last = members.paths[end - 1]
        return page

    def _validate(self, members: Members) -> None:
        """Refuse what a reader would refuse."""
        for begin in range(0, len(members), PAGE_ENTRIES):
            _check_paths(members.paths[begin : begin + PAGE_ENTRIES])
        if not all(map(lt, members.paths, islice(members.paths, 1, None))):
            after = next(b for a, b in pairwise(members.paths) if a >= b)
            raise ValueError(f"entries are out of order at {after!r}")
        cancelled = np.flatnonzero(members.kinds == EntryKind.CANCELLED)
        if len(cancelled) and not self._errata:
            raise ValueError(f"{members.paths[cancelled[0]]!r} is cancelled outside the errata")
        _check_targets(members)
        for at, xattrs in members.xattrs.items():
            size = sum(len(name) + len(value) for name, value in xattrs)
            if size > XATTRS_LIMIT or len(xattrs) > XATTR_COUNT_LIMIT:
                raise ValueError(
                    f"the extended attributes of {members.paths[at]!r} exceed {XATTRS_LIMIT} bytes"
                )
            if any(before[0] >= after[0] for before, after in pairwise(xattrs)):
                raise ValueError(f"the extended attributes of {members.paths[at]!r} are out of order")
        _check_contents(members, self._references)


def _room(sums: Integers, begin: int, limit: int) -> int:
    """The first member that no longer fits a page that begins with `begin`, by what they sum up to."""
    before = int(sums[begin - 1]) if begin else 0
    return int(np.searchsorted(sums, before + limit, side="right"))


def _check_paths(paths: Sequence[bytes]) -> None:
    if paths_are_sound(paths):
        return
    for path in paths:
        if problem := path_problem(path):
            raise ValueError(f"the path {path[:100]!r} is not allowed: {problem}")


def _check_targets(members: Members) -> None:
    """Links have a target that is allowed, nothing else has one."""
    links = np.flatnonzero(np.isin(members.kinds, LINKED)).tolist()
    for at in chain(links, members.targets.keys() - set(links)):
        path, target = members.paths[at], members.targets.get(at, b"")
        kind = members.kinds[at]
        if kind not in LINKED or not 0 < len(target) <= TARGET_LIMIT or b"\0" in target:
            raise ValueError(f"the target of {path!r} is not allowed")
        if kind == EntryKind.HARDLINK and (problem := link_problem(path, target)):
            raise ValueError(f"the target of {path[:100]!r} is not allowed: {problem}")


def _check_contents(members: Members, references: Mapping[int, int]) -> None:
    """Extents stay in blocks that can be, and a content lies in as few as a file of its size may."""
    starts, blocks = members.extent_start, members.extent_block
    offsets, lengths = members.extent_offset.astype(np.int64), members.extent_length
    stored = blocks != HOLE
    leaves = (lengths < 1) | (offsets < 0) | (stored & (offsets > BLOCK_LIMIT - lengths))
    impossible = stored & ((blocks < 0) | (blocks >= BLOCKS_LIMIT))
    for wrong, why in (
        (leaves, "an extent leaves its block"),
        (impossible, "its block cannot be"),
    ):
        if wrong.any():
            content = int(np.searchsorted(starts, wrong.argmax(), side="right")) - 1
            raise _refusal(members, content, why)
    harmless = LEAST_BOUND // 2 if references else LEAST_BOUND
    for content in np.flatnonzero(np.diff(starts) > harmless).tolist():
        rows = slice(int(starts[content]), int(starts[content + 1]))
        if rows.stop - rows.start > PAGE_EXTENTS_LIMIT:
            why = f"{rows.stop - rows.start} extents; the format has room for {PAGE_EXTENTS_LIMIT}"
            raise _refusal(members, content, why)
        bound = blocks_bound(int(lengths[rows].sum()))
        touched = set(blocks[rows].tolist()) - {HOLE}
        needed = len(touched | {references.get(block, block) for block in touched})
        if needed > bound:
            raise _refusal(members, content, f"it needs {needed} blocks; {bound} are allowed")


def _refusal(members: Members, content: int, why: str) -> ValueError:
    """The error for where a content is."""
    path = members.paths[int((members.contents == content).argmax())]
    return ValueError(f"where {path!r} stands is not allowed: {why}")
