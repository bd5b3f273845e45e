"""What the target folder refuses, what is left of it then, and what closed archives say."""

from __future__ import annotations

import errno
import io
import os
from contextlib import contextmanager

import pytest

from ucompress.archive import Archive, Entry, EntryKind, Extent, ExtractionLimits
from ucompress.archive.extracting import selection
from ucompress.archive.extracting.selection import select
from ucompress.errors import (
    ClosedArchiveError,
    CorruptArchiveError,
    InputError,
    MemberNotFoundError,
    OutputError,
    UnsafeArchiveError,
    UsageError,
)

from .build import Plan, folder, hole_first, plan_files, write

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


@pytest.mark.parametrize(("call", "name"), [("symlink", "soft"), ("link", "hard"), ("ftruncate", "f")])
@pytest.mark.parametrize("staged", [True, False], ids=["staged", "in place"])
def test_what_ends_an_extraction_is_told_with_the_member(here, monkeypatch, call, name, staged):
    links = [
        Entry(b"t/soft", EntryKind.SYMLINK, target=b"f"),
        Entry(b"t/hard", EntryKind.HARDLINK, target=b"t/f"),
    ]
    plan = plan_files({b"t/f": b"one"}, others=[folder(b"t"), *links])
    plan.entries = [hole_first(entry, 4096) if entry.path == b"t/f" else entry for entry in plan.entries]
    write(here / "a.ucz", plan)

    def fail(*_arguments, **_options):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, fail)
    with Archive("a.ucz") as archive:
        told = f"cannot write t/{name}: Input/output error; extraction stopped"
        with pytest.raises(OutputError, match=told) as found:
            archive.extract("out", None if staged else ["t"])
    assert found.value.path == f"out/t/{name}".encode()
    assert [path.name for path in (here / "out").iterdir()] == ["t"]
    assert not list((here / "out" / "t").glob(".ucompress-*"))


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
    with pytest.raises(UsageError, match="the target holds a zero byte"):
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
    for path, what in (
        ("fifo", "pipe"),
        (".", "folder"),
        ("/dev/null", "device"),
        ("a\0b", "null (byte|character)"),
    ):
        with pytest.raises(InputError, match=what):
            Archive(path)


@posix
@pytest.mark.parametrize("staged", [True, False])
def test_what_stands_at_a_folders_name_is_no_damage(here, staged):
    """A file, or a link that would lead outside: the target's doing, not the archive's."""
    write(here / "a.ucz", plan_files({b"d/f": b"one", b"l/f": b"two", b"z": b"three"}))
    (here / "out").mkdir()
    (here / "out" / "d").write_bytes(b"mine")
    (here / "out" / "l").symlink_to(here)
    with Archive("a.ucz") as archive:
        report = archive.extract("out", None if staged else ["d", "l", "z"], force=True)
    assert [path for path, _ in report.failed] == [b"d/f", b"l/f"]
    assert (report.files, report.damaged) == (1, 0)
    assert not (here / "f").exists()


def test_a_full_disk_ends_the_extraction_of_copies_too(here, monkeypatch):
    """A link whose file was not asked for is written as a file."""
    links = [Entry(b"l%d" % number, EntryKind.HARDLINK, target=b"f") for number in range(2)]
    write(here / "a.ucz", plan_files({b"f": b"one"}, others=links))

    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "ftruncate", full)
    with Archive("a.ucz") as archive, pytest.raises(OutputError, match="No space left on device"):
        archive.extract("out", ["l0", "l1"])
    assert list((here / "out").iterdir()) == []


def test_each_member_once_and_in_order(here):
    """What lies below `t` does not follow `t` at once."""
    names = [b"t-b", b"t/x", b"t/x-y/z", b"t/x/w", b"t0"]
    files = [name for name in names if name != b"t/x"]
    write(here / "a.ucz", plan_files({name: name for name in files}, others=[folder(b"t"), folder(b"t/x")]))
    with Archive("a.ucz") as archive:
        for chosen in ([b"t", b"t-b", b"t/x"], [b"t/x", b"t/x/w", b"t/x-y", b"t-b", b"t", b"t"]):
            found = [entry.path for entry in select(archive, chosen, [])]
            assert found == [b"t", b"t-b", b"t/x", b"t/x-y/z", b"t/x/w"]
        report = archive.extract("out", ["t", "t-b", "t/x"])
        assert (report.files, report.folders) == (3, 2)
        with pytest.raises(MemberNotFoundError, match="t/none"):
            list(select(archive, [b"t0", b"t/none"], []))


@posix
@pytest.mark.parametrize("link", [None, errno.EPERM, errno.EMLINK])
def test_copies_of_hard_links_take_few_descriptors_and_decode_once(here, monkeypatch, link):
    """Where files were not asked for, or the file system has no hard links."""
    resource = pytest.importorskip("resource")
    count = 300
    files = {b"a/%03d" % number: b"content %d" % number for number in range(count)}
    links = [Entry(b"b/%03d/x" % n, EntryKind.HARDLINK, target=b"a/%03d" % n) for n in range(count)]
    write(here / "a.ucz", plan_files(files, others=links))
    if link is not None:

        def refuse(*_arguments, **_names):
            raise OSError(link, os.strerror(link))

        monkeypatch.setattr(os, "link", refuse)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits[0], 128), limits[1]))
    try:
        with Archive("a.ucz") as archive:
            report = archive.extract("out", ["b"] if link is None else ["a", "b"], threads=2)
            assert report.failed == []
            assert archive.blocks_decoded == archive.statistics.blocks * (1 if link is None else 2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    for number in range(count):
        assert (here / "out" / "b" / f"{number:03}" / "x").read_bytes() == b"content %d" % number


def test_a_file_of_very_many_parts_is_refused(here):
    extents = tuple(Extent(number & 1, number >> 1, 1) for number in range(200))
    entries = [Entry(b"f%02d" % number, size=200, extents=extents) for number in range(20)]
    write(here / "a.ucz", Plan(entries, [bytes(100), bytes(100)]))
    with Archive("a.ucz") as archive:
        with pytest.raises(
            UnsafeArchiveError, match=r"f19 the files have more than 3,900 parts .*; nothing was written"
        ):
            archive.extract("out", limits=ExtractionLimits(extents=3900))
        assert not (here / "out").exists()
        assert archive.extract("out", limits=ExtractionLimits(extents=3980)).failed == []


def test_batches_end_by_their_extents(here, monkeypatch):
    """However many parts files have, few of them are held at once."""
    monkeypatch.setattr(selection, "BATCH_EXTENTS", 400)
    extents = tuple(Extent(number & 1, number >> 1, 1) for number in range(200))
    entries = [Entry(b"f%02d" % number, size=200, extents=extents) for number in range(20)]
    write(here / "a.ucz", Plan(entries, [b"x" * 100, b"y" * 100]))
    assert [len(batch) for batch in selection.cut(entries)] == [2] * 10
    with Archive("a.ucz") as archive:
        assert archive.extract("out").failed == []
        assert archive.blocks_decoded == 20
    for entry in entries:
        assert (here / "out" / os.fsdecode(entry.path)).read_bytes() == b"xy" * 100
