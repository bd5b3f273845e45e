"""How a command ends when it is told to."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ucompress.errors import InterruptedJobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def ending_in_order(kept: str | Callable[[], str] = "") -> Iterator[None]:
    """Within, Ctrl-C, SIGTERM and SIGHUP end the command: what is complete gets its name, nothing else stays.

    One may stand within another: the inner one's words count.

    A signal that is ignored, as SIGHUP is under `nohup`, stays ignored.

    Args:
        kept: what the message says of what stays, or what tells it once all is cleared up; empty: nothing.

    Raises:
        InterruptedJobError: a signal came; a second one ends the process at once.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[number])
        raised.append(InterruptedJobError(f"stopped by {signal.Signals(number).name}", number))
        raise raised[-1]

    raised: list[InterruptedJobError] = []
    # None: a handler that was not installed from Python, and could not be put back.
    kept_as_they_are = (signal.SIG_IGN, None)
    before = {
        number: handler
        for number in _SIGNALS
        if (handler := signal.getsignal(number)) not in kept_as_they_are
    }
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    except InterruptedJobError as error:
        if error in raised and (words := kept if isinstance(kept, str) else kept()):
            error.args = (f"{error}; {words}",)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
