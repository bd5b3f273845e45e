"""Contents that stay in memory: a file is read once, and memory is given back in time."""

import contextlib
import os
import pickle
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from support import all_settled, fill_codebase, tree_facts
from tests.pipeline.runs import between_plan_and_coding, configuration, pack, tell_reads, victim
from ucompress.archive import Archive
from ucompress.checksum import digest, run_check
from ucompress.config import MIB
from ucompress.database import PatternDatabase, cache
from ucompress.pipeline.analysis.file_content import FileToRead
from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
from ucompress.pipeline.placing import planning
from ucompress.pipeline.reading.contents import ContentReader, ContentsChangedError
from ucompress.pipeline.reading.distinct import DistinctContent
from ucompress.pipeline.reading.held import KEEPING_BYTES, HeldContents
from ucompress.pipeline.running import context as pipeline_context
from ucompress.pipeline.running import memory
from ucompress.pipeline.running.context import RunContext
from ucompress.pipeline.running.interrupts import InterruptGuard
from ucompress.pipeline.running.memory import MemoryBudget
from ucompress.pipeline.running.tracker import RunTracker
from ucompress.pipeline.survey import Survey
from ucompress.progress import ProgressReporter


def filled(room, *contents):
    held = HeldContents(room)
    for data in contents:
        held.keep(digest(data), data)
    return held


def test_what_comes_first_stays_and_what_does_not_fit_is_not_kept():
    first, second, third = b"1" * 1000, b"2" * 1000, b"3" * 100
    room = 1100 + 2 * KEEPING_BYTES
    held = filled(room, first, first, second, third)
    assert [held.get(digest(data)) for data in (first, second, third)] == [first, None, third]
    assert held.size == room
    assert held.span(digest(first), 0, 1000) is first
    assert held.span(digest(third), 90, 10) == b"3" * 10
    assert held.span(digest(second), 0, 10) is None


def test_with_less_room_the_last_go():
    contents = [bytes([number]) * 1000 for number in range(4)]
    held = filled(1 << 20, *contents)
    held.allow(2 * (1000 + KEEPING_BYTES) + 5)
    assert [digest(data) in held for data in contents] == [True, True, False, False]
    held.keep(digest(contents[3]), contents[3])
    assert digest(contents[3]) not in held
    held.allow(-1)
    assert held.size == 0
    assert digest(contents[0]) not in held


def test_way_is_made_by_the_last_and_for_no_more_than_is_needed():
    contents = [bytes([number]) * 1000 for number in range(4)]
    held = filled(4 * (1000 + KEEPING_BYTES), *contents)
    held.make_way(1000 + KEEPING_BYTES + 1)
    assert [digest(data) in held for data in contents] == [True, True, False, False]
    held.make_way(1000)
    assert held.size == 2 * (1000 + KEEPING_BYTES)
    held.make_way(1 << 30)
    assert held.size == 0


def test_other_processes_get_none_of_it():
    other = pickle.loads(pickle.dumps(filled(1 << 20, b"content")))
    assert other.size == 0
    other.keep(digest(b"content"), b"content")
    assert digest(b"content") not in other


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "resident_bytes", lambda: 0)
    with PatternDatabase(Path(":memory:")) as database:
        reporter = ProgressReporter()
        yield RunContext(
            configuration(tmp_path, tmp_path / "a.ucz", threads=3),
            database,
            reporter,
            RunTracker(reporter, timedelta(seconds=1)),
            InterruptGuard(),
            MemoryBudget(200),
        )


def test_contents_are_held_in_what_phases_leave_and_give_way_to_threads(context):
    free = 200 * MIB - context.budget.held_bytes()
    context.hold_contents(free - 5 * MIB)
    for number in range(7):
        context.held.keep(bytes([number]) * 32, bytes(MIB - KEEPING_BYTES))
    assert context.held.size == 5 * MIB
    assert context.threads(shared=free - 11 * MIB, each=2 * MIB) == 3
    assert context.held.size == 5 * MIB
    assert context.threads(shared=free - 11 * MIB, each=3 * MIB) == 3
    assert context.held.size == 2 * MIB
    assert context.threads(shared=free - 11 * MIB, each=5 * MIB) == 2
    assert context.held.size == 0


