"""A plan from what workers tell of windows is the plan from their bytes, and reads few of them."""

from __future__ import annotations

import random

from hypothesis import given, settings

from plan.trees import SMALL, contents_of, reader, trees
from ucompress.checksum import digest
from ucompress.pipeline.analysis.file_content import FileContent, FileToRead
from ucompress.pipeline.placing.looks import Look, Looking, some_unknown
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.placing.plan import plan_archive, plan_contents
from ucompress.pipeline.placing.planned import Planned
from ucompress.segments import anchor_spacing

Tree = tuple[list[bytes], list[int]]


class Teller:
    """Gives the planner what a worker tells of each window, and notes which are read after all."""

    def __init__(self, datas: list[bytes], parameters: PlanParameters) -> None:
        self.datas = datas
        self.read: set[tuple[int, int]] = set()
        looking = Looking(parameters.window, anchor_spacing(sum(map(len, datas))), parameters.hole)
        told = looking(
            FileContent(FileToRead(b"", len(data), digest=digest(data)), (data,), digest(data))
            for data in datas
        )
        assert not some_unknown(told)
        self.told = [found or [] for found in told]
        self.window = parameters.window
        self.walked: set[tuple[int, int]] = set()

    def __call__(self, ordinal: int, offset: int, length: int) -> bytes | Look:
        def fetch() -> bytes:
            self.read.add((ordinal, offset))
            return self.datas[ordinal][offset : offset + length]

        if (ordinal, offset) in self.walked:
            return fetch()
        self.walked.add((ordinal, offset))
        return Look(self.told[ordinal][offset // self.window], fetch)


@settings(deadline=None, max_examples=30)
@given(tree=trees())
def test_the_plan_is_the_same(tree: Tree) -> None:
    datas, classes = tree
    datas = [data or b"x" for data in datas]
    contents = contents_of(datas, classes)
    expected = plan_archive(contents, reader(datas), SMALL)
    assert plan_archive(contents, Teller(datas, SMALL), SMALL).to_bytes() == expected.to_bytes()


def test_only_windows_with_candidates_are_read() -> None:
    chance = random.Random(1)
    datas = [chance.randbytes(50_000) for _ in range(20)]
    datas.append(datas[3][:40_000] + b"of its own")
    teller = Teller(datas, PlanParameters())
    order: list[int] = []
    plan = plan_contents(Planned.of(contents_of(datas)), teller, ordered=order.extend)
    assert plan.copies == 1
    assert sorted(order) == list(range(21))
    assert teller.read == {(3, 0), (20, 0)}


def test_a_file_that_changed_is_told_as_unknown() -> None:
    looking = Looking(1 << 20, 256, 4096)
    told = looking(iter([FileContent(FileToRead(b"", 3, digest=digest(b"old")), (b"new",), digest(b"new"))]))
    assert told == [None]
    assert some_unknown(told)
