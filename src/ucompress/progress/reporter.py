"""The reporter: many threads tell it how far they are, one thread shows it."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from ucompress.errors import ThreadStartError
from ucompress.progress.events import (
    Notice,
    PipelineState,
    ProgressSnapshot,
    ProgressUpdate,
    Renderer,
    Severity,
)
from ucompress.progress.phases import PipelinePhase
from ucompress.progress.rate import RateEstimator
from ucompress.threads import start

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ucompress.progress.statistics import CompressionStatistics

HEARTBEAT_SECONDS = 1.0


class _Observer:
    """A callback that wants a snapshot every so many seconds."""

    def __init__(self, callback: Callable[[ProgressSnapshot], None], every: float) -> None:
        self.callback = callback
        self.every = every
        self.last: float | None = None
        self.failed = False

    def due(self, now: float) -> bool:
        return self.last is None or now - self.last >= self.every


class ProgressReporter:
    """Collects updates from many threads and shows them from one.

    Usable without a renderer and without a display thread: `current_state` and `phase_seconds` work
    always. As a context manager it starts the display thread and, on an exception, gives the terminal
    back.

    Args:
        renderer: where to draw; None draws nothing.
        interval: least time between two draws.
        clock: monotonic seconds.
        patience: seconds that the end of the run waits for the display thread.
    """

    def __init__(
        self,
        renderer: Renderer | None = None,
        interval: timedelta = timedelta(milliseconds=100),
        *,
        clock: Callable[[], float] = time.monotonic,
        patience: float = 5.0,
    ) -> None:
        self._renderer = renderer
        self._interval = max(0.0, interval.total_seconds())
        self._clock = clock
        self._patience = patience
        self._lock = threading.RLock()
        self._queue: SimpleQueue[tuple[float, ProgressUpdate | Notice]] = SimpleQueue()
        self._observers: list[_Observer] = []
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._closed = False
        self._drawing = False
        self._left_behind = False
        self._latest = ProgressUpdate(PipelinePhase.INITIALIZING)
        self._begin: float | None = None
        self._phase_begin = 0.0
        self._phase_seconds: dict[PipelinePhase, float] = {}
        self._shown: ProgressUpdate | None = None
        self._last_draw: float | None = None
        self._work = RateEstimator()
        self._bytes = RateEstimator()
        self.renderer_error: Exception | None = None

    def __enter__(self) -> ProgressReporter:
        """Start the display thread."""
        self.start_display_thread()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the display thread if neither `finish` nor `abort` did."""
        self.abort()

    @property
    def current_state(self) -> PipelineState:
        """The state after the latest update, drawn or not."""
        with self._lock:
            return self._latest.state

    @property
    def phase_seconds(self) -> dict[PipelinePhase, float]:
        """Seconds spent in each phase so far, the present one included."""
        with self._lock:
            seconds = dict(self._phase_seconds)
            phase = self._latest.phase
            if self._begin is not None and phase is not PipelinePhase.COMPLETED:
                seconds[phase] = seconds.get(phase, 0.0) + self._clock() - self._phase_begin
            return seconds

    def add_observer(self, callback: Callable[[ProgressSnapshot], None], every: float = 1.0) -> None:
        """Call `callback(snapshot)` from the display thread every `every` seconds, and once at the end.

        What a callback raises is shown as a notice the first time, and it is called again all the same.
        One that is still busy when the run ends is not waited for, and misses its last call.
        """
        with self._lock:
            self._observers.append(_Observer(callback, every))

    def start_display_thread(self) -> None:
        """Begin to draw; does nothing if it has begun or ended already."""
        with self._lock:
            if self._thread is not None or self._closed:
                return
            self._thread = threading.Thread(target=self._run, name="ucompress-progress", daemon=True)
        self._draw(lambda renderer: renderer.start())
        try:
            start(self._thread)
        except ThreadStartError:
            self._thread = None
            self.abort()
            raise

    def update(self, update: ProgressUpdate) -> None:
        """Take a report; from any thread.

        Reports may overtake each other: within a phase counts never go back, and a late report of an
        earlier phase is dropped.
        """
        with self._lock:
            if self._closed:
                return
            now = self._clock()
            before = self._latest
            if update.phase.order < before.phase.order:
                return
            changed = self._begin is None or update.phase is not before.phase
            if changed:
                self._close_phase(now)
            else:
                update = _never_back(before, update)
            self._latest = update
            # The queue carries what must not be lost. Numbers in between may be overtaken by the latest,
            # so that a million files a second fill no memory.
            if changed:
                self._queue.put((now, update))

    def enter(self, phase: PipelinePhase, *, files: int = 0, size: int | None = None) -> None:
        """Begin a phase that has `files` files and `size` bytes of work."""
        with self._lock:
            patterns = self._latest.patterns_found
            self.update(ProgressUpdate(phase, total_files=files, total_bytes=size, patterns_found=patterns))

    def expect(self, size: int) -> None:
        """Correct the bytes of work that the phase has in all."""
        with self._lock:
            self.update(replace(self._latest, total_bytes=size))

    def advance(self, *, files: int = 0, size: int = 0, path: bytes | None = None) -> None:
        """Note so many more files and bytes as done, `path` the last of them."""
        with self._lock:
            latest = self._latest
            self.update(
                replace(
                    latest,
                    files_processed=latest.files_processed + files,
                    bytes_processed=latest.bytes_processed + size,
                    current_file=latest.current_file if path is None else Path(os.fsdecode(path)),
                )
            )

    def found(self, patterns: int) -> None:
        """Note how many patterns are known by now."""
        with self._lock:
            self.update(replace(self._latest, patterns_found=patterns))

    def begin_again(self, phase: PipelinePhase) -> None:
        """Go back to `phase`, which may be an earlier one: from now on its reports count, from nothing on."""
        with self._lock:
            if self._closed:
                return
            now = self._clock()
            self._close_phase(now)
            self._latest = ProgressUpdate(phase)
            self._queue.put((now, self._latest))

    def notice(self, message: str, path: bytes | None = None, severity: Severity = Severity.NOTICE) -> None:
        """Show a message beside the numbers; from any thread."""
        with self._lock:
            if not self._closed and self._renderer is not None:
                self._queue.put((self._clock(), Notice(message, path, severity)))

    def finish(self, statistics: CompressionStatistics) -> None:
        """Draw what is left, show the final numbers and end the display thread; once."""
        if self._stop():
            self.pump(final=True)
            self._draw(lambda renderer: renderer.finish(statistics))

    def abort(self) -> None:
        """End the thread and give the terminal back without final numbers; harmless after `finish`."""
        if self._stop():
            self.pump(final=True)
            self._draw(lambda renderer: renderer.abort())

    def pump(self, *, final: bool = False) -> None:
        """Do what the display thread does at each tick: empty the queue, then draw if it is time.

        Only for the display thread, or where there is none.
        """
        now = self._clock()
        changed = self._drain()
        if self._shown is None:
            return
        self._measure(self._shown, now)
        moving = self._shown.phase is not PipelinePhase.COMPLETED
        waited = float("inf") if self._last_draw is None else now - self._last_draw
        due = waited >= self._interval and (changed or waited >= HEARTBEAT_SECONDS)
        if moving and (due or (final and changed)):
            self._last_draw = now
            snapshot = self._snapshot(self._shown, now)
            self._draw(lambda renderer: renderer.draw(snapshot))
        self._call_observers(now, final)

    def _run(self) -> None:
        tick = min(max(self._interval, 0.01), 0.25)
        while not self._wake.wait(tick):
            self.pump()

    def _stop(self) -> bool:
        """End the thread; False if that was done before, or if a renderer hangs and must be left alone.

        A thread that hangs in an observer, such as one that waits for a lock, is left behind: it draws
        nothing more, and the end is drawn without it.
        """
        with self._lock:
            if self._closed:
                return False
            self._closed = True
            thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        self._wake.set()
        thread.join(self._patience)
        with self._lock:
            self._left_behind = thread.is_alive()
            return not self._drawing

    def _drain(self) -> bool:
        """Take what is new; whether the numbers changed."""
        with self._lock:
            latest = self._latest
        changed = self._empty_queue()
        shown = self._shown
        # A phase that began after `latest` was read has been taken from the queue meanwhile.
        if shown is not None and latest is not shown and latest.phase is shown.phase:
            self._shown = latest
            return True
        return changed

    def _empty_queue(self) -> bool:
        changed = False
        while True:
            try:
                when, event = self._queue.get_nowait()
            except Empty:
                return changed
            if isinstance(event, Notice):
                self._show_notice(event)
            else:
                changed = True
                self._take(event, when)

    def _show_notice(self, notice: Notice) -> None:
        self._draw(lambda renderer: renderer.message(notice))

    def _measure(self, update: ProgressUpdate, now: float) -> None:
        self._work.add(now, update.bytes_processed if update.total_bytes else update.files_processed)
        self._bytes.add(now, update.bytes_processed)

    def _take(self, update: ProgressUpdate, when: float) -> None:
        entered = self._shown is None or update.phase is not self._shown.phase
        self._shown = update
        if entered:
            self._work = RateEstimator()
            self._bytes = RateEstimator()
            self._measure(update, when)
            snapshot = self._snapshot(update, when)
            self._draw(lambda renderer: renderer.phase(snapshot))

    def _snapshot(self, update: ProgressUpdate, now: float) -> ProgressSnapshot:
        if update.estimated_remaining is None:
            if update.total_bytes:
                left = update.total_bytes - update.bytes_processed
            else:
                left = update.total_files - update.files_processed
            if left > 0:
                update = replace(update, estimated_remaining=self._work.remaining(left))
        elapsed = now - self._begin if self._begin is not None else 0.0
        return ProgressSnapshot(update, self._bytes.rate(), elapsed, self.phase_seconds)

    def _close_phase(self, now: float) -> None:
        if self._begin is None:
            self._begin = now
        else:
            phase = self._latest.phase
            self._phase_seconds[phase] = self._phase_seconds.get(phase, 0.0) + now - self._phase_begin
        self._phase_begin = now

    def _draw(self, action: Callable[[Renderer], None]) -> None:
        """Draw; the first failure (a closed pipe, a full disk) ends all drawing and nothing else."""
        with self._lock:
            if self._renderer is None or (self._left_behind and threading.current_thread() is self._thread):
                return
            self._drawing = True
        try:
            action(self._renderer)
        except Exception as error:
            self._renderer = None
            self.renderer_error = error
        finally:
            self._drawing = False

    def _call_observers(self, now: float, final: bool) -> None:
        with self._lock:
            if self._left_behind:
                return
            due = [observer for observer in self._observers if final or observer.due(now)]
        for observer in due:
            observer.last = now
            try:
                observer.callback(self._snapshot(self._shown or self._latest, now))
            except Exception as error:
                if not observer.failed:
                    observer.failed = True
                    message = f"what watches this run failed: {error}; the run goes on, and calls it again"
                    self._show_notice(Notice(message, severity=Severity.WARNING))


def _never_back(before: ProgressUpdate, update: ProgressUpdate) -> ProgressUpdate:
    """`update`, its counts no less than `before` had them."""
    if (
        update.files_processed >= before.files_processed
        and update.bytes_processed >= before.bytes_processed
        and update.patterns_found >= before.patterns_found
    ):
        return update
    return replace(
        update,
        files_processed=max(before.files_processed, update.files_processed),
        bytes_processed=max(before.bytes_processed, update.bytes_processed),
        patterns_found=max(before.patterns_found, update.patterns_found),
    )
