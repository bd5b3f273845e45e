"""From documents to pattern entries."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress import patterns as patterns_module
from ucompress._core import COUNT_DTYPE, EXTENT_DTYPE, TALLY_DTYPE, find_cuts
from ucompress.patterns import (
    LONGEST_PATTERN,
    PatternCounter,
    PatternLocator,
    PatternTally,
    _pieces,
    entries,
    find_patterns,
    grow,
    select_candidates,
)


def recount(pattern: bytes, documents: list[bytes]) -> tuple[int, int, int]:
    frequency = sum(text.startswith(pattern, i) for text in documents for i in range(len(text)))
    files = sum(pattern in text for text in documents)
    disjoint = sum(text.count(pattern) for text in documents)
    return frequency, files, (disjoint - 1) * len(pattern)


def boilerplate_documents(count: int = 40) -> tuple[list[bytes], bytes]:
    source = random.Random(11)
    licence = bytes(source.choices(b"abcdefghijklmnopqrstuvwxyz \n", k=700))
    return [
        source.randbytes(source.randrange(50, 400)) + licence + source.randbytes(source.randrange(50, 400))
        for _ in range(count)
    ], licence


def test_a_text_of_many_dmers_comes_out_once() -> None:
    documents, licence = boilerplate_documents()
    found = find_patterns(documents)
    assert [entry.pattern for entry in found] == [licence]
    assert (found[0].frequency, found[0].file_count) == (40, 40)
    assert found[0].saved_bytes == 39 * 700
    assert found[0].first_seen.tzinfo is UTC


def test_a_sample_of_the_dmers_finds_it_too() -> None:
    documents, licence = boilerplate_documents()
    found = find_patterns(documents, threshold=(1 << 64) // 32)
    assert [entry.pattern for entry in found] == [licence]


@given(
    st.lists(st.lists(st.sampled_from([b"foo(", b"bar)", b"\n", b"    "]), max_size=30), max_size=5).map(
        lambda rows: [b"".join(row) for row in rows]
    )
)
def test_counts_of_what_is_found_are_exact(documents: list[bytes]) -> None:
    found = find_patterns(documents, length=5, min_frequency=2)
    for entry in found:
        assert recount(entry.pattern, documents) == (entry.frequency, entry.file_count, entry.saved_bytes)
        assert entry.frequency >= 2
        assert len(entry.pattern) >= 5
    assert len({entry.pattern for entry in found}) == len(found)
    saved = [entry.saved_bytes for entry in found]
    assert saved == sorted(saved, reverse=True)


def test_runs_of_one_byte() -> None:
    found = find_patterns([b"\0" * 5000, b"x" + b"\0" * 3000])
    assert found
    for entry in found:
        assert set(entry.pattern) == {0}
        assert len(entry.pattern) <= 1024
        assert entry.saved_bytes == (5000 // len(entry.pattern) + 3000 // len(entry.pattern) - 1) * len(
            entry.pattern
        )


def test_a_long_repeat_comes_out_in_pieces_that_do_not_shift() -> None:
    source = random.Random(2)
    text = source.randbytes(20_000)
    documents = [source.randbytes(100) + text, text + source.randbytes(50), source.randbytes(9) + text]
    found = find_patterns(documents, limit=30_000)
    assert all(entry.frequency == 3 and len(entry.pattern) <= 1024 for entry in found)
    # Pieces that shifted with the d-mer they grew from would be thousands.
    assert 20 <= len(found) <= 120
    covered = np.zeros(len(text), dtype=np.int64)
    for entry in found:
        at = text.index(entry.pattern)
        covered[at : at + len(entry.pattern)] += 1
    assert covered.min() >= 1
    assert covered.mean() < 1.5


def test_work_that_is_split_gives_the_same_entries() -> None:
    documents, _ = boilerplate_documents(25)
    documents.append(b"".join(documents[:3]))
    whole = find_patterns(documents)

    def parts(kind: type, *arguments: object) -> list:
        return [kind(*arguments) for _ in range(3)]

    counters = parts(PatternCounter)
    for number, text in enumerate(documents):
        counters[number % 3].update(text, number)
    for counter in counters[1:]:
        counters[0].merge(counter.counts())
    candidates = select_candidates(counters[0].counts())
    locators = parts(PatternLocator, candidates["hash"])
    for number, text in reversed(list(enumerate(documents))):
        locators[number % 3].update(text, number)
    for locator in locators[1:]:
        locators[0].merge(locator.places())
    read_sizes = []

    def read(spans: list[tuple[int, int, int]]) -> list[bytes]:
        read_sizes.extend(size for _, _, size in spans)
        parts = [documents[number][offset : offset + size] for number, offset, size in spans]
        assert [len(part) for part in parts] == [size for _, _, size in spans]
        return parts

    texts = grow(locators[0].places(), read, list(map(len, documents)))
    tallies = parts(PatternTally, texts)
    for number, text in enumerate(documents):
        tallies[number % 3].update(text)
    for tally in tallies[1:]:
        tallies[0].merge(tally.counts())
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    split = entries(texts, tallies[0].counts(), now=moment)
    assert [(e.pattern, e.frequency, e.file_count, e.saved_bytes) for e in split] == [
        (e.pattern, e.frequency, e.file_count, e.saved_bytes) for e in whole
    ]
    assert all(entry.last_updated == moment for entry in split)
    assert len(read_sizes) < 200


def test_candidates_are_ordered_by_documents_frequency_and_hash() -> None:
    rows = np.zeros(5, dtype=COUNT_DTYPE)
    rows["hash"] = [50, 40, 30, 20, 10]
    rows["frequency"] = [9, 3, 9, 9, 2]
    rows["documents"] = [2, 3, 2, 1, 5]
    assert select_candidates(rows)["hash"].tolist() == [40, 30, 50, 20]
    assert select_candidates(rows, 9, 2)["hash"].tolist() == [30, 50]


def test_what_stands_in_a_longer_pattern_is_left_out_unless_more_frequent() -> None:
    texts = [b"0123456789abcdef", b"0123456789abcdefghij", b"6789abcdefghij", b"rarely"]
    counts = np.zeros(4, dtype=TALLY_DTYPE)
    counts["frequency"] = [12, 10, 13, 2]
    counts["files"] = [5, 4, 6, 1]
    counts["disjoint"] = [12, 10, 13, 2]
    found = entries(texts, counts)
    assert [(entry.pattern, entry.saved_bytes) for entry in found] == [(texts[1], 180), (texts[2], 168)]


@given(
    st.dictionaries(
        st.lists(st.sampled_from([b"ab", b"a", b"cabab"]), min_size=1, max_size=12).map(b"".join),
        st.integers(3, 9),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_stands_in_a_longer_pattern_is_found(known: dict[bytes, int]) -> None:
    counts = np.zeros(len(known), dtype=TALLY_DTYPE)
    for column in ("frequency", "files", "disjoint"):
        counts[column] = list(known.values())
    expected = {
        text
        for text, often in known.items()
        if not any(
            len(text) < len(longer) and text in longer and 4 * often < 5 * known[longer] for longer in known
        )
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patterns_module, "_PAIRS", 5)
        assert {entry.pattern for entry in entries(list(known), counts)} == expected


@given(st.integers(0, 2**32), st.integers(1100, 2600), st.lists(st.integers(0, 2590), max_size=9))
def test_pieces_of_long_extents_are_those_of_their_cuts(seed: int, size: int, starts: list[int]) -> None:
    data = random.Random(seed).randbytes(4000)
    rows = [(b, start, b + size) for b in (0, 700, 1390) for start in starts if b <= start <= b + size - 16]
    extents = np.zeros((len(rows), 1), dtype=EXTENT_DTYPE)
    for row, (begin, start, end) in enumerate(rows):
        extents[row, 0] = (begin, start, end, 2, 0)
    found = zip(*(bound.ravel().tolist() for bound in _pieces(data, extents, 16)), strict=True)
    for (begin, start, end), piece in zip(rows, found, strict=True):
        cuts = [begin + cut for cut in find_cuts(data[begin:end], 16, 256).tolist()]
        left = max([begin, *(cut for cut in cuts if cut <= start)])
        right = min([end, *(cut + 15 for cut in cuts if cut > start)])
        if start + 16 - left > LONGEST_PATTERN:
            left = start
        assert piece == (left, min(right, left + LONGEST_PATTERN))


@pytest.mark.parametrize("documents", [[], [b""], [b"", b"tiny"], [b"x" * 16]])
def test_nothing_repeats(documents: list[bytes]) -> None:
    assert find_patterns(documents) == []
    assert entries([], np.zeros(0, dtype=TALLY_DTYPE)) == []


def test_documented_names_exist() -> None:
    for name in patterns_module.__all__:
        assert getattr(patterns_module, name).__doc__ or name.isupper()
