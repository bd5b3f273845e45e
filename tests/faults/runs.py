"""Runs of the command in which one call fails, and what must be true of each; see shim.c."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from support import compile_shim, fill_codebase, preloaded, tree_facts
from tests.pipeline.runs import command
from ucompress.errors import CompressionError
from ucompress.spill import LEAST

SHIM = Path(__file__).with_name("shim.c")
PATIENCE = 60
UNREADABLE = 3
OURS = ("a.ucz", ".a.ucz.partial", "p.db")
"""How the names of what a run may leave begin."""

LOWERED = """
import sys
import ucompress.spill
from ucompress.cli import main

ucompress.spill.Spill.__init__.__defaults__ = (None, int(sys.argv.pop(1)))
main()
"""
"""`python -m ucompress` that keeps columns of so many bytes in files."""


def exit_codes() -> set[int]:
    """What a command may end with."""
    codes, kinds = {0, UNREADABLE}, [CompressionError]
    while kinds:
        kind = kinds.pop()
        codes.add(kind.exit_code)
        kinds += kind.__subclasses__()
    return codes


@dataclass
class Place:
    """Where the runs happen: a tree, the archive of it that is right, and a folder to work in."""

    tree: Path
    reference: bytes
    work: Path
    shim: Path
    level: int = 3
    least: int = LEAST

    @property
    def words(self) -> list[str]:
        database = ["--database", self.work / "p.db"]
        options = [*database, f"-{self.level}", "-T", "1", "--no-resume", "--recovery", "5"]
        words = ["compress", self.tree, "-o", self.work / "a.ucz", *options]
        if self.least == LEAST:
            return command(*words)
        return [sys.executable, "-c", LOWERED, str(self.least), *map(os.fspath, words)]

    def clear(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()

    def run(
        self, words: list[str], call: str, at: int, fault: object, **more: str
    ) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            "LD_PRELOAD": preloaded(self.shim),
            "FAULT_ROOT": str(self.work.parent),
            "FAULT_CALL": call,
            "FAULT_AT": str(at),
            "FAULT_ERRNO": str(fault),
            "UCOMPRESS_STATE_DIR": str(self.work.parent / "state"),
            **more,
        }
        return subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def count(self, words: list[str], call: str, **more: str) -> int:
        """How many such calls the command makes."""
        counted = self.work.parent.parent / "count"
        counted.unlink(missing_ok=True)
        self.run(words, call, 0, 0, FAULT_COUNT=str(counted), **more)
        return len(counted.read_bytes().splitlines()) if counted.exists() else 0


def make_place(base: Path, level: int = 3, least: int = LEAST, files: int = 20, size: int = 3000) -> Place:
    """A tree of so many files of about `size` bytes, and its archive, below an empty folder."""
    root = base / "root"
    root.mkdir()
    fill_codebase(root / "tree", files, size)
    made = Place(root / "tree", b"", root / "work", compile_shim(SHIM, base), level, least)
    made.clear()
    done = made.run(made.words, "none", 0, 0)
    assert done.returncode == 0, done.stderr
    made.reference = (made.work / "a.ucz").read_bytes()
    return made


def look_at(done: subprocess.CompletedProcess) -> None:
    """One sentence and a code that is documented, or nothing."""
    assert done.returncode in exit_codes(), (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0 or done.stderr.strip()


def check_compress(place: Place, call: str, at: int, fault: object, **more: str) -> int:
    """Compress with a fault, then without, going on from a kill; the first run's exit code."""
    place.clear()
    facts = tree_facts(place.tree)
    words = [word for word in place.words if word != "--no-resume" or fault != "kill"]
    done = place.run(words, call, at, fault, **more)
    if fault == "kill":
        assert done.returncode == -signal.SIGKILL, done.stderr
    else:
        look_at(done)
    assert not {name for name in os.listdir(place.work) if not name.startswith(OURS)}
    archive = place.work / "a.ucz"
    if done.returncode == 0 or (done.returncode != UNREADABLE and archive.exists()):
        assert archive.read_bytes() == place.reference
    assert tree_facts(place.tree) == facts
    again = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert again.returncode == 0, again.stderr
    assert archive.read_bytes() == place.reference
    return done.returncode
