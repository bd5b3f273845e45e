"""Dictionaries that come piece by piece, blocks that are decoded so, and literals of the other kind."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lz.test_round_trip import LEVELS, prose, shapes
from ucompress import _core

ROOM = 1 << 16
PAST = prose(40_000, 51)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """The data in pieces of these sizes, what is left in a last one."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


@settings(max_examples=40, deadline=None)
@given(
    words=shapes(),
    level=st.sampled_from(LEVELS),
    portable=st.booleans(),
    sizes=st.lists(st.integers(0, 9000)),
)
def test_a_dictionary_that_comes_in_pieces_is_primed_alike(
    words: bytes, level: int, portable: bool, sizes: list[int]
) -> None:
    dictionary, data = prose(20_000, 52) + words, prose(3000, 53) + words
    at_once = _core.PrimedDictionary(dictionary, level, portable=portable)
    grown = _core.PrimedDictionary(b"", level, portable=portable, size=len(dictionary))
    for piece in cut(dictionary, sizes):
        grown.append(piece)
    payload = _core.Encoder(at_once, ROOM).encode(data)
    assert _core.Encoder(grown, ROOM).encode(data) == payload
    assert _core.Decoder(grown, ROOM).decode(payload, len(data)) == data


def test_the_beginning_may_be_given_at_once_and_what_is_not_taught_comes_first() -> None:
    dictionary = random.Random(54).randbytes((2 << 20) + 9000) + prose(9000, 55)
    grown = _core.PrimedDictionary(dictionary[:5000], size=len(dictionary))
    grown.append(dictionary[5000:12_345])
    grown.append(dictionary[12_345:-1])
    grown.append(dictionary[-1:])
    data = dictionary[-6000:] + dictionary[10_000:13_000]
    payload = _core.compress_block(data, dictionary)
    assert _core.Encoder(grown, ROOM).encode(data) == payload


def test_nothing_is_coded_while_bytes_are_missing() -> None:
    grown = _core.PrimedDictionary(b"one", size=10)
    assert (grown.missing, len(grown)) == (7, 10)
    for kind in (_core.Encoder, _core.Decoder):
        with pytest.raises(ValueError, match="7 bytes of the dictionary are missing"):
            kind(grown)
    with pytest.raises(ValueError, match="8 bytes are more"):
        grown.append(bytes(8))
    grown.append(b" two th")
    assert grown.missing == 0
    assert _core.Decoder(grown).decode(_core.compress_block(b"two", b"one two th"), 3) == b"two"
    with pytest.raises(ValueError, match="1 bytes are more"):
        grown.append(b"r")
    with pytest.raises(ValueError, match="more"):
        _core.PrimedDictionary(b"four", size=3)
    with pytest.raises(ValueError, match="limit"):
        _core.PrimedDictionary(b"", size=(8 << 20) + 1)


@settings(max_examples=60, deadline=None)
@given(data=shapes(), level=st.sampled_from(LEVELS), step=st.integers(1, 3000), portable=st.booleans())
def test_pieces_are_the_block(data: bytes, level: int, step: int, portable: bool) -> None:
    primed = _core.PrimedDictionary(PAST[:3000], level, portable=portable)
    pieces = list(_core.PieceDecoder(primed, _core.Encoder(primed, ROOM).encode(data), len(data), step))
    assert b"".join(pieces) == data
    assert all(step <= len(piece) < step + 4095 for piece in pieces[:-1]) or len(pieces) == 1


def test_pieces_of_what_is_damaged() -> None:
    primed, data = _core.PrimedDictionary(PAST), prose(30_000, 56)
    payload = _core.Encoder(primed, ROOM).encode(data)
    pieces = _core.PieceDecoder(primed, payload[:-50], len(data), 1000)
    assert data.startswith(next(pieces))
    with pytest.raises(ValueError, match="damaged"):
        list(pieces)
    assert list(pieces) == []
    for wrong, size in ((b"", 3), (b"\x00ab", 3), (b"\x40abc", 3), (b"\x10" + bytes(9), 3)):
        with pytest.raises(ValueError, match="damaged"):
            list(_core.PieceDecoder(primed, wrong, size))
    with pytest.raises(ValueError, match="limit"):
        _core.PieceDecoder(primed, payload, (8 << 20) + 1)
    with pytest.raises(ValueError, match="piece"):
        _core.PieceDecoder(primed, payload, len(data), 0)


def test_threads_that_share_an_iterator_get_each_piece_once() -> None:
    primed, data = _core.PrimedDictionary(PAST), prose(60_000, 57)
    pieces = _core.PieceDecoder(primed, _core.Encoder(primed, ROOM).encode(data), len(data), 500)
    with ThreadPoolExecutor(4) as pool:
        found = [piece for taken in pool.map(list, [pieces] * 4) for piece in taken]
    assert sum(map(len, found)) == len(data)
    assert all(piece in data for piece in found)


@pytest.mark.parametrize("portable", [False, True])
def test_literals_of_the_other_kind_are_taught_when_they_come(portable: bool) -> None:
    def decoder(level: int) -> _core.Decoder:
        return _core.Decoder(_core.PrimedDictionary(PAST, level, encode=False, portable=portable), ROOM, ROOM)

    first, second = prose(9000, 58), prose(8000, 59)
    coded = []
    for level in (4, 6):
        encoder = _core.Encoder(_core.PrimedDictionary(PAST, level, portable=portable), ROOM, ROOM)
        for past_level in (4, 6):
            past = (_core.Encoder(_core.PrimedDictionary(PAST, past_level), ROOM).encode(first), len(first))
            coded += [(encoder.encode(second), None), (encoder.encode(second, past), past)]
    assert {payload[0] for payload, _ in coded} == {0x10, 0x30}
    decoders = [decoder(4), decoder(6)]
    for payload, past in [*coded, *reversed(coded)]:
        for each in decoders:
            assert each.decode(payload, len(second), past) == second
            assert each.decode(payload, len(second), past, first=100) == second[:100]
    for payload, past in coded:
        assert decoder(4).decode(payload, len(second), past) == second
        assert decoder(6).decode(payload, len(second), past) == second


def test_threads_that_meet_the_other_kind_at_once() -> None:
    data = prose(5000, 60)
    payloads = [_core.compress_block(data, PAST, level) for level in (4, 6)]
    for level in (4, 6):
        primed = _core.PrimedDictionary(PAST, level, encode=False)
        decoders = [_core.Decoder(primed, ROOM) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(
                lambda n, d=decoders: d[n % 4].decode(payloads[n // 4 % 2], len(data)), range(32)
            )
            assert all(content == data for content in found)
