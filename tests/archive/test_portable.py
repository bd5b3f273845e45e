"""Names that other systems take for one, or do not have; bits that give rights."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucompress.archive import Archive, Entry, EntryKind
from ucompress.archive.extracting import portable
from ucompress.archive.extracting.limits import ExtractionLimits
from ucompress.archive.extracting.portable import NameCheck, Namesakes, fold, windows_objection
from ucompress.archive.extracting.target import TargetFolder
from ucompress.errors import UnsafeArchiveError

from .build import folder, plan_files, write

NFC, NFD = (unicodedata.normalize(form, "t/caf\u00e9").encode() for form in ("NFC", "NFD"))


def pairs(paths: list[bytes]) -> set[frozenset[bytes]]:
    """Those members and folders of which another one is the namesake; none is told twice."""
    names, found = Namesakes(every(paths).__contains__), list[frozenset[bytes]]()
    for path in sorted(paths):
        for one in (*names.entered(path), path):
            other = names.earlier(one)
            if other is not None:
                found.append(frozenset((one, other)))
    assert len(found) == len(set(found))
    return set(found)


def every(paths: Iterable[bytes]) -> set[bytes]:
    """Paths, and the folders around them."""
    return {path[:end] for path in paths for end in range(1, len(path) + 1) if path[end : end + 1] in b"/"}


@pytest.mark.parametrize(
    "path",
    [b"con", b"NUL.txt", b"com1", b"LPT9 .c", b"aux.", "com\u00b2".encode(), b"CONOUT$",
     b"a:b", b"a\\..\\b", b"q?", b"a\nb", b"end.", b"end "],
)  # fmt: skip
def test_what_windows_does_not_have_is_known(path: bytes) -> None:
    assert windows_objection(path)


@pytest.mark.parametrize("path", [b"console", b"nul1", b".con", b"com0", b"com10", b"lpt", b"a.b", b"\xff"])
def test_what_windows_has_is_known(path: bytes) -> None:
    assert not windows_objection(path)


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"README", b"readme"), (b"d/aB", b"d/Ab"), (NFC, NFD), ("\u212a".encode(), b"k"),
     ("stra\u00dfe".encode(), b"strasse"), ("\u00c9".encode(), "e\u0301".encode()), (b"\xffA", b"\xffa")],
)  # fmt: skip
def test_namesakes_are_found(one: bytes, other: bytes) -> None:
    assert fold(one) == fold(other)
    assert pairs([one, b"other", other]) == {frozenset((one, other))}


def test_only_names_of_one_folder_meet() -> None:
    paths = [b"A", b"A/x", b"A/y/z", b"B", b"B/X", b"a.c", b"b", b"b/x"]
    assert pairs(paths) == {frozenset((b"B", b"b"))}


def test_a_plain_name_that_comes_later_is_told_once() -> None:
    assert pairs(["A\u212a".encode(), b"ak"]) == {frozenset(("A\u212a".encode(), b"ak"))}
    assert pairs([b"ak", "a\u212a".encode()]) == {frozenset(("a\u212a".encode(), b"ak"))}


def test_folders_meet_whether_or_not_they_are_members() -> None:
    assert pairs([b"D/a", b"d/a"]) == {frozenset((b"D", b"d"))}
    assert pairs([b"D", b"D-x/y", b"D/a", b"d/a", b"d/b/c", b"d/d"]) == {frozenset((b"D", b"d"))}
    assert pairs([b"t/D/e/a", b"t/d", b"t/d/e/a", b"t/d/f"]) == {frozenset((b"t/D", b"t/d"))}
    assert pairs([b"k/x", "\u212a/x".encode()]) == {frozenset((b"k", "\u212a".encode()))}


@given(st.lists(st.text("aAbB\u00e9\u212ak/", min_size=1, max_size=5), min_size=1, max_size=12, unique=True))
def test_a_namesake_is_found_wherever_there_is_one(names: list[str]) -> None:
    paths = {name.strip("/").replace("//", "/").encode() for name in names} - {b""}
    folded: dict[tuple[bytes, bytes], int] = {}
    for path in every(paths):
        above, _, name = path.rpartition(b"/")
        folded[above, fold(name)] = folded.get((above, fold(name)), 0) + 1
    assert bool(pairs(list(paths))) == any(count > 1 for count in folded.values())


def archive_of(path: Path, files: dict[bytes, bytes], *others: Entry) -> Path:
    write(path, plan_files(files, others=others))
    return path


FILES = {
    b"t/Dir/x": b"first",
    b"t/README": b"upper",
    b"t/dir/x": b"second",
    b"t/readme": b"lower",
    NFC: b"c",
    NFD: b"d",
}
OTHERS = (
    folder(b"t"),
    folder(b"t/Dir"),
    folder(b"t/dir"),
    Entry(b"t/z", EntryKind.HARDLINK, target=b"t/readme"),
)


def test_where_names_are_told_apart_all_are_written_and_it_is_told(tmp_path: Path) -> None:
    if any(TargetFolder(tmp_path, force=False).folds()):
        pytest.skip("this file system does not tell them apart")
    with Archive(archive_of(tmp_path / "a.ucz", FILES, *OTHERS)) as archive:
        report = archive.extract(tmp_path / "out")
    assert report.failed == []
    assert report.names.namesakes_found == 3
    assert (b"t/readme", b"t/README") in report.names.namesakes
    for path, content in FILES.items():
        assert (tmp_path / "out" / os.fsdecode(path)).read_bytes() == content
    assert os.listdir(tmp_path / "out") == ["t"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(("case", "form"), [(True, True), (True, False), (False, True)])
def test_where_they_are_one_the_first_is_written_and_the_others_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool, case: bool, form: bool
) -> None:
    monkeypatch.setattr(TargetFolder, "folds", lambda _: (case, form))
    refused = {b"t/dir", b"t/dir/x", b"t/readme", b"t/z"} if case else set()
    if form:
        refused.add(max(NFC, NFD))
    with Archive(archive_of(tmp_path / "a.ucz", FILES, *OTHERS)) as archive:
        report = archive.extract(tmp_path / "out", force=force)
    assert {path for path, _ in report.failed} == refused
    out = tmp_path / "out"
    written = {os.fsencode(path.relative_to(out)) for path in out.rglob("*")}
    assert written == (FILES.keys() | {entry.path for entry in OTHERS}) - refused
    assert (out / "t" / "README").read_bytes() == b"upper"


def test_what_lies_in_folders_of_one_name_that_are_no_members_does_not_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TargetFolder, "folds", lambda _: (True, True))
    files = {b"D/a": b"1", b"d/a": b"2", b"d/b": b"3", b"\xe2\x84\xaa/a": b"4", b"k/b": b"5"}
    with Archive(archive_of(tmp_path / "a.ucz", files)) as archive:
        report = archive.extract(tmp_path / "out")
    assert [path for path, _ in report.failed] == [b"d/a", b"d/b", b"\xe2\x84\xaa/a"]
    assert report.names.namesakes == [(b"d", b"D"), (b"\xe2\x84\xaa", b"k")]
    assert sorted(os.listdir(tmp_path / "out")) == ["D", "k"]


@pytest.mark.parametrize("force", [False, True])
def test_on_windows_names_that_lead_elsewhere_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    monkeypatch.setattr(portable, "WINDOWS", True)
    files = {b"t/..\\..\\out": b"1", b"t/c:f": b"2", b"t/nul": b"3", b"t/ok": b"4", b"x /y/z": b"5"}
    with Archive(archive_of(tmp_path / "a.ucz", files, folder(b"t"))) as archive:
        report = archive.extract(tmp_path / "out", force=force)
    assert [path for path, _ in report.failed] == sorted(files.keys() - {b"t/ok"})
    assert os.listdir(tmp_path / "out" / "t") == ["ok"]


def test_the_list_of_namesakes_has_a_bound_and_the_target_is_asked_once() -> None:
    asked = []
    names = NameCheck(lambda _: False, lambda: asked.append(1) or (False, False))
    for at in range(3 * portable.TOLD):
        names.look(b"%06d/A" % at)
        names.look(b"%06d/a" % at)
    assert len(names.notes.namesakes) == portable.TOLD
    assert names.notes.namesakes_found == 3 * portable.TOLD
    assert (len(asked), names.refused) == (1, {})


def test_a_target_leaves_no_trace_of_being_asked(tmp_path: Path) -> None:
    with Archive(archive_of(tmp_path / "a.ucz", {b"A": b"1", b"a": b"2"})) as archive:
        archive.extract(tmp_path / "out")
    assert len(os.listdir(tmp_path / "out")) == 2


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
@pytest.mark.parametrize("existing", [False, True])
def test_set_user_id_bits_are_given_back_on_request_only(tmp_path: Path, existing: bool) -> None:
    plan = plan_files({b"t/run": b"#!", b"t/two": b"x" * 5000}, others=[folder(b"t", 0o2755)], block=4096)
    plan.entries = [entry._replace(mode=entry.mode | 0o6000) for entry in plan.entries]
    write(tmp_path / "a.ucz", plan)
    for setuid in (False, True):
        out = tmp_path / f"out{setuid}"
        if existing:
            (out / "t").mkdir(parents=True)
        with Archive(tmp_path / "a.ucz") as archive:
            assert archive.extract(out, force=existing, setuid=setuid).failed == []
        for name in ("t", "t/run", "t/two"):
            assert stat.S_IMODE((out / name).stat().st_mode) & 0o6000 == (0o6000 if setuid else 0)


def test_paths_have_a_limit(tmp_path: Path) -> None:
    with Archive(archive_of(tmp_path / "a.ucz", {b"long/name": b"1"})) as archive:
        with pytest.raises(UnsafeArchiveError, match="long/name"):
            archive.extract(tmp_path / "out", limits=ExtractionLimits(path_bytes=8))
        assert not (tmp_path / "out").exists()
        assert archive.extract(tmp_path / "out", limits=ExtractionLimits(path_bytes=9)).files == 1
