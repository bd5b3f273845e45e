"""Places, growth and exact counts against plain loops over the bytes."""

from __future__ import annotations

import random
import threading
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress._core import (
    CONTEXT_DTYPE,
    PLACE_DTYPE,
    TALLY_DTYPE,
    PatternLocator,
    PatternSampler,
    PatternTally,
    extend_patterns,
    find_cuts,
    rolling_hash,
)

# Different bytes, same hash modulo 2^64; found by lattice reduction.
COLLISION = (b"dfddddddhdfgdild", b"hdphdeehdfddjddf")

texts = st.lists(st.sampled_from(b"ab\n"), max_size=120).map(bytes)
patterns = st.lists(st.sampled_from(b"ab\n"), min_size=3, max_size=12).map(bytes)
cuts = st.lists(st.integers(min_value=0, max_value=40), max_size=8)


def windows(text: bytes, sizes: list[int]) -> list[bytes]:
    parts = []
    for size in sizes:
        parts.append(text[:size])
        text = text[size:]
    return [*parts, text]


def mix(h: int) -> int:
    mask = (1 << 64) - 1
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD & mask
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 & mask
    return h ^ (h >> 33)


def naive_places(
    hashes: list[int], documents: dict[int, bytes], length: int, bound: int
) -> list[tuple[int, ...]]:
    """Rows (order, offset, document, candidate)."""
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for ordinal, text in documents.items():
        ranks: dict[int, int] = defaultdict(int)
        for offset, value in enumerate(rolling_hash(text, length).tolist()):
            order = min(ranks[value], 255) << 56 | mix(ordinal + 1) >> 8
            found[value].append((order, ordinal, offset))
            ranks[value] += 1
    return [
        (order, offset, ordinal, candidate)
        for candidate, value in enumerate(hashes)
        for order, ordinal, offset in sorted(found[value])[:bound]
    ]


@given(
    st.lists(texts, max_size=5),
    st.integers(min_value=1, max_value=4),
    st.integers(min_value=1, max_value=5),
    cuts,
    st.randoms(use_true_random=False),
)
def test_places_are_the_lowest_whatever_the_split(
    documents: list[bytes], length: int, bound: int, sizes: list[int], shuffle: random.Random
) -> None:
    known = sorted({value for text in documents for value in rolling_hash(text, length).tolist()})
    hashes = [*shuffle.sample(known, min(len(known), 6)), 12345]
    parts = [PatternLocator(hashes, length, bound) for _ in range(2)]
    order = list(enumerate(documents))
    shuffle.shuffle(order)
    for ordinal, text in order:
        locator = shuffle.choice(parts)
        locator.begin(ordinal)
        for part in windows(text, sizes):
            locator.feed(part)
    parts[0].merge(parts[1].places())
    expected = naive_places(hashes, dict(enumerate(documents)), length, bound)
    assert parts[0].places().tolist() == expected


def test_first_place_in_each_document_comes_before_any_second() -> None:
    locator = PatternLocator(rolling_hash(b"key=", 4), 4, 3)
    for ordinal in range(4):
        locator.update(b"key=" * 5, ordinal)
    assert len(set(locator.places()["document"].tolist())) == 3
    assert locator.places()["offset"].tolist() == [0, 0, 0]
    assert locator.nbytes > 0


def naive_tally(patterns: list[bytes], documents: list[tuple[bytes, int]]) -> list[tuple[int, int, int]]:
    rows = []
    for pattern in patterns:
        frequency = files = disjoint = 0
        for text, weight in documents:
            starts = [i for i in range(len(text)) if text.startswith(pattern, i)]
            frequency += weight * len(starts)
            files += weight * bool(starts)
            disjoint += weight * text.count(pattern)
        rows.append((frequency, files, disjoint))
    return rows


