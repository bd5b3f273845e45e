"""Kill runs and let them go on: `kills.py TREE [--level 6] [--kills 20] [--at 0.9]`.

First an undisturbed run: its bytes are the reference, its CPU the measure. Then the same command again
and again, killed with SIGKILL after a random share of that CPU, until as many kills as asked for have hit
a living run; whenever a run ends by itself, its archive must have the reference's bytes, no archive may
stand at the final name before, and a new job begins. At last one run is killed when it has used the share
`--at` of the undisturbed CPU, and the run that completes it must take at most a quarter of the
undisturbed CPU, and give the same bytes.

Progress is told in CPU seconds, as the kernel counts them, so that other work on the machine moves no
kill.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measure import measure, process_cpu, ucompress

MOST_RESUME = 0.25
POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: killed or by itself, and the CPU seconds that it had used by then."""

    killed: bool
    code: int
    cpu: float


class Job:
    """One command, run as often as it takes, in a folder of its own."""

    def __init__(self, tree: Path, level: int, folder: Path, extra: list[str]) -> None:
        """A new job: no archive, no database."""
        folder.mkdir()
        self.archive = folder / "tree.ucz"
        self.environment = {**os.environ, "UCOMPRESS_STATE_DIR": str(folder / "state")}
        options = ["--database", str(folder / "patterns.db"), f"-{level}", "-q", *extra]
        self.words = ucompress("compress", tree, "-o", self.archive, *options)

    def run(self, kill_at: float | None = None) -> Ended:
        """Run until the end, or until the process has used `kill_at` CPU seconds."""
        child = subprocess.Popen(self.words, env=self.environment, stdin=subprocess.DEVNULL)
        killed = False
        while not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if kill_at is not None and process_cpu(child.pid) >= kill_at:
                os.kill(child.pid, signal.SIGKILL)
                killed = True
                break
            time.sleep(POLL_SECONDS)
        _, status, usage = os.wait4(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        child.returncode = code
        return Ended(killed and code == -signal.SIGKILL, code, usage.ru_utime + usage.ru_stime)

    def digest(self) -> str:
        """SHA-256 of the archive."""
        return hashlib.sha256(self.archive.read_bytes()).hexdigest()


def kill_often(make: Callable[[object], Job], reference: str, whole: float, kills: int, seed: int) -> int:
    """Random kills until `kills` have hit; returns the number of failures."""
    chance, hits, failures, number = random.Random(seed), 0, 0, 0
    job: Job = make(number)
    spent = 0.0
    while hits < kills:
        share = chance.uniform(0.02, 0.30)
        ended = job.run(share * whole)
        spent += ended.cpu
        if ended.killed:
            hits += 1
            early = job.archive.exists() and job.digest() != reference
            failures += early
            note = "  A PARTIAL ARCHIVE STANDS AT THE FINAL NAME" if early else ""
            print(f"kill {hits:2} after {ended.cpu:6.2f} s CPU{note}", flush=True)
            continue
        right = ended.code == 0 and job.digest() == reference
        failures += not right
        verdict = "same bytes" if right else "DIFFERENT BYTES"
        print(f"ended with {ended.code} after {spent:.2f} s CPU in all: {verdict}", flush=True)
        number += 1
        job, spent = make(number), 0.0
    ended = job.run()
    right = ended.code == 0 and job.digest() == reference
    print(f"last run ended with {ended.code}: {'same bytes' if right else 'DIFFERENT BYTES'}", flush=True)
    return failures + (not right)


def kill_late(job: Job, reference: str, whole: float, share: float) -> int:
    """One kill at a share of the CPU; the rest must be cheap. Returns the number of failures."""
    ended = job.run(share * whole)
    if not ended.killed:
        print(f"the run ended before {share:.0%} of the CPU: nothing to tell")
        return 1
    rest = job.run()
    right = rest.code == 0 and job.digest() == reference
    cheap = rest.cpu <= MOST_RESUME * whole
    print(
        f"killed after {ended.cpu:.2f} s of {whole:.2f} s CPU; the rest took {rest.cpu:.2f} s ="
        f" {rest.cpu / whole:.1%} (at most {MOST_RESUME:.0%}): {'held' if cheap else 'NOT HELD'},"
        f" {'same bytes' if right else 'DIFFERENT BYTES'}",
        flush=True,
    )
    return (not right) + (not cheap)


def main() -> int:
    """Kill and compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("tree", type=Path)
    parser.add_argument("--level", type=int, default=6)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--at", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    extra = [] if options.threads is None else ["--threads", str(options.threads)]
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:

        def make(name: object) -> Job:
            return Job(options.tree.resolve(), options.level, Path(folder, f"job{name}"), extra)

        undisturbed = make("reference")
        used = measure(undisturbed.words, environment=undisturbed.environment)
        reference = undisturbed.digest()
        print(f"undisturbed: {used.cpu:.2f} s CPU, {undisturbed.archive.stat().st_size:,} bytes", flush=True)
        failures = kill_late(make("late"), reference, used.cpu, options.at)
        failures += kill_often(make, reference, used.cpu, options.kills, options.seed)
    print("held" if not failures else f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
