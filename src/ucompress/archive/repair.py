"""Mends a damaged archive by its recovery record (format section 14.1): a new file, the same bytes.

find the record's figures ─► check every sector ─► decode what is lost, group by group
─► write all anew, the record too ─► compare the digest ─► give the file its name
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Final

from ucompress.archive.opening import naming, open_file
from ucompress.archive.partial import open_partial, writing_to
from ucompress.archive.recovery import (
    CHECK_SIZE,
    MARKER,
    PARITY,
    STRIP_HEADER_SIZE,
    TABLE,
    TABLES,
    Poll,
    Protected,
    StripHeader,
    append_record,
    decoder,
    no_poll,
    read_table,
    sector_checks,
)
from ucompress.archive.salvage import identity
from ucompress.archive.source import FileSource
from ucompress.archive.state import publish
from ucompress.errors import CorruptArchiveError

_WINDOW: Final = 1 << 20
_CLAIM: Final = 3
"""A record that claims an archive this many times as long as the file could mend nothing."""


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What a repair did.

    Attributes:
        archive_bytes: length of the mended archive.
        sector_bytes: bytes of one of its sectors.
        sectors: number of them, the record's own left out.
        mended: how many were damaged.
        record_mended: whether the record itself was.
    """

    archive_bytes: int
    sector_bytes: int
    sectors: int
    mended: int
    record_mended: bool

    @property
    def sound(self) -> bool:
        """Whether nothing had to be mended, so that nothing was written."""
        return not self.mended and not self.record_mended


def repair(
    path: str | os.PathLike[str], output: str | os.PathLike[str], poll: Poll = no_poll
) -> RepairReport:
    """Write a mended copy of an archive, the same bytes as it once had; a sound archive is not copied.

    Parameters:
        path: the archive; it is read only.
        output: the mended one; appears complete or not at all, and may stand there already.
        poll: called between parts; may raise to stop.

    Raises:
        CorruptArchiveError: no record is there, or the damage is more than it can mend; nothing was written.
        InputError: the archive cannot be read.
        OutputError: the mended archive cannot be written.
        UsageError: the library of the code is not installed.
    """
    name = os.fspath(path)
    with open_file(name) as file, naming(name):
        return _Repair(FileSource(file, name), Path(output), poll).run()


