"""Every block comes back, at every level, on every path, whatever the coder did before."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings

from lz.test_round_trip import prose, shapes
from ucompress import _core
from ucompress._core import ModelCoder, PrimedModel

LEVELS = (7, 8, 9)
DICTIONARIES = (b"", prose(3000, 1), prose(70_000, 2))


@pytest.fixture(scope="module", params=[(level, number) for level in LEVELS for number in range(3)])
def coders(request: pytest.FixtureRequest) -> Iterator[list[ModelCoder]]:
    """Of a level and a dictionary: with what the processor has, and without.

    The list is emptied at the end: at level 9 they hold half a gigabyte.
    """
    level, number = request.param
    primed = [PrimedModel(DICTIONARIES[number], level, portable=portable) for portable in (False, True)]
    pair = [ModelCoder(model, 1 << 16) for model in primed]
    del primed
    yield pair
    pair.clear()


@settings(max_examples=12, deadline=None)
@given(data=shapes().map(lambda v: v[:20_000]))
def test_block_comes_back_on_both_paths(coders: list[ModelCoder], data: bytes) -> None:
    quick, portable = coders
    payload = quick.encode(data)
    assert len(payload) <= len(data) + 1
    assert portable.encode(data) == payload
    assert quick.decode(payload, len(data)) == portable.decode(payload, len(data)) == data
    first = len(data) // 3
    assert quick.decode(payload, len(data), first=first) == data[:first]
    assert portable.decode(payload, len(data), first=first) == data[:first]


@pytest.mark.parametrize("level", LEVELS)
def test_a_block_does_not_depend_on_those_before_it(level: int) -> None:
    """Small blocks are undone by what they touched, large ones by a copy: neither leaves a trace."""
    primed = PrimedModel(prose(20_000, 3), level)
    coder = ModelCoder(primed, 300_000)
    blocks = [
        prose(700, 4),
        b"",
        b"x",
        prose(300_000, 5),
        random.Random(6).randbytes(3000),
        bytes(60_000),
        prose(30_000, 7),
    ]
    alone = [ModelCoder(primed, 300_000).encode(block) for block in blocks]
    for order in (range(7), (6, 5, 0, 3, 0, 3, 2, 1, 4)):
        for k in order:
            assert coder.encode(blocks[k]) == alone[k]
            assert coder.decode(alone[k], len(blocks[k])) == blocks[k]


@pytest.mark.parametrize("level", LEVELS)
def test_dictionary_pays(level: int) -> None:
    dictionary = prose(100_000, 5)
    data = dictionary[20_000:60_000]
    sizes = [len(ModelCoder(PrimedModel(past, level), len(data)).encode(data)) for past in (dictionary, b"")]
    assert sizes[0] < 120 < sizes[1] // 20


NOISE = random.Random(21).randbytes(60_000)
HEADER = NOISE[:24]


@pytest.mark.parametrize(
    ("data", "past", "stored"),
    [
        (NOISE, b"", True),
        (NOISE[:2000], prose(3000, 1), True),
        (NOISE[:30_000] + NOISE[:30_000], b"", False),
        (NOISE[10_000:40_000], NOISE, False),
        (b"".join(HEADER + NOISE[at : at + 500] for at in range(0, 50_000, 500)), b"", False),
        (bytes(byte & 0xF7 for byte in NOISE), b"", False),
        (bytes(range(256)) * 200, b"", False),
    ],
    ids=["noise", "little noise", "twice", "in the dictionary", "headers", "seven bits", "a run"],
)
def test_what_cannot_be_compressed_is_stored_at_once(data: bytes, past: bytes, stored: bool) -> None:
    """Even bytes without repeats cost no mixing; whatever there is to gain is gained."""
    for level in LEVELS:
        payload = ModelCoder(PrimedModel(past, level), len(data)).encode(data)
        assert (payload == b"\0" + data) == stored
        assert stored or len(payload) < len(data)


def test_level_9_is_the_smallest_and_all_are_smaller_than_lz() -> None:
    data = prose(200_000, 8)
    sizes = [len(ModelCoder(PrimedModel(b"", level), len(data)).encode(data)) for level in LEVELS]
    assert sizes[2] == min(sizes)
    assert max(sizes) < len(_core.compress_block(data, b"", 6))


def test_what_does_not_shrink_is_kept_as_it_is() -> None:
    data = random.Random(9).randbytes(50_000)
    coder = ModelCoder(PrimedModel(b""), len(data))
    assert coder.encode(data) == b"\0" + data
    assert coder.decode(b"\0" + data, len(data)) == data


def test_threads_share_one_coder() -> None:
    coder = ModelCoder(PrimedModel(prose(5000, 10)), 50_000)
    blocks = [prose(20_000, seed) for seed in range(6)]
    expected = [coder.encode(block) for block in blocks]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(coder.encode, blocks)) == expected
        assert list(pool.map(coder.decode, expected, map(len, blocks))) == blocks


def test_memory_is_known_ahead() -> None:
    for level in LEVELS:
        primed = PrimedModel(bytes(1000), level)
        assert primed.nbytes == _core.model_memory(level, 1000)
        assert ModelCoder(primed, 5000).nbytes == _core.coder_memory(level, 1000, 5000)
    assert _core.model_memory(7, 0) < _core.model_memory(8, 0) < _core.model_memory(9, 2 << 20) < 120 << 20


def test_limits() -> None:
    with pytest.raises(ValueError, match="level 6"):
        PrimedModel(b"", 6)
    with pytest.raises(ValueError, match="limit of 2097152"):
        PrimedModel(bytes((2 << 20) + 1))
    primed = PrimedModel(b"")
    with pytest.raises(ValueError, match="limit of 8388608"):
        ModelCoder(primed, (8 << 20) + 1)
    coder = ModelCoder(primed, 10)
    with pytest.raises(ValueError, match="over this coder's 10"):
        coder.encode(bytes(11))
    with pytest.raises(ValueError, match="over this coder's 10"):
        coder.decode(b"\0", 11)
