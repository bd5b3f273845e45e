"""Content hashes, taken while blocks come by in any order, so that each is decoded once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from blake3 import blake3

from ucompress.archive.format.entry import HOLE, Entry
from ucompress.archive.format.layout import check

if TYPE_CHECKING:
    from collections.abc import Iterable

HELD = 64 << 20
"""Bytes kept of files whose earlier bytes have not come yet."""

_ZEROS = bytes(1 << 20)


class _Content:
    """A file of several extents: hashed as far as its bytes came in order, the others held."""

    __slots__ = ("entry", "hasher", "held", "next", "waiting")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.hasher = blake3()
        self.next = 0
        self.waiting = 0
        self.held: dict[int, bytes] = {}
        self._proceed()

    def give(self, at: int, piece: memoryview) -> None:
        """The bytes of extent `at`, in any order."""
        if at == self.next:
            self.hasher.update(piece)
            self.next += 1
            self._proceed()
        else:
            self.held[at] = bytes(piece)
            self.waiting += len(piece)

    def give_up(self) -> None:
        """Let go of everything: no extent is the next one any more."""
        self.held.clear()
        self.next, self.waiting = -1, 0

    def _proceed(self) -> None:
        """Hash holes and what was held, up to the next extent that has not come."""
        extents = self.entry.extents
        while self.next < len(extents):
            if extents[self.next].block == HOLE:
                left = extents[self.next].length
                while left:
                    self.hasher.update(_ZEROS[:left])
                    left -= min(left, len(_ZEROS))
            elif self.next in self.held:
                piece = self.held.pop(self.next)
                self.waiting -= len(piece)
                self.hasher.update(piece)
            else:
                return
            self.next += 1


class ContentHashes:
    """Hashes of the files whose blocks have been shown; any number of threads may show some.

    Args:
        entries: files with a content hash, each path once.
        held: most bytes kept of files whose blocks come in another order than their bytes. A file that
            would take more is given up. None: `HELD`.
    """

    def __init__(self, entries: Iterable[Entry], held: int | None = None) -> None:
        """Note which blocks the files need; those without a block are hashed at once."""
        self._limit = HELD if held is None else held
        self._held = 0
        self._lock = threading.Lock()
        self._digests: dict[bytes, bytes] = {}
        self._whole: dict[int, list[Entry]] = {}
        self._parts: dict[int, list[tuple[_Content, int]]] = {}
        for entry in entries:
            if len(entry.extents) == 1 and entry.extents[0].block != HOLE:
                self._whole.setdefault(entry.extents[0].block, []).append(entry)
                continue
            content = _Content(entry)
            for at, extent in enumerate(entry.extents):
                if extent.block != HOLE:
                    self._parts.setdefault(extent.block, []).append((content, at))
            self._finish(content)

    def show(self, number: int, data: bytes) -> None:
        """Hash what lies in a block, given its decoded bytes."""
        view = memoryview(data)
        for entry in self._whole.pop(number, ()):
            _, offset, length = entry.extents[0]
            if offset + length <= len(data):
                self._digests[entry.path] = check(view[offset : offset + length], len(entry.digest or b""))
        with self._lock:
            for content, at in self._parts.pop(number, ()):
                self._show_part(content, at, view)

    def digest(self, path: bytes) -> bytes | None:
        """A file's hash, as long as its entry's; None if a block was not shown, or it was given up."""
        return self._digests.get(path)

    def _show_part(self, content: _Content, at: int, view: memoryview) -> None:
        _, offset, length = content.entry.extents[at]
        before, waits = content.waiting, at != content.next
        if content.next < 0 or offset + length > len(view) or (waits and self._held + length > self._limit):
            content.give_up()
        else:
            content.give(at, view[offset : offset + length])
            self._finish(content)
        self._held += content.waiting - before

    def _finish(self, content: _Content) -> None:
        entry = content.entry
        if content.next == len(entry.extents):
            self._digests[entry.path] = content.hasher.digest(len(entry.digest or b""))
