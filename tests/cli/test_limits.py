"""Limits of extraction, from the command line."""

import os
import re
import signal

import pytest

from support import fill_codebase
from ucompress.archive.extracting.preflight import Preflight
from ucompress.archive.extracting.target import TargetFolder


@pytest.mark.parametrize(
    "limit",
    [
        ("--max-members", "3", r"archive has \d+ members, and the limit is 3; .*--max-members \d+ is enough"),
        (
            "--max-size",
            "0",
            r"files have [0-9,]+ bytes or more, and the limit is 0;.* --max-size 1 or more",
        ),
        ("--max-file-size", "0", r"tree/.* has [0-9,]+ bytes, and the limit is 0;.*: --max-file-size 1"),
        ("--max-depth", "1", r"tree/.* lies [23] deep, and the limit is 1;.*: --max-depth [23]"),
        ("--max-path", "3", r"tree has a name of 4 bytes, and the limit is 3;.*: --max-path 4"),
    ],
    ids=lambda limit: limit[0],
)
def test_an_archive_beyond_a_limit_is_refused_before_anything_is_written(ucompress, tmp_path, limit):
    fill_codebase(tmp_path / "tree", 5, 500)
    archive = tmp_path / "tree.ucz"
    ucompress("compress", tmp_path / "tree", "-o", archive, "--database", ":memory:")
    done = ucompress("extract", archive, "-C", tmp_path / "out", *limit[:2])
    assert done.code == 25
    assert "nothing was written" in done.err
    assert re.search(limit[2], done.err)
    assert limit[0] in done.err
    assert not (tmp_path / "out").exists()
    enough = ucompress("extract", archive, "-C", tmp_path / "out", limit[0], "1000")
    assert enough.code == 0


@pytest.mark.parametrize("command", ["extract", "cat", "verify"])
def test_a_decoder_that_takes_more_memory_than_allowed_is_not_started(ucompress, tmp_path, command):
    fill_codebase(tmp_path / "tree", 5, 500)
    archive = tmp_path / "tree.ucz"
    ucompress("compress", tmp_path / "tree", "-o", archive, "--database", ":memory:", "-7")
    words = {"extract": ["-C", tmp_path / "out"], "cat": ["tree"], "verify": []}[command]
    done = ucompress(command, archive, *words, "--max-memory", "1")
    assert done.code == 22
    assert re.search(r"bytes of memory; the bound is 1048576: --max-memory [0-9]+ is enough", done.err)
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_on_the_disk_is_told_apart_from_a_limit(ucompress, packed, tmp_path, monkeypatch):
    monkeypatch.setattr(TargetFolder, "free_bytes", lambda _: 10)
    done = ucompress("extract", packed[1], "-C", tmp_path / "out")
    assert done.code == 25
    assert re.search(f"the files have [0-9,]+ bytes or more, and {tmp_path}/out has room for 10;", done.err)
    assert "limit" not in done.err and "--max" not in done.err


@pytest.mark.parametrize("existing", [False, True])
def test_what_the_file_system_has_no_inodes_for_is_told(ucompress, packed, tmp_path, monkeypatch, existing):
    """Empty files take no bytes; what is there already takes no inode."""
    if existing:
        ucompress("extract", packed[1], "-C", tmp_path / "out")
    monkeypatch.setattr(TargetFolder, "free_inodes", lambda _: 10)
    done = ucompress("extract", packed[1], "-C", tmp_path / "out", "--force")
    if existing:
        assert done.code == 0
        return
    assert done.code == 25
    assert re.search(f"there are [0-9]+ files, .* or more, and {tmp_path}/out has room for 10,", done.err)
    assert "nothing was written" in done.err and not (tmp_path / "out").exists()


def test_a_file_that_is_there_is_told_by_where_it_is(ucompress, tmp_path):
    fill_codebase(tmp_path / "tree", 5, 500)
    archive, out = tmp_path / "tree.ucz", tmp_path / "out"
    ucompress("compress", tmp_path / "tree", "-o", archive, "--database", ":memory:")
    ucompress("extract", archive, "-C", out)
    assert f"{out}/tree/" in ucompress("extract", archive, "-C", out).err


@pytest.mark.parametrize("command", ["list", "extract"])
def test_only_a_command_that_writes_says_that_nothing_was_written(ucompress, packed, tmp_path, command):
    done = ucompress(command, packed[1], "nope", *(["-C", tmp_path / "out"] if command == "extract" else []))
    assert done.code == 24
    assert "there is no member nope" in done.err
    assert ("nothing was written" in done.err) == (command == "extract")


@pytest.mark.parametrize("command", [("list",), ("list", "--json"), ("extract", "-C", "out")])
def test_a_missing_name_below_a_named_folder_is_missed(ucompress, packed, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    done = ucompress(*command, packed[1], "tree/code", "tree/code/nope")
    assert done.code == 24
    assert "there is no member tree/code/nope" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("there", [False, True])
def test_a_signal_before_anything_was_written_does_not_speak_of_a_folder(
    ucompress, packed, tmp_path, monkeypatch, there
):
    out = tmp_path / "out"
    if there:
        out.mkdir()
    monkeypatch.setattr(Preflight, "check", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    done = ucompress("extract", packed[1], "-C", out)
    assert (done.code, out.exists()) == (143, there)
    told = f"what was complete by then is in {out}" if there else "nothing was written"
    assert f"stopped by SIGTERM; {told}\n" in done.err


def test_a_name_of_nothing_but_slashes_is_shown_as_one(ucompress, packed):
    assert ucompress("list", packed[1], "//").err.endswith("there is no member /\n")


def test_names_that_other_systems_do_not_have_are_told(ucompress, tmp_path):
    (tmp_path / "tree").mkdir()
    for name in ("README", "readme", "nul.txt"):
        (tmp_path / "tree" / name).write_text(name)
    if len(list((tmp_path / "tree").iterdir())) < 3:
        pytest.skip("this file system does not have them")
    archive = tmp_path / "tree.ucz"
    ucompress("compress", tmp_path / "tree", "-o", archive, "--database", ":memory:")
    done = ucompress("extract", archive, "-C", tmp_path / "out")
    assert done.code == 0
    assert "1 member would meet another one" in done.err
    assert "tree/readme and" in done.err
    assert "1 member cannot be given back on Windows" in done.err
    assert "Windows" not in ucompress("extract", archive, "-C", tmp_path / "quiet", "-q").err
    assert b"Windows" in ucompress("extract", archive, "-C", tmp_path / "json", "--json").out
