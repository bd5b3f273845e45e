"""Archives whose blocks are coded after other ones: the same bytes always, and no file past its bound."""

import os
import random
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from support import tree_facts
from tests.pipeline.runs import configuration, pack, victim
from ucompress.archive import Archive, EntryKind, blocks_bound
from ucompress.config import MIB
from ucompress.errors import InterruptedJobError
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.placing.plan import Plan
from ucompress.pipeline.running.context import RunContext
from ucompress.pipeline.running.memory import resident_bytes
from ucompress.pipeline.writing.assembly import Assembly
from ucompress.pipeline.writing.referring import pack_references, unpack_references

KIB = 1 << 10
SMALL = PlanParameters(
    block_target=32 * KIB,
    large_block_target=32 * KIB,
    whole=16 * KIB,
    reach=16 * KIB,
    window=64 * KIB,
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(PlanParameters, "for_level", classmethod(lambda cls, level: SMALL))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Groups of files that share sentences, too short for copies, and files of two blocks."""
    root = tmp_path_factory.mktemp("in") / "tree"
    for group in range(4):
        pick = random.Random(group)
        (root / f"group{group}").mkdir(parents=True)
        sentences = [pick.randbytes(20).hex().encode() + b".\n" for _ in range(500)]
        for number in range(10):
            size = 700 if number == 9 else 300
            text = b"".join(pick.choices(sentences, k=size))
            (root / f"group{group}" / f"{number}.txt").write_bytes(text)
    for path in root.rglob("*"):
        os.utime(path, (1, 1))
    return root


@pytest.fixture(scope="module")
def reference(tree, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlanParameters, "for_level", classmethod(lambda cls, level: SMALL))
        return pack(tree, tmp_path_factory.mktemp("out") / "a.ucz", level=4, threads=2)[1]


def test_references_save_and_the_tree_comes_back(tree, tmp_path, reference, monkeypatch):
    (tmp_path / "a.ucz").write_bytes(reference)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.statistics.references > 4
        assert archive.verify().ok
        for threads in (1, 3):
            archive.extract(tmp_path / f"out{threads}", threads=threads)
            assert tree_facts(tree) == tree_facts(tmp_path / f"out{threads}" / "tree")
    monkeypatch.setattr("ucompress.pipeline.writing.groundwork.find_references", lambda *arguments: {})
    assert len(reference) < 0.9 * len(pack(tree, tmp_path / "b.ucz", level=4)[1])


def test_every_file_needs_no_more_blocks_than_it_may(tmp_path, reference):
    (tmp_path / "a.ucz").write_bytes(reference)
    with Archive(tmp_path / "a.ucz") as archive:
        for entry in archive.entries():
            if entry.kind is EntryKind.FILE:
                with Archive(tmp_path / "a.ucz") as fresh:
                    fresh.read(entry.path)
                    assert fresh.blocks_decoded <= blocks_bound(entry.size)


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_do_not_change_the_bytes(tree, tmp_path, reference, threads):
    assert pack(tree, tmp_path / "a.ucz", level=4, threads=threads)[1] == reference


def test_the_memory_limit_does_not_change_the_bytes(tree, tmp_path, reference):
    # This process may hold more than a usual limit already.
    limit = resident_bytes() // MIB + 110
    assert pack(tree, tmp_path / "a.ucz", level=4, threads=4, memory=limit)[1] == reference


def test_other_processes_give_the_same_bytes(tree, tmp_path, reference):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert pack(tree, tmp_path / "a.ucz", level=4, executor=executor)[1] == reference


@pytest.mark.parametrize("stop", range(1, 20, 3))
def test_stopped_after_any_block_it_goes_on_to_the_same_bytes(tree, tmp_path, reference, monkeypatch, stop):
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=4, threads=2)
    job = PipelineOrchestrator(config)
    append = Assembly._append

    def stopping(self, writer, block):
        if block.number == stop:
            job.guard.request(signal.SIGTERM)
        return append(self, writer, block)

    monkeypatch.setattr(Assembly, "_append", stopping)
    with pytest.raises(InterruptedJobError):
        job.run()
    monkeypatch.setattr(Assembly, "_append", append)
    result = PipelineOrchestrator(config).run()
    assert result.statistics.blocks_resumed > stop
    assert (tmp_path / "a.ucz").read_bytes() == reference


def plan_of(needed, blocks):
    """A plan of blocks of a byte, and of contents that need some of them each."""
    counts = [len(numbers) for numbers in needed]
    return Plan(
        run_content=np.zeros(blocks, np.uint32),
        run_offset=np.arange(blocks, dtype=np.int64),
        run_length=np.ones(blocks, np.uint32),
        run_check=np.zeros(blocks, np.uint64),
        block_start=np.arange(blocks + 1, dtype=np.uint32),
        extent_block=np.array([number for numbers in needed for number in numbers], np.int32),
        extent_offset=np.zeros(sum(counts), np.uint32),
        extent_length=np.ones(sum(counts), np.int64),
        extent_start=np.concatenate(([0], np.cumsum(counts))),
    )


@pytest.mark.parametrize(
    "references",
    [{3: 5}, {3: 3}, {5: 3, 3: 1}, {9: 1}, {4: 1}, {65_600: 2}],
    ids=["a later block", "itself", "a chain", "no block", "more blocks than a file may need", "too far"],
)
def test_stored_references_that_cannot_be_are_not_taken(references):
    plan = plan_of([[4, 5, 6]], 65_601 if 65_600 in references else 9)
    assert unpack_references(pack_references(references), plan, 6) is None
    assert unpack_references(pack_references(references)[:-1], plan, 6) is None


def test_stored_references_come_back():
    plan = plan_of([[1, 3], [4, 1, 1]], 9)
    for references in ({}, {3: 1, 4: 1, 8: 0}):
        assert unpack_references(pack_references(references), plan, 6) == references
    assert unpack_references(pack_references({3: 1}) * 2, plan, 6) is None
    assert unpack_references(pack_references({3: 1}), plan, 7) is None


def test_levels_with_blocks_for_quick_readers_have_no_references(tree, tmp_path):
    pack(tree, tmp_path / "a.ucz", level=3)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.statistics.references == 0


def test_a_file_that_changes_in_a_reference_costs_nothing_but_itself(tree, tmp_path, monkeypatch):
    changing = tmp_path / "tree"
    for path in sorted(tree.rglob("*.txt")):
        target = changing / path.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    task = Assembly._task
    changed = victim(changing)

    def late(self, writer, referred_to, number, needed):
        if number == 0:
            changed.write_bytes(b"other bytes by now")
        return task(self, writer, referred_to, number, needed)

    monkeypatch.setattr(Assembly, "_task", late)
    monkeypatch.setattr(RunContext, "hold_contents", lambda *_: None)
    pack(changing, tmp_path / "a.ucz", level=4)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        archive.extract(tmp_path / "out")
    for path in changing.rglob("*.txt"):
        assert (tmp_path / "out" / path.relative_to(tmp_path)).read_bytes() == path.read_bytes()