@given(
    st.lists(patterns, max_size=8),
    st.lists(st.tuples(texts, st.integers(min_value=0, max_value=3)), max_size=4),
    st.integers(min_value=1, max_value=3),
    cuts,
)
def test_tally_equals_a_loop_over_all_positions(
    patterns: list[bytes], documents: list[tuple[bytes, int]], length: int, sizes: list[int]
) -> None:
    tally = PatternTally(patterns, length)
    for text, weight in documents:
        tally.begin(weight)
        for part in windows(text, sizes):
            tally.feed(part)
    assert tally.counts().tolist() == naive_tally(patterns, documents)


@given(
    st.lists(patterns, max_size=8),
    st.lists(st.tuples(texts, st.integers(min_value=0, max_value=3)), max_size=4),
    st.integers(min_value=1, max_value=3),
    st.booleans(),
)
def test_what_samples_tell_is_counted_as_what_is_scanned(
    patterns: list[bytes], documents: list[tuple[bytes, int]], length: int, scarce: bool
) -> None:
    tally = PatternTally(patterns, length)
    sampler = PatternSampler(length, tally.threshold) if scarce else PatternSampler(length)
    for text, weight in documents:
        tally.update_sampled(text, sampler.sample(text), weight)
    assert tally.counts().tolist() == naive_tally(patterns, documents)


def test_a_document_with_more_places_than_a_sample_tells_is_scanned() -> None:
    wanted = [b"a" * 16, b"a" * 20, b"ab" * 9]
    tally = PatternTally(wanted)
    text = b"a" * 1100 + b"ab" * 1100
    tally.update_sampled(text, PatternSampler().sample(text), 2)
    assert tally.counts().tolist() == naive_tally(wanted, [(text, 2)])


def test_only_the_places_of_a_sample_are_looked_at() -> None:
    tally = PatternTally([b"0123456789abcdef"])
    tally.update_sampled(b"0123456789abcdef" * 2, PatternSampler().sample(b"0123456789abcdef"))
    assert tally.counts()["frequency"].tolist() == [1]


def test_a_sample_that_is_none_of_the_document_is_refused() -> None:
    tally = PatternTally([b"0123456789abcdef"])
    longer = PatternSampler().sample(b"0123456789abcdefg")
    for data, sample in ((b"0123456789abcdef", longer), (b"", longer), (b"0123456789abcdefg", longer[:-1])):
        with pytest.raises(ValueError, match="no sample"):
            tally.update_sampled(data, sample)
    assert not tally.counts()["frequency"].any()


@given(st.lists(patterns, min_size=1, max_size=6), st.lists(texts, max_size=6), st.data())
def test_tallies_add(patterns: list[bytes], documents: list[bytes], data: st.DataObject) -> None:
    parts = [PatternTally(patterns, 3) for _ in range(3)]
    for text in documents:
        data.draw(st.sampled_from(parts)).update(text)
    for part in parts[1:]:
        parts[0].merge(part.counts())
    assert parts[0].counts().tolist() == naive_tally(patterns, [(text, 1) for text in documents])


@given(st.lists(patterns, min_size=1, max_size=6), st.lists(texts, max_size=6), st.integers(0, 6))
def test_what_was_taken_is_forgotten(patterns: list[bytes], documents: list[bytes], cut: int) -> None:
    tally = PatternTally(patterns, 3)
    locator = PatternLocator(sorted({int(rolling_hash(pattern, 3)[0]) for pattern in patterns}), 3, 4)
    for part in (documents[:cut], documents[cut:]):
        fresh_tally = PatternTally(patterns, 3)
        fresh_locator = PatternLocator(sorted({int(rolling_hash(p, 3)[0]) for p in patterns}), 3, 4)
        for ordinal, text in enumerate(part):
            tally.update(text)
            fresh_tally.update(text)
            locator.update(text, ordinal)
            fresh_locator.update(text, ordinal)
        assert tally.take().tolist() == fresh_tally.counts().tolist()
        assert locator.take().tolist() == fresh_locator.places().tolist()


def test_overlapping_and_disjoint_occurrences_are_told_apart() -> None:
    tally = PatternTally([b"a" * 16, b"a" * 20], 16)
    tally.update(b"a" * 50)
    assert tally.counts().tolist() == [(35, 1, 3), (31, 1, 2)]


