"""What members cannot be given back is told: what fails as a failure, the rest as a count."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ucompress.archive import Archive, Entry, EntryKind
from ucompress.archive.extracting import openfile

from .build import folder, plan_files, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and attributes as POSIX has them")

NOTE = ((b"user.big", b"v"), (b"user.note", b"y"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder, a plain file, one with attributes, one with more rights, and a link."""
    plan = plan_files(
        {b"t/plain": b"1", b"t/attr": b"2", b"t/suid": b"3", b"t/sgid": b"4"},
        others=[folder(b"t"), Entry(b"t/link", EntryKind.SYMLINK, target=b"plain", mtime_ns=10**18)],
    )
    special = {
        b"t/attr": {"xattrs": ((b"security.capability", b"x"), *NOTE)},
        b"t/suid": {"mode": 0o4755},
        b"t/sgid": {"mode": 0o2755},
    }
    plan.entries = [entry._replace(**special.get(entry.path, {})) for entry in plan.entries]
    write(tmp_path / "a.ucz", plan)
    return tmp_path / "a.ucz"


def fail_with(monkeypatch: pytest.MonkeyPatch, call: str, number: int, part: object = None) -> None:
    """Let a call of the extraction fail, for one name of an attribute if there is `part`."""
    real = getattr(os, call)

    def failing(*given: object, **how: object) -> object:
        if part is None or part in given:
            raise OSError(number, os.strerror(number))
        return real(*given, **how)

    monkeypatch.setattr(openfile.os, call, failing, raising=False)


def losses(report: object) -> list[tuple[str, int, bytes]]:
    """The losses that a report tells, as plain values."""
    return [(str(what), count, first) for what, count, first in report.losses]  # type: ignore[attr-defined]


USUAL = [("setuid", 2, b"t/sgid"), ("other_attributes", 1, b"t/attr")]


def test_what_is_left_off_on_purpose_is_counted(tree: Path, tmp_path: Path) -> None:
    with Archive(tree) as archive:
        report = archive.extract(tmp_path / "out")
        assert (report.failed, losses(report)) == ([], USUAL)
        assert losses(archive.extract(tmp_path / "again", setuid=True)) == USUAL[1:]
        assert losses(archive.extract(tmp_path / "one", "t/plain")) == []


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.E2BIG])
def test_an_attribute_that_fails_is_a_failure_and_the_content_stands(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool, number: int
) -> None:
    fail_with(monkeypatch, "setxattr", number, b"user.big")
    with Archive(tree) as archive:
        report = archive.extract(tmp_path / "out", None if beside else "t")
    why = f"it stands, but its attribute user.big could not be set: {os.strerror(number)}"
    assert report.failed == [(b"t/attr", why)]
    assert (report.incomplete, report.files, losses(report)) == (1, 3, USUAL)
    assert (tmp_path / "out/t/attr").read_bytes() == b"2"
    assert os.getxattr(tmp_path / "out/t/attr", "user.note") == b"y"


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.EPERM])
def test_attributes_that_the_target_does_not_have_are_counted(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fail_with(monkeypatch, "setxattr", number)
    with Archive(tree) as archive:
        report = archive.extract(tmp_path / "out")
    assert (report.failed, losses(report)) == ([], [*USUAL, ("attributes", 1, b"t/attr")])


@pytest.mark.parametrize(("call", "what", "part"), [("fchmod", "modes", "mode"), ("utime", "times", "time")])
def test_modes_and_times_that_cannot_be_set_are_told(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, what: str, part: str
) -> None:
    slow = [b"t", b"t/attr"] + [b"t/link"] * (call == "utime")
    with monkeypatch.context() as patch, Archive(tree) as archive:
        fail_with(patch, call, errno.EPERM)
        report = archive.extract(tmp_path / "out")
        assert (report.failed, losses(report)) == ([], [*USUAL, (what, len(slow), b"t")])
    with monkeypatch.context() as patch, Archive(tree) as archive:
        fail_with(patch, call, errno.EIO)
        report = archive.extract(tmp_path / "again")
        why = f"it stands, but its {part} could not be set: {os.strerror(errno.EIO)}"
        assert report.failed == [(path, why) for path in slow]
        assert report.incomplete == len(slow)
    assert (tmp_path / "again/t/attr").read_bytes() == b"2"


def test_a_hard_link_is_made_to_what_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_files({b"a": b"1"}, others=[Entry(b"b", EntryKind.HARDLINK, target=b"a")])
    plan.entries = [entry._replace(xattrs=NOTE) if entry.path == b"a" else entry for entry in plan.entries]
    write(tmp_path / "a.ucz", plan)
    fail_with(monkeypatch, "setxattr", errno.ENOSPC)
    with Archive(tmp_path / "a.ucz") as archive:
        report = archive.extract(tmp_path / "out")
    assert [path for path, _ in report.failed] == [b"a"]
    assert (tmp_path / "out/b").samefile(tmp_path / "out/a")
