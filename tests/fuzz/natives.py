"""The inputs of the harnesses in `native/`: seeds that the coders make, and the same claims by Python's door.

An input is a header, parts whose lengths stand in it, and the rest; each harness tells its own. A header that
is cut off ends in zeros, a part that is cut off is shorter.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from itertools import product
from random import Random

from fuzz.codecs import TEXT
from fuzz.mutate import odd_bytes
from reference_decoder.filters import displacements, records
from support import create_machine_code
from ucompress import _core

DICTIONARY = b"".join(b"key_%d = value(%d)\n" % (k, k * k) for k in range(100))
"""`fuzz_dictionary` in native/harness.h."""

LZ_ROOM = 65535
ROOM = 4096

LZ_BLOCK = struct.Struct("<BHHHH")
LZ_ROUND_TRIP = struct.Struct("<BHHH")
MIX_BLOCK = struct.Struct("<BHH")
MIX_ROUND_TRIP = struct.Struct("<BH")
FILTER_ROUND_TRIP = struct.Struct("<BBH")

LONG, LONGER = 20000, 70000
"""Bytes to which a block is repeated: records are looked for in the one, code in samples of the other."""

PATHS = (False, True)
"""Whether a coder is portable."""

Past = tuple[bytes, int] | None


def _taken(layout: struct.Struct, data: bytes) -> tuple[list[int], bytes]:
    """The header's fields, and what follows."""
    return list(layout.unpack(data[: layout.size].ljust(layout.size, b"\0"))), data[layout.size :]


def _decoded(decode: Callable[[], bytes]) -> bytes | None:
    try:
        return decode()
    except ValueError as error:
        assert "damaged" in str(error)
        return None


def _agree(whole: list[bytes | None], part: bytes | None) -> None:
    """Both paths say the same, and the first bytes are those of the whole."""
    assert whole[0] == whole[1]
    assert whole[0] is None or (part is not None and whole[0].startswith(part))


@cache
def _lz_decoder(wanted: bool, portable: bool) -> _core.Decoder:
    primed = _core.PrimedDictionary(DICTIONARY if wanted else b"", 6, encode=False, portable=portable)
    return _core.Decoder(primed, LZ_ROOM, LZ_ROOM)


def lz_block(data: bytes) -> None:
    """native/lz_block.c."""
    (options, size, first, past_length, past_size), rest = _taken(LZ_BLOCK, data)
    past, payload = (rest[:past_length], past_size) if past_size else None, rest[past_length:]
    first %= size + 1
    decoders = [_lz_decoder(bool(options & 1), portable) for portable in PATHS]
    whole = [_decoded(lambda at=at: at.decode(payload, size, past)) for at in decoders]
    _agree(whole, _decoded(lambda: decoders[0].decode(payload, size, past, first=first)))


@cache
def _mix_coder(options: int, portable: bool) -> _core.ModelCoder:
    dictionary, level = DICTIONARY if options >= 128 else b"", 7 + (options & 127) % 3
    return _core.ModelCoder(_core.PrimedModel(dictionary, level, portable=portable), ROOM)


def mix_block(data: bytes) -> None:
    """native/mix_block.c."""
    (options, size, first), payload = _taken(MIX_BLOCK, data)
    size %= ROOM + 1
    first %= size + 1
    coders = [_mix_coder(options & 128 | (options & 127) % 3, portable) for portable in PATHS]
    whole = [_decoded(lambda at=at: at.decode(payload, size)) for at in coders]
    _agree(whole, _decoded(lambda: coders[0].decode(payload, size, first=first)))


def lz_round_trip(data: bytes) -> None:
    """native/lz_round_trip.c."""
    (options, dictionary_length, past_length, first), rest = _taken(LZ_ROUND_TRIP, data)
    dictionary = DICTIONARY if options & 64 else b""
    if options >= 128:
        dictionary, rest = rest[:dictionary_length], rest[dictionary_length:]
    past, rest = rest[: min(past_length, ROOM)], rest[min(past_length, ROOM) :]
    block = rest[:ROOM]
    coded = [_lz_trip(dictionary, 4 + (options & 63) % 3, portable, past, block, first) for portable in PATHS]
    assert coded[0] == coded[1]


def _lz_trip(dictionary: bytes, level: int, portable: bool, past: bytes, block: bytes, first: int) -> bytes:
    primed = _core.PrimedDictionary(dictionary, level, portable=portable)
    encoder, decoder = (
        make(primed, len(block) or 1, len(past) or 1) for make in (_core.Encoder, _core.Decoder)
    )
    coded_past = _core.Encoder(primed, len(past) or 1).encode(past)
    behind = (coded_past, len(past)) if coded_past[:1] not in (b"", b"\0") else None
    coded = encoder.encode(block, behind)
    if coded[:1] in (b"", b"\0"):
        behind = None
    first %= len(block) + 1
    assert len(coded) <= len(block) + 1
    assert decoder.decode(coded, len(block), behind) == block
    assert decoder.decode(coded, len(block), behind, first=first) == block[:first]
    return coded


