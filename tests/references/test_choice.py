"""Which blocks are coded after which: the rules that hold for every choice, and choices that are plain."""

import random
from itertools import combinations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ucompress.references import COMMONEST, LEAST_SHARE, choose_references, sample, sampling_rate, without

BLOCKS = st.lists(st.sets(st.integers(0, 60), max_size=25), max_size=9)
NEEDS = st.lists(
    st.tuples(st.frozensets(st.integers(0, 8), min_size=2, max_size=4), st.integers(0, 2)), max_size=6
)


def arrays(blocks):
    return [np.array(sorted(block), dtype=np.uint64) for block in blocks]


@settings(max_examples=300)
@given(blocks=BLOCKS, needs=NEEDS)
def test_every_choice_keeps_the_rules(blocks, needs):
    needs = [(touched, len(touched) + spare) for touched, spare in needs if max(touched) < len(blocks)]
    chosen = choose_references(arrays(blocks), needs)
    common = {h for h in range(61) if 2 <= sum(h in block for block in blocks) <= COMMONEST}
    for block, reference in chosen.items():
        assert reference < block
        assert reference not in chosen
        assert len(blocks[block] & blocks[reference] & common) * LEAST_SHARE >= len(blocks[block]) > 0
    for touched, most in needs:
        assert len(touched | {chosen.get(block, block) for block in touched}) <= most
    assert chosen == choose_references(arrays(blocks), reversed(needs))


@settings(max_examples=100)
@given(blocks=BLOCKS)
@example(blocks=[{0}, {0, 1}, {2, 4}, {0, 2, 4}, {0, 1, 2, 3, 5}, {0, 1, 2, 3, 5}])
def test_without_needs_no_block_that_could_have_one_stays_alone(blocks):
    chosen = choose_references(arrays(blocks), [])
    roots = set(chosen.values())
    common = {h for h in range(61) if 2 <= sum(h in block for block in blocks) <= COMMONEST}
    for first, second in combinations(range(len(blocks)), 2):
        if second not in chosen and second not in roots and first not in chosen:
            assert not blocks[first] & blocks[second] & common


def test_one_reference_serves_all_that_are_like_it():
    blocks = [
        set(range(100)),
        *({*range(20 * i, 20 * i + 10), *range(1000 * i, 1000 * i + 50)} for i in range(1, 5)),
    ]
    assert choose_references(arrays(blocks), []) == dict.fromkeys(range(1, 5), 0)


def test_a_file_of_two_blocks_has_room_for_one_more():
    blocks = [{1, 2, 3}, {1, 2, 3, 50}, {4, 5}, {4, 5, 51}]
    assert choose_references(arrays(blocks), []) == {1: 0, 3: 2}
    assert choose_references(arrays(blocks), [(frozenset({1, 3}), 3)]) == {1: 0}
    assert choose_references(arrays(blocks), [(frozenset({1, 3}), 2)]) == {}
    assert choose_references(arrays(blocks), [(frozenset({0, 1}), 2), (frozenset({1, 2}), 3)]) == {1: 0, 3: 2}


def test_too_small_a_share_is_not_worth_a_second_block():
    few = {0}
    enough, less = set(range(LEAST_SHARE)), set(range(LEAST_SHARE + 1))
    assert choose_references(arrays([few, enough]), []) == {1: 0}
    assert choose_references(arrays([few, less]), []) == {}


def test_too_few_in_common_are_not_worth_one_either():
    blocks = [{1, 2, 3, 4}, {1, 2, 3, 50}, {1, 2, 3, 4, 51}]
    assert choose_references(arrays(blocks), [], 3) == {1: 0, 2: 0}
    assert choose_references(arrays(blocks), [], 4) == {2: 0}
    assert choose_references(arrays(blocks), [], 5) == {}


def test_samples_are_those_of_equal_bytes():
    pick = random.Random(1)
    shared, own = pick.randbytes(200_000), pick.randbytes(100_000)
    first, second = sample(shared + own, 64), sample(shared, 64)
    assert 0.8 < len(second) / (len(shared) / 64) < 1.2
    assert len(without(second, first)) == 0
    assert abs(len(without(first, second)) - len(own) / 64) < 300
    assert without(first, second[:0]) is first
    assert sampling_rate(1 << 20) == 64
    assert sampling_rate(1 << 30) == 1024
