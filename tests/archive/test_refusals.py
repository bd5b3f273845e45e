"""What pages and directories may not say: each contradiction is refused, with its own sentence."""

from __future__ import annotations

import struct

import pytest

from ucompress.archive.format.coding import decode_shared
from ucompress.archive.format.columns import Cursor, write_blob, write_column, write_prefixed, write_strings
from ucompress.archive.format.directory import BlockTable, PageTable
from ucompress.archive.format.layout import PAGE_HEADER_SIZE, PAGE_PATHS_LIMIT
from ucompress.archive.format.names import TABLE, read_names
from ucompress.archive.format.pages import TIME_STEPS, TIME_TABLE, Page, _read_times, _read_xattrs
from ucompress.archive.format.places import PlaceReader
from ucompress.archive.reading.cache import ByteCache
from ucompress.codec.block import BLOCK_LIMIT
from ucompress.codec.levels import MIX
from ucompress.codec.varint import write_varint
from ucompress.errors import CorruptArchiveError


def cursor(*parts: bytes) -> Cursor:
    return Cursor(b"".join(parts), "a page")


def refused(sentence: str) -> pytest.RaisesExc[CorruptArchiveError]:
    return pytest.raises(CorruptArchiveError, match=f"a page is damaged: {sentence}")


NUMBERS = {
    "has no end": b"\x80" * 10 + b"\1",
    "exceeds 100": b"\x65",
    "longer than it need be": b"\x80\0",
    "ends 1 bytes early": b"\x80",
}


@pytest.mark.parametrize("sentence", NUMBERS)
def test_numbers(sentence: str) -> None:
    with refused(f".*{sentence}"):
        cursor(NUMBERS[sentence]).varint(100)


@pytest.mark.parametrize(
    ("sentence", "data"),
    [("a column has 9 planes", b"\x09"), ("wider than it need be", b"\1\0\0\0"), ("exceeds 5", b"\1\1\6\2")],
)
def test_columns(sentence: str, data: bytes) -> None:
    with refused(f".*{sentence}"):
        cursor(data).numbers(3, 5)


def test_strings_are_counted_and_closed() -> None:
    for data in (b"a\0", b"a\0b\0c\0", b"a\0b"):
        with refused(".* strings where 2 are expected"):
            cursor(write_blob(data)).strings(2)
    assert cursor(write_strings([b"a", b"b"])).strings(2) == [b"a", b"b"]


def test_prefixes_are_of_what_stood_before() -> None:
    with refused(""):
        cursor(write_column([0, 2]), write_strings([b"a", b"b"])).prefixed(2, 100)
    with refused("its names exceed 3 bytes"):
        cursor(write_prefixed([b"ab", b"abc"])).prefixed(2, 3)


def names_table(bases: list[bytes], moves: list[int], folders: list[bytes], steps: list[int]) -> Cursor:
    return cursor(
        bytes((TABLE,)),
        write_varint(len(bases)),
        write_prefixed(bases),
        write_varint(len(moves)),
        write_column(moves),
        write_prefixed(folders),
        write_column(steps),
    )


def test_names_from_a_table() -> None:
    read = read_names(names_table([b"x", b"y"], [0, 2], [b"a/", b"b/"], [0, 0, 1]), 3)
    assert read == [b"a/x", b"a/y", b"b/y"]
    with refused("name coding 7 does not exist"):
        read_names(cursor(b"\7"), 3)
    with refused("the first entry has no folder"):
        read_names(names_table([b"x"], [1], [b"a/"], [0, 0, 0]), 3)
    with refused("the first entry has no folder"):
        read_names(names_table([b"x"], [], [], [0, 0, 0]), 3)
    for moves in ([0, 0], [0, 3]):
        with refused("folders change where no entry is"):
            read_names(names_table([b"x", b"y", b"z"], moves, [b"a/", b"b/"], [0, 0, 0]), 3)
    with refused("a base name is not in the table"):
        read_names(names_table([b"x", b"y"], [0], [b"a/"], [0, 0, 0]), 3)
    long = b"n" * 60_000
    count = PAGE_PATHS_LIMIT // 60_000 + 1
    with refused("its names exceed"):
        folders = [b"%06d/" % at for at in range(count)]
        read_names(names_table([long], [0, *[1] * (count - 1)], folders, [0] * count), count)


def test_times() -> None:
    assert _read_times(cursor(b"\0", bytes((TIME_STEPS,)), b"\2", write_column([2])), 2) == [1, 2]
    for unit, coding in ((10, 0), (0, TIME_STEPS + 1)):
        with refused("its times are coded in no known way"):
            _read_times(cursor(bytes((unit, coding)), b"\2", write_column([2])), 2)
    with refused("its table of times is empty"):
        _read_times(cursor(bytes((0, TIME_TABLE)), b"\2", write_varint(0)), 2)
    with refused("a time exceeds 64 bits"):
        _read_times(cursor(bytes((9, TIME_STEPS)), write_varint(1 << 40), write_column([2])), 2)


