"""What the target folder refuses, what is left of it then, and what closed archives say."""

from __future__ import annotations

import errno
import io
import os
from contextlib import contextmanager

import pytest

from ucompress.archive import Archive
from ucompress.errors import (
    ClosedArchiveError,
    CorruptArchiveError,
    InputError,
    MemberNotFoundError,
    OutputError,
)

from .build import folder, plan_files, write

NOBODY = 65534
posix = pytest.mark.skipif(os.name != "posix", reason="modes and users are POSIX")


@contextmanager
def no_superuser():
    """Root may do everything: act as somebody else for a while."""
    if os.getuid():
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to stand in; its parents may be closed to others, so names are relative."""
    tmp_path.chmod(0o777)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def archive(here):
    write(here / "a.ucz", plan_files({b"t/f": b"one", b"t/g": b"two"}, others=[folder(b"t", 0o755)]))
    with Archive(here / "a.ucz") as opened:
        yield opened


@posix
def test_a_folder_that_cannot_be_written_is_refused_once(archive, here):
    (here / "out").mkdir()
    (here / "out").chmod(0o555)
    with no_superuser(), pytest.raises(OutputError, match="out cannot be written; nothing was written"):
        archive.extract("out")


@posix
def test_a_closed_folder_is_no_matter_where_nothing_is_made_in_it(archive, here):
    (here / "out" / "t").mkdir(parents=True)
    (here / "out" / "t").chmod(0o777)
    (here / "out").chmod(0o555)
    with no_superuser():
        assert archive.extract("out", ["t/f"]).failed == []
    assert (here / "out" / "t" / "f").read_bytes() == b"one"


@posix
@pytest.mark.parametrize("mode", [0, 0o555])
def test_folders_that_were_closed_are_written_again(here, mode):
    write(here / "a.ucz", plan_files({b"t/f": b"one"}, others=[folder(b"t", mode)]))
    with Archive("a.ucz") as archive, no_superuser():
        assert archive.extract("out").failed == []
        assert archive.extract("out", force=True).failed == []
    assert (here / "out" / "t").stat().st_mode & 0o777 == mode
    (here / "out" / "t").chmod(0o755)
    assert [path.name for path in (here / "out" / "t").iterdir()] == ["f"]


def test_a_full_disk_ends_the_extraction(archive, here, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "ftruncate", full)
    with pytest.raises(OutputError, match="No space left on device"):
        archive.extract("out", ["t"])  # members that are named are written with temporary names
    assert not list((here / "out" / "t").iterdir())


def test_what_the_target_refuses_is_no_damage(archive, here):
    (here / "out" / "t" / "f").mkdir(parents=True)
    report = archive.extract("out", force=True)
    assert [path for path, _ in report.failed] == [b"t/f"]
    assert (report.files, report.damaged) == (1, 0)


def test_a_refused_extraction_leaves_no_folder(archive, here):
    with pytest.raises(MemberNotFoundError):
        archive.extract("new/and/deep", ["zz"])
    assert not (here / "new").exists()
    (here / "there").mkdir()
    with pytest.raises(MemberNotFoundError):
        archive.extract("there", ["zz"])
    assert (here / "there").is_dir()


def test_a_target_that_has_no_possible_name(archive):
    with pytest.raises(OutputError, match="null byte"):
        archive.extract("a\0b")


def test_a_closed_archive_says_so(archive, here):
    file = archive.open("t/f")
    archive.close()
    for read in (lambda: archive.read("t/f"), lambda: list(archive), file.read, lambda: archive.extract("x")):
        with pytest.raises(ClosedArchiveError, match=r"a\.ucz is closed"):
            read()
    assert issubclass(ClosedArchiveError, ValueError)
    with (here / "a.ucz").open("rb") as stream:
        borrowed = Archive(stream)
        borrowed.close()
        with pytest.raises(ClosedArchiveError):
            borrowed.read("t/f")
        borrowed = Archive(stream)
    with pytest.raises(ClosedArchiveError):  # its descriptor may be another file's by now
        borrowed.read("t/f")


def test_a_name_for_what_has_none(here):
    with pytest.raises(CorruptArchiveError, match=r"^the letter: not a ucompress archive$"):
        Archive(io.BytesIO(b"x"), name="the letter")


def test_paths_may_be_bytes(archive):
    with Archive(b"a.ucz") as other:
        assert list(other) == list(archive)


@posix
def test_what_cannot_be_read_at_any_place_is_refused(here):
    os.mkfifo("fifo")
    for path, what in (("fifo", "pipe"), (".", "folder"), ("/dev/null", "device"), ("a\0b", "null byte")):
        with pytest.raises(InputError, match=what):
            Archive(path)
