"""Zero runs, classes, anchors and copies against slow, obvious oracles."""

import gzip
import random
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress import _core
from ucompress._core import (
    SegmentIndex,
    classify,
    classify_all,
    extend_match,
    find_anchors,
    find_segments,
    find_zero_runs,
)

sparse = st.lists(st.tuples(st.sampled_from([b"\0", b"a", b"\0\1"]), st.integers(0, 40)), max_size=20).map(
    lambda parts: b"".join(byte * count for byte, count in parts)
)


def dmer_hash(dmer: bytes) -> int:
    """The polynomial and its finalizer in plain Python."""
    h = 0
    for byte in dmer:
        h = (h * 0x9E3779B97F4A7C15 + byte + 1) % 2**64
    return h


def mixed(h: int) -> int:
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD % 2**64
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 % 2**64
    return h ^ (h >> 33)


@given(data=sparse, minimum=st.integers(1, 20))
def test_zero_runs_are_the_maximal_ones(data: bytes, minimum: int) -> None:
    expected = [m.span() for m in re.finditer(rb"\0{%d,}" % minimum, data)]
    assert [tuple(run) for run in find_zero_runs(data, minimum)] == expected


def test_zero_runs_take_any_buffer_and_refuse_nonsense() -> None:
    zeros = np.zeros(9000, dtype=np.uint8)
    zeros.flags.writeable = False
    for data in (zeros, memoryview(zeros), bytearray(9000)):
        assert find_zero_runs(data).tolist() == [[0, 9000]]
    assert find_zero_runs(b"").shape == (0, 2)
    with pytest.raises(ValueError, match="minimum"):
        find_zero_runs(b"abc", 0)


@pytest.mark.parametrize("dtype", ["<u4", "<f8", "u1"])
def test_every_kernel_takes_contiguous_buffers_of_any_item(dtype: str) -> None:
    values = np.arange(8192, dtype=dtype)
    values[1000:6000] = 0
    data = values.tobytes()
    assert find_zero_runs(values).tolist() == find_zero_runs(data).tolist()
    assert classify(values) == classify(data)
    assert find_anchors(values, 16).tolist() == find_anchors(data, 16).tolist()
    assert find_segments(values).tolist() == find_segments(data).tolist()
    assert extend_match(values, 8, 0, 900, values, 8, 0, 900) == (8, 892)
    assert _core.sketch(values).tolist() == _core.sketch(data).tolist()


def test_numbers_out_of_range_are_refused_by_name() -> None:
    for name, call in {
        "minimum": lambda: find_segments(b"abc", 0),
        "spacing": lambda: find_anchors(b"abc", 1 << 65),
        "length": lambda: find_anchors(b"abc", 1, 257),
        "total": lambda: SegmentIndex(-1),
        "base": lambda: SegmentIndex(10).candidates(b"abc", -1),
        "first": lambda: SegmentIndex(10).candidates(b"abc", 1, 1 << 63),
    }.items():
        with pytest.raises(ValueError, match=f"{name} must be from"):
            call()
    with pytest.raises(ValueError, match="length must be from 1 to 256, not 0"):
        find_anchors(b"abc", 1, 0)
    with pytest.raises(ValueError, match="bounds"):
        extend_match(b"abc", 0, -1, 3, b"abc", 0, 0, 1 << 70)


def test_classes_of_typical_contents() -> None:
    text = b"def f(x):\n\treturn x + 1\n" * 400
    noise = random.Random(1).randbytes(200_000)
    assert classify(b"") == 0
    assert classify(text) == 0
    assert classify("größer als früher\n".encode() * 50) == 0
    assert classify(text.decode().encode("utf-16")) == 1
    assert classify(bytes(5000)) == 1
    assert classify(noise) == 2
    assert classify(noise[:700]) == 2
    assert classify(gzip.compress(noise[:50_000].hex().encode(), mtime=0)) == 2
    # Evenly spread, and yet there is much to gain.
    assert classify(bytes(range(256)) * 100) == 1
    assert classify(noise[:1000] * 100) == 1