class _Repair:
    def __init__(self, source: FileSource, output: Path, poll: Poll) -> None:
        self._source = source
        self._output = output
        self._poll = poll
        self._head = _find_header(source, poll)
        self._plan = self._head.plan
        starts = (self._plan.strip_at(TABLE, n) + STRIP_HEADER_SIZE for n in range(TABLES))
        length = self._plan.table - STRIP_HEADER_SIZE
        self._checks = read_table([source.read_at(start, length) for start in starts], self._plan)

    def run(self) -> RepairReport:
        plan = self._plan
        mended = self._mended(self._damaged())
        partial = Path(f"{os.fspath(self._output)}.partial")
        with writing_to(partial), closing(open_partial(partial, create=True)) as file:
            try:
                file.truncate(0)
                written = self._write(file, mended)
                same_record = self._is_as_written(written)
                if mended or not same_record:
                    publish(partial, self._output)
            finally:
                with suppress(OSError):
                    partial.unlink()
        sectors = -(-plan.protected // plan.sector)
        return RepairReport(plan.archive_length, plan.sector, sectors, len(mended), not same_record)

    def _write(self, file: BinaryIO, mended: Mapping[int, bytes]) -> FileSource:
        """Write the whole archive, and return what reads it."""
        plan = self._plan
        file.writelines(self._protected(mended, plan.section_at))
        file.flush()
        tail = b"".join(self._protected(mended, plan.protected, plan.section_at))
        written = FileSource(file, self._source.name)
        written.size = plan.archive_length
        digest = Protected(written.read_at, plan.section_at, tail).digest(plan.protected, self._poll)
        if digest != self._head.digest:
            raise CorruptArchiveError("the mended bytes are not those that the recovery record knows")
        if identity(written) != self._head.archive_id:
            raise CorruptArchiveError("the recovery record is tied to another archive")
        append_record(file, written.read_at, self._head, tail, self._poll)
        file.write(tail)
        file.flush()
        return written

    def _is_as_written(self, written: FileSource) -> bool:
        """Whether the section and the file's length are what they should be."""
        plan = self._plan
        if self._source.size != plan.archive_length:
            return False
        end = plan.section_at + plan.section_length
        return all(
            self._source.read_at(at, min(_WINDOW, end - at)) == written.read_at(at, min(_WINDOW, end - at))
            for at in range(plan.section_at, end, _WINDOW)
        )

    def _place(self, number: int) -> int:
        """Offset in the damaged file of protected byte `number`."""
        return number if number < self._plan.section_at else number + self._plan.section_length

    def _data_sector(self, number: int) -> bytes:
        """A data sector as it stands, zeros where there is nothing."""
        plan = self._plan
        start, end = number * plan.sector, min((number + 1) * plan.sector, plan.protected)
        cut = min(max(plan.section_at, start), end)
        data = self._source.read_at(self._place(start), cut - start) if start < cut else b""
        data = data.ljust(max(cut - start, 0), b"\0")
        if cut < end:
            data += self._source.read_at(self._place(cut), end - cut)
        return data.ljust(plan.sector, b"\0")

    def _parity_sector(self, strip: int, group: int) -> bytes:
        plan = self._plan
        at = plan.strip_at(PARITY, strip) + STRIP_HEADER_SIZE + group * plan.sector
        return self._source.read_at(at, plan.sector).ljust(plan.sector, b"\0")

    def _is_sound(self, row: int, group: int, data: bytes) -> bool:
        at = (row * self._plan.groups + group) * CHECK_SIZE
        return sector_checks(data, self._plan.sector) == self._checks[at : at + CHECK_SIZE]

    def _damaged(self) -> list[tuple[int, int]]:
        """(group, row) of every data sector that fails its check, ascending."""
        plan = self._plan
        found = []
        for number in range(plan.groups * plan.data):
            if not number % 256:
                self._poll()
            row, group = divmod(number, plan.groups)
            if not self._is_sound(row, group, self._data_sector(number)):
                found.append((group, row))
        return sorted(found)

    def _mended(self, damaged: list[tuple[int, int]]) -> dict[int, bytes]:
        """The lost sectors, by number.

        Raises:
            CorruptArchiveError: a group has lost more than it has parity for.
        """
        plan = self._plan
        mended: dict[int, bytes] = {}
        hopeless = 0
        code = decoder(plan)
        for group, members in groupby(damaged, key=lambda place: place[0]):
            self._poll()
            lost = [row for _, row in members]
            rows = [row for row in range(plan.data) if row not in lost]
            sectors = [self._data_sector(row * plan.groups + group) for row in rows]
            for strip in range(plan.parity):
                if len(rows) == plan.data:
                    break
                data = self._parity_sector(strip, group)
                if self._is_sound(plan.data + strip, group, data):
                    rows.append(plan.data + strip)
                    sectors.append(data)
            if len(rows) < plan.data:
                hopeless += len(lost)
                continue
            decoded = code.decode(sectors, tuple(rows))
            mended.update((row * plan.groups + group, decoded[row]) for row in lost)
        if hopeless:
            raise CorruptArchiveError(
                f"{len(damaged):,} sectors of {plan.sector:,} bytes are damaged, and the recovery record is "
                f"not enough for {hopeless:,} of them; nothing was written. `extract --recover` gives back "
                "what is whole"
            )
        return mended

    def _protected(self, mended: Mapping[int, bytes], end: int, start: int = 0) -> Iterator[bytes]:
        """The protected bytes from `start` to `end`, mended, a sector or less at a time."""
        sector = self._plan.sector
        for number in range(start // sector, -(-end // sector)):
            if not number % 256:
                self._poll()
            data = mended.get(number) or self._data_sector(number)
            yield data[max(start - number * sector, 0) : min(end - number * sector, sector)]


def _find_header(source: FileSource, poll: Poll) -> StripHeader:
    """The figures on which most of the record's strips agree.

    Raises:
        CorruptArchiveError: not one strip is there.
    """
    votes: Counter[StripHeader] = Counter()
    for at in _markers(source, poll):
        header = StripHeader.from_bytes(source.read_at(at, STRIP_HEADER_SIZE))
        if (
            header is not None
            and header.plan.archive_length <= _CLAIM * source.size
            and header.plan.strip_at(header.kind, header.number) == at
        ):
            votes[replace(header, kind=TABLE, number=0)] += 1
    if not votes:
        raise CorruptArchiveError(
            "it has no recovery record (or nothing is left of it): only archives that were packed with "
            "--recovery can be repaired. `extract --recover` gives back what is whole"
        )
    return votes.most_common(1)[0][0]


def _markers(source: FileSource, poll: Poll) -> Iterator[int]:
    """Offsets of all strip markers, ascending."""
    for start in range(0, source.size, _WINDOW):
        poll()
        window = source.read_at(start, _WINDOW + len(MARKER) - 1)
        found = window.find(MARKER)
        while found >= 0:
            yield start + found
            found = window.find(MARKER, found + 1)
