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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HELD = 64 << 20
"""Bytes kept of files whose earlier bytes have not come yet, where memory allows."""

_ZEROS = bytes(1 << 20)
_LAST = -1


class _Content:
    """A file of several extents: hashed as far as its bytes came in order, the others held."""

    __slots__ = ("_blocks", "_hasher", "_held", "_lengths", "_next", "waiting")

    def __init__(self, blocks: Sequence[int], lengths: Sequence[int]) -> None:
        self._blocks = blocks
        self._lengths = lengths
        self._hasher = blake3()
        self._next = 0
        self._held: dict[int, bytes] = {}
        self.waiting = 0
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
            self.waiting += len(piece)

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
                self.waiting -= len(piece)
                self._hasher.update(piece)
            else:
                return
            self._next += 1


class ContentHashes:
    """Hashes of the files whose blocks have been shown; any number of threads may show some.

    Args:
        entries: the members in their order; None for those that need no hash.
        length: bytes of each hash, as the archive keeps them.
        held: most bytes kept of files whose blocks come in another order than their bytes. A file that
            would take more is given up.
    """

    def __init__(self, entries: Iterable[Entry | None], length: int, held: int) -> None:
        """Note which blocks the files need; those without a block are hashed at once."""
        self._limit = held
        self._length = length
        self._held = 0
        self._lock = threading.Lock()
        self._begun: dict[int, _Content | None] = {}  # None: given up
        self._first = array("q", [0])
        self._members, self._blocks, self._offsets, self._lengths = (array("q") for _ in range(4))
        # Rows of a block, each with the next one.
        self._first_of: dict[int, int] = {}
        self._next = array("q")
        last_of: dict[int, int] = {}
        nowhere = []
        for number, entry in enumerate(entries):
            extents = () if entry is None else entry.extents
            for row, (block, offset, size) in enumerate(extents, len(self._blocks)):
                self._members.append(number)
                self._blocks.append(block)
                self._offsets.append(offset)
                self._lengths.append(size)
                self._next.append(_LAST)
                if block in last_of:
                    self._next[last_of[block]] = row
                else:
                    self._first_of[block] = row
                last_of[block] = row
            self._first.append(len(self._blocks))
            if extents and all(extent.block == HOLE for extent in extents):
                nowhere.append(number)
        members = len(self._first) - 1
        self._digests, self._known = bytearray(members * length), bytearray(members)
        for number in nowhere:
            self._note(number, self._content(number).digest(length))

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

    def digest(self, number: int) -> bytes | None:
        """The hash of a member, by its place among all; None if a block was not shown, or it was given up."""
        if number >= len(self._known) or not self._known[number]:
            return None
        return bytes(self._digests[number * self._length : (number + 1) * self._length])

    def _content(self, member: int) -> _Content:
        rows = slice(self._first[member], self._first[member + 1])
        return _Content(self._blocks[rows], self._lengths[rows])

    def _show_part(self, member: int, part: int, piece: memoryview, *, is_there: bool) -> None:
        if member not in self._begun:
            self._begun[member] = self._content(member)
        content = self._begun[member]
        if content is None:
            return
        self._held -= content.waiting
        room = content.waiting + (0 if content.is_next(part) else len(piece)) <= self._limit - self._held
        if not is_there or not room:
            self._begun[member] = None
            return
        content.give(part, piece)
        self._held += content.waiting
        digest = content.digest(self._length)
        if digest is not None:
            self._note(member, digest)
            del self._begun[member]

    def _note(self, member: int, digest: bytes | None) -> None:
        if digest is not None:
            self._digests[member * self._length : (member + 1) * self._length] = digest
            self._known[member] = True