def test_attributes() -> None:
    def sets(*pairs: tuple[bytes, bytes]) -> Cursor:
        blobs = b"".join(write_blob(name) + write_blob(value) for name, value in pairs)
        return cursor(write_varint(1), write_varint(len(pairs)), blobs, write_column([1]))

    assert _read_xattrs(sets((b"a", b"1"), (b"b", b"2")), 1) == ([(), ((b"a", b"1"), (b"b", b"2"))], [1])
    for twisted in (((b"b", b""), (b"a", b"")), ((b"a", b""), (b"a", b""))):
        with refused("extended attributes are out of order"):
            _read_xattrs(sets(*twisted), 1)
    with refused("an entry's extended attributes exceed the limit"):
        _read_xattrs(sets((b"a", bytes(1 << 22))), 1)


def test_files_and_their_extents() -> None:
    with refused("a file has an impossible number of extents"):
        PlaceReader(cursor(write_column([1 << 40])), [b"f"])
    with refused("the number .* exceeds"):
        PlaceReader(cursor(write_column([2]), write_column([]), write_column([1 << 63])), [b"f"])


def table(sizes: list[int], entries: list[int], separators: list[bytes], length: int) -> Cursor:
    return cursor(
        write_varint(100),
        write_varint(length),
        write_varint(len(sizes)),
        write_column(sizes),
        write_column(entries),
        write_prefixed(separators),
    )


def test_tables_of_pages() -> None:
    size = PAGE_HEADER_SIZE + 9
    assert len(PageTable.read(table([size, size], [1, 1], [b"", b"m"], 2 * size), 1000).sizes) == 2
    with refused("pages do not fill their section"):
        PageTable.read(table([size, size], [1, 1], [b"", b"m"], 3 * size), 1000)
    with refused("pages do not fill their section"):
        PageTable.read(table([PAGE_HEADER_SIZE], [1], [b""], PAGE_HEADER_SIZE), 1000)
    with refused("pages are out of order"):
        PageTable.read(table([size, size], [1, 1], [b"m", b"m"], 2 * size), 1000)
    with refused("the number 2 exceeds 1"):
        PageTable.read(table([size, size], [1, 1], [b"", b"m"], 2 * size), PAGE_HEADER_SIZE)


def blocks(**columns: list[int]) -> Cursor:
    rows = {
        "gaps": [0, 0],
        "coded": [9, 9],
        "decoded": [9, 9],
        "flags": [0, 0],
        "references": [0, 0],
    } | columns
    return cursor(write_varint(2), write_varint(64), *map(write_column, rows.values()))


@pytest.mark.parametrize(
    ("sentence", "columns"),
    [
        ("a block has an impossible size", {"coded": [1, BLOCK_LIMIT * 2]}),
        ("a block has an impossible size", {"decoded": [0, 1]}),
        ("a block has an impossible size", {"decoded": [1, BLOCK_LIMIT + 1]}),
        ("a block has an impossible size", {"flags": [0, 2]}),
        ("blocks lie too far apart", {"gaps": [1, 0]}),
        ("blocks lie too far apart", {"gaps": [0, 1 << 62]}),
        ("a block has a reference before the first block", {"references": [1, 0]}),
        ("a block has a reference before the first block", {"references": [0, 2]}),
    ],
)
def test_tables_of_blocks(sentence: str, columns: dict[str, list[int]]) -> None:
    assert len(BlockTable.read(blocks(), 1000)) == 2
    with refused(sentence):
        BlockTable.read(blocks(**columns), 1000)


def test_a_reference_that_has_one_itself() -> None:
    three = {"gaps": [0] * 3, "coded": [9] * 3, "decoded": [9] * 3, "flags": [0] * 3, "references": [0, 1, 1]}
    with refused("a block has a reference that has one itself"):
        BlockTable.read(cursor(write_varint(3), write_varint(64), *map(write_column, three.values())), 1000)
    table = BlockTable.of([0, 50, 100], [9] * 3, [9] * 3, [0] * 3, [0, 1, 1])
    with pytest.raises(CorruptArchiveError, match="which has one itself"):
        table.reference(2)


def test_a_link_without_a_target() -> None:
    from archive.build import stored_pages
    from ucompress.archive import Entry, EntryKind
    from ucompress.archive.format.layout import PageHeader
    from ucompress.archive.format.members import Members
    from ucompress.archive.writing.encode import encode_page

    with stored_pages():
        page = encode_page(Members.of([Entry(b"l", EntryKind.SYMLINK, target=b"target")]), 0)
    head = PageHeader.from_bytes(page[:PAGE_HEADER_SIZE])
    decoded = page[PAGE_HEADER_SIZE:].replace(struct.pack("B", 7) + b"target\0", b"\1\0")
    assert len(decoded) == head.decoded_size - 6
    with pytest.raises(CorruptArchiveError, match="impossible length"):
        Page(PageHeader.wrap(0, decoded, len(decoded), 1), 0, "a page")


def test_what_all_members_share_is_not_mixed() -> None:
    with pytest.raises(CorruptArchiveError, match="what all members share is mixed"):
        decode_shared(MIX, bytes(40), 40)


def test_a_cache_lets_go_of_what_was_not_used_for_longest() -> None:
    cache = ByteCache[str](10)
    for key, weight in (("a", 4), ("b", 4), ("large", 11)):
        cache.put(key, key, weight)
    assert cache.get("a") == "a" and cache.get("large") is None
    cache.put("c", "c", 5)
    assert [cache.get(key) for key in "abc"] == ["a", None, "c"]
    cache.put("a", "A", 5)
    assert [cache.get(key) for key in "ac"] == ["A", "c"]
