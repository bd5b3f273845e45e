"""Section 6: pages of entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from . import codecs, limits
from .conventions import Corrupt, Fields, Unsupported, check, number, require, reserved, unzigzag, wrap

FILE, FOLDER, SYMLINK, HARD_LINK, CANCELLED = range(5)
HOLE = -1


@dataclass
class Entry:
    path: bytes
    kind: int
    mode: int
    mtime_ns: int = 0
    size: int = 0
    extents: list[tuple[int, int, int]] = field(default_factory=list)
    """(block, offset, length); block -1 for a hole."""

    digest: bytes = b""
    target: bytes = b""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


def read_pages(payload: bytes, repaired: bytes, hash_length: int) -> list[list[Entry]]:
    """6: pages one after the other; each from the bytes as they stand, or else repaired."""
    pages, at = [], 0
    while at < len(payload):
        try:
            page, end = read_page(payload, at, hash_length)
        except Corrupt:
            page, end = read_page(repaired, at, hash_length)
        require(not pages or page[0].path > pages[-1][-1].path, "pages are out of order")
        pages.append(page)
        at = end
    return pages


def read_page(payload: bytes, at: int, hash_length: int) -> tuple[list[Entry], int]:
    """6.1: the page header."""
    head = payload[at : at + 24]
    require(len(head) == 24, "a page header goes past the end")
    coded_size, decoded_size, entries = (number(head[k : k + 4]) for k in (0, 4, 8))
    end = at + 24 + coded_size
    coded = payload[at + 24 : end]
    require(len(coded) == coded_size, "a page goes past the end")
    require(check(head[:16] + coded, 8) == head[16:], "a page's check differs")
    reserved(head[13:16] == bytes(3), "reserved bytes of a page")
    require(decoded_size <= limits.PAGE and 1 <= entries <= limits.PAGE_ENTRIES, "a page exceeds the limits")
    fields = Fields(codecs.decode(head[12], coded, decoded_size))
    return read_contents(fields, entries, hash_length), end


def read_contents(fields: Fields, n: int, hash_length: int) -> list[Entry]:
    """6.2: the parts in order."""
    rows = read_kinds(fields, n)
    names = read_names(fields, n)
    entries = [Entry(name, kind, mode) for name, (kind, mode) in zip(names, rows, strict=True)]
    for before, after in pairwise(entries):
        require(before.path < after.path, "entries are out of order")
    read_times(fields, [entry for entry in entries if entry.kind in (FILE, FOLDER, SYMLINK)])
    own, twins = read_files(fields, [entry for entry in entries if entry.kind == FILE])
    for entry in own:
        entry.digest = fields.take(hash_length)
    for twin, origin in twins:
        twin.digest = origin.digest
    read_targets(fields, [entry for entry in entries if entry.kind in (SYMLINK, HARD_LINK)])
    read_xattrs(fields, entries)
    fields.end()
    return entries


def read_kinds(fields: Fields, n: int) -> list[tuple[int, int]]:
    """6.3."""
    t = fields.varint()
    require(1 <= t <= n, "no table of kinds")
    kinds, modes = fields.column(t), fields.column(t)
    if any(kind > CANCELLED for kind in kinds):
        raise Unsupported("an unknown kind of entry")
    require(all(mode <= 0o7777 for mode in modes), "an impossible mode")
    which = fields.column(n)
    require(all(row < t for row in which), "a row outside the table")
    return [(kinds[row], modes[row]) for row in which]


def read_names(fields: Fields, n: int) -> list[bytes]:
    """6.4."""
    coding = fields.u8()
    if coding == 0:
        names = fields.prefixed(n, limits.PAGE_PATHS)
    else:
        require(coding == 1, "no such name coding")
        names = read_name_table(fields, n)
    require(sum(map(len, names)) <= limits.PAGE_PATHS, "names are too long in all")
    for name in names:
        limits.path(name)
    return names


def read_name_table(fields: Fields, n: int) -> list[bytes]:
    bases_count = fields.varint()
    require(bases_count <= n, "more base names than entries")
    bases = fields.prefixed(bases_count, limits.PAGE_PATHS)
    changes = fields.varint()
    require(1 <= changes <= n, "an impossible number of folders")
    change_at = fields.column(changes)
    folders = fields.prefixed(changes, limits.PAGE_PATHS)
    steps = fields.column(n)
    starts, at = {}, 0
    for distance, folder in zip(change_at, folders, strict=True):
        at += distance
        require(at < n and at not in starts, "a folder changes where no entry is")
        starts[at] = folder
    require(0 in starts, "the first entry has no folder")
    names = []
    for row, step in enumerate(steps):
        if row in starts:
            folder, base = starts[row], step
        else:
            base += step + 1
        require(base < len(bases), "a base name outside the table")
        names.append(folder + bases[base])
    return names


def read_times(fields: Fields, entries: list[Entry]) -> None:
    """6.5."""
    m = len(entries)
    if m == 0:
        return
    unit, coding = fields.u8(), fields.u8()
    require(unit <= 9 and coding <= 1, "no such time coding")
    times = [fields.svarint()]
    if coding == 0:
        t = fields.varint()
        require(1 <= t <= m, "an impossible table of times")
        for step in fields.column(t - 1):
            times.append(wrap(times[-1] + step))
        rows = fields.column(m)
        require(all(row < t for row in rows), "a row outside the table")
        times = [times[row] for row in rows]
    else:
        for step in fields.column(m - 1):
            times.append(wrap(times[-1] + unzigzag(step)))
    for entry, time in zip(entries, times, strict=True):
        entry.mtime_ns = time * 10**unit
        require(-(1 << 63) <= entry.mtime_ns < 1 << 63, "a time exceeds 64 bits")


def base_of(path: bytes) -> bytes:
    return path.split(b"/")[-1]


def suffix_of(path: bytes) -> bytes:
    base = base_of(path)
    return base[base.rindex(b".") :] if b"." in base else b""


def read_files(fields: Fields, files: list[Entry]) -> tuple[list[Entry], list[tuple[Entry, Entry]]]:
    """6.6; returns the files with extents of their own, and (twin, file that it repeats) pairs."""
    shapes = fields.column(len(files))
    twin_column = fields.column(shapes.count(1))
    own = [entry for entry, shape in zip(files, shapes, strict=True) if shape > 1]
    sizes = fields.column(len(own))
    require(all(1 <= size < 1 << 63 for size in sizes), "an impossible size")
    total = sum(shape - 1 for shape in shapes if shape > 1)
    require(total <= limits.PAGE_EXTENTS, "too many extents")
    places = fields.column(total)
    lengths = fields.column(total - len(own))
    distances = fields.column(places.count(5) + places.count(6))
    block_steps = fields.column(places.count(7) + places.count(8))
    offsets = fields.column(places.count(7))
    twins = resolve_twins(files, shapes, twin_column)
    walk = Walk(files, places, lengths, distances, block_steps, offsets)
    own_sizes = iter(sizes)
    for position, (entry, shape) in enumerate(zip(files, shapes, strict=True)):
        if shape == 1:
            origin = twins[position]
            entry.size, entry.extents = origin.size, origin.extents
        elif shape > 1:
            entry.size = next(own_sizes)
            entry.extents = walk.extents(position, shape - 1)
            blocks = {block for block, _, _ in entry.extents if block != HOLE}
            limits.blocks_of_file(entry.size, len(blocks))
    return own, [(files[position], origin) for position, origin in twins.items()]


def resolve_twins(files: list[Entry], shapes: list[int], column: list[int]) -> dict[int, Entry]:
    """Position of each twin, and the file that it repeats."""
    twins, distance, values = {}, 1, iter(column)
    for position, shape in enumerate(shapes):
        if shape == 1:
            distance = next(values) or distance
            require(distance <= position and shapes[position - distance] != 0, "a twin of nothing")
            twins[position] = files[position - distance]
    return twins


class Walk:
    """The places of extents, one after the other."""

    def __init__(
        self,
        files: list[Entry],
        places: list[int],
        lengths: list[int],
        distances: list[int],
        block_steps: list[int],
        offsets: list[int],
    ) -> None:
        self.files = files
        self.places, self.lengths = iter(places), iter(lengths)
        self.distances, self.block_steps, self.offsets = iter(distances), iter(block_steps), iter(offsets)
        self.done: list[tuple[int, int, int]] = []
        """All extents so far that are not holes."""

    def extents(self, position: int, count: int) -> list[tuple[int, int, int]]:
        """The extents of one file."""
        left, result = self.files[position].size, []
        for part in range(count):
            length = left if part == count - 1 else next(self.lengths)
            left -= length
            require(length >= 1 and left >= 0, "lengths do not add up")
            code = next(self.places)
            if code == 4:
                result.append((HOLE, 0, length))
                continue
            block, offset = self.start(code, length, position)
            require(0 <= block < (1 << 32) - 1, "no such block")
            require(offset >= 0 and offset + length <= limits.BLOCK, "an extent leaves its block")
            self.done.append((block, offset, length))
            result.append((block, offset, length))
        return result

    def start(self, code: int, length: int, position: int) -> tuple[int, int]:
        block, offset, before_length = self.done[-1] if self.done else (0, 0, 0)
        if code == 0:
            return block, offset + before_length
        if code in (1, 2):
            return self.alike(position, base_of if code == 1 else suffix_of)
        if code == 3:
            return block + 1, 0
        if code in (5, 6):
            distance = next(self.distances)
            require(1 <= distance <= len(self.done), "no such extent before")
            block, offset, other = self.done[-distance]
            return (block, offset + other) if code == 5 else (block, offset - length)
        require(code in (7, 8), "no such place code")
        block += unzigzag(next(self.block_steps))
        if code == 7:
            return block, next(self.offsets)
        ends = [offset + length for earlier, offset, length in self.done if earlier == block]
        return block, ends[-1] if ends else 0

    def alike(self, position: int, key: object) -> tuple[int, int]:
        """Where the last extent of the nearest earlier file with the same key ends."""
        assert callable(key)
        wanted = key(self.files[position].path)
        for earlier in reversed(self.files[:position]):
            stored = [extent for extent in earlier.extents if extent[0] != HOLE]
            if stored and key(earlier.path) == wanted:
                block, offset, length = stored[-1]
                return block, offset + length
        raise Corrupt("no earlier file is alike")


def read_targets(fields: Fields, links: list[Entry]) -> None:
    """6.8."""
    if links:
        for entry, target in zip(links, fields.strings(len(links)), strict=True):
            limits.target(target)
            if entry.kind == HARD_LINK:
                limits.path(target)
                require(target < entry.path, "a hard link's file does not come before it")
            entry.target = target


def read_xattrs(fields: Fields, entries: list[Entry]) -> None:
    """6.9."""
    t = fields.varint()
    if t == 0:
        return
    require(t <= len(entries), "more sets of attributes than entries")
    sets: list[tuple[tuple[bytes, bytes], ...]] = [()]
    for _ in range(t):
        count = fields.varint()
        require(count <= limits.ATTRIBUTES, "too many attributes")
        pairs = tuple((fields.blob(), fields.blob()) for _ in range(count))
        names = [name for name, _ in pairs]
        require(names == sorted(set(names)), "attributes are out of order")
        require(
            sum(len(name) + len(value) for name, value in pairs) <= limits.MIB, "attributes are too large"
        )
        sets.append(pairs)
    for entry, row in zip(entries, fields.column(len(entries)), strict=True):
        require(row <= t, "a row outside the table")
        entry.xattrs = sets[row]
