"""One index page, read (format section 6); `encode` writes it."""

from __future__ import annotations

from itertools import pairwise

from ucompress.archive.coding import decode_shared
from ucompress.archive.columns import (
    Cursor,
    signed,
    unzigzag,
)
from ucompress.archive.entry import Entry, EntryKind, link_problem, path_problem
from ucompress.archive.layout import (
    PAGE_HEADER_SIZE,
    TARGET_LIMIT,
    XATTR_COUNT_LIMIT,
    XATTRS_LIMIT,
    PageHeader,
    check,
)
from ucompress.archive.names import read_names
from ucompress.archive.places import PlaceReader
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError

Xattrs = tuple[tuple[bytes, bytes], ...]

KINDS = tuple(EntryKind)
TIMED = (EntryKind.FILE, EntryKind.DIRECTORY, EntryKind.SYMLINK)
LINKED = (EntryKind.SYMLINK, EntryKind.HARDLINK)
PERMISSIONS = 0o7777
TIME_TABLE = 0
TIME_STEPS = 1


class Page:
    """A decoded page; entries are made when asked for.

    Parameters:
        data: the page as it stands in the archive, header included.
        hash_length: the archive's Content_Hash_Length.
        what: the page's name in messages.

    Attributes:
        paths: the entries' paths, ascending.
        weight: an estimate of the memory it takes, in bytes.
    """

    def __init__(self, data: bytes, hash_length: int, what: str) -> None:
        """Check, decode and take apart; corrupt and unsupported are told apart."""
        header = PageHeader.from_bytes(data[:PAGE_HEADER_SIZE])
        coded = data[PAGE_HEADER_SIZE:]
        if len(coded) != header.coded_size or check(data[:16] + coded, 8) != header.check:
            raise CorruptArchiveError(f"{what} is damaged")
        decoded = decode_shared(header.codec, coded, header.decoded_size)
        cursor = Cursor(decoded, what)
        count = header.entries
        self._kinds, self._modes = _read_kinds(cursor, count)
        self.paths = read_names(cursor, count)
        self._check_paths(cursor)
        self._times = self._read_times(cursor)
        self._file_numbers = _ordinals(self._kinds, (EntryKind.FILE,))
        files = [path for path, number in zip(self.paths, self._file_numbers, strict=True) if number >= 0]
        self._places = PlaceReader(cursor, files)
        self._hash_length = hash_length
        self._hashes = cursor.take(hash_length * self._places.own_files)
        self._link_numbers = _ordinals(self._kinds, LINKED)
        links = max(self._link_numbers) + 1
        self._targets = cursor.strings(links) if links else []
        if any(not 0 < len(target) <= TARGET_LIMIT for target in self._targets):
            raise cursor.fail("a link's target has an impossible length")
        self._check_hard_links(cursor)
        self._xattr_sets, self._which_xattrs = _read_xattrs(cursor, count)
        cursor.finish()
        self.weight = len(decoded) + 400 * count + 300 * self._places.extent_count

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.paths)

    def _check_paths(self, cursor: Cursor) -> None:
        paths = self.paths
        if any(before >= after for before, after in pairwise(paths)):
            raise cursor.fail("its paths are out of order")
        for path in paths:
            if problem := path_problem(path):
                raise cursor.fail(f"the path {path[:100]!r} is not allowed: {problem}")

    def _check_hard_links(self, cursor: Cursor) -> None:
        if EntryKind.HARDLINK not in self._kinds:
            return
        for kind, path, number in zip(self._kinds, self.paths, self._link_numbers, strict=True):
            if kind == EntryKind.HARDLINK and (problem := link_problem(path, self._targets[number])):
                raise cursor.fail(f"the hard link {path[:100]!r} has a target that is not allowed: {problem}")

    def _read_times(self, cursor: Cursor) -> list[int]:
        """A time for each entry; 0 for those that have none."""
        numbers = _ordinals(self._kinds, TIMED)
        count = max(numbers) + 1
        if not count:
            return [0] * len(numbers)
        times = _read_times(cursor, count)
        return [times[number] if number >= 0 else 0 for number in numbers]

    @property
    def cancels(self) -> bool:
        """Whether an entry is cancelled, which only errata may do."""
        return EntryKind.CANCELLED in self._kinds

    def kind(self, number: int) -> EntryKind:
        """Kind of entry `number`."""
        return KINDS[self._kinds[number]]

    def size(self, number: int) -> int:
        """Bytes of content of entry `number`, 0 if it is no file."""
        file_number = self._file_numbers[number]
        return self._places.sizes[file_number] if file_number >= 0 else 0

    def entry(self, number: int) -> Entry:
        """Entry `number` with all that the archive says of it."""
        file_number, link_number = self._file_numbers[number], self._link_numbers[number]
        is_file = file_number >= 0
        return Entry(
            path=self.paths[number],
            kind=self.kind(number),
            mode=self._modes[number],
            mtime_ns=self._times[number],
            size=self.size(number),
            extents=self._places.extents(file_number) if is_file else (),
            digest=self._digest(file_number) if is_file else None,
            xattrs=self._xattr_sets[self._which_xattrs[number]],
            target=self._targets[link_number] if link_number >= 0 else b"",
        )

    def _digest(self, file_number: int) -> bytes | None:
        length = self._hash_length
        own = self._places.own_number(file_number) if length else -1
        return self._hashes[own * length : (own + 1) * length] if own >= 0 else None


