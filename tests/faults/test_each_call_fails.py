"""Whichever call fails, once: one sentence and an exit code, nothing lost, and the next run completes."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import compile_shim, fill_codebase, tree_facts
from tests.pipeline.runs import command
from ucompress.errors import CompressionError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")

SHIM = Path(__file__).with_name("shim.c")
PATIENCE = 60
FAULTS = [
    ("open", errno.EACCES),
    ("open", errno.EMFILE),
    ("open", errno.EINTR),
    ("read", errno.EIO),
    ("read", errno.EINTR),
    ("read", "short"),
    ("write", errno.ENOSPC),
    ("write", errno.EIO),
    ("write", errno.EINTR),
    ("write", "short"),
    ("sync", errno.EIO),
    ("truncate", errno.ENOSPC),
    ("rename", errno.EACCES),
    ("unlink", errno.EACCES),
    ("mkdir", errno.ENOSPC),
    ("stat", errno.EIO),
    ("list", errno.EIO),
    ("malloc", errno.ENOMEM),
]
SAMPLE = 1
UNREADABLE = 3


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

    @property
    def words(self) -> list[str]:
        options = ["--database", self.work / "p.db", "-3", "-T", "1", "--no-resume", "--recovery", "5"]
        return command("compress", self.tree, "-o", self.work / "a.ucz", *options)

    def clear(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()

    def run(
        self, words: list[str], call: str, at: int, fault: object, **more: str
    ) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            "LD_PRELOAD": str(self.shim),
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

    def count(self, words: list[str], call: str) -> int:
        """How many such calls the command makes."""
        counted = self.work.parent.parent / "count"
        counted.unlink(missing_ok=True)
        self.run(words, call, 0, 0, FAULT_COUNT=str(counted))
        return len(counted.read_bytes().splitlines()) if counted.exists() else 0


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    base = tmp_path_factory.mktemp("faults")
    root = base / "root"
    root.mkdir()
    fill_codebase(root / "tree", 20, 3000)
    made = Place(root / "tree", b"", root / "work", compile_shim(SHIM, base))
    made.clear()
    assert made.run(made.words, "none", 0, 0).returncode == 0
    made.reference = (made.work / "a.ucz").read_bytes()
    return made


def look_at(done: subprocess.CompletedProcess) -> None:
    assert done.returncode in exit_codes(), (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0 or done.stderr.strip()


def check_compress(place: Place, call: str, at: int, fault: object) -> None:
    place.clear()
    facts = tree_facts(place.tree)
    done = place.run(place.words, call, at, fault)
    look_at(done)
    archive = place.work / "a.ucz"
    if done.returncode == 0 or (done.returncode != UNREADABLE and archive.exists()):
        assert archive.read_bytes() == place.reference
    assert tree_facts(place.tree) == facts
    again = subprocess.run(place.words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert again.returncode == 0, again.stderr
    assert archive.read_bytes() == place.reference


def check_extract(place: Place, call: str, at: int, fault: object) -> None:
    place.clear()
    archive, target = place.work / "a.ucz", place.work / "out"
    archive.write_bytes(place.reference)
    words = command("extract", archive, "-C", target, "-T", "1")
    done = place.run(words, call, at, fault)
    look_at(done)
    assert archive.read_bytes() == place.reference
    if done.returncode == 0:
        assert tree_facts(target / "tree") == tree_facts(place.tree)
    again = subprocess.run([*words, "--force"], capture_output=True, timeout=PATIENCE, check=False)
    assert again.returncode == 0, again.stderr
    assert tree_facts(target / "tree") == tree_facts(place.tree)


def check_verify(place: Place, call: str, at: int, fault: object) -> None:
    place.clear()
    archive = place.work / "a.ucz"
    archive.write_bytes(place.reference)
    look_at(place.run(command("verify", archive, "-T", "1"), call, at, fault))
    assert archive.read_bytes() == place.reference


CHECKS = {"compress": check_compress, "extract": check_extract, "verify": check_verify}
WORDS = {
    "compress": lambda place: place.words,
    "extract": lambda place: command("extract", place.work / "a.ucz", "-C", place.work / "out", "-T", "1"),
    "verify": lambda place: command("verify", place.work / "a.ucz", "-T", "1"),
}


def calls_of(place: Place, name: str, call: str) -> int:
    place.clear()
    if name != "compress":
        (place.work / "a.ucz").write_bytes(place.reference)
    return place.count(WORDS[name](place), call)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(("call", "fault"), FAULTS, ids=lambda value: str(value))
def test_some_calls(place, name, call, fault):
    count = calls_of(place, name, call)
    for at in sorted(random.Random(f"{name} {call} {fault}").sample(range(1, count + 1), min(SAMPLE, count))):
        CHECKS[name](place, call, at, fault)


@pytest.mark.long
@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(("call", "fault"), FAULTS, ids=lambda value: str(value))
def test_each_call(place, name, call, fault):
    for at in range(1, calls_of(place, name, call) + 1):
        CHECKS[name](place, call, at, fault)