def mix_round_trip(data: bytes) -> None:
    """native/mix_round_trip.c."""
    (options, first), block = _taken(MIX_ROUND_TRIP, data)
    block = block[:ROOM]
    first %= len(block) + 1
    coders = [_mix_coder(options & 128 | (options & 127) % 3, portable) for portable in PATHS]
    coded = coders[0].encode(block)
    assert coders[1].encode(block) == coded
    assert len(coded) <= len(block) + 1
    assert coders[1].decode(coded, len(block)) == block
    assert coders[0].decode(coded, len(block), first=first) == block[:first]


def filter_round_trip(data: bytes) -> None:
    """native/filter_round_trip.c; and what the second decoder makes of the block."""
    (stride, options, dictionary_length), rest = _taken(FILTER_ROUND_TRIP, data)
    dictionary, block = rest[:dictionary_length], rest[dictionary_length:]
    if options & 6 and 0 < len(block) < LONG:
        size = LONGER if options & 4 else LONG
        block = (block * (size // len(block) + 1))[:size]
    if stride:
        differences = bool(options & 1)
        planes, restored = _core.filter_planes, _core.restore_planes
        assert restored(planes(block, stride, differences), stride, differences) == block
        assert planes(restored(block, stride, differences), stride, differences) == block
        assert restored(block, stride, differences) == records(block, stride, differences)
        assert 0 <= _core.find_stride(block) <= 64
    else:
        assert _core.restore_branches(_core.filter_branches(block)) == block
        assert _core.filter_branches(_core.restore_branches(block)) == block
        assert _core.restore_branches(block[:2000]) == displacements(block[:2000])
        assert sum(_core.BranchCounter(dictionary).repeats(block)) * 4 <= len(block)


def _blocks(most: int) -> list[bytes]:
    pick = Random(1)
    return [b"", TEXT[:most], DICTIONARY[300:700], *(odd_bytes(pick, most) for _ in range(9))]


def seeds() -> dict[str, list[bytes]]:
    """Inputs for each harness that its claims hold for, of all levels and ways of coding."""
    made: dict[str, list[bytes]] = {name: [] for name in TARGETS}
    for block, level in product(_blocks(1500), (4, 5, 6)):
        half = len(block) // 2
        for options, dictionary in ((0, b""), (64, b""), (128, DICTIONARY[:200])):
            head = LZ_ROUND_TRIP.pack(level - 4 + options, len(dictionary), 300, half)
            made["lz_round_trip"].append(head + dictionary + TEXT[:300] + block)
        for wanted, past in product((0, 1), (b"", TEXT[:300])):
            encoder = _core.Encoder(_core.PrimedDictionary(DICTIONARY * wanted, level), 1500, 300)
            coded_past = encoder.encode(past)
            coded = encoder.encode(block, (coded_past, len(past)) if past else None)
            head = LZ_BLOCK.pack(wanted, len(block), half, len(coded_past), len(past))
            made["lz_block"].append(head + coded_past + coded)
    for block, level, wanted in product(_blocks(400), (0, 1, 2), (0, 128)):
        options, half = level + wanted, len(block) // 2
        made["mix_round_trip"].append(MIX_ROUND_TRIP.pack(options, half) + block)
        coded = _mix_coder(options, False).encode(block)
        made["mix_block"].append(MIX_BLOCK.pack(options, len(block), half) + coded)
    for block, options, stride in product((*_blocks(400), *_coded()), (0, 1, 6), (0, 1, 4, 255)):
        past = create_machine_code(200, seed=stride)
        made["filter_round_trip"].append(FILTER_ROUND_TRIP.pack(stride, options, len(past)) + past + block)
    return made


def _coded() -> list[bytes]:
    """Machine code, operands that are cut off, a table of numbers, samples that rise and fall."""
    cut = [b"..\x8b\x05\x01\x02\x03\x04\xe8\x10\0\0\0"[:size] for size in range(3, 13)]
    table = b"".join(struct.pack("<IHH", number, number * 7 % 50, 3) for number in range(50))
    samples = b"".join(struct.pack("<h", 100 * (number % 40) - 2000) for number in range(200))
    return [create_machine_code(400), create_machine_code(300, seed=1), table, samples, *cut]


TARGETS: dict[str, Callable[[bytes], None]] = {
    "lz_block": lz_block,
    "mix_block": mix_block,
    "lz_round_trip": lz_round_trip,
    "mix_round_trip": mix_round_trip,
    "filter_round_trip": filter_round_trip,
}
