"""The kernel and the second decoder agree: on what encoders write, and on what damage leaves."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lz.test_round_trip import prose, shapes
from mix import oracle
from ucompress import _core

LEVELS = (7, 8, 9)
CODE = b"".join(b"    if (value_%d == %d)\n        return %d;\n" % (k % 7, k * k, k) for k in range(60))
DICTIONARIES = (b"", CODE[:900], prose(700, 3))


def code(data: bytes, dictionary: bytes, level: int) -> bytes:
    return _core.ModelCoder(_core.PrimedModel(dictionary, level), len(data)).encode(data)


@settings(max_examples=25, deadline=None)
@given(
    data=shapes().map(lambda v: v[:300]),
    dictionary=st.sampled_from(DICTIONARIES),
    level=st.sampled_from(LEVELS),
)
def test_oracle_decodes_every_block(data: bytes, dictionary: bytes, level: int) -> None:
    payload = code(data, dictionary, level)
    assert oracle.decode(payload, len(data), dictionary) == data


@pytest.mark.parametrize("level", LEVELS)
def test_oracle_decodes_text_with_matches(level: int) -> None:
    dictionary = CODE[:900]
    data = CODE[300:1200] + prose(300, 5) + CODE[100:800] + bytes(400) + CODE[2000:2300]
    payload = code(data, dictionary, level)
    assert payload[0] == level
    assert oracle.decode(payload, len(data), dictionary) == data


@pytest.mark.parametrize("level", LEVELS)
def test_oracle_decodes_flat_blocks(level: int) -> None:
    data = random.Random(level).randbytes(40) * 9
    payload = code(data, DICTIONARIES[1], level)
    assert payload[0] == level + 16
    assert oracle.decode(payload, len(data), DICTIONARIES[1]) == data


def test_both_judge_damage_alike() -> None:
    dictionary, data = CODE[:900], CODE[1000:1150]
    payload = code(data, dictionary, 8)
    coder = _core.ModelCoder(_core.PrimedModel(dictionary, 8), len(data))
    pick = random.Random(25)
    for _ in range(12):
        damaged = bytearray(payload)
        damaged[pick.randrange(1, len(payload))] ^= pick.randint(1, 255)
        try:
            expected = oracle.decode(bytes(damaged), len(data), dictionary, 8)
        except oracle.DamagedError:
            with pytest.raises(ValueError, match="damaged"):
                coder.decode(damaged, len(data))
        else:
            assert coder.decode(damaged, len(data)) == expected


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("rare", [0, 2, 20])
def test_oracle_decodes_what_deepens_the_bit_histories(level: int, rare: int) -> None:
    pick = random.Random(rare)
    data = bytes(pick.choices(b"abcd", (100 - rare, 100 - rare, rare, rare), k=1200))
    payload = code(data, b"", level)
    assert payload[0] & 15 == level
    assert oracle.decode(payload, len(data), b"") == data


def test_histories_count_and_forget_within_bounds() -> None:
    known = oracle.histories()
    table = [
        (*known[k][:2], oracle.history_after(k, 0), oracle.history_after(k, 1)) for k in range(len(known))
    ]
    assert len(table) <= 256
    for row in table:
        for bit in (0, 1):
            after = table[row[2 + bit]][:2]
            assert 1 <= after[bit] <= row[bit] + 1
            assert min(row[1 - bit], 1) <= after[1 - bit] <= row[1 - bit]
    run = [0]
    for _ in range(60):
        run.append(table[run[-1]][3])
    assert [table[state][1] for state in run] == [min(k, 44) for k in range(61)]
