"""Place columns of a whole page against one extent after the other, as format section 6.6 tells it."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ucompress.archive import HOLE, Entry, Extent, Members
from ucompress.archive.format.columns import zigzag
from ucompress.archive.format.places import base_name, suffix_of
from ucompress.archive.writing.placing import place_files

PATH = st.builds(
    b"%b/%b%b".__mod__,
    st.tuples(*map(st.sampled_from, ([b"a", b"b", b"c"], [b"x", b"y"], [b"", b".c", b".h"]))),
)
EXTENT = st.builds(
    lambda block, offset, length: Extent(block, 0 if block == HOLE else offset, length),
    st.integers(HOLE, 3), st.integers(0, 6), st.integers(1, 4),
)  # fmt: skip
CONTENTS = st.lists(st.lists(EXTENT, max_size=3).map(tuple), min_size=1, max_size=5)


def placed_one_by_one(entries: list[Entry]) -> dict[str, list[int]]:
    """The columns, from the present extent's past alone."""
    names = ("shapes", "twins", "sizes", "codes", "lengths", "distances", "block_steps", "offsets")
    columns: dict[str, list[int]] = {name: [] for name in names}
    past: list[tuple[tuple[int, int], tuple[int, int]]] = []
    before: list[Entry] = []
    twin_distance = 1
    for entry in entries:
        extents = entry.extents
        alike = [at for at, other in enumerate(before) if extents and other.extents == extents]
        columns["shapes"].append(1 if alike else len(extents) + 1 if extents else 0)
        if alike:
            distance = len(before) - alike[-1]
            columns["twins"].append(0 if distance == twin_distance else distance)
            twin_distance = distance
        elif extents:
            columns["sizes"].append(entry.size)
            columns["lengths"] += [extent.length for extent in extents[:-1]]
            for extent in extents:
                code_of(extent, base_name(entry.path), before, past, columns)
        before.append(entry)
    return columns


def ends_of(files: list[Entry]) -> list[tuple[int, int]]:
    """Where the last stored extent of each file ends that has one."""
    stored = [[extent for extent in file.extents if extent.block != HOLE] for file in files]
    return [(some[-1].block, some[-1].offset + some[-1].length) for some in stored if some]


def code_of(
    extent: Extent,
    base: bytes,
    before: list[Entry],
    past: list[tuple[tuple[int, int], tuple[int, int]]],
    columns: dict[str, list[int]],
) -> None:
    """Take one extent."""
    block, offset, length = extent
    if block == HOLE:
        columns["codes"].append(4)
        return
    start, end = (block, offset), (block, offset + length)
    last_start, last_end = past[-1] if past else ((0, 0), (0, 0))
    same_base = ends_of([file for file in before if base_name(file.path) == base])
    same_suffix = ends_of([file for file in before if suffix_of(base_name(file.path)) == suffix_of(base)])
    in_block = [stop for _, stop in past if stop[0] == block]
    after = [at for at, (_, stop) in enumerate(past) if stop == start]
    ahead = [at for at, (begin, _) in enumerate(past) if begin == end]
    if start == last_end:
        code = 0
    elif same_base and start == same_base[-1]:
        code = 1
    elif same_suffix and start == same_suffix[-1]:
        code = 2
    elif start == (last_start[0] + 1, 0):
        code = 3
    elif start == (in_block[-1] if in_block else (block, 0)):
        code = 8
    elif after or ahead:
        code = 5 if after else 6
        columns["distances"].append(len(past) - (after or ahead)[-1])
    else:
        code = 7
        columns["offsets"].append(offset)
    if code >= 7:
        columns["block_steps"].append(zigzag(block - last_start[0]))
    columns["codes"].append(code)
    past.append((start, end))


@given(st.lists(PATH, unique=True, max_size=18), CONTENTS, st.randoms(use_true_random=False))
def test_a_page_at_once_and_one_by_one(
    paths: list[bytes], contents: list[tuple[Extent, ...]], choice: Random
) -> None:
    entries = []
    for path in sorted(paths):
        extents = choice.choice(contents)
        entries.append(Entry(path, size=sum(extent.length for extent in extents), extents=extents))
    members = Members.of(entries)
    placed = place_files(members, members.paths, members.contents.astype(np.int64))
    for name, column in placed_one_by_one(entries).items():
        assert getattr(placed, name).tolist() == column, name
