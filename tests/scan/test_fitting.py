"""What an archive cannot have of a member is an error of that member, and of no other."""

import os
import sys

import pytest

from ucompress.archive.format.entry import path_problem
from ucompress.limits import PATH_LIMIT, TARGET_LIMIT, XATTR_COUNT_LIMIT, XATTRS_LIMIT
from ucompress.scan import opening, scan, walk
from ucompress.scan.fitting import path_fault, target_fault, xattrs_fault


def deep_folder(top, name, depth):
    """A descriptor of a folder so many folders below another one."""
    folder = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=folder)
        deeper = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="walks by descriptor, as Linux allows")
def test_paths_that_are_too_long_cost_only_what_has_them(tmp_path):
    (tmp_path / "t").mkdir()
    part, depth = "d" * 254, PATH_LIMIT // 255 - 1
    folder = deep_folder(tmp_path / "t", part, depth)
    path = b"t" + (b"/" + os.fsencode(part)) * depth
    room = PATH_LIMIT - len(path) - 1
    assert 0 < room < 255
    for name in ("f" * room, "f" * (room + 1)):
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.symlink("x", "l" * (room + 1), dir_fd=folder)
    os.mkfifo("p" * (room + 1), dir_fd=folder)
    os.mkdir("z" * (room + 1), dir_fd=folder)
    below = os.open("z" * (room + 1), os.O_RDONLY, dir_fd=folder)
    os.mkdir("within", dir_fd=below)
    for descriptor in (below, folder):
        os.close(descriptor)
    manifest = scan([tmp_path / "t"])
    assert (len(manifest), len(manifest.paths[-1])) == (depth + 2, PATH_LIMIT)
    assert not any(map(path_problem, manifest.paths))
    assert [(note.path[len(path) + 1 :][:1], note.message) for note in manifest.errors] == [
        (b"f", "left out: its path has 65,536 bytes, an archive has room for 65,535"),
        (b"l", "left out: its path has 65,536 bytes, an archive has room for 65,535"),
        (b"z", "left out with all that is in it: its path has 65,536 bytes, an archive has room for 65,535"),
    ]
    assert [note.message for note in manifest.notices] == ["a FIFO, left out"]
    assert [note.path[-1:] for note in scan([tmp_path / "t"], exclude=["f*", "l*"]).errors] == [b"z"]


def test_what_just_fits_fits():
    assert path_fault(b"p" * PATH_LIMIT) is None
    assert target_fault(b"t" * TARGET_LIMIT) is target_fault(b"t") is None
    assert "0 bytes" in target_fault(b"")
    assert "65,536 bytes" in target_fault(b"t" * (TARGET_LIMIT + 1))
    many = tuple((b"user.%04d" % number, b"") for number in range(XATTR_COUNT_LIMIT + 1))
    assert xattrs_fault(many[:-1]) is xattrs_fault(()) is None
    assert "4,097 of 36,873 bytes" in xattrs_fault(many)
    large = XATTRS_LIMIT - len(b"user.a")
    assert xattrs_fault(((b"user.a", bytes(large)),)) is None
    assert "1 of 1,048,577 bytes" in xattrs_fault(((b"user.a", bytes(large + 1)),))


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
@pytest.mark.parametrize("value", [(5000, b""), (20, bytes(60_000))], ids=["many", "large"])
def test_a_member_of_too_many_attributes_is_taken_without_them(tmp_path, monkeypatch, value):
    count, content = value
    listed = {b"much": [f"user.{number}" for number in range(count)]}
    (tmp_path / "t" / "much").mkdir(parents=True)
    (tmp_path / "t" / "other").touch()
    monkeypatch.setattr(os, "listxattr", lambda path, **_: listed.get(os.path.basename(path), ["user.a"]))
    monkeypatch.setattr(os, "getxattr", lambda *_, **__: content)
    monkeypatch.setattr(walk, "take_plain", lambda *_: None)
    manifest = scan([tmp_path / "t"])
    assert manifest.paths == [b"t", b"t/much", b"t/other"]
    one = ((b"user.a", content),)
    assert manifest.xattrs == {0: one, 2: one}
    (error,) = manifest.errors
    assert error.path == b"t/much"
    assert error.message.startswith(f"packed, but without its attributes: there are {count:,} of ")


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_an_attribute_that_is_listed_twice_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "listxattr", lambda *_, **__: ["user.b", "user.a", "user.b"])
    monkeypatch.setattr(os, "getxattr", lambda *_, **__: b"1")
    assert opening.read_xattrs(os.fsencode(tmp_path))[0] == ((b"user.a", b"1"), (b"user.b", b"1"))


@pytest.mark.skipif(os.name == "nt", reason="links take rights there")
def test_a_link_that_leads_nowhere_at_all_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "l").symlink_to("x")
    monkeypatch.setattr(walk, "read_link", lambda _: b"")
    manifest = scan([tmp_path / "l"])
    assert (manifest.paths, manifest.targets) == ([], {})
    assert [str(note) for note in manifest.errors] == [
        "l: left out: its target has 0 bytes, an archive has room for 1 to 65,535"
    ]
