"""Choosing windows: against the oracle, and what must hold for any documents."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dictionary import oracle
from ucompress._core import COUNT_DTYPE, WINDOW_DTYPE, DictionaryBuilder, PatternCounter, build_dictionary

HIGHEST = (1 << 64) - 1


def corpus(seed: int, documents: int, shared: int = 6, longest: int = 3000) -> list[bytes]:
    """Documents of noise and of pieces that several of them have."""
    chooser = random.Random(seed)
    pieces = [chooser.randbytes(chooser.randrange(40, 1500)) for _ in range(shared)]
    made = []
    for _ in range(documents):
        parts = []
        for _ in range(chooser.randrange(1, 6)):
            parts.append(chooser.randbytes(chooser.randrange(longest)))
            piece = chooser.choice(pieces)
            cut = chooser.randrange(len(piece) // 2)
            parts.append(piece[cut:] if chooser.random() < 0.3 else piece)
        made.append(b"".join(parts))
    return made


def counted(documents, shift=3, length=16):
    threshold = HIGHEST >> shift
    counter = PatternCounter(length, threshold)
    for number, data in enumerate(documents):
        counter.update(data, number)
    return counter.counts(), threshold


def chosen(documents, size, shift=3, length=16, order=None, **options):
    rows, threshold = counted(documents, shift, length)
    builder = DictionaryBuilder(rows, length, max(size, 1), threshold=threshold, **options)
    for number in order or range(len(documents)):
        builder.offer(documents[number], number)
    return builder.select(size)


def triples(windows):
    return [(int(w["document"]), int(w["offset"]), int(w["length"])) for w in windows]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shift", [2, 5])
def test_equals_the_oracle(seed, shift):
    documents = corpus(seed, 8, longest=1500)
    rows, threshold = counted(documents, shift)
    hashes = rows["hash"][rows["frequency"] >= 2].tolist()
    for size in (700, 5000, 60_000):
        expected = oracle.select(documents, hashes, size, threshold=threshold)
        assert triples(chosen(documents, size, shift)) == expected


def test_equals_the_oracle_where_documents_overlap_much():
    chooser = random.Random(5)
    text = chooser.randbytes(9000)
    documents = [text[chooser.randrange(4000) :][: chooser.randrange(100, 6000)] for _ in range(12)]
    rows, threshold = counted(documents, 2)
    hashes = rows["hash"][rows["frequency"] >= 2].tolist()
    expected = oracle.select(documents, hashes, 40_000, threshold=threshold, limit=3)
    assert triples(chosen(documents, 40_000, 2, weight_limit=3)) == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(0, 30_000), st.integers(0, 8))
def test_properties(seed, count, size, shift):
    documents = corpus(seed, count)
    windows = chosen(documents, size, shift)
    assert windows["length"].sum() <= size
    taken = [np.zeros(len(data), dtype=bool) for data in documents]
    for document, offset, length in triples(windows):
        assert 0 < length <= 4096
        assert offset + length <= len(documents[document])
        assert not taken[document][offset : offset + length].any(), "a byte is chosen twice"
        taken[document][offset : offset + length] = True
    order = list(range(count))
    random.Random(seed).shuffle(order)
    assert triples(chosen(documents, size, shift, order=order)) == triples(windows)


def test_smaller_choice_is_the_beginning_of_the_larger():
    documents = corpus(1, 30)
    large = triples(chosen(documents, 20_000))
    for size in (3000, 8000, 15_000):
        small = triples(chosen(documents, size))
        assert small[:-1] == large[: len(small) - 1]


def test_threads_and_pieces_change_nothing():
    documents = corpus(2, 40)
    documents[7] = random.Random(1).randbytes(3 << 20) + documents[3] + bytes(100)
    documents[9] = documents[7][1 << 20 :]
    rows, threshold = counted(documents, 5)
    alone = DictionaryBuilder(rows, capacity=100_000, threshold=threshold)
    for number, data in enumerate(documents):
        alone.offer(data, number)
    shared = DictionaryBuilder(rows, capacity=100_000, threshold=threshold)
    jobs = [
        (number, at, data[at : at + (1 << 20)])
        for number, data in enumerate(documents)
        for at in range(0, len(data), 1 << 20)
    ]
    random.Random(3).shuffle(jobs)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda job: shared.offer(job[2], job[0], job[1]), jobs))
    assert triples(shared.select(100_000)) == triples(alone.select(100_000))
    assert triples(alone.select(100_000)) == triples(alone.select(100_000))


def test_copies_of_a_piece_are_chosen_once():
    piece = random.Random(4).randbytes(2000)
    documents = [
        random.Random(n).randbytes(3000) + piece + random.Random(-n).randbytes(100 * n) for n in range(1, 30)
    ]
    windows = chosen(documents, 50_000, shift=2)
    assert len(windows) == 1
    document, offset, length = triples(windows)[0]
    assert piece[100:-100] in documents[document][offset : offset + length]


def test_what_only_repeats_inside_a_document_is_not_chosen():
    documents = [random.Random(n).randbytes(800) * 5 for n in range(6)]
    assert len(chosen(documents, 50_000)) == 0


def test_builder_refuses():
    rows, _ = counted([b"x" * 100])
    for options in ({"length": 3}, {"length": 65}, {"capacity": 0}, {"weight_limit": 0}, {"threshold": -1}):
        with pytest.raises(ValueError):
            DictionaryBuilder(rows, **options)
    with pytest.raises(ValueError, match="dtype"):
        DictionaryBuilder(np.zeros(3))
    builder = DictionaryBuilder(rows, capacity=100)
    with pytest.raises(ValueError):
        builder.select(101)
    with pytest.raises(ValueError):
        builder.offer(b"x", -1)
    with pytest.raises(TypeError):
        builder.offer("text", 1)


@pytest.mark.parametrize("bits", [range(4), range(30, 34), range(60, 64)])
def test_d_mers_whose_hashes_crowd_are_found_like_others(bits):
    documents = corpus(3, 8)
    rows, threshold = counted(documents, 0)
    # Only hashes in which these bits are 0 stay, between strangers that are their neighbours.
    crowd = rows[rows["hash"] & np.uint64(sum(1 << bit for bit in bits)) == 0]
    strangers = crowd.copy()
    strangers["hash"] ^= np.uint64(1)
    mixed = np.concatenate((crowd, strangers))[np.random.default_rng(1).permutation(2 * len(crowd))]
    found = []
    for sample in (crowd, mixed):
        builder = DictionaryBuilder(sample, 16, 4000, threshold=threshold)
        for number, data in enumerate(documents):
            builder.offer(data, number)
        found.append(builder.select(4000).tobytes())
    assert found[0] == found[1]
    hashes = crowd["hash"][crowd["frequency"] >= 2].tolist()
    assert triples(np.frombuffer(found[0], dtype=WINDOW_DTYPE)) == [
        window[:3] for window in oracle.select(documents, hashes, 4000, threshold=threshold)
    ]


def test_empty_cases():
    builder = DictionaryBuilder(np.empty(0, COUNT_DTYPE))
    builder.offer(b"", 0)
    builder.offer(bytes(5000), 1)
    assert len(builder.select(1000)) == 0
    assert builder.nbytes > 0
    assert build_dictionary([], 1000) == build_dictionary(b"", 1000) == b""
    assert build_dictionary([b"", b"ab", b"ab"], 1000) == b""


def test_build_dictionary():
    documents = corpus(6, 60)
    made = build_dictionary(documents, 6000)
    assert 0 < len(made) <= 6000
    assert build_dictionary([memoryview(data) for data in documents], 6000) == made
    whole = b"".join(documents)
    assert build_dictionary(whole, 6000) == build_dictionary(np.frombuffer(whole, np.uint8), 6000) != b""
    assert build_dictionary(documents, 0) == b""
