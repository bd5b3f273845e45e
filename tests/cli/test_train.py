"""Dictionaries from samples, and packing with one."""

import json
import os

import pytest

from support import fill_codebase
from ucompress import scan
from ucompress.cli import samples
from ucompress.codec.dictionary import train as dictionary_of
from ucompress.scan import ScanNote


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder to stand in, with samples."""
    fill_codebase(tmp_path / "tree", 40, 1500)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["raw", "zstd"])
def test_a_trained_dictionary(ucompress, work, kind):
    assert ucompress("train", "tree", "-o", "d", "--size", "4096", "--format", kind).code == 0
    assert 0 < (work / "d").stat().st_size <= 4096
    assert (work / "d").read_bytes().startswith(b"\x37\xa4\x30\xec") == (kind == "zstd")
    done = ucompress("train", "tree", "-o", "e", "--size", "4096", "--format", kind)
    assert (done.out, done.err.startswith("e: ")) == (b"", True)
    assert done.err.endswith(" from 40 samples\n")
    assert ucompress("train", "-q", "tree", "-o", "f").err == ""
    again = ucompress("train", "tree", "-o", "d")
    assert again.code == 1
    assert "left alone" in again.err


def test_what_was_made_as_json(ucompress, work):
    made = json.loads(ucompress("train", "tree", "-o", "d", "--json").out)
    assert made == {
        "type": "dictionary",
        "path": "d",
        "size": (work / "d").stat().st_size,
        "samples": 40,
        "format": "raw",
    }
    done = ucompress("train", "tree", "-o", "-", "--json")
    assert done.code == 2
    assert "name a file" in done.out.decode() + done.err


def test_a_dictionary_of_ones_own(ucompress, work):
    ucompress("train", "tree", "-o", "d", "--size", "8192")
    assert ucompress("compress", "tree", "-o", "a.ucz", "--dictionary", "d").code == 0
    assert ucompress("verify", "a.ucz").code == 0


def test_samples_that_share_nothing_or_too_little(ucompress, work):
    (work / "one").write_bytes(b"x")
    for kind in ("raw", "zstd"):
        done = ucompress("train", "one", "-o", "d", "--format", kind)
        assert done.code == 1
        assert "no dictionary was written" in done.err
        assert not (work / "d").exists()


def test_a_dictionary_that_finds_no_room_leaves_what_stood_there(ucompress, work, monkeypatch):
    (work / "d").write_bytes(b"before")
    real = os.fsync

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = ucompress("train", "tree", "-o", "d", "--force")
    monkeypatch.setattr(os, "fsync", real)
    assert done.code == 1
    assert "cannot write d: No space left on device" in done.err
    assert (work / "d").read_bytes() == b"before"
    assert sorted(path.name for path in work.iterdir() if path.suffix != ".db") == ["d", "tree"]
    assert ucompress("train", "tree", "-o", "/dev/null", "--force").code == 0
    assert not os.path.isfile("/dev/null")


@pytest.fixture
def failing(work, monkeypatch):
    """One file cannot be read."""
    lost = work / "tree" / "lost"
    lost.write_bytes(b"some bytes")
    real = scan.open_source

    def refuse(source):
        if os.path.basename(source) == b"lost":
            raise PermissionError(13, "Permission denied", source)
        return real(source)

    monkeypatch.setattr(scan, "open_source", refuse)
    return work


def test_samples_that_cannot_be_read_are_reported_and_the_rest_is_used(ucompress, failing):
    done = ucompress("train", "tree", "-o", "d")
    assert done.code == 3
    assert "ucompress: tree/lost: Permission denied" in done.err
    assert done.err.endswith(" from 40 samples\n")
    assert (failing / "d").stat().st_size
    quiet = ucompress("train", "-q", "tree", "-o", "-")
    assert (quiet.code, quiet.out) == (3, (failing / "d").read_bytes())
    assert quiet.err == "ucompress: tree/lost: Permission denied\n"
    told = [json.loads(line) for line in ucompress("train", "tree", "-o", "e", "--json").out.splitlines()]
    assert [(row["type"], row["path"]) for row in told] == [("error", "tree/lost"), ("dictionary", "e")]
    alone = ucompress("train", "tree/lost", "-o", "f")
    assert alone.code == 1
    assert "none of the samples could be read" in alone.err
    assert not (failing / "f").exists()


def test_what_cannot_be_listed_or_is_no_sample_is_told(ucompress, work, monkeypatch):
    real = scan.scan

    def found(*arguments, **options):
        manifest = real(*arguments, **options)
        manifest.errors.append(ScanNote(b"tree/closed", "Permission denied"))
        manifest.notices.append(ScanNote(b"tree/pipe", "a FIFO is left out"))
        return manifest

    monkeypatch.setattr(scan, "scan", found)
    done = ucompress("train", "tree", "-o", "d")
    assert done.code == 3
    assert done.err.startswith("tree/pipe: a FIFO is left out\nucompress: tree/closed: Permission denied\n")
    assert "FIFO" not in ucompress("train", "-q", "tree", "-o", "e").err


def test_of_too_many_bytes_beginnings_are_read(ucompress, work, monkeypatch):
    read = []
    monkeypatch.setattr(samples, "MOST_BYTES", 30_000)
    monkeypatch.setattr(
        "ucompress.codec.dictionary.train",
        lambda contents, size: read.extend(contents) or dictionary_of(contents, size),
    )
    done = ucompress("train", "tree", "-o", "d")
    assert done.code == 0
    assert "of each are looked at" in done.err
    assert len(read) == 40
    assert 29_000 < sum(map(len, read)) <= 30_000


@pytest.mark.parametrize(
    ("sizes", "most", "share"),
    [
        ([], 9, 0),
        ([5], 9, 5),
        ([5], 3, 3),
        ([1, 9, 9], 9, 4),
        ([1, 2, 3], 6, 3),
        ([7, 1, 7], 3, 1),
        ([4, 4], 1, 0),
    ],
)
def test_what_small_files_leave_is_for_the_large_ones(sizes, most, share):
    assert samples.share_of_each(sizes, most) == share
