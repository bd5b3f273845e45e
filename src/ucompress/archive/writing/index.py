"""The index: members into pages (format section 6)."""

from __future__ import annotations

from itertools import chain, islice, pairwise
from operator import lt
from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive.format.directory import PageTable, separator
from ucompress.archive.format.entry import HOLE, EntryKind, link_problem, path_problem, paths_are_sound
from ucompress.archive.format.layout import (
    BLOCKS_LIMIT,
    PAGE_EXTENTS_LIMIT,
    blocks_bound,
)
from ucompress.archive.format.pages import LINKED
from ucompress.archive.format.places import LEAST_BOUND
from ucompress.archive.writing.encode import encode_page
from ucompress.codec.block import BLOCK_LIMIT
from ucompress.config import DEFAULT_LEVEL
from ucompress.limits import TARGET_LIMIT, XATTR_COUNT_LIMIT, XATTRS_LIMIT
from ucompress.spill import parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ucompress.archive.format.members import Integers, Members

PAGE_ENTRIES = 8192
PAGE_BYTES = 1 << 20
PAGE_EXTENTS = 1 << 14
"""So few that decoded pages are small beside what a reader keeps of them, however scattered files are."""

_ENTRY_COST = 64
"""What an entry weighs beside its path, target and attributes."""


class IndexWriter:
    """Cuts sorted members into pages.

    Args:
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
        begin = 0
        while begin < len(members):
            after = min(begin + PAGE_ENTRIES, len(members))
            contents = members.contents[begin:after]
            counts = _counts(members, contents)
            fitting = min(_room(_costs(members, begin, after), PAGE_BYTES), _room(counts, PAGE_EXTENTS))
            end = min(begin + max(fitting, 1), after)
            self.content_bytes += _bytes_of(members, contents[: end - begin], counts[: end - begin])
            yield self._page(members, begin, end)
            begin = end
            members.spill.release()

    def _page(self, members: Members, begin: int, end: int) -> bytes:
        page = encode_page(members, self._hash_length, begin, end, level=self._level)
        self.table.add(len(page), end - begin, separator(self._last, members.paths[begin]))
        self._last = members.paths[end - 1]
        return page

    def _validate(self, members: Members) -> None:
        """Refuse what a reader would refuse."""
        for begin in range(0, len(members), PAGE_ENTRIES):
            _check_paths(members.paths[begin : begin + PAGE_ENTRIES])
            members.spill.release()
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


def _room(weights: Integers, limit: int) -> int:
    """How many of some members fit a page together."""
    return int(np.searchsorted(np.cumsum(weights), limit, side="right"))


def _costs(members: Members, begin: int, after: int) -> Integers:
    """What some members weigh in a page."""
    costs = np.array([len(path) for path in members.paths[begin:after]], dtype=np.int64) + _ENTRY_COST
    for at in range(begin, after) if members.targets or members.xattrs else ():
        costs[at - begin] += len(members.targets.get(at, b""))
        costs[at - begin] += sum(len(name) + len(value) for name, value in members.xattrs.get(at, ()))
    return costs


def _counts(members: Members, contents: Integers) -> Integers:
    """How many extents some contents have; 0 for -1, which is none."""
    counts = np.zeros(len(contents), dtype=np.int64)
    own = contents[contents >= 0]
    counts[contents >= 0] = members.extent_start[own + 1] - members.extent_start[own]
    return counts


def _bytes_of(members: Members, contents: Integers, counts: Integers) -> int:
    """Bytes of some contents of so many extents."""
    full = contents >= 0
    counts = counts[full]
    begins = members.extent_start[contents[full]]
    rows = np.repeat(begins - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    return int(members.extent_length[rows].sum())


def _check_paths(paths: Sequence[bytes]) -> None:
    if paths_are_sound(paths):
        return
    for path in paths:
        if problem := path_problem(path):
            raise ValueError(f"the path {path[:100]!r} is not allowed: {problem}")


def _check_targets(members: Members) -> None:
    """Links have a target that is allowed, nothing else has one."""
    links = np.flatnonzero(np.isin(members.kinds, LINKED))
    for at in chain(links.tolist(), members.targets if len(members.targets) > len(links) else ()):
        path, target = members.paths[at], members.targets.get(at, b"")
        kind = members.kinds[at]
        if kind not in LINKED or not 0 < len(target) <= TARGET_LIMIT or b"\0" in target:
            raise ValueError(f"the target of {path!r} is not allowed")
        if kind == EntryKind.HARDLINK and (problem := link_problem(path, target)):
            raise ValueError(f"the target of {path[:100]!r} is not allowed: {problem}")


def _check_contents(members: Members, references: Mapping[int, int]) -> None:
    """Extents stay in blocks that can be, and a content lies in as few as a file of its size may."""
    starts = members.extent_start
    for part in parts(len(members.extent_length)):
        blocks, lengths = members.extent_block[part], members.extent_length[part]
        offsets, stored = members.extent_offset[part].astype(np.int64), blocks != HOLE
        leaves = (lengths < 1) | (offsets < 0) | (stored & (offsets > BLOCK_LIMIT - lengths))
        impossible = stored & ((blocks < 0) | (blocks >= BLOCKS_LIMIT))
        for wrong, why in (
            (leaves, "an extent leaves its block"),
            (impossible, "its block cannot be"),
        ):
            if wrong.any():
                at = part.start + int(wrong.argmax())
                raise _refusal(members, int(np.searchsorted(starts, at, side="right")) - 1, why)
        members.spill.release()
    blocks, lengths = members.extent_block, members.extent_length
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
