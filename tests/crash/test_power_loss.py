"""Whatever a power failure leaves, the next run ends in the same bytes; no archive has a name too early."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable

import pytest

from crash.disk import Change, Disk, File, State, key, moments
from crash.jobs import JOBS, Job
from crash.power import corners, drawn
from crash.recording import Call, Record
from ucompress.archive import Archive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is for Linux")

FEW = 3


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Callable[[str], Job]:
    """Jobs by name, recorded when first asked for."""
    jobs: dict[str, Job] = {}

    def of(name: str) -> Job:
        if name not in jobs:
            jobs[name] = JOBS[name](tmp_path_factory.mktemp("power").resolve())
            jobs[name].record()
        return jobs[name]

    return of


@pytest.mark.parametrize("name", JOBS)
def test_a_sample_of_states(recorded, name):
    job = recorded(name)
    rng, end = random.Random(name), len(job.done.calls)
    for at in [*rng.choices(moments(job.done), k=FEW - 1), end]:
        job.check(rng.choice(list(Disk(job.done, at).corners())), at)
    for state, at in drawn(job, FEW):
        job.check(state, at)
    assert job.seen["states"] == 2 * FEW


@pytest.mark.long
@pytest.mark.parametrize("name", JOBS)
def test_every_corner(recorded, name):
    job = recorded(name)
    for state, at in corners(job):
        job.check(state, at)


@pytest.mark.long
@pytest.mark.parametrize("name", JOBS)
def test_many_states(recorded, name):
    job = recorded(name)
    for state, at in drawn(job, 200, seed=2):
        job.check(state, at)


@pytest.mark.parametrize("name", ["Job", "Replacing", "Repairing"])
def test_the_record_is_of_the_whole_run(recorded, name):
    """Applied as it was done, it gives what the run has left: every name, every byte."""
    job = recorded(name)
    disk = Disk(job.done, len(job.done.calls))
    whole = disk.state([True] * len(disk.changes), lambda file: bytes(file.content(len(file.calls))))
    assert {os.path.relpath(os.fsdecode(path), job.work) for path in whole} == job.left
    assert whole[_output(job)] == job.reference


def test_what_the_database_names_is_there_when_all_that_was_not_synced_is_lost(recorded):
    """Blocks that were named are taken over: their file has its name, and the database its key."""
    job = recorded("Job")
    named = next(at for at, call in enumerate(job.done.calls) if call.b == _output(job))
    before = job.seen["blocks taken over"]
    job.check(_lost(Disk(job.done, named)), named)
    assert job.seen["blocks taken over"] == before + 1


def test_a_partial_file_whose_first_bytes_were_lost_is_ours_all_the_same(recorded):
    """Where later bytes reached the disk and the first did not, it begins with zeros."""
    job = recorded("Job")
    job.check({os.fsencode(job.work / ".a.ucz.partial"): bytes(5000) + b"later"}, 0)


@pytest.mark.parametrize("name", ["Job", "Replacing", "Repairing"])
def test_a_run_that_syncs_no_file_or_no_folder_is_found_out(recorded, name):
    """Without syncs something but the whole archive may have its name, or the archive none at the end."""
    job = recorded(name)
    for kind in "SD":
        careless = Record(job.done.before, [call for call in job.done.calls if call.kind != kind])
        end = len(careless.calls)
        found = {state.get(_output(job)) for state in Disk(careless, end).corners()}
        assert found - {job.reference}
    assert {state[_output(job)] for state in Disk(job.done, len(job.done.calls)).corners()} == {job.reference}


def test_an_archive_that_was_synced_but_not_renamed_is_whole(recorded, tmp_path):
    """The last sync of the partial file stands before its new name: what has the name has all bytes."""
    job = recorded("Job")
    named = next(at for at, call in enumerate(job.done.calls) if call.b == _output(job))
    partial = job.done.calls[named].a
    disk = Disk(job.done, named)
    for seed in range(20):
        assert disk.drawn(random.Random(seed)).get(partial) == job.reference
    path = tmp_path / "a.ucz"
    path.write_bytes(job.reference)
    with Archive(path) as archive:
        assert archive.verify().ok


def _output(job: Job) -> bytes:
    return os.fsencode(job.work / job.output)


def _lost(disk: Disk) -> State:
    return disk.state([False] * len(disk.changes), lambda file: bytes(file.content(file.synced)))


def _called(kind: str, a: bytes = b"", b: bytes = b"", *, inode: int = 0, offset: int = 0) -> Call:
    return Call(kind, inode, offset, a, b)


def test_names_are_lost_each_for_itself_and_never_against_their_order():
    calls = [
        _called("C", b"/w/draft", inode=1),
        _called("C", b"/w/other", inode=2),
        _called("R", b"/w/draft", b"/w/final"),
        _called("U", b"/w/other"),
    ]
    disk = Disk(Record({}, calls), 4)
    found = {frozenset(disk.drawn(random.Random(seed))) for seed in range(300)}
    draft, final, other = b"/w/draft", b"/w/final", b"/w/other"
    assert found == {
        frozenset(names) for names in ([], [draft], [final], [other], [draft, other], [final, other])
    }
    assert disk.alone(2) == [True, False, True, False]
    assert disk.without(1) == [True, False, True, False]


def test_a_synced_folder_keeps_its_names_and_no_other_folders():
    calls = [
        _called("C", b"/w/a", inode=1),
        _called("C", b"/w/in/b", inode=2),
        _called("L", b"/w/a", b"/w/c"),
        _called("D", b"/w"),
        _called("U", b"/w/a"),
    ]
    disk = Disk(Record({}, calls), 5)
    assert set(_lost(disk)) == {b"/w/a", b"/w/c"}
    assert disk.changes == [Change(b"/w/in", {b"/w/in/b": 1}), Change(b"/w", {b"/w/a": None})]


def test_an_inode_that_is_used_again_is_another_file():
    calls = [
        _called("C", b"/w/a", inode=1),
        _called("W", b"first", inode=1),
        _called("S", inode=1),
        _called("D", b"/w"),
        _called("U", b"/w/a"),
        _called("C", b"/w/b", inode=1),
        _called("W", b"second", inode=1),
        _called("S", inode=1),
    ]
    disk = Disk(Record({}, calls), len(calls))
    assert disk.state([False, True], lambda file: bytes(file.content(file.synced))) == {
        b"/w/a": b"first",
        b"/w/b": b"second",
    }


def test_writes_are_torn_and_a_size_comes_without_its_bytes():
    """Of two sectors each may be there without the other, and of neither the size be known, or it alone."""
    calls = [
        _called("W", b"old", inode=7),
        _called("S", inode=7),
        _called("W", b"a" * 512 + b"b" * 512, inode=7),
    ]
    before = {b"/w/a": (7, b"older")}
    disk = Disk(Record(before, calls), 3)
    found = {disk.drawn(random.Random(seed))[b"/w/a"] for seed in range(2000)}
    old, zeros, a, b = b"older", bytes(512), b"a" * 512, b"b" * 512
    first = old.ljust(512, b"\0")
    assert found == {old, first + zeros, first + b, a, a + zeros, a + b, a[:5]}


def test_states_are_told_apart():
    assert len({key({b"a": b"b"}), key({b"ab": b""}), key({b"a": b""}), key({})}) == 4
    assert File(b"abc", [_called("T", offset=1), _called("T", offset=3)]).content(2) == b"a\0\0"
