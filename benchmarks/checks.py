"""What checks cost: `checks.py TREE... [--level 6]`.

Packs and unpacks each tree by one thread and tells which part of each run's CPU went into

* digests: BLAKE3 and XXH3, wherever this project asks for them in Python. They find damage and tell which
  contents are the same, so that not all of it would be saved without checks;
* proof: decoding every coded block again before it is written.

Every such call is timed by the CPU clock of its thread, what reading the clock costs is taken off, and the
sum is divided by the CPU of the whole process, the same run's, as the kernel counts it.
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

clock = time.thread_time_ns
ROUNDS = 20_000
CHILD = "--with-clocks"


class Account:
    """Calls of one kind, and the nanoseconds of CPU between their beginnings and ends."""

    def __init__(self) -> None:
        self.calls = 0
        self.nanoseconds = 0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted."""

        def counted(*arguments: Any, **options: Any) -> Any:
            started = clock()
            try:
                return function(*arguments, **options)
            finally:
                self.nanoseconds += clock() - started
                self.calls += 1

        return counted


def install(digests: Account, proof: Account) -> None:
    """Put clocks around hashing and proving; before anything of this project is imported."""
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

    from ucompress.codec import proven

    class Decompressor(proven.BlockDecompressor):
        """The decoder of proofs, with a clock."""

        decompress = proof.timed(proven.BlockDecompressor.decompress)

    proven.BlockDecompressor = Decompressor  # type: ignore[misc, assignment]


def overhead() -> float:
    """Nanoseconds that a clock adds to what it measures."""
    empty = Account()
    function = empty.timed(lambda: None)
    for _ in range(ROUNDS):
        function()
    return empty.nanoseconds / ROUNDS


def run_with_clocks(told: Path, words: list[str]) -> int:
    """Do a command in this process and write down what the clocks say."""
    digests, proof = Account(), Account()
    each = overhead()
    install(digests, proof)
    from ucompress.cli import main as command

    sys.argv = ["ucompress", *words]
    code: object = 0
    try:
        command()
    except SystemExit as ended:
        code = ended.code
    accounts = {"digests": digests, "proof": proof}
    rows = {name: (a.calls, max(0.0, a.nanoseconds - a.calls * each) / 1e9) for name, a in accounts.items()}
    told.write_text(json.dumps(rows))
    return 0 if code in (0, None) else 1


def parts(words: list[str], folder: Path) -> tuple[Usage, dict[str, list[float]]]:
    """What a command costs, and calls and seconds of each kind of check in it."""
    told = folder / "told.json"
    usage = measure([sys.executable, __file__, CHILD, str(told), *words], folder=folder)
    return usage, json.loads(told.read_text())


def main() -> int:
    """Measure and print."""
    if sys.argv[1:2] == [CHILD]:
        return run_with_clocks(Path(sys.argv[2]), sys.argv[3:])
    parser = argparse.ArgumentParser()
    parser.add_argument("trees", nargs="+", type=Path)
    parser.add_argument("--level", type=int, default=6)
    options = parser.parse_args()
    print(f"{'tree':10} {'run':9} {'CPU s':>7} {'digests':>9} {'%':>5} {'proof s':>8} {'%':>5} {'both %':>7}")
    for tree in options.trees:
        with tempfile.TemporaryDirectory(prefix="checks-") as work:
            folder, pack = Path(work), ["--level", str(options.level), "--database", "p.db"]
            runs = {
                "compress": ["compress", os.fspath(tree.resolve()), "-o", "a.ucz", *pack, "-T", "1", "-q"],
                "extract": ["extract", "a.ucz", "-C", "out", "-T", "1", "-q"],
                "verify": ["verify", "a.ucz", "-T", "1", "-q"],
            }
            for name, words in runs.items():
                usage, rows = parts(words, folder)
                digests, proof = rows["digests"][1], rows["proof"][1]
                shares = [100 * part / usage.cpu for part in (digests, proof, digests + proof)]
                print(
                    f"{tree.name:10} {name:9} {usage.cpu:7.2f} {digests:9.3f} {shares[0]:5.2f} "
                    f"{proof:8.3f} {shares[1]:5.2f} {shares[2]:7.2f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
