"""What a scan takes, what it leaves out, and how it names things."""

import os
import socket
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import close_folders
from tests.scan.trees import POSIX, names, tree
from ucompress.errors import InputError, UsageError
from ucompress.scan import MemberKind, look_again, not_as_scanned, open_source, scan


def test_members_begin_at_the_inputs_own_name_and_ascend(tmp_path):
    tree(tmp_path / "top", {"b/c": b"1", "b.txt": b"22", "a": b"", "é": b"x"})
    manifest = scan([tmp_path / "top"])
    assert names(manifest) == ["top", "top/a", "top/b", "top/b.txt", "top/b/c", "top/é"]
    assert manifest.paths == sorted(manifest.paths)
    assert [size for size in manifest.sizes if size] == [2, 1, 1]


def test_sources_of_many_entries_are_those_of_each(tmp_path):
    tree(tmp_path / "t", {"a/b": b"1", "c": b""})
    tree(tmp_path / "other", {"deep/er/f": b"1"})
    (tmp_path / "single").write_bytes(b"x")
    manifest = scan([tmp_path / "t", str(tmp_path / "other") + "/", tmp_path / "single"])
    everything = range(len(manifest))
    assert manifest.sources(everything) == [manifest.source(index) for index in everything]
    assert manifest.sources([4, 0]) == [manifest.source(4), manifest.source(0)]


def test_rows_hold_what_stat_says(tmp_path):
    file = tree(tmp_path / "t", {"f": b"hello"}) / "f"
    os.utime(file, ns=(1, 1_234_567_890_123_456_789))
    entry = scan([tmp_path / "t"])[1]
    status = file.stat()
    assert entry.path == b"t/f"
    assert entry.source == os.fsencode(file)
    assert (entry.kind, entry.size, entry.mode) == (MemberKind.FILE, 5, status.st_mode)
    assert (entry.mtime_ns, entry.ctime_ns) == (1_234_567_890_123_456_789, status.st_ctime_ns)
    assert (entry.inode, entry.device, entry.nlink) == (status.st_ino, status.st_dev, 1)


def test_slices_and_negative_places(tmp_path):
    manifest = scan([tree(tmp_path / "t", {"a": b"", "b": b""})])
    assert [entry.path for entry in manifest[1:]] == [b"t/a", b"t/b"]
    assert manifest[-1].path == b"t/b"
    with pytest.raises(IndexError):
        manifest[3]


@pytest.mark.parametrize("form", [".", "./", "../here", "sub/.."])
def test_dots_take_the_real_folders_name(tmp_path, monkeypatch, form):
    tree(tmp_path / "here", {"sub/f": b""})
    monkeypatch.chdir(tmp_path / "here")
    manifest = scan([form])
    assert names(manifest) == ["here", "here/sub", "here/sub/f"]
    assert all(os.path.lexists(entry.source) for entry in manifest)


def test_a_single_file_is_one_member(tmp_path):
    tree(tmp_path, {"x/one.txt": b"1"})
    assert names(scan([tmp_path / "x" / "one.txt"])) == ["one.txt"]


def test_inputs_of_one_name_are_refused(tmp_path):
    tree(tmp_path, {"x/same/f": b"", "y/same/f": b""})
    with pytest.raises(UsageError, match="both be packed as same"):
        scan([tmp_path / "x" / "same", tmp_path / "y" / "same"])


def test_the_root_folder_has_no_name():
    with pytest.raises(UsageError, match="no name"):
        scan(["/"])