def test_long_patterns_across_many_windows() -> None:
    source = random.Random(3)
    text = source.randbytes(1500)
    document = source.randbytes(777) + text + source.randbytes(99) + text * 3 + text[:1024]
    wanted = [text[:1024], text, text[100:116], text[-64:] + text[:64]]
    for size in (1, 7, 100, 1023, 1024, 1025, 4000):
        tally = PatternTally(wanted)
        tally.begin(2)
        for start in range(0, len(document), size):
            tally.feed(memoryview(document)[start : start + size])
        assert tally.counts().tolist() == naive_tally(wanted, [(document, 2)])


def test_many_patterns_that_share_most_dmers() -> None:
    run = bytes(64)
    wanted = [run[:size] + bytes([last]) * 3 for size in range(16, 60) for last in (0, 7, 200)]
    document = b"".join(wanted) + run * 3 + b"\x07\x07\x07"
    tally = PatternTally(wanted)
    tally.update(document)
    assert tally.counts().tolist() == naive_tally(wanted, [(document, 1)])


def test_strings_that_collide_are_counted_apart() -> None:
    left, right = COLLISION
    assert rolling_hash(left)[0] == rolling_hash(right)[0]
    tally = PatternTally([left, right, b"." + left, left + b"."])
    document = left + b"." + right + b"." + left
    tally.update(document)
    assert tally.counts().tolist() == [(2, 1, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1)]


def contexts(
    places: list[int], low: int, high: int, *, cut: int = 0
) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    return np.array([(start, low, high, cut) for start in places], dtype=CONTEXT_DTYPE)


def naive_core(text: bytes, starts: list[int], length: int, reach: int) -> bytes:
    """Grow while all agree, one byte at a time."""
    dmer = text[starts[0] : starts[0] + length]
    starts = [start for start in starts if text[start : start + length] == dmer]
    before = after = 0
    while before < reach:
        around = {text[start - before - 1] if start > before else None for start in starts}
        if len(around) > 1 or None in around:
            break
        before += 1
    while after < reach:
        ends = [start + length + after for start in starts]
        around = {text[end] if end < len(text) else None for end in ends}
        if len(around) > 1 or None in around:
            break
        after += 1
    return text[starts[0] - before : starts[0] + length + after]


@given(texts.filter(lambda text: len(text) >= 4), st.integers(min_value=0, max_value=30), st.data())
def test_core_grows_while_all_places_agree(text: bytes, reach: int, data: st.DataObject) -> None:
    length = 2
    anywhere = st.integers(min_value=0, max_value=len(text) - length)
    starts = data.draw(st.lists(anywhere, min_size=1, max_size=6))
    rows = contexts(starts, 0, len(text))
    core, best = extend_patterns(text, rows, [0, len(starts)], length, reach=reach)[0].tolist()
    assert text[core[0] : core[2]] == naive_core(text, starts, length, reach)
    dmer = text[starts[0] : starts[0] + length]
    assert core[3] == sum(text[start : start + length] == dmer for start in starts)
    assert text[best[1] : best[1] + length] == dmer
    assert best[3] * (best[2] - best[0]) >= core[3] * (core[2] - core[0])
    grown = text[best[0] : best[2]]
    at = best[1] - best[0]
    holding = [s for s in starts if s >= at and text[s - at : s - at + len(grown)] == grown]
    assert len(holding) == best[3]


def test_the_majority_is_followed_past_a_garbled_copy() -> None:
    whole = b"<<Permission is hereby granted, free of charge, to any person>>"
    garbled = whole.replace(b"granted", b"grunted")
    text = b"|".join([b"A" + whole, b"B" + whole, b"C" + garbled, b"D" + whole])
    starts = [i for i in range(len(text)) if text.startswith(b"hereby g", i)]
    core, best = extend_patterns(text, contexts(starts, 0, len(text)), [0, 4], 8)[0].tolist()
    assert text[core[0] : core[2]] == b"<<Permission is hereby gr"
    assert core[3] == 4
    assert text[best[0] : best[2]] == whole + b"|"[:0]
    assert best[3] == 3
    supported = extend_patterns(text, contexts(starts, 0, len(text)), [0, 4], 8, support=4)[0].tolist()
    assert supported[0] == supported[1]


