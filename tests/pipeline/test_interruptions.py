"""Interrupts and kills at any moment, what resumes after them, and runs that meet each other."""

import errno
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from support import fill_codebase
from tests.pipeline.runs import between_plan_and_coding, command, configuration, pack, run, victim
from ucompress.archive import ArchiveWriter
from ucompress.archive.writing.partial import writing_to
from ucompress.database import PatternDatabase, last_job
from ucompress.database.jobs import JobStore
from ucompress.errors import (
    CheckpointSaveError,
    DatabaseError,
    InterruptedJobError,
    JobBusyError,
    MemoryLimitExceededError,
    OutputError,
    ResumeFailedError,
)
from ucompress.pipeline.orchestrator import PipelineOrchestrator
from ucompress.pipeline.running.tracker import RunTracker
from ucompress.pipeline.writing import naming, packing
from ucompress.pipeline.writing.assembly import Assembly
from ucompress.pipeline.writing.coding import code_block
from ucompress.progress import PipelinePhase, PipelineState


@pytest.fixture
def tree(tmp_path):
    fill_codebase(tmp_path / "tree", 60, 5000)
    return tmp_path / "tree"


def test_a_stop_request_saves_a_checkpoint_and_the_next_run_goes_on(tree, tmp_path, monkeypatch):
    reference = pack(tree, tmp_path / "r.ucz")[1]
    job = PipelineOrchestrator(configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db"))
    between_plan_and_coding(monkeypatch, lambda: job.guard.request(signal.SIGTERM))
    with pytest.raises(InterruptedJobError, match="ucompress resume") as caught:
        job.run()
    assert caught.value.signal_number == signal.SIGTERM
    assert not (tmp_path / "a.ucz").exists()
    monkeypatch.undo()
    result = PipelineOrchestrator(
        configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db")
    ).resume_from_checkpoint()
    assert result.archive.read_bytes() == reference


def test_a_stop_request_before_anything_is_known_says_so(tree, tmp_path):
    job = PipelineOrchestrator(configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db"))
    job.guard.request(signal.SIGINT)
    with pytest.raises(InterruptedJobError, match="same command again"):
        job.run()


@pytest.mark.parametrize("resume", [True, False])
def test_a_full_disk_is_told_with_what_stays_on_it_and_the_next_run_goes_on(
    tree, tmp_path, monkeypatch, resume
):
    output, partial = tmp_path / "a.ucz", tmp_path / ".a.ucz.partial"
    reference = pack(tree, tmp_path / "r.ucz")[1]

    def full(writer, *_, **__):
        writer.sync()
        with writing_to(writer._path):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ArchiveWriter, "finish", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        pack(tree, output, database=tmp_path / "p.db", resume=resume)
    (note,) = caught.value.__notes__
    assert f"{partial} keeps what was written, {partial.stat().st_size / 2**20:.1f} MiB" in note
    assert ("without --no-resume" in note) == (not resume)
    with pytest.raises(OutputError) as caught:
        pack(tree, tmp_path / "b.ucz")
    assert not hasattr(caught.value, "__notes__"), "without a database nothing stays"
    monkeypatch.undo()
    assert pack(tree, output, database=tmp_path / "p.db")[1] == reference


def interrupt_before_coding(config, monkeypatch):
    """Run a job that is interrupted once everything is planned; returns its orchestrator."""
    job = PipelineOrchestrator(config)
    with monkeypatch.context() as patch:
        between_plan_and_coding(patch, lambda: job.guard.request(signal.SIGINT))
        with pytest.raises(InterruptedJobError):
            job.run()
    return job


def test_an_analysis_leaves_an_interrupted_job_alone(tree, tmp_path, monkeypatch):
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db")
    interrupt_before_coding(config, monkeypatch)
    pointer = last_job()
    assert PipelineOrchestrator(replace(config, inputs=(tree.parent,))).analyze()
    assert last_job() == pointer
    assert PipelineOrchestrator(config).resume_from_checkpoint().archive.exists()


def test_a_refused_resume_leaves_the_job_as_it_was(tree, tmp_path, monkeypatch):
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db")
    interrupt_before_coding(config, monkeypatch)
    progress = {"type": "progress", "phase": "compressing", "files_processed": 12}
    with PatternDatabase(tmp_path / "p.db") as database:
        number = database.jobs.open(database.jobs.latest().key, {"as": "it was"})
        database.jobs.set_progress(number, progress)
        database.jobs.interrupt(number)
        before = database.jobs.latest()
    tight = replace(config, pipeline=replace(config.pipeline, memory_limit_mb=1))
    with pytest.raises(MemoryLimitExceededError):
        PipelineOrchestrator(tight).resume_from_checkpoint()
    with PatternDatabase(tmp_path / "p.db") as database:
        assert (database.jobs.latest(), database.jobs.progress()) == (before, progress)
    with monkeypatch.context() as patch:  # enough to analyze, too little to code
        patch.setattr(packing, "coding_memory", lambda *_: (1 << 40, 0))
        with pytest.raises(MemoryLimitExceededError):
            PipelineOrchestrator(config).resume_from_checkpoint()
    with PatternDatabase(tmp_path / "p.db") as database:
        assert database.jobs.latest().state is before.state
        assert database.jobs.progress() == progress
    assert PipelineOrchestrator(config).resume_from_checkpoint().archive.exists()


def test_a_refused_job_is_not_remembered(tree, tmp_path):
    tight = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", memory=1)
    with pytest.raises(MemoryLimitExceededError):
        PipelineOrchestrator(tight).run()
    assert last_job() is None
    with PatternDatabase(tmp_path / "p.db") as database:
        assert database.jobs.latest() is None


def test_nothing_to_resume_is_said(tree, tmp_path):
    job = PipelineOrchestrator(configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db"))
    with pytest.raises(ResumeFailedError, match="no interrupted run"):
        job.resume_from_checkpoint()


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """A tree of several blocks, and its archive's bytes."""
    folder = tmp_path_factory.mktemp("larger")
    fill_codebase(folder / "tree", 300, 30_000)
    return folder / "tree", pack(folder / "tree", folder / "r.ucz")[1]


def stop_while_coding(config, blocks):
    """Run a job until so many blocks are coded."""
    job = PipelineOrchestrator(config)
    original = Assembly._append
    with pytest.MonkeyPatch.context() as patch:

        def counted(assembly, writer, block):
            row = original(assembly, writer, block)
            if writer.blocks == blocks:
                job.guard.request(signal.SIGTERM)
            return row

        patch.setattr(Assembly, "_append", counted)
        with pytest.raises(InterruptedJobError):
            job.run()


def test_coded_blocks_are_named_while_the_next_one_takes_its_time(larger, tmp_path, monkeypatch):
    tree, _ = larger
    reference = pack(tree, tmp_path / "r.ucz", level=1)[1]
    database, seen = tmp_path / "p.db", []

    def named():
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute("SELECT number FROM blocks ORDER BY number").fetchall()

    def slow(coding, task):
        block = code_block(coding, task)
        last = time.monotonic() + 30
        while task.number == 2 and len(seen) < 2 and time.monotonic() < last:
            monkeypatch.setattr(naming, "SYNC_SECONDS", 0)
            seen[:] = named()
            time.sleep(0.05)
        return block

    monkeypatch.setattr(naming, "SYNC_SECONDS", 1e9)
    monkeypatch.setattr(naming, "SYNC_SHARE", 1e9)
    monkeypatch.setattr("ucompress.pipeline.writing.assembly.code_block", slow)
    assert pack(tree, tmp_path / "a.ucz", database=database, level=1)[1] == reference
    assert seen == [(0,), (1,)]


@pytest.mark.parametrize("where", ["header", "head", "first", "middle", "last", "cut", "other"])
def test_a_partial_file_that_is_damaged_between_two_runs_ends_in_the_same_bytes(tmp_path, where):
    tree = tmp_path / "tree"
    fill_codebase(tree, 3, 3000)
    for number in range(7):
        (tree / f"noise{number}").write_bytes(random.Random(number).randbytes(900_000))
    reference = pack(tree, tmp_path / "r.ucz", level=1)[1]
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", threads=1, level=1)
    stop_while_coding(config, 4)
    partial = tmp_path / ".a.ucz.partial"
    with PatternDatabase(tmp_path / "p.db") as database:
        rows = database.jobs.blocks(database.jobs.latest().id)
    assert len(rows) >= 4
    content = bytearray(partial.read_bytes())
    block = rows[{"first": 0, "middle": 2}.get(where, -1)]
    at = {"header": 20, "head": rows[0].offset - 9}.get(where, block.offset + 60)
    content[at] ^= 0x10
    if where == "cut":
        del content[at:]
    elif where == "other":
        content[:] = reference[:1000] + bytes(len(content) - 1000)
    partial.write_bytes(content)
    result = PipelineOrchestrator(config).run()
    assert (tmp_path / "a.ucz").read_bytes() == reference
    assert any("coded again" in warning for warning in result.warnings)
    sound = {"first": 0, "middle": 2, "last": len(rows) - 1, "cut": len(rows) - 1}.get(where, 0)
    assert result.statistics.blocks_resumed == sound


def test_killed_at_random_instants_it_resumes_to_the_same_bytes(larger, tmp_path):
    tree, reference = larger
    chance = random.Random(int.from_bytes(reference[-16:-8], "little"))
    arguments = ("compress", tree, "-o", tmp_path / "a.ucz", "--database", tmp_path / "p.db", "-q")
    kills = 0
    for _ in range(6):
        child = subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL)
        try:
            child.wait(chance.uniform(0.2, 4.0))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            kills += 1
            # The name is free, or it was given just before the kill, to a complete archive.
            assert not (tmp_path / "a.ucz").exists() or (tmp_path / "a.ucz").read_bytes() == reference
            continue
        break
    if child.returncode != 0:
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.ucz").read_bytes() == reference
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ucz", "p.db"]


def test_a_signal_ends_the_command_with_its_code_and_tells_how_to_go_on(larger, tmp_path):
    tree, reference = larger
    arguments = ("compress", tree, "-o", tmp_path / "a.ucz", "--database", tmp_path / "p.db")
    child = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True)
    while not (tmp_path / ".a.ucz.partial").exists() and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=60)
    if child.returncode == 0:  # it was quicker than the signal
        return
    assert child.returncode == 130, stderr
    assert "ucompress resume" in stderr
    resumed = run("resume", "--database", tmp_path / "p.db")
    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "a.ucz").read_bytes() == reference