def test_a_missing_input_is_told_before_any_work(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        scan([tmp_path / "missing"])


def test_symbolic_links_are_stored_not_followed(tmp_path):
    tree(tmp_path / "t", {"real/f": b"x"})
    (tmp_path / "t" / "loop").symlink_to(".")
    (tmp_path / "t" / "dangling").symlink_to("nowhere")
    manifest = scan([tmp_path / "t"])
    assert names(manifest) == ["t", "t/dangling", "t/loop", "t/real", "t/real/f"]
    links = {entry.path: entry.target for entry in manifest if entry.kind == MemberKind.SYMLINK}
    assert links == {b"t/dangling": b"nowhere", b"t/loop": b"."}


def test_an_input_that_is_a_link_is_packed_as_the_link(tmp_path):
    tree(tmp_path / "t", {"f": b"x"})
    (tmp_path / "l").symlink_to("t")
    (entry,) = scan([tmp_path / "l"])
    assert (entry.path, entry.kind, entry.target) == (b"l", MemberKind.SYMLINK, b"t")


def test_the_lowest_path_is_the_primary_of_hard_links(tmp_path):
    tree(tmp_path / "t", {"m": b"abc"})
    for name in ("z", "a"):
        os.link(tmp_path / "t" / "m", tmp_path / "t" / name)
    _, first, *rest = scan([tmp_path / "t"])
    assert (first.path, first.kind, first.target) == (b"t/a", MemberKind.FILE, b"")
    assert [(entry.path, entry.kind, entry.target) for entry in rest] == [
        (b"t/m", MemberKind.HARDLINK, b"t/a"),
        (b"t/z", MemberKind.HARDLINK, b"t/a"),
    ]
    assert [entry.size for entry in (first, *rest)] == [3, 3, 3]


@pytest.mark.skipif(not POSIX, reason="names are text on Windows")
def test_names_are_any_bytes(tmp_path):
    (tmp_path / "t").mkdir()
    odd = [b"\xff\xfe", b"new\nline", b" ", b"caf\xc3\xa9"]
    for name in odd:
        with open(os.path.join(os.fsencode(tmp_path / "t"), name), "wb"):
            pass
    manifest = scan([tmp_path / "t"], exclude=["*.none"])
    assert manifest.paths == sorted([b"t", *(b"t/" + name for name in odd)])


@pytest.mark.skipif(not POSIX, reason="no FIFOs and sockets in folders")
def test_what_is_no_file_is_left_out_with_a_notice(tmp_path, monkeypatch):
    tree(tmp_path / "t", {"f": b""})
    os.mkfifo(tmp_path / "t" / "pipe")
    monkeypatch.chdir(tmp_path / "t")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        manifest = scan([tmp_path / "t"])
    assert names(manifest) == ["t", "t/f"]
    assert [str(note) for note in manifest.notices] == [
        "t/pipe: a FIFO, left out",
        "t/sock: a socket, left out",
    ]
    assert not manifest.errors


def test_a_folder_that_cannot_be_listed_costs_only_itself(tmp_path, monkeypatch):
    tree(tmp_path / "t", {"closed/f": b"", "open/f": b""})

    close_folders(monkeypatch, b"closed")
    manifest = scan([tmp_path / "t"])
    assert names(manifest) == ["t", "t/closed", "t/open", "t/open/f"]
    assert [str(note) for note in manifest.errors] == ["t/closed: Permission denied"]


@pytest.mark.skipif(sys.platform != "linux", reason="walks by descriptor, as Linux allows")
def test_paths_beyond_the_systems_limit(tmp_path):
    part = "d" * 200
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir(part, dir_fd=folder)
        deeper = os.open(part, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    file = os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
    os.write(file, b"deep")
    os.close(file)
    os.symlink("leaf", "link", dir_fd=folder)
    os.close(folder)
    manifest = scan([tmp_path / part])
    assert not manifest.errors
    leaf, link = manifest[-2:]
    assert len(leaf.source) > 4096
    assert link.target == b"leaf"
    with open(open_source(leaf.source), "rb") as stream:
        assert stream.read() == b"deep"


@pytest.mark.skipif(not POSIX, reason="no FIFOs in folders")
def test_opening_neither_follows_links_nor_waits_for_fifos(tmp_path):
    (tmp_path / "l").symlink_to(tmp_path)
    with pytest.raises(OSError):
        open_source(os.fsencode(tmp_path / "l"))
    os.mkfifo(tmp_path / "p")
    for other in ("p", "."):
        with pytest.raises(OSError, match="not a regular file any more"):
            open_source(os.fsencode(tmp_path / other))


NAME = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=6).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)
PATHS = st.lists(st.lists(NAME, min_size=1, max_size=4), max_size=12)


@pytest.mark.skipif(sys.platform != "linux", reason="names that other systems fold or refuse")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS)
def test_a_scan_finds_what_a_plain_walk_finds(tmp_path_factory, paths):
    top = tmp_path_factory.mktemp("tree") / "t"
    top.mkdir()
    for parts in paths:
        path = top.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        except OSError:  # a part is a file already
            continue
    expected = {b"t"}
    for folder, folders, files in os.walk(os.fsencode(top)):
        expected |= {b"t" + os.path.join(folder, name)[len(os.fsencode(top)) :] for name in folders + files}
    assert scan([top]).paths == sorted(expected)


def test_a_time_beyond_what_an_archive_holds_is_the_nearest_and_told(tmp_path):
    tree(tmp_path / "t", {"late": b"1", "now": b"2"})
    try:
        os.utime(tmp_path / "t/late", ns=(0, 13_569_465_600 * 10**9))
    except OverflowError:
        pytest.skip("no such times here")
    if (tmp_path / "t/late").stat().st_mtime_ns < 1 << 63:
        pytest.skip("no such times in this file system")
    manifest = scan([tmp_path / "t"])
    assert [entry.mtime_ns for entry in manifest if entry.path == b"t/late"] == [(1 << 63) - 1]
    assert [(note.path, "2262" in note.message) for note in manifest.notices] == [(b"t/late", True)]
    assert not_as_scanned(manifest, [1]) == []
    again, gone = look_again(manifest)
    assert (again.mtimes_ns, gone) == (manifest.mtimes_ns, [])


def test_a_large_folder_is_told_of_on_the_way(tmp_path):
    tree(tmp_path / "t", {f"{number:04}": b"" for number in range(2500)})
    calls = []
    scan([tmp_path / "t"], progress=lambda *call: calls.append(call))
    assert [entries for entries, _, _ in calls] == ([1, 2501] if POSIX else [1, 1001, 2001])
    calls.clear()
    scan([tmp_path / "t"], exclude=["nothing"], progress=lambda *call: calls.append(call))
    assert [entries for entries, _, _ in calls] == [1, 1001, 2001]
