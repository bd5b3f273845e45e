"""The dictionary of a corpus: as large as it pays, and nothing where it does not."""

import random

import pytest

from ucompress._core import PatternCounter
from ucompress.config import MIB
from ucompress.dictionary import (
    KIB,
    SIZES,
    _climb,
    assemble,
    builder,
    choose_suffix,
    sample_pieces,
    size_limit,
)

THRESHOLD = (1 << 60) - 1


def blocks_with_idioms(seed: int, count: int, size: int, idioms: int) -> list[bytes]:
    """Blocks that draw their paragraphs from one stock, each with words of its own."""
    chooser = random.Random(seed)
    stock = [bytes(chooser.choices(b"etaoin shrdlu,.\n", k=600)) for _ in range(idioms)]
    blocks = []
    for _ in range(count):
        parts = [chooser.choice(stock) + chooser.randbytes(150) for _ in range(size // 750)]
        blocks.append(b"".join(parts))
    return blocks


def made(blocks: list[bytes], level: int = 3, limit: int | None = None) -> bytes:
    """The largest dictionary that a level may have for these blocks."""
    counter = PatternCounter(16, THRESHOLD)
    for number, block in enumerate(blocks):
        counter.update(block, number)
    limit = size_limit(level, sum(map(len, blocks))) if limit is None else limit
    maker = builder(counter.counts(), limit, length=16, threshold=THRESHOLD)
    for number, block in enumerate(blocks):
        maker.offer(block, number)
    return assemble(maker, limit, reading(blocks))


def sized(dictionary: bytes, level: int, blocks: list[bytes]) -> tuple[bytes, int]:
    sizes = [len(block) for block in blocks]
    sample = [reading(blocks)(*piece) for piece in sample_pieces(sizes)]
    return choose_suffix(dictionary, level, sample, sum(sizes))


def reading(blocks):
    def read(block: int, offset: int, length: int) -> bytes:
        found = blocks[block][offset : offset + length]
        assert len(found) == length
        return found

    return read


@pytest.mark.parametrize("level", [3, 6])
def test_pays_where_blocks_share(level):
    blocks = blocks_with_idioms(1, 12, 250_000, 300)
    full = made(blocks, level)
    assert 100_000 < len(full) <= sum(map(len, blocks)) // 10
    best, gain = sized(full, level, blocks)
    assert full.endswith(best)
    assert len(best) in (*SIZES, len(full))
    assert gain > 50_000
    assert sized(full, level, blocks) == (best, gain)


@pytest.mark.parametrize("level", [1, 4])
def test_none_where_nothing_is_gained(level):
    blocks = [random.Random(n).randbytes(200_000) for n in range(8)]
    assert made(blocks, level) == b""
    assert sized(random.Random(99).randbytes(150_000), level, blocks) == (b"", 0)
    assert sized(b"", level, blocks) == (b"", 0)
    assert choose_suffix(b"x" * 1000, level, [], 0) == (b"", 0)
    assert choose_suffix(b"x" * 1000, level, [b""], 0) == (b"", 0)


def test_limits():
    assert size_limit(3, 200 * MIB) == 8 * MIB
    assert size_limit(3, 100 * MIB) == 4 * MIB
    assert size_limit(6, 100 * MIB) == 4 * MIB
    assert size_limit(6, 25 * MIB) == 2 * MIB
    assert size_limit(3, 600 * KIB) == 0
    blocks = blocks_with_idioms(3, 3, 30_000, 20)
    assert made(blocks, limit=0) == b""
    assert 0 < len(made(blocks, limit=10_000)) <= 10_000
    assert made(blocks[:1], limit=10_000) == b""


def test_sample_is_picked_by_hash():
    sizes = [1 * MIB] * 200 + [10]
    pieces = sample_pieces(sizes)
    assert pieces == sorted(pieces) == sample_pieces(sizes)
    assert 4 <= len(pieces) <= 32
    assert len({block for block, _, _ in pieces}) > len(pieces) // 2
    assert all(offset + length <= sizes[block] for block, offset, length in pieces)
    assert sample_pieces([]) == []


@pytest.mark.parametrize(
    ("gains", "first", "best"),
    [
        ((0, -1000, -900, -800), 64, 0),
        ((0, -1000, -900, -950), 256, 0),
        ((0, -5, 3, 9), 64, 1024),
        ((0, 7, 3, 1), 1024, 64),
        ((0, 0, 0, 0), 64, 0),
    ],
)
def test_no_size_is_taken_that_gains_nothing(gains, first, best):
    steps = [0, 64, 256, 1024]
    assert _climb(dict(zip(steps, gains, strict=True)).__getitem__, steps, first) == best


def test_smaller_sizes_than_one_that_gains_amply_are_not_tried():
    tried = []

    def gain(size: int) -> int:
        tried.append(size)
        return {0: 0, 64: 9, 256: 8, 1024: 7}[size]

    steps = [0, 64, 256, 1024]
    assert _climb(gain, steps, 256, lambda size: size == 256) == 256
    assert set(tried) == {256, 1024}
    assert _climb(gain, steps, 256, lambda size: size == 64) == 64


@pytest.mark.parametrize(("level", "trials"), [(3, 1), (4, 2)])
def test_quick_levels_try_one_size_where_that_saves_amply(level, trials):
    text = bytes(random.Random(2).choices(b"abcdefgh", k=100_000))
    tried = []
    best, gain = choose_suffix(text, level, [text] * 4, 100 << 20, tried=tried.append)
    assert (best, len(tried)) == (text, trials)
    assert gain > 10 * len(text)


def test_choosing_a_size_ends_with_what_running_its_jobs_raises():
    class StoppedError(Exception):
        pass

    calls = []

    def run(jobs):
        for job in jobs:
            calls.append(1)
            if len(calls) == 6:
                raise StoppedError
            yield job()

    pieces = [bytes(random.Random(n).choices(b"abcdef", k=20_000)) for n in range(4)]
    with pytest.raises(StoppedError):
        choose_suffix(b"".join(pieces) * 2, 3, pieces, 1 << 20, run=run)


@pytest.mark.parametrize("level", [3, 4, 7])
def test_a_size_is_chosen_alike_whatever_order_its_jobs_end_in(level):
    draw = random.Random(level)
    words = [bytes(draw.choices(b"abcdefgh", k=12)) for _ in range(3000)]
    text = b" ".join(draw.choices(words, k=20_000))
    pieces = [text[at : at + 50_000] for at in range(0, 200_000, 50_000)]

    def last_first(jobs):
        jobs = list(jobs)
        results = {number: jobs[number]() for number in reversed(range(len(jobs)))}
        return [results[number] for number in range(len(jobs))]

    alone, together = {}, {}
    chosen = choose_suffix(text[:150_000], level, pieces, 3 << 20, gains=alone)
    assert choose_suffix(text[:150_000], level, pieces, 3 << 20, gains=together, run=last_first) == chosen
    assert alone == together != {}
