"""Extraction: everything as it was, at once or not at all, and nothing outside the target."""

from __future__ import annotations

import io
import os
import random
import stat
from pathlib import Path

import pytest

from golden.patch import Patch
from ucompress.archive import Archive, ArchiveHeader, Entry, EntryKind, Extent, ExtractionLimits
from ucompress.archive.extracting import target as target_module
from ucompress.archive.format.layout import BLOCK_HEADER_SIZE, check
from ucompress.archive.writing import index as index_module
from ucompress.errors import CorruptArchiveError, MemberNotFoundError, OutputError, UnsafeArchiveError

from .build import Plan, folder, hole_first, plan_files, write

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and raw names are POSIX")


def words(seed: int, size: int) -> bytes:
    return bytes(random.Random(seed).choices(b"abcdefgh \n", k=size))


def tree_of(root: Path) -> dict[bytes, object]:
    """Everything below a folder: kind, mode, time and content."""
    found: dict[bytes, object] = {}
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        content: object = None
        if path.is_symlink():
            content = os.readlink(os.fsencode(path))
        elif path.is_file():
            content = path.read_bytes()
        kind = stat.S_IFMT(state.st_mode)
        mode = 0 if path.is_symlink() else stat.S_IMODE(state.st_mode)
        found[os.fsencode(path.relative_to(root))] = kind, mode, state.st_mtime_ns, content
    return found


@pytest.fixture
def difficult(tmp_path: Path) -> tuple[Path, dict[bytes, bytes]]:
    files = {
        b"t/a": words(1, 10_000),
        b"t/empty": b"",
        b"t/sub/\xff\xfe raw": words(2, 77),
        b"t/sub/deep/er/f": words(3, 5000),
        b"t/sub/new\nline": words(4, 10),
        b"t/twin": words(1, 10_000),
    }
    others = [
        folder(b"t", 0o755, 1_234_567_890_123_456_789),
        folder(b"t/locked", 0o555, 987_654_321),
        folder(b"t/sub", 0o700, -1_000_000_001),
        folder(b"t/sub/deep", 0o755, 3),
        folder(b"t/sub/deep/er", 0o755, 4),
        Entry(b"t/hard", EntryKind.HARDLINK, target=b"t/a"),
        Entry(b"t/locked/link", EntryKind.SYMLINK, mtime_ns=10**18 + 7, target=b"../nowhere/\xff"),
    ]
    plan = plan_files(files, others=others, hashed=True)
    for number, entry in enumerate(plan.entries):
        if entry.kind is EntryKind.FILE:
            plan.entries[number] = entry._replace(mode=0o600 + number, mtime_ns=10**18 + number)
    path = tmp_path / "difficult.ucz"
    write(path, plan, header=ArchiveHeader(level=1, content_hash_bytes=8))
    return path, files


