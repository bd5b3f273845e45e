"""Files that change after planning are stored again with what they share, and nothing more than once."""

import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest

from support import tree_facts
from tests.pipeline.runs import between_plan_and_coding, configuration, pack
from ucompress.archive import HOLE, Archive, Extent
from ucompress.errors import InterruptedJobError
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.placing.plan import Content, plan_archive
from ucompress.pipeline.running.context import RunContext
from ucompress.pipeline.running.tracker import RunTracker
from ucompress.pipeline.writing import errata
from ucompress.pipeline.writing.extras import LostBytes
from ucompress.progress import PipelinePhase


@pytest.fixture(autouse=True)
def read_each_time(monkeypatch):
    """As where memory has no room: what is held is not read again, so that its changes are not met."""
    monkeypatch.setattr(RunContext, "hold_contents", lambda *_: None)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


def assert_holds(tree, archive_path, folder):
    """The archive unpacks to the tree as it is now."""
    with Archive(archive_path) as archive:
        assert archive.verify().ok
        archive.extract(folder)
    assert tree_facts(tree) == tree_facts(folder / "tree")


def change_first_byte(path):
    with path.open("r+b") as file:
        file.write(b"x")


def test_what_copies_share_with_a_changed_file_is_stored_again_once(root, tmp_path, monkeypatch):
    chance = random.Random(1)
    shared = chance.randbytes(60_000)
    for number in range(20):
        (root / f"{number:02}").write_bytes(shared + chance.randbytes(500))
    before = len(pack(root, tmp_path / "a.ucz", level=1)[1])
    between_plan_and_coding(monkeypatch, lambda: change_first_byte(root / "00"))
    _, data = pack(root, tmp_path / "b.ucz", level=1)
    assert_holds(root, tmp_path / "b.ucz", tmp_path / "out")
    assert len(data) < before + len(shared) + 4000


def test_files_that_are_rewritten_alike_are_stored_once(root, tmp_path, monkeypatch):
    chance = random.Random(2)
    old, new = chance.randbytes(60_000), chance.randbytes(60_000)
    for number in range(20):
        (root / f"{number:02}").write_bytes(old)

    def rewrite():
        for path in root.iterdir():
            path.write_bytes(new)

    between_plan_and_coding(monkeypatch, rewrite)
    _, data = pack(root, tmp_path / "a.ucz", level=1)
    assert_holds(root, tmp_path / "a.ucz", tmp_path / "out")
    assert len(data) < len(new) + 4000


def test_a_file_that_became_like_another_one_is_not_stored_again(root, tmp_path, monkeypatch):
    chance = random.Random(3)
    for name in "ab":
        (root / name).write_bytes(chance.randbytes(60_000))
    between_plan_and_coding(monkeypatch, lambda: (root / "a").write_bytes((root / "b").read_bytes()))
    _, data = pack(root, tmp_path / "a.ucz", level=1)
    assert_holds(root, tmp_path / "a.ucz", tmp_path / "out")
    assert len(data) < 60_000 + 4000


@pytest.mark.parametrize("size", [50_000, 3 << 20], ids=["read at once", "read twice"])
def test_a_file_that_keeps_changing_leaves_only_what_it_is_stored_as(root, tmp_path, monkeypatch, size):
    path = root / "a"
    path.write_bytes(random.randbytes(size))
    status = path.stat()
    times = iter(range(1, errata.ATTEMPTS))
    original = errata._File.chunks

    def chunks(file):
        yield from original(file)
        if (later := next(times, None)) is not None:
            path.write_bytes(random.randbytes(size))
            os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns + later))

    between_plan_and_coding(monkeypatch, lambda: path.write_bytes(random.randbytes(size)))
    monkeypatch.setattr(errata._File, "chunks", chunks)
    result, data = pack(root, tmp_path / "a.ucz", level=1)
    assert not result.unreadable
    assert_holds(root, tmp_path / "a.ucz", tmp_path / "out")
    assert len(data) < size + 4000


def test_twins_that_changed_too_are_not_stored_on_the_way_to_one_that_did_not(root, tmp_path, monkeypatch):
    chance = random.Random(4)
    shared = chance.randbytes(50_000)
    (root / "a").write_bytes(shared)
    longer = b"head" * 100 + shared + b"tail" * 100
    for name in ("b", "c", "d"):
        (root / name).write_bytes(longer)

    def disturb():
        (root / "a").write_bytes(b"gone")
        (root / "b").unlink()
        (root / "c").write_bytes(b"")

    between_plan_and_coding(monkeypatch, disturb)
    stored = []
    original = errata.Corrector._extents

    def extents(corrector, file, digest):
        stored.append(os.path.basename(file.source))
        return original(corrector, file, digest)

    monkeypatch.setattr(errata.Corrector, "_extents", extents)
    _, data = pack(root, tmp_path / "a.ucz", level=1)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/a") == b"gone"
        assert archive.read("tree/b") == archive.read("tree/d") == longer
        assert archive.read("tree/c") == b""
        assert archive.verify().ok
    assert stored == [b"a", b"d", b"c", b"d"]
    assert len(data) < len(shared) + 4000


