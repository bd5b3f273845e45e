"""What a slow disk costs: `slow_disk.py TREE [--level 6] [--milliseconds 2] [--queue 16] [--rounds 3]`.

Packs a tree that is in memory, that tree on a disk which takes some milliseconds for each file and answers
some at a time, and the same without asking ahead. The disk is a library before the C library (`slow_disk.c`):
it lets who reads a file for the first time wait, so nothing else of the machine is slowed and no rights are
needed. "Disk" is what it takes at least to fetch all files; of some turns the least seconds of the pass that
reads, and of the whole run, and CPU over wall seconds while it ran.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import measure, ucompress

RATE = 100
"""Bytes a microsecond, of each of the disk's answers."""


def built(folder: Path) -> Path:
    """The library; needs a C compiler, as building the package does."""
    library = folder / "slow_disk.so"
    source = Path(__file__).with_suffix(".c")
    words = [
        os.environ.get("CC", "cc"),
        "-O1",
        "-shared",
        "-fPIC",
        "-o",
        library,
        source,
        "-ldl",
        "-lpthread",
    ]
    subprocess.run(words, check=True)
    return library


def least_on_disk(tree: Path, microseconds: int, queue: int) -> float:
    """Seconds that fetching all files takes if the disk never waits for us."""
    sizes = [path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
    takes = [microseconds + size // RATE for size in sizes if size]
    return max(sum(takes) / queue, max(takes)) / 1e6


def seconds(
    tree: Path, level: int, threads: int, folder: Path, environment: dict[str, str]
) -> tuple[float, float, float]:
    """Wall of the pass that reads and of all, and CPU of all."""
    archive, told = folder / "tree.ucz", folder / "told"
    database = folder / "patterns.db"
    options = ["-o", archive, f"-{level}", "--threads", threads, "--database", database, "--force"]
    database.unlink(missing_ok=True)
    used = measure(
        ucompress("compress", tree, *options, "--json", "-q"),
        environment={"UCOMPRESS_STATE_DIR": str(folder), **environment},
        output=told,
    )
    summary = json.loads(told.read_bytes().splitlines()[-1])
    return summary["phase_seconds"]["analyzing_patterns"], used.wall, used.cpu


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("trees", type=Path, nargs="+")
    parser.add_argument("--level", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--milliseconds", type=float, default=2)
    parser.add_argument("--queue", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    microseconds = round(1000 * options.milliseconds)
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores\n")
    print(
        "| tree | disk, s | | reading pass, s | all, s | CPU, s | cores busy |\n| --- " + "| --- " * 6 + "|"
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for tree in (tree.resolve() for tree in options.trees):
            slow = {
                "LD_PRELOAD": str(built(folder)),
                "SLOW_ROOT": f"{tree}/",
                "SLOW_MICROSECONDS": str(microseconds),
                "SLOW_RATE": str(RATE),
                "SLOW_QUEUE": str(options.queue),
            }
            ways = {"in memory": {}, "slow disk": slow, "not asked ahead": slow | {"SLOW_DEAF": "1"}}
            found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way, environment in ways.items():
                    found[way].append(seconds(tree, options.level, options.threads, folder, environment))
            disk = least_on_disk(tree, microseconds, options.queue)
            for way, turns in found.items():
                reading, wall, cpu = (min(column) for column in zip(*turns, strict=True))
                row = f"{reading:.2f} | {wall:.2f} | {cpu:.2f} | {cpu / wall:.2f}"
                print(
                    f"| {tree.name} | {disk if way != 'in memory' else 0:.2f} | {way} | {row} |", flush=True
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
