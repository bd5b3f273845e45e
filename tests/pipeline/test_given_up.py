"""A tree that is edited in place all the time: packing it ends, and every file is in a state that it had."""

import os
import random
import threading

import pytest

from support import fill_codebase, tree_facts
from tests.pipeline.runs import between_plan_and_coding, configuration, pack, tell_reads, victim
from ucompress.archive import Archive
from ucompress.checksum import digest
from ucompress.pipeline import survey
from ucompress.pipeline.analysis.analyzed_bytes import AnalyzedBytes
from ucompress.pipeline.analysis.analyzer import ParallelAnalyzer
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.placing.plan import Content, plan_archive
from ucompress.pipeline.reading.contents import ContentReader, ContentsChangedError, GivenUp
from ucompress.pipeline.reading.distinct import Contents, DistinctContent
from ucompress.pipeline.reading.held import HeldContents
from ucompress.pipeline.running import context
from ucompress.pipeline.survey import Survey
from ucompress.pipeline.writing import groundwork
from ucompress.pipeline.writing.coding import read_runs, runs_of


@pytest.fixture
def tree(tmp_path):
    fill_codebase(tmp_path / "tree", 160, 5000)
    return tmp_path / "tree"


@pytest.fixture
def rounds(monkeypatch):
    """One entry for each time that the tree is analyzed."""
    found = []
    analyze = Survey.analyze

    def counting(*arguments, **options):
        found.append(None)
        return analyze(*arguments, **options)

    monkeypatch.setattr(Survey, "analyze", counting)
    return found


def shown(path, tmp_path):
    return os.fsdecode(path.relative_to(tmp_path))


def overwrite(path, old, restored):
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"edited")
    if restored:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return b"edited" + old[6:]