def test_a_class_comes_from_all_over_a_large_content() -> None:
    noise = random.Random(2).randbytes(1 << 20)
    assert classify(b"a" * 2000 + noise) == 2
    assert classify(b"a" * (3 << 20) + noise) == 1


@given(st.lists(st.binary(max_size=300) | st.sampled_from([bytes(2000), b"text\n" * 200]), max_size=8))
def test_many_contents_are_classified_by_their_beginnings(datas: list[bytes]) -> None:
    noise = random.Random(2).randbytes(4000)
    contents = [*datas, noise, b"a" * 1000 + noise]
    for most in (0, 1000, 1 << 20):
        assert classify_all(contents, most) == bytes([classify(data[:most]) for data in contents])


@given(
    data=st.binary(max_size=300) | st.integers(0, 9).map(lambda n: b"ab" * (n * 10)),
    spacing=st.sampled_from([1, 4, 16]),
    length=st.sampled_from([1, 5, 48]),
)
def test_anchors_are_where_the_hash_says(data: bytes, spacing: int, length: int) -> None:
    expected = []
    free_from = 0
    for p in range(len(data) - length + 1):
        h = dmer_hash(data[p : p + length])
        if h <= 2**64 // spacing - 1 and p >= free_from:
            expected.append((mixed(h), p))
            free_from = p + max(spacing // 8, 1)
    assert [tuple(map(int, row)) for row in find_anchors(data, spacing, length)] == expected


@pytest.mark.parametrize("spacing", [1, 3, 64])
@pytest.mark.parametrize(
    "data",
    [
        random.Random(8).randbytes(40_000),
        b"a" * 9_000,
        b"\0\1\2" * 2_000,
        random.Random(9).randbytes(999) + bytes(40_000) + b"\1" + bytes(3_000),
    ],
)
def test_anchors_of_much_data_are_those_of_its_parts(data: bytes, spacing: int) -> None:
    length, gap = 16, max(spacing // 8, 1)
    expected: list[tuple[int, int]] = []
    for p in range(len(data) - length + 1):
        found = find_anchors(data[p : p + length], spacing, length)
        if len(found) and (not expected or p >= expected[-1][1] + gap):
            expected.append((int(found[0, 0]), p))
    assert [tuple(map(int, row)) for row in find_anchors(data, spacing, length)] == expected


def test_anchors_do_not_depend_on_where_the_bytes_stand() -> None:
    noise = random.Random(3).randbytes(100_000)
    alone = {int(h) for h, _ in find_anchors(noise, 256)}
    shifted = {int(h) for h, p in find_anchors(b"x" * 777 + noise, 256) if p >= 777}
    assert len(alone) > 250
    assert len(alone & shifted) > 0.95 * len(alone)


@given(st.data())
def test_extend_match_is_maximal_inside_its_bounds(data: st.DataObject) -> None:
    letters = st.text("ab", max_size=40).map(str.encode)
    a, b = data.draw(letters), data.draw(letters)
    low, position, high = sorted(data.draw(st.tuples(*[st.integers(0, len(a))] * 3)))
    source_low, source, source_high = sorted(data.draw(st.tuples(*[st.integers(0, len(b))] * 3)))
    back, forward = extend_match(a, position, low, high, b, source, source_low, source_high)
    x, y = a[position:high], b[source:source_high]
    assert forward == next(
        (i for i, (m, n) in enumerate(zip(x, y, strict=False)) if m != n), min(len(x), len(y))
    )
    x, y = a[low:position][::-1], b[source_low:source][::-1]
    assert back == next(
        (i for i, (m, n) in enumerate(zip(x, y, strict=False)) if m != n), min(len(x), len(y))
    )


def test_extend_match_refuses_bounds_outside_the_buffer() -> None:
    for arguments in [(1, 0, 4, 0, 0, 3), (1, 2, 3, 0, 0, 3), (0, 0, 3, 4, 0, 4), (2, 0, 1, 0, 0, 0)]:
        with pytest.raises(ValueError, match="bounds"):
            extend_match(b"abc", *arguments[:3], b"abc", *arguments[3:])


def all_copies(data: bytes, minimum: int) -> list[tuple[int, int]]:
    """(start, end) of every position range of `minimum` bytes that stands earlier, too: the naive way."""
    return [
        (p, p + minimum)
        for p in range(len(data) - minimum + 1)
        if 0 <= data.find(data[p : p + minimum], 0, p) <= p - minimum
    ]


@given(
    seed=st.integers(0, 2**32),
    plan=st.lists(st.tuples(st.integers(0, 8000), st.integers(0, 4000)), max_size=6),
)
def test_segments_are_true_copies_in_order(seed: int, plan: list[tuple[int, int]]) -> None:
    data = random.Random(seed).randbytes(6000)
    for start, length in plan:
        data += data[start : start + length] + bytes([seed % 256])
    done = 0
    for position, source, length in find_segments(data).tolist():
        assert length >= 1024
        assert done <= position
        assert source + length <= position
        assert data[position : position + length] == data[source : source + length]
        # Nothing more could have been taken on either side.
        if position > done and source > 0 and source + length < position:
            assert data[position - 1] != data[source - 1]
        if position + length < len(data) and source + length < position:
            assert data[position + length] != data[source + length]
        done = position + length


def test_segments_cover_what_the_naive_search_finds() -> None:
    rng = random.Random(7)
    data = rng.randbytes(12_000)
    for _ in range(12):
        start, length = rng.randrange(8000), rng.randrange(1024, 4000)
        data += rng.randbytes(50) + data[start : start + length]
    expected = np.zeros(len(data), dtype=bool)
    for start, end in all_copies(data, 1024):
        expected[start:end] = True
    covered = np.zeros(len(data), dtype=bool)
    for position, _, length in find_segments(data).tolist():
        covered[position : position + length] = True
    assert not (covered & ~expected).any()
    assert covered.sum() > 0.95 * expected.sum()


def test_runs_and_short_periods_give_few_anchors() -> None:
    for data in (bytes(1 << 20), b"ab" * (1 << 19), b"0123456789abcdef" * (1 << 16)):
        assert len(find_anchors(data, 256)) <= (1 << 20) // 32 + 1


def test_index_is_bounded_and_survives_more_than_it_was_made_for() -> None:
    assert SegmentIndex(1 << 50).nbytes == 32 << 20
    assert SegmentIndex(1 << 50).spacing == (1 << 50) // (1 << 21)
    index = SegmentIndex(0)
    rng = random.Random(5)
    for i in range(4):
        index.candidates(rng.randbytes(1 << 20), i << 20)
    again = random.Random(5).randbytes(1 << 20)
    hits = index.candidates(again, 4 << 20)
    assert (hits[:, 0] == hits[:, 1]).mean() > 0.9 if len(hits) else index.nbytes == 8192


def test_index_prefers_the_latest_content_and_the_first_place_inside_one() -> None:
    data = random.Random(6).randbytes(20_000)
    index = SegmentIndex(1 << 20)
    index.candidates(data, 0)
    index.candidates(data, 100_000)
    third = index.candidates(data + data, 200_000, 200_000)
    early = third[third[:, 0] < 19_900]
    late = third[third[:, 0] >= 20_000]
    assert (early[:, 1] - early[:, 0] == 100_000).all()
    assert (late[:, 1] - late[:, 0] == 180_000).all()
    assert len(early) > 40
    assert len(late) > 40


def test_index_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(ValueError, match="total must be from 0"):
        SegmentIndex(-1)
    with pytest.raises(ValueError, match="columns"):
        SegmentIndex(1).trace(np.zeros((1, 3), dtype=np.uint64), 0, 0)
    assert len(_core.SegmentIndex(0).candidates(b"", 0)) == 0