def _ordinals(kinds: list[int], wanted: tuple[int, ...]) -> list[int]:
    """For each entry its number among those of the wanted kinds, or -1."""
    numbers, counted = [], 0
    for kind in kinds:
        if kind in wanted:
            numbers.append(counted)
            counted += 1
        else:
            numbers.append(-1)
    return numbers


def _read_kinds(cursor: Cursor, count: int) -> tuple[list[int], list[int]]:
    """Kind and mode of each entry."""
    rows = cursor.varint(count)
    kinds = cursor.numbers(rows, 255)
    modes = cursor.numbers(rows, PERMISSIONS)
    if any(kind > EntryKind.CANCELLED for kind in kinds):
        raise UnsupportedArchiveError(f"an entry is of kind {max(kinds)}, which this version does not know")
    which = cursor.numbers(count, rows - 1)
    return [kinds[row] for row in which], [modes[row] for row in which]


def _read_times(cursor: Cursor, count: int) -> list[int]:
    """Format section 6.5, in nanoseconds."""
    unit, coding = cursor.byte(), cursor.byte()
    if unit > 9 or coding > TIME_STEPS:
        raise cursor.fail("its times are coded in no known way")
    values = [cursor.svarint()]
    if coding == TIME_TABLE:
        distinct = cursor.varint(count)
        if not distinct:
            raise cursor.fail("its table of times is empty")
        for step in cursor.column(distinct - 1).tolist():
            values.append(signed(values[-1] + step))
        values = [values[row] for row in cursor.numbers(count, len(values) - 1)]
    else:
        for step in cursor.column(count - 1).tolist():
            values.append(signed(values[-1] + unzigzag(step)))
    times = [value * 10**unit for value in values]
    if max(times) >= 1 << 63 or min(times) < -(1 << 63):
        raise cursor.fail("a time exceeds 64 bits")
    return times


def _read_xattrs(cursor: Cursor, count: int) -> tuple[list[Xattrs], list[int]]:
    """The sets, the empty one first, and which of them each entry has."""
    sets: list[Xattrs] = [()]
    distinct = cursor.varint(count)
    if not distinct:
        return sets, [0] * count
    for _ in range(distinct):
        pairs = tuple((cursor.blob(), cursor.blob()) for _ in range(cursor.varint(XATTR_COUNT_LIMIT)))
        if sum(len(name) + len(value) for name, value in pairs) > XATTRS_LIMIT:
            raise cursor.fail("an entry's extended attributes exceed the limit")
        if any(before[0] >= after[0] for before, after in pairwise(pairs)):
            raise cursor.fail("extended attributes are out of order")
        sets.append(pairs)
    return sets, cursor.numbers(count, distinct)
