"""Links and folders are gone over again when all files are written, not held for it."""

from __future__ import annotations

import os
import stat
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress.archive import Archive, Entry, EntryKind
from ucompress.archive.extracting import selection
from ucompress.archive.extracting.settling import OpenFolders

from .build import folder, plan_files, write


def above(path: bytes) -> list[bytes]:
    """The folders around a path."""
    return [path[:at] for at in range(len(path)) if path[at : at + 1] == b"/"]


@given(st.lists(st.text("ab-0/", min_size=1, max_size=6), max_size=12))
def test_each_folder_is_finished_once_when_nothing_more_comes_into_it(names: list[str]) -> None:
    tidy = {b"/".join(filter(None, name.encode().split(b"/"))) for name in names} - {b""}
    folders = {around for path in tidy for around in above(path)}
    finished: list[bytes] = []
    walk = OpenFolders(lambda entry: finished.append(entry.path))
    for path in sorted(tidy | folders):
        if path in folders:
            walk.enter(folder(path))
        else:
            walk.go_to(path)
        assert walk.reached == path
        assert not set(above(path)) & set(finished)
    walk.leave()
    assert sorted(finished) == sorted(folders)
    for number, path in enumerate(finished):
        assert not set(above(path)) & set(finished[:number])


@pytest.mark.skipif(os.name != "posix", reason="links and modes as POSIX has them")
@pytest.mark.parametrize("batch", [1, 2, 5, 50_000])
@pytest.mark.parametrize("existing", [False, True])
def test_many_batches_come_to_the_same_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, existing: bool
) -> None:
    monkeypatch.setattr(selection, "BATCH", batch)
    paths = [b"a", b"a-b", b"a/c", b"a/c/d", b"z"]
    others = [
        *(folder(path, 0o755 - at, 10**18 + at) for at, path in enumerate(paths)),
        Entry(b"a/c/h", EntryKind.HARDLINK, target=b"a-b/f"),
        Entry(b"a/c/d/l", EntryKind.SYMLINK, target=b"../h", mtime_ns=10**18),
        Entry(b"z/l", EntryKind.SYMLINK, target=b"nowhere", mtime_ns=10**18),
        Entry(b"z/m", EntryKind.HARDLINK, target=b"a-b/f"),
    ]
    write(tmp_path / "x.ucz", plan_files({b"a-b/f": b"1", b"a/e": b"2"}, others=others))
    out = tmp_path / "out"
    if existing:
        out.mkdir()
        (out / "z").mkdir()
    with Archive(tmp_path / "x.ucz") as archive:
        report = archive.extract(out, force=True)
    assert (report.failed, report.files, report.folders, report.links) == ([], 2, 5, 4)
    for at, path in enumerate(paths):
        state = (out / os.fsdecode(path)).stat()
        assert (stat.S_IMODE(state.st_mode), state.st_mtime_ns) == (0o755 - at, 10**18 + at)
    assert (out / "a/c/d/l").read_bytes() == b"1"
    assert (out / "z/m").stat().st_nlink == 3


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
@pytest.mark.parametrize("bulk", ["target", "xattrs"])
def test_what_an_archive_says_of_links_and_folders_is_not_held_at_once(tmp_path: Path, bulk: str) -> None:
    """120 MB of targets, or of attributes, in an archive of some kilobytes."""
    if bulk == "target":
        others = [Entry(b"l%05d" % at, EntryKind.SYMLINK, target=b"%05d" % at * 6000) for at in range(4000)]
    else:
        others = [
            folder(b"d%05d" % at)._replace(xattrs=((b"other.x", b"%05d" % at * 6000),)) for at in range(4000)
        ]
    write(tmp_path / "a.ucz", plan_files({b"f": b"1"}, others=others))
    del others
    with Archive(tmp_path / "a.ucz") as archive:
        tracemalloc.start()
        try:
            report = archive.extract(tmp_path / "out")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (report.files, report.folders) == (1, 0 if bulk == "target" else 4000)
    assert len(report.failed) == (4000 if bulk == "target" else 0)
    assert peak < 80_000_000
