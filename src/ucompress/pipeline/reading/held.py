"""Contents that stay in memory between the passes over a tree, so that each file is read once.

A content is kept and found by its BLAKE3 digest. So what is found needs no check, and what a file
has become meanwhile cannot spoil it; whether the file still has it is for the survey to ask (see
`Survey.settle`).
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from ucompress.pipeline.reading.spilled import NOWHERE, SpilledContents
from ucompress.spill import IN_MEMORY, Spill

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KEEPING_BYTES = 256
"""Charged for each content beside its bytes: its place here, its digest, what the allocator rounds up."""

MOST_HELD = 128 << 20
"""Bytes of contents, all included: of larger trees what is small goes to a file, and the rest is read again,
from what the system has cached of it."""


class HeldContents:
    """Whole contents, as far as there is room: what comes first stays, what no longer fits is not kept.

    Safe from several threads. Another process gets one that is empty and has no room.

    Attributes:
        size: bytes that the contents take, all included.
        spilled: small contents beyond, by their places.
    """

    __slots__ = ("_by_digest", "_lock", "_room", "size", "spilled")

    def __init__(self, room: int = 0) -> None:
        """Hold nothing yet, and never more than `room` bytes."""
        self._by_digest: dict[bytes, bytes] = {}
        self._lock = Lock()
        self._room = room
        self.size = 0
        self.spilled = SpilledContents(IN_MEMORY)

    def __reduce__(self) -> tuple[type[HeldContents], tuple[()]]:
        """What goes to another process: contents do not."""
        return HeldContents, ()

    def __contains__(self, digest: bytes) -> bool:
        """Whether the content of that digest is held."""
        return digest in self._by_digest

    def get(self, digest: bytes) -> bytes | None:
        """The content of that digest, or None."""
        return self._by_digest.get(digest)

    def span(self, digest: bytes, offset: int, length: int) -> bytes | None:
        """`length` bytes of a content from `offset` on, or None; the whole is not copied."""
        data = self._by_digest.get(digest)
        return None if data is None else data[offset : offset + length]

    def spans(self, digests: Iterable[bytes], spans: Iterable[tuple[int, int]]) -> list[bytes | None]:
        """`span` of each of some digests, given (offset, length)."""
        get = self._by_digest.get
        return [
            None if (data := get(digest)) is None else data[offset : offset + length]
            for digest, (offset, length) in zip(digests, spans, strict=True)
        ]

    def found(
        self, digests: Sequence[bytes], places: Sequence[int], spans: Sequence[tuple[int, int]]
    ) -> list[bytes | None]:
        """`span` of each of some contents, or what was spilled of it to its place."""
        found = self.spans(digests, spans)
        at = [row for row, place in enumerate(places) if place != NOWHERE]
        known = self.spilled.read([(places[row] + spans[row][0], spans[row][1]) for row in at])
        for row, data in zip(at, known, strict=True):
            found[row] = data
        return found

    def has_room(self, length: int) -> bool:
        """Whether a content of `length` bytes would be kept."""
        return self.size + length + KEEPING_BYTES <= self._room

    def keep(self, digest: bytes, data: bytes) -> None:
        """Hold a content if there is room; `digest` must be that of `data`."""
        self.keep_all((digest,), (data,))

    def keep_all(self, digests: Sequence[bytes], contents: Sequence[bytes]) -> None:
        """`keep` of each of some contents."""
        with self._lock:
            for digest, data in zip(digests, contents, strict=True):
                size = self.size + len(data) + KEEPING_BYTES
                if size <= self._room and digest not in self._by_digest:
                    self._by_digest[digest] = data
                    self.size = size

    def keep_or_spill(
        self, digests: Sequence[bytes], contents: Sequence[bytes | OSError], places: Sequence[int]
    ) -> list[int]:
        """Hold what was read, or spill it where memory has no room.

        Args:
            digests: BLAKE3 of each content.
            contents: the bytes of each, or why they could not be read.
            places: where each has been spilled to before, or `NOWHERE`.

        Returns:
            Where each has been spilled to by now, or `NOWHERE`.
        """
        fresh = {
            at: data
            for at, (data, place) in enumerate(zip(contents, places, strict=True))
            if place == NOWHERE and isinstance(data, bytes)
        }
        self.keep_all([digests[at] for at in fresh], list(fresh.values()))
        beyond = [at for at in fresh if digests[at] not in self._by_digest]
        now = list(places)
        for at, place in zip(beyond, self.spilled.take([fresh[at] for at in beyond]), strict=True):
            now[at] = place
        return now

    def spill_to(self, spill: Spill) -> None:
        """From now on spill small contents there; what was spilled before is forgotten."""
        self.spilled = SpilledContents(spill)

    def make_way(self, needed: int) -> None:
        """Have room for contents that are charged `needed` bytes, as far as there can be; the last go."""
        with self._lock:
            while self._by_digest and self.size + needed > self._room:
                self.size -= len(self._by_digest.popitem()[1]) + KEEPING_BYTES

    def allow(self, room: int) -> None:
        """From now on hold at most `room` bytes; what is held beyond goes, the last first."""
        with self._lock:
            self._room = max(room, 0)
            if not self._room:
                self._by_digest.clear()
                self.size = 0
            while self.size > self._room:
                self.size -= len(self._by_digest.popitem()[1]) + KEEPING_BYTES