@pytest.fixture(params=[True, False], ids=["descriptors", "paths"])
def by_descriptor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With directory descriptors, and as on systems that have none."""
    if not request.param:
        monkeypatch.setattr(target_module, "_BY_DESCRIPTOR", False)
    return bool(request.param)


@posix
@pytest.mark.parametrize("threads", [1, 3])
def test_all_comes_back(
    difficult: tuple[Path, dict[bytes, bytes]], tmp_path: Path, threads: int, by_descriptor: bool
) -> None:
    path, files = difficult
    target = tmp_path / "out"
    with Archive(path) as archive:
        report = archive.extract(target, threads=threads)
        assert report.failed == []
        assert (report.files, report.folders, report.links) == (6, 5, 2)
        # Each block is decoded once, however many files need it.
        assert archive.blocks_decoded == archive.statistics.blocks
        entries = {entry.path: archive.origin(entry) for entry in archive.entries()}
    found = tree_of(target)
    assert found.keys() == entries.keys()
    for name, (kind, mode, mtime_ns, content) in found.items():
        entry = entries[name]
        assert mtime_ns == entry.mtime_ns, name
        if stat.S_ISLNK(kind):
            assert content == entry.target
        else:
            assert mode == entry.mode or not by_descriptor, name
        if name in files:
            assert content == files[name]
    assert (target / "t/hard").stat().st_ino == (target / "t/a").stat().st_ino
    (target / "t/locked").chmod(0o755)


@posix
def test_members_by_name_and_by_folder(difficult: tuple[Path, dict[bytes, bytes]], tmp_path: Path) -> None:
    path, files = difficult
    with Archive(path) as archive:
        report = archive.extract(tmp_path / "out", ["t/sub/", b"t/twin", "t/hard"])
        assert report.failed == []
        found = {name for name, value in tree_of(tmp_path / "out").items() if value[3] is not None}
        assert found == {b"t/twin", b"t/hard", *(name for name in files if name.startswith(b"t/sub/"))}
        # The file that it links to was not asked for: the link stands in for it.
        assert (tmp_path / "out/t/hard").read_bytes() == files[b"t/a"]
        with pytest.raises(MemberNotFoundError, match="t/none"):
            archive.extract(tmp_path / "other", ["t/a", "t/none"])
        for missing in ("t/none", "t/sub/none", "t/a/none"):
            with pytest.raises(MemberNotFoundError, match=rf"no member {missing}; nothing was written"):
                archive.extract(tmp_path / "other", ["t", "t/sub", missing])
        assert not (tmp_path / "other").exists()
        assert archive.extract(tmp_path / "same", ["t", "t/sub/", "t/sub/deep", "t/a"]).complete


def test_a_folder_that_is_no_member_is_one_by_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.ucz"
    write(path, plan_files({b"t/sub/a": b"1", b"t/sub-b": b"2"}))
    with Archive(path) as archive:
        assert archive.extract(tmp_path / "out", ["t", "t/sub"]).files == 2
        with pytest.raises(MemberNotFoundError, match="no member t/su;"):
            archive.extract(tmp_path / "other", ["t", "t/su"])


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "a.ucz"
    write(path, plan_files({b"a": b"one", b"b": b"two"}))
    target = tmp_path / "out"
    target.mkdir()
    (target / "b").write_bytes(b"mine")
    with Archive(path) as archive:
        with pytest.raises(OutputError, match=r"out/b is already there.*force"):
            archive.extract(target)
        assert sorted(os.listdir(target)) == ["b"]
        assert (target / "b").read_bytes() == b"mine"
        assert archive.extract(target, force=True).failed == []
        assert (target / "b").read_bytes() == b"two"


@posix
@pytest.mark.usefixtures("by_descriptor")
def test_links_in_the_target_are_not_followed(tmp_path: Path) -> None:
    outside, target = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    target.mkdir()
    (target / "d").symlink_to(outside)
    (target / "file").symlink_to(outside / "file")
    path = tmp_path / "a.ucz"
    write(path, plan_files({b"d/inside": b"one", b"file": b"two"}, others=[folder(b"d")]))
    with Archive(path) as archive:
        report = archive.extract(target, force=True)
    assert {name for name, _ in report.failed} == {b"d", b"d/inside"}
    assert list(outside.iterdir()) == []
    assert not (target / "file").is_symlink() and (target / "file").read_bytes() == b"two"


@posix
@pytest.mark.usefixtures("by_descriptor")
def test_a_link_in_the_archive_is_no_way_out(tmp_path: Path) -> None:
    """A link and a file below it: the folder is real when the file is written, so the link is what fails."""
    outside = tmp_path / "outside"
    outside.mkdir()
    plan = plan_files({b"x/evil": b"evil"})
    plan.entries.insert(0, Entry(b"x", EntryKind.SYMLINK, target=os.fsencode(outside)))
    path = tmp_path / "a.ucz"
    write(path, plan)
    with Archive(path) as archive:
        report = archive.extract(tmp_path / "out")
        assert [name for name, _ in report.failed] == [b"x"]
        assert list(outside.iterdir()) == []
        assert (tmp_path / "out/x/evil").read_bytes() == b"evil"


@pytest.mark.parametrize("evil", [b"/etc/x", b"../x", b"a/../../x", b"..", b"a/..", b"a//b", b"./a", b"a/."])
def test_hostile_paths_are_refused(tmp_path: Path, evil: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer without scruples: the reader must not give such a path to anyone."""
    monkeypatch.setattr(index_module, "path_problem", lambda path: None)
    plan = plan_files({b"ok": b"content"})
    plan.entries = sorted([*plan.entries, plan.entries[0]._replace(path=evil)], key=lambda e: e.path)
    path = tmp_path / "evil.ucz"
    write(path, plan)
    with Archive(path) as archive, pytest.raises(CorruptArchiveError, match=r"evil\.ucz"):
        archive.extract(tmp_path / "out")
    assert os.listdir(tmp_path) == ["evil.ucz"]


