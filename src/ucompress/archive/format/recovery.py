"""The recovery record: parity over all of an archive, from which damaged sectors are computed again.

Format section 14.1. The protected bytes are cut into sectors, dealt to groups like cards, a row of one for
each at a time, so that a burst takes a few of each group. Every row begins with another group, which the
archive's id decides: so no regular pattern takes more of a group than chance does. Each group gets parity
sectors by a Reed-Solomon code (`zfec`). Every sector has a check that tells whether it is damaged.

    protected bytes ──► k rows of one sector of every group ──► m strips of parity
                    └─► a check of every sector, in three tables
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final, Protocol

from blake3 import blake3

from ucompress.archive.format.deal import Deal
from ucompress.archive.format.layout import SECTION_HEADER_SIZE, SECTION_RECOVERY, SectionHeader, check
from ucompress.archive.format.source import FileSource
from ucompress.errors import UsageError

MARKER: Final = b"\xb7UCR"
STRIP_HEADER_SIZE: Final = 64
TABLE: Final = 0
PARITY: Final = 1
TABLES: Final = 3
SMALLEST_SECTOR: Final = 64
LARGEST_SECTOR: Final = 4096
FEW_SECTORS: Final = 128
MOST_OF_GROUP: Final = 256
FEWEST_PARITY: Final = 2
AMPLE_PERCENT: Final = 8
CHECK_SIZE: Final = 4
FEWEST_CHECKS: Final = 16
MOST_CHECKS: Final = 1022

_ROW_BYTES = 64 << 10
_WINDOW = 1 << 20
_TAIL = 64 << 20
_STRIP = struct.Struct("<4sBBBBHHIQQ16s8s8s")

ReadAt = Callable[[int, int], bytes]
Poll = Callable[[], None]


class Sink(Protocol):
    """What a record is written to."""

    def seek(self, at: int, /) -> int:
        """Go to an offset."""
        ...

    def write(self, data: bytes, /) -> int:
        """Write there, and go behind."""
        ...

    def flush(self) -> None:
        """Let `read_at` see all that was written."""
        ...


def no_poll() -> None:
    """Nothing asks to stop."""


@dataclass(frozen=True, slots=True)
class RecoveryPlan:
    """Where sectors, strips and tables lie.

    Attributes:
        protected: number of protected bytes: the archive without the record's section.
        section_at: offset of the section in the archive, and so how many protected bytes stand before it.
        sector: bytes of a sector.
        groups: sector i of the protected bytes stands in row i // groups; see `Deal`.
        data, parity: sectors of a group.
    """

    protected: int
    section_at: int
    sector: int
    groups: int
    data: int
    parity: int

    @classmethod
    def of(cls, protected: int, section_at: int, percent: int) -> RecoveryPlan:
        """The plan for a record of about `percent` of the protected bytes, 1 to 100.

        Among many groups one is hit harder than all others: each has some rows of parity more for that. Where
        there is ample parity one is enough, for a burst that ends within a row.
        """
        sector = SMALLEST_SECTOR
        while sector < LARGEST_SECTOR and -(-protected // sector) > FEW_SECTORS:
            sector *= 2
        sectors = -(-protected // sector)
        most = MOST_OF_GROUP * 100 // (100 + percent)
        fewest = -(-sectors // most)
        more = min((fewest.bit_length() + 2) // 4, percent if percent < AMPLE_PERCENT else 1)
        groups = -(-sectors // (most - more))
        data = -(-sectors // groups)
        parity = min(max(FEWEST_PARITY, -(-data * percent // 100)) + more, MOST_OF_GROUP - data)
        return cls(protected, section_at, sector, groups, data, parity)

    @property
    def strip(self) -> int:
        """Bytes of a parity strip, its header included."""
        return STRIP_HEADER_SIZE + self.groups * self.sector

    @property
    def checks(self) -> int:
        """Number of sectors, and so of checks."""
        return self.groups * (self.data + self.parity)

    @property
    def chunk(self) -> int:
        """Checks that have a check together: a row's, within bounds, so that it costs each group a sector."""
        return min(max(self.groups, FEWEST_CHECKS), MOST_CHECKS)

    @property
    def table(self) -> int:
        """Bytes of a table of checks, its header included."""
        chunks = -(-self.checks // self.chunk)
        return STRIP_HEADER_SIZE + self.checks * CHECK_SIZE + 8 * chunks

    @property
    def payload_length(self) -> int:
        """Bytes of the section's payload."""
        return self.parity * self.strip + TABLES * self.table

    @property
    def section_length(self) -> int:
        """Bytes of the whole section."""
        return SECTION_HEADER_SIZE + self.payload_length

    @property
    def archive_length(self) -> int:
        """Bytes of the whole archive."""
        return self.protected + self.section_length

    def strip_at(self, kind: int, number: int) -> int:
        """Offset of a strip or table in the archive: a table first, one in the middle, one last."""
        half = (self.parity + 1) // 2
        start = self.section_at + SECTION_HEADER_SIZE
        if kind == TABLE:
            return start + number * self.table + (0, half, self.parity)[number] * self.strip
        return start + number * self.strip + (1 if number < half else 2) * self.table


@dataclass(frozen=True, slots=True)
class StripHeader:
    """What stands before each strip and table: all that is needed to use it.

    Attributes:
        plan: the record's plan.
        digest: `check` of the protected bytes, 16 bytes of it.
        archive_id: as in other sections.
        kind: `TABLE` or `PARITY`.
        number: of the table or the strip.
    """

    plan: RecoveryPlan
    digest: bytes
    archive_id: bytes
    kind: int = TABLE
    number: int = 0

    def to_bytes(self) -> bytes:
        """The header's 64 bytes."""
        plan = self.plan
        body = _STRIP.pack(
            MARKER, self.kind, self.number, plan.data, plan.parity, plan.sector, 0, plan.groups,
            plan.protected, plan.section_at, self.digest, self.archive_id, bytes(8),
        )[:56]  # fmt: skip
        return body + check(body, 8)

    @classmethod
    def from_bytes(cls, data: bytes) -> StripHeader | None:
        """The header in these bytes, None if there is none whose figures add up."""
        if len(data) < STRIP_HEADER_SIZE or data[:4] != MARKER or check(data[:56], 8) != data[56:64]:
            return None
        _, kind, number, k, m, sector, pad, groups, protected, at, digest, archive_id, _ = _STRIP.unpack(
            data[:STRIP_HEADER_SIZE]
        )
        plan = RecoveryPlan(protected, at, sector, groups, k, m)
        sound = (
            pad == 0
            and kind in (TABLE, PARITY)
            and number < (TABLES if kind == TABLE else m)
            and 1 <= k <= MOST_OF_GROUP - m
            and SMALLEST_SECTOR <= sector <= LARGEST_SECTOR
            and groups >= 1
            and at <= protected <= groups * k * sector < protected + (groups + k) * sector
        )
        return cls(plan, digest, archive_id, kind, number) if sound else None


class Protected:
    """The protected bytes of an archive, of which the first `head` stand in a file.

    Args:
        read_at: reads the file.
        head: how many.
        tail: the rest.
    """

    def __init__(self, read_at: ReadAt, head: int, tail: bytes) -> None:
        """Nothing is read until asked for."""
        self._read_at = read_at
        self._head = head
        self._tail = tail

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes; zeros beyond the end."""
        data = b""
        if offset < self._head:
            data = self._read_at(offset, min(length, self._head - offset))
        if offset + length > self._head:
            first = max(offset - self._head, 0)
            data += self._tail[first : offset + length - self._head]
        return data.ljust(length, b"\0")

    def digest(self, size: int, poll: Poll = no_poll) -> bytes:
        """`check` of the first `size` bytes, 16 bytes of it."""
        hasher = blake3()
        for at in range(0, size, 1 << 20):
            poll()
            hasher.update(self.read(at, min(1 << 20, size - at)))
        return hasher.digest(16)


def write_record(
    file: BinaryIO, name: str, plan: RecoveryPlan, archive_id: bytes, tail: bytes, poll: Poll
) -> None:
    """As `append_record`, for a file that holds the bytes before the section and nothing else.

    Args:
        file: as there.
        name: the archive's name in messages.
        plan: of these bytes and the tail.
        archive_id: ties the section to the archive.
        tail, poll: as there.
    """
    file.flush()
    source = FileSource(file, name)
    source.size = plan.archive_length  # what is written is read again
    digest = Protected(source.read_at, plan.section_at, tail).digest(plan.protected, poll)
    append_record(file, source.read_at, StripHeader(plan, digest, archive_id), tail, poll)


def append_record(file: Sink, read_at: ReadAt, head: StripHeader, tail: bytes, poll: Poll = no_poll) -> None:
    """Write the record's section behind the first `section_at` bytes of a file.

    The strips are written some groups at a time: memory is 64 KiB for each row of a group, 16 MiB at most,
    and 4 bytes for each sector.

    Args:
        file: open for reading and writing; stands behind the section afterwards.
        read_at: reads it.
        head: the record's figures; the digest is that of these bytes and the tail.
        tail: the protected bytes that will follow the section.
        poll: called between parts; may raise to stop.
    """
    plan = head.plan
    protected = Protected(read_at, plan.section_at, tail)
    for number in range(plan.parity):
        _put(file, plan.strip_at(PARITY, number), replace(head, kind=PARITY, number=number).to_bytes())
    coder, deal = encoder(plan), Deal(plan.groups, head.archive_id)
    checks = bytearray(plan.checks * CHECK_SIZE)
    at_once = max(1, _ROW_BYTES // plan.sector)
    for first in range(0, plan.groups, at_once):
        poll()
        count = min(at_once, plan.groups - first)
        rows = [
            b"".join(
                protected.read((row * plan.groups + place) * plan.sector, length * plan.sector)
                for place, _, length in deal.runs(row, first, count)
            )
            for row in range(plan.data)
        ]
        strips = coder.encode(rows, tuple(range(plan.data, plan.data + plan.parity)))
        for row, data in enumerate((*rows, *strips)):
            for place, which, length in deal.runs(row, first, count):
                run = data[which * plan.sector : (which + length) * plan.sector]
                if row >= plan.data:
                    start = plan.strip_at(PARITY, row - plan.data) + STRIP_HEADER_SIZE
                    _put(file, start + place * plan.sector, run)
                start = (row * plan.groups + place) * CHECK_SIZE
                checks[start : start + length * CHECK_SIZE] = sector_checks(run, plan.sector)
    table = b"".join(_chunks(bytes(checks), plan.chunk))
    for number in range(TABLES):
        _put(file, plan.strip_at(TABLE, number), replace(head, number=number).to_bytes() + table)
    file.flush()
    hasher = blake3()
    start = plan.section_at + SECTION_HEADER_SIZE
    for at in range(0, plan.payload_length, 1 << 20):
        poll()
        hasher.update(read_at(start + at, min(1 << 20, plan.payload_length - at)))
    section = SectionHeader(SECTION_RECOVERY, 0, plan.payload_length, hasher.digest(8))
    _put(file, plan.section_at, section.to_bytes(head.archive_id))
    file.seek(plan.section_at + plan.section_length)


def strips(source: FileSource, poll: Poll = no_poll, start: int = 0) -> Iterator[tuple[int, StripHeader]]:
    """Offset and header of all strips and tables whose headers are sound, from `start` on."""
    for begin in range(start, source.size, _WINDOW):
        poll()
        window = source.read_past(begin, _WINDOW + STRIP_HEADER_SIZE - 1)
        found = window.find(MARKER)
        while 0 <= found < _WINDOW:
            header = StripHeader.from_bytes(window[found : found + STRIP_HEADER_SIZE])
            if header is not None:
                yield begin + found, header
            found = window.find(MARKER, found + 1)


def has_record(source: FileSource) -> bool:
    """Whether a part of a record stands in an archive's last 64 MiB, where it does up to about 16 GB."""
    return next(strips(source, start=max(0, source.size - _TAIL)), None) is not None


def encoder(plan: RecoveryPlan) -> Any:
    """What makes parity sectors; UsageError where the library is not installed."""
    return recovery_library().Encoder(plan.data, plan.data + plan.parity)


def decoder(plan: RecoveryPlan) -> Any:
    """What makes lost data sectors; UsageError where the library is not installed."""
    return recovery_library().Decoder(plan.data, plan.data + plan.parity)


def recovery_library() -> Any:
    """The module of the code; UsageError where it is not installed."""
    try:
        import zfec
    except ImportError:
        raise UsageError(
            "recovery records need the package zfec, which is not here: pip install 'zfec>=1.6,<2'"
        ) from None
    return zfec


def sector_checks(data: bytes, sector: int) -> bytes:
    """The checks of the sectors in `data`, one after the other."""
    return b"".join([check(data[at : at + sector], CHECK_SIZE) for at in range(0, len(data), sector)])


def _chunks(checks: bytes, at_once: int) -> Iterator[bytes]:
    """A table: chunks of so many checks, each with a check of its own."""
    step = at_once * CHECK_SIZE
    for at in range(0, len(checks), step):
        chunk = checks[at : at + step]
        yield chunk + check(chunk, 8)


def read_table(copies: list[bytes], plan: RecoveryPlan) -> bytes:
    """The checks of all sectors, of each chunk from the first copy that is sound.

    Zeros stand for those of a chunk that is damaged in every copy: its sectors count as damaged.

    Args:
        copies: tables without their headers, whole or damaged.
        plan: the record's plan.
    """
    step, length = plan.chunk * CHECK_SIZE, plan.checks * CHECK_SIZE
    parts = []
    for number in range(-(-plan.checks // plan.chunk)):
        at = number * (step + 8)
        size = min(step, length - number * step)
        ends = at + size
        sound = (copy[at:ends] for copy in copies if check(copy[at:ends], 8) == copy[ends : ends + 8])
        parts.append(next(sound, bytes(size)))
    return b"".join(parts)


def _put(file: Sink, at: int, data: bytes) -> None:
    file.seek(at)
    file.write(data)
