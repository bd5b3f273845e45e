"""Every block comes back, at every level, with and without a dictionary."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ucompress import _core

LEVELS = (4, 5, 6)
WORDS = [b"return ", b"self.", b"import os\n", b"    ", b"None", b"def f(x):\n", b"\x00\x01\x00\x02", b"0123"]


def shapes() -> st.SearchStrategy[bytes]:
    """Random bytes, runs, texts of few words, small alphabets, structures of fixed width."""
    runs = st.lists(st.tuples(st.integers(0, 255), st.integers(1, 6000)), max_size=6)
    return st.one_of(
        st.binary(max_size=2000),
        runs.map(lambda pairs: b"".join(bytes([value]) * count for value, count in pairs)),
        st.lists(st.sampled_from(WORDS), max_size=400).map(b"".join),
        st.lists(st.sampled_from(b"ab"), max_size=600).map(bytes),
        st.lists(st.integers(0, 300), max_size=300).map(lambda v: np.array(v, "<u4").tobytes()),
    )


def prose(size: int, seed: int) -> bytes:
    """Text of words with a law of few frequent and many rare ones."""
    pick = random.Random(seed)
    words = [pick.randbytes(pick.randint(1, 4)).hex().encode() for _ in range(2000)]
    return b" ".join(words[int(pick.paretovariate(0.7)) % len(words)] for _ in range(size // 5))[:size]


@settings(max_examples=150, deadline=None)
@given(data=shapes(), dictionary=shapes(), level=st.sampled_from(LEVELS))
def test_block_comes_back(data: bytes, dictionary: bytes, level: int) -> None:
    payload = _core.compress_block(data, dictionary, level)
    assert len(payload) <= len(data) + 1
    assert _core.decompress_block(payload, len(data), dictionary) == data


@pytest.mark.parametrize("level", LEVELS)
def test_one_encoder_codes_block_after_block(level: int) -> None:
    primed = _core.PrimedDictionary(prose(50_000, 1), level)
    encoder, decoder = _core.Encoder(primed, 70_000), _core.Decoder(primed, 70_000)
    alone = _core.Encoder(primed, 70_000)
    blocks = [prose(70_000, 2), b"", b"x", random.Random(3).randbytes(5000), bytes(70_000), prose(3, 4)]
    first = [encoder.encode(block) for block in blocks]
    assert [alone.encode(block) for block in reversed(blocks)][::-1] == first
    assert [decoder.decode(p, len(b)) for p, b in zip(first, blocks, strict=True)] == blocks


@settings(max_examples=80, deadline=None)
@given(data=shapes(), level=st.sampled_from(LEVELS), portable=st.booleans(), numbers=st.data())
def test_a_blocks_beginning(data: bytes, level: int, portable: bool, numbers: st.DataObject) -> None:
    primed = _core.PrimedDictionary(prose(3000, 8), level, portable=portable)
    payload, decoder = _core.Encoder(primed).encode(data), _core.Decoder(primed)
    first = numbers.draw(st.integers(0, len(data)))
    assert decoder.decode(payload, len(data), first=first) == data[:first]
    assert decoder.decode(payload, len(data)) == data
    with pytest.raises(ValueError, match="first"):
        decoder.decode(payload, len(data), first=len(data) + 1)


@pytest.mark.parametrize("level", LEVELS)
def test_dictionary_pays(level: int) -> None:
    dictionary = prose(100_000, 5)
    data = dictionary[20_000:60_000]
    with_dictionary = _core.compress_block(data, dictionary, level)
    assert len(with_dictionary) < 100 < len(_core.compress_block(data, b"", level)) // 20


def test_block_at_the_limit() -> None:
    limit = 8 << 20
    data = prose(1 << 16, 6) * (limit >> 16)
    payload = _core.compress_block(data, b"", 4)
    assert len(data) == limit
    assert _core.decompress_block(payload, limit) == data
    with pytest.raises(ValueError, match="limit"):
        _core.compress_block(data + b"x", b"", 4)
    with pytest.raises(ValueError, match="limit"):
        _core.PrimedDictionary(data + b"x")


@pytest.mark.parametrize("level", LEVELS)
def test_threads_give_the_same_bytes(level: int) -> None:
    primed = _core.PrimedDictionary(prose(60_000, 7), level)
    blocks = [prose(40_000, seed) for seed in range(8, 16)]
    expected = [_core.Encoder(primed, 40_000).encode(block) for block in blocks]
    shared = _core.Encoder(primed, 40_000)
    with ThreadPoolExecutor(4) as pool:
        own = list(pool.map(lambda block: _core.Encoder(primed, 40_000).encode(block), blocks))
        together = list(pool.map(shared.encode, blocks))
    assert own == together == expected


def test_random_bytes_are_stored() -> None:
    data = random.Random(17).randbytes(300_000)
    assert _core.compress_block(data) == b"\x00" + data


@given(level=st.sampled_from(LEVELS), past=st.integers(0, 5000), block=st.integers(1, 5000))
def test_memory_is_known_ahead(level: int, past: int, block: int) -> None:
    primed = _core.PrimedDictionary(bytes(past), level)
    reader = _core.PrimedDictionary(bytes(past), level, encode=False)
    assert primed.nbytes == _core.primed_memory(level, past)
    assert reader.nbytes == _core.primed_memory(level, past, encode=False)
    assert _core.Encoder(primed, block).nbytes == _core.encoder_memory(level, past, block)
    assert _core.Decoder(reader, block).nbytes == _core.decoder_memory(past, block)


def test_refusals() -> None:
    primed = _core.PrimedDictionary(b"", encode=False)
    with pytest.raises(ValueError, match="decoding only"):
        _core.Encoder(primed, 10)
    with pytest.raises(ValueError, match="level 7"):
        _core.PrimedDictionary(b"", 7)
    with pytest.raises(ValueError, match="over this decoder's 10 bytes"):
        _core.Decoder(primed, 10).decode(b"", 11)
    with pytest.raises(ValueError, match="over this encoder's 3 bytes"):
        _core.Encoder(_core.PrimedDictionary(b""), 3).encode(b"four")


def test_arrays_and_views() -> None:
    data = np.arange(5000, dtype=np.uint8)
    payload = _core.compress_block(data, memoryview(b"past"))
    out = np.zeros(5000, np.uint8)
    decoder = _core.Decoder(_core.PrimedDictionary(b"past"), 5000)
    decoder.decode_into(memoryview(payload), out)
    assert (out == data).all()


def test_far_repeat_in_random_bytes_is_found() -> None:
    half = random.Random(18).randbytes(400_000)
    for level in LEVELS:
        payload = _core.compress_block(half + half, b"", level)
        assert payload[0] == 0x20
        assert len(payload) < 402_000
        assert _core.decompress_block(payload, 800_000) == half + half


@pytest.mark.parametrize("level", LEVELS)
def test_room_for_larger_blocks_changes_nothing(level: int) -> None:
    primed, data = _core.PrimedDictionary(prose(3000, 19), level), prose(9000, 20)
    assert _core.Encoder(primed, len(data)).encode(data) == _core.Encoder(primed, 1 << 20).encode(data)


@pytest.mark.parametrize("level", LEVELS)
def test_a_match_may_go_on_from_the_dictionary_into_the_block(level: int) -> None:
    # The tree knows "PREFIX89" at the dictionary's end only as far as that goes. Here the block goes on with
    # two blanks, too, and then differs from all that the tree holds in the order of what followed earlier.
    noise = random.Random(1)
    rest = b"x" + noise.randbytes(40)
    places = [
        b"PREFIX89\x02?" + rest,
        b"PREFIX89  y" + noise.randbytes(9),
        b"PREFIX89\x01" + noise.randbytes(9),
    ]
    dictionary = b"".join((noise.randbytes(100), *places, noise.randbytes(30), b"PREFIX89"))
    block = b"    " + noise.randbytes(50) + b"PREFIX89  " + rest + noise.randbytes(60)
    payload = _core.compress_block(block, dictionary, level)
    assert _core.decompress_block(payload, len(block), dictionary) == block


@pytest.mark.parametrize("level", LEVELS)
def test_blocks_of_few_words_come_back_after_a_dictionary_of_them(level: int) -> None:
    for seed in range(250):
        pick = random.Random(seed)
        letters = pick.choice([b"ab", b"abc", b"abcdefgh"])
        words = [bytes(pick.choices(letters, k=pick.randrange(1, 12))) for _ in range(pick.randrange(2, 30))]
        dictionary, block = (b"".join(pick.choices(words, k=pick.randrange(3, 120))) for _ in range(2))
        payload = _core.compress_block(block, dictionary, level)
        assert _core.decompress_block(payload, len(block), dictionary) == block, seed


@pytest.mark.parametrize("dtype", ["<u4", "i1", "<f8"])
def test_blocks_and_dictionaries_are_buffers_of_any_item(dtype: str) -> None:
    values = np.arange(4000).astype(dtype)
    data = values.tobytes()
    payload = _core.compress_block(values, values[:100])
    assert payload == _core.compress_block(data, data[: values[:100].nbytes])
    out = np.empty_like(values)
    decoder = _core.Decoder(_core.PrimedDictionary(values[:100]))
    decoder.decode_into(np.frombuffer(payload, "i1"), out)
    assert out.tobytes() == data == decoder.decode(memoryview(payload).cast("b"), len(data))
    with pytest.raises(BufferError):
        decoder.decode_into(payload, data)


@settings(max_examples=60, deadline=None)
@given(data=shapes(), dictionary=shapes(), level=st.sampled_from(LEVELS))
def test_vector_instructions_change_nothing(data: bytes, dictionary: bytes, level: int) -> None:
    quick = _core.PrimedDictionary(dictionary, level)
    plain = _core.PrimedDictionary(dictionary, level, portable=True)
    room = max(len(data), 1)
    payload = _core.Encoder(quick, room).encode(data)
    assert _core.Encoder(plain, room).encode(data) == payload
    assert _core.Decoder(plain, room).decode(payload, len(data)) == data


def test_vector_instructions_change_nothing_in_text() -> None:
    dictionary, data = prose(60_000, 31), prose(50_000, 32)
    primed = [_core.PrimedDictionary(dictionary, 6, portable=portable) for portable in (False, True)]
    first, second = (_core.Encoder(each, len(data)).encode(data) for each in primed)
    assert first == second
    assert [_core.Decoder(each, len(data)).decode(first, len(data)) for each in primed] == [data, data]


def test_only_the_dictionarys_end_is_taught() -> None:
    dictionary = random.Random(33).randbytes((2 << 20) + 5000) + prose(2000, 34)
    data = dictionary[1000:9000] + prose(2000, 34)
    payload = _core.compress_block(data, dictionary)
    assert len(payload) < 100
    assert _core.decompress_block(payload, len(data), dictionary) == data
