"""Content hashes, taken while blocks come by in any order, so that each is decoded once.

What is known of the files stands in columns, a row for each extent: an archive may have millions of them.
"""

from __future__ import annotations

import threading
from array import array
from typing import TYPE_CHECKING

from blake3 import blake3

from ucompress.archive.format.entry import HOLE, Entry
from ucompress.archive.format.layout import check
from ucompress.checksum import run_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LEAST_HELD, _MOST_HELD = 1 << 20, 64 << 20
_EXTENT_BYTES = 48
"""What an extent takes, in columns."""

_FREE_EXTENTS, _BYTES_PER_EXTENT = 1 << 20, 64
"""So many extents are noted, and one more for each so many bytes of the archive: real ones have fewer."""

_ZEROS = bytes(1 << 20)
_LAST = -1
_LEAST_WEIGHT = 3 << 10
"""Bytes of a file's hash while it is taken, and of what is around it."""


class _Content:
    """A file of several extents: hashed as far as its bytes came in order, the others held."""

    __slots__ = ("_blocks", "_hasher", "_held", "_lengths", "_next", "weight")

    def __init__(self, blocks: Sequence[int], lengths: Sequence[int]) -> None:
        """Nothing has come yet; `weight` is what it takes, in bytes."""
        self._blocks = blocks
        self._lengths = lengths
        self._hasher = blake3()
        self._next = 0
        self._held: dict[int, bytes] = {}
        self.weight = _LEAST_WEIGHT + 16 * len(blocks)
        self._proceed()

    def is_next(self, at: int) -> bool:
        """Whether all bytes before extent `at` have come."""
        return at == self._next

    def give(self, at: int, piece: memoryview) -> None:
        """The bytes of extent `at`, in any order."""
        if at == self._next:
            self._hasher.update(piece)
            self._next += 1
            self._proceed()
        else:
            self._held[at] = bytes(piece)
            self.weight += len(piece)

    def digest(self, length: int) -> bytes | None:
        """So many bytes of the hash; None while bytes are missing."""
        return self._hasher.digest(length) if self._next == len(self._blocks) else None

    def _proceed(self) -> None:
        """Hash holes and what was held, up to the next extent that has not come."""
        while self._next < len(self._blocks):
            if self._blocks[self._next] == HOLE:
                left = self._lengths[self._next]
                while left:
                    self._hasher.update(_ZEROS[:left])
                    left -= min(left, len(_ZEROS))
            elif self._next in self._held:
                piece = self._held.pop(self._next)
                self.weight -= len(piece)
                self._hasher.update(piece)
            else:
                return
            self._next += 1


def bounds(room: int, archive_bytes: int) -> tuple[int, int]:
    """The bytes and the extents that hashes of an archive of so many bytes may take of some room."""
    extents = min(_FREE_EXTENTS + archive_bytes // _BYTES_PER_EXTENT, room // _EXTENT_BYTES)
    return max(_LEAST_HELD, min(_MOST_HELD, room)), extents


class ContentHashes:
    """Hashes of the files whose blocks have been shown; any number of threads may show some.

    A file is given up, and has no hash, where its bytes or its extents would take more than they may.

    Args:
        members: each path, in their order, with its entry; None for those that are not hashed.
        length: bytes of each hash, as the archive keeps them.
        held: most bytes that files take whose bytes have come in part; those that came too early are kept.
        extents: most extents noted; a file that has holes only takes none.
    """

    def __init__(
        self, members: Iterable[tuple[bytes, Entry | None]], length: int, held: int, extents: int
    ) -> None:
        """Note which blocks the files need; those without a block are hashed at once."""
        self._limit = held
        self._length = length
        self._held = 0
        self._lock = threading.Lock()
        self._begun: dict[int, _Content] = {}
        self._given_up: set[int] = set()
        self._keys, self._at = array("Q"), 0
        self._expected = bytearray()
        self._first = array("q", [0])
        self._members, self._blocks, self._offsets, self._lengths = (array("q") for _ in range(4))
        self._next = array("q")
        self._first_of: dict[int, int] = {}
        self._last_of: dict[int, int] = {}
        self._digests, self._known = bytearray(), bytearray()
        for path, entry in members:
            self._keys.append(run_check(path))
            self._expected.append(entry is not None)
            digest = None
            if entry is not None and all(extent.block == HOLE for extent in entry.extents):
                digest = _Content(*_columns(entry)).digest(length)
            elif entry is not None and len(self._blocks) + len(entry.extents) <= extents:
                self._note_extents(entry)
            self._first.append(len(self._blocks))
            self._digests += digest or bytes(length)
            self._known.append(digest is not None)

    def _note_extents(self, entry: Entry) -> None:
        """Note where the file that comes next lies; the rows of a block each have the next one."""
        for row, (block, offset, length) in enumerate(entry.extents, len(self._blocks)):
            self._members.append(len(self._known))
            self._blocks.append(block)
            self._offsets.append(offset)
            self._lengths.append(length)
            self._next.append(_LAST)
            if block in self._last_of:
                self._next[self._last_of[block]] = row
            else:
                self._first_of[block] = row
            self._last_of[block] = row

    def show(self, number: int, data: bytes) -> None:
        """Hash what lies in a block, given its decoded bytes."""
        view = memoryview(data)
        row = self._first_of.get(number, _LAST)
        while row != _LAST:
            member, offset, length = self._members[row], self._offsets[row], self._lengths[row]
            piece, first = view[offset : offset + length], self._first[member]
            if self._first[member + 1] - first > 1:
                with self._lock:
                    self._show_part(member, row - first, piece, is_there=len(piece) == length)
            elif len(piece) == length:
                self._note(member, check(piece, self._length))
            row = self._next[row]

    def number(self, path: bytes) -> int | None:
        """The number of a member; asked for in their order, whether or not all of them are.

        None if there is none of this path behind the one asked for before.
        """
        try:
            number = self._keys.index(run_check(path), self._at)
        except ValueError:
            return None
        self._at = number + 1
        return number

    def is_expected(self, number: int) -> bool:
        """Whether a member was to be hashed."""
        return bool(self._expected[number])

    def digest(self, number: int) -> bytes | None:
        """A member's hash; None if a block was not shown, or it was given up."""
        if not self._known[number]:
            return None
        return bytes(self._digests[number * self._length : (number + 1) * self._length])

    def _show_part(self, member: int, part: int, piece: memoryview, *, is_there: bool) -> None:
        if member in self._given_up:
            return
        content = self._begun.pop(member, None)
        if content is None:
            rows = slice(self._first[member], self._first[member + 1])
            content = _Content(self._blocks[rows], self._lengths[rows])
        else:
            self._held -= content.weight
        kept = content.weight + (0 if content.is_next(part) else len(piece))
        if not is_there or self._held + kept > self._limit:
            self._given_up.add(member)
            return
        content.give(part, piece)
        digest = content.digest(self._length)
        if digest is not None:
            self._note(member, digest)
            return
        self._begun[member] = content
        self._held += content.weight

    def _note(self, member: int, digest: bytes) -> None:
        self._digests[member * self._length : (member + 1) * self._length] = digest
        self._known[member] = True


def _columns(entry: Entry) -> tuple[list[int], list[int]]:
    """Block and length of each extent."""
    return [extent.block for extent in entry.extents], [extent.length for extent in entry.extents]
