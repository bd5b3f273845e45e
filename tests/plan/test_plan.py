"""Plans: every byte is found again, every promise about blocks holds."""

import random
import tracemalloc
import zlib
from collections import deque
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ucompress.checksum import run_check
from ucompress.pipeline.placing.layout import most_bytes
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.placing.plan import HOLE, Content, Plan, Planned, plan_archive, plan_contents

from .trees import SMALL, block_bound, contents_of, reader, rebuilt, trees

Tree = tuple[list[bytes], list[int]]


@settings(deadline=None, max_examples=150)
@given(tree=trees())
def test_every_content_is_rebuilt_within_the_bound(tree: Tree) -> None:
    datas, classes = tree
    contents = contents_of(datas, classes)
    plan = plan_archive(contents, reader(datas), SMALL)
    assert rebuilt(plan, datas) == datas
    dense_blocks = {run.content for runs in plan.blocks for run in runs if classes[run.content] == 2}
    for runs in plan.blocks:
        assert len({classes[run.content] == 2 for run in runs}) == 1
    assert dense_blocks <= set(range(len(datas)))
    for content, extents in zip(contents, plan.extents, strict=True):
        assert all(extent.length > 0 for extent in extents)
        blocks = {extent.block for extent in extents if extent.block != HOLE}
        assert len(blocks) <= block_bound(content.size, SMALL.reach)
    statistics = plan.statistics
    assert statistics.content_bytes == sum(map(len, datas))
    assert statistics.literal_bytes == int(plan.block_sizes.sum())
    assert min(statistics.copied_bytes, statistics.hole_bytes, statistics.stored_again_bytes) >= 0


@settings(deadline=None, max_examples=60)
@given(tree=trees(), order=st.randoms(use_true_random=False))
def test_a_plan_depends_on_the_contents_only(tree: Tree, order: random.Random) -> None:
    datas, classes = tree
    contents = contents_of(datas, classes)
    expected = plan_archive(contents, reader(datas), SMALL).to_bytes()
    order.shuffle(contents)
    assert plan_archive(contents, reader(datas), SMALL).to_bytes() == expected


@settings(deadline=None, max_examples=60)
@given(tree=trees(), count=st.integers(1, 9))
def test_a_plan_is_the_same_whatever_is_read_ahead(tree: Tree, count: int) -> None:
    datas, classes = tree
    contents = contents_of(datas, classes)
    expected = plan_archive(contents, reader(datas), SMALL).to_bytes()

    def ahead(see, steps):
        """So many steps are seen before the first is taken, and always."""
        waiting = deque()
        for step in steps:
            waiting.append(see(step))
            if len(waiting) > count:
                yield waiting.popleft()
        yield from waiting

    plan = plan_contents(Planned.of(contents), reader(datas), SMALL, ahead=ahead)
    assert plan.to_bytes() == expected


@settings(deadline=None, max_examples=60)
@given(tree=trees())
def test_a_plan_survives_its_bytes(tree: Tree) -> None:
    datas, classes = tree
    plan = plan_archive(contents_of(datas, classes), reader(datas), SMALL)
    again = Plan.from_bytes(plan.to_bytes(), sizes_of(datas))
    assert again.to_bytes() == plan.to_bytes()
    assert again.statistics == plan.statistics
    assert list(again.blocks) == list(plan.blocks)
    assert list(again.extents) == list(plan.extents)


@settings(deadline=None, max_examples=60)
@given(tree=trees())
def test_small_contents_are_not_split(tree: Tree) -> None:
    datas, classes = tree
    plan = plan_archive(contents_of(datas, classes), reader(datas), SMALL)
    blocks: dict[int, set[int]] = {}
    literal: dict[int, int] = {}
    for block, runs in enumerate(plan.blocks):
        for run in runs:
            blocks.setdefault(run.content, set()).add(block)
            literal[run.content] = literal.get(run.content, 0) + run.length
    for content, size in literal.items():
        if size < SMALL.whole and len(datas[content]) <= SMALL.window:
            assert len(blocks[content]) == 1


