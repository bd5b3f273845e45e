"""One index page, read (format section 6); `encode` writes it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import compress, islice, pairwise
from typing import TypeVar

from ucompress.archive.format.coding import decode_shared
from ucompress.archive.format.columns import (
    Cursor,
)
from ucompress.archive.format.entry import Entry, EntryKind, Extent, link_problem, path_problem
from ucompress.archive.format.layout import (
    PAGE_HEADER_SIZE,
    PageHeader,
    check,
)
from ucompress.archive.format.names import read_names
from ucompress.archive.format.places import Needed, PlaceReader
from ucompress.codec.unpack import first_bad_path, running_sums
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError
from ucompress.limits import TARGET_LIMIT, XATTR_COUNT_LIMIT, XATTRS_LIMIT

Xattrs = tuple[tuple[bytes, bytes], ...]
T = TypeVar("T")

KINDS = tuple(EntryKind)
TIMED = (EntryKind.FILE, EntryKind.DIRECTORY, EntryKind.SYMLINK)
LINKED = (EntryKind.SYMLINK, EntryKind.HARDLINK)
PERMISSIONS = 0o7777
_FILES = (EntryKind.FILE,)
_make_entry = partial(tuple.__new__, Entry)
_IS_FILE = bytes([kind == EntryKind.FILE for kind in range(256)])
TIME_TABLE = 0
TIME_STEPS = 1


def check_page(data: bytes) -> bool:
    """Whether a whole page agrees with its own check."""
    return check(data[:16] + data[PAGE_HEADER_SIZE:], 8) == data[16:PAGE_HEADER_SIZE]


class Page:
    """A decoded page; entries are made when asked for.

    Args:
        data: the page as it stands in the archive, header included.
        hash_length: the archive's Content_Hash_Length.
        what: the page's name in messages.

    Attributes:
        paths: the entries' paths, ascending.
        weight: an estimate of the memory it takes, in bytes.
    """

    def __init__(self, data: bytes, hash_length: int, what: str, needed: Needed | None = None) -> None:
        """Check, decode and take apart; corrupt and unsupported are told apart."""
        header = PageHeader.from_bytes(data[:PAGE_HEADER_SIZE])
        coded = data[PAGE_HEADER_SIZE:]
        if len(coded) != header.coded_size or check(data[:16] + coded, 8) != header.check:
            raise CorruptArchiveError(f"{what} is damaged")
        header.require_known(what)
        decoded = decode_shared(header.codec, coded, header.decoded_size)
        cursor = Cursor(decoded, what)
        count = header.entries
        self._kinds, self._modes = _read_kinds(cursor, count)
        self.paths = read_names(cursor, count)
        self._check_paths(cursor)
        timed = self._count(TIMED, count)
        self._times = _read_times(cursor, timed) if timed else []
        self._places = PlaceReader(cursor, self._of_files(self.paths), needed)
        self._hash_length = hash_length
        self._hashes = cursor.take(hash_length * self._places.own_files)
        links = self._count(LINKED, count)
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

    def _count(self, kinds: Iterable[int], stop: int) -> int:
        """How many of the entries before `stop` are of these kinds."""
        return sum([self._kinds.count(kind, 0, stop) for kind in kinds])

    def _of_files(self, values: list[bytes]) -> list[bytes]:
        """Of one value for each entry those of files."""
        return list(compress(values, self._kinds.translate(_IS_FILE)))

    def _check_paths(self, cursor: Cursor) -> None:
        number = first_bad_path(self.paths)
        if number >= 0:
            path = self.paths[number]
            if problem := path_problem(path):
                raise cursor.fail(f"the path {path[:100]!r} is not allowed: {problem}")
            raise cursor.fail("its paths are out of order")

    def _check_hard_links(self, cursor: Cursor) -> None:
        targets = iter(self._targets)
        for kind, path in zip(self._kinds, self.paths, strict=True) if self._targets else ():
            if kind not in LINKED:
                continue
            target = next(targets)
            if kind == EntryKind.HARDLINK and (problem := link_problem(path, target)):
                raise cursor.fail(f"the hard link {path[:100]!r} has a target that is not allowed: {problem}")

    @property
    def cancels(self) -> bool:
        """Whether an entry is cancelled, which only errata may do."""
        return EntryKind.CANCELLED in self._kinds

    @property
    def content_bytes(self) -> int:
        """Bytes of content of all files."""
        return sum(self._places.sizes)

    def entry(self, number: int) -> Entry:
        """Entry `number` with all that the archive says of it."""
        return self.entries(number, number + 1)[0]

    def entries(self, start: int, stop: int) -> list[Entry]:
        """Some neighbouring entries with all that the archive says of them."""
        kinds = self._kinds[start:stop]
        files, links = self._count(_FILES, start), self._count(LINKED, start)
        sizes, extents, digests = self._contents(files, files + kinds.count(EntryKind.FILE))
        columns = (
            self.paths[start:stop],
            [KINDS[kind] for kind in kinds],
            self._modes[start:stop],
            _spread(kinds, TIMED, self._times, self._count(TIMED, start), 0),
            _spread(kinds, _FILES, sizes, 0, 0),
            _spread(kinds, _FILES, extents, 0, ()),
            _spread(kinds, _FILES, digests, 0, None),
            [self._xattr_sets[which] for which in self._which_xattrs[start:stop]],
            _spread(kinds, LINKED, self._targets, links, b""),
        )
        return list(map(_make_entry, zip(*columns, strict=True)))

    def _contents(
        self, start: int, stop: int
    ) -> tuple[list[int], list[tuple[Extent, ...]], list[bytes | None]]:
        """Sizes, extents and digests of some of the page's files."""
        if start == stop:
            return [], [], []
        digests: list[bytes | None] = [None] * (stop - start)
        if self._hash_length:
            digests = [self._digest(number) for number in range(start, stop)]
        return self._places.sizes[start:stop], self._places.extents[start:stop], digests

    def _digest(self, file_number: int) -> bytes | None:
        own, length = self._places.own_number(file_number), self._hash_length
        return self._hashes[own * length : (own + 1) * length] if own >= 0 else None


