"""Real processes for the tests: each runs a snippet and can be talked to by lines."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

PRELUDE = """
import os, sys, time
from pathlib import Path
from ucompress.database import *
from ucompress.errors import *
from ucompress.patterns import PatternEntry
from ucompress.progress import PipelinePhase, PipelineState
def say(*words): print(*words, flush=True)
def entry(pattern, frequency=3): return PatternEntry(pattern, frequency, 1, utc_now(), utc_now())
"""


class Process:
    """A Python process; `say` and `entry` are at hand in its code, its arguments in `sys.argv[1:]`."""

    def __init__(self, code: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The next line it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def tell(self, text: str = "") -> None:
        """Say a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def kill_after_reading(self, said: dict[str, int]) -> None:
        """Kill it, then take into `said` what it had said until then: lines of a name and a number."""
        self._process.kill()
        assert self._process.stdout is not None
        for line in self._process.stdout.read().splitlines():
            name, _, number = line.partition(" ")
            if number and name in said:
                said[name] = int(number)
        self.kill()

    def kill(self) -> None:
        """End it at once, as SIGKILL does."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def wait(self) -> str:
        """Wait for its end; returns the rest of what it said."""
        out, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0
        return out
