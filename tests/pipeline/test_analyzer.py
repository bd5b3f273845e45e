"""The analyzer by itself: patterns of some files, one file, and what it tells of its work."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import fill_codebase
from tests.pipeline.runs import configuration
from ucompress.checksum import digest
from ucompress.database import PatternDatabase
from ucompress.errors import InputError
from ucompress.patterns import count_patterns
from ucompress.pipeline.analysis import analyzer as analyzers
from ucompress.pipeline.analysis import finding, samples
from ucompress.pipeline.analysis.analyses import CacheNames
from ucompress.pipeline.analysis.analyzer import ParallelAnalyzer
from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.progress import PipelinePhase, ProgressReporter
from ucompress.scan import MemberKind, scan

LINE = b"def main(arguments): return 0  # what every file has\n"


@pytest.fixture
def analyzer():
    with ThreadPoolExecutor(2) as pool, PatternDatabase(":memory:") as database:
        yield ParallelAnalyzer(16, 3, database, ProgressReporter(), ParallelFileProcessor(pool))


def write(path, data):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def overlapping(text, pattern):
    return sum(text.startswith(pattern, at) for at in range(len(text)))


def test_files_of_one_name_are_files_of_their_own(tmp_path, analyzer):
    texts = {
        write(tmp_path / folder / "x.py", LINE * 3 + folder.encode() * 40): LINE * 3 + folder.encode() * 40
        for folder in ("a", "b", "c")
    }
    empty = write(tmp_path / "c" / "empty", b"")
    found = analyzer.analyze_files([*texts, empty, tmp_path / "a" / "x.py"])
    assert any(LINE[:40] in entry.pattern for entry in found)
    for entry in found:
        assert entry.frequency == sum(overlapping(text, entry.pattern) for text in texts.values())
        assert entry.file_count == sum(entry.pattern in text for text in texts.values())
    assert sorted(analyzer.database.get_frequent_patterns(0), key=lambda entry: entry.pattern) == sorted(
        found, key=lambda entry: entry.pattern
    )
    state = analyzer.progress_reporter.current_state
    assert state.phase is PipelinePhase.ANALYZING_PATTERNS
    assert (state.files_processed, state.total_files) == (4, 4)
    assert state.patterns_found == len(found) > 0


def test_a_file_that_cannot_be_read_is_told_and_left_out(tmp_path, analyzer):
    told = []
    analyzer.warn = lambda path, message: told.append((path, message))
    there = write(tmp_path / "there", LINE * 5)
    missing = tmp_path / "missing"
    found = analyzer.analyze_files([missing, there])
    assert told == [(str(missing).encode(), "No such file or directory")]
    assert found
    assert all(entry.file_count == 1 for entry in found)


def test_a_file_that_changes_meanwhile_is_an_error_of_ours(tmp_path, analyzer, monkeypatch):
    path = write(tmp_path / "changing", LINE * 5)
    mine = analyzers.mine_patterns

    def late(*arguments, **options):
        path.write_bytes(LINE[::-1] * 5)
        return mine(*arguments, **options)

    monkeypatch.setattr(analyzers, "mine_patterns", late)
    with pytest.raises(InputError, match="changed"):
        analyzer.analyze_files([path])
    assert analyzer.database.pattern_count() == 0


def test_one_file(tmp_path, analyzer):
    data = LINE * 30
    found = analyzer.analyze_single_file(write(tmp_path / "one", data))
    assert found.digest == digest(data)
    assert found.kind_class == 0
    expected = count_patterns(data, 16, threshold=samples.threshold(samples.DENSEST_SHIFT))
    assert samples.hashes(found.sample).tolist() == expected["hash"].tolist()
    with pytest.raises(FileNotFoundError):
        analyzer.analyze_single_file(tmp_path / "none")


def test_frequencies_merge_in_any_order(tmp_path, analyzer):
    packed = [
        analyzer.analyze_single_file(write(tmp_path / str(number), LINE * number)).sample
        for number in range(1, 6)
    ]
    merged = analyzer.merge_pattern_frequencies(packed, samples.DENSEST_SHIFT)
    again = analyzer.merge_pattern_frequencies(reversed(packed), samples.DENSEST_SHIFT)
    assert merged.tolist() == again.tolist()
    assert merged["documents"].max() == 5


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A job on a small tree, and every update it will give."""
    fill_codebase(tmp_path / "tree", 120, 20000)
    job = PipelineOrchestrator(configuration(tmp_path / "tree", tmp_path / "a.ucz", level=3))
    updates = []
    take = job.reporter.update

    def update(update):
        updates.append(update)
        take(update)

    monkeypatch.setattr(job.reporter, "update", update)
    monkeypatch.setattr("ucompress.pipeline.running.tracker.SHOW_SECONDS", 0.0)
    monkeypatch.setattr("ucompress.pipeline.analysis.file_processor.CHUNK_BYTES", 50000)
    return job, updates