def test_planted_copies_and_holes_are_saved() -> None:
    rng = random.Random(1)
    first, second = rng.randbytes(30_000), rng.randbytes(30_000)
    datas = [first, second, first[:20_000] + b"!" + second[5000:], bytes(50_000), second + bytes(9000)]
    plan = plan_archive(contents_of(datas), reader(datas))
    assert rebuilt(plan, datas) == datas
    assert plan.statistics.hole_bytes == 59_000
    assert plan.statistics.literal_bytes == 60_001
    assert plan.extents[3] == [(HOLE, 0, 50_000)]
    assert plan.statistics.copies == 3


def test_copies_run_through_the_extents_of_earlier_copies() -> None:
    rng = random.Random(2)
    first, second = rng.randbytes(20_000), rng.randbytes(20_000)
    mixed = first[:10_000] + rng.randbytes(300) + second[10_000:]
    datas = [first, second, mixed, mixed[3000:] + b"tail"]
    plan = plan_archive(contents_of(datas), reader(datas))
    assert rebuilt(plan, datas) == datas
    assert plan.statistics.literal_bytes == 40_000 + 300 + 4


def test_large_contents_go_through_in_windows() -> None:
    rng = random.Random(3)
    part = rng.randbytes(100_000)
    datas = [part, rng.randbytes(1000) + part + bytes(60_000) + part[:50_000]]
    longest = 0

    def read(ordinal: int, offset: int, length: int) -> bytes:
        nonlocal longest
        longest = max(longest, length)
        return datas[ordinal][offset : offset + length]

    plan = plan_archive(contents_of(datas), read, SMALL)
    assert rebuilt(plan, datas) == datas
    assert longest == SMALL.window
    assert plan.statistics.copied_bytes > 149_000
    assert plan.statistics.hole_bytes > 59_000
    assert len(plan.extents[1]) < 40


def test_a_content_scattered_over_blocks_is_stored_again() -> None:
    rng = random.Random(4)
    sources = [rng.randbytes(8192) for _ in range(20)]
    collage = b"".join(source[1000:2500] for source in sources)
    datas = [*sources, collage]
    plan = plan_archive(contents_of(datas, repeats=0), reader(datas), SMALL)
    assert rebuilt(plan, datas) == datas
    assert len({extent.block for extent in plan.extents[20]}) <= block_bound(len(collage), SMALL.reach)
    assert 0 < plan.statistics.stored_again_bytes < len(collage)


def test_a_copy_in_many_fragments_is_stored_again() -> None:
    rng = random.Random(6)
    first, second = rng.randbytes(60_000), rng.randbytes(60_000)
    pieces = [source[at : at + 1100] for at in range(0, 44_000, 2200) for source in (first, second)]
    collage = b"".join(pieces)
    datas = [first, second, collage, collage[:-1]]
    many = plan_archive(contents_of(datas), reader(datas), PlanParameters(extent=1, large_from=1001))
    few = plan_archive(contents_of(datas), reader(datas), PlanParameters(extent=1200, large_from=1001))
    assert rebuilt(many, datas) == rebuilt(few, datas) == datas
    assert len(many.extents[3]) > 30
    assert len(few.extents[3]) < 20
    assert many.statistics.literal_bytes < few.statistics.literal_bytes


def test_errors_of_read_and_progress_pass() -> None:
    def fails(ordinal: int, offset: int, length: int) -> bytes:
        raise PermissionError(ordinal)

    def stops(planned: int) -> None:
        raise KeyboardInterrupt

    contents = contents_of([b"abc"])
    with pytest.raises(PermissionError):
        plan_archive(contents, fails)
    with pytest.raises(KeyboardInterrupt):
        plan_archive(contents, reader([b"abc"]), progress=stops)
    with pytest.raises(ValueError, match="gave 2 bytes"):
        plan_archive(contents, reader([b"ab"]))


