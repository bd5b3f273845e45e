"""SIGINT, SIGTERM and SIGHUP as a request to stop at the next safe point."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Self

from ucompress.errors import InterruptedJobError

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class InterruptGuard:
    """While entered, SIGINT, SIGTERM and SIGHUP set a flag instead of ending the process.

    SIGHUP stays ignored where it is, as under `nohup`; Windows has none.

    A second signal of the same kind falls through to the handler that stood before, so a run
    that hangs can still be ended. Outside the main thread Python allows no handlers; there
    the guard only carries `request()`.
    """

    SIGNALS = tuple(
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    )

    def __init__(self) -> None:
        self._requested = 0
        self._previous: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        """Install the handlers where that is possible."""
        if threading.current_thread() is threading.main_thread():
            for number in self.SIGNALS:
                if _is_to_be_handled(number):
                    self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the former handlers back; what was asked of this run is not asked of the next."""
        self._requested = 0
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.request(number)
        if number in self._previous:
            signal.signal(number, self._previous.pop(number))

    def request(self, number: int = signal.SIGINT) -> None:
        """Ask the run to stop at its next safe point, as if the signal had come."""
        self._requested = number

    def check(self) -> None:
        """Raise `InterruptedJobError` if a signal has come."""
        if self._requested:
            name = signal.Signals(self._requested).name
            raise InterruptedJobError(f"Stopped by {name}", self._requested)


def _is_to_be_handled(number: int) -> bool:
    """Whether a signal is not one of a terminal that this process was told to outlive."""
    hangup = number == getattr(signal, "SIGHUP", None)
    return not (hangup and signal.getsignal(number) == signal.SIG_IGN)
