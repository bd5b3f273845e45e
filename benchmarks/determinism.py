"""The same bytes, whatever the run: `determinism.py TREE... [--levels 3 6] [--threads 1 2 4] [--limits 256
1024]`.

Packs each tree once as a reference, then with each number of threads, each memory limit, and each state
of the database (none, of an earlier run, of another tree's run, damaged in the middle, cut, overwritten
behind its header, empty), and compares the archives byte for byte. The peak resident memory of every run
stands beside its limit. One line a run; ends with 1 if any run differed, failed or passed its limit.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import CommandFailedError, measure, ucompress

DEFAULT_LIMIT = 1024
DAMAGED_PLACES = 64


class Bench:
    """Runs over one tree at one level, each in a folder of its own."""

    def __init__(self, tree: Path, level: int, scratch: Path) -> None:
        """Nothing is run yet."""
        self.tree, self.level, self.scratch = tree, level, scratch
        self.reference = ""
        self.failures = 0
        self._number = 0

    def run(
        self,
        what: str,
        *,
        database: Path | None = None,
        threads: int | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Path:
        """Pack once, print the verdict, and return the run's database."""
        self._number += 1
        folder = self.scratch / f"{self.tree.name}-{self.level}-{self._number}"
        folder.mkdir()
        archive, own = folder / "tree.ucz", folder / "patterns.db"
        if database is not None:
            shutil.copy(database, own)
        options = ["--database", own, f"-{self.level}", "--memory-limit", limit, "-q", "--no-resume"]
        if threads is not None:
            options += ["--threads", threads]
        try:
            words = ucompress("compress", self.tree, "-o", archive, *options)
            used = measure(words, environment={"UCOMPRESS_STATE_DIR": str(self.scratch / "state")})
        except CommandFailedError as error:
            self.failures += 1
            print(f"{self.tree.name} -{self.level} {what:28} FAILED: {error}", flush=True)
            return own
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        self.reference = self.reference or digest
        same, within = digest == self.reference, used.rss_mb <= limit
        self.failures += (not same) + (not within)
        size = archive.stat().st_size
        archive.unlink()
        print(
            f"{self.tree.name} -{self.level} {what:28}{size:>12,} bytes {used.cpu:7.2f} s CPU"
            f" {used.rss_mb:6.0f} MB of {limit}"
            f"  {'same bytes' if same else 'DIFFERENT BYTES'}{'' if within else '  OVER THE LIMIT'}",
            flush=True,
        )
        return own


def databases(old: Path, foreign: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Files to begin a run with, in all states that a run may meet."""
    yield "database of the same tree", old
    yield "database of another tree", foreign
    content = old.read_bytes()
    damaged = bytearray(content)
    chance = random.Random(1)
    for _ in range(DAMAGED_PLACES):
        damaged[chance.randrange(4096, len(damaged))] ^= 0xFF
    states = {
        "database damaged inside": bytes(damaged),
        "database cut in half": content[: len(content) // 2],
        "database overwritten": content[:100] + random.Random(2).randbytes(65536),
        "database empty": b"",
    }
    for what, data in states.items():
        path = scratch / (what.replace(" ", "-") + ".db")
        path.write_bytes(data)
        yield what, path


def other_tree(scratch: Path) -> Path:
    """A small tree of another kind."""
    folder = scratch / "other"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.txt").write_bytes(
            b"%d the quick brown fox jumps over the lazy dog\n" % number * 100
        )
    return folder


def main() -> int:
    """Run the matrix; returns the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("trees", type=Path, nargs="+")
    parser.add_argument("--levels", type=int, nargs="+", default=[3, 6])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--limits", type=int, nargs="*", default=[256, 1024])
    parser.add_argument("--no-databases", action="store_true")
    options = parser.parse_args()
    failures = 0
    for tree in options.trees:
        for level in options.levels:
            with tempfile.TemporaryDirectory(prefix="determinism-") as folder:
                scratch = Path(folder)
                bench = Bench(tree.resolve(), level, scratch)
                old = bench.run("reference")
                for threads in options.threads:
                    bench.run(f"threads {threads}", threads=threads)
                for limit in options.limits:
                    bench.run(f"memory limit {limit}", limit=limit)
                if not options.no_databases:
                    foreign = Bench(other_tree(scratch), level, scratch).run("for its database")
                    for what, database in databases(old, foreign, scratch):
                        bench.run(what, database=database)
                failures += bench.failures
    print("all the same" if not failures else f"{failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
