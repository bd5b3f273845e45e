"""Whole runs: what goes in comes out, and the bytes depend on the tree and the options alone."""

import os
import random
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from support import SANITIZED, create_difficult_tree, fill_codebase, tree_facts
from tests.pipeline.runs import configuration, pack, run
from ucompress.archive import Archive
from ucompress.config import MIB
from ucompress.database import PatternDatabase
from ucompress.errors import MemoryLimitExceededError, OutputError, UsageError
from ucompress.pipeline.analysis import analyzer
from ucompress.pipeline.jobs import refusals
from ucompress.pipeline.jobs.job import corpus_key
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.placing import plan, planning
from ucompress.pipeline.reading.distinct import Contents, DistinctContent
from ucompress.pipeline.running import context, memory
from ucompress.pipeline.running.executors import StoppedError
from ucompress.pipeline.running.memory import MemoryBudget
from ucompress.pipeline.survey import BYTES_EACH, Survey, analysis_memory
from ucompress.pipeline.writing import assembly, groundwork
from ucompress.pipeline.writing.coding import coding_memory, most_coding_memory
from ucompress.progress import PipelinePhase
from ucompress.scan import ahead, scan

LEVELS = range(1, 7)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("in") / "tree"
    fill_codebase(root, 150, 6000)
    return root


@pytest.fixture(scope="module")
def reference(tree, tmp_path_factory):
    """The archive's bytes at level 6, made with two threads and nothing else unusual."""
    return pack(tree, tmp_path_factory.mktemp("out") / "a.ucz", threads=2)[1]


@pytest.mark.parametrize("level", LEVELS)
def test_a_tree_comes_back(tree, tmp_path, level):
    result, data = pack(tree, tmp_path / "a.ucz", level=level)
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
        assert archive.verify().ok
    assert tree_facts(tree) == tree_facts(tmp_path / "out" / "tree")
    assert result.statistics.archive_bytes == len(data)
    assert result.statistics.original_bytes == sum(p.stat().st_size for p in tree.rglob("*") if p.is_file())
    assert result.exit_code == 0


@pytest.mark.parametrize("level", [3, 6])
def test_difficult_names_links_times_and_holes_come_back(tmp_path, level):
    root = create_difficult_tree(tmp_path / "tree")
    pack(root, tmp_path / "a.ucz", level=level)
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
    assert tree_facts(root) == tree_facts(tmp_path / "out" / "tree")


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_do_not_change_the_bytes(tree, tmp_path, reference, threads):
    assert pack(tree, tmp_path / "a.ucz", threads=threads)[1] == reference


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes more memory than the limits here")
def test_the_memory_limit_does_not_change_the_bytes(tree, tmp_path, reference):
    # In a process of its own: this one may hold more than the limit already.
    output = tmp_path / "a.ucz"
    done = run("compress", tree, "-o", output, "--memory-limit", "200", "--database", ":memory:")
    assert done.returncode == 0, done.stderr
    assert output.read_bytes() == reference


def test_windows_do_not_change_the_bytes(tree, tmp_path, reference):
    assert pack(tree, tmp_path / "a.ucz", memory_map_threshold=1000, chunk_size=3)[1] == reference


def test_other_processes_give_the_same_bytes(tree, tmp_path, reference):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert pack(tree, tmp_path / "a.ucz", executor=executor)[1] == reference


def test_a_database_from_before_does_not_change_the_bytes(tree, tmp_path, reference):
    database = tmp_path / "patterns.db"
    for _ in range(2):
        assert pack(tree, tmp_path / "a.ucz", database=database)[1] == reference


def test_a_damaged_database_is_moved_aside_and_does_not_change_the_bytes(tree, tmp_path, reference):
    database = tmp_path / "patterns.db"
    database.write_bytes(b"SQLite format 3\0" + b"no database" * 1000)
    result, data = pack(tree, tmp_path / "a.ucz", database=database)
    assert data == reference
    assert any("moved" in warning for warning in result.warnings)
    assert list(tmp_path.glob("patterns.db.corrupt*"))


def test_a_rerun_replaces_counts(tree, tmp_path):
    database = tmp_path / "patterns.db"
    seen = []
    for _ in range(2):
        pack(tree, tmp_path / "a.ucz", database=database)
        with PatternDatabase(database) as opened:
            seen.append([(e.pattern, e.frequency, e.file_count) for e in opened.top_patterns()])
    assert seen[0] == seen[1]
    assert seen[0]