def test_progress_counts_every_byte() -> None:
    datas = [b"a" * 100, b"", b"b" * 50_000]
    seen: list[int] = []
    plan_archive(contents_of(datas), reader(datas), SMALL, progress=seen.append)
    assert sum(seen) == 50_100


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="numbered"):
        plan_archive([Content(1, b"a", 0)], reader([]))
    with pytest.raises(ValueError, match="window"):
        PlanParameters(window=300_000)
    with pytest.raises(ValueError, match="blocks"):
        PlanParameters(block_target=300_000)


def sizes_of(datas: list[bytes]) -> np.ndarray:
    return np.array(list(map(len, datas)), dtype=np.int64)


def test_no_more_of_a_plan_is_unpacked_than_its_contents_can_need() -> None:
    datas = [b"abc" * 1000, bytes(5000)]
    good = plan_archive(contents_of(datas), reader(datas)).to_bytes()
    most = 8 * 11 + most_bytes(sizes_of(datas))
    assert len(zlib.decompress(good[16:])) < most
    for size in (most + 1, 200 << 20):
        body = zlib.compress(bytes(size), 1)
        bomb = good[:8] + run_check(body).to_bytes(8, "little") + body
        tracemalloc.start()
        with pytest.raises(ValueError, match="larger than a plan"):
            Plan.from_bytes(bomb, sizes_of(datas))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3 * len(bomb) + most + (64 << 10)


def test_damaged_plans_are_refused() -> None:
    datas = [b"abc" * 1000, bytes(5000)]
    plan = plan_archive(contents_of(datas), reader(datas))
    good = plan.to_bytes()
    rng = random.Random(5)
    for _ in range(200):
        bad = bytearray(good)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        with pytest.raises(ValueError, match="plan"):
            Plan.from_bytes(bytes(bad), sizes_of(datas))
    for cut in range(len(good)):
        with pytest.raises(ValueError, match="plan"):
            Plan.from_bytes(good[:cut], sizes_of(datas))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("extent_block", 7),
        ("extent_block", -2),
        ("extent_length", 4000),
        ("extent_length", 0),
        ("run_length", 0),
    ],
)
def test_plans_that_contradict_themselves_are_refused(column: str, value: int) -> None:
    datas = [b"abc" * 1000]
    plan = plan_archive(contents_of(datas), reader(datas))
    values: np.ndarray = getattr(plan, column)
    values[0] = value
    with pytest.raises(ValueError, match="block"):
        Plan.from_bytes(plan.to_bytes(), sizes_of(datas))


COLUMNS = [field.name for field in fields(Plan) if field.name.startswith(("run_", "extent_", "block_start"))]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("count", [-1, 1])
def test_plans_with_a_column_of_another_length_are_refused(column: str, count: int) -> None:
    datas = [b"abc" * 1000, bytes(range(256)) * 20]
    plan = plan_archive(contents_of(datas), reader(datas))
    values = getattr(plan, column)
    changed = values[:count] if count < 0 else np.concatenate((values, values[-count:]))
    data = replace(plan, **{column: changed}).to_bytes()
    if (column, count) == ("extent_start", 1):  # another content, of no bytes
        assert not Plan.from_bytes(data, sizes_of(datas)).fits(sizes_of(datas))
        return
    with pytest.raises(ValueError, match=r"differ in length|do not|out of bounds"):
        Plan.from_bytes(data, sizes_of(datas))


@settings(deadline=None, max_examples=60)
@given(tree=trees(), room=st.integers(30, 60))
def test_a_content_has_no_more_extents_than_there_is_room_for(tree: Tree, room: int) -> None:
    datas, classes = tree
    parameters = replace(SMALL, extents=room)
    plan = plan_archive(contents_of(datas, classes), reader(datas), parameters)
    assert rebuilt(plan, datas) == datas
    assert all(len(extents) <= room for extents in plan.extents if extents)


def test_a_file_of_holes_everywhere_is_packed_with_fewer_of_them() -> None:
    data = b"".join(random.Random(at).randbytes(4096) + bytes(4096) for at in range(300))
    (content,) = contents_of([data], [0])
    plan = plan_archive([content], reader([data]), PlanParameters(extents=100))
    assert rebuilt(plan, [data]) == [data]
    assert 50 < len(plan.extents[0]) <= 100
    assert plan.statistics.hole_bytes > 0
