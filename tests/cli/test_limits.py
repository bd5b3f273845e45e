"""Limits of extraction, from the command line."""

import pytest

from support import fill_codebase


@pytest.mark.parametrize(
    "limit",
    [("--max-members", "3"), ("--max-size", "0"), ("--max-file-size", "0"), ("--max-depth", "1")],
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
