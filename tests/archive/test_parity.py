"""Parity against plain arithmetic, and every burst that it promises to repair."""

from __future__ import annotations

import random
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_decoder import sections
from ucompress.archive.format.parity import ParityBuilder, ProtectedPayload, StripePlan, build_parity


def noise(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def payload_over(data: bytes, length: int) -> ProtectedPayload:
    return ProtectedPayload(lambda at, size: data[at : at + size], 0, length)


@given(st.integers(0, 300_000))
def test_plans_follow_from_the_length(length: int) -> None:
    plan, other = StripePlan.of(length), sections.stripes(length)
    assert (plan.stripe, plan.stripes, plan.groups) == (other.length, other.data, other.groups)
    assert plan.parity_length == sections.parity_length(length)
    assert plan.stripe == 4096 or plan.stripes <= 128
    if length > 20_000:
        assert plan.parity_length <= length // 10


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 1024, 1025, 20_000, 100_000])
def test_parity_is_the_xor_of_each_group(length: int) -> None:
    data, plan = noise(length), StripePlan.of(length)
    parity = build_parity(data)
    assert len(parity) == plan.parity_length
    stripes = [data[at : at + plan.stripe].ljust(plan.stripe, b"\0") for at in range(0, length, plan.stripe)]
    for group in range(plan.groups):
        total = reduce(lambda a, b: a ^ b, (int.from_bytes(s, "big") for s in stripes[group :: plan.groups]))
        assert parity[group * plan.stripe : (group + 1) * plan.stripe] == total.to_bytes(plan.stripe, "big")
    builder = ParityBuilder(length)
    for at in range(0, length, 777):
        builder.feed(data[at : at + 777])
    assert builder.finish() == parity


@given(st.integers(1, 40_000), st.data())
def test_every_promised_burst_is_repaired(length: int, data: st.DataObject) -> None:
    content, plan = noise(length), StripePlan.of(length)
    stored = bytearray(content + build_parity(content))
    burst = data.draw(st.integers(1, min(length, (plan.groups - 1) * plan.stripe + 1)))
    at = data.draw(st.integers(0, length - burst))
    for position in range(at, at + burst):
        stored[position] ^= 0xFF
    payload = payload_over(bytes(stored), length)
    assert payload.repair(0, length) == content
    start = data.draw(st.integers(0, length - 1))
    size = data.draw(st.integers(1, length - start))
    assert payload.repair(start, size) == content[start : start + size]
    assert sections.repair(bytes(stored[:length]), bytes(stored[length:])) == content


@given(st.integers(1, 5000), st.lists(st.integers(0, 10_000), max_size=30))
def test_any_damage_leaves_the_length(length: int, places: list[int]) -> None:
    content = noise(length)
    stored = bytearray(content + build_parity(content))
    for place in places:
        stored[place % len(stored)] ^= 0x10
    repaired = payload_over(bytes(stored), length).repair(0, length)
    assert repaired == sections.repair(bytes(stored[:length]), bytes(stored[length:]))
    assert len(repaired) == length
