"""Mends a damaged archive by its recovery record (format section 14.1): a new file, the same bytes.

find the record's figures ─► check every sector ─► nothing is lost: compare the record, write nothing
─► otherwise write all anew ─► decode what is lost, group by group ─► compare the digest
─► write the record ─► give the file its name
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Final

from ucompress.archive.format.deal import Deal
from ucompress.archive.format.recovery import (
    CHECK_SIZE,
    MOST_OF_GROUP,
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
    strips,
)
from ucompress.archive.format.source import FileSource
from ucompress.archive.reading.opening import naming, open_file
from ucompress.archive.reading.salvage import identity
from ucompress.archive.writing.partial import new_partial, writing_to
from ucompress.archive.writing.publishing import NOBODY, publish
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
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    poll: Poll = no_poll,
    *,
    force: bool = False,
) -> RepairReport:
    """Write a mended copy of an archive, the same bytes as it once had; a sound archive is not copied.

    Args:
        path: the archive; it is read only.
        output: the mended one; appears complete or not at all.
        poll: called between parts; may raise to stop.
        force: replace what has the output's name.

    Raises:
        CorruptArchiveError: no record is there, or the damage is more than it can mend; nothing was written.
        InputError: the archive cannot be read.
        OutputError: the mended archive cannot be written, or something has its name.
        UsageError: the library of the code is not installed.
    """
    name = os.fspath(path)
    with open_file(name) as file, naming(name):
        return _Repair(FileSource(file, name), Path(output), poll, force=force).run()


class _Repair:
    def __init__(self, source: FileSource, output: Path, poll: Poll, *, force: bool) -> None:
        self._source = source
        self._output = output
        self._before = None if force else NOBODY
        self._poll = poll
        self._head = _find_header(source, poll)
        self._plan = self._head.plan
        self._deal = Deal(self._plan.groups, self._head.archive_id)
        starts = (self._plan.strip_at(TABLE, n) + STRIP_HEADER_SIZE for n in range(TABLES))
        length = self._plan.table - STRIP_HEADER_SIZE
        self._checks = read_table([source.read_past(start, length) for start in starts], self._plan)

    def run(self) -> RepairReport:
        plan = self._plan
        damaged = self._damaged()
        self._refuse_hopeless(damaged)
        same_record = not len(damaged) and self._record_is_sound()
        if not same_record:
            with writing_to(self._output), new_partial(self._output) as (partial, file):
                same_record = self._is_as_written(self._write(file, damaged))
            publish(partial, self._output, self._before)
        sectors = -(-plan.protected // plan.sector)
        return RepairReport(plan.archive_length, plan.sector, sectors, len(damaged), not same_record)

    def _record_is_sound(self) -> bool:
        """Whether the section of an archive without damaged sectors is as it would be written; none is."""
        plan = self._plan
        if self._source.size != plan.archive_length:
            return False
        tail = b"".join(self._protected(plan.protected, plan.section_at))
        self._compare(self._source, tail)
        compared = _Comparison(self._source)
        append_record(compared, self._source.read_past, self._head, tail, self._poll)
        return compared.same

    def _compare(self, source: FileSource, tail: bytes) -> None:
        """Refuse protected bytes that are not those that the record was made of."""
        protected = Protected(source.read_at, self._plan.section_at, tail)
        if protected.digest(self._plan.protected, self._poll) != self._head.digest:
            raise CorruptArchiveError("the mended bytes are not those that the recovery record knows")
        if identity(source) != self._head.archive_id:
            raise CorruptArchiveError("the recovery record is tied to another archive")

    def _write(self, file: BinaryIO, damaged: Sequence[int]) -> FileSource:
        """Write the whole archive, and return what reads it."""
        plan = self._plan
        file.writelines(self._protected(plan.section_at))
        tail = bytearray().join(self._protected(plan.protected, plan.section_at))
        for number, data in self._mended(damaged):
            start = number * plan.sector
            cut = max(plan.section_at - start, 0)
            if cut:
                file.seek(start)
                file.write(data[:cut])
            end = min(start + plan.sector, plan.protected)
            if start + cut < end:
                tail[start + cut - plan.section_at : end - plan.section_at] = data[cut : end - start]
        file.flush()
        written = FileSource(file, self._source.name)
        written.size = plan.archive_length
        self._compare(written, bytes(tail))
        append_record(file, written.read_at, self._head, bytes(tail), self._poll)
        file.write(tail)
        file.flush()
        return written

    def _is_as_written(self, written: FileSource) -> bool:
        """Whether the section and the file's length are what they should be."""
        plan = self._plan
        if self._source.size != plan.archive_length:
            return False
        end = plan.section_at + plan.section_length
        compared = _Comparison(self._source)
        for at in range(plan.section_at, end, _WINDOW):
            compared.seek(at)
            compared.write(written.read_at(at, min(_WINDOW, end - at)))
        return compared.same

    def _place(self, number: int) -> int:
        """Offset in the damaged file of protected byte `number`."""
        return number if number < self._plan.section_at else number + self._plan.section_length

    def _data_sector(self, number: int) -> bytes:
        """A data sector as it stands, zeros where there is nothing; none of it where some cannot be read."""
        plan = self._plan
        start, end = number * plan.sector, min((number + 1) * plan.sector, plan.protected)
        cut = min(max(plan.section_at, start), end)
        try:
            data = self._source.read_at(self._place(start), cut - start) if start < cut else b""
            data = data.ljust(max(cut - start, 0), b"\0")
            if cut < end:
                data += self._source.read_at(self._place(cut), end - cut)
        except CorruptArchiveError:
            return b""
        return data.ljust(plan.sector, b"\0")

    def _parity_sector(self, strip: int, place: int) -> bytes:
        plan = self._plan
        at = plan.strip_at(PARITY, strip) + STRIP_HEADER_SIZE + place * plan.sector
        return self._source.read_past(at, plan.sector).ljust(plan.sector, b"\0")

    def _is_sound(self, row: int, place: int, data: bytes) -> bool:
        at = (row * self._plan.groups + place) * CHECK_SIZE
        return sector_checks(data, self._plan.sector) == self._checks[at : at + CHECK_SIZE]

    def _damaged(self) -> Sequence[int]:
        """Every data sector that fails its check, as group * `MOST_OF_GROUP` + row, ascending."""
        plan = self._plan
        found = array("Q")
        for number in range(plan.groups * plan.data):
            if not number % 256:
                self._poll()
            row, place = divmod(number, plan.groups)
            if not self._is_sound(row, place, self._data_sector(number)):
                found.append(self._deal.group(row, place) * MOST_OF_GROUP + row)
        return array("Q", sorted(found))

    def _groups(self, damaged: Sequence[int]) -> Iterator[tuple[int, list[int], list[int], list[bytes]]]:
        """Groups with damaged sectors: number, rows lost, and sound parity's rows and sectors to make up."""
        plan = self._plan
        for group, places in groupby(damaged, key=lambda place: place // MOST_OF_GROUP):
            self._poll()
            lost = [place % MOST_OF_GROUP for place in places]
            rows, sectors = list[int](), list[bytes]()
            for row in range(plan.data, plan.data + plan.parity):
                if len(rows) == len(lost):
                    break
                place = self._deal.place(row, group)
                data = self._parity_sector(row - plan.data, place)
                if self._is_sound(row, place, data):
                    rows.append(row)
                    sectors.append(data)
            yield group, lost, rows, sectors

    def _refuse_hopeless(self, damaged: Sequence[int]) -> None:
        """Raise CorruptArchiveError if a group has lost more than it has parity for."""
        hopeless = sum(len(lost) for _, lost, rows, _ in self._groups(damaged) if len(rows) < len(lost))
        if hopeless:
            raise CorruptArchiveError(
                f"{len(damaged):,} sectors of {self._plan.sector:,} bytes are damaged, and the recovery "
                f"record is not enough for {hopeless:,} of them; nothing was written. `extract --recover` "
                "gives back what is whole"
            )

    def _mended(self, damaged: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The lost sectors with their numbers, group by group; `_refuse_hopeless` comes before."""
        plan = self._plan
        code, place = decoder(plan), self._deal.place
        for group, lost, parity_rows, parity in self._groups(damaged):
            rows = [row for row in range(plan.data) if row not in lost]
            sectors = [self._data_sector(row * plan.groups + place(row, group)) for row in rows] + parity
            if len(sectors) < plan.data or not all(sectors):
                raise CorruptArchiveError("what could be read of the archive before can no longer be read")
            decoded = code.decode(sectors, (*rows, *parity_rows))
            yield from ((row * plan.groups + place(row, group), decoded[row]) for row in lost)

    def _protected(self, end: int, start: int = 0) -> Iterator[bytes]:
        """The protected bytes from `start` to `end` as they stand, a sector or less at a time."""
        sector = self._plan.sector
        for number in range(start // sector, -(-end // sector)):
            if not number % 256:
                self._poll()
            data = self._data_sector(number) or bytes(sector)
            yield data[max(start - number * sector, 0) : min(end - number * sector, sector)]


class _Comparison:
    """A file that is not written: what would be is compared with what stands there.

    Attributes:
        same: whether all of it was the same, and could be read.
    """

    def __init__(self, source: FileSource) -> None:
        self._source = source
        self._at = 0
        self.same = True

    def seek(self, at: int) -> int:
        self._at = at
        return at

    def write(self, data: bytes) -> int:
        try:
            self.same = self.same and self._source.read_at(self._at, len(data)) == data
        except CorruptArchiveError:
            self.same = False
        self._at += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""


def _find_header(source: FileSource, poll: Poll) -> StripHeader:
    """The figures on which most of the record's strips agree.

    Raises:
        CorruptArchiveError: not one strip is there.
    """
    votes: Counter[StripHeader] = Counter()
    for at, header in strips(source, poll):
        if (
            header.plan.archive_length <= _CLAIM * source.size
            and header.plan.strip_at(header.kind, header.number) == at
        ):
            votes[replace(header, kind=TABLE, number=0)] += 1
    if not votes:
        raise CorruptArchiveError(
            "it has no recovery record (or nothing is left of it): only archives that were packed with "
            "--recovery can be repaired. `extract --recover` gives back what is whole"
        )
    return votes.most_common(1)[0][0]
