"""Files that change while a tree is analyzed: what comes out is what a fresh run would have packed."""

import os
import random

import pytest

from support import fill_codebase, tree_facts
from tests.pipeline.runs import configuration, pack
from ucompress.archive import Archive
from ucompress.files import look_at_files
from ucompress.pipeline.analysis import closer, mining, samples
from ucompress.pipeline.analysis.analyzer import ParallelAnalyzer
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.placing import planning
from ucompress.pipeline.reading import spans
from ucompress.pipeline.running import context
from ucompress.pipeline.running.context import RunContext
from ucompress.pipeline.survey import Survey
from ucompress.pipeline.writing import groundwork
from ucompress.progress import PipelinePhase

PHASES = {
    "analysis": (Survey, "analyze"),
    "patterns": (Survey, "find_patterns"),
    "growing": (mining, "grow"),
    "counting": (mining, "PatternTally"),
    "planning": (groundwork, "lay_groundwork"),
    "dictionary": (groundwork, "_make_dictionary"),
    "assembling": (groundwork, "assemble"),
}
"""Names behind which a phase begins."""


READ = ("counting", "planning", "dictionary")
"""Those of them that read files where contents are not held in memory."""


def sample_closely(monkeypatch):
    """The tree is one of those that are sampled once more."""
    monkeypatch.setattr(samples, "SAMPLES", 1 << 12)
    monkeypatch.setattr(closer, "CLOSEST_SHIFT", 4)


@pytest.fixture(
    params=[
        *((phase, "held") for phase in PHASES),
        *((phase, how) for phase in READ for how in ("spilled", "read")),
        ("planning", "sampled again"),
    ],
    ids="-".join,
)
def before(request, monkeypatch):
    """Do something once before a phase begins, while contents are held, spilled or read each time."""
    phase, how = request.param
    if how == "spilled":
        monkeypatch.setattr(context, "MOST_HELD", 0)
    elif how != "held":
        monkeypatch.setattr(RunContext, "hold_contents", lambda *_: None)
    if how == "sampled again":
        sample_closely(monkeypatch)

    def prepare(action):
        owner, name = PHASES[phase]
        original = getattr(owner, name)
        pending = [action]

        def disturbed(*arguments, **options):
            if pending:
                pending.pop()()
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, disturbed)

    return prepare


@pytest.fixture
def tree(tmp_path):
    """A tree with a dictionary, of which every file has a part in it."""
    fill_codebase(tmp_path / "tree", 160, 5000)
    return tmp_path / "tree"


def victims(tree):
    return sorted(path for path in tree.rglob("*") if path.is_file())[7:140:11]


def unpacked(archive_path, folder):
    with Archive(archive_path) as archive:
        assert archive.verify().ok
        archive.extract(folder)
    return folder / "tree"


def test_files_that_change_are_packed_as_they_are_now(tree, tmp_path, before):
    def change():
        for number, path in enumerate(victims(tree)):
            content = path.read_bytes()
            path.write_bytes((content[::-1], content[:100], b"", content[:50] + b"x" * 9000)[number % 4])

    before(change)
    result, data = pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=4)
    assert result.exit_code == 0
    assert tree_facts(tree) == tree_facts(unpacked(tmp_path / "a.ucz", tmp_path / "out"))
    assert data == pack(tree, tmp_path / "b.ucz", level=4)[1]
    assert data == pack(tree, tmp_path / "c.ucz", database=tmp_path / "p.db", level=4)[1]


@pytest.mark.parametrize("how", ["held", "spilled", "read"])
@pytest.mark.parametrize("moment", ["while it is read", "afterwards"])
@pytest.mark.parametrize("name", ["only", "first-of-two", "second-of-two"])
def test_a_file_that_changes_as_it_is_read_is_packed_as_it_is_then(
    tree, tmp_path, monkeypatch, name, moment, how
):
    if how == "spilled":
        monkeypatch.setattr(context, "MOST_HELD", 0)
    elif how == "read":
        monkeypatch.setattr(RunContext, "hold_contents", lambda *_: None)
    path, content = tree / name, random.Random(4).randbytes(3000)
    for other in {name, *(("first-of-two", "second-of-two") if name != "only" else ())}:
        (tree / other).write_bytes(content)
    read, changed = spans.read_and_look, []

    def reading(rows):
        found, seen = read(rows)
        paths = [row[0] for row in rows]
        if not changed and os.fsencode(path) in paths:
            changed.append(path.write_bytes(content[::-1]))
            os.utime(path, ns=(0, 1_700_000_000_000_000_000))
            if moment == "while it is read":
                seen = look_at_files(paths)
        return found, seen

    monkeypatch.setattr(spans, "read_and_look", reading)
    result, data = pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=4)
    assert changed
    assert result.exit_code == 0
    assert tree_facts(tree) == tree_facts(unpacked(tmp_path / "a.ucz", tmp_path / "out"))
    assert data == pack(tree, tmp_path / "b.ucz", level=4)[1]
    assert data == pack(tree, tmp_path / "c.ucz", database=tmp_path / "p.db", level=4)[1]


