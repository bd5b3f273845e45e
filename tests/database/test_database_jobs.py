"""Jobs: leases, blocks, progress, checkpoints, the pointer; processes that live, die and are reborn."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.processes import Process
from ucompress.database import (
    BlockRow,
    JobState,
    LastJob,
    PatternDatabase,
    last_job,
    remember_job,
    state_folder,
    utc_now,
)
from ucompress.database import jobs as jobs_module
from ucompress.database import lease as lease_module
from ucompress.database.draft import PREFIX
from ucompress.database.jobs import JOBS_KEPT
from ucompress.database.lease import Lease, process_exists, process_start
from ucompress.errors import CheckpointSaveError, DatabaseError, JobBusyError
from ucompress.progress import PipelinePhase, PipelineState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucompress.database import JobRecord

HOLDER = """
database = PatternDatabase(sys.argv[1])
job = database.jobs.open(b"job", {"level": 6})
database.jobs.record_blocks(job, [BlockRow(0, 100, 10, 20, b"d" * 16)])
database.jobs.set_progress(job, {"type": "progress", "files_processed": 3})
database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, 3, 9, 1, Path("x")), job)
say("held")
if sys.stdin.readline().strip() == "close":
    database.close()
    say("closed")
    sys.stdin.readline()
"""


def block(number: int, offset: int, coded: int = 10) -> BlockRow:
    return BlockRow(number, offset, coded, 20, b"d" * 16)


def records(database: PatternDatabase) -> list[JobRecord]:
    """Every job, the one that last gave a sign of life first."""
    keys = database._connection.query("SELECT key FROM jobs ORDER BY updated_at DESC, id DESC")
    return [record for (key,) in keys if (record := database.jobs.find(key)) is not None]


def interrupted(database: PatternDatabase) -> list[JobRecord]:
    return [record for record in records(database) if record.state is JobState.INTERRUPTED]


def alter(path: Path, statement: str, values: tuple[object, ...] = ()) -> None:
    sql = sqlite3.connect(path, isolation_level=None)
    sql.execute(statement, values)
    sql.close()


# --- the life of a job -----------------------------------------------------------------------------


def test_a_job_runs_and_is_done(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        jobs = database.jobs
        job = jobs.open(b"key", {"output": "a.ucz", "inputs": ["x"]})
        record = jobs.find(b"key")
        assert record is not None
        assert (record.key, record.state, record.pid) == (b"key", JobState.RUNNING, os.getpid())
        assert record.description == {"output": "a.ucz", "inputs": ["x"]}
        jobs.record_blocks(job, [block(0, 100), block(1, 110)])
        jobs.record_blocks(job, [block(2, 120)])
        assert jobs.blocks(job) == [block(0, 100), block(1, 110), block(2, 120)]
        jobs.truncate_blocks(job, 1)
        assert jobs.blocks(job) == [block(0, 100)]
        assert interrupted(database) == []
        jobs.finish(job)
        done = jobs.find(b"key")
        assert done is not None
        assert (done.state, done.pid) == (JobState.DONE, None)
        assert jobs.blocks(job) == []
        assert jobs.find(b"other") is None


def test_an_interrupted_job_keeps_everything_and_is_taken_up(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        first = database.jobs.open(b"key", {})
        database.jobs.record_blocks(first, [block(0, 100)])
        database.jobs.interrupt(first)
        assert [record.id for record in interrupted(database)] == [first]
        again = database.jobs.open(b"key", {})
        assert again == first
        assert database.jobs.blocks(again) == [block(0, 100)]


def test_a_done_or_fresh_job_begins_anew(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        first = database.jobs.open(b"key", {"n": 1})
        database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING), first)
        database.jobs.set_progress(first, {"a": 1})
        database.jobs.finish(first)
        second = database.jobs.open(b"key", {"n": 2})
        assert second != first
        assert database.load_checkpoint(second) is None
        assert database.jobs.progress(second) is None
        database.jobs.record_blocks(second, [block(0, 100)])
        database.jobs.interrupt(second)
        third = database.jobs.open(b"key", {"n": 3}, fresh=True)
        assert database.jobs.blocks(third) == []
        record = database.jobs.find(b"key")
        assert record is not None
        assert record.description == {"n": 3}


def test_closing_the_database_interrupts_its_jobs(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        database.jobs.open(b"key", {})
    with PatternDatabase(tmp_path / "p.db", read_only=True) as database:
        assert [record.state for record in records(database)] == [JobState.INTERRUPTED]


def test_discarded_jobs_are_gone(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        job = database.jobs.open(b"key", {})
        database.jobs.record_blocks(job, [block(0, 100)])
        database.jobs.discard(job)
        assert records(database) == []
        assert database._connection.query("SELECT count(*) FROM blocks") == [(0,)]
        database.jobs.discard(job)
        database.jobs.open(b"key", {})


def test_old_jobs_are_forgotten(tmp_path: Path) -> None:
    with PatternDatabase(":memory:") as database:
        for number in range(JOBS_KEPT + 5):
            database.jobs.finish(database.jobs.open(b"%d" % number, {}))
        kept = [int(record.key) for record in records(database)]
    assert kept == list(range(JOBS_KEPT + 4, 4, -1))


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    """Whatever the database asks for the time, it is so much later."""
    monkeypatch.setattr(jobs_module, "utc_now", lambda: utc_now() + ahead)


def test_a_job_after_the_clock_was_set_back_is_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    with PatternDatabase(":memory:") as database:
        set_clock(monkeypatch, timedelta(hours=7))
        database.jobs.finish(database.jobs.open(b"before", {}))
        set_clock(monkeypatch, timedelta(0))
        database.jobs.set_progress(database.jobs.open(b"after", {}), {"files_processed": 3})
        assert [record.key for record in database.jobs.all()] == [b"after", b"before"]
        latest = database.jobs.latest()
        assert latest is not None
        assert latest.key == b"after"
        assert database.jobs.progress() == {"files_processed": 3}


def test_a_job_interrupted_after_the_clock_was_set_back_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with PatternDatabase(":memory:") as database:
        set_clock(monkeypatch, timedelta(hours=7))
        for number in range(JOBS_KEPT):
            database.jobs.finish(database.jobs.open(b"%d" % number, {}))
        set_clock(monkeypatch, timedelta(0))
        database.jobs.interrupt(database.jobs.open(b"interrupted", {}))
        database.jobs.finish(database.jobs.open(b"another", {}))
        assert database.jobs.find(b"interrupted") is not None


def test_writing_to_a_job_that_is_not_held_is_refused(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        jobs = database.jobs
        job = jobs.open(b"key", {})
        # Another process takes it over, as after a suspension.
        alter(tmp_path / "p.db", "UPDATE jobs SET lease = 'another'")
        for write in (
            lambda: jobs.record_blocks(job, [block(0, 1)]),
            lambda: jobs.set_progress(job, {}),
            lambda: jobs.truncate_blocks(job, 0),
            lambda: jobs.interrupt(job),
            lambda: jobs.finish(job),
        ):
            with pytest.raises(JobBusyError, match="nothing was written"):
                write()
        with pytest.raises(JobBusyError):
            jobs.set_progress(77, {})
        assert jobs.blocks(job) == []


def test_a_description_must_be_json() -> None:
    with PatternDatabase(":memory:") as database:
        with pytest.raises(TypeError):
            database.jobs.open(b"key", {"path": b"bytes"})
        assert records(database) == []


# --- two runs on one database ----------------------------------------------------------------------


def test_a_second_run_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as one, PatternDatabase(tmp_path / "p.db") as two:
        job = one.jobs.open(b"key", {})
        with pytest.raises(JobBusyError, match=f"process {os.getpid()} is working on this job"):
            two.jobs.open(b"key", {})
        with pytest.raises(JobBusyError, match=r"another job of this database.*--database"):
            two.jobs.open(b"other", {})
        with pytest.raises(JobBusyError):
            two.jobs.discard(job)
        one.jobs.interrupt(job)
        assert two.jobs.open(b"key", {}) == job


def test_a_database_dropped_without_closing_does_not_block_the_job(tmp_path: Path) -> None:
    database = PatternDatabase(tmp_path / "p.db")
    job = database.jobs.open(b"key", {})
    database._connection.close()
    del database
    with PatternDatabase(tmp_path / "p.db") as again:
        assert again.jobs.open(b"key", {}) == job


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with Process(HOLDER, path) as holder:
        assert holder.line() == "held"
        with PatternDatabase(path) as database:
            with pytest.raises(JobBusyError, match=f"process {holder.pid} is working on this job"):
                database.jobs.open(b"job", {})
            record = database.jobs.latest()
            assert record is not None
            assert (record.state, record.pid) == (JobState.RUNNING, holder.pid)
            assert interrupted(database) == []
            holder.kill()
            with PatternDatabase(path, read_only=True) as shell:
                assert [found.state for found in records(shell)] == [JobState.INTERRUPTED]
            (record,) = interrupted(database)
            assert (record.state, record.pid) == (JobState.INTERRUPTED, None)
            job = database.jobs.open(b"job", {})
            assert job == record.id
            assert database.jobs.blocks(job) == [BlockRow(0, 100, 10, 20, b"d" * 16)]
            assert database.jobs.progress(job) == {"type": "progress", "files_processed": 3}
            assert database.load_checkpoint(job) == PipelineState(
                PipelinePhase.COMPRESSING, 3, 9, 1, Path("x")
            )


def test_a_process_that_closed_leaves_the_job_to_others_while_it_lives(tmp_path: Path) -> None:
    with Process(HOLDER, tmp_path / "p.db") as holder:
        assert holder.line() == "held"
        holder.tell("close")
        assert holder.line() == "closed"
        with PatternDatabase(tmp_path / "p.db") as database:
            database.jobs.open(b"job", {})


def test_status_from_another_shell_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with Process(HOLDER, path) as holder:
        assert holder.line() == "held"
        with PatternDatabase(path, read_only=True) as database:
            assert database.jobs.progress() == {"type": "progress", "files_processed": 3}
            record = database.jobs.latest()
            assert record is not None
            assert record.pid == holder.pid


# --- leases ----------------------------------------------------------------------------------------


class Holder:
    pass


@pytest.fixture
def own() -> Iterator[Lease]:
    holder = Holder()
    yield Lease.take(holder)
    del holder


def test_a_lease_survives_its_text(own: Lease) -> None:
    assert Lease.from_text(own.to_text()) == own
    assert own.is_alive(None)
    own.release()
    assert not own.is_alive(utc_now())


def test_a_lease_ends_with_its_holder() -> None:
    holder = Holder()
    lease = Lease.take(holder)
    assert lease.is_alive(None)
    del holder
    assert not lease.is_alive(utc_now())


def test_a_reused_process_id_is_told_apart(own: Lease) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        start = process_start(other.pid)
        assert start
        assert replace(own, pid=other.pid, started=start).is_alive(None)
        assert not replace(own, pid=other.pid, started="long ago").is_alive(utc_now())
        assert not replace(own, pid=other.pid, started=start, boot="before").is_alive(utc_now())
        other.kill()
        # Not waited for yet: a process that only its parent still knows is dead.
        while process_exists(other.pid):
            pass
        assert not replace(own, pid=other.pid, started=start).is_alive(utc_now())


def test_what_cannot_be_checked_is_believed_while_it_gives_signs_of_life(
    own: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    lately, long_ago = utc_now() - timedelta(seconds=5), utc_now() - timedelta(hours=1)
    elsewhere = replace(own, machine="another host")
    assert elsewhere.is_alive(lately)
    assert not elsewhere.is_alive(long_ago)
    assert not elsewhere.is_alive(None)
    hidden = replace(own, pid=os.getppid(), started="unknown")
    monkeypatch.setattr(lease_module, "process_start", lambda pid: None)
    assert hidden.is_alive(lately)
    assert not hidden.is_alive(long_ago)


def test_processes_are_seen() -> None:
    assert process_exists(os.getpid())
    assert process_exists(1)
    assert not process_exists(2**22 + 5)
    assert process_start(os.getpid()) == process_start(os.getpid())
    assert process_start(2**22 + 5) is None


@given(st.none() | st.integers() | st.binary() | st.text() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(
        ["pid", "started", "boot", "machine", "token", "other"]), inner),
).map(json.dumps))  # fmt: skip
def test_strange_leases_are_none_or_leases(text: object) -> None:
    lease = Lease.from_text(text)
    assert lease is None or (lease.pid > 0 and isinstance(lease.token, str))


# --- what comes out of the database is not trusted -------------------------------------------------


@pytest.mark.parametrize(
    ("harm", "left"),
    [
        ("DELETE FROM blocks WHERE number = 0", 0),
        ("DELETE FROM blocks WHERE number = 2", 2),
        ("UPDATE blocks SET offset = 105 WHERE number = 1", 1),
        ("UPDATE blocks SET coded = -1 WHERE number = 1", 1),
        ("UPDATE blocks SET digest = 'text' WHERE number = 3", 3),
        ("UPDATE blocks SET decoded = 'many' WHERE number = 3", 3),
        ("UPDATE blocks SET offset = 1.5 WHERE number = 0", 0),
        ("UPDATE blocks SET digest = zeroblob(65) WHERE number = 0", 0),
        ("UPDATE blocks SET decoded = 20 WHERE number = 3", 4),
    ],
)
def test_only_sound_blocks_are_believed(tmp_path: Path, harm: str, left: int) -> None:
    path = tmp_path / "p.db"
    with PatternDatabase(path) as database:
        job = database.jobs.open(b"key", {})
        database.jobs.record_blocks(job, [block(n, 100 + 10 * n) for n in range(4)])
        alter(path, harm)
        assert database.jobs.blocks(job) == [block(n, 100 + 10 * n) for n in range(left)]


@pytest.mark.parametrize("text", ["", "[1]", "{", "NaN", '{"a": NaN}', "[" * 100_000, b"\xff", None])
def test_strange_documents_are_none(tmp_path: Path, text: object) -> None:
    path = tmp_path / "p.db"
    with PatternDatabase(path) as database:
        job = database.jobs.open(b"key", {"a": 1})
        database.jobs.set_progress(job, {"a": 1})
        if text is not None:
            alter(path, "UPDATE progress SET document = ?", (text,))
            alter(path, "UPDATE jobs SET description = ?", (text,))
            assert database.jobs.progress(job) is None
            record = database.jobs.find(b"key")
            assert record is not None
            assert record.description == {}
        assert database.jobs.progress(999) is None
    with PatternDatabase(":memory:") as database:
        assert database.jobs.progress() is None


# --- checkpoints -----------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize("path", [None, Path("a/b.c"), Path("ä漢"), Path(os.fsdecode(b"caf\xe9\x01"))])
@pytest.mark.parametrize("phase", list(PipelinePhase))
def test_checkpoints_come_back(tmp_path: Path, where: str, path: Path | None, phase: PipelinePhase) -> None:
    state = PipelineState(phase, 1, 2**40, 3, path)
    with PatternDatabase(":memory:" if where == "memory" else tmp_path / "p.db") as database:
        assert database.load_checkpoint() is None
        database.save_checkpoint(PipelineState(PipelinePhase.INITIALIZING))
        database.save_checkpoint(state)
        assert database.load_checkpoint() == state


def test_checkpoints_belong_to_jobs_and_are_bounded(tmp_path: Path) -> None:
    with PatternDatabase(":memory:") as database:
        one = database.jobs.open(b"one", {})
        database.jobs.interrupt(one)
        two = database.jobs.open(b"two", {})
        for number in range(250):
            database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, number), one)
        database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, 999), two)
        assert database.load_checkpoint(one) == PipelineState(PipelinePhase.COMPRESSING, 249)
        assert database.load_checkpoint(two) == PipelineState(PipelinePhase.COMPRESSING, 999)
        assert database.load_checkpoint() == PipelineState(PipelinePhase.COMPRESSING, 999)
        assert database.load_checkpoint(77) is None
        assert database._connection.query("SELECT count(*) FROM checkpoints") == [(101,)]


@pytest.mark.parametrize(
    "harm",
    [
        "phase = 'dancing'",
        "files_processed = -1",
        "total_files = 'many'",
        "patterns_found = 1.5",
        "current_file = 7.5",
    ],
)
def test_bad_checkpoints_are_passed_over(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "p.db"
    with PatternDatabase(path) as database:
        database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, 1))
        database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, 2))
        alter(path, f"UPDATE checkpoints SET {harm} WHERE files_processed = 2")
        expected = 2 if harm == "current_file = 7.5" else 1
        loaded = database.load_checkpoint()
        assert loaded is not None
        # SQLite turns 7.5 into text in a TEXT column: a name like any other.
        assert loaded.files_processed == expected


def test_a_checkpoint_that_cannot_be_saved_says_so(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, 1))
    with PatternDatabase(tmp_path / "p.db", read_only=True) as database:
        with pytest.raises(
            CheckpointSaveError, match=r"Checkpoint save failed: .*cannot be opened"
        ) as caught:
            database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, 2))
        assert isinstance(caught.value.__cause__, DatabaseError)
        loaded = database.load_checkpoint()
        assert loaded is not None
        assert loaded.files_processed == 1


# --- the pointer to the last job -------------------------------------------------------------------


def test_the_last_job_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert last_job() is None
    monkeypatch.chdir(tmp_path)
    with PatternDatabase("p.db") as database:
        database.jobs.open(b"\x00key", {})
        monkeypatch.chdir("/")
        assert last_job() == LastJob(tmp_path / "p.db", b"\x00key")
        assert database.warnings == ()
    with PatternDatabase(":memory:") as database:
        database.jobs.open(b"other", {})
    assert last_job() == LastJob(tmp_path / "p.db", b"\x00key")
    assert {path.name for path in state_folder().iterdir()} == {"last-job.json", "database-key"}


def test_a_state_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "file" / "state"))
    with PatternDatabase(tmp_path / "p.db") as database:
        database.jobs.open(b"key", {})
        (warning,) = database.warnings
    assert "--database" in warning
    assert last_job() is None


def test_databases_with_any_name_are_remembered() -> None:
    job = LastJob(Path(os.fsdecode(b"/caf\xe9/p.db")), b"k")
    assert remember_job(job) is None
    assert last_job() == job


def test_what_a_killed_process_left_goes_away_and_what_another_one_writes_stays() -> None:
    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True)
    left = [folder / f"{PREFIX}1", folder / f"{PREFIX}2"]
    for path in left:
        path.touch()
    code = "from ucompress.database.draft import draft\n"
    code += "with draft(Path(sys.argv[1]), b'mine') as path: say(path); sys.stdin.readline()"
    with Process(code, folder / "last-job.json") as other:
        being_written = Path(other.line())
        assert remember_job(LastJob(Path("/p.db"), b"k")) is None
        assert not any(path.exists() for path in left)
        assert being_written.read_bytes() == b"mine"
        other.tell()
        other.wait()
    assert os.listdir(folder) == ["last-job.json"]
    assert last_job() == LastJob(Path("/p.db"), b"k")


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", '{"format": 2}', '{"format": 1, "database_b64": "?", "key": ""}', "[" * 60_000,
     '{"format": 1, "database_b64": 5, "key": ""}', '{"format": 1, "database_b64": "YQ==", "key": "zz"}'],
)  # fmt: skip
def test_a_strange_pointer_is_none(content: str) -> None:
    state_folder().mkdir(parents=True, exist_ok=True)
    (state_folder() / "last-job.json").write_text(content)
    assert last_job() is None


def test_the_state_folder_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UCOMPRESS_STATE_DIR")
    assert state_folder().name == "ucompress"