def test_growth_says_where_bytes_were_missing() -> None:
    text = b"xxabcdefyyxxabcdefyy"
    rows = contexts([4, 14], 0, 0)
    rows["low"] = [1, 11]
    rows["high"] = [9, 19]
    assert extend_patterns(text, rows, [0, 2], 2)["cut"].tolist() == [[0, 0]]
    rows["cut"] = 1
    assert extend_patterns(text, rows, [0, 2], 2)["cut"].tolist() == [[1, 1]]
    rows["cut"] = 3
    assert extend_patterns(text, rows, [0, 2], 2)["cut"].tolist() == [[3, 3]]
    assert extend_patterns(text, rows, [0, 2], 2, reach=2)["cut"].tolist() == [[3, 3]]


def test_places_that_only_collide_are_left_out() -> None:
    left, right = COLLISION
    text = b"(" + left + b")" + b"[" + right + b"]" + b"(" + left + b")"
    starts = [1, 19, 37]
    core = extend_patterns(text, contexts(starts, 0, len(text)), [0, 3])[0, 0].tolist()
    assert text[core[0] : core[2]] == b"(" + left + b")"
    assert core[3] == 2


@given(texts, st.integers(min_value=1, max_value=3), st.integers(min_value=1, max_value=12))
def test_cuts_are_local_minima(text: bytes, length: int, spacing: int) -> None:
    hashes = rolling_hash(text, length).tolist()
    expected = [
        i
        for i in range(spacing, len(hashes) - spacing)
        if hashes[i] < min(hashes[i - spacing : i]) and hashes[i] <= min(hashes[i + 1 : i + spacing + 1])
    ]
    assert find_cuts(text, length, spacing).tolist() == expected


def test_two_threads_on_one_object_do_not_disturb_each_other() -> None:
    text = b"a pattern that repeats, " * 2000
    wanted = [b"a pattern that repeats", b"that repeats, a pattern that"]
    tally = PatternTally(wanted)
    locator = PatternLocator(rolling_hash(wanted[0], 16))

    def work() -> None:
        for number in range(20):
            tally.feed(text)
            locator.update(text, number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tally.counts()["frequency"][0] == 80 * 2000


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        PatternLocator([5, 6, 5])
    with pytest.raises(ValueError, match="bound"):
        PatternLocator([5], 16, 65)
    with pytest.raises(ValueError, match="other candidates"):
        PatternLocator([5]).merge(np.array([(0, 0, 0, 1)], dtype=PLACE_DTYPE))
    with pytest.raises(ValueError, match="length of a pattern"):
        PatternTally([b"short"])
    with pytest.raises(ValueError, match="counts of 1 patterns"):
        PatternTally([b"x" * 16]).merge(np.zeros(2, dtype=TALLY_DTYPE))
    with pytest.raises(ValueError, match="dtype"):
        PatternTally([b"x" * 16]).merge(np.zeros(1, dtype=np.uint64))
    with pytest.raises(ValueError, match="within the data"):
        extend_patterns(b"x" * 20, contexts([0], 0, 21), [0, 1])
    with pytest.raises(ValueError, match="shorter than a d-mer"):
        extend_patterns(b"x" * 20, contexts([5], 0, 20), [0, 1])
    with pytest.raises(ValueError, match="groups must run"):
        extend_patterns(b"x" * 20, contexts([0], 0, 20), [0, 2])
    with pytest.raises(ValueError, match="a group must have"):
        extend_patterns(b"x" * 20, contexts([0], 0, 20), [0, 0, 1])


def test_nothing_in_gives_nothing_out() -> None:
    locator = PatternLocator([])
    locator.update(b"x" * 100)
    assert len(locator.places()) == 0
    tally = PatternTally([])
    tally.update(b"x" * 100)
    assert len(tally.counts()) == 0
    assert extend_patterns(b"", contexts([], 0, 0), [0]).shape == (0, 2)
