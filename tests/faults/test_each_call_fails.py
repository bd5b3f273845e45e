"""Whichever call fails, once: one sentence and an exit code, nothing lost, and the next run completes."""

from __future__ import annotations

import errno
import random
import subprocess
import sys
from functools import partial

import pytest

from support import SANITIZED, tree_facts
from tests.faults.runs import PATIENCE, Place, check_compress, check_left, look_at, make_place, promised
from tests.pipeline.runs import command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")

COMMON = [
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
RARE = [
    ("close", errno.EIO),
    ("seek", errno.EIO),
    ("peek", errno.EAGAIN),
    ("peek", errno.EOPNOTSUPP),
    ("peek", errno.EIO),
    ("truncate", errno.EIO),
    ("space", errno.EIO),
    ("access", errno.EACCES),
    ("duplicate", errno.EMFILE),
    ("lock", errno.ENOLCK),
    ("lock", errno.EAGAIN),
    ("lock", errno.EIO),
    ("flock", errno.ENOLCK),
    ("flock", errno.EAGAIN),
    ("flock", errno.EINTR),
    ("owner", errno.EPERM),
    ("target", errno.EIO),
    ("attributes", errno.EIO),
    ("attributes", errno.EACCES),
    ("attributes", errno.ENOSPC),
    ("attributes", errno.ENOTSUP),
    ("symlink", errno.EIO),
    ("symlink", errno.EACCES),
    ("symlink", errno.ENOSPC),
    ("link", errno.EIO),
    ("link", errno.EPERM),
    ("link", errno.EMLINK),
    ("mode", errno.EIO),
    ("mode", errno.EPERM),
    ("time", errno.EIO),
    ("time", errno.EPERM),
]
FAULTS = COMMON + RARE
SAMPLE = 1
SLOW = "lock"
"""What SQLite may try again for seconds: not in a sample."""

CODING = ("compress", "extract", "verify")
"""Those of which all common faults are tried in a sample, and whose coders at other levels are."""

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
    for stray in target.rglob(".ucompress-*"):
        # A name of ours stays only where it could not be removed, or where it is told.
        assert call == "unlink" or stray.name in done.stderr, done.stderr
    if done.returncode == 0:
        assert promised(target / "tree", call, fault) == promised(place.tree, call, fault)
    again = subprocess.run([*words, "--force"], capture_output=True, timeout=PATIENCE, check=False)
    assert again.returncode == 0, again.stderr
    assert tree_facts(target / "tree") == tree_facts(place.tree)


def check_verify(place: Place, call: str, at: int, fault: object) -> None:
    place.clear()
    archive = place.work / "a.ucz"
    archive.write_bytes(place.reference)
    look_at(place.run(command("verify", archive, "-T", "1"), call, at, fault))
    assert archive.read_bytes() == place.reference


def check_reading(name: str, place: Place, call: str, at: int, fault: object) -> None:
    """What `list` and `cat` tell, if they say that it is all, is what they always tell."""
    place.clear()
    (place.work / "a.ucz").write_bytes(place.reference)
    done = place.run(WORDS[name](place), call, at, fault)
    look_at(done)
    if done.returncode == 0:
        assert done.stdout == place.run(WORDS[name](place), "none", 0, 0).stdout
    assert (place.work / "a.ucz").read_bytes() == place.reference


def check_resume(place: Place, call: str, at: int, fault: object) -> None:
    """A job that was cut off, and is cut off once more or not, comes to the same bytes."""
    place.interrupt()
    facts, archive = tree_facts(place.tree), place.work / "a.ucz"
    done = place.run(WORDS["resume"](place), call, at, fault)
    look_at(done)
    check_left(place, done, call, fault)
    again = place.run([word for word in place.words if word != "--no-resume"], "none", 0, 0)
    assert again.returncode == 0, again.stderr
    assert archive.read_bytes() == place.reference
    assert tree_facts(place.tree) == facts


CHECKS = {
    "compress": check_compress,
    "resume": check_resume,
    "extract": check_extract,
    "verify": check_verify,
    "list": partial(check_reading, "list"),
    "cat": partial(check_reading, "cat"),
}
WORDS = {
    "compress": lambda place: place.words,
    "extract": lambda place: command("extract", place.work / "a.ucz", "-C", place.work / "out", "-T", "1"),
    "verify": lambda place: command("verify", place.work / "a.ucz", "-T", "1"),
    "resume": lambda place: command("resume", "--database", place.work / "p.db", "-T", "1"),
    "list": lambda place: command("list", place.work / "a.ucz"),
    "cat": lambda place: command("cat", place.work / "a.ucz", "tree/hard"),
}


def calls_of(place: Place, name: str, call: str) -> int:
    place.clear()
    if name == "resume":
        place.interrupt()
    elif name != "compress":
        (place.work / "a.ucz").write_bytes(place.reference)
    return place.count(WORDS[name](place), call)


def one_of_each(name: str, faults: list[tuple[str, object]]) -> list[tuple[str, object]]:
    """Of each kind of call one way to fail."""
    chance = random.Random(name)
    ways = {call: [fault for one, fault in faults if one == call] for call, _ in faults if call != SLOW}
    return [(call, chance.choice(found)) for call, found in ways.items()]


SAMPLED = [
    (name, *fault)
    for name in CHECKS
    for fault in (COMMON + one_of_each(name, RARE) if name in CODING else one_of_each(name, FAULTS))
]


def test_each_kind_of_call_is_made(place):
    for call in {call for call, _ in FAULTS} - ({"malloc"} if SANITIZED else set()):
        assert any(calls_of(place, name, call) for name in CHECKS), call


@pytest.mark.parametrize(("name", "call", "fault"), SAMPLED, ids=str)
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
@pytest.mark.parametrize("name", CODING)
def test_some_allocations_of_each_codec(coding, name):
    count = calls_of(coding, name, "malloc")
    # Coders are made late: the last allocations are theirs.
    for at in {random.Random(f"{coding.level} {name}").randint(1, count), count - 1}:
        CHECKS[name](coding, "malloc", at, errno.ENOMEM)


@pytest.mark.long
@pytest.mark.parametrize("name", CODING)
def test_each_allocation_of_each_codec(coding, name):
    for at in range(1, calls_of(coding, name, "malloc") + 1):
        CHECKS[name](coding, "malloc", at, errno.ENOMEM)
