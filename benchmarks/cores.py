"""What more cores would do: `cores.py TREE... [--levels 3 6] [--rounds N]`.

Packs each tree by turns with one thread and with two, and takes each phase's least time. What of a phase
only one thread can do follows from its two times, by Amdahl's law (1967): with a serial share s,
time(n) = time(1) x (s + (1 - s) / n). The last columns say what that makes of the whole run on 4, 8 and 16
cores: an estimate, since memory and disk are shared, too. A machine that does something else spoils it.

With py-spy at hand (`pip install py-spy`) two further runs with two threads are sampled: how many of the
samples in which a worker computes find it holding the interpreter's lock.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from measure import measure, ucompress

PHASES = ("scanning_files", "analyzing_patterns", "building_dictionary", "compressing")
CORES = (4, 8, 16)
RATE = 200
"""Samples a second."""
WORKERS = ("ucompress_", "ucompress-dictionary_")
"""How the names of threads begin that do a run's work."""


def command(tree: Path, level: int, threads: int, folder: Path) -> list[str]:
    """Packs a tree with a new database."""
    archive, database = folder / "tree.ucz", folder / "patterns.db"
    for path in folder.glob("*"):
        path.unlink()
    return ucompress(
        "compress",
        tree,
        "-o",
        archive,
        f"-{level}",
        "--threads",
        threads,
        "--database",
        database,
        "--json",
        "-q",
    )


def seconds(tree: Path, level: int, threads: int, folder: Path) -> dict[str, float]:
    """Wall seconds of each phase, and of the rest: start, database, finding the inputs."""
    told = folder / "told"
    used = measure(
        command(tree, level, threads, folder), environment={"UCOMPRESS_STATE_DIR": str(folder)}, output=told
    )
    summary = json.loads(told.read_bytes().splitlines()[-1])
    found: dict[str, float] = {phase: summary["phase_seconds"][phase] for phase in PHASES}
    return found | {"rest": max(0.0, used.wall - sum(found.values()))}


def serial_share(one: float, two: float) -> float:
    """The share of a phase that one thread does alone, by its times with one thread and with two."""
    return min(1.0, max(0.0, 2 * two / one - 1)) if one > 0 else 1.0


def compare(tree: Path, level: int, rounds: int, folder: Path) -> None:
    """A line for each phase and one for the whole run."""
    least: dict[int, dict[str, float]] = {1: {}, 2: {}}
    for _ in range(rounds):
        for threads, best in least.items():
            for phase, took in seconds(tree, level, threads, folder).items():
                best[phase] = min(took, best.get(phase, took))
    one, two = least[1], least[2]
    shares = {phase: serial_share(one[phase], two[phase]) for phase in one}
    whole = sum(one.values())
    label = f"| {tree.name} | {level} |"
    for phase, share in shares.items():
        print(f"{label} {phase} | {one[phase]:.2f} | {two[phase]:.2f} | {share:.2f} | | | |")
    faster = [whole / sum(one[p] * (s + (1 - s) / cores) for p, s in shares.items()) for cores in CORES]
    serial = sum(one[phase] * share for phase, share in shares.items()) / whole
    estimates = " | ".join(f"{times:.1f}" for times in faster)
    print(f"{label} all | {whole:.2f} | {sum(two.values()):.2f} | {serial:.2f} | {estimates} |", flush=True)


def lock_share(tree: Path, level: int, folder: Path) -> float | None:
    """How much of their computing time workers hold the interpreter's lock; None without py-spy."""
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if spy is None:
        return None
    counts = []
    for only in ((), ("--gil",)):
        taken = folder.with_name("samples")
        words = [
            spy,
            "record",
            "--threads",
            *only,
            "--rate",
            RATE,
            "--format",
            "raw",
            "--output",
            taken,
            "--",
        ]
        subprocess.run(
            [*map(str, words), *command(tree, level, 2, folder)],
            check=True,
            capture_output=True,
            env={**os.environ, "UCOMPRESS_STATE_DIR": str(folder)},
        )
        found: Counter[bool] = Counter()
        for line in taken.read_text(encoding="utf-8").splitlines():
            stack, _, count = line.rpartition(" ")
            thread = stack.partition(";")[0].partition(": ")[2]
            found[thread.startswith(WORKERS)] += int(count)
        counts.append(found[True])
    computing, holding = counts
    return holding / computing if computing else None


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("trees", type=Path, nargs="+")
    parser.add_argument("--levels", type=int, nargs="+", default=[3, 6])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores\n")
    estimates = " | ".join(f"{cores} cores" for cores in CORES)
    print(f"| tree | level | phase | one thread, s | two, s | serial share | {estimates} |")
    print("| --- " * (6 + len(CORES)) + "|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "run")
        folder.mkdir()
        for tree in options.trees:
            for level in options.levels:
                compare(tree, level, options.rounds, folder)
        for tree in options.trees:
            for level in options.levels:
                share = lock_share(tree, level, folder)
                if share is not None:
                    print(f"\n{tree.name} level {level}: the lock is held in {share:.1%} of workers' samples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
