"""The wall clock is set while a run works: the same bytes, true numbers, and what was cut off goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support import compile_shim, fill_codebase, preloaded, tree_facts
from tests.pipeline.runs import command
from ucompress.pipeline.running.tracker import RunTracker
from ucompress.progress import PipelinePhase, ProgressReporter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shims are for Linux")

PATIENCE = 60
HOURS = 3600
JUMPS = {"hours_forth": 5 * HOURS, "hours_back": -5 * HOURS, "to_the_seventies": -50 * 8766 * HOURS}


@dataclass
class Clocked:
    """Where the runs happen, the archive that is right, and how often a run asks what time it is."""

    base: Path
    clock: Path
    shim: Path
    reference: bytes = b""
    readings: int = 0

    @property
    def tree(self) -> Path:
        return self.base / "tree"

    @property
    def archive(self) -> Path:
        return self.base / "a.ucz"

    @property
    def compress(self) -> list[str]:
        options = ["--database", self.base / "p.db", "-3", "-T", "1", "--json"]
        return command("compress", self.tree, "-o", self.archive, *options)

    def run(self, words, at=1, ahead=0, **more):
        environment = {
            **os.environ,
            "LD_PRELOAD": preloaded(self.clock, self.shim),
            "CLOCK_AT": str(at),
            "CLOCK_AHEAD": str(ahead),
            "FAULT_ROOT": str(self.base),
            "UCOMPRESS_STATE_DIR": str(self.base / "state"),
            **more,
        }
        return subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def clear(self) -> None:
        for path in self.base.glob("*p.db*"), self.base.glob("*a.ucz*"), (self.base / "state").glob("*"):
            for found in path:
                found.unlink()


@pytest.fixture(scope="module")
def clocked(tmp_path_factory):
    base, built = tmp_path_factory.mktemp("clocked"), [tmp_path_factory.mktemp(name) for name in "ab"]
    sources = [Path(__file__).with_name(name) for name in ("clock.c", "shim.c")]
    made = Clocked(base, *(compile_shim(*both) for both in zip(sources, built, strict=True)))
    fill_codebase(made.tree, 30, 5000)
    for number in range(3):
        (made.tree / f"noise{number}").write_bytes(os.urandom(400_000))
    counted = built[0] / "count"
    assert made.run(made.compress, CLOCK_COUNT=str(counted)).returncode == 0
    made.reference, made.readings = made.archive.read_bytes(), int(counted.read_text())
    return made


def assert_no_number_is_below_zero(value: object) -> None:
    if isinstance(value, dict):
        value = [found for name, found in value.items() if name != "mtime_ns"]
    if isinstance(value, list):
        for found in value:
            assert_no_number_is_below_zero(found)
    assert not isinstance(value, int | float) or value >= 0


def documents(done):
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found
    assert_no_number_is_below_zero(found)
    return found


def test_a_run_asks_often_what_time_it_is(clocked):
    assert clocked.readings > 5


@pytest.mark.parametrize("ahead", JUMPS.values(), ids=JUMPS)
@pytest.mark.parametrize("part", [0.0, 0.5, 0.9])
def test_a_run_during_which_the_clock_is_set_gives_the_same_bytes(clocked, ahead, part):
    clocked.clear()
    documents(clocked.run(clocked.compress, 1 + int(part * clocked.readings), ahead))
    assert clocked.archive.read_bytes() == clocked.reference
    clocked.archive.unlink()
    # What was learned under one clock serves under another.
    documents(clocked.run(clocked.compress))
    assert clocked.archive.read_bytes() == clocked.reference


@pytest.mark.parametrize("ahead", JUMPS.values(), ids=JUMPS)
def test_a_run_that_was_cut_off_goes_on_under_another_clock(clocked, ahead):
    clocked.clear()
    kill = {"FAULT_CALL": "write", "FAULT_NAME": ".partial", "FAULT_AT": "2", "FAULT_ERRNO": "kill"}
    cut = clocked.run(clocked.compress, 3, ahead, **kill)
    assert cut.returncode == -signal.SIGKILL
    status = command("status", "--json")
    (job,) = documents(clocked.run(status))
    assert job["state"] == "interrupted"
    told = datetime.fromisoformat(job["updated_at"]) - datetime.now(UTC)
    assert abs(told.total_seconds() - ahead) < HOURS, "the clock was not set at all"
    for now in (0, -ahead):
        shown = clocked.run(command("status"), 1, now)
        assert shown.returncode == 0, shown.stderr
        assert "interrupted" in shown.stdout
        assert "-" not in shown.stdout.partition("Stopped")[2].partition("ago")[0]
    facts = tree_facts(clocked.tree)
    documents(clocked.run(command("resume", "--json"), 1, -ahead))
    assert clocked.archive.read_bytes() == clocked.reference
    assert tree_facts(clocked.tree) == facts


@pytest.mark.parametrize("ahead", JUMPS.values(), ids=JUMPS)
def test_a_file_that_changed_is_read_again_whatever_the_clock_said(clocked, ahead, tmp_path):
    clocked.clear()
    documents(clocked.run(clocked.compress, 1, ahead))
    victim = clocked.tree / "noise1"
    before, times = victim.read_bytes(), victim.stat()
    try:
        victim.write_bytes(before[::-1])
        clocked.archive.unlink()
        documents(clocked.run(clocked.compress, 1, -ahead))
        extract = command("extract", clocked.archive, "-C", tmp_path / "out", "-q")
        assert clocked.run(extract).returncode == 0
        assert (tmp_path / "out" / "tree" / "noise1").read_bytes() == before[::-1]
    finally:
        victim.write_bytes(before)
        os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_run_that_was_stopped_for_hours_saves_what_is_due_once():
    now, saved = [1000.0], []
    tracker = RunTracker(ProgressReporter(), timedelta(seconds=30), clock=lambda: now[0])
    tracker.save_with(saved.append)
    tracker.enter(PipelinePhase.COMPRESSING, files=9)
    for step in (1.0, 1.0, 5.0 * HOURS, 1.0, 1.0):
        now[0] += step
        tracker.advance(files=1)
    assert [state.files_processed for state in saved] == [3]
