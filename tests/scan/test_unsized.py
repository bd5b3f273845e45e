"""Files that have bytes though their size is told as 0 are no empty files."""

import os
import sys
from pathlib import Path

import pytest

from ucompress.scan import MemberKind, scan, unsized

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no such calls there")


@pytest.fixture
def anywhere(monkeypatch):
    """No size of 0 is believed, wherever tests run."""
    monkeypatch.setattr(unsized, "_may_be_untrue", lambda _: True)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no such file system")
def test_files_that_are_made_up_as_they_are_read_are_errors(tmp_path):
    (tmp_path / "empty").touch()
    manifest = scan(["/proc/self/status", tmp_path / "empty", "/proc/cpuinfo"])
    assert manifest.paths == [b"empty"]
    assert manifest.source(0) == os.fsencode(tmp_path / "empty")
    assert [str(note) for note in manifest.errors] == [
        f"{name}: left out: its size is told as 0, and yet it has bytes" for name in ("cpuinfo", "status")
    ]


@pytest.mark.usefixtures("anywhere")
def test_empty_files_stay_and_so_do_others(tmp_path, monkeypatch):
    top, calls = tmp_path / "t", []
    (top / "sub").mkdir(parents=True)
    for number in range(30):
        (top / "sub" / f"{number:02}").write_bytes(b"x" * (number % 3 == 0))
    os.link(top / "sub" / "01", top / "linked")
    (top / "closed").touch(mode=0)
    expected = scan([top])
    monkeypatch.setattr(unsized, "_AT_ONCE", 4)
    manifest = scan([top], progress=lambda *call: calls.append(call))
    assert manifest.paths == expected.paths
    assert (manifest.errors, len(manifest)) == ([], 34)
    assert manifest[manifest.paths.index(b"t/sub/01")].kind is MemberKind.HARDLINK
    asked = calls[2:]
    assert len(asked) == (20 + 2 - 1) // 4
    assert {call[:2] for call in asked} == {(34, 10)}


@pytest.mark.usefixtures("anywhere")
def test_a_file_that_grows_or_is_cut_meanwhile_is_a_file(tmp_path, monkeypatch):
    grown, cut, real = tmp_path / "grown", tmp_path / "cut", unsized.read_and_look
    for path in (grown, cut):
        path.touch()
    rounds = []

    def read(rows):
        rows = list(rows)
        grown.write_bytes(b"more")
        found, seen = real(rows)
        rounds.append([Path(os.fsdecode(path)).name for path, _, _ in rows])
        if len(rounds) == 1:  # as if it had had a byte when that was read, and none a moment later
            seen = real([(os.fsencode(cut), 0, 0)])[1] + seen[40:]
        return found, seen

    monkeypatch.setattr(unsized, "read_and_look", read)
    manifest = scan([grown, cut])
    assert manifest.paths == [b"cut", b"grown"]
    assert manifest.errors == []
    assert rounds == [["cut", "grown"], ["cut"]]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a device's number tells nothing")
def test_sizes_on_real_devices_are_believed(tmp_path, monkeypatch):
    (tmp_path / "empty").touch()
    monkeypatch.setattr(os, "major", lambda _: 8)
    monkeypatch.setattr(unsized, "read_and_look", lambda _: pytest.fail("nothing is to be read"))
    assert scan([tmp_path / "empty"]).paths == [b"empty"]
