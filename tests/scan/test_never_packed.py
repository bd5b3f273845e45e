"""What a scan never takes: the output, the partial file and the database, whatever leads there."""

import os
from pathlib import Path

import pytest

from tests.scan.trees import POSIX, names, tree
from ucompress.database import database_files
from ucompress.errors import UsageError
from ucompress.scan import scan


def test_output_and_database_are_never_packed(tmp_path):
    top = tree(tmp_path / "t", {"p.db": b"", "p.db-wal": b"", "keep.db": b"", "sub/out.ucz": b"old"})
    manifest = scan([top], skip=database_files(top / "p.db"), output=top / "sub" / "out.ucz")
    assert names(manifest) == ["t", "t/keep.db", "t/sub"]
    assert manifest.notices == []


def test_another_name_of_the_output_is_packed_and_one_of_the_database_told(tmp_path):
    """The output is replaced, so that the other name keeps what it was; the database is written to."""
    top = tree(tmp_path / "t", {"p.db": b"", "sub/out.ucz": b"old"})
    os.link(top / "sub" / "out.ucz", top / "backup.ucz")
    os.link(top / "sub" / "out.ucz", top / "sub" / "backup.ucz")
    os.link(top / "p.db", top / "sub" / "p.db")
    skip, output = [top / "p.db"], top / "sub" / "out.ucz"
    manifest = scan([top], skip=skip, output=output)
    assert names(manifest) == ["t", "t/backup.ucz", "t/sub", "t/sub/backup.ucz"]
    (notice,) = manifest.notices
    assert str(notice) == f"t/sub/p.db: another name of {top / 'p.db'}, which this run writes to: left out"
    assert scan([top], skip=skip, output=output, exclude=["/t/sub/p.db"]).notices == []
    assert names(scan([top / "backup.ucz"], skip=skip, output=output)) == ["backup.ucz"]
    for itself in (output, top / "p.db", top / "sub" / "p.db"):
        with pytest.raises(UsageError, match="cannot pack itself"):
            scan([itself], skip=skip, output=output)


@pytest.mark.skipif(not POSIX, reason="links take rights there")
@pytest.mark.parametrize("several_names", [False, True])
def test_the_output_is_known_by_any_way_to_its_folder(tmp_path, monkeypatch, several_names):
    top = tree(tmp_path / "t", {"sub/deep/f": b"", "sub/out.ucz": b"old"})
    if several_names:
        os.link(top / "sub" / "out.ucz", tmp_path / "elsewhere")
    (tmp_path / "way").symlink_to(top / "sub" / "deep")
    monkeypatch.chdir(tmp_path / "way")
    for output in ("../out.ucz", tmp_path / "way" / ".." / "out.ucz", top / "sub" / "." / "out.ucz"):
        assert names(scan([top], output=output)) == ["t", "t/sub", "t/sub/deep", "t/sub/deep/f"]
        with pytest.raises(UsageError, match="cannot pack itself"):
            scan([tmp_path / "way" / ".." / "out.ucz"], output=output)


@pytest.mark.skipif(not POSIX, reason="links take rights there")
def test_what_a_link_at_the_outputs_name_leads_to_is_packed(tmp_path):
    """The link is what the output replaces."""
    top = tree(tmp_path / "t", {"precious": b"1"})
    (top / "out.ucz").symlink_to("precious")
    assert names(scan([top], output=top / "out.ucz")) == ["t", "t/precious"]


def test_another_spelling_of_the_only_name_of_the_output_is_no_other_file(tmp_path, monkeypatch):
    """As where case does not matter: the folder lists another name than the one that was given."""
    top, real = tree(tmp_path / "t", {"OUT.ucz": b"old"}), os.lstat
    monkeypatch.setattr(os, "lstat", lambda path: real(os.fsencode(path).replace(b"out.ucz", b"OUT.ucz")))
    manifest = scan([top], output=top / "out.ucz")
    assert names(manifest) == ["t"]
    assert [note.path for note in manifest.notices] == [b"t/OUT.ucz"]


def test_an_output_that_does_not_exist_yet_is_known_by_its_place(tmp_path, monkeypatch):
    top = tree(tmp_path / "t", {"f": b""})
    monkeypatch.chdir(top)
    seen = []
    # The file appears between the moment the scan is prepared and the walk.
    manifest = scan(
        ["."], output="late.ucz", progress=lambda *_: seen.append(Path("late.ucz").write_bytes(b"x"))
    )
    assert seen
    assert names(manifest) == ["t", "t/f"]


def test_folders_that_our_own_files_live_in_are_known(tmp_path):
    top = tree(tmp_path / "t", {"sub/deep/f": b"", "other/f": b""})
    skip, output = [tmp_path / "outside.db"], top / "sub" / "out.ucz"
    manifest = scan([top], skip=skip, output=output)
    assert {manifest.paths[index] for index in manifest.housing} == {b"t/sub"}
    assert not scan([top], skip=skip, output=output, include=["other/"]).housing


def test_packing_the_output_itself_is_refused(tmp_path):
    tree(tmp_path, {"a.ucz": b"x"})
    with pytest.raises(UsageError, match="cannot pack itself"):
        scan([tmp_path / "a.ucz"], output=tmp_path / "a.ucz")
