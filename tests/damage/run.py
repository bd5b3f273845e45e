"""Damages archives in every way that is listed here, and reads what is left of them.

    make damage                                                   three archives of every level: 200,000 cases
    PYTHONPATH=src:tests:. python -m damage.run --level 8 --step 5

What may come of a case: an error that the program knows, or right bytes. Files whose own bytes are undamaged
come out, with `recover` where footer or directory are not there; only those of a damaged block may be lost,
and whatever stands behind a cut. Each level runs in a child under a watchdog; its memory may exceed what the
archives declare by 64 MB.
"""

from __future__ import annotations

import argparse
import errno
import faulthandler
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

from damage.archives import KINDS, Made, make
from ucompress.archive import Archive, EntryKind
from ucompress.archive.format import source
from ucompress.archive.reading import blocks
from ucompress.codec.block import BlockDecompressor
from ucompress.errors import ArchiveError

LEVELS = range(1, 10)
PATIENCE = 60
WATCHED = 50
"""Cases that may take `PATIENCE` seconds together: one takes milliseconds."""
CHECKED = 8
"""Of so many cases one is also given to `verify`."""
MARGIN = 64 << 20
UNIT = 1 if sys.platform == "darwin" else 1 << 10


@dataclass
class Outcome:
    """What was done: cases by what they were, files that came out and that did not, broken promises."""

    cases: Counter[str] = field(default_factory=Counter)
    files: int = 0
    lost: int = 0
    failures: list[str] = field(default_factory=list)
    cpu: float = 0.0
    memory: int = 0
    declared: int = 0


def damaged_bytes(made: Made, step: int = 1) -> Iterator[tuple[str, bytes, set[bytes]]]:
    """Every byte changed: the archive, and the files that may be lost."""
    for part in made.parts:
        for at in range(part.begin + -part.begin % step, part.end, step):
            data = bytearray(made.data)
            data[at] ^= 1 + at * 37 % 255
            yield f"byte {at} of {part.name}", bytes(data), _that_need(made, {part.block})


class Unreadable(bytes):
    """An archive of which the byte at `hole` cannot be read."""

    hole = -1


