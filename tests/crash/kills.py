"""Kills `compress` at named points and at random instants, again and again until it ends.

    make kills                                                      500 kills over levels 3, 6 and 8
    PYTHONPATH=src:tests:. python -m crash.kills --kills 50 --level 6 --seed 7

A *job* is one command in a folder of its own. Its run is killed with SIGKILL, at a call of the kernel that
`POINTS` names or when it has used a random share of its CPU, and begun again by the same command, until one
ends by itself. Half of the jobs keep columns over all files in files without a name. After each kill nothing
may stand at the archive's name but the whole archive, and the tree must be as it was; after the last run the
archive must have the undisturbed run's bytes, and the folders hold what an undisturbed run leaves in them and
nothing else. The run itself tells which phase it enters, so that the report says where kills hit.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support import compile_shim, fill_codebase, preloaded, tree_facts
from ucompress.spill import LEAST

SHIM = Path(__file__).parents[1] / "faults" / "shim.c"
PATIENCE = 120
POLL_SECONDS = 0.002
RUN = """
import os, sys
import ucompress.spill
from ucompress.cli import main
from ucompress.pipeline.running.tracker import RunTracker

class Telling(RunTracker):
    @property
    def phase(self):
        return self._phase

    @phase.setter
    def phase(self, phase):
        os.write(told, phase.value.encode() + b"\\n")
        self._phase = phase

told = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
ucompress.spill.Spill.__init__.__defaults__ = (None, int(sys.argv.pop(1)))
import ucompress.pipeline.orchestrator
ucompress.pipeline.orchestrator.RunTracker = Telling
main()
"""
"""`python -m ucompress` that writes the name of each phase into a file as it enters it, and keeps
columns of so many bytes in files."""

FEW_BYTES = 64
"""Columns of so many bytes stand in files without a name where kills shall meet them in a small tree."""

MOST_KILLS = 40
"""Kills of one job after which its run is let go on, for a job whose kills all come early would never end."""

SPILLING = {
    "a column gets its room": ("reserve", " (deleted)", "kill"),
    "a column is written": ("write", " (deleted)", "kill"),
    "a column is half written": ("write", " (deleted)", "torn"),
    "a column is mapped": ("map", " (deleted)", "kill"),
    "a column is read back": ("read", " (deleted)", "kill"),
}
"""As `POINTS`, where columns over all files stand in files without a name."""

POINTS = SPILLING | {
    "a file without a name is made": ("nameless", "", "kill"),
    "the database is opened": ("open", "p.db", "kill"),
    "the database is read": ("read", "p.db", "kill"),
    "the database is written": ("write", "p.db", "kill"),
    "a page of the database is half written": ("write", "p.db", "torn"),
    "the database is synced": ("sync", "p.db", "kill"),
    "the database's log is cut": ("truncate", "p.db", "kill"),
    "a file of the database is removed": ("unlink", "p.db", "kill"),
    "a folder is listed": ("list", "/tree", "kill"),
    "an input is looked at": ("stat", "/tree", "kill"),
    "an input is opened": ("open", "/tree", "kill"),
    "an input is read": ("read", "/tree", "kill"),
    "the partial archive is opened": ("open", ".partial", "kill"),
    "the partial archive is read back": ("read", ".partial", "kill"),
    "the partial archive is written": ("write", ".partial", "kill"),
    "a block is half written": ("write", ".partial", "torn"),
    "the partial archive is synced": ("sync", ".partial", "kill"),
    "the partial archive is cut": ("truncate", ".partial", "kill"),
    "the archive gets its name": ("rename", "a.ucz", "kill"),
    "something beside the archive is synced, or its folder": ("sync", "/work", "kill"),
    "the state folder is written": ("write", "/state", "kill"),
    "a file of the state folder gets its name": ("rename", "/state", "kill"),
}
"""By name: which call, on files whose path contains what, and how the process ends there."""


class FailedKillError(AssertionError):
    """A run was not what a kill must leave."""


@dataclass
class Tally:
    """What was done: kills by point and by the phase that the run was in, jobs that ended well, failures."""

    points: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Runs that were killed."""
        return self.points.total()