@posix
def test_dangerous_modes_and_attributes_are_dropped(tmp_path: Path) -> None:
    plan = plan_files({b"suid": b"#!"})
    xattrs = ((b"security.capability", b"x"), (b"user.note", b"y"))
    plan.entries = [plan.entries[0]._replace(mode=0o6755, xattrs=xattrs)]
    path = tmp_path / "a.ucz"
    write(path, plan)
    with Archive(path) as archive:
        assert archive.info("suid").xattrs == xattrs
        archive.extract(tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out/suid").stat().st_mode) == 0o755
    if hasattr(os, "listxattr"):
        assert "security.capability" not in os.listxattr(tmp_path / "out/suid")


def test_a_member_is_given_back_without_the_rest_of_its_block(tmp_path: Path) -> None:
    files = {b"f%d" % number: words(number, 30_000) for number in range(8)}
    path = tmp_path / "a.ucz"
    write(path, plan_files(files, block=1 << 18), header=ArchiveHeader(level=6))
    change = Patch(path.read_bytes())
    span = change.block(0)
    change.damage(span.end - 40, 8)
    change.set_block(0, coded_check=check(bytes(change.data[span.at + BLOCK_HEADER_SIZE : span.end]), 8))
    with Archive(io.BytesIO(change.data)) as archive:
        assert not archive.extract(tmp_path / "one", "f1").failed
        assert len(archive.extract(tmp_path / "all").failed) == 8
    assert (tmp_path / "one" / "f1").read_bytes() == files[b"f1"]


def test_limits_refuse_before_anything_is_written(tmp_path: Path) -> None:
    plan = plan_files({b"a": words(1, 3000), b"b": words(2, 3000), b"c/d/e/f": b"x"})
    plan.entries[1] = hole_first(plan.entries[1], 1 << 47)
    path = tmp_path / "a.ucz"
    write(path, plan)
    small = ExtractionLimits(content_bytes=4000, file_bytes=1 << 50)
    for limits in (None, small, ExtractionLimits(members=1), ExtractionLimits(depth=2, file_bytes=1 << 50)):
        with Archive(path) as archive, pytest.raises(UnsafeArchiveError, match="nothing was written"):
            archive.extract(tmp_path / "out", limits=limits)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "other",
    [
        Entry(b"b", EntryKind.SYMLINK, target=b"x" * 1000),
        folder(b"b")._replace(xattrs=((b"user.x", b"x" * 994),)),
    ],
    ids=["target", "attribute"],
)
def test_targets_and_attributes_count_as_contents_do(tmp_path: Path, other: Entry) -> None:
    write(tmp_path / "a.ucz", plan_files({b"a": b"x" * 500}, others=[other]))
    with Archive(tmp_path / "a.ucz") as archive:
        with pytest.raises(UnsafeArchiveError, match=r"1,500 bytes or more, and the limit is 1,499"):
            archive.extract(tmp_path / "out", limits=ExtractionLimits(content_bytes=1499))
        assert archive.extract(tmp_path / "out", limits=ExtractionLimits(content_bytes=1500)).failed == []


