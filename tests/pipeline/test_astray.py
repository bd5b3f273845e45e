"""What leads a run astray while it reads is not remembered, and nothing outside the tree is packed."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from support import fill_codebase, tree_facts
from tests.pipeline.runs import between_plan_and_coding, pack
from tests.pipeline.test_exchanged import around_reads, swap
from ucompress.archive import Archive
from ucompress.database import cache
from ucompress.pipeline import survey
from ucompress.pipeline.running import context
from ucompress.scan import look_again, refresh, scan

MINE, OTHERS = random.Random(1).randbytes(5000), random.Random(2).randbytes(5000)
SECRET = random.Random(3).randbytes(5000)


class _EndError(Exception):
    """The run ends here."""


@pytest.fixture
def tree(tmp_path):
    fill_codebase(tmp_path / "tree", 30, 900)
    for folder, content in (("d", MINE), ("e", OTHERS)):
        (tmp_path / "tree" / folder).mkdir()
        (tmp_path / "tree" / folder / "f").write_bytes(content)
    return tmp_path / "tree"


def contents(archive):
    with Archive(archive) as opened:
        assert opened.verify().ok
        return {name: opened.read(name) for name in ("tree/d/f", "tree/e/f") if name in opened}


def test_what_was_read_of_another_file_is_not_remembered(tree, tmp_path, monkeypatch):
    def end(manifest):
        raise _EndError

    folders = tree / "d", tree / "e"
    (tree / "a").write_bytes(OTHERS)
    with monkeypatch.context() as first_run:
        first_run.setattr(
            cache, "settled", lambda stamps, scanned_at_ns: np.ones(len(stamps) // 40, np.bool_)
        )
        left = around_reads(first_run, tree / "d/f", lambda: swap(*folders), lambda: swap(*folders), 3)
        first_run.setattr(survey, "look_again", end)
        with pytest.raises(_EndError):
            pack(tree, tmp_path / "a.ucz", level=1, database=tmp_path / "p.db")
        assert left == []
    result, _ = pack(tree, tmp_path / "a.ucz", level=1, database=tmp_path / "p.db")
    assert (result.unreadable, result.warnings) == ((), ())
    assert contents(tmp_path / "a.ucz") == {"tree/d/f": MINE, "tree/e/f": OTHERS}


def make_a_link_of(folder, outside):
    folder.rename(outside.parent / "away")
    folder.symlink_to(outside)


@pytest.fixture
def outside(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/f").write_bytes(SECRET)
    return tmp_path / "outside"


@pytest.mark.parametrize("input_itself", [False, True])
def test_a_folder_that_becomes_a_link_while_it_is_read(tree, tmp_path, monkeypatch, outside, input_itself):
    packed = tree / "d" if input_itself else tree
    left = around_reads(
        monkeypatch, tree / "d/f", lambda: make_a_link_of(tree / "d", outside), lambda: None, 1
    )
    result, archive = pack(packed, tmp_path / "a.ucz", level=1)
    assert left == []
    lost = [f"{tree / 'd'}", f"{tree / 'd/f'}"]
    assert [os.fsdecode(path) for path, _ in result.unreadable] == lost
    with Archive(tmp_path / "a.ucz") as opened:
        assert not [name for name in opened if name.startswith("tree/d") or name == "d/f"]
    assert SECRET[:64] not in archive


def test_a_folder_that_becomes_a_link_while_blocks_are_coded(tree, tmp_path, monkeypatch, outside):
    monkeypatch.setattr(context, "MOST_HELD", 0)
    between_plan_and_coding(monkeypatch, lambda: make_a_link_of(tree / "d", outside))
    result, archive = pack(tree, tmp_path / "a.ucz", level=1)
    ((path, why),) = result.unreadable
    assert (os.fsdecode(path), "a link by now" in why) == (f"{tree / 'd/f'}", True)
    assert contents(tmp_path / "a.ucz") == {"tree/e/f": OTHERS}
    assert SECRET[:64] not in archive


@pytest.mark.parametrize("times", [3, 7, 1000])
def test_another_file_of_the_same_size_and_time_is_never_taken_for_it(tree, tmp_path, monkeypatch, times):
    for folder in ("d", "e"):
        os.utime(tree / folder / "f", ns=(10**18, 10**18))
    files = tree / "d/f", tree / "e/f"
    around_reads(monkeypatch, files[0], lambda: swap(*files), lambda: swap(*files), times)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    found = contents(tmp_path / "a.ucz")
    assert found.get("tree/d/f", MINE) == MINE
    told = [os.fsdecode(path) for path, _ in result.unreadable]
    assert ("tree/d/f" not in found) == (f"{tree / 'd/f'}" in told) == (times == 1000)


def test_other_names_keep_the_bytes_that_two_folders_change_places_with(tree, tmp_path, monkeypatch):
    for folder in ("d", "e"):
        (tree / f"z{folder}").hardlink_to(tree / folder / "f")
    around_reads(monkeypatch, tree / "d/f", lambda: swap(tree / "d", tree / "e"), lambda: None, 1000)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert result.unreadable == ()
    with Archive(tmp_path / "a.ucz") as archive:
        assert archive.verify().ok
        assert (archive.read("tree/zd"), archive.read("tree/ze")) == (MINE, OTHERS)
        assert {archive.read("tree/d/f"), archive.read("tree/e/f")} == {MINE, OTHERS}


def test_a_file_with_names_outside_the_tree_is_packed_as_what_stands_there_at_last(
    tree, tmp_path, monkeypatch
):
    file, other = tree / "d/f", tmp_path / "other"
    (tmp_path / "elsewhere").hardlink_to(file)
    monkeypatch.setattr(survey, "ATTEMPTS", 1)
    around_reads(monkeypatch, file, lambda: os.replace(other, file), lambda: None, 1)
    other.write_bytes(SECRET)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert result.unreadable == ()
    assert contents(tmp_path / "a.ucz")["tree/d/f"] == SECRET


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_a_file_of_the_same_instant_brings_its_own_attributes(tree):
    file, other = tree / "d/f", tree / "other"
    other.write_bytes(OTHERS)
    for path, whose in ((file, b"mine"), (other, b"others")):
        os.setxattr(path, "user.whose", whose)
    manifest = scan([os.fsencode(tree)])
    index = list(manifest.paths).index(b"tree/d/f")
    other.replace(file)
    manifest.ctimes_ns[index] = file.stat().st_ctime_ns
    again, _ = look_again(manifest)
    assert refresh(manifest, index) == ""
    for found in (manifest[index], again[list(again.paths).index(b"tree/d/f")]):
        assert found.xattrs == ((b"user.whose", b"others"),)


def test_what_is_written_over_each_time_it_is_read_is_told_as_such(tree, tmp_path, monkeypatch):
    file = tree / "d/f"

    def write():
        with file.open("r+b") as opened:
            opened.write(os.urandom(5000))

    around_reads(monkeypatch, file, write, write, 1000)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert [(os.fsdecode(path), why) for path, why in result.unreadable] == [
        (f"{file}", "kept changing while it was read; stored as it came")
    ]
    assert result.warnings == ()


def test_a_log_that_grows_each_time_it_is_read_is_packed_without_a_word(tree, tmp_path, monkeypatch):
    file = tree / "d/f"

    def grow():
        with file.open("ab") as opened:
            opened.write(b"one more line\n")

    around_reads(monkeypatch, file, grow, grow, 1000)
    result, _ = pack(tree, tmp_path / "a.ucz", level=1)
    assert (result.unreadable, result.warnings) == ((), ())
    packed = contents(tmp_path / "a.ucz")["tree/d/f"]
    assert packed.startswith(MINE)
    assert file.read_bytes().startswith(packed)


def test_what_is_as_it_was_is_packed_as_it_was(tree, tmp_path):
    pack(tree, tmp_path / "a.ucz", level=1)
    with Archive(tmp_path / "a.ucz") as archive:
        archive.extract(tmp_path / "out")
    assert tree_facts(tmp_path / "out/tree") == tree_facts(tree)
