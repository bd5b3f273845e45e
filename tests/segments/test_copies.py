"""What is asked of many contents at once, against the same asked of each."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress.segments import (
    CopySearch,
    SegmentIndex,
    find_all_anchors,
    find_all_zero_runs,
    find_anchors,
    zero_runs,
)

buffers = st.lists(st.sampled_from([b"", b"\0" * 9, b"a\0\0", random.Random(1).randbytes(3000)]), max_size=6)


@given(buffers, st.integers(1, 10))
def test_zero_runs_of_many_are_those_of_each(datas: list[bytes], minimum: int) -> None:
    expected = [(i, *run) for i, data in enumerate(datas) for run in zero_runs(data, minimum)]
    assert find_all_zero_runs(datas, minimum) == expected


@given(buffers, st.booleans())
def test_candidates_of_many_are_those_of_each(datas: list[bytes], alone: bool) -> None:
    one_by_one, together = SegmentIndex(1 << 20), SegmentIndex(1 << 20)
    for index in (one_by_one, together):
        index.candidates(random.Random(1).randbytes(3000), 0)
    expected: list[list[list[int]]] = []
    base = 3000
    for data in datas:
        expected.append(one_by_one.candidates(data, base, base if alone else 3000).tolist())
        base += len(data)
    hits, rows = together.trace_all(datas, 3000, None if alone else 3000)
    assert rows[0] == 0
    assert rows[-1] == len(hits)
    assert [hits[a:b].tolist() for a, b in pairwise(rows)] == expected


@given(buffers, st.sampled_from([256, 512]))
def test_anchors_of_many_are_those_of_each(datas: list[bytes], spacing: int) -> None:
    anchors, rows = find_all_anchors(datas, spacing)
    assert (rows[0], rows[-1]) == (0, len(anchors))
    expected = [find_anchors(data, spacing).tolist() for data in datas]
    assert [anchors[a:b].tolist() for a, b in pairwise(rows)] == expected


def test_anchors_of_many_are_traced_only_where_they_stand() -> None:
    index, (anchors, rows) = (
        SegmentIndex(1 << 20),
        find_all_anchors([b"", random.Random(1).randbytes(3000)], 256),
    )
    assert len(anchors) > 3
    with pytest.raises(ValueError, match="columns"):
        index.trace_found(np.zeros((4, 3), dtype=np.uint64), rows, [0, 3000], 0)
    with pytest.raises(ValueError, match="one number more"):
        index.trace_found(anchors, rows, [3000], 0)
    for wrong in ([0, 2, 1], [0, 0, len(anchors) + 1]):
        with pytest.raises(ValueError, match="row must be from"):
            index.trace_found(anchors, wrong, [0, 3000], 0)
    for spacing, length in [(0, 160), (256, 0)]:
        with pytest.raises(ValueError, match="must be from 1"):
            find_all_anchors([b""], spacing, length)


def search_of(datas: list[bytes], held: dict[int, bytes]) -> CopySearch:
    return CopySearch(np.cumsum([0, *map(len, datas)]), held, datas.__getitem__)


@given(st.data())
def test_a_copy_is_grown_as_far_as_it_goes(draw: st.DataObject) -> None:
    letters = st.text("ab", min_size=1, max_size=40).map(str.encode)
    first, second = draw.draw(letters), draw.draw(letters)
    position, at = draw.draw(st.integers(0, len(second) - 1)), draw.draw(st.integers(0, len(first) - 1))
    low, high = draw.draw(st.integers(0, position)), draw.draw(st.integers(position + 1, len(second)))
    search = search_of([first, second], draw.draw(st.sampled_from([{0: first}, {}])))
    search.begin(np.array([[position, at]]))
    row, start, length, window, source = search.next(0, 1, 1, second, low, high, 1, 1)
    if not length:
        assert row == 1
        assert second[position] != first[at]
        assert min(position - low, at) == 0 or second[position - 1] != first[at - 1]
        return
    assert (row, window, position - start) == (0, 0, at - source)
    assert low <= start <= position <= start + length <= high
    assert second[start : start + length] == first[source : source + length]
    assert start == low or source == 0 or second[start - 1] != first[source - 1]
    end, behind = start + length, source + length
    assert end == high or behind == len(first) or second[end] != first[behind]


def test_a_copy_within_a_window_begins_behind_its_source() -> None:
    data = b"abcabcabcabc"
    search = search_of([data], {0: data})
    search.begin(np.array([[6, 0]]))
    assert search.next(0, 1, 0, data, 0, 12, 4, 4) == (0, 6, 6, 0, 0)
    search.begin(np.array([[3, 0]]))
    assert search.next(0, 1, 0, data, 0, 12, 4, 4) == (1, 0, 0, 0, 0)


def test_a_stretch_that_was_too_short_is_not_tried_again() -> None:
    first, second = b"0123456789abcdef", b"0123456789ABCDEF"
    fetched = []
    search = CopySearch(
        np.array([0, 16, 32]),
        {1: second},
        lambda window: fetched.append(window) or (first, second)[window],
    )
    hits = np.array([[1, 1], [4, 4], [12, 12], [15, 15]])
    search.begin(hits)
    assert search.next(0, 4, 1, second, 0, 14, 11, 11) == (3, 0, 0, 0, 0)
    assert fetched == [0, 0]
    search.begin(hits)
    assert search.next(0, 4, 1, second, 0, 14, 10, 11) == (0, 0, 10, 0, 0)
    search.give_up(0, 16)
    assert search.next(1, 4, 1, second, 0, 16, 1, 1) == (4, 0, 0, 0, 0)


def test_nonsense_is_refused() -> None:
    data = b"a" * 8
    with pytest.raises(ValueError, match="an end"):
        CopySearch(np.array([], dtype=np.int64), {}, lambda window: data)
    search = CopySearch(np.array([0, 8, 16]), {}, lambda window: data[:3])
    search.begin(np.array([[0, 3], [1, 16]]))
    with pytest.raises(ValueError, match="another length"):
        search.next(0, 1, 1, data, 0, 8, 1, 1)
    with pytest.raises(ValueError, match="no window"):
        search.next(1, 2, 1, data, 0, 8, 1, 1)
    for bad in ((0, 3, 1, data, 0, 8), (2, 1, 1, data, 0, 8), (0, 1, 1, data, 0, 9), (0, 1, 1, data, 5, 4)):
        with pytest.raises(ValueError, match="in order"):
            search.next(*bad, 1, 1)
    search.begin(np.array([[-1, 3]]))
    with pytest.raises(ValueError, match="position"):
        search.next(0, 1, 1, data, 0, 8, 1, 1)


def test_windows_whose_bytes_are_gone_give_no_copies() -> None:
    first, second = b"0123456789abcdef", b"0123456789abcdef"
    search = CopySearch(np.array([0, 16, 32, 48]), {1: first}, lambda window: None)
    search.begin(np.array([[0, 0], [0, 16]]))
    assert search.next(0, 2, 2, second, 0, 16, 8, 8) == (1, 0, 16, 1, 0)
    search.begin(np.array([[0, 0]]))
    assert search.next(0, 1, 2, second, 0, 16, 8, 8) == (1, 0, 0, 0, 0)
