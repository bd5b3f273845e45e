"""A scheduler and workers as programs of their own on this machine, ended by their pid whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import ucompress

MOST_SECONDS = 120
PACKAGES = Path(ucompress.__file__).parents[1]
"""Where workers find this package: beside others, or in a checkout."""


class Cluster:
    """Programs that were started, and where the scheduler listens."""

    def __init__(self, folder: Path, allowed_failures: int) -> None:
        self.folder = folder
        self.allowed_failures = allowed_failures
        self.workers: list[subprocess.Popen[bytes]] = []
        named = folder / "scheduler.json"
        quiet = ("--no-dashboard", "--dashboard-address", ":0", "--idle-timeout", f"{MOST_SECONDS} s")
        self.scheduler = self._start("scheduler", "--port", "0", *quiet, "--scheduler-file", named)
        self.address = _within(30, lambda: json.loads(named.read_text())["address"])

    def add_worker(self, *, threads: int = 1, preload: str = "") -> subprocess.Popen[bytes]:
        """Start a worker without a nanny; `preload` is code that it runs first."""
        options = ["--no-nanny", "--no-dashboard", "--nthreads", threads, "--death-timeout", 30]
        if preload:
            file = self.folder / f"preload{len(self.workers)}.py"
            file.write_text(preload)
            options += ["--preload", file]
        worker = self._start("worker", self.address, *options, "--local-directory", self.folder / "scratch")
        self.workers.append(worker)
        return worker

    def await_workers(self, count: int) -> None:
        """Return when so many workers have reported."""
        from distributed import Client

        with Client(self.address, timeout=20, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=30)

    def end(self) -> None:
        """Kill what still runs."""
        for process in (*self.workers, self.scheduler):
            with suppress(ProcessLookupError):
                process.kill()
            process.wait(20)

    def _start(self, *arguments: object) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1"]
        environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
        environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = str(self.allowed_failures)
        if arguments[0] == "worker":  # a scheduler need not have this package
            environment["PYTHONPATH"] = str(PACKAGES)
        with (self.folder / f"{arguments[0]}{len(self.workers)}.log").open("wb") as log:
            return subprocess.Popen(list(map(str, words)), stdout=log, stderr=log, env=environment)


@contextmanager
def started(folder: Path, workers: int = 0, allowed_failures: int = 3):
    """A cluster for as long as the context is open; so many workers more than one may die over a task."""
    folder.mkdir(exist_ok=True)
    cluster = Cluster(folder, allowed_failures)
    try:
        for _ in range(workers):
            cluster.add_worker()
        if workers:
            cluster.await_workers(workers)
        yield cluster
    finally:
        cluster.end()


def _within(seconds, ask):
    until = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (OSError, ValueError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
