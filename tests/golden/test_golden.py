"""The archives of this folder: good ones are read, bad ones refused, unsupported ones told apart."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest
from blake3 import blake3

from reference_decoder import Corrupt, Unsupported, decode
from ucompress.archive import Archive, EntryKind
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "expected.json").read_text())
SENTENCE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+){2,}")
DAMAGED = "parity_mends_dictionary_index_and_directory"
KNOWN: dict[bytes, set[str]] = defaultdict(set)
"""Every content that a member of this name may have."""
for members in EXPECTED.values():
    for name, facts in members.items():
        KNOWN[name.encode("latin-1")].add(facts[4])


def archives(kind: str) -> list[str]:
    return sorted(path.stem for path in (HERE / kind).glob("*.ucz"))


def archive_of(kind: str, name: str) -> Path:
    return HERE / kind / f"{name}.ucz"


def test_the_folder_is_complete() -> None:
    from golden.make import CLASSES

    for kind, makers in CLASSES.items():
        assert archives(kind) == sorted(makers)
        assert [path for path in (HERE / kind).iterdir() if path.suffix != ".ucz"] == []
    assert sorted(EXPECTED) == archives("good")


@pytest.mark.parametrize("kind", ["good", "bad", "unsupported"])
def test_every_name_is_a_sentence_and_the_readme_says_how_it_was_made(kind: str) -> None:
    chapter = (HERE / "README.md").read_text().split(f"\n## {kind}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in chapter.splitlines() if line.startswith("| `")]
    told = {cells[0].strip("`"): cells[1:] for cells in rows}
    assert sorted(told) == archives(kind)
    assert all(len(cells) == 2 and all(cells) for cells in told.values())
    assert [name for name in told if not SENTENCE.fullmatch(name)] == []


def test_what_is_made_by_hand_is_what_the_writer_makes() -> None:
    from golden.handmade import handmade
    from golden.make import one_file

    assert handmade(one_file()[0]) == one_file()[0]


@pytest.mark.parametrize("name", archives("good"))
def test_good(name: str, tmp_path: Path) -> None:
    found = {}
    with Archive(archive_of("good", name)) as archive:
        for member in archive:
            info = archive.info(member)
            is_file = info.kind in (EntryKind.FILE, EntryKind.HARDLINK)
            content = archive.read(member) if is_file else info.target
            facts = [info.kind.name, info.mode, info.mtime_ns, info.size, blake3(content).hexdigest()]
            xattrs = archive.entry(member).xattrs
            found[info.path.decode("latin-1")] = [*facts, [[n.hex(), v.hex()] for n, v in xattrs]]
        assert found == EXPECTED[name]
        assert archive.verify(threads=1).ok == (name != DAMAGED)
        assert archive.extract(tmp_path, threads=1).failed == []


@pytest.mark.parametrize("name", archives("good"))
def test_good_by_the_second_decoder(name: str) -> None:
    decoded = decode(archive_of("good", name).read_bytes())
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
    """Refused when opened, or found by a check; nothing is written outside, and no byte that is wrong."""
    target = tmp_path / "target"
    try:
        archive = Archive(archive_of("bad", name))
    except CorruptArchiveError as error:
        assert name in str(error)
        return
    with archive:
        report = archive.verify(threads=1)
        assert report.damaged
        try:
            archive.extract(target, threads=1)
        except CorruptArchiveError as error:
            assert name in str(error)
    assert [path.name for path in tmp_path.iterdir()] in ([], ["target"])
    for path in target.rglob("*"):
        if path.is_file():
            inside = bytes(path.relative_to(target))
            assert blake3(path.read_bytes()).hexdigest() in KNOWN[inside]


@pytest.mark.parametrize("name", archives("bad"))
def test_bad_by_the_second_decoder(name: str) -> None:
    with pytest.raises(Corrupt):
        decode(archive_of("bad", name).read_bytes())


@pytest.mark.parametrize("name", archives("unsupported"))
def test_unsupported(name: str) -> None:
    """What needs more than there is here is told as that, by opening, reading or checking it."""
    path = archive_of("unsupported", name)
    with pytest.raises(UnsupportedArchiveError, match=name), Archive(path) as archive:
        for member in archive:
            if archive.info(member).kind is EntryKind.FILE:
                archive.read(member)
        report = archive.verify(threads=1)
        assert report.problems
        assert not report.damaged
        raise UnsupportedArchiveError(f"{name}: {report.problems[0]}")


@pytest.mark.parametrize("name", archives("unsupported"))
def test_unsupported_by_the_second_decoder(name: str) -> None:
    with pytest.raises(Unsupported):
        decode(archive_of("unsupported", name).read_bytes())