@pytest.mark.parametrize("again", ["compress", "resume"])
def test_a_changed_tree_is_packed_as_a_fresh_run_would(larger, tmp_path, again):
    fill_codebase(tmp_path / "tree", 100, 30_000)
    arguments = (
        "compress",
        tmp_path / "tree",
        "-o",
        tmp_path / "a.ucz",
        "--database",
        tmp_path / "p.db",
        "-q",
    )
    child = subprocess.Popen(command(*arguments))
    while not (tmp_path / ".a.ucz.partial").exists() and child.poll() is None:
        time.sleep(0.01)
    child.kill()
    child.wait()
    victim(tmp_path / "tree").write_bytes(b"changed meanwhile\n" * 100)
    if again == "resume":
        arguments = ("resume", "--database", tmp_path / "p.db")
    done = run(*arguments)
    assert done.returncode == 0
    assert (again == "compress") == ("inputs changed since the interrupted run" not in done.stderr)
    fresh = pack(tmp_path / "tree", tmp_path / "b.ucz")[1]
    assert (tmp_path / "a.ucz").read_bytes() == fresh


def test_a_job_that_is_running_is_not_resumed_beside_itself(tree, tmp_path, monkeypatch):
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db")
    seen = []

    def resume_beside():
        with pytest.raises(JobBusyError, match="this job") as caught:
            PipelineOrchestrator(config).resume_from_checkpoint()
        seen.append(caught.value.exit_code)

    between_plan_and_coding(monkeypatch, resume_beside)
    assert PipelineOrchestrator(config).run().archive.exists()
    assert seen == [17]