@pytest.mark.parametrize(("resident", "goes_back"), [(187, False), (189, True)])
def test_freed_memory_goes_back_where_the_limit_is_near(context, monkeypatch, resident, goes_back):
    released = []
    monkeypatch.setattr(pipeline_context, "release_freed_memory", lambda: released.append(True))
    monkeypatch.setattr(memory, "resident_bytes", lambda: resident * MIB)
    context.let_go()
    assert bool(released) == goes_back
    context.budget = MemoryBudget(200, others=100 * MIB)
    released.clear()
    context.let_go()
    assert not released


def test_nothing_is_held_beside_an_executor_that_was_given(context):
    with ThreadPoolExecutor(1) as context.executor:
        context.hold_contents(0)
    context.held.keep(digest(b"content"), b"content")
    assert context.held.size == 0


def test_a_held_content_takes_the_place_of_its_file(tmp_path):
    contents = [b"small", bytes(2 * MIB), b"another"]
    paths = [os.fsencode(tmp_path / str(number)) for number in range(3)]
    for path, data in zip(paths, contents, strict=True):
        Path(os.fsdecode(path)).write_bytes(data)
    files = [
        FileToRead(path, len(data), digest=digest(data)) for path, data in zip(paths, contents, strict=True)
    ]
    held = HeldContents(1 << 30)
    with ThreadPoolExecutor(1) as pool:
        processor = ParallelFileProcessor(pool, held=held)
        for _ in range(2):
            found = list(processor.process_files(files))
            assert [b"".join(content.windows) for content in found] == contents
            assert [content.digest for content in found] == [digest(data) for data in contents]
            (tmp_path / "0").unlink(missing_ok=True)
            (tmp_path / "1").write_bytes(b"other")
    reader = ContentReader(
        [
            DistinctContent(number, path, len(data), digest(data), 0, [path], 1)
            for number, (path, data) in enumerate(zip(paths, contents, strict=True))
        ],
        held,
    )
    runs = [(number, 0, len(data), run_check(data)) for number, data in enumerate(contents)]
    assert reader.many_checked([0, 1, 2]) == reader.many_matching(runs) == contents
    assert reader.many([(1, 5, 9), (0, 1, 3)]) == [bytes(9), b"mal"]
    assert reader(0, 0, 5) == reader.checked(0) == b"small"
    held.allow(0)
    with pytest.raises(ContentsChangedError):
        reader.many_checked([0, 1, 2])
    reader.close()


def test_planned_runs_that_are_whole_contents_are_held_once_they_were_digested(tmp_path):
    whole, other, part = b"whole" * 100, b"other" * 100, b"part" * 100
    contents = []
    for number, (data, identity) in enumerate([(whole, whole), (other, b""), (part, part)]):
        (tmp_path / str(number)).write_bytes(data)
        source = os.fsencode(tmp_path / str(number))
        contents.append(DistinctContent(number, source, len(data), digest(identity), 0, [source], 1))
    held = HeldContents(1 << 20)
    reader = ContentReader(contents, held)
    runs = [(0, 0, 500, run_check(whole)), (1, 0, 500, run_check(other)), (2, 0, 40, run_check(part[:40]))]
    assert reader.many_matching(runs) == [whole, other, part[:40]]
    assert [content.digest in held for content in contents] == [True, False, False]
    with pytest.raises(ContentsChangedError):
        reader.many_matching([(2, 0, 400, 1)])
    assert held.get(digest(whole)) == whole
    reader.close()


@pytest.fixture
def tree(tmp_path):
    fill_codebase(tmp_path / "tree", 60, 5000)
    return tmp_path / "tree"