def fill_tree(root: Path) -> None:
    """A small tree of several blocks: text, twins, links, noise."""
    fill_codebase(root, 40, 8000)
    for number in range(3):
        (root / f"noise{number}").write_bytes(random.Random(number).randbytes(700_000))
    (root / "twin").write_bytes((root / "noise0").read_bytes())
    (root / "link").symlink_to("noise1")
    os.link(root / "noise2", root / "hard")
    for path in (root, *root.rglob("*")):
        os.utime(path, ns=(0, 1_600_000_000_123_456_789), follow_symlinks=False)


class Killer:
    """Jobs of one tree and level.

    Args:
        folder: a folder of ours; holds tree, work and state.
        level: of compression.
        seed: of the points and instants.
        least: bytes from which on a column stands in a file.
    """

    def __init__(self, folder: Path, level: int, seed: int, least: int = LEAST) -> None:
        """Pack the tree undisturbed: its bytes are the reference, its CPU and calls the measure."""
        self.folder, self.level, self.least = folder, level, least
        self.tree, self.work, self.state = folder / "tree", folder / "work", folder / "state"
        if not self.tree.exists():
            fill_tree(self.tree)
        self.archive, self.told = self.work / "a.ucz", folder / "phases"
        self.shim = compile_shim(SHIM, folder)
        self.pick = random.Random(f"{level}/{seed}/{least}")
        self.facts = tree_facts(self.tree)
        self._clear()
        self.cpu = self._run_through()
        self.reference = self.archive.read_bytes()
        self.left = self._names()
        self.counts = self._counts()

    def kill_until(self, kills: int, tally: Tally) -> None:
        """Jobs until so many more kills have hit; each job goes on to its end, or to a broken promise."""
        wanted = tally.kills + kills
        while tally.kills < wanted:
            self._clear()
            try:
                self._finish_a_job(wanted, tally)
                tally.jobs += 1
            except FailedKillError as error:
                tally.failures.append(f"level {self.level}, kill {tally.kills}: {error}")

    def _finish_a_job(self, wanted: int, tally: Tally) -> None:
        for _ in range(MOST_KILLS):
            if tally.kills >= wanted:
                break
            if not self._run_killed(tally):
                self._check_end()
                return
            self._check_kill()
        self._run_through()
        self._check_end()

    def _run_killed(self, tally: Tally) -> bool:
        """One run with a kill prepared; whether it hit."""
        if self.pick.random() < 0.5:
            point = self.pick.choice([name for name, count in self.counts.items() if count])
            # What is left to do after kills takes fewer calls: early ones are met more often.
            return self._kill_at(point, 1 + int(self.counts[point] * self.pick.random() ** 2), tally)
        # Starting takes the first third of so short a run.
        share = self.pick.uniform(0.02, 1.0) ** 0.5 * self.cpu
        with self._child(self._words, self._environment()) as child:
            while child.poll() is None and _cpu(child.pid) < share:
                time.sleep(POLL_SECONDS)
            child.kill()
            child.wait(PATIENCE)
        return self._was_killed(child, "a random instant", tally)

    def _kill_at(self, point: str, at: int, tally: Tally) -> bool:
        """One run that ends when it comes to a point for the `at`th time; whether it did."""
        call, name, how = POINTS[point]
        with self._child(self._words, self._environment() | self._shimmed(call, name, at, how)) as child:
            child.wait(PATIENCE)
        return self._was_killed(child, point, tally)

    def _was_killed(self, child: subprocess.Popen[bytes], point: str, tally: Tally) -> bool:
        if child.returncode == -signal.SIGKILL:
            tally.points[point] += 1
            tally.phases[self._phase()] += 1
            return True
        if child.returncode != 0:
            raise FailedKillError(f"{point}: ended with {child.returncode}: {self._said()}")
        return False

    def _check_kill(self) -> None:
        """After a kill: no archive or the whole one, the tree as it was, nothing beside what is ours."""
        if self.archive.exists() and self.archive.read_bytes() != self.reference:
            raise FailedKillError("what has the archive's name is not the archive")
        if tree_facts(self.tree) != self.facts:
            raise FailedKillError("the tree has changed")
        ours = {"a.ucz", ".a.ucz.partial", "p.db", "p.db-wal", "p.db-shm", "p.db-journal"}
        if stray := set(os.listdir(self.work)) - ours:
            raise FailedKillError(f"stray files after a kill: {stray}")

    def _check_end(self) -> None:
        """After a run that ended by itself: the same bytes, and no file more or less."""
        if self.archive.read_bytes() != self.reference:
            raise FailedKillError("the resumed archive has other bytes")
        if tree_facts(self.tree) != self.facts:
            raise FailedKillError("the tree has changed")
        if self._names() != self.left:
            raise FailedKillError(f"left behind: {self._names() ^ self.left}")

    def _clear(self) -> None:
        for folder in (self.work, self.state):
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            folder.mkdir(exist_ok=True)

    def _names(self) -> set[str]:
        return {
            str(path.relative_to(self.folder)) for top in (self.work, self.state) for path in top.rglob("*")
        }

    @property
    def _words(self) -> list[str]:
        options = ["--database", self.work / "p.db", f"-{self.level}", "-T", "1", "-q"]
        words = [sys.executable, "-c", RUN, self.told, self.least, "compress", self.tree]
        return list(map(str, [*words, "-o", self.archive, *options]))

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "UCOMPRESS_STATE_DIR": str(self.state)}

    def _shimmed(self, call: str, name: str, at: int, how: str) -> dict[str, str]:
        found = {"LD_PRELOAD": preloaded(self.shim), "FAULT_ROOT": str(self.folder), "FAULT_CALL": call}
        return found | {"FAULT_NAME": name, "FAULT_AT": str(at), "FAULT_ERRNO": how}

    @contextlib.contextmanager
    def _child(self, words: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        """The command, its output in a file; it is never left running."""
        self.told.unlink(missing_ok=True)
        with (self.folder / "said").open("wb") as said:
            child = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
            )
            try:
                yield child
            finally:
                if child.poll() is None:
                    child.kill()
                    child.wait()

    def _said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")[-2000:]

    def _run_through(self) -> float:
        """A run that nobody disturbs; the CPU seconds that it took."""
        with self._child(self._words, self._environment()) as child:
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise FailedKillError(f"ended with {child.returncode}: {self._said()}")
        return used.ru_utime + used.ru_stime

    def _counts(self) -> dict[str, int]:
        """How often an undisturbed run comes to each point."""
        counted = self.folder / "count"
        self._clear()
        environment = self._environment() | self._shimmed("any", "", 0, "") | {"FAULT_COUNT": str(counted)}
        with self._child(self._words, environment) as child:
            child.wait(PATIENCE)
        calls = [line.partition(" ") for line in counted.read_text().splitlines()]
        return {
            point: sum(found == call and name in path for found, _, path in calls)
            for point, (call, name, _) in POINTS.items()
        }

    def _phase(self) -> str:
        """The phase that the run was in when it was killed."""
        phases = self.told.read_text().split() if self.told.exists() else []
        return phases[-1] if phases else "before the first phase"


def _cpu(pid: int) -> float:
    """CPU seconds that a child has used so far; none when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=500, help="in all")
    parser.add_argument("--level", type=int, action="append", help="[3, 6, 8]")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    levels = options.level or [3, 6, 8]
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="kills-") as work:
        kinds = [(level, least) for level in levels for least in (LEAST, FEW_BYTES)]
        for number, (level, least) in enumerate(kinds):
            share = options.kills * (number + 1) // len(kinds) - tally.kills
            folder = Path(work, f"{level}-{least}")
            folder.mkdir()
            Killer(folder.resolve(), level, options.seed, least).kill_until(share, tally)
            print(
                f"level {level}, columns from {least} bytes on in files: "
                f"{tally.kills} kills so far, {tally.jobs} jobs ended",
                flush=True,
            )
    for title, counts in (("point", tally.points), ("phase", tally.phases)):
        for name, count in counts.most_common():
            print(f"{title}  {name:45} {count:4}")
    print(f"{tally.kills} kills, {tally.jobs} jobs ended in the same bytes, {len(tally.failures)} failures")
    print("\n".join(tally.failures))
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main())
