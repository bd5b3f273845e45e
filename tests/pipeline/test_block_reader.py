"""Bytes of planned blocks, whole and in spans."""

import random

from hypothesis import given
from hypothesis import strategies as st

from ucompress.pipeline.groundwork import BlockReader
from ucompress.pipeline.plan import Content, PlanParameters, plan_archive

CHOOSER = random.Random(1)
CONTENTS = [CHOOSER.randbytes(CHOOSER.randrange(1, 9000)) for _ in range(40)]
PARAMETERS = PlanParameters(
    block_target=32 << 10, large_block_target=32 << 10, whole=8 << 10, reach=16 << 10, window=64 << 10
)


def read(content: int, offset: int, length: int) -> bytes:
    return CONTENTS[content][offset : offset + length]


PLAN = plan_archive([Content(i, b"%d" % i, len(data)) for i, data in enumerate(CONTENTS)], read, PARAMETERS)
WHOLE = [b"".join(read(run.content, run.offset, run.length) for run in block) for block in PLAN.blocks]


def test_whole_blocks():
    assert len(WHOLE) > 3
    assert [BlockReader(PLAN, read).whole(number) for number in range(len(WHOLE))] == WHOLE


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 40_000), st.integers(0, 40_000))
def test_spans(number, offset, length):
    assert BlockReader(PLAN, read).span(number, offset, length) == WHOLE[number][offset : offset + length]


def test_what_cannot_be_read_is_zeros():
    def fails(content: int, offset: int, length: int) -> bytes:
        raise OSError

    assert BlockReader(PLAN, fails).span(0, 5, 100) == bytes(100)
