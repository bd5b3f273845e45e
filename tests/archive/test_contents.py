"""Content hashes of files whose blocks come by in any order, against the hash of the joined bytes."""

import random
import tracemalloc

from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from ucompress.archive import Entry, Extent
from ucompress.archive.format.entry import HOLE
from ucompress.archive.reading.contents import ContentHashes

BLOCKS = [random.Random(number).randbytes(64) for number in range(5)]

extents = st.lists(
    st.builds(
        lambda block, offset, length: Extent(block, 0 if block == HOLE else offset, length),
        st.integers(HOLE, len(BLOCKS) - 1),
        st.integers(0, 40),
        st.integers(1, 24),
    ),
    min_size=1,
    max_size=6,
)


def content(entry: Entry) -> bytes:
    return b"".join(
        bytes(length) if block == HOLE else BLOCKS[block][offset : offset + length]
        for block, offset, length in entry.extents
    )


@given(
    files=st.lists(st.none() | extents, max_size=8),
    order=st.permutations(range(len(BLOCKS))),
    shown=st.integers(0, len(BLOCKS)),
    held=st.integers(0, 10_000),
    most=st.integers(0, 20),
)
def test_a_hash_is_that_of_the_joined_bytes_or_none(files, order, shown, held, most):
    entries = [found and Entry(b"%d" % at, extents=tuple(found)) for at, found in enumerate(files)]
    members = [(b"%d" % at, entry) for at, entry in enumerate(entries)]
    plenty, little = ContentHashes(members, 16, 1 << 20, 99), ContentHashes(members, 16, held, most)
    for number in order[:shown]:
        plenty.show(number, BLOCKS[number])
        little.show(number, BLOCKS[number])
    for at, entry in enumerate(entries):
        assert plenty.number(b"%d" % at) == at
        assert plenty.is_expected(at) is (entry is not None)
        if entry is None or any(extent.block in order[shown:] for extent in entry.extents):
            assert plenty.digest(at) is little.digest(at) is None
        else:
            assert plenty.digest(at) == blake3(content(entry)).digest(16)
            assert little.digest(at) in (None, plenty.digest(at))
    assert plenty.number(b"0") is None


def test_a_block_that_is_too_short_gives_no_hash():
    hashes = ContentHashes([(b"a", Entry(b"a", extents=(Extent(0, 0, 9),)))], 8, 1 << 20, 9)
    hashes.show(0, bytes(8))
    assert hashes.digest(0) is None


def test_a_file_takes_a_few_bytes_until_its_block_comes():
    files = 20_000
    members = ((b"%09d" % at, Entry(b"", extents=(Extent(at // 100, at % 100, 1),))) for at in range(files))
    tracemalloc.start()
    try:
        hashes = ContentHashes(members, 16, 1 << 20, files)
        assert tracemalloc.get_traced_memory()[0] < 100 * files
    finally:
        tracemalloc.stop()
    hashes.show(3, bytes(100))
    assert hashes.digest(350) == blake3(bytes(1)).digest(16)
    assert hashes.digest(400) is None


def test_extents_take_no_more_than_they_may_however_many_are_claimed():
    hollow = (b"a", Entry(b"", extents=(Extent(HOLE, 0, 1),) * 1000))
    scattered = (b"a", Entry(b"", extents=(Extent(0, 0, 1), Extent(1, 0, 1)) * 500))
    for member in (hollow, scattered):
        tracemalloc.start()
        try:
            hashes = ContentHashes((member for _ in range(300)), 16, 1 << 20, 10_000)
            assert tracemalloc.get_traced_memory()[0] < 1 << 20
        finally:
            tracemalloc.stop()
        for block in (1, 0):
            hashes.show(block, b"a")
        expected = bytes(1000) if member is hollow else b"a" * 1000
        assert hashes.digest(0) == blake3(expected).digest(16)
        assert hashes.is_expected(299)
        assert hashes.digest(299) == (hashes.digest(0) if member is hollow else None)


def test_members_that_are_lost_later_do_not_shift_the_others():
    members = [(b"%d" % at, Entry(b"", extents=(Extent(0, at, 1),))) for at in range(9)]
    hashes = ContentHashes(members, 16, 1 << 20, 9)
    hashes.show(0, bytes(range(9)))
    for at in (0, 1, 5, 6, 8):
        number = hashes.number(b"%d" % at)
        assert number is not None
        assert hashes.digest(number) == blake3(bytes([at])).digest(16)
    assert hashes.number(b"never") is None
