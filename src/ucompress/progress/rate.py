"""How quickly work goes, and how long the rest will take."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

FEWEST_STEPS = 4
FEWEST_SECONDS = 2.0
STOPPED_SECONDS = 60.0
"""Without a moment noted for so long, the process stood still: it is told the time several times a second."""


class RateEstimator:
    """Units of work per second over a sliding window, so that the time left neither jumps nor lags.

    The window is `window` seconds, or a quarter of the time so far where that is longer: a long phase
    wants a calmer estimate than a short one.
    """

    def __init__(self, window: float = 10.0) -> None:
        self._window = window
        self._samples: deque[tuple[float, int]] = deque()
        self._begin: float | None = None
        self._steps = 0

    def add(self, now: float, done: int) -> None:
        """Note that `done` units were done at time `now` (seconds); call it too while nothing moves."""
        if self._samples and now - self._samples[-1][0] > STOPPED_SECONDS:
            self._begin, self._steps = None, 0
            self._samples.clear()
        if self._begin is None:
            self._begin = now
        window = max(self._window, (now - self._begin) / 4)
        samples = self._samples
        if samples and done > samples[-1][1]:
            self._steps += 1
        # Two samples closer than a hundredth of the window are one: this bounds the deque.
        if len(samples) > 1 and samples[-1][0] - samples[-2][0] < window / 100:
            samples.pop()
        samples.append((now, done))
        while len(samples) > 2 and samples[1][0] <= now - window:
            samples.popleft()

    def rate(self) -> float:
        """Units per second; 0.0 before two moments are known."""
        if len(self._samples) < 2:
            return 0.0
        (begin, before), (end, after) = self._samples[0], self._samples[-1]
        return max(0, after - before) / (end - begin) if end > begin else 0.0

    def remaining(self, left: int) -> timedelta | None:
        """Time that `left` units will take; None while nothing can be said.

        The first seconds and steps of a phase say nothing: caches are cold, workers are still starting,
        and the first blocks come in together after a long wait.
        """
        rate = self.rate()
        if rate <= 0 or self._begin is None or self._steps < FEWEST_STEPS:
            return None
        if self._samples[-1][0] - self._begin < FEWEST_SECONDS:
            return None
        return timedelta(seconds=min(left / rate, 10.0**8))
