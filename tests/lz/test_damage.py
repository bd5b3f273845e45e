"""Damaged payloads: an error or wrong bytes, never a crash, never a hang, never a byte outside."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarded import decode_guarded
from lz import oracle
from ucompress import _core

DICTIONARY = b"".join(b"key_%d = value(%d)\n" % (k, k * k) for k in range(400))
SOURCE = b"".join(b"key_%d = value(%d)  # %x\n" % (k, k * k, k * 2654435761 % 65537) for k in range(150))


@pytest.fixture(scope="module")
def decoder() -> _core.Decoder:
    return _core.Decoder(_core.PrimedDictionary(DICTIONARY, encode=False), 1 << 16)


@pytest.mark.parametrize("level", [4, 6])
def test_every_byte_flipped_and_every_length_cut(decoder: _core.Decoder, level: int) -> None:
    payload = _core.compress_block(SOURCE, DICTIONARY, level)
    assert decode_guarded(decoder, payload, len(SOURCE)) == SOURCE
    pick = random.Random(11)
    for at in range(len(payload)):
        for flip in {1, 0x80, 0xFF, pick.randint(1, 255)}:
            damaged = bytearray(payload)
            damaged[at] ^= flip
            decode_guarded(decoder, bytes(damaged), len(SOURCE))
    for cut in range(len(payload) - 8):
        assert decode_guarded(decoder, payload[:cut], len(SOURCE)) is None
    for longer in (9, 100):  # fewer zeros only stand where the decoder would read zeros anyway
        assert decode_guarded(decoder, payload + bytes(longer), len(SOURCE)) is None


@settings(max_examples=300, deadline=None)
@given(first=st.sampled_from([0, 0x10, 0x20, 0xFF]), rest=st.binary(max_size=400))
def test_hostile_bytes(decoder: _core.Decoder, first: int, rest: bytes) -> None:
    for size in (0, 1, 100, 1 << 16):
        decode_guarded(decoder, bytes([first]) + rest, size)


def test_wrong_dictionary_and_wrong_size_are_harmless(decoder: _core.Decoder) -> None:
    payload = _core.compress_block(SOURCE, b"another", 6)
    assert decode_guarded(decoder, payload, len(SOURCE)) != SOURCE
    payload = _core.compress_block(SOURCE, DICTIONARY, 6)
    for size in (0, 1, len(SOURCE) - 1, len(SOURCE) + 1, 1 << 16):
        assert decode_guarded(decoder, payload, size) != SOURCE


@pytest.mark.parametrize(
    ("size", "payload"), [(1, "100dff"), (1, "1000ffff93ec"), (1, "200040002ef3d6"), (4, "2000000000c2")]
)
def test_a_payload_longer_than_its_block_is_refused_though_its_bits_add_up(size: int, payload: str) -> None:
    decoder = _core.Decoder(_core.PrimedDictionary(b"", encode=False), 1 << 16)
    assert decode_guarded(decoder, bytes.fromhex(payload), size) is None
    with pytest.raises(oracle.DamagedError):
        oracle.decode(bytes.fromhex(payload), size)


def test_reserved_first_bytes_are_refused(decoder: _core.Decoder) -> None:
    for first in set(range(256)) - {0, 0x10, 0x20}:
        assert decode_guarded(decoder, bytes([first]) + bytes(20), 5) is None
