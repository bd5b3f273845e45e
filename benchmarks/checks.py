"""What checks cost: `checks.py TREE... [--level 6] [--run NAME]...`.

Packs and unpacks each tree by one thread and tells which part of each run's CPU went into

* digests: BLAKE3 and XXH3, wherever this project asks for them in Python. They find damage and tell which
  contents are the same, so that not all of it would be saved without checks;
* proof: decoding coded blocks again before they are written: all of them, or, where the archive is read back,
  those that others are coded after;
* reading back: the finished archive, before it gets its name. Digests in there
  count here only, and all shares of that run are of what it would be without.

Every such call is timed by the CPU clock of its thread, reading back by that of the process; what reading the
clock costs is taken off, and the sum is divided by the CPU of the whole process, the same run's, as the
kernel counts it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import Usage, measure

ROUNDS = 20_000
CHILD = "--with-clocks"
RUNS = {
    "compress --no-verify": ["--no-verify"],
    "compress": ["--verify"],
    "extract": ["extract", "a.ucz", "-C", "out"],
    "verify": ["verify", "a.ucz"],
}
"""Words of each run behind those that every `compress` has; the last two read what was packed before."""


class Account:
    """Calls of one kind, and the nanoseconds of CPU between their beginnings and ends."""

    def __init__(self, clock: Callable[[], int] = time.thread_time_ns) -> None:
        self.calls = 0
        self.nanoseconds = 0
        self.clock = clock

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted."""

        def counted(*arguments: Any, **options: Any) -> Any:
            started = self.clock()
            try:
                return function(*arguments, **options)
            finally:
                self.nanoseconds += self.clock() - started
                self.calls += 1

        return counted


def install(digests: Account, proof: Account, back: Account) -> None:
    """Put clocks around hashing, proving and reading back; before anything of this project is imported."""
    import blake3
    import xxhash

    original = blake3.blake3

    class Hasher:
        """A BLAKE3 object with clocks."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            hasher = digests.timed(original)(*arguments, **options)
            self.update = digests.timed(hasher.update)
            self.digest = digests.timed(hasher.digest)
            self.hexdigest = digests.timed(hasher.hexdigest)

    blake3.blake3 = Hasher  # type: ignore[misc, assignment]
    for name in ("xxh3_64_digest", "xxh3_64_intdigest"):
        setattr(xxhash, name, digests.timed(getattr(xxhash, name)))

    from ucompress.codec import proving

    class Decompressor(proving.BlockDecompressor):
        """The decoder of proofs, with a clock."""

        decompress = proof.timed(proving.BlockDecompressor.decompress)

    proving.BlockDecompressor = Decompressor  # type: ignore[misc, assignment]

    from ucompress.pipeline.writing.assembly import Assembly

    read_back = back.timed(Assembly.reads_back)

    def reads_back(*arguments: Any) -> bool:
        before = digests.nanoseconds, digests.calls
        try:
            return bool(read_back(*arguments))
        finally:
            digests.nanoseconds, digests.calls = before

    Assembly.reads_back = reads_back  # type: ignore[method-assign]


def overhead() -> float:
    """Nanoseconds that a clock adds to what it measures."""
    empty = Account()
    function = empty.timed(lambda: None)
    for _ in range(ROUNDS):
        function()
    return empty.nanoseconds / ROUNDS


def run_with_clocks(told: Path, words: list[str]) -> int:
    """Do a command in this process and write down what the clocks say."""
    digests, proof, back = Account(), Account(), Account(time.process_time_ns)
    each = overhead()
    install(digests, proof, back)
    from ucompress.cli import main as command

    sys.argv = ["ucompress", *words]
    code: object = 0
    try:
        command()
    except SystemExit as ended:
        code = ended.code
    accounts = {"digests": digests, "proof": proof, "back": back}
    rows = {name: (a.calls, max(0.0, a.nanoseconds - a.calls * each) / 1e9) for name, a in accounts.items()}
    told.write_text(json.dumps(rows))
    return 0 if code in (0, None) else 1


def parts(words: list[str], folder: Path) -> tuple[Usage, dict[str, list[float]]]:
    """What a command costs, and calls and seconds of each kind of check in it."""
    told = folder / "told.json"
    usage = measure([sys.executable, __file__, CHILD, str(told), *words], folder=folder)
    return usage, json.loads(told.read_text())


def shares(usage: Usage, rows: dict[str, list[float]]) -> str:
    """What went into each kind of check, as a line of the table."""
    digests, proof, back = (rows[name][1] for name in ("digests", "proof", "back"))
    rest = usage.cpu - back
    percents = [100 * part / rest for part in (digests, proof, digests + proof, back)]
    numbers = (digests, percents[0], proof, percents[1], percents[2], back, percents[3])
    return f"{usage.cpu:7.2f} " + " ".join(f"{number:9.3f}" for number in numbers)


def main() -> int:
    """Measure and print."""
    if sys.argv[1:2] == [CHILD]:
        return run_with_clocks(Path(sys.argv[2]), sys.argv[3:])
    parser = argparse.ArgumentParser()
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--level", type=int, default=6)
    parser.add_argument("--run", choices=RUNS, action="append", help="only these, of what was packed before")
    options = parser.parse_args()
    titles = ("digests", "%", "proof s", "%", "both %", "back s", "%")
    print(f"{'tree':10} {'run':20} {'CPU s':>7} " + " ".join(f"{title:>9}" for title in titles))
    for tree in options.trees:
        with tempfile.TemporaryDirectory(prefix="checks-") as work:
            pack = ["--level", str(options.level), "--database", "p.db", "--no-resume", "--force"]
            compress = ["compress", os.fspath(tree.resolve()), "-o", "a.ucz", *pack]
            for name in options.run or RUNS:
                Path(work, "p.db").unlink(missing_ok=True)
                words = [*(compress if name.startswith("compress") else []), *RUNS[name], "-T", "1", "-q"]
                print(f"{tree.name:10} {name:20} {shares(*parts(words, Path(work)))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
