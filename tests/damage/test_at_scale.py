"""A sample of the damage; all of it by `make damage`."""

from __future__ import annotations

import io
import re

import pytest

from damage import run
from damage.archives import KINDS, make
from ucompress.archive import Archive
from ucompress.archive.reading.verify import _Verification
from ucompress.errors import CorruptArchiveError

LEVELS = (1, 4, 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damage")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_some_bytes_and_cuts(folder, level, kind):
    outcome = run.Outcome()
    run.run_ways(make(level, kind, folder), ["bytes", "cuts"], 61, outcome)
    assert outcome.failures == []
    assert outcome.cases["bytes"] == outcome.cases["cuts"] > 30
    assert outcome.files and outcome.lost


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_some_bytes_that_cannot_be_read(folder, level, kind):
    outcome = run.Outcome()
    run.run_ways(make(level, kind, folder), ["unreadable"], 61, outcome)
    assert outcome.failures == []
    assert outcome.cases["unreadable"] > 10
    assert outcome.files and outcome.lost


@pytest.mark.parametrize("kind", KINDS)
def test_parts_exchanged_repeated_and_removed(folder, kind):
    outcome = run.Outcome()
    run.run_ways(make(4, kind, folder), ["parts"], 1, outcome)
    assert outcome.failures == []
    assert outcome.cases["parts"] > 30


def test_wrong_bytes_and_lost_files_would_be_seen(folder, monkeypatch):
    made = make(1, "text", folder)
    assert run.judge(made, made.data, set()) == (set(), "")
    block = next(part for part in made.parts if part.block == 1)
    damaged = made.data[: block.end - 1] + b"?" + made.data[block.end :]
    missing, wrong = run.judge(made, damaged, set())
    assert missing == {path for path, needs in made.needs.items() if 1 in needs}
    assert "undamaged files are lost" in wrong
    monkeypatch.setattr(Archive, "read", lambda *_: b"something else")
    assert "wrong bytes" in run.judge(made, made.data, set())[1]


def test_bytes_that_cannot_be_read_are_named_with_the_reason(folder):
    made = make(1, "text", folder)
    block = next(part for part in made.parts if part.block == 1)
    data = run.Unreadable(made.data)
    data.hole = block.end - 1
    with Archive(run.Disk(data)) as archive:
        report = archive.verify(threads=1)
        failed = archive.extract(folder / "out").failed
    assert [path for path, _ in failed] == [member.path for member in report.lost]
    assert set(dict(failed)) == {path for path, needs in made.needs.items() if 1 in needs}
    reason = f"bytes {block.begin} to {block.end - 1} of the file cannot be read: Input/output error"
    for told in (report.problems[0], failed[0][1]):
        assert told.endswith(reason)


def test_blocks_that_were_exchanged_are_found_at_their_new_places(folder):
    made = make(1, "text", folder)
    first, second = [part for part in made.parts if part.block in (1, 3)]
    data = made.data
    moved = data[: first.begin] + data[second.begin : second.end] + data[first.end : second.begin]
    moved += data[first.begin : first.end] + data[second.end :]
    with Archive(io.BytesIO(moved)) as archive, pytest.raises(CorruptArchiveError):
        archive.read(b"t/f02")
    with Archive(io.BytesIO(moved), recover=True) as archive:
        assert {path: archive.read(path) for path in made.contents} == made.contents


def test_what_a_check_keeps_of_a_damaged_block_is_a_sentence(folder, monkeypatch):
    """Errors know, by their tracebacks, the block's bytes and the decoder, and there may be many."""
    made = make(1, "text", folder)
    data = bytearray(made.data)
    for part in made.parts:
        if part.block is not None:
            data[part.end - 1] ^= 1
    kept = []
    monkeypatch.setattr(_Verification, "_failure", lambda _, error: kept.append(error))
    with Archive(io.BytesIO(data)) as archive:
        archive.verify(threads=1)
    told = [error for error in kept if re.search("block .* is damaged", str(error))]
    assert len(told) == len({number for needs in made.needs.values() for number in needs})
    assert all(error.__cause__ is None and error.__context__ is None for error in told)


@pytest.mark.long
@pytest.mark.parametrize("level", run.LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_fifth_byte_and_cut(folder, level, kind):
    outcome = run.Outcome()
    run.run_ways(make(level, kind, folder), list(run.WAYS), 5, outcome)
    assert outcome.failures == []