def test_members_are_counted_before_they_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.ucz", plan_files({b"%d" % number: b"" for number in range(5)}))
    with Archive(tmp_path / "a.ucz") as archive:
        monkeypatch.setattr(Archive, "entries", lambda *_: pytest.fail("walked over the members"))
        with pytest.raises(UnsafeArchiveError, match=r"archive has 5 members, and the limit is 4"):
            archive.extract(tmp_path / "out", limits=ExtractionLimits(members=4))
    assert not (tmp_path / "out").exists()


def test_damage_costs_only_its_own_files(tmp_path: Path) -> None:
    files = {b"f%02d" % number: words(number, 500) for number in range(40)}
    path = tmp_path / "a.ucz"
    plan = plan_files(files, block=1000)
    write(path, plan)
    data = bytearray(path.read_bytes())
    at = -1
    for _ in range(6):
        at = data.index(b"\xb7UCB", at + 1)
    data[at + 60] ^= 0xFF
    with Archive(io.BytesIO(bytes(data))) as archive:
        report = archive.extract(tmp_path / "out")
    assert {name for name, _ in report.failed} == {b"f10", b"f11"}
    assert all("block 5" in reason for _, reason in report.failed)
    written = {
        os.fsencode(name): (tmp_path / "out" / name).read_bytes() for name in os.listdir(tmp_path / "out")
    }
    assert written == {name: content for name, content in files.items() if name not in (b"f10", b"f11")}


def test_a_wrong_plan_is_found_out_by_the_content_hash(tmp_path: Path) -> None:
    files = {b"big": words(1, 9000), b"small": words(2, 100)}
    plan = plan_files(files, block=3000, hashed=True)
    swapped = plan.entries[0].extents
    plan.entries[0] = plan.entries[0]._replace(extents=(swapped[1], swapped[0], swapped[2]))
    plan.entries[1] = plan.entries[1]._replace(extents=(Extent(0, 7, 100),))
    path = tmp_path / "a.ucz"
    write(path, plan, header=ArchiveHeader(level=1, content_hash_bytes=32))
    with Archive(path) as archive:
        report = archive.extract(tmp_path / "out")
        assert [name for name, _ in report.failed] == [b"big", b"small"]
        assert list((tmp_path / "out").iterdir()) == []
        for name in files:
            with pytest.raises(CorruptArchiveError, match="differs from its hash"):
                archive.read(name)
        assert len(archive.verify().problems) == 2


