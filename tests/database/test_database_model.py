"""The database against a model in plain dicts, and against SIGKILL."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from database.processes import Process
from ucompress.database import BlockRow, JobState, PatternDatabase
from ucompress.patterns import PatternEntry
from ucompress.progress import PipelinePhase, PipelineState

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)

patterns = st.sampled_from([bytes([n]) * 8 + b"\x00'\"%" for n in range(1, 7)])
moments = st.integers(0, 1000).map(lambda minutes: BEGIN + timedelta(minutes=minutes))
counts = st.tuples(st.integers(1, 50), st.integers(1, 50)).map(sorted)


@st.composite
def entries(draw: st.DrawFn) -> PatternEntry:
    file_count, frequency = draw(counts)
    return PatternEntry(
        draw(patterns), frequency, file_count, draw(moments), draw(moments), draw(st.integers(0, 1000))
    )


class DatabaseMachine(RuleBasedStateMachine):
    """Sources of patterns, checkpoints and a job with blocks, reopened at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.counts: dict[bytes, dict[bytes, tuple[int, int, int]]] = {}
        self.times: dict[bytes, tuple[datetime, datetime]] = {}
        self.checkpoint: PipelineState | None = None
        self.job: int | None = None
        self.blocks: list[BlockRow] = []

    @initialize(batch_size=st.integers(1, 4), on_disk=st.booleans())
    def open(self, batch_size: int, on_disk: bool) -> None:
        self.path: Path | str = self.folder / "p.db" if on_disk else ":memory:"
        self.batch_size = batch_size
        self.database = PatternDatabase(self.path, batch_size=batch_size, cache_bytes=2000)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
        shutil.rmtree(self.folder)

    def _note(self, entry: PatternEntry) -> None:
        first, last = self.times.get(entry.pattern, (entry.first_seen, entry.last_updated))
        self.times[entry.pattern] = min(first, entry.first_seen), max(last, entry.last_updated)

    def _drop_times(self) -> None:
        held = {pattern for counted in self.counts.values() for pattern in counted}
        self.times = {pattern: times for pattern, times in self.times.items() if pattern in held}

    @rule(listed=st.lists(entries(), max_size=8))
    def store(self, listed: list[PatternEntry]) -> None:
        assert self.database.store_patterns(listed) == len(listed)
        for entry in listed:
            self._note(entry)
            counted = self.counts.setdefault(b"", {})
            counted[entry.pattern] = entry.frequency, entry.file_count, entry.saved_bytes

    @rule(source=st.sampled_from([b"one", b"two", b"\x00"]), listed=st.lists(entries(), max_size=8))
    def replace(self, source: bytes, listed: list[PatternEntry]) -> None:
        assert self.database.replace_patterns(source, iter(listed)) == len(listed)
        self.counts[source] = {e.pattern: (e.frequency, e.file_count, e.saved_bytes) for e in listed}
        for entry in listed:
            self._note(entry)
        self._drop_times()

    @rule(
        phase=st.sampled_from(list(PipelinePhase)),
        numbers=st.tuples(*[st.integers(0, 2**62)] * 3),
        path=st.none() | st.sampled_from([Path("a"), Path("\udcff/b")]),
    )
    def save_checkpoint(self, phase: PipelinePhase, numbers: tuple[int, int, int], path: Path | None) -> None:
        self.checkpoint = PipelineState(phase, *numbers, path)
        self.database.save_checkpoint(self.checkpoint)

    @rule(count=st.integers(1, 3))
    def write_blocks(self, count: int) -> None:
        if self.job is None:
            self.job = self.database.jobs.open(b"job", {"n": 1})
        end = self.blocks[-1].offset + self.blocks[-1].coded if self.blocks else 64
        number = len(self.blocks)
        rows = [BlockRow(number + n, end + 100 * n, 100, 1000, bytes([n]) * 16) for n in range(count)]
        self.database.jobs.record_blocks(self.job, rows)
        self.blocks.extend(rows)

    @rule(keep=st.integers(0, 5))
    def truncate(self, keep: int) -> None:
        if self.job is not None:
            self.database.jobs.truncate_blocks(self.job, keep)
            del self.blocks[keep:]

    @rule()
    def finish(self) -> None:
        if self.job is not None:
            self.database.jobs.finish(self.job)
            self.job, self.blocks = None, []

    @rule()
    def reopen(self) -> None:
        if self.path == ":memory:":
            return
        self.database.close()
        self.database = PatternDatabase(self.path, batch_size=self.batch_size, cache_bytes=2000)
        assert self.database.warnings == ()
        if self.job is not None:
            assert self.database.jobs.open(b"job", {"n": 1}) == self.job

    def _model(self) -> dict[bytes, PatternEntry]:
        totals: dict[bytes, Counter[str]] = {}
        for counted in self.counts.values():
            for pattern, (frequency, files, saved) in counted.items():
                total = totals.setdefault(pattern, Counter())
                total.update(frequency=frequency, files=files, saved=saved)
        return {
            pattern: PatternEntry(
                pattern, total["frequency"], total["files"], *self.times[pattern], total["saved"]
            )
            for pattern, total in totals.items()
        }

    @invariant()
    def patterns_are_the_models(self) -> None:
        if not hasattr(self, "database"):
            return
        model = self._model()
        everything = self.database.get_frequent_patterns(0)
        assert {entry.pattern: entry for entry in everything} == model
        assert everything == sorted(everything, key=lambda e: (-e.frequency, e.pattern))
        assert self.database.get_frequent_patterns(20) == [e for e in everything if e.frequency >= 20]
        top = sorted(model.values(), key=lambda e: (-e.saved_bytes, -e.frequency, e.pattern))
        assert self.database.top_patterns(3) == top[:3]
        for pattern in (b"\x01" * 8 + b"\x00'\"%", b"\x02" * 8 + b"\x00'\"%"):
            assert self.database.get_pattern(pattern) == model.get(pattern)
        sources = {source.key: source.patterns for source in self.database.pattern_sources()}
        assert sources == {key: len(counted) for key, counted in self.counts.items() if counted}

    @invariant()
    def the_run_is_the_models(self) -> None:
        if not hasattr(self, "database"):
            return
        assert self.database.load_checkpoint() == self.checkpoint
        if self.job is not None:
            assert self.database.jobs.blocks(self.job) == self.blocks


DatabaseMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestDatabaseMachine = DatabaseMachine.TestCase


WRITER = """
database = PatternDatabase(sys.argv[1], batch_size=10)
assert database.warnings == (), database.warnings
job = database.jobs.open(b"job", {})
blocks = database.jobs.blocks(job)
state = database.load_checkpoint(job)
step = state.files_processed if state else 0
say("ready", len(blocks), step)
while True:
    number = len(blocks)
    block = BlockRow(number, 100 * number, 100, 1000, number.to_bytes(16, "little"))
    database.jobs.record_blocks(job, [block])
    blocks.append(block)
    say("block", number)
    database.jobs.set_progress(job, {"blocks": len(blocks)})
    step += 1
    database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, step), job)
    say("step", step)
    database.replace_patterns(b"one", [entry(b"%08d%08d" % (step % 3, n), step + 1) for n in range(25)])
    database.replace_patterns(b"two", [entry(b"%08d%08d" % (0, n), 5) for n in range(25)])
    stamp = FileStamp(1, 2, 3, 4, 5)
    analysis = FileAnalysis(b"d" * 32, 0, b"s" * 100)
    database.cache.store([(b"/%d" % n, stamp, analysis) for n in range(25)], b"p")
    database.cache.store_artifact(b"key", "plan", b"x" * 50_000)
"""


def test_sigkill_at_any_moment_leaves_a_sound_database_and_every_promise(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    generator = random.Random(3)
    promised = {"block": -1, "step": 0}
    for _ in range(14):
        with Process(WRITER, path) as writer:
            word, *numbers = writer.line().split()
            assert word == "ready"
            blocks, step = map(int, numbers)
            # What was said to be durable is there, and no more than one step beyond it.
            assert blocks in (promised["block"] + 1, promised["block"] + 2)
            assert step in (promised["step"], promised["step"] + 1)
            promised = {"block": blocks - 1, "step": step}
            end = time.monotonic() + generator.uniform(0.0, 0.25)
            while time.monotonic() < end or promised["block"] < blocks:
                name, number = writer.line().split()
                promised[name] = int(number)
            writer.kill_after_reading(promised)
    with PatternDatabase(path) as database:
        assert database.warnings == ()
        assert database._connection.query("PRAGMA integrity_check") == [("ok",)]
        assert database._connection.query("PRAGMA foreign_key_check") == []
        record = database.jobs.latest()
        assert record is not None
        assert record.state is JobState.INTERRUPTED
        assert [block.number for block in database.jobs.blocks(record.id)] == list(
            range(len(database.jobs.blocks(record.id)))
        )
        sums = database._connection.query(
            "SELECT p.pattern FROM patterns p LEFT JOIN pattern_counts c ON c.pattern_id = p.id"
            " GROUP BY p.id HAVING p.frequency <> sum(c.frequency)"
            " OR p.file_count <> sum(c.file_count) OR count(c.source_id) = 0"
        )
        assert sums == []
        database.replace_patterns(b"one", [])
        assert {entry.frequency for entry in database.get_frequent_patterns(0)} <= {5}
