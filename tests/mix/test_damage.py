"""Damaged payloads: an error or wrong bytes, never a crash, never a hang, never a byte outside."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarded import decode_guarded
from ucompress._core import ModelCoder, PrimedModel

DICTIONARY = b"".join(b"key_%d = value(%d)\n" % (k, k * k) for k in range(400))
SOURCE = b"".join(b"key_%d = value(%d)  # %x\n" % (k, k * k, k * 2654435761 % 65537) for k in range(60))


@pytest.fixture(scope="module", params=[7, 8, 9])
def coder(request: pytest.FixtureRequest) -> ModelCoder:
    return ModelCoder(PrimedModel(DICTIONARY, request.param), 1 << 14)


def test_every_byte_flipped_and_every_length_cut(coder: ModelCoder) -> None:
    payload = coder.encode(SOURCE)
    assert decode_guarded(coder, payload, len(SOURCE)) == SOURCE
    pick = random.Random(11)
    for at in range(len(payload)):
        for flip in {1, pick.randint(1, 255)}:
            damaged = bytearray(payload)
            damaged[at] ^= flip
            decode_guarded(coder, bytes(damaged), len(SOURCE))
    for cut in range(len(payload) - 8):
        assert decode_guarded(coder, payload[:cut], len(SOURCE)) != SOURCE
    for longer in (9, 100):  # fewer zeros only stand where the decoder would read zeros anyway
        assert decode_guarded(coder, payload + bytes(longer), len(SOURCE)) is None
    assert decode_guarded(coder, payload, len(SOURCE)) == SOURCE


@settings(max_examples=60, deadline=None)
@given(first=st.sampled_from([0, 7, 8, 9, 23, 24, 25, 255]), rest=st.binary(max_size=400))
def test_hostile_bytes(coder: ModelCoder, first: int, rest: bytes) -> None:
    for size in (0, 1, 100, 1 << 14):
        decode_guarded(coder, bytes([first]) + rest, size)


def test_wrong_dictionary_and_wrong_size_are_harmless(coder: ModelCoder) -> None:
    level = coder.primed.level
    payload = ModelCoder(PrimedModel(b"another", level), len(SOURCE)).encode(SOURCE)
    assert decode_guarded(coder, payload, len(SOURCE)) != SOURCE
    payload = coder.encode(SOURCE)
    for size in (0, 1, len(SOURCE) - 1, len(SOURCE) + 1, 1 << 14):
        assert decode_guarded(coder, payload, size) != SOURCE


def test_other_levels_and_reserved_first_bytes_are_refused(coder: ModelCoder) -> None:
    level = coder.primed.level
    for first in set(range(256)) - {0, level, level + 16}:
        assert decode_guarded(coder, bytes([first]) + bytes(20), 50) is None
