"""The kernel and the second decoder agree: on what encoders write, and on what damage leaves."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lz import oracle
from lz.test_round_trip import prose, shapes
from ucompress import _core


@settings(max_examples=80, deadline=None)
@given(data=shapes(), dictionary=shapes(), level=st.sampled_from((4, 5, 6)))
def test_oracle_decodes_every_block(data: bytes, dictionary: bytes, level: int) -> None:
    payload = _core.compress_block(data, dictionary, level)
    assert oracle.decode(payload, len(data), dictionary) == data


@pytest.mark.parametrize("level", [4, 5, 6])
def test_oracle_decodes_text_with_a_dictionary(level: int) -> None:
    dictionary, data = prose(9000, 21), prose(6000, 22) + bytes(9000) + prose(9000, 21)[3000:7000]
    payload = _core.compress_block(data, dictionary, level)
    assert oracle.decode(payload, len(data), dictionary) == data


def test_both_judge_damage_alike() -> None:
    dictionary, data = prose(600, 23), prose(500, 24)
    payload = _core.compress_block(data, dictionary, 6)
    pick = random.Random(25)
    for _ in range(25):
        damaged = bytearray(payload)
        damaged[pick.randrange(1, len(payload))] ^= pick.randint(1, 255)
        try:
            expected = oracle.decode(bytes(damaged), len(data), dictionary)
        except oracle.DamagedError:
            with pytest.raises(ValueError, match="damaged"):
                _core.decompress_block(damaged, len(data), dictionary)
        else:
            assert _core.decompress_block(damaged, len(data), dictionary) == expected


def after(reference: bytes, data: bytes, dictionary: bytes, level: int) -> tuple[tuple[bytes, int], bytes]:
    """Two blocks coded, the second after the first."""
    encoder = _core.Encoder(_core.PrimedDictionary(dictionary, level), 1 << 16, 1 << 16)
    past = encoder.encode(reference), len(reference)
    return past, encoder.encode(data, past)


@settings(max_examples=60, deadline=None)
@given(data=shapes(), words=shapes(), dictionary=shapes(), level=st.sampled_from((4, 6)))
def test_oracle_decodes_what_follows_a_reference(
    data: bytes, words: bytes, dictionary: bytes, level: int
) -> None:
    past, payload = after(prose(700, 26) + words, data, dictionary, level)
    if payload[:1] not in (b"", b"\x00"):
        assert oracle.decode(payload, len(data), dictionary, past) == data


def test_both_judge_damage_after_a_reference_alike() -> None:
    dictionary, data = prose(600, 27), prose(500, 28)
    past, payload = after(prose(700, 29), data, dictionary, 6)
    decoder = _core.Decoder(_core.PrimedDictionary(dictionary), 1 << 16, 1 << 16)
    pick = random.Random(30)
    for _ in range(25):
        damaged = bytearray(payload)
        damaged[pick.randrange(len(payload))] ^= pick.randint(1, 255)
        try:
            expected = oracle.decode(bytes(damaged), len(data), dictionary, past)
        except oracle.DamagedError:
            with pytest.raises(ValueError, match="damaged"):
                decoder.decode(damaged, len(data), past)
        else:
            assert decoder.decode(damaged, len(data), past) == expected
    assert decoder.decode(payload, len(data), past) == data
