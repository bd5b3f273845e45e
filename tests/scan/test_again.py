"""Looking again at files of a scan: which of them are not as they were."""

from __future__ import annotations

import os
import struct

import pytest

from ucompress.files import look_at_files
from ucompress.scan import MemberKind, not_as_scanned, scan

WORD = (1 << 64) - 1


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "t").mkdir()
    for name in ("grown", "kept", "linked", "mode", "replaced", "same", "swapped", "touched", "vanished"):
        (tmp_path / "t" / name).write_bytes(name.encode() * 10)
    return tmp_path / "t"


def disturb(tree):
    with (tree / "grown").open("ab") as file:
        file.write(b"more")
    os.link(tree / "linked", tree / "another")
    (tree / "mode").chmod(0o600)
    status = (tree / "replaced").stat()
    (tree / "new").write_bytes((tree / "replaced").read_bytes())
    os.utime(tree / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tree / "new").replace(tree / "replaced")
    (tree / "swapped").unlink()
    (tree / "swapped").symlink_to("kept")
    os.utime(tree / "touched", ns=(1, 2))
    (tree / "vanished").unlink()


@pytest.mark.skipif(os.name == "nt", reason="links, modes and inodes")
@pytest.mark.parametrize("quick", [True, False])
def test_files_that_are_not_as_they_were_are_told(tree, monkeypatch, quick):
    if not quick:
        monkeypatch.setattr(
            "ucompress.scan.again.look_at_files",
            lambda paths: struct.pack("5Q", WORD, 0, 0, 0, 0) * len(paths),
        )
    manifest = scan([tree])
    files = [index for index, kind in enumerate(manifest.kinds) if kind == MemberKind.FILE]

    def told(**how):
        return [manifest.paths[i].decode()[2:] for i in not_as_scanned(manifest, files, **how)]

    assert told() == told(untouched=True) == []
    disturb(tree)
    assert told() == ["grown", "replaced", "swapped", "touched", "vanished"]
    assert sorted({*told(), "linked", "mode"}) == told(untouched=True)
    assert not_as_scanned(manifest, files[1:3]) == []
    assert not_as_scanned(manifest, []) == []


@pytest.mark.skipif(os.name == "nt", reason="the system has no such call")
def test_looking_at_many_files_tells_what_lstat_tells(tree):
    paths = [os.fsencode(path) for path in sorted(tree.iterdir())]
    os.utime(paths[0], ns=(0, -1_500_000_001))
    os.symlink(paths[0], tree / "link")
    others = [os.fsencode(tree), os.fsencode(tree / "link"), b""]
    rows = list(struct.iter_unpack("QqqQQ", look_at_files([*paths, *others])))
    expected = [
        (s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino & WORD, s.st_dev & WORD)
        for s in map(os.lstat, paths)
    ]
    assert rows[:-3] == expected
    assert [row[0] for row in rows[-3:]] == [WORD] * 3
    assert look_at_files([]) == b""
    with pytest.raises(ValueError, match="zero byte"):
        look_at_files([b"a\0b"])
