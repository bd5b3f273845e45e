"""The dictionary of a corpus: as large as it pays, and nothing where it does not."""

import random

import pytest

from ucompress._core import PatternCounter
from ucompress.dictionary import KIB, MIB, SIZES, build, choose_size, sample_pieces, size_limit

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
    counter = PatternCounter(16, THRESHOLD)
    for number, block in enumerate(blocks):
        counter.update(block, number)
    sizes = [len(block) for block in blocks]
    limit = size_limit(sum(sizes), level) if limit is None else limit
    return build(sizes, reading(blocks), counter.counts(), limit, threshold=THRESHOLD)


def reading(blocks):
    def read(block: int, offset: int, length: int) -> bytes:
        found = blocks[block][offset : offset + length]
        assert len(found) == length
        return found

    return read


@pytest.mark.parametrize("level", [3, 6])
def test_pays_where_blocks_share(level):
    blocks = blocks_with_idioms(1, 12, 150_000, 300)
    sizes = [len(block) for block in blocks]
    full = made(blocks, level)
    assert 100_000 < len(full) <= sum(sizes) // 10
    best = choose_size(full, sizes, reading(blocks), level)
    assert full.endswith(best.data)
    assert len(best.data) in (*SIZES, len(full))
    assert best.gain > 50_000
    assert choose_size(full, sizes, reading(blocks), level) == best


@pytest.mark.parametrize("level", [1, 4])
def test_none_where_nothing_is_gained(level):
    blocks = [random.Random(n).randbytes(200_000) for n in range(8)]
    sizes = [len(block) for block in blocks]
    assert made(blocks, level) == b""
    useless = random.Random(99).randbytes(150_000)
    assert choose_size(useless, sizes, reading(blocks), level) == choose_size(
        b"", sizes, reading(blocks), level
    )
    assert choose_size(useless, sizes, reading(blocks), level).data == b""


def test_progress_and_cancelling():
    blocks = blocks_with_idioms(2, 4, 60_000, 50)
    sizes = [len(block) for block in blocks]
    counter = PatternCounter(16, THRESHOLD)
    for number, block in enumerate(blocks):
        counter.update(block, number)
    seen: list[int] = []
    build(sizes, reading(blocks), counter.counts(), 20_000, threshold=THRESHOLD, progress=seen.append)
    assert seen == sizes

    def stop(size: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(sizes, reading(blocks), counter.counts(), 20_000, progress=stop)


def test_limits():
    assert size_limit(100 * MIB, 3) == 8 * MIB
    assert size_limit(100 * MIB, 6) == 4 * MIB
    assert size_limit(5 * MIB, 6) == 5 * MIB // 10
    assert size_limit(600 * KIB, 3) == 0
    blocks = blocks_with_idioms(3, 3, 30_000, 20)
    assert made(blocks, limit=0) == b""
    assert made(blocks[:1], limit=10_000) == b""


def test_sample_is_picked_by_hash():
    sizes = [1 * MIB] * 200 + [10]
    pieces = sample_pieces(sizes)
    assert pieces == sorted(pieces) == sample_pieces(sizes)
    assert 4 <= len(pieces) <= 32
    assert len({block for block, _, _ in pieces}) > len(pieces) // 2
    assert all(offset + length <= sizes[block] for block, offset, length in pieces)
    assert sample_pieces([]) == []
