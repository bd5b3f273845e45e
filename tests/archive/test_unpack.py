"""What columns of an index page say, against slow Python that says it again."""

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress.archive.format.columns import shared_prefix, signed, unzigzag
from ucompress.archive.format.entry import HOLE, Extent, path_problem
from ucompress.codec.unpack import first_bad_path, join_prefixed, place_extents, resolve_twins, running_sums

WORDS = st.integers(0, (1 << 64) - 1)
NASTY = st.lists(st.sampled_from([b"a", b"b", b".", b"..", b"/", b"\0", b"\xff"]), max_size=6).map(b"".join)
BLOCKS, LARGEST = 1 << 20, 1000


@given(st.lists(st.binary(max_size=9)))
def test_prefixed_strings_come_back(strings: list[bytes]) -> None:
    shared = [shared_prefix(before, string) for before, string in pairwise([b"", *strings])]
    suffixes = [string[common:] for string, common in zip(strings, shared, strict=True)]
    assert join_prefixed(array("Q", shared), suffixes) == strings


@pytest.mark.parametrize("shared", [[1, 0], [0, 3], [0, (1 << 64) - 1]])
def test_a_string_cannot_share_more_than_there_is(shared: list[int]) -> None:
    with pytest.raises(ValueError, match="shares more"):
        join_prefixed(array("Q", shared), [b"ab", b"c"])


def test_columns_have_one_number_for_each_string() -> None:
    with pytest.raises(ValueError, match="1 numbers where 2"):
        join_prefixed(array("Q", [0]), [b"a", b"b"])


@given(st.lists(NASTY, max_size=5), st.booleans())
def test_the_first_bad_path_is_found(paths: list[bytes], ascending: bool) -> None:
    paths = sorted(set(paths)) if ascending else paths
    bad = [
        number
        for number, (before, path) in enumerate(pairwise([b"", *paths]))
        if path_problem(path) or path <= before
    ]
    assert first_bad_path(paths) == (bad[0] if bad else -1)


@pytest.mark.parametrize(("length", "found"), [(65_535, -1), (65_536, 0)])
def test_a_path_has_a_longest_length(length: int, found: int) -> None:
    assert first_bad_path([b"x" * length]) == found


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.lists(WORDS), st.booleans())
def test_sums_are_those_of_64_bits(first: int, steps: list[int], zigzagged: bool) -> None:
    expected = [first]
    for step in steps:
        expected.append(signed(expected[-1] + (unzigzag(step) if zigzagged else step)))
    assert running_sums(first, array("Q", steps), zigzagged) == expected


def test_twins_have_the_size_of_what_they_repeat() -> None:
    shapes = array("Q", [2, 0, 1, 3, 1])
    assert resolve_twins(shapes, array("Q", [2, 0]), array("Q", [5, 9])) == ([0, 1, 0, 3, 0], [5, 0, 5, 9, 5])


@pytest.mark.parametrize(
    ("shapes", "twins", "sizes"),
    [([1], [0], []), ([2, 1], [2], [1]), ([0, 1], [1], []), ([1], [], []), ([2, 1], [(1 << 64) - 1], [1])],
)
def test_twins_repeat_an_earlier_file(shapes: list[int], twins: list[int], sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="not there"):
        resolve_twins(array("Q", shapes), array("Q", twins), array("Q", sizes))


@pytest.mark.parametrize("sizes", [[0], []])
def test_a_file_with_extents_has_a_size(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="no size"):
        resolve_twins(array("Q", [2]), array("Q"), array("Q", sizes))


def places(
    paths: list[bytes], sizes: list[int], shapes: list[int], *columns: list[int]
) -> list[tuple[Extent, ...]]:
    arrays = [array("Q", column) for column in columns]
    return place_extents(
        paths, list(range(len(paths))), sizes, array("Q", shapes), arrays, Extent, BLOCKS, LARGEST
    )


def test_every_place_code_leads_somewhere() -> None:
    paths = [b"d/a.c", b"d/b.c", b"d/empty", b"e/a.c", b"f.h", b"g", b"h", b"i", b"j"]
    sizes = [10, 20, 0, 30, 60, 5, 7, 1, 2]
    codes = [0, 2, 1, 4, 3, 0, 5, 6, 7, 8]
    found = places(paths, sizes, [2, 2, 0, 2, 4, 2, 2, 2, 2], codes, [40, 10], [4, 2], [4, 3], [9])
    assert found == [
        (Extent(0, 0, 10),),
        (Extent(0, 10, 20),),
        (),
        (Extent(0, 10, 30),),
        (Extent(HOLE, 0, 40), Extent(1, 0, 10), Extent(1, 10, 10)),
        (Extent(0, 30, 5),),
        (Extent(1, 3, 7),),
        (Extent(3, 9, 1),),
        (Extent(1, 10, 2),),
    ]


@pytest.mark.parametrize(
    ("sources", "sizes", "columns"),
    [([0], [5, 5], 5), ([0, 1], [5], 5), ([0, 1], [5, 5], 4), ([0, 1], [5, 5], 0), ([0, 1], [5, 5], 6)],
)
def test_places_have_a_row_for_each_file_and_five_columns(
    sources: list[int], sizes: list[int], columns: int
) -> None:
    shapes, arrays = array("Q", [2, 2]), [array("Q", [0, 0])] * columns
    with pytest.raises(ValueError, match="2 paths with"):
        place_extents([b"a", b"b"], sources, sizes, shapes, arrays, Extent, BLOCKS, LARGEST)


@pytest.mark.parametrize("source", [1, 2, -1])
def test_a_twin_has_the_extents_of_an_earlier_file(source: int) -> None:
    shapes, arrays = array("Q", [2, 1]), [array("Q", [0]), *[array("Q")] * 4]
    with pytest.raises(ValueError, match="does not come before it"):
        place_extents([b"a", b"b"], [0, source], [5, 5], shapes, arrays, Extent, BLOCKS, LARGEST)


@pytest.mark.parametrize(
    ("code", "columns", "why"),
    [
        (1, ([], [], [], []), "cannot be"),
        (2, ([], [], [], []), "cannot be"),
        (5, ([], [1], [], []), "cannot be"),
        (6, ([], [0], [], []), "cannot be"),
        (7, ([], [], [2 * BLOCKS], [0]), "cannot be"),
        (7, ([], [], [1], [0]), "cannot be"),
        (7, ([], [], [(1 << 64) - 1], [0]), "cannot be"),
        (7, ([], [], [0], [LARGEST]), "leaves its block"),
        (7, ([], [], [0], [(1 << 64) - 1]), "leaves its block"),
        (7, ([], [], [0], []), "ends early"),
        (8, ([], [], [1], []), "cannot be"),
        (8, ([], [], [], []), "ends early"),
        (9, ([], [], [], []), "does not exist"),
    ],
)
def test_no_extent_leads_out_of_the_archive(code: int, columns: tuple[list[int], ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        places([b"a"], [10], [2], [code], *columns)


@pytest.mark.parametrize("lengths", [[0], [10], [11], [(1 << 64) - 1]])
def test_extents_add_up_to_the_size(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="add up"):
        places([b"a"], [10], [3], [0, 0], lengths, [], [], [])