def test_a_copy_that_would_need_too_many_blocks_is_stored_whole(root, tmp_path, monkeypatch):
    chance = random.Random(5)
    shared = chance.randbytes(50_000)
    (root / "a").write_bytes(shared)
    (root / "b").write_bytes(chance.randbytes(10_000) + shared)
    between_plan_and_coding(monkeypatch, lambda: change_first_byte(root / "a"))
    monkeypatch.setattr(errata, "blocks_bound", lambda size: 1)
    pack(root, tmp_path / "a.ucz", level=1)
    assert_holds(root, tmp_path / "a.ucz", tmp_path / "out")
    with Archive(tmp_path / "a.ucz") as archive:
        (entry,) = [entry for entry in archive.entries() if entry.path == b"tree/b"]
        assert len(entry.extents) == 1


def test_a_stop_request_while_files_are_stored_again_is_heard_within_a_file(root, tmp_path, monkeypatch):
    (root / "a").write_bytes(random.Random(7).randbytes(5 << 20))
    config = configuration(root, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    job = PipelineOrchestrator(config)
    read = []
    original = errata._File.chunks

    def chunks(file):
        for data in original(file):
            read.append(len(data))
            job.guard.request(signal.SIGTERM)
            yield data

    with monkeypatch.context() as patch:
        between_plan_and_coding(patch, lambda: change_first_byte(root / "a"))
        patch.setattr(errata._File, "chunks", chunks)
        with pytest.raises(InterruptedJobError, match="ucompress resume"):
            job.run()
    assert len(read) == 1
    assert PipelineOrchestrator(config).run().exit_code == 0
    assert_holds(root, tmp_path / "a.ucz", tmp_path / "out")


def test_what_is_stored_again_counts_as_work(root, tmp_path, monkeypatch):
    chance = random.Random(8)
    shared = chance.randbytes(50_000)
    for name in "abc":
        (root / name).write_bytes(shared + name.encode() * 5)
    shown = []
    original = RunTracker.advance

    def advance(tracker, **work):
        original(tracker, **work)
        if tracker.phase is PipelinePhase.COMPRESSING:
            shown.append((tracker.bytes, tracker.total_bytes, tracker.current))

    between_plan_and_coding(monkeypatch, lambda: change_first_byte(root / "a"))
    monkeypatch.setattr(RunTracker, "advance", advance)
    pack(root, tmp_path / "a.ucz", level=1)
    again = [(done, total, path) for done, total, path in shown if total > 3 * 50_015]
    assert {path for _, _, path in again} == {Path("tree/a"), Path("tree/b"), Path("tree/c")}
    assert [done for done, _, _ in again] == sorted(done for done, _, _ in again)
    assert again[-1][0] == again[-1][1]


@pytest.mark.parametrize("seed", range(30))
def test_mended_extents_lead_to_the_bytes_of_each_content(seed):
    chance = random.Random(seed)
    pieces = [chance.randbytes(chance.randrange(1500, 9000)) for _ in range(6)] + [bytes(9000)]
    bodies = [b"".join(chance.choices(pieces, k=chance.randrange(1, 9))) for _ in range(12)]
    contents = [Content(number, f"{number:02}".encode(), len(body)) for number, body in enumerate(bodies)]
    plan = plan_archive(contents, lambda at, offset, length: bodies[at][offset : offset + length])
    changed = set(chance.sample(range(len(bodies)), 3))
    blocks = []
    for block in plan.blocks:
        runs = [
            bytes([255]) * run.length
            if run.content in changed
            else bodies[run.content][run.offset : run.offset + run.length]
            for run in block
        ]
        blocks.append(b"".join(runs))

    def bytes_at(extents):
        parts = [
            bytes(length) if block == HOLE else blocks[block][offset : offset + length]
            for block, offset, length in extents
        ]
        return b"".join(parts)

    lost = LostBytes(plan, changed)
    damaged = {number for number, body in enumerate(bodies) if bytes_at(plan.extents[number]) != body}
    assert damaged == lost.owners()
    brought = 0
    for number, body in enumerate(bodies):
        planned = plan.extents[number]
        missing = lost.missing(planned)
        spans = [gap.span for gap in missing]
        assert spans == sorted(spans)
        for gap in missing:
            begin, end = gap.span
            middle = chance.randrange(begin, end)
            extents = []
            for part in (body[begin:middle], body[middle:end]):
                if part:
                    blocks.append(b"#" + part)
                    extents.append(Extent(len(blocks) - 1, 1, len(part)))
            lost.restore(gap, extents)
            brought += end - begin
        assert lost.missing(planned) == []
        assert bytes_at(lost.mended(planned)) == body
    runs = np.isin(plan.run_content, list(changed))
    assert brought == int(plan.run_length[runs].sum())


def test_extents_whose_bytes_are_missing_are_not_given_out():
    body = random.Random(6).randbytes(3000)
    plan = plan_archive([Content(0, b"a", 3000)], lambda _, offset, length: body[offset : offset + length])
    with pytest.raises(ValueError, match="still missing"):
        LostBytes(plan, {0}).mended(plan.extents[0])
