"""Folders listed in one call: a scan is the same as entry by entry, and the rows are what stat tells."""

import errno
import os
import socket
import struct

import pytest

from ucompress.files import list_folder
from ucompress.scan import MemberKind, building, listing, scan, walk

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no such calls")

COLUMNS = ("sizes", "mtimes_ns", "ctimes_ns", "inodes", "devices", "modes", "nlinks", "inputs", "kinds")


def refuse(path):
    raise OSError(errno.ENOSYS, "no such call")


@pytest.fixture
def tree(tmp_path):
    """All kinds of entries."""
    top = tmp_path / "t"
    (top / "sub" / "empty").mkdir(parents=True)
    (top / "only" / "folders").mkdir(parents=True)
    for number in range(40):
        (top / f"f{number}").write_bytes(b"x" * number)
        os.utime(top / f"f{number}", ns=(number, -number * 10**9 + 7))
    (top / os.fsdecode(b"\xff odd\nname")).write_bytes(b"odd")
    (top / "sub" / "two").write_bytes(b"names")
    os.link(top / "sub" / "two", top / "another")
    (top / "link").symlink_to("f1")
    (top / "nowhere").symlink_to("missing")
    os.mkfifo(top / "fifo")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(top / "socket"))
    (top / "private").write_bytes(b"p")
    (top / "private").chmod(0o4700)
    if hasattr(os, "setxattr"):
        try:
            os.setxattr(top / "f7", "user.note", b"kept")
        except OSError:
            pytest.skip("no extended attributes here")
    return top


def test_a_scan_is_the_same_with_and_without_listing_folders(tree, tmp_path, monkeypatch):
    (tmp_path / "other").write_bytes(b"an input of its own")
    inputs, skip = [tree, tmp_path / "other"], [tree / "f3", tree / "sub" / "not yet"]
    quick = scan(inputs, skip=skip)
    monkeypatch.setattr(listing, "list_folder", refuse)
    slow = scan(inputs, skip=skip)
    assert quick.paths == slow.paths
    assert [getattr(quick, name) for name in COLUMNS] == [getattr(slow, name) for name in COLUMNS]
    assert (quick.targets, quick.xattrs, quick.housing) == (slow.targets, slow.xattrs, slow.housing)
    assert (quick.notices, quick.errors) == (slow.notices, slow.errors)
    assert len(quick.notices) == 2
    assert b"t/f3" not in quick.paths


@pytest.mark.parametrize("together", [1, 2, 3, 7, 50])
def test_columns_belong_to_their_paths_however_many_rows_are_put_in_order_together(
    tree, monkeypatch, together
):
    for name in ("a", "f1.d", "sub/a", "sub/two.d/deep", "z/z"):
        (tree / name).mkdir(parents=True)
        for number in range(3):
            (tree / name / f"n{number}").write_bytes(b"y" * (number + 100 * len(name)))
            (tree / name / f"l{number}").symlink_to(name)
    whole = scan([tree])
    for module in (walk, building):
        monkeypatch.setattr(module, "ROWS_TOGETHER", together)
    manifest = scan([tree])
    assert manifest.paths == whole.paths == sorted(whole.paths)
    assert [getattr(manifest, name) for name in COLUMNS] == [getattr(whole, name) for name in COLUMNS]
    assert (manifest.targets, manifest.xattrs) == (whole.targets, whole.xattrs)
    for entry in manifest:
        status = os.lstat(entry.source)
        assert (entry.inode, entry.mode, entry.mtime_ns) == (
            status.st_ino,
            status.st_mode,
            status.st_mtime_ns,
        )
        assert entry.target == (
            os.readlink(entry.source) if entry.kind is MemberKind.SYMLINK else entry.target
        )


def test_another_name_of_what_is_never_packed_is_not_taken(tree):
    os.link(tree / "f3", tree / "sub" / "output")
    manifest = scan([tree], skip=[tree / "f3"])
    assert b"t/sub/output" not in manifest.paths
    (notice,) = (note for note in manifest.notices if note.path == b"t/sub/output")
    assert notice.message == f"another name of {tree / 'f3'}, which this run writes to: left out"
    assert b"t/sub/output" in scan([tree], output=tree / "f3").paths


def test_rows_are_what_stat_says_of_plain_files_and_zero_elsewhere(tree):
    names, rows = list_folder(os.fsencode(tree))
    assert sorted(names) == sorted(map(os.fsencode, os.listdir(tree)))
    told = dict(zip(names, struct.iter_unpack("QQqqQQQQ", rows), strict=True))
    for name, row in told.items():
        path = os.path.join(os.fsencode(tree), name)
        if os.path.isfile(path) and not os.path.islink(path) and name != b"f7":
            found = os.lstat(path)
            assert row == (
                *(1, found.st_size, found.st_mtime_ns, found.st_ctime_ns),
                *(found.st_ino, found.st_dev, found.st_mode, found.st_nlink),
            )
        elif name != b"f7" or hasattr(os, "setxattr"):
            assert row == (0,) * 8


def test_what_is_no_folder_cannot_be_listed(tree):
    assert list_folder(os.fsencode(tree / "sub" / "empty")) == ([], b"")
    for path, error in ((tree / "f1", errno.ENOTDIR), (tree / "missing", errno.ENOENT)):
        with pytest.raises(OSError, match="cannot be listed") as caught:
            list_folder(os.fsencode(path))
        assert caught.value.errno == error
    with pytest.raises(ValueError, match="zero byte"):
        list_folder(b"a\0b")


def test_names_near_the_limit_of_a_path_are_left_to_the_caller(tmp_path):
    folder = os.fsencode(tmp_path)
    while len(folder) < 3900:
        folder += b"/" + b"d" * min(200, 3900 - len(folder))
    parent = tmp_path
    for part in folder[len(os.fsencode(tmp_path)) + 1 :].split(b"/"):
        parent = parent / os.fsdecode(part)
        parent.mkdir()
    (parent / "short").write_bytes(b"1")
    descriptor = os.open(folder, os.O_RDONLY)
    os.close(os.open(b"n" * 250, os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    names, rows = list_folder(folder)
    plain = {name: rows[64 * at] for at, name in enumerate(names)}
    assert plain == {b"short": 1, b"n" * 250: 0}
    os.unlink(b"n" * 250, dir_fd=descriptor)
    os.close(descriptor)
