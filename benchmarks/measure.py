"""Run a command as a whole process and say what it cost.

READ ME FIRST. CPU is user plus system time of the process and of every child that it waited for, from the
kernel's own accounts (`wait4`), not from a clock; so it holds on a machine that others use too, where wall
time does not. Peak memory is the highest resident set of the largest single process. A child starts with the
peak of whoever started it, so this program stays small and leaves reading and comparing of trees to children:
peaks below `floor_mb()` cannot be told apart.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
MIB = 1 << 20
TAR_OPTIONS = "--sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process cost: CPU and wall in seconds, peak resident memory in MiB, and how it ended."""

    user: float
    system: float
    wall: float
    rss_mb: float
    code: int

    @property
    def cpu(self) -> float:
        """User and system time together, in seconds."""
        return self.user + self.system


class CommandFailedError(RuntimeError):
    """A measured command did not end with 0."""


def measure(
    command: list[str] | str,
    *,
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
    output: Path | None = None,
    check: bool = True,
) -> Usage:
    """Run `command` (a string goes to `sh -c`) to its end and return what it cost.

    Args:
        folder: working folder.
        environment: variables set beside the present ones.
        output: file that takes standard output; none discards it.
        check: raise CommandFailedError, with what the command said, if it does not end with 0.
    """
    words = ["sh", "-c", command] if isinstance(command, str) else command
    with open(output or os.devnull, "wb") as out:
        started = time.perf_counter()
        child = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
        )
        assert child.stderr is not None
        with child.stderr:
            said = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if check and child.returncode:
        raise CommandFailedError(
            f"{words} ended with {child.returncode}: {said[-2000:].decode(errors='replace')}"
        )
    return Usage(used.ru_utime, used.ru_stime, wall, used.ru_maxrss / 1024, child.returncode)


def floor_mb() -> float:
    """Peak resident memory of this program, in MiB: what every measured child reports at least."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def process_cpu(pid: int) -> float:
    """CPU seconds that a running process has used so far; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def same_tree(tree: Path, copy: Path, *, links: bool = True, metadata: bool = False) -> bool:
    """Compare two trees byte for byte, in a process of its own."""
    options = ["--links"] * links + ["--metadata"] * metadata
    words = [sys.executable, str(HERE / "compare.py"), str(tree), str(copy), *options]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr, flush=True)
    return done.returncode == 0


def ucompress(*arguments: object) -> list[str]:
    """The command line of our program under the Python that runs this."""
    return [sys.executable, "-m", "ucompress", *map(str, arguments)]


def tree_bytes(path: Path) -> int:
    """Size of a file, or of all files of a tree."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(
        Path(folder, name).lstat().st_size
        for folder, _, names in os.walk(path)
        for name in names
        if not Path(folder, name).is_symlink()
    )