def test_files_that_vanish_are_reported_and_the_rest_is_packed(tree, tmp_path, before):
    names = sorted(os.fsencode(path.relative_to(tmp_path)) for path in victims(tree))

    def remove():
        for number, path in enumerate(victims(tree)):
            path.unlink()
            if number % 4 == 1 and hasattr(os, "mkfifo"):
                os.mkfifo(path)
            elif number % 4 == 2:
                path.mkdir()
            elif number % 4 == 3:
                path.symlink_to("nowhere")

    before(remove)
    result, _ = pack(tree, tmp_path / "a.ucz", level=4)
    assert result.exit_code == 3
    assert sorted(path for path, _ in result.unreadable) == [
        os.fsencode(tmp_path) + b"/" + name for name in names
    ]
    for path in tree.rglob("*"):
        if os.fsencode(path.relative_to(tmp_path)) in names:
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert tree_facts(tree, times=False) == tree_facts(
        unpacked(tmp_path / "a.ucz", tmp_path / "out"), times=False
    )


def test_a_twin_keeps_what_a_changed_file_had(tree, tmp_path, before):
    path = victims(tree)[0]
    content = path.read_bytes()
    (tree / "zzz-twin").write_bytes(content)
    before(lambda: path.write_bytes(content[::-1]))
    result, _ = pack(tree, tmp_path / "a.ucz", level=4)
    assert result.exit_code == 0
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/zzz-twin") == content
        assert archive.read(os.fsdecode(path.relative_to(tmp_path))) in (content, content[::-1])


def test_the_other_names_of_a_file_keep_its_content(tree, tmp_path, before):
    path = victims(tree)[0]
    content = path.read_bytes()
    for name in ("zzz-b", "zzz-a"):
        os.link(path, tree / name)
    before(path.unlink)
    result, _ = pack(tree, tmp_path / "a.ucz", level=4)
    primary = os.fsdecode(path.relative_to(tmp_path))
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/zzz-a") == archive.read("tree/zzz-b") == content
        assert (primary in archive) == (not result.unreadable)
        archive.extract(tmp_path / "out")
    assert os.path.samefile(tmp_path / "out/tree/zzz-a", tmp_path / "out/tree/zzz-b")


def test_a_large_file_that_changes_before_planning(tmp_path, before):
    chance = random.Random(2)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/large").write_bytes(chance.randbytes(5 << 20))
    (tmp_path / "tree/text").write_bytes(b"some text, some more of it\n" * 500)

    def change():
        with (tmp_path / "tree/large").open("r+b") as file:
            file.seek(4_500_000)
            file.write(b"other")

    before(change)
    pack(tmp_path / "tree", tmp_path / "a.ucz", level=1)
    assert tree_facts(tmp_path / "tree") == tree_facts(unpacked(tmp_path / "a.ucz", tmp_path / "out"))


@pytest.fixture(params=["planned", "sampled again"])
def restless(request, tree, monkeypatch):
    """(a file that changes in every round between analysis and planning, all that it ever held)."""
    if request.param == "sampled again":
        sample_closely(monkeypatch)
    path = victims(tree)[0]
    held = [path.read_bytes()]
    original = groundwork.lay_groundwork

    def changing(*arguments, **options):
        held.append(random.randbytes(3000))
        path.write_bytes(held[-1])
        return original(*arguments, **options)

    monkeypatch.setattr(groundwork, "lay_groundwork", changing)
    return path, held


def test_a_file_that_never_holds_still_is_packed_as_it_was_analyzed(tree, tmp_path, restless):
    path, held = restless
    result, _ = pack(tree, tmp_path / "a.ucz", level=4)
    assert result.unreadable == ()
    (warning,) = result.warnings
    assert warning == f"{path} changed while it was packed; stored as it was before"
    with Archive(tmp_path / "a.ucz") as archive:
        found = archive.read(os.fsdecode(path.relative_to(tmp_path)))
        assert found in held
        archive.extract(tmp_path / "out")
    path.write_bytes(found)
    assert tree_facts(tree, times=False) == tree_facts(tmp_path / "out" / "tree", times=False)


