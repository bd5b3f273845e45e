"""Sees to it that nobody waits for a cluster that is gone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ucompress.errors import ClusterError
from ucompress.threads import start

if TYPE_CHECKING:
    from distributed import Client

LOOK_SECONDS = 1.0


class Watch:
    """Looks after a cluster about once a second; what waits when it is gone fails with what to do.

    Args:
        client: connected to the cluster.
        patience: seconds without any worker after which what waits is given up.
    """

    def __init__(self, client: Client, patience: float) -> None:
        self._client = client
        self._patience = patience
        self._seen = 0
        self._waiting: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="ucompress-watch", daemon=True)
        start(self._thread)

    def add(self, outcome: Future[Any]) -> None:
        """Fail this future if the cluster is lost before it is done."""
        with self._lock:
            self._waiting.add(outcome)
        outcome.add_done_callback(self._forget)

    def slots(self) -> int:
        """Threads of all workers when they were last looked at; at least 1.

        Raises:
            ClusterError: the scheduler is gone.
        """
        if not self.is_connected():
            raise self.lost()
        return max(1, self._seen)

    def insist_on_workers(self) -> None:
        """Wait for a first worker, as long as patience lasts.

        Raises:
            ClusterError: none came, or the scheduler is gone.
        """
        until = time.monotonic() + self._patience
        while not self._threads():
            if time.monotonic() > until:
                raise self._no_worker()
            time.sleep(LOOK_SECONDS / 10)

    def is_connected(self) -> bool:
        """Whether the scheduler is there, as far as is known."""
        return bool(self._client.status == "running")

    def lost(self, error: BaseException | None = None) -> ClusterError:
        """The error of a scheduler that is gone."""
        why = f" ({type(error).__name__})" if error is not None else ""
        return ClusterError(
            f"the Dask scheduler at {self._address()} was lost{why}; no archive was written: run the same "
            "command again, with or without --dask"
        )

    def stop(self) -> None:
        """End looking."""
        self._stopped.set()

    def _threads(self) -> list[int]:
        """Threads of each worker; asks the scheduler, which may take long when it is gone."""
        try:
            threads = list(self._client.nthreads().values())
        except Exception as error:
            raise self.lost(error) from error
        self._seen = sum(threads)
        return threads

    def _no_worker(self) -> ClusterError:
        return ClusterError(
            f"the Dask scheduler at {self._address()} has had no worker for {self._patience:g} seconds; no "
            "archive was written: start workers with `dask worker`, and run the same command again, with or "
            "without --dask"
        )

    def _address(self) -> str:
        scheduler = self._client.scheduler
        return str(scheduler.address) if scheduler is not None else "its address"

    def _forget(self, outcome: Future[Any]) -> None:
        with self._lock:
            self._waiting.discard(outcome)

    def _look(self) -> None:
        last_seen = time.monotonic()
        while not self._stopped.wait(LOOK_SECONDS):
            if not self.is_connected():
                self._fail_all(self.lost())
                continue
            try:
                threads = self._threads()
            except ClusterError as error:
                if not self.is_connected():
                    self._fail_all(error)
                continue
            if threads or not self._waiting:
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > self._patience:
                self._fail_all(self._no_worker())

    def _fail_all(self, error: ClusterError) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for outcome in waiting:
            with suppress(InvalidStateError):
                outcome.set_exception(error)
