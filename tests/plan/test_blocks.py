"""Whole contents that are placed at once stand where they would stand piece by piece."""

from hypothesis import given
from hypothesis import strategies as st

from ucompress.pipeline.blocks import BlockPacker
from ucompress.pipeline.parameters import PlanParameters

SMALL = PlanParameters(
    block_target=600,
    large_block_target=1500,
    dense_block_target=520,
    large_from=500,
    whole=256,
    reach=256,
    window=1024,
)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(1, 300), st.integers(550, 650), st.integers(1, 4000)),
            st.sampled_from([0, 499, 500, 1000]),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_a_content_placed_whole_stands_where_it_would_otherwise(rows):
    quick, slow = BlockPacker(SMALL), BlockPacker(SMALL)
    for number, (size, repeats, dense) in enumerate(rows):
        data = bytes([number]) * size
        expected = slow.place(number, 0, data, [(0, size)], repeats, dense)
        place = quick.place_whole(number, data, repeats, dense)
        if place is None:
            assert len(expected) > 1
            assert quick.place(number, 0, data, [(0, size)], repeats, dense) == expected
        else:
            assert [(0, size, *place)] == expected
    for column in ("run_content", "run_offset", "run_length", "run_check", "block_start"):
        assert list(getattr(quick, column)) == list(getattr(slow, column))


@given(st.lists(st.tuples(st.integers(1, 250), st.sampled_from([0, 1000]), st.booleans()), max_size=60))
def test_each_kind_of_content_has_blocks_of_its_own_size(rows):
    packer, of_block = BlockPacker(SMALL), {}
    for number, (size, repeats, dense) in enumerate(rows):
        for _, taken, block, _ in packer.place(number, 0, bytes(size), [(0, size)], repeats, dense):
            kinds, filled = of_block.get(block, (set(), 0))
            of_block[block] = kinds | {dense}, filled + taken
    for kinds, filled in of_block.values():
        assert len(kinds) == 1
        assert filled <= (SMALL.dense_block_target if kinds == {True} else SMALL.large_block_target)