def test_one_that_cannot_be_held_is_packed_as_it_is_found_last(tree, tmp_path, monkeypatch, restless):
    monkeypatch.setattr(RunContext, "hold_contents", lambda *_: None)
    path, _ = restless
    result, _ = pack(tree, tmp_path / "a.ucz", level=4)
    assert result.unreadable == ()
    assert result.warnings == (f"{path} changed while it was packed; stored as it was found last",)
    assert tree_facts(tree) == tree_facts(unpacked(tmp_path / "a.ucz", tmp_path / "out"))


def test_a_log_that_is_being_written_is_packed(tree, tmp_path, monkeypatch):
    log = tree / "log"
    log.write_bytes(b"begun\n")
    original = ParallelAnalyzer.analyze_manifest

    def writing(*arguments, **options):
        with log.open("ab") as file:
            file.write(b"one more line\n")
        return original(*arguments, **options)

    monkeypatch.setattr(ParallelAnalyzer, "analyze_manifest", writing)
    result, _ = pack(tree, tmp_path / "a.ucz", level=4)
    assert result.exit_code == 0
    with Archive(tmp_path / "a.ucz") as archive:
        assert log.read_bytes().startswith(archive.read("tree/log"))
        assert len(archive.read("tree/log")) > len(b"begun\n")


def test_a_change_that_leaves_no_trace_in_the_stamp_is_met_and_read_again(tree, tmp_path, monkeypatch):
    path = victims(tree)[0]
    pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=4)
    original = groundwork.lay_groundwork

    def unseen(*arguments, **options):
        status = path.stat()
        path.write_bytes(path.read_bytes()[::-1])
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        monkeypatch.setattr(groundwork, "lay_groundwork", original)
        return original(*arguments, **options)

    monkeypatch.setattr(groundwork, "lay_groundwork", unseen)
    _, data = pack(tree, tmp_path / "a.ucz", database=":memory:", level=4)
    assert data == pack(tree, tmp_path / "b.ucz", level=4)[1]


def test_an_analysis_copes_with_changes_too(tree, tmp_path, monkeypatch):
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db")
    path = victims(tree)[0]
    original = mining.grow

    def disturbed(*arguments, **options):
        path.unlink(missing_ok=True)
        return original(*arguments, **options)

    monkeypatch.setattr(mining, "grow", disturbed)
    job = PipelineOrchestrator(config)
    found = job.analyze()
    assert [found for found, _ in job.unreadable] == [os.fsencode(path)]
    again = PipelineOrchestrator(config).analyze()
    assert [(e.pattern, e.frequency) for e in found] == [(e.pattern, e.frequency) for e in again]


@pytest.mark.parametrize("held", ["held", "spilled", ""])
def test_twins_of_a_file_that_never_holds_still_are_packed(tmp_path, monkeypatch, held):
    tree = tmp_path / "tree"
    fill_codebase(tree, 3, 3000)
    content = b"state: 0, and some words beside it\n" * 4
    for name in ("a", "b", "c"):
        (tree / name).write_bytes(content)
        os.utime(tree / name, (1e9, 1e9))
    original = ParallelAnalyzer.analyze_manifest

    def toggling(*arguments, **options):
        (tree / "a").write_bytes(content)
        found = original(*arguments, **options)
        (tree / "a").write_bytes(content[::-1])
        return found

    monkeypatch.setattr(ParallelAnalyzer, "analyze_manifest", toggling)
    if held == "spilled":
        monkeypatch.setattr(context, "MOST_HELD", 0)
    elif not held:
        monkeypatch.setattr(RunContext, "hold_contents", lambda *_: None)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert result.unreadable == ()
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("tree/b") == archive.read("tree/c") == content
        assert archive.read("tree/a") == (content if held else content[::-1])


def test_the_phase_shown_goes_back_with_the_work(tree, tmp_path, monkeypatch):
    config = configuration(tree, tmp_path / "a.ucz", level=1, threads=1)
    job = PipelineOrchestrator(config)
    shown = []
    plan, analyzed = planning.make_plan, Survey.analyze

    def changing(*arguments, **options):
        if len(shown) == 1:
            victims(tree)[0].write_bytes(b"changed")
        shown.append(job.reporter.current_state.phase)
        return plan(*arguments, **options)

    def analyze(*arguments, **options):
        found = analyzed(*arguments, **options)
        shown.append(job.reporter.current_state.phase)
        return found

    monkeypatch.setattr(planning, "make_plan", changing)
    monkeypatch.setattr(Survey, "analyze", analyze)
    job.run()
    assert shown == [PipelinePhase.ANALYZING_PATTERNS, PipelinePhase.BUILDING_DICTIONARY] * 2
