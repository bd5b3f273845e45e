"""Pages and directories whose checks fit and whose contents lie: refused, and by both readers alike."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reference_decoder import Corrupt, Unsupported, codecs
from reference_decoder.directory import read_directory
from reference_decoder.index import read_page
from ucompress.archive import HOLE, Archive, ArchiveHeader, Entry, EntryKind, Extent
from ucompress.archive.format.coding import decode_shared
from ucompress.archive.format.columns import write_column, write_prefixed, write_strings
from ucompress.archive.format.directory import BlockTable, Directory, PageTable
from ucompress.archive.format.layout import PAGE_HEADER_SIZE, PageHeader
from ucompress.archive.format.members import Members
from ucompress.archive.format.pages import Page
from ucompress.archive.writing.encode import encode_page
from ucompress.codec.block import BlockCompressor, BlockDecompressor
from ucompress.codec.levels import MIX
from ucompress.codec.varint import write_varint
from ucompress.errors import ArchiveError, CorruptArchiveError, UnsupportedArchiveError

from .build import Plan, stored_pages, write

MIXED = BlockCompressor(7).compress(b"mixed " * 9)[1], 54
"""A mixed payload, and its size."""

EDITS = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.integers(0, 255), st.sampled_from(["set", "insert", "delete"])),
    min_size=1,
    max_size=4,
)


def edited(data: bytes, edits: list[tuple[int, int, str]]) -> bytes:
    changed = bytearray(data)
    for at, value, action in edits:
        at %= len(changed) or 1
        if action == "set" and changed:
            changed[at] = value
        elif action == "insert":
            changed.insert(at, value)
        elif changed:
            del changed[at]
    return bytes(changed)


def rows(seed: int) -> list[Entry]:
    """A small page with a bit of everything."""
    generator = random.Random(seed)
    names = sorted(
        {b"d%d/%s" % (generator.randrange(3), generator.randbytes(2).hex().encode()) for _ in range(8)}
    )
    result, at = [], 0
    for name in names:
        kind = generator.choice([EntryKind.FILE] * 5 + [EntryKind.DIRECTORY, EntryKind.SYMLINK])
        entry = Entry(name, kind, generator.choice([0o644, 0o755]), generator.choice([5, 10**18, 10**18 + 1]))
        if kind is EntryKind.SYMLINK:
            entry = entry._replace(target=b"elsewhere", xattrs=((b"user.a", b"1"),))
        elif kind is EntryKind.FILE and generator.random() < 0.9:
            length = generator.choice([7, 70, 7000])
            places = [Extent(0, at, length), Extent(3, 5, length), Extent(-1, 0, length), Extent(0, 0, 7)]
            extents = tuple(generator.sample(places, generator.choice([1, 1, 2])))
            entry = entry._replace(
                extents=extents, size=sum(extent.length for extent in extents), digest=bytes(32)
            )
            at += length
        result.append(entry)
    return result


def ours(page: bytes, hash_length: int) -> list[Entry] | type[ArchiveError]:
    try:
        read = Page(page, hash_length, "page")
        return [read.entry(number) for number in range(len(read))]
    except (CorruptArchiveError, UnsupportedArchiveError) as error:
        return type(error)


def theirs(page: bytes, hash_length: int) -> list[Entry] | type[ArchiveError]:
    try:
        entries, end = read_page(page, 0, hash_length)
    except Corrupt:
        return CorruptArchiveError
    except Unsupported:
        return UnsupportedArchiveError
    assert end == len(page)
    return [
        Entry(
            entry.path,
            EntryKind(entry.kind),
            entry.mode,
            entry.mtime_ns,
            entry.size,
            tuple(Extent(*extent) for extent in entry.extents),
            entry.digest or None,
            entry.xattrs,
            entry.target,
        )
        for entry in entries
    ]


def assert_alike(page: bytes, hash_length: int) -> None:
    """Both refuse, for whichever of several reasons they meet first, or both read the same."""
    mine, other = ours(page, hash_length), theirs(page, hash_length)
    if isinstance(mine, list) or isinstance(other, list):
        assert mine == other


@given(st.integers(0, 500), st.sampled_from([0, 8]), EDITS)
@example(1, 0, [(0, 0, "set")])
@example(131, 0, [(8313, 0, "set")])
def test_lying_pages(seed: int, hash_length: int, edits: list[tuple[int, int, str]]) -> None:
    entries = rows(seed)
    with stored_pages():
        page = encode_page(Members.of(entries), hash_length)
    header = PageHeader.from_bytes(page[:PAGE_HEADER_SIZE])
    decoded = decode_shared(header.codec, page[PAGE_HEADER_SIZE:], header.decoded_size)
    lying = edited(decoded, edits)
    page = PageHeader.wrap(0, lying, len(lying), len(entries))
    assert_alike(page, hash_length)


@given(st.binary(max_size=60), st.integers(1, 1 << 16))
def test_garbage_pages(data: bytes, count: int) -> None:
    page = PageHeader.wrap(0, data, len(data), count)
    assert_alike(page, 8)


def a_directory() -> bytes:
    index, errata = PageTable(100, 0), PageTable(900, 0)
    for table, names in ((index, (b"", b"dir/m", b"dir/x")), (errata, (b"dir/n",))):
        for number, name in enumerate(names):
            table.add(60 + number, 9, name)
        table.payload_length = sum(table.sizes)
    blocks = BlockTable.of([700, 910, 1310], [160, 300, 9], [1000, 1000, 5], [0, 1, 0], [0, 1, 0])
    with stored_pages():
        return Directory(64, 33, index, errata, blocks, 27, 12345, b"identity").to_bytes()


@given(EDITS)
def test_lying_directories(edits: list[tuple[int, int, str]]) -> None:
    payload = a_directory()
    size = int.from_bytes(payload[4:8], "little")
    lying = edited(decode_shared(payload[8], payload[9:], size), edits)
    head = len(lying).to_bytes(4, "little") * 2 + b"\0"
    try:
        directory = Directory.from_bytes(head + lying, 4000)
    except ArchiveError:
        return
    other = read_directory(head + lying, 4000)
    assert directory.blocks.at.tolist() == other.block_at
    assert directory.index.separators == other.index.separators
    assert (directory.entries, directory.content_bytes) == (other.entries, other.content_bytes)


@given(st.binary(max_size=80))
def test_garbage_directories(data: bytes) -> None:
    for payload in (data, len(data).to_bytes(4, "little") * 2 + b"\0" + data):
        try:
            Directory.from_bytes(payload, 4000)
        except ArchiveError:
            continue


def test_a_directory_cannot_claim_other_entries_than_its_pages_have() -> None:
    page_table = write_varint(0) * 3 + bytes(3) + write_varint(0)
    empty = write_varint(0)
    for entries in (1, 1 << 40, (1 << 63) - 1):
        claims = empty * 2 + page_table * 2 + empty * 2 + bytes(5) + write_varint(entries) + empty + bytes(8)
        payload = len(claims).to_bytes(4, "little") * 2 + b"\0" + claims
        with pytest.raises(CorruptArchiveError, match="entries"):
            Directory.from_bytes(payload, 4000)
        with pytest.raises(Corrupt, match="entries"):
            read_directory(payload, 4000)


def test_what_all_members_share_is_not_mixed() -> None:
    """A reader would need the memory of the models before the first member."""
    with pytest.raises(CorruptArchiveError, match="mixed"):
        decode_shared(MIX, *MIXED)
    with pytest.raises(Corrupt, match="mixed"):
        codecs.decode(MIX, *MIXED)


def test_a_mixed_block_of_another_level_than_the_header_s_is_refused_by_both_readers() -> None:
    assert codecs.decode(MIX, *MIXED, level=7) == BlockDecompressor(level=7).decompress(MIX, *MIXED)
    with pytest.raises(Corrupt):
        codecs.decode(MIX, *MIXED, level=8)
    with pytest.raises(CorruptArchiveError):
        BlockDecompressor(level=8).decompress(MIX, *MIXED)


def test_names_cannot_explode() -> None:
    """A page of a few kilobytes that stands for gigabytes of paths."""
    count = 60_000
    head = write_varint(1) + write_column([0]) + write_column([0]) + write_column([0] * count)
    shared = [0] + [60_000 + number // 256 for number in range(count - 1)]
    suffixes = [b"x" * 60_001, *(b"y" for _ in range(count - 1))]
    for names in (
        b"\0" + write_column(shared) + write_strings(suffixes),
        b"\1" + write_prefixed([b"b" * 60_000]) + write_varint(count),
    ):
        decoded = head + names
        page = PageHeader.wrap(0, decoded, len(decoded), count)
        assert ours(page, 0) is CorruptArchiveError
        assert theirs(page, 0) is CorruptArchiveError


def test_small_files_cannot_claim_many_blocks() -> None:
    page_table = write_varint(0) * 3 + bytes(3) + write_varint(0)
    claims = write_varint(0) * 2 + page_table * 2 + write_varint(1 << 20)
    head = len(claims).to_bytes(4, "little") * 2 + b"\0"
    with pytest.raises(CorruptArchiveError, match="exceeds"):
        Directory.from_bytes(head + claims, 4000)
    with pytest.raises(Corrupt):
        read_directory(head + claims, 4000)


def test_what_takes_days_to_hash_is_not_hashed(tmp_path: Path) -> None:
    """The hash is wrong, which shows that it was not compared; that of the small file is."""
    hole, block = Extent(HOLE, 0, 1 << 43), Extent(0, 0, 8)
    files = [
        Entry(b"hole", size=1 << 43, extents=(hole,), digest=bytes(32)),
        Entry(b"mixed", size=(1 << 43) + 8, extents=(hole, block), digest=bytes(32)),
        Entry(b"repeated", size=80_000 << 20, extents=(Extent(1, 0, 1 << 20),) * 80_000, digest=bytes(32)),
        Entry(b"small", size=8, extents=(block,), digest=bytes(32)),
    ]
    path = tmp_path / "a.ucz"
    header = ArchiveHeader(level=1, content_hash_bytes=8)
    write(path, Plan(files, [b"contents", bytes(1 << 20)]), header=header)
    with Archive(path) as archive:
        report = archive.verify()
        assert report.unhashed == 3
        assert len(report.problems) == 1 and "small differs from its hash" in report.problems[0]
        extracted = archive.extract(tmp_path / "out", ["hole", "mixed", "small"])
        assert [name for name, _ in extracted.failed if name == b"small"] == [b"small"]
        assert not any("hash" in reason for name, reason in extracted.failed if name != b"small")
