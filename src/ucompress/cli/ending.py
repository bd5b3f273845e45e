"""How a command ends when it is told to."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ucompress.errors import InterruptedJobError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextmanager
def ending_in_order(kept: str) -> Iterator[None]:
    """Within, SIGTERM ends the command like Ctrl-C: what is complete gets its name, nothing else stays.

    Args:
        kept: what the message says of what stays.

    Raises:
        InterruptedJobError: the signal came; a second one ends the process at once.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before)
        raise InterruptedJobError(f"stopped by SIGTERM; {kept}", number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
