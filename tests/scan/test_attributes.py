"""Extended attributes: which are read, and what is told of the others."""

import errno
import os

import pytest

from tests.scan.trees import tree
from ucompress.scan import scan
from ucompress.scan.attributes import MOST, LeftAttributes


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_user_attributes_are_read(tmp_path):
    file = tree(tmp_path / "t", {"f": b""}) / "f"
    try:
        os.setxattr(file, "user.b", b"2")
    except OSError:
        assert scan([tmp_path / "t"])[1].xattrs == ()
        return
    os.setxattr(file, "user.a", b"\0\xff")
    assert scan([tmp_path / "t"])[1].xattrs == ((b"user.a", b"\0\xff"), (b"user.b", b"2"))


def test_attributes_are_not_asked_for_again_where_there_are_none(tmp_path, monkeypatch):
    asked = []

    def none(path, *, follow_symlinks):
        asked.append(path)
        raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(os, "listxattr", none, raising=False)
    monkeypatch.setattr("ucompress.scan.walk._HAS_XATTRS", True)
    scan([tree(tmp_path / "t", {"a": b"", "b": b""})])
    assert len(asked) == 1


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no attributes")
def test_attributes_at_the_end_of_a_very_long_path_are_kept(tmp_path):
    (tmp_path / "t").mkdir()
    folder = os.open(tmp_path / "t", os.O_RDONLY)
    for _ in range(21):
        os.mkdir("d" * 200, dir_fd=folder)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    leaf = os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=folder)
    try:
        for place in (leaf, folder):
            os.setxattr(place, "user.note", b"value")
    except OSError as error:
        pytest.skip(f"no attributes in this file system: {error}")
    finally:
        os.close(leaf)
        os.close(folder)
    manifest = scan([tmp_path / "t"])
    assert len(manifest[-1].source) > 4096
    assert [entry.xattrs for entry in manifest[-2:]] == [((b"user.note", b"value"),)] * 2


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_attributes_that_are_not_kept_are_told_once_each(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / "t").mkdir(exist_ok=True)
        (tmp_path / "t" / name).write_bytes(b"x")
        os.setxattr(tmp_path / "t" / name, "user.seen", b"1")
    acl = "system.posix_acl_access"
    listed = {b"a": ["user.seen", acl], b"b": [acl], b"c": ["user.gone"]}
    monkeypatch.setattr(os, "listxattr", lambda path, **_: listed.get(os.path.basename(path), []))
    manifest = scan([tmp_path / "t"])
    assert [entry.xattrs for entry in manifest] == [(), ((b"user.seen", b"1"),), (), ()]
    (notice,) = manifest.notices
    assert notice.path == b"t/a"
    assert notice.message == f"not kept: {acl} (an access control list) of this member, nor of 1 more"


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_attributes_that_cannot_be_read_are_told(tmp_path, monkeypatch):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a").write_bytes(b"x")

    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "no")

    os.setxattr(tmp_path / "t" / "a", "user.a", b"1")
    with monkeypatch.context() as patch:
        patch.setattr(os, "getxattr", refuse)
        (notice,) = scan([tmp_path / "t"]).notices
    assert (notice.path, notice.message) == (b"t/a", "not kept: user.a of this member")
    monkeypatch.setattr(os, "listxattr", refuse)
    (notice,) = scan([tmp_path / "t"]).notices
    assert "attributes that may not be read" in notice.message


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_attributes_that_fail_to_be_read_are_errors_as_contents_are(tmp_path, monkeypatch):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a").write_bytes(b"x")

    def fail(path, *_, **__):
        raise OSError(errno.EIO, "Input/output error")

    os.setxattr(tmp_path / "t" / "a", "user.a", b"1")
    for call in ("getxattr", "listxattr"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            manifest = scan([tmp_path / "t" / "a"])
        assert [entry.path for entry in manifest] == [b"a"]
        (error,) = manifest.errors
        assert (error.path, error.message) == (
            b"a",
            "packed, but its attributes cannot be read: Input/output error",
        )


@pytest.mark.skipif(not hasattr(os, "listxattr"), reason="no extended attributes here")
def test_attributes_of_symbolic_links_are_told(tmp_path, monkeypatch):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "l").symlink_to("nowhere")
    real = os.listxattr
    listed = {b"l": ["security.selinux", "user.odd"]}
    monkeypatch.setattr(
        os, "listxattr", lambda path, **how: listed.get(os.path.basename(path)) or real(path, **how)
    )
    monkeypatch.setattr(os, "getxattr", lambda *_, **__: b"value")
    manifest = scan([tmp_path / "t"])
    assert [entry.xattrs for entry in manifest] == [(), ()]
    assert {notice.message for notice in manifest.notices} == {
        "not kept: security.selinux (a security label) of this member",
        "not kept: user.odd of this member",
    }


def test_names_of_attributes_without_end_are_counted_together():
    left = LeftAttributes()
    for at in range(3 * MOST):
        left.note(b"f%d" % at, b"x%d" % at)
    assert len(left.notices()) == MOST + 1
    told = [note.message for note in left.notices()]
    assert "not kept: further attributes of this member, nor of 199 more" in told
