"""Rolling hash and sampled counts against plain Python."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress import _core
from ucompress._core import COUNT_DTYPE, PatternCounter, count_patterns, merge_counts, rolling_hash

MASK = (1 << 64) - 1
BASE = 0x9E3779B97F4A7C15
HIGHEST = MASK

# Few letters, so that d-mers repeat.
texts = st.one_of(st.binary(max_size=80), st.lists(st.sampled_from(b"ab\x00\xff"), max_size=300).map(bytes))
lengths = st.integers(min_value=1, max_value=20)


def mix(h: int) -> int:
    h ^= h >> 33
    h = h * 0xFF51AFD7ED558CCD & MASK
    h ^= h >> 33
    h = h * 0xC4CEB9FE1A85EC53 & MASK
    return h ^ (h >> 33)


def dmer_hash(dmer: bytes) -> int:
    h = 0
    for byte in dmer:
        h = (h * BASE + byte + 1) & MASK
    return mix(h)


def dmers(text: bytes, length: int) -> list[bytes]:
    return [text[i : i + length] for i in range(len(text) - length + 1)]


def naive_counts(documents: dict[int, bytes], length: int, threshold: int = HIGHEST) -> list[tuple[int, ...]]:
    """Rows (hash, offset, frequency, documents, document), by a dictionary over all d-mers."""
    frequency: Counter[int] = Counter()
    found: Counter[int] = Counter()
    lowest: dict[int, tuple[int, int]] = {}
    for ordinal in sorted(documents):
        hashes = [dmer_hash(dmer) for dmer in dmers(documents[ordinal], length)]
        frequency.update(hashes)
        found.update(set(hashes))
        for offset, value in enumerate(hashes):
            lowest.setdefault(value, (ordinal, offset))
    return [
        (value, lowest[value][1], frequency[value], found[value], lowest[value][0])
        for value in sorted(frequency)
        if value <= threshold
    ]


def rows(table: np.ndarray) -> list[tuple[int, ...]]:
    assert table.dtype == COUNT_DTYPE
    assert not table["reserved"].any()
    names = ["hash", "offset", "frequency", "documents", "document"]
    return [tuple(int(row[name]) for name in names) for row in table]


@given(texts, lengths)
def test_rolling_hash_is_the_hash_of_every_dmer(text: bytes, length: int) -> None:
    assert rolling_hash(text, length).tolist() == [dmer_hash(dmer) for dmer in dmers(text, length)]


@given(texts, lengths, st.sampled_from([0, 1 << 60, 1 << 62, HIGHEST]))
def test_count_equals_a_dictionary_over_all_dmers(text: bytes, length: int, threshold: int) -> None:
    table = count_patterns(text, length, threshold=threshold, document=7)
    assert rows(table) == naive_counts({7: text}, length, threshold)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 255, 271, 1000, 8192, 8207, 8208, 8209, 40_000])
@pytest.mark.parametrize("shift", [0, 4])
def test_every_lane_and_span_is_counted(size: int, shift: int) -> None:
    text = bytes(random.Random(size).choices(range(7), k=size))
    threshold = HIGHEST >> shift
    table = count_patterns(text, 16, threshold=threshold)
    expected, first, counts = np.unique(rolling_hash(text, 16), return_index=True, return_counts=True)
    sampled = expected <= np.uint64(threshold)
    assert table["hash"].tolist() == expected[sampled].tolist()
    assert table["frequency"].tolist() == counts[sampled].tolist()
    assert table["offset"].tolist() == first[sampled].tolist()


@given(texts, lengths, st.lists(st.integers(min_value=0, max_value=40), max_size=12))
def test_windows_make_no_difference(text: bytes, length: int, cuts: list[int]) -> None:
    counter = PatternCounter(length)
    counter.begin(3)
    rest = text
    for cut in cuts:
        counter.feed(rest[:cut])
        rest = rest[cut:]
    counter.feed(rest)
    assert rows(counter.counts()) == naive_counts({3: text}, length)


@given(
    st.lists(texts, max_size=6),
    st.sampled_from([3, 16]),
    st.integers(min_value=0, max_value=60),
    st.randoms(use_true_random=False),
)
def test_any_split_and_order_gives_the_same_table(
    documents: list[bytes], length: int, capacity: int, shuffle: random.Random
) -> None:
    expected = naive_counts(dict(enumerate(documents)), length)
    parts = [PatternCounter(length, capacity=capacity) for _ in range(3)]
    order = list(enumerate(documents))
    shuffle.shuffle(order)
    for ordinal, text in order:
        shuffle.choice(parts).update(text, ordinal)
    shuffle.shuffle(parts)
    tables = [part.counts() for part in parts]
    merged = merge_counts(tables, capacity=capacity)
    assert rows(merged) == (expected[:capacity] if capacity else expected)
    nested = merge_counts([merge_counts(tables[:2], capacity=capacity), tables[2]], capacity=capacity)
    assert nested.tobytes() == merged.tobytes()


def test_bounded_counter_keeps_the_lowest_hashes_of_a_long_text() -> None:
    text = random.Random(5).randbytes(60_000) * 2
    everything = count_patterns(text, 16)
    counter = PatternCounter(16, capacity=1000)
    counter.begin()
    for start in range(0, len(text), 7001):
        counter.feed(memoryview(text)[start : start + 7001])
    assert counter.counts().tobytes() == everything[:1000].tobytes()
    assert len(counter) == 1000
    assert counter.threshold < HIGHEST
    assert counter.nbytes < 350_000


def test_a_table_of_equal_homes_stays_in_order() -> None:
    # Hashes that share their upper 32 bits all map to one slot.
    wanted = np.zeros(3000, dtype=COUNT_DTYPE)
    wanted["hash"] = np.arange(3000, dtype=np.uint64) + np.uint64(MASK - 5000)
    wanted["frequency"] = 2
    wanted["documents"] = 1
    order = np.random.default_rng(1).permutation(3000)
    assert merge_counts([wanted[order]]).tobytes() == wanted.tobytes()
    assert merge_counts([wanted[order]], capacity=700).tobytes() == wanted[:700].tobytes()


@pytest.mark.parametrize("order", ["rising", "falling", "shuffled"])
@pytest.mark.parametrize("capacity", [0, 4000])
def test_a_sparser_sample_is_merged_into_a_denser_counter(order: str, capacity: int) -> None:
    # All its hashes lie in a 1024th of the range for which the counter was made.
    source = np.random.default_rng(4)
    rows = np.zeros(20_000, dtype=COUNT_DTYPE)
    rows["hash"] = np.sort(source.choice(1 << 54, size=20_000, replace=False).astype(np.uint64))
    rows["frequency"] = rows["documents"] = 1
    given_rows = {"rising": rows, "falling": rows[::-1], "shuffled": source.permutation(rows)}[order]
    counter = PatternCounter(capacity=capacity)
    counter.merge(given_rows)
    counter.merge(given_rows[:100])
    expected = rows.copy()
    expected["frequency"][np.isin(rows["hash"], given_rows["hash"][:100])] += 1
    expected["documents"] = expected["frequency"]
    assert counter.counts().tobytes() == (expected[:capacity] if capacity else expected).tobytes()


def crowded_dmers() -> list[bytes]:
    """Some 4,000 d-mers whose hashes lie in a 1024th of the range, as somebody might search for them."""
    text = random.Random(6).randbytes(1 << 22)
    hashes = rolling_hash(text, 16)
    low = np.uint64(3 << 60)
    (found,) = np.nonzero((hashes >= low) & (hashes < low + np.uint64(1 << 54)))
    return [text[at : at + 16] for at in found.tolist()]


@pytest.mark.parametrize("capacity", [0, 3000])
def test_dmers_whose_hashes_crowd_are_counted_like_others(capacity: int) -> None:
    dice = random.Random(7)
    dmers = crowded_dmers()
    texts = [b"".join(dice.choices(dmers, k=1500)) for _ in range(6)]
    counters = [PatternCounter(16, (4 << 60) - 1, capacity) for _ in range(2)]
    order = list(range(6))
    dice.shuffle(order)
    for number in order:
        counter = counters[number % 2]
        counter.begin(number)
        for start in range(0, len(texts[number]), 5000):
            counter.feed(texts[number][start : start + 5000])
            assert len(counter) <= (capacity or 1 << 20)
    table = merge_counts([counter.counts() for counter in counters], capacity=capacity)
    hashes = [rolling_hash(text, 16) for text in texts]
    values, frequency = np.unique(np.concatenate(hashes), return_counts=True)
    _, documents = np.unique(np.concatenate([np.unique(row) for row in hashes]), return_counts=True)
    kept = np.flatnonzero(values < np.uint64(4 << 60))[: capacity or None]
    assert table["hash"].tolist() == values[kept].tolist()
    assert table["frequency"].tolist() == frequency[kept].tolist()
    assert table["documents"].tolist() == documents[kept].tolist()
    for row in table[::97]:
        places = ((number, np.flatnonzero(hashes[number] == row["hash"])) for number in range(6))
        first = min((number, int(at[0])) for number, at in places if len(at))
        assert (int(row["document"]), int(row["offset"])) == first


@pytest.mark.parametrize("order", ["rising", "falling", "shuffled"])
@pytest.mark.parametrize("bands", [1, 8])
@pytest.mark.parametrize("capacity", [0, 12_000])
def test_crowded_hashes_cost_a_bounded_number_of_steps(order: str, bands: int, capacity: int) -> None:
    source = np.random.default_rng(8)
    count = 24_000
    rows = np.zeros(count, dtype=COUNT_DTYPE)
    starts = source.integers(0, 1 << 63, bands, dtype=np.uint64)
    spread = source.choice(1 << 30, count, replace=False).astype(np.uint64)
    rows["hash"] = np.sort(source.choice(starts, count) + spread)
    rows["frequency"] = rows["documents"] = 1
    given_rows = {"rising": rows, "falling": rows[::-1], "shuffled": source.permutation(rows)}[order]
    counter = PatternCounter(16, HIGHEST, capacity)
    counter.merge(given_rows)
    assert counter.counts().tobytes() == rows[: capacity or None].tobytes()
    # In a plain ordered table each row of a band goes past, or moves, all of the band.
    assert counter._steps < 1100 * count


def test_counts_saturate() -> None:
    row = count_patterns(b"0123456789abcdef", 16)
    row["frequency"] = 0xFFFFFFF0
    row["documents"] = 0xFFFFFFFE
    merged = merge_counts([row] * 20)
    assert merged["frequency"].tolist() == [0xFFFFFFFF]
    assert merged["documents"].tolist() == [0xFFFFFFFF]


def test_lowest_place_is_by_document_then_offset() -> None:
    counter = PatternCounter(4)
    for ordinal, text in [(9, b"wxyz"), (2, b"...wxyz"), (2, b".wxyz"), (5, b"wxyz")]:
        counter.update(text, ordinal)
    table = counter.counts()
    row = table[table["hash"] == dmer_hash(b"wxyz")]
    assert (int(row["document"][0]), int(row["offset"][0])) == (2, 1)


def test_stored_counts_are_merged_under_a_new_number() -> None:
    stored = count_patterns(b"one document, kept from an earlier run").tobytes()
    counter = PatternCounter()
    counter.update(b"one document, kept", 7)
    counter.merge(np.frombuffer(stored, dtype=COUNT_DTYPE), document=3)
    fresh = PatternCounter()
    fresh.update(b"one document, kept from an earlier run", 3)
    fresh.update(b"one document, kept", 7)
    assert counter.counts().tobytes() == fresh.counts().tobytes()
    assert set(counter.counts()["document"].tolist()) == {3}


def test_strings_that_collide_are_counted_together() -> None:
    # Found by lattice reduction: different bytes, same hash modulo 2^64.
    left, right = b"dfddddddhdfgdild", b"hdphdeehdfddjddf"
    assert dmer_hash(left) == dmer_hash(right)
    table = count_patterns(left + b"\x00" + right)
    assert table["frequency"].max() == 2


@pytest.mark.parametrize(
    "buffer",
    [
        b"some bytes that are long enough",
        bytearray(b"some bytes that are long enough"),
        memoryview(b"some bytes that are long enough"),
        np.frombuffer(b"some bytes that are long enough", dtype=np.uint8),
        np.frombuffer(b"32 bytes, seen as four-byte ints", dtype="<u4").reshape(2, 4),
    ],
)
def test_any_contiguous_buffer_is_taken_as_it_is(buffer: object) -> None:
    expected = naive_counts({0: bytes(memoryview(buffer).cast("B"))}, 16)
    assert rows(count_patterns(buffer)) == expected


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="length must be from 1 to 256"):
        count_patterns(b"", 0)
    with pytest.raises(ValueError, match="length"):
        rolling_hash(b"", 257)
    with pytest.raises(ValueError, match="document"):
        count_patterns(b"", document=-1)
    with pytest.raises(ValueError, match="threshold"):
        PatternCounter(16, 1 << 64)
    with pytest.raises(ValueError, match="dtype"):
        merge_counts([np.zeros(3, dtype=np.uint64)])
    with pytest.raises(ValueError, match="contiguous"):
        count_patterns(np.zeros(100, dtype=np.uint8)[::2])
    with pytest.raises(TypeError):
        count_patterns("text")


def test_empty_inputs_give_empty_tables() -> None:
    assert len(merge_counts([])) == 0
    assert len(count_patterns(b"")) == 0
    assert len(count_patterns(np.zeros(0, dtype=np.uint8))) == 0
    assert rolling_hash(b"short", 16).shape == (0,)
    assert _core.COUNT_DTYPE.itemsize == 32