def test_all_passes_count_as_work_of_the_phase(tmp_path, watched):
    job, updates = watched
    found = len(job.analyze())
    analyzing = [update for update in updates if update.phase is PipelinePhase.ANALYZING_PATTERNS]
    size = sum(path.stat().st_size for path in (tmp_path / "tree").rglob("*") if path.is_file())
    assert analyzing[0].total_bytes == 2 * size
    last = analyzing[-1]
    assert last.bytes_processed == last.total_bytes > size
    # Patterns are shown while they are counted.
    first = next(update for update in analyzing if update.patterns_found)
    assert first.bytes_processed < last.bytes_processed
    assert last.patterns_found == found


def test_work_on_the_dictionary_is_told_up_to_its_end(watched):
    job, updates = watched
    result = job.run()
    building = [update for update in updates if update.phase is PipelinePhase.BUILDING_DICTIONARY]
    done = [update.bytes_processed for update in building]
    assert done == sorted(done)
    assert building[-1].bytes_processed == building[-1].total_bytes
    # Planned, offered, and then at least one size was tried.
    planned, unique = result.statistics.original_bytes, result.statistics.unique_bytes
    assert result.statistics.dictionary_bytes
    assert done[-1] > planned // 2 + unique
    assert len({amount for amount in done if amount > planned + unique // 2}) > 2


@pytest.mark.parametrize(
    "spelling", ["t", "./t", "t/", "t//", "../{here}/t", "x/../t", ".", "t/a/f", "{absolute}/t"]
)
def test_the_cache_knows_a_file_by_its_absolute_name_however_the_input_is_spelled(
    tmp_path, monkeypatch, spelling
):
    fill_codebase(tmp_path / "t", 3, 500)
    (tmp_path / "t" / "a").mkdir()
    (tmp_path / "t" / "a" / "f").write_bytes(b"x")
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path)
    manifest = scan([spelling.format(here=tmp_path.name, absolute=tmp_path)])
    names = CacheNames(manifest)
    files = [index for index, kind in enumerate(manifest.kinds) if kind == MemberKind.FILE]
    assert files
    for index in files:
        source = manifest.source(index)
        assert names(index, source)[0] == os.path.abspath(source)


def test_a_file_is_known_to_a_later_run_from_another_folder(analyzer, tmp_path, monkeypatch):
    fill_codebase(tmp_path / "t", 3, 500)
    monkeypatch.chdir(tmp_path)
    assert analyzer.database.cache.knows_no_file()
    first = analyzer.analyze_manifest(scan(["t"]))
    assert not analyzer.database.cache.knows_no_file()
    monkeypatch.setattr(finding, "analyze_content", lambda *_: pytest.fail("read again"))
    monkeypatch.chdir(tmp_path / "t")
    again = analyzer.analyze_manifest(scan([tmp_path / "t"]))
    assert list(again.samples) == list(first.samples)
    assert len(first.samples) == len(again.contents) > 0
