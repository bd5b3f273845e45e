"""The reporter: order, rate limit, state, time left, threads, failing renderers."""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress.progress import (
    CompressionResult,
    CompressionStatistics,
    Notice,
    PipelinePhase,
    PipelineState,
    ProgressReporter,
    ProgressSnapshot,
    ProgressUpdate,
    RateEstimator,
    SavedBytes,
    Severity,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SCANNING = PipelinePhase.SCANNING_FILES
COMPRESSING = PipelinePhase.COMPRESSING


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Recorder:
    """A renderer that notes every call; raises in the method named `fails`."""

    def __init__(self, clock: Clock | None = None, fails: str | None = None) -> None:
        self.calls: list[tuple[str, object]] = []
        self.times: list[float] = []
        self._clock = clock
        self._fails = fails

    def _note(self, name: str, value: object = None) -> None:
        if name == self._fails:
            raise OSError(f"{name} failed")
        self.calls.append((name, value))
        if name == "draw" and self._clock:
            self.times.append(self._clock.now)

    def start(self) -> None:
        self._note("start")

    def phase(self, snapshot: ProgressSnapshot) -> None:
        self._note("phase", snapshot)

    def draw(self, snapshot: ProgressSnapshot) -> None:
        self._note("draw", snapshot)

    def message(self, notice: Notice) -> None:
        self._note("message", notice)

    def finish(self, statistics: CompressionStatistics) -> None:
        self._note("finish", statistics)

    def abort(self) -> None:
        self._note("abort")

    def named(self, name: str) -> list[ProgressSnapshot]:
        return [
            value for called, value in self.calls if called == name and isinstance(value, ProgressSnapshot)
        ]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


def display_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ucompress-progress"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert display_threads() == []


def test_phases_are_the_designs_in_order_and_have_labels() -> None:
    assert [phase.name for phase in PipelinePhase] == [
        "INITIALIZING",
        "SCANNING_FILES",
        "ANALYZING_PATTERNS",
        "BUILDING_DICTIONARY",
        "COMPRESSING",
        "COMPLETED",
    ]
    assert [phase.order for phase in PipelinePhase] == list(range(6))
    assert [phase.label for phase in PipelinePhase][1:3] == ["Scanning files", "Analyzing patterns"]


def test_current_state_follows_each_update_at_once() -> None:
    reporter = ProgressReporter()
    assert reporter.current_state == PipelineState(PipelinePhase.INITIALIZING)
    reporter.update(ProgressUpdate(SCANNING, Path("a"), 3, 10, 7, 100))
    assert reporter.current_state == PipelineState(SCANNING, 3, 10, 7, Path("a"))


def test_draws_keep_their_distance_by_the_clock() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    reporter = ProgressReporter(recorder, timedelta(milliseconds=100), clock=clock)
    for step in range(1000):
        reporter.update(ProgressUpdate(COMPRESSING, files_processed=step, total_files=1000))
        reporter.pump()
        clock.now += 0.007
    distances = [after - before for before, after in pairwise(recorder.times)]
    assert min(distances) >= 0.1 - 1e-9
    assert len(recorder.times) == pytest.approx(7.0 / 0.105, abs=2)


def test_nothing_new_is_drawn_only_as_a_heartbeat() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    reporter = ProgressReporter(recorder, timedelta(milliseconds=100), clock=clock)
    reporter.update(ProgressUpdate(COMPRESSING))
    for _ in range(50):
        reporter.pump()
        clock.now += 0.1
    assert 4 <= len(recorder.times) <= 6


def test_no_phase_is_lost_between_two_draws() -> None:
    recorder = Recorder()
    reporter = ProgressReporter(recorder, timedelta(hours=1))
    for phase in PipelinePhase:
        reporter.update(ProgressUpdate(phase))
        reporter.update(ProgressUpdate(phase, files_processed=5))
    reporter.finish(CompressionStatistics())
    assert [snapshot.update.phase for snapshot in recorder.named("phase")] == list(PipelinePhase)
    assert recorder.names[-1] == "finish"


@given(
    st.lists(st.tuples(st.sampled_from(list(PipelinePhase)), st.integers(0, 50), st.booleans()), max_size=60)
)
def test_phases_and_counts_never_go_back(updates: list[tuple[PipelinePhase, int, bool]]) -> None:
    clock = Clock()
    recorder = Recorder(clock)
    reporter = ProgressReporter(recorder, timedelta(0), clock=clock)
    for phase, count, pump in updates:
        reporter.update(
            ProgressUpdate(phase, files_processed=count, bytes_processed=count, patterns_found=count)
        )
        clock.now += 0.01
        if pump:
            reporter.pump()
    reporter.abort()
    entered = [snapshot.update.phase.order for snapshot in recorder.named("phase")]
    assert entered == sorted(set(entered))
    shown = [(s.update.phase.order, s.update.files_processed) for s in recorder.named("draw")]
    assert shown == sorted(shown)
    if updates:
        assert reporter.current_state.phase.order == max(phase.order for phase, _, _ in updates)


def test_time_left_is_unknown_at_first_then_steady() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    reporter = ProgressReporter(recorder, timedelta(0), clock=clock)
    generator = random.Random(7)
    done = 0
    for step in range(600):
        # One unit per tick on average, in bursts.
        done += generator.choice([0, 0, 0, 4])
        reporter.update(ProgressUpdate(COMPRESSING, bytes_processed=done, total_bytes=1000))
        reporter.pump()
        if step == 5:
            assert recorder.named("draw")[-1].update.estimated_remaining is None
        clock.now += 0.1
    errors = []
    for snapshot in recorder.named("draw")[200:]:
        left = snapshot.update.estimated_remaining
        assert left is not None
        truth = (1000 - snapshot.update.bytes_processed) * 0.1
        errors.append(left.total_seconds() / truth)
    assert 0.6 < min(errors) <= max(errors) < 1.7
    jumps = [abs(b / a - 1) for a, b in pairwise(errors)]
    assert max(jumps) < 0.1


def test_time_left_of_a_phase_forgets_the_phase_before() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    reporter = ProgressReporter(recorder, timedelta(0), clock=clock)
    for phase, rate in ((PipelinePhase.ANALYZING_PATTERNS, 1000), (COMPRESSING, 10)):
        for step in range(40):
            done = step * rate
            reporter.update(ProgressUpdate(phase, bytes_processed=done, total_bytes=40 * rate))
            reporter.pump()
            clock.now += 0.5
    last = recorder.named("draw")[-1]
    assert last.update.estimated_remaining == timedelta(seconds=0.5)
    assert last.bytes_per_second == pytest.approx(20)


def test_the_first_steps_say_nothing_of_the_time_left() -> None:
    """Blocks that are coded beside each other come in together, after a long wait."""
    rate = RateEstimator()
    known = []
    for tick in range(80):
        rate.add(tick / 10, 100 * max(0, tick // 10 - 1))
        known.append(rate.remaining(100) is not None)
    assert known.index(True) == 50  # the fourth step
    assert all(known[50:])


def test_a_stall_slows_the_rate_instead_of_freezing_it() -> None:
    rate = RateEstimator(window=10)
    for second in range(11):
        rate.add(float(second), second * 100)
    assert rate.rate() == pytest.approx(100)
    for second in range(11, 20):
        rate.add(float(second), 1000)
    assert 0 < rate.rate() < 20
    assert rate.remaining(100) is not None
    for second in range(20, 40):
        rate.add(float(second), 1000)
    assert rate.rate() == 0
    assert rate.remaining(100) is None


def test_a_process_that_was_stopped_for_hours_takes_them_for_no_work() -> None:
    rate = RateEstimator(window=10)
    for tick in range(100):
        rate.add(tick / 4, tick * 25)
    left = rate.remaining(1000)
    rate.add(3 * 3600.0, 2500)
    assert rate.remaining(1000) is None
    for tick in range(1, 50):
        rate.add(3 * 3600 + tick / 4, 2500 + tick * 25)
    assert rate.rate() == pytest.approx(100)
    assert rate.remaining(1000) == left == timedelta(seconds=10)


@pytest.mark.parametrize("leap", [0.0, 59.0, 61.0, 5 * 3600.0])
def test_leaps_of_the_clock_make_no_number_less_than_none(leap: float) -> None:
    clock = Clock()
    recorder = Recorder()
    reporter = ProgressReporter(recorder, timedelta(0), clock=clock)
    for phase in (SCANNING, COMPRESSING):
        reporter.enter(phase, files=40, size=40_000)
        for number in range(40):
            clock.now += leap if number in (7, 21) else 0.2
            reporter.advance(files=1, size=1000)
            reporter.pump()
    drawn = recorder.named("draw")
    assert len(drawn) > 40
    for snapshot in drawn:
        left = snapshot.update.estimated_remaining
        assert left is None or timedelta(0) <= left < timedelta(days=2)
        assert snapshot.elapsed >= 0
        assert snapshot.bytes_per_second >= 0
        assert all(seconds >= 0 for seconds in snapshot.phase_seconds.values())


def test_the_estimator_holds_few_samples() -> None:
    rate = RateEstimator(window=10)
    for step in range(100_000):
        rate.add(step * 0.001, step)
    assert len(rate._samples) <= 300
    assert rate.rate() == pytest.approx(1000, rel=0.01)


def test_a_callers_estimate_is_left_alone() -> None:
    recorder = Recorder()
    reporter = ProgressReporter(recorder, timedelta(0))
    known = timedelta(seconds=42)
    reporter.update(ProgressUpdate(COMPRESSING, estimated_remaining=known, total_files=5))
    reporter.pump()
    assert recorder.named("draw")[0].update.estimated_remaining == known


def test_seconds_of_phases_add_up() -> None:
    clock = Clock()
    reporter = ProgressReporter(clock=clock)
    reporter.update(ProgressUpdate(PipelinePhase.INITIALIZING))
    clock.now += 1
    reporter.update(ProgressUpdate(SCANNING))
    clock.now += 2
    reporter.update(ProgressUpdate(SCANNING, files_processed=2))
    clock.now += 3
    assert reporter.phase_seconds == {PipelinePhase.INITIALIZING: 1.0, SCANNING: 5.0}
    reporter.update(ProgressUpdate(PipelinePhase.COMPLETED))
    clock.now += 100
    assert sum(reporter.phase_seconds.values()) == 6.0


def test_the_display_thread_draws_and_ends() -> None:
    recorder = Recorder()
    reporter = ProgressReporter(recorder, timedelta(milliseconds=5))
    reporter.start_display_thread()
    reporter.start_display_thread()
    assert len(display_threads()) == 1
    deadline = time.monotonic() + 10
    while "draw" not in recorder.names and time.monotonic() < deadline:
        reporter.update(ProgressUpdate(COMPRESSING, files_processed=1))
        time.sleep(0.002)
    reporter.update(ProgressUpdate(COMPRESSING, files_processed=9))
    statistics = CompressionStatistics(files=9)
    reporter.finish(statistics)
    assert display_threads() == []
    assert recorder.names[0] == "start"
    assert recorder.calls[-1] == ("finish", statistics)
    assert recorder.named("draw")[-1].update.files_processed == 9


def test_what_comes_after_the_end_is_ignored() -> None:
    recorder = Recorder()
    reporter = ProgressReporter(recorder)
    reporter.update(ProgressUpdate(SCANNING))
    reporter.finish(CompressionStatistics())
    calls = list(recorder.calls)
    reporter.finish(CompressionStatistics())
    reporter.abort()
    reporter.update(ProgressUpdate(COMPRESSING))
    reporter.notice("late")
    reporter.start_display_thread()
    assert recorder.calls == calls
    assert reporter.current_state.phase is SCANNING


def test_an_exception_gives_the_terminal_back() -> None:
    recorder = Recorder()
    with pytest.raises(RuntimeError, match="worker"), ProgressReporter(recorder) as reporter:
        reporter.update(ProgressUpdate(SCANNING))
        raise RuntimeError("worker failed")
    assert recorder.names[0] == "start"
    assert recorder.names[-1] == "abort"


def test_many_threads_report() -> None:
    recorder = Recorder()
    with ProgressReporter(recorder, timedelta(milliseconds=1)) as reporter:
        lock = threading.Lock()
        done = 0

        def work() -> None:
            nonlocal done
            for _ in range(500):
                with lock:
                    done += 1
                    mine = done
                # Outside the lock: reports overtake each other.
                reporter.update(ProgressUpdate(COMPRESSING, files_processed=mine, total_files=4000))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert reporter.current_state.files_processed == 4000
        reporter.finish(CompressionStatistics())
    shown = [snapshot.update.files_processed for snapshot in recorder.named("draw")]
    assert shown == sorted(shown)
    assert shown[-1] == 4000


@pytest.mark.parametrize("method", ["start", "phase", "draw", "message", "finish", "abort"])
def test_a_failing_renderer_never_stops_the_run(method: str) -> None:
    recorder = Recorder(fails=method)
    reporter = ProgressReporter(recorder, timedelta(milliseconds=1))
    reporter.start_display_thread()
    reporter.update(ProgressUpdate(SCANNING))
    reporter.notice("a notice")
    reporter.update(ProgressUpdate(COMPRESSING))
    if method == "abort":
        reporter.abort()
    else:
        reporter.finish(CompressionStatistics())
    assert isinstance(reporter.renderer_error, OSError)
    assert reporter.current_state.phase is COMPRESSING


def test_notices_arrive_in_order_with_their_severity() -> None:
    recorder = Recorder()
    reporter = ProgressReporter(recorder)
    reporter.notice("one")
    reporter.notice("two", b"a\xff", Severity.ERROR)
    reporter.finish(CompressionStatistics())
    assert [value for name, value in recorder.calls if name == "message"] == [
        Notice("one"),
        Notice("two", b"a\xff", Severity.ERROR),
    ]


def test_observers_are_called_at_their_pace_and_at_the_end() -> None:
    clock = Clock()
    reporter = ProgressReporter(clock=clock)
    seen: list[int] = []
    reporter.add_observer(lambda snapshot: seen.append(snapshot.update.files_processed), every=1.0)
    for step in range(50):
        reporter.update(ProgressUpdate(COMPRESSING, files_processed=step))
        reporter.pump()
        clock.now += 0.1
    reporter.update(ProgressUpdate(PipelinePhase.COMPLETED, files_processed=50))
    reporter.finish(CompressionStatistics())
    assert len(seen) == pytest.approx(6, abs=1)
    assert seen[-1] == 50


def test_a_failing_observer_is_told_once_and_called_again() -> None:
    recorder = Recorder()
    reporter = ProgressReporter(recorder)
    calls = []

    def failing(snapshot: ProgressSnapshot) -> None:
        calls.append(snapshot)
        raise ValueError("no")

    reporter.add_observer(failing, every=0.0)
    reporter.update(ProgressUpdate(COMPRESSING))
    reporter.pump()
    reporter.pump()
    reporter.finish(CompressionStatistics())
    assert len(calls) == 3
    (notice,) = [value for name, value in recorder.calls if name == "message"]
    assert "failed: no" in notice.message
    assert notice.severity is Severity.WARNING


def test_an_observer_that_hangs_does_not_cost_the_final_numbers() -> None:
    recorder = Recorder()
    reporter = ProgressReporter(recorder, timedelta(0), patience=0.05)
    begun, free = threading.Event(), threading.Event()

    def waiting(snapshot: ProgressSnapshot) -> None:
        begun.set()
        free.wait()
        raise ValueError("nobody is to hear of this any more")

    reporter.add_observer(waiting)
    reporter.start_display_thread()
    (thread,) = display_threads()
    reporter.update(ProgressUpdate(COMPRESSING))
    assert begun.wait(10)
    reporter.finish(CompressionStatistics(files=7))
    free.set()
    thread.join(10)
    assert recorder.calls[-1] == ("finish", CompressionStatistics(files=7))


def test_a_renderer_that_hangs_is_left_alone() -> None:
    begun, free = threading.Event(), threading.Event()

    class Hanging(Recorder):
        def draw(self, snapshot: ProgressSnapshot) -> None:
            begun.set()
            free.wait()

    recorder = Hanging()
    reporter = ProgressReporter(recorder, timedelta(0), patience=0.05)
    reporter.start_display_thread()
    (thread,) = display_threads()
    reporter.update(ProgressUpdate(COMPRESSING))
    assert begun.wait(10)
    reporter.finish(CompressionStatistics())
    free.set()
    thread.join(10)
    assert "finish" not in [name for name, _ in recorder.calls]


def test_observers_work_from_the_thread_without_a_renderer() -> None:
    called = threading.Event()
    with ProgressReporter() as reporter:
        reporter.add_observer(lambda snapshot: called.set(), every=0.01)
        reporter.update(ProgressUpdate(COMPRESSING))
        assert called.wait(10)


def test_fraction_prefers_bytes() -> None:
    assert ProgressUpdate(COMPRESSING).fraction is None
    assert ProgressUpdate(COMPRESSING, files_processed=1, total_files=4).fraction == 0.25
    assert ProgressUpdate(COMPRESSING, files_processed=1, total_files=4, total_bytes=0).fraction == 0.25
    half = ProgressUpdate(COMPRESSING, files_processed=1, total_files=4, bytes_processed=5, total_bytes=10)
    assert half.fraction == 0.5
    assert ProgressUpdate(COMPRESSING, bytes_processed=11, total_bytes=10).fraction == 1.0


def test_results() -> None:
    statistics = CompressionStatistics(
        original_bytes=200,
        archive_bytes=50,
        phase_seconds={SCANNING: 1.5, COMPRESSING: 2.5},
        saved=SavedBytes(10, 20, 30, 90),
    )
    assert statistics.ratio == 0.25
    assert statistics.seconds == 4.0
    assert CompressionStatistics().ratio == 0.0
    assert CompressionResult(Path("a.ucz"), statistics).exit_code == 0
    assert CompressionResult(Path("a.ucz"), statistics, unreadable=((b"x", "denied"),)).exit_code == 3
