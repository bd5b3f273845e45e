"""Blocks coded after another one: what they gain, that states are kept right, and what is refused."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lz.test_round_trip import LEVELS, prose, shapes
from ucompress import _core

ROOM = 1 << 17


def coders(dictionary: bytes = b"", level: int = 6) -> tuple[_core.Encoder, _core.Decoder]:
    primed = _core.PrimedDictionary(dictionary, level)
    return _core.Encoder(primed, ROOM, ROOM), _core.Decoder(primed, ROOM, ROOM)


@settings(max_examples=60, deadline=None)
@given(data=shapes(), words=shapes(), dictionary=shapes(), level=st.sampled_from(LEVELS))
def test_a_block_after_another_comes_back(data: bytes, words: bytes, dictionary: bytes, level: int) -> None:
    encoder, decoder = coders(dictionary, level)
    reference = prose(900, 1) + words
    past = encoder.encode(reference), len(reference)
    payload = encoder.encode(data, past)
    if payload[:1] not in (b"", b"\x00"):
        assert decoder.decode(payload, len(data), past) == data


@pytest.mark.parametrize("level", LEVELS)
def test_what_both_have_costs_next_to_nothing(level: int) -> None:
    encoder, _ = coders(prose(5000, 2), level)
    reference = prose(60_000, 3)
    data = reference[20_000:50_000]
    past = encoder.encode(reference), len(reference)
    assert len(encoder.encode(data, past)) < 200 < len(encoder.encode(data)) // 20


@pytest.mark.parametrize("level", LEVELS)
def test_the_order_of_work_changes_nothing(level: int) -> None:
    encoder, decoder = coders(prose(5000, 4), level)
    blocks = [prose(20_000, seed) for seed in range(5, 9)]
    pasts = [(encoder.encode(block), len(block)) for block in blocks[:2]]
    tasks = [(block, past) for block in blocks for past in (None, *pasts)]
    fresh = [coders(prose(5000, 4), level)[0].encode(*task) for task in tasks]
    numbers = list(range(len(tasks))) * 2
    random.Random(10).shuffle(numbers)
    for number in numbers:
        block, past = tasks[number]
        assert encoder.encode(block, past) == fresh[number]
        assert decoder.decode(fresh[number], len(block), past) == block
        assert decoder.decode(fresh[number], len(block), past, first=700) == block[:700]
        decoder.forget()
        assert decoder.decode(fresh[number], len(block), past) == block


def test_what_coders_share_has_nothing_to_forget_by_itself() -> None:
    _core._LzCoder().forget()


def test_threads_may_share_a_decoder() -> None:
    encoder, decoder = coders()
    blocks = [prose(9000, seed) for seed in range(11, 17)]
    pasts = [(encoder.encode(block), len(block)) for block in blocks[:3]]
    tasks = [(encoder.encode(block, past), len(block), past) for block in blocks for past in (None, *pasts)]
    expected = [block for block in blocks for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda task: decoder.decode(*task), tasks)) == expected


def test_a_reference_that_cannot_be_one_is_refused() -> None:
    encoder, decoder = coders()
    data = prose(4000, 18)
    noise = random.Random(19).randbytes(2000)
    stored = encoder.encode(noise), len(noise)
    assert stored[0][:1] == b"\x00"
    past = encoder.encode(data), len(data)
    payload = encoder.encode(data, past)
    for wrong in (stored, (b"", 4), (past[0][:-9], past[1]), (b"\x30" + past[0][1:], past[1])):
        with pytest.raises(ValueError, match="damaged"):
            encoder.encode(data, wrong)
        with pytest.raises(ValueError, match="damaged"):
            decoder.decode(payload, len(data), wrong)
    with pytest.raises(ValueError, match="damaged"):
        decoder.decode(b"\x00" + data, len(data), past)
    with pytest.raises(ValueError, match="size"):
        decoder.decode(payload, len(data), (past[0], 0))
    with pytest.raises(ValueError, match="a reference of 4000 bytes is over this decoder's 0 bytes"):
        _core.Decoder(_core.PrimedDictionary(b""), ROOM).decode(payload, len(data), past)
    assert decoder.decode(payload, len(data), past) == data


def test_memory_is_known_ahead() -> None:
    primed = _core.PrimedDictionary(bytes(3000), 6)
    assert _core.Encoder(primed, 5000, 7000).nbytes == _core.encoder_memory(6, 3000, 5000, 7000)
    assert _core.Decoder(primed, 5000, 7000).nbytes == _core.decoder_memory(3000, 5000, 7000)
    assert _core.decoder_memory(3000, 5000, 7000) > _core.decoder_memory(3000, 5000) + 7000