def test_two_jobs_do_not_write_one_output(tree, tmp_path, monkeypatch):
    def pack_beside():
        with (tmp_path / ".a.ucz.partial").open("w+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(JobBusyError, match="another process is writing"):
                pack(tree, tmp_path / "a.ucz")

    fcntl = pytest.importorskip("fcntl")
    pack_beside()
    assert pack(tree, tmp_path / "a.ucz")[0].exit_code == 0


@pytest.mark.parametrize("link", [True, False])
def test_what_stands_in_the_way_of_the_partial_file_is_left_alone(tree, tmp_path, link):
    precious = tmp_path / ("precious" if link else ".a.ucz.partial")
    precious.write_bytes(b"precious")
    if link:
        (tmp_path / ".a.ucz.partial").symlink_to(precious)
    with pytest.raises(OutputError):
        pack(tree, tmp_path / "a.ucz")
    assert precious.read_bytes() == b"precious"


def test_a_database_that_fails_after_the_archive_has_its_name_is_a_warning(tree, tmp_path, monkeypatch):
    def full(*_):
        raise DatabaseError("no space left")

    monkeypatch.setattr(JobStore, "finish", full)
    original = Assembly.publish

    def publish(assembly, writer):
        original(assembly, writer)
        assembly.context.tracker.save_with(lambda state: full())

    monkeypatch.setattr(Assembly, "publish", publish)
    result, data = pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    assert data == (tmp_path / "a.ucz").read_bytes()
    assert result.exit_code == 0
    assert len([warning for warning in result.warnings if "the archive is complete" in warning]) == 3
    monkeypatch.undo()
    again, _ = pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    assert again.statistics.blocks_resumed == again.statistics.blocks


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
@pytest.mark.parametrize("what", ["intact", "replaced", "gone"])
def test_a_kill_right_after_the_archive_has_its_name_costs_nothing(tree, tmp_path, what):
    reference = pack(tree, tmp_path / "r.ucz", level=1)[1]
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    script = (
        "import os, sys\n"
        "from tests.pipeline.runs import configuration\n"
        "from ucompress.pipeline import orchestrator\n"
        "orchestrator.summarize = lambda *_, **__: os.kill(os.getpid(), 9)\n"
        "orchestrator.PipelineOrchestrator(\n"
        "    configuration(*sys.argv[1:3], database=sys.argv[3], level=1)).run()\n"
    )
    arguments = [str(tree), str(tmp_path / "a.ucz"), str(tmp_path / "p.db")]
    root = Path(__file__).parents[2]
    died = subprocess.run([sys.executable, "-c", script, *arguments], cwd=root, timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert (tmp_path / "a.ucz").read_bytes() == reference
    found = (tmp_path / "a.ucz").stat()
    if what == "replaced":
        (tmp_path / "a.ucz").write_bytes(reference[:-1] + b"?")
    elif what == "gone":
        (tmp_path / "a.ucz").unlink()
    result = PipelineOrchestrator(config).run()
    assert (tmp_path / "a.ucz").read_bytes() == reference
    blocks = result.statistics.blocks
    assert result.statistics.blocks_resumed == (blocks if what == "intact" else 0)
    assert result.statistics.archive_bytes == len(reference)
    left = (tmp_path / "a.ucz").stat()  # the number of a file that is gone may be given again
    same = (left.st_ino, left.st_mtime_ns) == (found.st_ino, found.st_mtime_ns)
    assert same == (what == "intact")
    assert not (tmp_path / ".a.ucz.partial").exists()


def test_what_no_database_can_resume_leaves_no_partial_archive(tree, tmp_path, monkeypatch):
    job = PipelineOrchestrator(configuration(tree, tmp_path / "a.ucz", level=1))
    original = Assembly.write_blocks

    def stopped(*arguments):
        job.guard.request(signal.SIGINT)
        return original(*arguments)

    monkeypatch.setattr(Assembly, "write_blocks", stopped)
    with pytest.raises(InterruptedJobError, match="nothing was kept"):
        job.run()
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_a_checkpoint_that_cannot_be_saved_is_not_told_to_be(tree, tmp_path, monkeypatch):
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    job = PipelineOrchestrator(config)

    def full(*_):
        raise CheckpointSaveError("no space left")

    original = Assembly.write_blocks

    def stopped(*arguments):
        monkeypatch.setattr(RunTracker, "checkpoint", full)
        job.guard.request(signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr(Assembly, "write_blocks", stopped)
    with pytest.raises(InterruptedJobError, match=r"could not be saved .*no space left") as caught:
        job.run()
    assert caught.value.signal_number == signal.SIGTERM
    assert "Run the same command again" in str(caught.value)
    assert "is saved" not in str(caught.value)
    monkeypatch.undo()
    assert job.run().archive.exists()


def test_a_refused_run_writes_nothing_into_a_busy_database(tree, tmp_path):
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    state = PipelineState(PipelinePhase.COMPRESSING, 5, 9, 1)
    with PatternDatabase(tmp_path / "p.db") as database:
        number = database.jobs.open(b"another", {}, remember=False)
        database.save_checkpoint(state, number)
        with pytest.raises(JobBusyError):
            PipelineOrchestrator(config).run()
        assert database.load_checkpoint() == state


def test_each_phase_ends_with_a_checkpoint(tree, tmp_path, monkeypatch):
    saved = []
    original = PatternDatabase.save_checkpoint

    def save(database, state, job=None):
        saved.append((state.phase, job))
        return original(database, state, job)

    monkeypatch.setattr(PatternDatabase, "save_checkpoint", save)
    pack(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    assert [phase for phase, _ in saved] == list(PipelinePhase)
    assert None not in [job for _, job in saved]


def test_a_run_that_goes_on_tells_where_it_stood(tree, tmp_path, monkeypatch):
    class Recorder:
        messages: ClassVar[list[str]] = []

        def message(self, notice):
            self.messages.append(notice.message)

        def __getattr__(self, name):
            return lambda *_: None

    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    job = PipelineOrchestrator(config)
    with monkeypatch.context() as patch:
        between_plan_and_coding(patch, lambda: job.guard.request(signal.SIGTERM))
        with pytest.raises(InterruptedJobError):
            job.run()
    PipelineOrchestrator(config, renderer=Recorder()).run()
    assert [text for text in Recorder.messages if "interrupted run, which stood at compressing" in text]


def test_one_orchestrator_runs_again_and_again(tree, tmp_path, monkeypatch):
    reference = pack(tree, tmp_path / "r.ucz", level=1)[1]
    config = configuration(tree, tmp_path / "a.ucz", database=tmp_path / "p.db", level=1)
    job = interrupt_before_coding(config, monkeypatch)
    seconds = sum(job.resume_from_checkpoint().statistics.phase_seconds.values())
    assert (tmp_path / "a.ucz").read_bytes() == reference
    before = time.monotonic()
    again = job.run()
    assert sum(again.statistics.phase_seconds.values()) <= time.monotonic() - before
    assert seconds > 0
    assert (tmp_path / "a.ucz").read_bytes() == reference
