"""Bytes of planned blocks, whole and in spans."""

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress.checksum import digest
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.placing.plan import Content, plan_archive
from ucompress.pipeline.reading.contents import ContentReader, ContentsChangedError
from ucompress.pipeline.reading.distinct import DistinctContent
from ucompress.pipeline.writing.planned_bytes import PlannedBytes

CHOOSER = random.Random(1)
CONTENTS = [CHOOSER.randbytes(CHOOSER.randrange(1, 9000)) for _ in range(40)]
PARAMETERS = PlanParameters(
    block_target=32 << 10, large_block_target=32 << 10, whole=8 << 10, reach=16 << 10, window=64 << 10
)


def read(content: int, offset: int, length: int) -> bytes:
    return CONTENTS[content][offset : offset + length]


PLAN = plan_archive([Content(i, b"%d" % i, len(data)) for i, data in enumerate(CONTENTS)], read, PARAMETERS)
WHOLE = [b"".join(read(run.content, run.offset, run.length) for run in block) for block in PLAN.blocks]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Reads the contents from files."""
    folder = tmp_path_factory.mktemp("contents")
    contents = []
    for i, data in enumerate(CONTENTS):
        (folder / str(i)).write_bytes(data)
        sources = [os.fsencode(folder / str(i))]
        contents.append(DistinctContent(i, b"%d" % i, len(data), digest(data), 0, sources, 1))
    reader = ContentReader(contents)
    yield reader
    reader.close()


def test_whole_blocks(reader):
    assert len(WHOLE) > 3
    assert [PlannedBytes(PLAN, reader).whole(number) for number in range(len(WHOLE))] == WHOLE


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 40_000), st.integers(0, 40_000))
def test_spans(reader, number, offset, length):
    assert PlannedBytes(PLAN, reader).span(number, offset, length) == WHOLE[number][offset : offset + length]


@pytest.mark.parametrize("change", [b"", b"other bytes" * 900])
def test_a_run_that_is_not_what_was_planned_is_told_and_a_twin_will_do(tmp_path, change):
    first, twin = tmp_path / "first", tmp_path / "twin"
    contents = []
    for i, data in enumerate(CONTENTS):
        first.with_name(str(i)).write_bytes(data)
        contents.append(DistinctContent(i, b"%d" % i, len(data), digest(data), 0, [], 1))
        contents[-1].sources.append(os.fsencode(first.with_name(str(i))))
    run = PLAN.blocks[1][0]
    changed = contents[run.content]
    first.with_name(str(run.content)).write_bytes(change)
    reader = ContentReader(contents)
    with pytest.raises(ContentsChangedError) as caught:
        PlannedBytes(PLAN, reader).whole(1)
    assert caught.value.sources == set(changed.sources)
    with pytest.raises(ContentsChangedError):
        PlannedBytes(PLAN, reader).span(1, 0, 1)
    twin.write_bytes(CONTENTS[run.content])
    changed.sources.append(os.fsencode(twin))
    assert PlannedBytes(PLAN, reader).whole(1) == WHOLE[1]
    assert PlannedBytes(PLAN, reader).span(1, 0, 100) == WHOLE[1][:100]
    reader.close()