def test_a_tree_that_goes_back_to_an_earlier_state_gets_its_counts_back(tmp_path):
    database = tmp_path / "patterns.db"
    seen = []
    for text in (b"alpha: common boilerplate, number one\n", b"beta: something else\n", None):
        for number in range(9):
            file = tmp_path / "tree" / str(number)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"%d\n" % number + (text or b"alpha: common boilerplate, number one\n") * 5)
        pack(tmp_path / "tree", tmp_path / "a.ucz", database=database)
        with PatternDatabase(database) as opened:
            seen.append([(e.pattern, e.frequency) for e in opened.top_patterns()])
    assert seen[0] == seen[2] != seen[1]


def test_the_rate_of_sampling_is_part_of_what_a_database_keeps(tree):
    contents = Contents.of([DistinctContent(0, b"a", 7, bytes(32), 0, [b"/a"], 1)])
    config = configuration(tree, "a.ucz")
    assert corpus_key(config, contents, 4, None) == corpus_key(config, contents, 4, None)
    assert corpus_key(config, contents, 4, None) != corpus_key(config, contents, 5, None)


def test_one_large_file_of_distinct_rows_is_packed(tmp_path):
    chance = random.Random(6)
    rows = b"".join(
        b"%d,%d,%s\n" % (i, chance.randrange(1 << 40), chance.randbytes(9).hex().encode())
        for i in range(300_000)
    )
    (tmp_path / "table.csv").write_bytes(rows)
    result, _ = pack(tmp_path / "table.csv", tmp_path / "a.ucz", level=1, database=tmp_path / "patterns.db")
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("table.csv") == rows
    assert not result.warnings


def test_counts_are_those_of_a_naive_recount(tree, tmp_path):
    database = tmp_path / "patterns.db"
    pack(tree, tmp_path / "a.ucz", database=database)
    texts = [path.read_bytes() for path in tree.rglob("*") if path.is_file()]
    with PatternDatabase(database) as opened:
        entries = opened.top_patterns(100)
    for entry in entries:
        assert entry.frequency == sum(overlapping(text, entry.pattern) for text in texts)
        assert entry.file_count == sum(entry.pattern in text for text in texts)


def overlapping(text, pattern):
    count, at = 0, text.find(pattern)
    while at >= 0:
        count, at = count + 1, text.find(pattern, at + 1)
    return count


def test_an_empty_folder_and_an_empty_file(tmp_path):
    (tmp_path / "tree" / "empty").mkdir(parents=True)
    (tmp_path / "tree" / "nothing").touch()
    pack(tmp_path / "tree", tmp_path / "a.ucz")
    with Archive(tmp_path / "a.ucz") as archive:
        assert sorted(archive) == ["tree", "tree/empty", "tree/nothing"]
        assert archive.read("tree/nothing") == b""


def test_a_single_file(tmp_path):
    (tmp_path / "one.txt").write_bytes(b"text " * 1000)
    pack(tmp_path / "one.txt", tmp_path / "a.ucz")
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.read("one.txt") == b"text " * 1000


