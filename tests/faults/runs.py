"""Runs of the command in which one call fails, and what must be true of each; see shim.c."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from support import compile_shim, fill_codebase, preloaded, tree_facts
from tests.pipeline.runs import command, run
from ucompress.errors import CompressionError
from ucompress.spill import LEAST

SHIM = Path(__file__).with_name("shim.c")
PATIENCE = 180
"""Seconds: where a lock fails at the wrong moment SQLite tries for ten, five times in a run at worst."""

UNREADABLE = 3
OURS = ("a.ucz", ".a.ucz.partial", "p.db")
"""How the names of what a run may leave begin."""

FORGIVEN = {
    ("attributes", errno.ENOTSUP): 4,
    ("attributes", errno.EACCES): 4,
    ("mode", errno.EPERM): 0,
    ("time", errno.EPERM): 1,
    ("link", errno.EPERM): 3,
    ("link", errno.EMLINK): 3,
}
"""What a file system may not have, or not for us: which of the facts of a path may then be others."""

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
    counted: dict[tuple[str, ...], Counter[str]] = field(default_factory=dict)

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

    def interrupt(self) -> None:
        """Leave what a job leaves that was killed while it wrote the archive."""
        kept, state = self.work.with_name("kept"), self.work.with_name("state")
        if not kept.exists():
            self.clear()
            words = [word for word in self.words if word != "--no-resume"]
            done = self.run(words, "write", 2, "kill", FAULT_NAME=".partial")
            assert done.returncode == -signal.SIGKILL, done.stderr
            shutil.copytree(self.work, kept / "work")
            shutil.copytree(state, kept / "state")
        for folder in (self.work, state):
            shutil.rmtree(folder)
            shutil.copytree(kept / folder.name, folder)

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
        """How many such calls the command makes; the first time, it is run for that."""
        wanted = call if call == "malloc" else "any"
        key = (*words, wanted, *more.values())
        if key not in self.counted:
            counted = self.work.parent.parent / "count"
            counted.unlink(missing_ok=True)
            self.run(words, wanted, 0, 0, FAULT_COUNT=str(counted), **more)
            lines = counted.read_text("utf-8", "replace").splitlines() if counted.exists() else []
            self.counted[key] = Counter(line.partition(" ")[0] for line in lines)
        return self.counted[key][call]


def add_others(tree: Path, files: list[Path]) -> None:
    """What else may stand in a tree: links, attributes, holes, a folder without anything."""
    (tree / "link").symlink_to("package000")
    (tree / "dangling").symlink_to("nowhere")
    (tree / "hard").hardlink_to(files[3])
    (tree / "empty").mkdir()
    with (tree / "holes").open("wb") as file:
        file.write(b"head" * 100)
        file.seek(1 << 17)
        file.write(b"tail" * 100)
    with contextlib.suppress(OSError):  # not every file system has them
        for path in (files[5], tree / "empty"):
            os.setxattr(path, "user.note", b"\0binary\xff")


def make_place(base: Path, level: int = 3, least: int = LEAST, files: int = 20, size: int = 3000) -> Place:
    """A tree of so many files of about `size` bytes, and its archive, below an empty folder."""
    root = base / "root"
    root.mkdir()
    add_others(root / "tree", fill_codebase(root / "tree", files, size))
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


def promised(tree: Path, call: str, fault: object) -> object:
    """What a command that went on after this fault keeps or gives back of a tree."""
    left_out = FORGIVEN.get((call, fault))
    return {
        name: [fact for number, fact in enumerate(facts) if number != left_out]
        for name, facts in tree_facts(tree).items()
    }


def check_left(place: Place, done: subprocess.CompletedProcess, call: str, fault: object) -> None:
    """No stray file; if there is an archive it is the one that is right, or has all but what is forgiven."""
    assert not {name for name in os.listdir(place.work) if not name.startswith(OURS)}
    archive = place.work / "a.ucz"
    if done.returncode == UNREADABLE or not (archive.exists() or done.returncode == 0):
        return
    if (call, fault) in FORGIVEN and archive.read_bytes() != place.reference:
        with tempfile.TemporaryDirectory() as target:
            done = run("extract", archive, "-C", target)
            assert done.returncode == 0, done.stderr
            assert promised(Path(target, "tree"), call, fault) == promised(place.tree, call, fault)
    else:
        assert archive.read_bytes() == place.reference


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
    check_left(place, done, call, fault)
    assert tree_facts(place.tree) == facts
    again = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert again.returncode == 0, again.stderr
    assert (place.work / "a.ucz").read_bytes() == place.reference
    return done.returncode
