"""Whole contents that are placed at once stand where they would stand piece by piece."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ucompress.pipeline.placing.blocks import BlockPacker
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.placing.plan import plan_archive
from ucompress.pipeline.placing.planned import Content, Kind

SMALL = PlanParameters(
    block_target=600,
    large_block_target=1500,
    dense_block_target=520,
    monotonous_block_target=2100,
    large_from=500,
    whole=256,
    reach=256,
    window=1024,
)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 300), st.integers(550, 650), st.integers(1, 4000)),
            st.sampled_from([0, 499, 500, 1000]),
            st.sampled_from(Kind),
        ),
        max_size=30,
    )
)
def test_a_content_placed_whole_stands_where_it_would_otherwise(rows):
    quick, slow = BlockPacker(SMALL), BlockPacker(SMALL)
    datas = [bytes([number]) * size for number, (size, _, _) in enumerate(rows)]
    expected = [
        slow.place(number, 0, data, [(0, len(data))], repeats, kind)
        for number, (data, (_, repeats, kind)) in enumerate(zip(datas, rows, strict=True))
    ]
    done = 0
    while done < len(rows):
        sizes, repeats, kinds = zip(*rows[done:], strict=True)
        blocks, offsets = quick.place_whole(range(done, len(rows)), datas[done:], repeats, kinds)
        for size, block, offset in zip(sizes, blocks, offsets, strict=False):
            assert expected[done] == [(0, size, block, offset)]
            done += 1
        if done < len(rows):
            size, repeat, kind = rows[done]
            assert len(expected[done]) != 1
            assert quick.place(done, 0, datas[done], [(0, size)], repeat, kind) == expected[done]
            done += 1
    for column in ("run_content", "run_offset", "run_length", "run_check", "block_start"):
        assert list(getattr(quick, column)) == list(getattr(slow, column))


@given(
    st.lists(st.tuples(st.integers(1, 250), st.sampled_from([0, 1000]), st.sampled_from(Kind)), max_size=60)
)
def test_each_kind_of_content_has_blocks_of_its_own_size(rows):
    packer, of_block = BlockPacker(SMALL), {}
    for number, (size, repeats, kind) in enumerate(rows):
        for _, taken, block, _ in packer.place(number, 0, bytes(size), [(0, size)], repeats, kind):
            kinds, filled = of_block.get(block, (set(), 0))
            of_block[block] = kinds | {kind}, filled + taken
    most = {
        Kind.USUAL: SMALL.large_block_target,
        Kind.DENSE: SMALL.dense_block_target,
        Kind.MONOTONOUS: SMALL.monotonous_block_target,
    }
    for kinds, filled in of_block.values():
        (kind,) = kinds
        assert filled <= most[kind]


def test_a_long_content_that_repeats_itself_fills_large_blocks_alone():
    small = replace(SMALL, monotonous_from=4000)
    even = b"".join(b"line %d\n" % (number % 7) for number in range(600))
    contents = [
        Content(0, b"a", 500, novel=500),
        Content(1, b"b", len(even), novel=40),
        Content(2, b"c", len(even), novel=len(even) // 8 + 1),
        Content(3, b"d", 500, novel=2),
    ]
    datas = [random.Random(1).randbytes(500), even, even[::-1], random.Random(2).randbytes(500)]
    plan = plan_archive(
        contents, lambda ordinal, offset, length: datas[ordinal][offset : offset + length], small
    )
    of_content = {number: set() for number in range(4)}
    for number, block in enumerate(plan.blocks):
        for run in block:
            of_content[run.content].add(number)
    alone = of_content.pop(1)
    assert alone.isdisjoint(set.union(*of_content.values()))
    assert small.large_block_target < max(plan.block_sizes[list(alone)]) <= small.monotonous_block_target
    assert max(plan.block_sizes[list(of_content[2])]) <= small.large_block_target
