"""Limits of extraction, from the command line."""

import pytest

from support import fill_codebase


@pytest.mark.parametrize(
    "limit",
    [
        ("--max-members", "3"),
        ("--max-size", "0"),
        ("--max-file-size", "0"),
        ("--max-depth", "1"),
        ("--max-path", "3"),
    ],
    ids=lambda limit: limit[0],
)
def test_an_archive_beyond_a_limit_is_refused_before_anything_is_written(ucompress, tmp_path, limit):
    fill_codebase(tmp_path / "tree", 5, 500)
    archive = tmp_path / "tree.ucz"
    ucompress("compress", tmp_path / "tree", "-o", archive, "--database", ":memory:")
    done = ucompress("extract", archive, "-C", tmp_path / "out", *limit)
    assert done.code == 25
    assert "nothing was written" in done.err
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
    assert "bytes of memory; the bound is 1048576" in done.err
    assert not (tmp_path / "out").exists()


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