def test_one_file_costs_only_its_blocks(tree, tmp_path):
    (tmp_path / "many").mkdir()
    fill_codebase(tmp_path / "many", 600, 16_000)
    _, data = pack(tmp_path / "many", tmp_path / "a.ucz", level=3)
    with Archive(tmp_path / "a.ucz") as archive:
        name = next(name for name in archive if archive.info(name).size > 5000)
        before = archive.blocks_decoded, archive.bytes_read
        archive.read(name)
        assert archive.blocks_decoded - before[0] <= 2 + -(-archive.info(name).size // (256 << 10))
        assert archive.bytes_read < len(data) // 2


def test_too_little_memory_is_refused_with_both_figures(tree, tmp_path):
    with pytest.raises(MemoryLimitExceededError) as caught:
        pack(tree, tmp_path / "a.ucz", memory=16)
    assert caught.value.limit_mb == 16
    assert caught.value.current_mb > 16
    assert f"{caught.value.current_mb}MB > 16MB" in str(caught.value)
    assert not (tmp_path / "a.ucz").exists()


def test_what_the_calling_program_holds_does_not_count_towards_the_limit(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "resident_bytes", lambda: 500 * MIB)
    assert pack(tree, tmp_path / "a.ucz", level=1, memory=250)[0].exit_code == 0
    with pytest.raises(MemoryLimitExceededError) as caught:
        pack(tree, tmp_path / "b.ucz", level=1, memory=100)
    assert caught.value.current_mb < 250
    assert "452 MB that it held before the run are not counted" in caught.value.__notes__


def test_a_limit_on_the_process_counts_what_it_holds_and_says_so(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "resident_bytes", lambda: 500 * MIB)
    config = configuration(tree, tmp_path / "a.ucz", level=1)
    limits = replace(config.pipeline, memory_limit_mb=400, limit_process=True)
    with pytest.raises(MemoryLimitExceededError) as caught:
        PipelineOrchestrator(replace(config, pipeline=limits)).run()
    assert caught.value.current_mb > 500
    assert "500 MB of memory are held by this process already" in caught.value.__notes__


def test_an_output_in_no_folder_is_refused(tree, tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        pack(tree, tmp_path / "none" / "a.ucz")


def test_an_output_that_is_a_folder_is_refused(tree, tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        pack(tree, tmp_path)


def test_nothing_is_left_beside_the_archive(tree, tmp_path):
    pack(tree, tmp_path / "a.ucz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.ucz"]


def test_the_output_and_the_database_are_not_packed(tmp_path):
    fill_codebase(tmp_path / "tree", 5, 1000)
    for _ in range(2):
        pack(tmp_path / "tree", tmp_path / "tree" / "a.ucz", database=tmp_path / "tree" / "p.db")
    with Archive(tmp_path / "tree" / "a.ucz") as archive:
        assert not [name for name in archive if name.endswith((".ucz", ".db", "-wal", "-shm", ".partial"))]


def test_what_stands_inside_its_own_input_gives_the_same_bytes_again(tmp_path):
    tree = tmp_path / "tree"
    fill_codebase(tree, 8, 1000)
    (tree / "state").mkdir()
    runs = [pack(tree, tree / "a.ucz", database=tree / "state" / "p.db", level=3)[1] for _ in range(3)]
    assert runs[0] == runs[1] == runs[2]
    (tree / "a.ucz").unlink()
    assert pack(tree, tree / "a.ucz", database=tree / "state" / "p.db", level=3)[1] == runs[0]
    with Archive(tree / "a.ucz") as archive:
        assert archive.info("tree").mtime_ns == max(path.stat().st_mtime_ns for path in tree.glob("package*"))
        assert archive.info("tree/state").mtime_ns == 0


@pytest.mark.parametrize("folder", ["/sys", "/proc"])
def test_an_output_where_no_file_can_be_made_is_refused_before_anything_is_read(tree, folder):
    if not os.path.isdir(folder):
        pytest.skip(f"no {folder}")
    with pytest.raises(OutputError, match=r"cannot be written .*nothing was read"):
        pack(tree, Path(folder) / "a.ucz")


def test_looking_whether_an_output_can_be_written_leaves_its_folder_as_it_was(tmp_path, monkeypatch):
    config = configuration(tmp_path, tmp_path / "a.ucz")
    os.utime(tmp_path, ns=(0, 0))
    for unnamed in (refusals._UNNAMED, 0):
        monkeypatch.setattr(refusals, "_UNNAMED", unnamed)
        refusals.refuse_impossible(config)
        assert tmp_path.stat().st_mtime_ns == 0
        assert not list(tmp_path.iterdir())


def test_what_is_read_whole_counts_towards_the_memory_limit(tmp_path):
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree" / "large").open("wb") as file:
        file.truncate(200 << 20)
    with pytest.raises(MemoryLimitExceededError) as caught:
        pack(tmp_path / "tree", tmp_path / "a.ucz", memory=256, memory_map_threshold=1 << 30)
    assert caught.value.current_mb > 200 + 80
    small = configuration(tmp_path / "tree", "a.ucz", memory_map_threshold=1000)
    assert analysis_memory(small, scan([tmp_path / "tree"]))[1] == BYTES_EACH


@pytest.mark.parametrize(
    ("cores", "fitting", "threads"),
    [(1, 9, [1, 1]), (3, 9, [1, 2, 3, 3]), (64, 9, [3, 4, 9]), (64, 2, [3, 2, 2])],
)
def test_the_dictionary_is_made_by_as_many_threads_as_fit(
    tree, tmp_path, monkeypatch, cores, fitting, threads
):
    made = []

    class Recorded(ThreadPoolExecutor):
        def __init__(self, workers, **options):
            made.append(workers)
            super().__init__(workers, **options)

    budget = MemoryBudget.threads
    for maker in (planning, groundwork):
        monkeypatch.setattr(maker, "ThreadPool", Recorded)
    monkeypatch.setattr(context, "available_cores", lambda: cores)
    monkeypatch.setattr(
        MemoryBudget, "threads", lambda *wanted, **needs: min(fitting, budget(*wanted, **needs))
    )
    pack(tree, tmp_path / "a.ucz", level=1)
    # That plan beside, where there is room; look at what is next; offer blocks; code pieces for the trials.
    assert made == threads


def test_files_to_come_are_asked_for_while_those_before_are_worked_on(tree, tmp_path, monkeypatch):
    """The first span is not done before files of a span behind it, which nobody has begun, were asked for."""
    begun, asked = set(), threading.Event()
    analyze = analyzer.analyze_span

    def ask(paths):
        if not begun.intersection(paths):
            asked.set()

    def waiting(span, *arguments, **options):
        begun.update(span.paths)
        assert asked.wait(60), "files behind have to be asked for meanwhile"
        return analyze(span, *arguments, **options)

    monkeypatch.setattr(ahead, "is_absent", lambda _: True)
    monkeypatch.setattr(ahead, "ask_for", ask)
    monkeypatch.setattr(analyzer, "analyze_span", waiting)
    pack(tree, tmp_path / "a.ucz", level=1, threads=2, chunk_size=10)


@pytest.mark.parametrize(
    ("lacking", "beside"),
    [((), {"sketch", "make_plan"}), (("PLANNING_BYTES",), {"sketch"}), (("SKETCHING_BYTES",), set())],
)
def test_what_is_made_while_patterns_are_counted_is_what_there_is_room_for(
    tree, tmp_path, monkeypatch, lacking, beside
):
    expected = pack(tree, tmp_path / "a.ucz", level=3, threads=1)[1]
    begun, counted, done_beside = threading.Semaphore(0), [], set()
    find_patterns = Survey.find_patterns

    def telling(name, function):
        def told(*arguments):
            begun.release()
            if not counted:
                done_beside.add(name)
            return function(*arguments)

        return told

    def waiting(*arguments):
        assert all(begun.acquire(timeout=60) for _ in beside), "it has to be begun meanwhile"
        counted.append(1)
        return find_patterns(*arguments)

    for name in ("sketch", "make_plan"):
        monkeypatch.setattr(planning, name, telling(name, getattr(planning, name)))
    for name in lacking:
        monkeypatch.setattr(planning, name, 1 << 40)
    monkeypatch.setattr(Survey, "find_patterns", waiting)
    assert pack(tree, tmp_path / "b.ucz", level=3, threads=2)[1] == expected
    assert done_beside == beside


def test_a_plan_that_is_not_wanted_any_more_is_given_up(tree, tmp_path, monkeypatch):
    begun, stopped = threading.Event(), []
    plan_contents = planning.plan_contents

    def planned(*arguments, progress, **options):
        begun.set()
        while not stopped:
            try:
                progress(0)
            except StoppedError:
                stopped.append(1)
                raise
        return plan_contents(*arguments, progress=progress, **options)

    def failing(*_):
        assert begun.wait(60), "planning has to be begun meanwhile"
        raise OSError("counting fails")

    monkeypatch.setattr(planning, "plan_contents", planned)
    monkeypatch.setattr(Survey, "find_patterns", failing)
    with pytest.raises(OSError, match="counting fails"):
        pack(tree, tmp_path / "a.ucz", level=3, threads=2)
    assert stopped


def test_what_is_planned_next_is_read_while_what_is_before_is_planned(tmp_path, monkeypatch):
    (tmp_path / "tree").mkdir()
    for number in range(8):
        (tmp_path / "tree" / f"{number}").write_bytes(random.Random(number).randbytes(700_000))
    expected = pack(tmp_path / "tree", tmp_path / "a.ucz", level=3, threads=1)[1]
    seen = threading.Semaphore(0)
    see, plan_whole = plan._Planner._see, plan._Planner._plan_whole

    def telling(planner, ranks):
        found = see(planner, ranks)
        seen.release()
        return found

    def waiting(planner, ranks, found):
        assert ranks.start or all(seen.acquire(timeout=60) for _ in range(2)), (
            "the next has to be read meanwhile"
        )
        return plan_whole(planner, ranks, found)

    monkeypatch.setattr(plan._Planner, "_see", telling)
    monkeypatch.setattr(plan._Planner, "_plan_whole", waiting)
    assert pack(tmp_path / "tree", tmp_path / "b.ucz", level=3, threads=2)[1] == expected


@pytest.mark.parametrize("level", [3, 6])
def test_blocks_are_coded_while_the_head_is_written(tree, tmp_path, monkeypatch, level):
    expected = pack(tree, tmp_path / "a.ucz", level=level, threads=1)[1]
    coded = threading.Event()
    code, write = assembly.code_block, assembly.Assembly.write_head

    def telling(*arguments):
        coded.set()
        return code(*arguments)

    def waiting(*arguments):
        assert coded.wait(60), "a block has to be coded meanwhile"
        write(*arguments)

    monkeypatch.setattr(assembly, "code_block", telling)
    monkeypatch.setattr(assembly.Assembly, "write_head", waiting)
    assert pack(tree, tmp_path / "b.ucz", level=level, threads=2)[1] == expected


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("empty", [False, True])
def test_a_head_that_cannot_be_written_is_told_and_leaves_nothing(
    tree, tmp_path, monkeypatch, threads, empty
):
    def full(*_):
        raise OutputError("no space left")

    (tmp_path / "nothing").mkdir()
    monkeypatch.setattr(assembly.Assembly, "write_head", full)
    with pytest.raises(OutputError, match="no space left"):
        pack(tmp_path / "nothing" if empty else tree, tmp_path / "a.ucz", level=3, threads=threads)
    assert [path.name for path in tmp_path.iterdir()] == ["nothing"]


def test_a_limit_too_small_for_coding_is_refused_before_anything_is_analyzed(tmp_path, monkeypatch):
    (tmp_path / "tree").mkdir()
    with (tmp_path / "tree" / "large").open("wb") as file:
        file.truncate(100 << 20)
    monkeypatch.setattr("ucompress.pipeline.running.memory.resident_bytes", lambda: 0)
    job = PipelineOrchestrator(configuration(tmp_path / "tree", tmp_path / "a.ucz", memory=195, level=9))
    with pytest.raises(MemoryLimitExceededError) as caught:
        job.run()
    assert PipelinePhase.ANALYZING_PATTERNS not in job.reporter.phase_seconds
    assert caught.value.current_mb == 294
    assert sum(most_coding_memory(9, [100 << 20], None)) == sum(coding_memory(9, 2 << 20, 1280 << 10))
    # Analysis alone has all it needs.
    analysis = PipelineOrchestrator(configuration(tmp_path / "tree", tmp_path / "a.ucz", memory=195, level=9))
    assert analysis.analyze() is not None


def test_what_coding_may_need_follows_level_tree_and_dictionary():
    most = most_coding_memory
    assert most(6, [], None) == most(6, [0], None) == most(6, [100], None) == coding_memory(6, 0, 1 << 20)
    assert most(3, [1 << 30], None) == coding_memory(3, 8 << 20, 2 << 20)
    assert most(6, [1 << 30], None) == coding_memory(6, 4 << 20, 2 << 20, 2 << 20)
    assert most(6, [1 << 20] * 1024, None) == coding_memory(6, 4 << 20, 1 << 20, 1 << 20)
    assert most(6, [1 << 20] * 9, bytes(2048)) == coding_memory(6, 2048, 1 << 20, 1 << 20)


@pytest.mark.parametrize("level", [1, 6, 8])
def test_a_tree_of_nothing_but_zeros_has_no_block_and_comes_back(tmp_path, level):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "hole").write_bytes(bytes(4096))
    (tree / "longer").write_bytes(bytes(1_000_000))
    (tree / "empty").touch()
    pack(tree, tmp_path / "a.ucz", level=level, recovery=10)
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        assert archive.statistics.blocks == 0
        archive.extract(tmp_path / "out")
    assert tree_facts(tmp_path / "out" / "tree") == tree_facts(tree)