def _spread(kinds: bytes, wanted: tuple[int, ...], values: list[T], first: int, default: T) -> list[T]:
    """For each entry its value, if it is of the wanted kinds: the next one, from `first` on."""
    if not any(kinds.count(kind) for kind in KINDS if kind not in wanted):
        return values[first : first + len(kinds)]
    following = islice(values, first, None)
    return [next(following) if kind in wanted else default for kind in kinds]


def _read_kinds(cursor: Cursor, count: int) -> tuple[bytes, list[int]]:
    """Kind and mode of each entry."""
    rows = cursor.varint(count)
    kinds = cursor.numbers(rows, 255)
    modes = cursor.numbers(rows, PERMISSIONS)
    if any(kind > EntryKind.CANCELLED for kind in kinds):
        raise UnsupportedArchiveError(f"an entry is of kind {max(kinds)}, which this version does not know")
    which = cursor.numbers(count, rows - 1)
    return bytes([kinds[row] for row in which]), [modes[row] for row in which]


def _read_times(cursor: Cursor, count: int) -> list[int]:
    """Format section 6.5, in nanoseconds."""
    unit, coding = cursor.byte(), cursor.byte()
    if unit > 9 or coding > TIME_STEPS:
        raise cursor.fail("its times are coded in no known way")
    first = cursor.svarint()
    if coding == TIME_TABLE:
        distinct = cursor.varint(count)
        if not distinct:
            raise cursor.fail("its table of times is empty")
        values = running_sums(first, cursor.column(distinct - 1), zigzagged=False)
    else:
        values = running_sums(first, cursor.column(count - 1), zigzagged=True)
    scale = 10**unit
    times = [value * scale for value in values]
    if coding == TIME_TABLE:
        times = [times[row] for row in cursor.numbers(count, distinct - 1)]
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
