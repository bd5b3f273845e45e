"""Threads and pools of them, whose failure to start is an error that says what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from ucompress.errors import ThreadStartError

Result = TypeVar("Result")


class ThreadPool(ThreadPoolExecutor):
    """A `ThreadPoolExecutor` that raises ThreadStartError where the system starts no more threads."""

    def submit(self, task: Callable[..., Result], /, *arguments: Any, **options: Any) -> Future[Result]:
        """As there; a thread is started if none is idle and there are fewer than may be."""
        with _starting():
            return super().submit(task, *arguments, **options)


def start(thread: threading.Thread) -> None:
    """Start a thread; ThreadStartError where the system starts no more."""
    with _starting():
        thread.start()


@contextmanager
def _starting() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "start new thread" not in str(error):  # as of a pool that was shut down
            raise
        raise ThreadStartError(
            "the system starts no more threads for this user or this process. Run the same command again "
            "with fewer --threads (in Python threads), or raise the limit on processes (ulimit -u) or on "
            "memory"
        ) from error
