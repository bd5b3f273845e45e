"""Coverage-guided fuzzing of what is written in Python, by Atheris; and the seeds of all guided targets.

    python -m fuzz.guided --seeds FOLDER             seeds, a folder for each target
    python -m fuzz.guided --list parsers             the targets for Atheris: these, or `choices`
    python -m fuzz.guided TARGET [libFuzzer's arguments]

A target of `parsers` takes the fuzzer's bytes as they are. One of `run.TARGETS` makes its case of choices:
these are read from the bytes, so that the fuzzer learns which of them lead to code it has not seen. `_core`
is not instrumented: its decoders have harnesses of their own, in `native/`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

CHOSEN = ("archives", "references", "records", "databases", "resumes", "frames", "samples", "blocks")
"""The targets of `run.TARGETS` that reach code in Python, but for those that `parsers` has, too."""

PARSERS = ("headers", "page", "directory", "dictionary", "plan", "archive", "database")


class Choices(Random):
    """Random numbers that are read from bytes, and made from all of these where they end."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._data, self._at = data, 0

    def getrandbits(self, k: int) -> int:
        """As `Random.getrandbits`."""
        size = (k + 7) // 8
        if self._at + size > len(self._data):
            return super().getrandbits(k)
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at], "little") & ((1 << k) - 1)

    def random(self) -> float:
        """One of 65,536 numbers."""
        return self.getrandbits(16) / 65536


def target_of(name: str) -> Callable[[bytes], None]:
    """The target; what it imports of ucompress first must be imported in here."""
    from fuzz import run

    if name in PARSERS:
        check: Callable[[bytes], None] = importlib.import_module("fuzz.parsers").TARGETS[name]
        return check
    module, function = run.TARGETS[name].split(":")
    case = getattr(importlib.import_module(f"fuzz.{module}"), function)()
    return lambda data: case(Choices(data))


def write_seeds(folder: Path) -> None:
    """The seeds of `natives` and `parsers`; for what is made of choices, any bytes are as good."""
    from fuzz import natives, parsers

    pick = Random(1)
    made = (
        natives.seeds() | parsers.seeds() | {name: [pick.randbytes(200) for _ in range(3)] for name in CHOSEN}
    )
    for name, inputs in made.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / name / hashlib.blake2b(data, digest_size=8).hexdigest()).write_bytes(data)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=Path)
    parser.add_argument("--list", choices=["parsers", "choices"])
    parser.add_argument("target", nargs="?", choices=[*PARSERS, *CHOSEN])
    options, arguments = parser.parse_known_args()
    if options.list is not None:
        print(*(PARSERS if options.list == "parsers" else CHOSEN))
    elif options.seeds is not None:
        write_seeds(options.seeds)
    elif options.target is not None:
        _fuzz(options.target, arguments)


def _fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    import atheris

    # No cleaning up in Python comes after it: the folder lies where the caller removes it.
    work = tempfile.mkdtemp(prefix="fuzz-")
    os.environ["UCOMPRESS_STATE_DIR"] = tempfile.tempdir = work
    program = Path(work, name)  # that libFuzzer starts again to merge
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m fuzz.guided {name} "$@"\n')
    program.chmod(0o755)
    with atheris.instrument_imports(include=["ucompress"], enable_loader_override=False):
        target = target_of(name)
    atheris.Setup([str(program), *arguments], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
