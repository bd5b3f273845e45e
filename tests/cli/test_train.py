"""Dictionaries from samples, and packing with one."""

import json
import os

import pytest

from support import fill_codebase


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