def test_an_interrupted_extraction_leaves_no_temporary_files(tmp_path: Path) -> None:
    files = {b"f%02d" % number: words(number, 5000) for number in range(20)}
    path = tmp_path / "a.ucz"
    write(path, plan_files(files, block=4000))
    seen = []

    def stop(name: str, size: int) -> None:
        seen.append(name)
        if len(seen) == 7:
            raise KeyboardInterrupt

    with Archive(path) as archive, pytest.raises(KeyboardInterrupt):
        archive.extract(tmp_path / "out", threads=2, progress=stop)
    for name in os.listdir(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == files[os.fsencode(name)]


@posix
@pytest.mark.parametrize("beside", [True, False])
def test_an_interrupted_extraction_gives_folders_their_modes_and_times(tmp_path: Path, beside: bool) -> None:
    files = {b"t/a/%02d" % number: words(number, 500) for number in range(20)}
    others = [folder(b"t", 0o755), folder(b"t/a", 0o750), folder(b"t/b", 0o555)]
    path, target = tmp_path / "a.ucz", tmp_path / "out"
    write(path, plan_files(files, block=1000, others=others))
    if not beside:
        (target / "t").mkdir(parents=True)

    def stop(_name: str, _size: int) -> None:
        raise KeyboardInterrupt

    with Archive(path) as archive, pytest.raises(KeyboardInterrupt):
        archive.extract(target, force=not beside, progress=stop)
    for entry in others:
        status = (target / os.fsdecode(entry.path)).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (entry.mode, entry.mtime_ns)


@posix
def test_holes_stay_holes(tmp_path: Path) -> None:
    plan = plan_files({b"sparse": words(1, 8192)}, block=4096)
    first, second = plan.entries[0].extents
    hole = Extent(-1, 0, 1 << 24)
    plan.entries = [Entry(b"sparse", size=8192 + 3 * hole.length, extents=(hole, first, hole, second, hole))]
    path = tmp_path / "a.ucz"
    write(path, plan)
    with Archive(path) as archive:
        archive.extract(tmp_path / "out")
        state = (tmp_path / "out/sparse").stat()
        assert state.st_size == 8192 + 3 * hole.length
        assert state.st_blocks * 512 < 1 << 20
        assert (tmp_path / "out/sparse").read_bytes() == archive.read("sparse")


def test_a_hard_link_to_no_file_is_refused(tmp_path: Path) -> None:
    plan = Plan([Entry(b"a", EntryKind.HARDLINK, target=b"Z"), folder(b"d")])
    plan.entries.append(Entry(b"e", EntryKind.HARDLINK, target=b"d"))
    path = tmp_path / "a.ucz"
    write(path, plan)
    with Archive(path) as archive:
        report = archive.extract(tmp_path / "out")
        assert [name for name, _ in report.failed] == [b"a", b"e"]
        assert sorted(os.listdir(tmp_path / "out")) == ["d"]
        with pytest.raises(CorruptArchiveError, match="no file"):
            archive.read("a")


@posix
@pytest.mark.usefixtures("by_descriptor")
@pytest.mark.parametrize("staged", [True, False])
@pytest.mark.parametrize("links_to", [b"../secret", b"../../secret", b"../new/x", b"d/../../secret", b"z"])
def test_a_hard_link_is_no_way_out(
    tmp_path: Path, staged: bool, links_to: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer without scruples: what it links to exists, outside the target."""
    monkeypatch.setattr(index_module, "link_problem", lambda path, target: None)
    path, target = tmp_path / "evil.ucz", tmp_path / "out"
    write(path, plan_files({b"a": b"x"}, others=[Entry(b"b", EntryKind.HARDLINK, target=links_to)]))
    target.mkdir()
    (tmp_path / "secret").write_bytes(b"outside")
    if not staged:
        (target / "a").write_bytes(b"mine")
    with Archive(path) as archive, pytest.raises(CorruptArchiveError, match=r"evil\.ucz.*hard link.*target"):
        archive.extract(target, force=True)
    assert sorted(os.listdir(tmp_path)) == ["evil.ucz", "out", "secret"]
    assert (tmp_path / "secret").stat().st_nlink == 1
    assert os.listdir(target) == ([] if staged else ["a"])


@posix
@pytest.mark.usefixtures("by_descriptor")
@pytest.mark.parametrize("staged", [True, False])
def test_a_hard_link_to_what_the_target_holds_is_refused(tmp_path: Path, staged: bool) -> None:
    """A file at the name of a member that is none, or of no member at all, is nobody's to link to."""
    links = [Entry(b"l%d" % n, EntryKind.HARDLINK, target=name) for n, name in enumerate([b"d", b"his/own"])]
    path, target = tmp_path / "a.ucz", tmp_path / "out"
    write(path, plan_files({b"a": b"x"}, others=[folder(b"d"), *links]))
    (target / "his").mkdir(parents=True)
    (target / "his" / "own").write_bytes(b"mine")
    if not staged:
        (target / "d").write_bytes(b"mine too")
    with Archive(path) as archive:
        report = archive.extract(target, force=True)
    assert {b"l0", b"l1"} <= {name for name, _ in report.failed}
    assert (target / "his" / "own").stat().st_nlink == 1
    assert not staged or sorted(os.listdir(target)) == ["a", "d", "his"]


@posix
@pytest.mark.usefixtures("by_descriptor")
def test_linking_makes_no_folders(tmp_path: Path) -> None:
    target = target_module.TargetFolder(tmp_path / "out", force=False)
    with pytest.raises(FileNotFoundError):
        target.make_hard_link(b"link", b"not/there")
    target.close()
    assert os.listdir(tmp_path / "out") == []
