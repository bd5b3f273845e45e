"""Whichever call fails, once: one sentence and an exit code, nothing lost, and the next run completes."""

from __future__ import annotations

import errno
import random
import subprocess
import sys

import pytest

from support import SANITIZED, tree_facts
from tests.faults.runs import PATIENCE, Place, check_compress, look_at, make_place
from tests.pipeline.runs import command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")

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
    ("nameless", errno.ENOSPC),
    ("map", errno.ENOMEM),
    ("malloc", errno.ENOMEM),
]
SAMPLE = 1
LEVELS = (4, 6, 8)
"""Those whose coders take pages of their own, beside the level that all other calls are tried at."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return make_place(tmp_path_factory.mktemp("faults"))


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


@pytest.fixture(scope="module", params=LEVELS)
def coding(request, tmp_path_factory):
    return make_place(tmp_path_factory.mktemp("coding"), request.param)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has malloc to itself")
@pytest.mark.parametrize("name", CHECKS)
def test_some_allocations_of_each_codec(coding, name):
    count = calls_of(coding, name, "malloc")
    # Coders are made late: the last allocations are theirs.
    for at in {random.Random(f"{coding.level} {name}").randint(1, count), count - 1}:
        CHECKS[name](coding, "malloc", at, errno.ENOMEM)


@pytest.mark.long
@pytest.mark.parametrize("name", CHECKS)
def test_each_allocation_of_each_codec(coding, name):
    for at in range(1, calls_of(coding, name, "malloc") + 1):
        CHECKS[name](coding, "malloc", at, errno.ENOMEM)