class Disk(io.BytesIO):
    """What an archive is read from."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._hole = data.hole if isinstance(data, Unreadable) else -1

    def read(self, size: int | None = -1, /) -> bytes:
        at = self.tell()
        data = super().read(size)
        if at <= self._hole < at + len(data):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return data


def unreadable_bytes(made: Made, step: int = 1) -> Iterator[tuple[str, bytes, set[bytes]]]:
    """Every byte refused by the disk, on which a sector has one byte here."""
    for part in made.parts:
        for at in range(part.begin + -part.begin % step, part.end, step):
            data = Unreadable(made.data)
            data.hole = at
            yield f"unreadable byte {at} of {part.name}", data, _that_need(made, {part.block})


def truncations(made: Made, step: int = 1) -> Iterator[tuple[str, bytes, set[bytes]]]:
    """Every cut: what stands before it comes out."""
    for length in range(0, len(made.data), step):
        gone = {part.block for part in made.parts if part.end > length}
        lost = set(made.contents) if length < made.index_end else _that_need(made, gone)
        yield f"cut at {length}", made.data[:length], lost


def rearranged(made: Made) -> Iterator[tuple[str, bytes, set[bytes]]]:
    """Parts exchanged, repeated, removed; footer and directory removed together."""
    pieces = [made.data[part.begin : part.end] for part in made.parts]
    everything = set(made.contents)
    shared = {at for at, part in enumerate(made.parts) if part.name in ("header", "dictionary", "index")}
    for first, second in combinations(range(len(pieces)), 2):
        moved = list(pieces)
        moved[first], moved[second] = moved[second], moved[first]
        lost = everything if {first, second} & shared else set[bytes]()
        yield f"exchanged {first} and {second}", b"".join(moved), lost
    for at, part in enumerate(made.parts):
        repeated = [*pieces[: at + 1], *pieces[at:]]
        yield f"repeated {at}", b"".join(repeated), everything if at in shared else set()
        rest = b"".join(pieces[:at] + pieces[at + 1 :])
        yield f"removed {at}", rest, everything if at in shared else _that_need(made, {part.block})
    yield "without directory and footer", b"".join(pieces[:-2]), set()


def _that_need(made: Made, blocks: set[int | None]) -> set[bytes]:
    return {path for path, needed in made.needs.items() if needed & blocks}


WAYS = {"bytes": damaged_bytes, "unreadable": unreadable_bytes, "cuts": truncations, "parts": rearranged}


def judge(made: Made, data: bytes, may_be_lost: set[bytes], *, check: bool = True) -> tuple[set[bytes], str]:
    """The files that did not come out, and what is wrong with that; empty if nothing is.

    Reads as strictly as `extract` does, and again as `extract --recover` where other files are missing.

    Args:
        made: the archive as it was.
        data: what became of it.
        may_be_lost: files that need not come out.
        check: see whether `verify` finds what is missing, too.
    """
    missing, wrong = _read(made, data, recover=False, check=check)
    if missing - may_be_lost and not wrong:
        missing, wrong = _read(made, data, recover=True, check=False)
    if missing - may_be_lost and not wrong:
        wrong = f"undamaged files are lost: {sorted(missing - may_be_lost)}"
    return missing, wrong


def _read(made: Made, data: bytes, *, recover: bool, check: bool) -> tuple[set[bytes], str]:
    missing = set(made.contents)
    with suppress(ArchiveError), Archive(Disk(data), recover=recover) as archive:
        for path in sorted(made.contents):
            with suppress(ArchiveError):
                if archive.read(path) != made.contents[path]:
                    return missing, f"wrong bytes of {path!r}"
                missing.discard(path)
        with suppress(ArchiveError):
            for entry in archive.entries():
                if not _is_right(made, entry):
                    return missing, f"a wrong member: {entry}"
        if missing and check and archive.verify(threads=1).ok:
            return missing, "files are missing from an archive that is said to be sound"
    return missing, ""


def _is_right(made: Made, entry: object) -> bool:
    real = made.entries.get(entry.path)  # type: ignore[attr-defined]
    if real is None:
        return False
    told = entry if real.kind is not EntryKind.FILE else entry._replace(digest=real.digest)  # type: ignore[attr-defined]
    return told == real


def run_ways(made: Made, ways: list[str], step: int, outcome: Outcome) -> None:
    """All cases of one archive."""
    with patch.object(source, "_SECTOR", 1):
        _run_ways(made, ways, step, outcome)
    faulthandler.cancel_dump_traceback_later()


def _run_ways(made: Made, ways: list[str], step: int, outcome: Outcome) -> None:
    for way in ways:
        cases = WAYS[way](made) if way == "parts" else WAYS[way](made, step)  # type: ignore[operator]
        for name, data, may_be_lost in cases:
            done = outcome.cases.total()
            if done % WATCHED == 0:
                faulthandler.dump_traceback_later(PATIENCE, exit=True, file=sys.__stderr__)
            try:
                check = done % CHECKED == 0
                missing, wrong = judge(made, data, may_be_lost, check=check)
            except Exception as error:
                missing, wrong = set(), repr(error)
            outcome.cases[way] += 1
            outcome.files += len(made.contents) - len(missing)
            outcome.lost += len(missing)
            if wrong:
                outcome.failures.append(f"level {made.level}, {made.kind}, {name}: {wrong}")


def _child(level: int, ways: list[str], step: int) -> int:
    faulthandler.enable()
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as work:
        archives = [make(level, kind, Path(work)) for kind in KINDS]
    # Writing took memory too: its peak is forgotten here.
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
    started = time.process_time()
    # Decoders are primed once, and used for all cases: each must leave them fit for the next one.
    with patch.object(blocks, "BlockDecompressor", cache(BlockDecompressor)):
        for made in archives:
            run_ways(made, ways, step, outcome)
    outcome.cpu = time.process_time() - started
    outcome.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT - before
    outcome.declared = max(made.memory for made in archives)
    if outcome.memory > outcome.declared + MARGIN:
        outcome.failures.append(f"level {level}: {outcome.memory >> 20} MB of memory")
    print(json.dumps(outcome.__dict__))
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--level", type=int, action="append", choices=LEVELS)
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--step", type=int, default=1, help="only each so manieth byte and length")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    ways = options.way or list(WAYS)
    if options.child is not None:
        return _child(options.child, ways, options.step)
    cases, failures, cpu = 0, 0, 0.0
    for level in options.level or LEVELS:
        words = [sys.executable, "-m", "damage.run", "--child", str(level), "--step", str(options.step)]
        words += [word for way in ways for word in ("--way", way)]
        # One pool of freed memory for all threads: what others keep is not what decoding takes.
        environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            print(f"level {level}: the child ended with {done.returncode}\n{done.stderr[-4000:]}")
            failures += 1
            continue
        told = json.loads(done.stdout)
        cases, cpu = cases + sum(told["cases"].values()), cpu + told["cpu"]
        failures += len(told["failures"])
        counts = ", ".join(f"{count:,} {way}" for way, count in told["cases"].items())
        print(
            f"level {level}: {counts}; {told['files']:,} files right, {told['lost']:,} lost, "
            f"{len(told['failures'])} failures; {told['memory'] >> 20} MB more memory, "
            f"{told['declared'] >> 20} MB declared; {told['cpu']:.0f} s of CPU",
            flush=True,
        )
        print("".join(f"  {failure}\n" for failure in told["failures"][:20]), end="", flush=True)
    print(f"{cases:,} cases, {failures} failures, {cpu:.0f} s of CPU")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