@pytest.fixture
def reads(monkeypatch):
    """How often each file was read, by its path, and how often as a whole, by (path, size)."""
    counted = Counter()

    def count(rows):
        counted.update({row[0] for row in rows})
        counted.update((path, size) for path, at, size in rows if (at, size) == (0, os.stat(path).st_size))

    tell_reads(monkeypatch, count)
    return counted


def test_a_file_is_read_once(tree, tmp_path, reads, monkeypatch):
    monkeypatch.setattr(cache, "settled", all_settled)
    pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=4)
    files = {key: times for key, times in reads.items() if isinstance(key, bytes)}
    assert set(files.values()) == {1}
    with contextlib.closing(sqlite3.connect(tmp_path / "p.db")) as database, database:
        assert database.execute("SELECT count(*) FROM processed_files").fetchone()[0] == len(files)
        database.execute("DELETE FROM artifacts")
    reads.clear()
    pack(tree, tmp_path / "b.ucz", database=tmp_path / "p.db", level=4)
    wholes = [times for key, times in reads.items() if isinstance(key, tuple)]
    assert len(wholes) == len(files)
    assert max(wholes) == 1, "analyzed before: read once, for patterns"


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"something else")])
def test_what_is_held_is_packed_as_it_was_analyzed(tree, tmp_path, monkeypatch, change):
    path = victim(tree)
    content = path.read_bytes()
    between_plan_and_coding(monkeypatch, lambda: change(path))
    result, _ = pack(tree, tmp_path / "a.ucz")
    assert (result.exit_code, result.warnings) == (0, ())
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read(os.fsencode(path.relative_to(tmp_path))) == content


def test_contents_that_give_way_before_coding_are_read_again(tree, tmp_path, reads, monkeypatch):
    held = pack(tree, tmp_path / "a.ucz", level=4)[1]
    reads.clear()
    settle = Survey.settle

    def settled(survey, prepare):
        try:
            return settle(survey, prepare)
        finally:
            survey.context.held.allow(survey.context.held.size // 2)

    monkeypatch.setattr(Survey, "settle", settled)
    assert pack(tree, tmp_path / "b.ucz", level=4)[1] == held
    assert {times for key, times in reads.items() if isinstance(key, bytes)} == {1, 2}


def test_the_same_archive_whether_contents_are_held_or_not(tree, tmp_path, reads, monkeypatch):
    held = pack(tree, tmp_path / "a.ucz", level=4)[1]
    reads.clear()
    monkeypatch.setattr(RunContext, "hold_contents", lambda *_: None)
    assert pack(tree, tmp_path / "b.ucz", level=4)[1] == held
    assert max(reads.values()) > 2


@pytest.mark.parametrize("touch", [lambda path: path.chmod(0o600), os.utime])
def test_a_file_that_was_touched_is_read_again_and_no_more(tree, tmp_path, monkeypatch, touch):
    path = tree / "touched"
    path.write_bytes(b"some text of its own\n" * 20)
    rounds = []
    analyzed, planned = Survey.analyze, planning.make_plan

    def analyze(*arguments, **options):
        rounds.append(1)
        return analyzed(*arguments, **options)

    def plan(*arguments, **options):
        touch(path)
        return planned(*arguments, **options)

    monkeypatch.setattr(Survey, "analyze", analyze)
    monkeypatch.setattr(planning, "make_plan", plan)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert (len(rounds), result.warnings) == (1, ())


def test_a_log_that_goes_on_growing_is_packed_as_it_was_analyzed(tree, tmp_path, monkeypatch):
    log = tree / "log"
    log.write_bytes(b"begun\n" * 10)
    planned = planning.make_plan

    def plan(*arguments, **options):
        with log.open("ab") as file:
            file.write(b"one more line\n")
        return planned(*arguments, **options)

    monkeypatch.setattr(planning, "make_plan", plan)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert result.exit_code == 0
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/log") == b"begun\n" * 10
        archive.extract(tmp_path / "out")
    log.write_bytes(b"begun\n" * 10)
    assert tree_facts(tree, times=False) == tree_facts(tmp_path / "out" / "tree", times=False)
