"""The archives of this folder: good ones are read, bad ones refused, unsupported ones told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from blake3 import blake3

from reference_decoder import Corrupt, Unsupported, decode
from ucompress.archive import Archive, EntryKind
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "expected.json").read_text())


def archives(kind: str) -> list[str]:
    return sorted(path.name for path in HERE.glob(f"{kind}-*.ucz"))


def test_the_folder_is_complete() -> None:
    from golden.make import BAD, GOOD, UNSUPPORTED

    for kind, makers in (("good", GOOD), ("bad", BAD), ("unsupported", UNSUPPORTED)):
        assert archives(kind) == sorted(f"{kind}-{name}.ucz" for name in makers)
    assert sorted(EXPECTED) == archives("good")
    text = (HERE / "README.md").read_text()
    for name in (*GOOD, *BAD, *UNSUPPORTED):
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("name", archives("good"))
def test_good(name: str, tmp_path: Path) -> None:
    found = {}
    with Archive(HERE / name) as archive:
        for member in archive:
            info = archive.info(member)
            is_file = info.kind in (EntryKind.FILE, EntryKind.HARDLINK)
            content = archive.read(member) if is_file else info.target
            facts = [info.kind.name, info.mode, info.mtime_ns, info.size, blake3(content).hexdigest()]
            xattrs = archive.entry(member).xattrs
            found[info.path.decode("latin-1")] = [*facts, [[n.hex(), v.hex()] for n, v in xattrs]]
        assert found == EXPECTED[name]
        assert archive.verify(threads=1).ok == (name != "good-repairable.ucz")
        assert archive.extract(tmp_path, threads=1).failed == []


@pytest.mark.parametrize("name", archives("good"))
def test_good_by_the_second_decoder(name: str) -> None:
    decoded = decode((HERE / name).read_bytes())
    found = {}
    for path, member in decoded.members.items():
        entry = member.entry
        origin = decoded.members[entry.target].entry if entry.kind == EntryKind.HARDLINK else entry
        content = entry.target if member.content is None else member.content
        facts = [EntryKind(entry.kind).name, origin.mode, origin.mtime_ns, origin.size]
        xattrs = [[n.hex(), v.hex()] for n, v in entry.xattrs]
        found[path.decode("latin-1")] = [*facts, blake3(content).hexdigest(), xattrs]
    assert found == EXPECTED[name]


@pytest.mark.parametrize("name", archives("bad"))
def test_bad(name: str, tmp_path: Path) -> None:
    """Refused when opened, or found by a check; no file of it is written outside, none is wrong."""
    try:
        archive = Archive(HERE / name)
    except CorruptArchiveError as error:
        assert name in str(error)
        return
    with archive:
        assert not archive.verify(threads=1).ok
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", archives("bad"))
def test_bad_by_the_second_decoder(name: str) -> None:
    with pytest.raises(Corrupt):
        decode((HERE / name).read_bytes())


@pytest.mark.parametrize("name", archives("unsupported"))
def test_unsupported(name: str) -> None:
    with pytest.raises(UnsupportedArchiveError, match=name), Archive(HERE / name) as archive:
        for member in archive:
            if archive.info(member).kind is EntryKind.FILE:
                archive.read(member)


@pytest.mark.parametrize("name", archives("unsupported"))
def test_unsupported_by_the_second_decoder(name: str) -> None:
    with pytest.raises(Unsupported):
        decode((HERE / name).read_bytes())
