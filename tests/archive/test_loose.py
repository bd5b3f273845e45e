"""Which blocks hold bytes that belong to no member: told by spans, however many there are."""

import random

import pytest

from ucompress.archive import Entry, EntryKind
from ucompress.archive.extracting import loose
from ucompress.archive.format.directory import BlockTable
from ucompress.archive.format.entry import HOLE, Extent


def table(*sizes):
    nothing = [0] * len(sizes)
    return BlockTable.of([64] * len(sizes), nothing, list(sizes), nothing, nothing)


def files(*spans):
    """A file for each (block, start, stop)."""
    return [
        Entry(b"%d" % number, EntryKind.FILE, extents=(Extent(block, start, stop - start),))
        for number, (block, start, stop) in enumerate(spans)
    ]


@pytest.mark.parametrize("count", [3, 5000])
def test_a_block_is_loose_if_a_byte_of_it_belongs_to_nobody(count):
    pieces = [(number % 2, 10 * (number // 2), 10 * (number // 2) + 10) for number in range(2 * count)]
    random.Random(count).shuffle(pieces)
    pieces += [(1, 5, 15), (HOLE, 0, 99)]
    size = 10 * count
    assert loose.loose_blocks(files(*pieces), table(size, size, 0)) == []
    assert loose.loose_blocks(files(*pieces), table(size, size + 1, 7)) == [1, 2]
    gone = next(piece for piece in pieces if piece[0] == 0)
    assert loose.loose_blocks(files(*(piece for piece in pieces if piece != gone)), table(size, size)) == [0]


def test_spans_that_never_touch_take_no_time_beyond_sorting_them(monkeypatch):
    joined, worked = loose._joined, []

    def counted(spans):
        worked.append(len(spans))
        return joined(spans)

    monkeypatch.setattr(loose, "_joined", counted)
    count = 20_000
    apart = files(*((0, 2 * number, 2 * number + 1) for number in range(count)))
    assert loose.loose_blocks(apart, table(2 * count)) == [0]
    assert sum(worked) < 4 * count
