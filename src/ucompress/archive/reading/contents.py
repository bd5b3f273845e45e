"""Content hashes, taken while blocks come by in any order, so that each is decoded once.

What is known of the files stands in columns, a row for each extent: an archive may have millions of them.
"""

from __future__ import annotations

import threading
from array import array
from typing import TYPE_CHECKING

import numpy as np
from blake3 import blake3

from ucompress.archive.format.entry import HOLE, Entry
from ucompress.archive.format.layout import check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HELD = 64 << 20
"""Bytes kept of files whose earlier bytes have not come yet, where memory allows."""

_ZEROS = bytes(1 << 20)


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
        first, blocks, offsets, lengths = array("q", [0]), array("q"), array("q"), array("q")
        nowhere = []
        for number, entry in enumerate(entries):
            extents = () if entry is None else entry.extents
            for block, offset, size in extents:
                blocks.append(block)
                offsets.append(offset)
                lengths.append(size)
            first.append(len(blocks))
            if extents and all(extent.block == HOLE for extent in extents):
                nowhere.append(number)
        self._first, self._blocks = np.frombuffer(first, np.int64), np.frombuffer(blocks, np.int64)
        self._offsets, self._lengths = np.frombuffer(offsets, np.int64), np.frombuffer(lengths, np.int64)
        self._by_block = np.argsort(self._blocks, kind="stable")
        members = len(first) - 1
        self._digests, self._known = bytearray(members * length), bytearray(members)
        for number in nowhere:
            self._note(number, self._content(number).digest(length))

    def show(self, number: int, data: bytes) -> None:
        """Hash what lies in a block, given its decoded bytes."""
        view = memoryview(data)
        begin, end = np.searchsorted(self._blocks, (number, number + 1), sorter=self._by_block)
        rows = self._by_block[begin:end]
        members = np.searchsorted(self._first, rows, side="right") - 1
        parts = rows - self._first[members]
        alone = self._first[members + 1] - self._first[members] == 1
        columns = (members, parts, alone, self._offsets[rows], self._lengths[rows])
        for member, part, whole, offset, length in zip(*(column.tolist() for column in columns), strict=True):
            piece = view[offset : offset + length]
            if not whole:
                with self._lock:
                    self._show_part(member, part, piece, is_there=len(piece) == length)
            elif len(piece) == length:
                self._note(member, check(piece, self._length))

    def digest(self, number: int) -> bytes | None:
        """The hash of a member, by its place among all; None if a block was not shown, or it was given up."""
        if number >= len(self._known) or not self._known[number]:
            return None
        return bytes(self._digests[number * self._length : (number + 1) * self._length])

    def _content(self, member: int) -> _Content:
        rows = slice(int(self._first[member]), int(self._first[member + 1]))
        return _Content(self._blocks[rows].tolist(), self._lengths[rows].tolist())

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