def truncate(path, old, restored):
    os.truncate(path, len(old) // 2)
    return old[: len(old) // 2]


def exchange(path, old, restored):
    """Another, longer file that begins like the one before takes its place."""
    other = path.with_name("exchanged")
    other.write_bytes(old + b"the rest")
    other.replace(path)
    return old + b"the rest"


@pytest.mark.parametrize("level", [1, 4])
@pytest.mark.parametrize("held", [True, False], ids=["held", "read"])
@pytest.mark.parametrize(
    ("edit", "restored"),
    [(overwrite, False), (overwrite, True), (truncate, False), (exchange, False)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_files_that_are_edited_once_each_are_all_packed(
    tree, tmp_path, monkeypatch, rounds, level, held, edit, restored
):
    if not held:
        monkeypatch.setattr(context, "MOST_HELD", 0)
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    states = {path: [path.read_bytes()] for path in files}
    pending = random.Random(3).sample(files, len(files))
    editing = threading.Lock()

    def edit_one(rows):
        """One more file is edited whenever some are read."""
        with editing:
            if pending:
                path = pending.pop()
                states[path].append(edit(path, states[path][0], restored))

    tell_reads(monkeypatch, edit_one)
    result, _ = pack(tree, tmp_path / "a.ucz", level=level, chunk_size=8)
    assert len(pending) < len(files) - 20
    assert len(rounds) <= survey.MOST_ATTEMPTS
    if edit is overwrite:
        assert len(rounds) <= survey.ATTEMPTS
    assert result.unreadable == ()
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        assert [path for path in files if archive.read(shown(path, tmp_path)) not in states[path]] == []
        told = {warning.partition(" changed while it was packed; ")[0] for warning in result.warnings}
        assert told <= {str(path) for path in files if len(states[path]) > 1}


def restless(monkeypatch, change):
    """Do something in every round between analysis and groundwork."""
    lay = groundwork.lay_groundwork

    def changing(*arguments, **options):
        change()
        return lay(*arguments, **options)

    monkeypatch.setattr(groundwork, "lay_groundwork", changing)


def test_nothing_made_of_what_was_given_up_is_kept(tree, tmp_path, monkeypatch, rounds):
    monkeypatch.setattr(context, "MOST_HELD", 0)
    path = sorted(path for path in tree.rglob("*") if path.is_file())[7]
    states = [bytes([number]) + random.Random(number).randbytes(3000) for number in range(survey.ATTEMPTS)]
    pending = states[::-1]
    with monkeypatch.context() as patch:
        restless(patch, lambda: path.write_bytes(pending.pop()))
        pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=4, checkpoint=0.001)
    assert (len(rounds), pending) == (survey.ATTEMPTS, [])
    path.write_bytes(states[-2])  # what was analyzed in the last round
    again = pack(tree, tmp_path / "b.ucz", database=tmp_path / "p.db", level=4)[1]
    assert again == pack(tree, tmp_path / "c.ucz", level=4)[1]


@pytest.mark.parametrize("restored", [True, False])
def test_a_large_file_that_changes_halfway(tmp_path, monkeypatch, restored):
    """Its plan is of bytes that it never had; a copy of its first half is whole, and so is the file."""
    monkeypatch.setattr(context, "MOST_HELD", 0)
    monkeypatch.setattr(survey, "ATTEMPTS", 1)
    tree = tmp_path / "tree"
    tree.mkdir()
    content = random.Random(4).randbytes(9 << 20)
    (tree / "a").write_bytes(content)
    (tree / "b").write_bytes(content[: 5 << 20] + b"and some of its own")
    walked = AnalyzedBytes.__call__
    pending = [b"other"]

    def changing(analyzed, number, offset, length):
        data = walked(analyzed, number, offset, length)
        if pending and len(data) > 1 << 20:
            with (tree / "a").open("r+b") as file:
                file.seek(8 << 20)
                file.write(pending.pop())
        return data

    monkeypatch.setattr(AnalyzedBytes, "__call__", changing)
    if restored:
        between_plan_and_coding(monkeypatch, lambda: (tree / "a").write_bytes(content))
    job = PipelineOrchestrator(configuration(tree, tmp_path / "a.ucz", level=1, threads=1))
    result = job.run()
    assert (pending, result.unreadable) == ([], ())
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        archive.extract(tmp_path / "out")
    assert tree_facts(tree) == tree_facts(tmp_path / "out" / "tree")


def test_a_file_that_is_as_it_was_again_is_not_taken_for_its_plan(tree, tmp_path, monkeypatch):
    """It was planned as zeros, for it was too short then."""
    monkeypatch.setattr(context, "MOST_HELD", 0)
    monkeypatch.setattr(survey, "ATTEMPTS", 1)
    path = tree / "short for a while"
    content = random.Random(6).randbytes(60_000)
    path.write_bytes(content)
    restless(monkeypatch, lambda: os.truncate(path, 9))
    between_plan_and_coding(monkeypatch, lambda: path.write_bytes(content))
    result, _ = pack(tree, tmp_path / "a.ucz", level=1, threads=1)
    assert result.unreadable == ()
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        assert archive.read(shown(path, tmp_path)) == content


def test_runs_of_what_was_given_up_are_nowhere():
    data = b"some text of its own\n" * 40
    content = DistinctContent(0, b"file", len(data), digest(data), 0, [b"file"], 1)
    plan = plan_archive([Content(0, b"file", len(data))], lambda _, offset, length: data[offset:][:length])
    held = HeldContents(1 << 20)
    held.keep(digest(data), data)
    assert read_runs(runs_of(plan, Contents.of([content]), 0), held) == [data]
    assert read_runs(runs_of(plan, Contents.of([content]), 0, {0}), held) == [None]


@pytest.fixture
def flickering(tree, monkeypatch):
    """A file, and what sets something to be done to it before each analysis; afterwards it is as it was."""
    path, analyze = tree / "restless", ParallelAnalyzer.analyze_manifest
    path.write_bytes(b"a line of it\n" * 90)

    def prepare(action):
        def disturbed(*arguments, **options):
            action(path)
            found = analyze(*arguments, **options)
            path.write_bytes(b"a line of it\n" * 90)
            return found

        monkeypatch.setattr(ParallelAnalyzer, "analyze_manifest", disturbed)
        return path

    return prepare


@pytest.mark.parametrize("size", [5, 0])
def test_a_file_that_is_shorter_whenever_it_is_read_is_packed_like_that(tmp_path, flickering, rounds, size):
    path = flickering(lambda path: os.truncate(path, size))
    result, _ = pack(path.parent, tmp_path / "a.ucz", level=1)
    assert (result.unreadable, len(rounds)) == ((), survey.ATTEMPTS)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        assert archive.read(shown(path, tmp_path)) == b"a line"[:size]


def test_a_file_that_is_gone_whenever_it_is_read_is_reported(tmp_path, flickering, rounds):
    path = flickering(lambda path: path.unlink())
    result, _ = pack(path.parent, tmp_path / "a.ucz", level=1)
    assert [found for found, _ in result.unreadable] == [os.fsencode(path)]
    assert len(rounds) == survey.MOST_ATTEMPTS


@pytest.fixture
def walk(tmp_path, monkeypatch):
    """(bytes of a content of three windows, its file, what makes a walk over it where it is held, or not)."""
    data, path = random.Random(5).randbytes(3000), tmp_path / "file"
    path.write_bytes(data)
    content = DistinctContent(0, b"file", len(data), digest(data), 0, [os.fsencode(path)], 1)
    opened = []

    def walker(held, *, allowed):
        analysis = type("Analysis", (), {"contents": Contents.of([content])})
        reader = ContentReader([content], held, GivenUp(allowed=allowed))
        opened.append(reader)
        return AnalyzedBytes(analysis, reader)

    yield data, path, walker
    for reader in opened:
        reader.close()


def exchange_at_each_read(path, monkeypatch, most):
    """Another file of its own length takes the place of one whenever that is about to be read."""
    states = [path.read_bytes()]

    def exchanging(rows):
        if any(row[0] == os.fsencode(path) for row in rows) and len(states) <= most:
            states.append(bytes(str(len(states)), "ascii") + random.Random(len(states)).randbytes(1000))
            states[-1] = states[-1] * len(states)
            path.with_name("next").write_bytes(states[-1])
            path.with_name("next").replace(path)

    tell_reads(monkeypatch, exchanging)
    return states


@pytest.mark.parametrize("level", [1, 4])
def test_a_file_that_is_exchanged_a_few_times_is_packed_whole(tree, tmp_path, monkeypatch, level):
    states = exchange_at_each_read(victim(tree), monkeypatch, survey.ATTEMPTS)
    result, _ = pack(tree, tmp_path / "a.ucz", level=level)
    assert (len(states), result.unreadable) == (survey.ATTEMPTS + 1, ())
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read(shown(victim(tree), tmp_path)) == states[-1]


@pytest.mark.parametrize("level", [1, 4])
def test_a_file_that_is_exchanged_whenever_it_is_read_is_named(tree, tmp_path, monkeypatch, level):
    path = victim(tree)
    exchange_at_each_read(path, monkeypatch, 1000)
    result, _ = pack(tree, tmp_path / "a.ucz", level=level)
    ((named, message),) = result.unreadable
    assert os.fsencode(named) == os.fsencode(path)
    assert "exchanged each time" in message
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        assert shown(path, tmp_path) not in list(archive)


@pytest.mark.parametrize("level", [1, 4])
def test_a_log_that_grows_whenever_it_is_read_is_packed(tree, tmp_path, monkeypatch, level):
    path, states = victim(tree), [victim(tree).read_bytes()]

    def growing(rows):
        if any(row[0] == os.fsencode(path) for row in rows):
            states.append(states[-1] + b"one line more\n")
            path.write_bytes(states[-1])

    tell_reads(monkeypatch, growing)
    result, _ = pack(tree, tmp_path / "a.ucz", level=level)
    assert len(states) > survey.ATTEMPTS
    assert result.unreadable == ()
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read(shown(path, tmp_path)) in states


def test_windows_that_were_walked_are_given_again_or_not_at_all(walk):
    data, path, walker = walk
    windows = [(0, at, 1000) for at in (0, 1000, 2000)]
    expected = [data[at : at + 1000] for _, at, _ in windows]
    for held in (HeldContents(), HeldContents(1 << 20)):
        held.keep(digest(data), data)
        read = walker(held, allowed=True)
        assert [read(*window) for window in windows] == expected
        held.allow(0)
        assert [read.again(*window) for window in windows] == expected
        path.write_bytes(data[:1500] + bytes(1500))
        assert read.again(*windows[2]) is None
        path.write_bytes(data)
        assert read.again(*windows[0]) is None, "one window is gone: no other is to be relied on"


def test_a_walk_over_other_bytes_is_told_at_its_end(walk):
    data, path, walker = walk
    windows = [(0, at, 1000) for at in (0, 1000, 2000)]
    path.write_bytes(b"other" + data[5:])
    strict = walker(None, allowed=False)
    strict(*windows[0]), strict(*windows[1])
    with pytest.raises(ContentsChangedError):
        strict(*windows[2])
    held = HeldContents(1 << 20)
    read = walker(held, allowed=True)
    assert read(*windows[0])[:5] == b"other"
    held.keep(digest(data), data)
    assert read.again(*windows[0]) is None, "now it is held, but it was walked with other bytes"
    assert [read(*window) for window in windows[1:]] == [data[1000:2000], data[2000:]]
    assert read.again(*windows[1]) is None


def test_what_gives_way_in_the_middle_of_a_walk_is_read_whole(walk):
    data, path, walker = walk
    held = HeldContents(1 << 20)
    held.keep(digest(data), data)
    read = walker(held, allowed=False)
    assert read(0, 0, 1000) == data[:1000]
    held.allow(0)
    assert read(0, 1000, 1000) == data[1000:2000]
    path.write_bytes(b"other" + data[5:])
    with pytest.raises(ContentsChangedError):
        read(0, 2000, 1000)


def test_bytes_that_no_source_has_are_zeros_where_contents_may_be_given_up(walk):
    data, path, _ = walk
    content = DistinctContent(0, b"file", len(data), digest(data), 0, [os.fsencode(path)], 1)
    path.write_bytes(data[:100])
    given_up = GivenUp(allowed=True)
    reader = ContentReader([content], None, given_up)
    assert reader.many([(0, 0, 100), (0, 50, 200)]) == [data[:100], bytes(200)]
    assert given_up.contents == {0}
    assert reader.many_checked([0]) == [bytes(len(data))]
    assert reader.many_matching([(0, 0, 10, 1)]) == [bytes(10)]
    reader.close()
