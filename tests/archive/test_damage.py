"""Damage: an error or the right bytes, never wrong bytes, never a crash."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.patch import Patch
from reference_decoder import Corrupt, decode
from ucompress.archive import Archive, ArchiveHeader, ArchiveWriter, Entry, EntryKind
from ucompress.archive.format.directory import Directory
from ucompress.archive.format.layout import (
    CRITICAL,
    END_MAGIC,
    FOOTER_SIZE,
    HEADER_SIZE,
    NO_ID,
    PROTECTED,
    SECTION_HEADER_SIZE,
    SECTION_INDEX,
    Footer,
    PageHeader,
    SectionHeader,
    check,
)
from ucompress.archive.format.members import Members
from ucompress.archive.reading import salvage
from ucompress.archive.writing import index as index_module
from ucompress.archive.writing.encode import encode_page
from ucompress.errors import ArchiveError, CorruptArchiveError, UnsupportedArchiveError

from .build import folder, plan_files, stored_pages, write


def words(seed: int, size: int) -> bytes:
    return bytes(random.Random(seed).choices(b"abcdefgh \n", k=size))


FILES = {b"t/f%02d" % number: words(number, 150) for number in range(12)}
OTHERS = [
    folder(b"t"),
    Entry(b"t/hard", EntryKind.HARDLINK, target=b"t/f03"),
    Entry(b"t/link", EntryKind.SYMLINK, target=b"f01", xattrs=((b"user.a", b"1"),)),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "a.ucz"
    write(path, plan_files(FILES, block=600, others=OTHERS), dictionary=words(77, 400))
    return path.read_bytes()


def read_all(data: bytes, *, recover: bool) -> int:
    """Read what can be read; whatever is given back must be right. Returns the number of files read."""
    read = 0
    try:
        archive = Archive(io.BytesIO(data), recover=recover)
    except ArchiveError:
        return 0
    try:
        listed = list(archive.entries())
    except ArchiveError:
        listed = []
    for entry in listed:
        assert entry.path in FILES or entry.path in {other.path for other in OTHERS}
    for path, content in FILES.items():
        try:
            assert archive.read(path) == content
            read += 1
        except ArchiveError:
            continue
    return read


def test_every_truncation(sound: bytes) -> None:
    for length in range(len(sound)):
        with pytest.raises(CorruptArchiveError):
            Archive(io.BytesIO(sound[:length]))


def test_recovery_of_truncated_archives_yields_all_that_is_there(sound: bytes) -> None:
    footer = Footer.from_bytes(sound[-FOOTER_SIZE:])
    counts = [read_all(sound[:length], recover=True) for length in range(0, len(sound), 7)]
    assert counts == sorted(counts)
    assert read_all(sound[: footer.directory_at], recover=True) == len(FILES)
    with Archive(io.BytesIO(sound[: footer.directory_at]), recover=True) as archive:
        assert archive.recovered and len(archive) == len(FILES) + len(OTHERS)
        assert any("recovered" in problem for problem in archive.verify().problems)


@pytest.mark.parametrize("recover", [False, True])
def test_every_flipped_byte(sound: bytes, recover: bool) -> None:
    """One damaged byte costs at most the files of one block."""
    step = 3 if recover else 1
    for at in range(0, len(sound), step):
        damaged = bytearray(sound)
        damaged[at] ^= 1 << at % 8
        read = read_all(bytes(damaged), recover=recover)
        if recover or at < len(sound) - FOOTER_SIZE:
            assert read >= len(FILES) - 5, at


def test_verify_sees_every_flipped_byte(sound: bytes) -> None:
    """All but bits of a payload that its codec ignores: then every member is still right."""
    for at in range(0, len(sound), 5):
        damaged = bytearray(sound)
        damaged[at] ^= 0x40
        try:
            with Archive(io.BytesIO(bytes(damaged))) as archive:
                sees = not archive.verify(threads=1).ok
                assert sees or read_all(bytes(damaged), recover=False) == len(FILES), at
        except ArchiveError:
            continue


def test_verify_tells_each_problem_once(tmp_path: Path) -> None:
    path = tmp_path / "a.ucz"
    header = ArchiveHeader(level=1, content_hash_bytes=8)
    write(path, plan_files(FILES, block=1 << 20, others=OTHERS, hashed=True), header=header)
    data = bytearray(path.read_bytes())
    data[data.index(b"\xb7UCB") + 60] ^= 1
    with Archive(io.BytesIO(data)) as archive:
        (problem,) = archive.verify().problems
    assert "block 0 is damaged" in problem


def test_a_burst_in_dictionary_or_index_is_repaired(tmp_path: Path) -> None:
    files = {
        b"dir/%05d-%s" % (number, words(number, 12).hex().encode()): words(number, 60)
        for number in range(3000)
    }
    path = tmp_path / "burst.ucz"
    with stored_pages():
        totals = write(path, plan_files(files), dictionary=words(3, 30_000), header=ArchiveHeader(level=4))
    data = path.read_bytes()
    for start, length, burst in (
        (HEADER_SIZE, totals.dictionary_bytes, 900),
        (HEADER_SIZE + totals.dictionary_bytes, 60_000, 3000),
    ):
        for at in range(start + 32, start + length * 3 // 4, length // 5):
            damaged = data[:at] + bytes(burst) + data[at + burst :]
            with Archive(io.BytesIO(damaged)) as archive:
                assert len(list(archive)) == 3000
                assert all(archive.read(name) == content for name, content in list(files.items())[::97])
            cut = damaged[: len(damaged) - FOOTER_SIZE]
            with Archive(io.BytesIO(cut), recover=True) as archive:
                assert len(list(archive)) == 3000


def test_a_lost_index_page_costs_its_own_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "PAGE_ENTRIES", 50)
    files = {b"%04d" % number: words(number, 60) for number in range(500)}
    path = tmp_path / "pages.ucz"
    with stored_pages():
        write(path, plan_files(files))
    data = bytearray(path.read_bytes())
    for at in range(HEADER_SIZE + 32 + 1000, HEADER_SIZE + 32 + 1700):
        data[at] ^= 0x55
    with Archive(io.BytesIO(bytes(data))) as archive, pytest.raises(CorruptArchiveError, match="index page"):
        list(archive)
    for content in (bytes(data), bytes(data[:-FOOTER_SIZE])):
        with Archive(io.BytesIO(content), recover=True) as archive:
            report = archive.extract(tmp_path / f"out{len(content)}")
            assert report.failed == []
            assert 350 <= report.files < 500
            assert all(archive.read(name) == files[name.encode()] for name in archive)
            assert archive.recovered or archive.lost_entries == 500 - report.files


def test_lost_errata_are_not_guessed(tmp_path: Path) -> None:
    """Of a file that changed, the planned bytes are not what the block holds: it must not be given back."""
    plan = plan_files(FILES, block=150, others=OTHERS)
    planned = {entry.path: entry for entry in plan.entries}
    plan.blocks[4] = b"?" * 150
    path = tmp_path / "errata.ucz"
    erratum = (planned[b"t/f04"], Entry(b"t/f04", EntryKind.CANCELLED))
    write(path, plan, errata=[erratum], substituted=[4])
    data = path.read_bytes()
    cut = data.rindex(b"\xb7UCS")
    with Archive(io.BytesIO(data[:cut]), recover=True) as archive:
        assert "t/f04" not in archive, "the errata stand before the directory and are still there"
    cut = data.rindex(b"\xb7UCS", 0, cut)
    with Archive(io.BytesIO(data[:cut]), recover=True) as archive:
        assert archive.read("t/f05") == FILES[b"t/f05"]
        with pytest.raises(CorruptArchiveError, match="changed while it was packed"):
            archive.read("t/f04")


@pytest.mark.parametrize("pages", [1, 4])
def test_errata_whose_pages_are_damaged_are_lost_without_a_directory_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """The section's header is sound and speaks of errata; what they said is gone."""
    monkeypatch.setattr(index_module, "PAGE_ENTRIES", 12 // pages)
    plan = plan_files(FILES, block=150)
    truths = [(entry, entry._replace(mtime_ns=7)) for entry in plan.entries]
    path = tmp_path / "a.ucz"
    write(path, plan, errata=truths, substituted=range(len(plan.blocks)))
    data = path.read_bytes()
    with Archive(path) as archive:
        table = archive._directory.errata
    begin = table.section_at + SECTION_HEADER_SIZE
    end = data.rindex(b"\xb7UCS")
    assert len(table.sizes) == pages
    gone = data[:begin] + data[begin + 9 : end]
    with Archive(io.BytesIO(gone), recover=True) as archive:
        known = {entry.path for entry in archive.entries() if entry.mtime_ns == 7}
        assert len(known) == 12 - 12 // pages
        for name in FILES:
            with pytest.raises(CorruptArchiveError, match="errata are lost"):
                archive.read(name)


def test_an_archive_within_an_archive_is_not_taken_for_the_outer_one(tmp_path: Path) -> None:
    inner = tmp_path / "inner.ucz"
    decoy = {b"x/%d" % number: bytes([number]) * 64 for number in range(8)}
    write(inner, plan_files(decoy, block=64))
    files = {b"a": words(1, 3000), b"inner.ucz": inner.read_bytes(), b"z": words(2, 3000)}
    plan = plan_files(files, block=3000)
    path = tmp_path / "outer.ucz"
    write(path, plan)
    data = bytearray(path.read_bytes())
    first = data.index(b"\xb7UCB")
    data[first + 8] ^= 0xFF
    with Archive(io.BytesIO(bytes(data[:-FOOTER_SIZE])), recover=True) as archive:
        assert archive.read("z") == files[b"z"]
        with pytest.raises(CorruptArchiveError, match="block 0"):
            archive.read("a")


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=12), st.booleans()
)
def test_random_damage(sound: bytes, damage: list[tuple[int, int]], recover: bool) -> None:
    data = bytearray(sound)
    for at, value in damage:
        data[at % len(data)] = value
    read_all(bytes(data), recover=recover)


@given(st.binary(max_size=400))
def test_garbage_is_no_archive(data: bytes) -> None:
    with pytest.raises(CorruptArchiveError):
        Archive(io.BytesIO(data), recover=True)


def rewritten(sound: bytes, header: bytes) -> bytes:
    """The archive with another header, in both places, and checks that fit."""
    header = header[:56] + check(header[:56], 8)
    footer = header + sound[-FOOTER_SIZE + HEADER_SIZE :][:64]
    return header + sound[HEADER_SIZE:-FOOTER_SIZE] + footer + check(footer, 8) + END_MAGIC


def test_unknown_versions_and_features_are_unsupported(sound: bytes) -> None:
    header = sound[:HEADER_SIZE]
    assert read_all(rewritten(sound, header), recover=False) == len(FILES)
    for at, value in ((8, 2), (9, 7), (12, 1), (15, 128), (22, 1), (45, 1)):
        changed = header[:at] + bytes([value]) + header[at + 1 :]
        for recover in (False, True):
            with pytest.raises(UnsupportedArchiveError):
                Archive(io.BytesIO(rewritten(sound, changed)), recover=recover)


def test_higher_minor_version_and_compatible_features_are_read(sound: bytes) -> None:
    header = sound[:HEADER_SIZE]
    for at, value in ((10, 9), (11, 1), (16, 0xFE), (19, 255)):
        changed = header[:at] + bytes([value]) + header[at + 1 :]
        assert read_all(rewritten(sound, changed), recover=False) == len(FILES)


def test_a_future_footer_is_unsupported_not_corrupt(sound: bytes) -> None:
    header = ArchiveHeader(level=1).to_bytes()
    future = header[:8] + b"\2" + header[9:20] + b"whatever a later version puts here"
    with pytest.raises(UnsupportedArchiveError, match="version 2"):
        Archive(io.BytesIO(future.ljust(1000, b"?")))


def test_entries_are_validated_by_the_writer(tmp_path: Path) -> None:
    good = plan_files({b"a": b"1", b"b": b"2"})
    first, second = good.entries
    bad = [
        [second, first],
        [first, first],
        [first._replace(path=b"../x")],
        [first._replace(path=b"/x")],
        [first._replace(path=b"x//y")],
        [first._replace(path=b"")],
        [first._replace(path=b"a\0b")],
        [first._replace(size=5)],
        [first._replace(kind=EntryKind.CANCELLED, size=0, extents=())],
        [first._replace(kind=EntryKind.SYMLINK, size=0, extents=())],
        [first._replace(mtime_ns=1 << 63)],
        [first._replace(xattrs=((b"user.x", bytes(1 << 21)),))],
    ]
    for entries in bad:
        good.entries = entries
        with pytest.raises(ValueError, match=r"allowed|order|add up|cancelled|target|64 bits|exceed"):
            write(tmp_path / "bad.ucz", good)


def after_a_header(section: SectionHeader, payload: bytes) -> io.BytesIO:
    header = ArchiveHeader(level=1).to_bytes()
    return io.BytesIO(header + section.to_bytes(NO_ID) + payload)


@pytest.mark.parametrize("length", [1 << 20, 1 << 62, (1 << 63) - 1])
def test_recovery_goes_no_further_than_the_archive(length: int) -> None:
    """An index that claims more than there is: its pages are searched for in what is there."""
    page = encode_page(Members.of([Entry(b"f")]), 0)
    section = SectionHeader(SECTION_INDEX, CRITICAL | PROTECTED, length, bytes(8))
    with Archive(after_a_header(section, bytes(100) + page), recover=True) as archive:
        assert [entry.path for entry in archive.entries()] == [b"f"]
        assert archive.bytes_read < 10_000


def test_the_search_for_pages_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 16 bytes stands what looks like the header of a large page."""
    size, hashed = 1 << 17, []
    claim = (size // 2).to_bytes(4, "little") + size.to_bytes(4, "little") + b"\1" + bytes(7)
    payload = claim * (size // len(claim))
    real = salvage.check_page
    monkeypatch.setattr(salvage, "_SEARCH_FREE", 1 << 20)
    monkeypatch.setattr(salvage, "check_page", lambda data: hashed.append(len(data)) or real(data))
    section = SectionHeader(SECTION_INDEX, CRITICAL | PROTECTED, size, check(payload, 8))
    with Archive(after_a_header(section, payload), recover=True) as archive:
        assert list(archive.entries()) == []
    assert len(hashed) > 16 and sum(hashed) < (1 << 20) + 34 * size


def test_a_search_among_many_markers_reads_little(sound: bytes) -> None:
    footer = Footer.from_bytes(sound[-FOOTER_SIZE:])
    head = sound[: footer.directory_at]
    data = head + b"\xb7UCB" * 50_000
    with Archive(io.BytesIO(data), recover=True) as archive:
        assert archive.bytes_read < 30 * len(data)
        assert archive.read("t/f05") == FILES[b"t/f05"]


def test_pages_behind_one_that_makes_no_sense_are_found() -> None:
    """Its check fits, so it ends where it says; only it is lost."""
    pages = [encode_page(Members.of([Entry(b"f%d" % number)]), 0) for number in range(3)]
    pages[1] = PageHeader.wrap(0, pages[0], len(pages[0]), 1)
    payload = b"".join(pages)
    section = SectionHeader(SECTION_INDEX, CRITICAL | PROTECTED, len(payload), check(payload, 8))
    with Archive(after_a_header(section, payload), recover=True) as archive:
        assert [entry.path for entry in archive.entries()] == [b"f0", b"f2"]


def test_what_contradicts_the_directory_is_found(tmp_path: Path) -> None:
    """The second decoder refuses these too."""

    class Flagging(Directory):
        def to_bytes(self, level: int = 6) -> bytes:
            self.blocks.flags[0] ^= 1
            return super().to_bytes(level)

    path = tmp_path / "a.ucz"
    with patch("ucompress.archive.writing.writer.Directory", Flagging):
        write(path, plan_files(FILES))
    with Archive(path) as archive:
        assert "not the one that the directory describes" in archive.verify().problems[0]
    with pytest.raises(Corrupt, match="described"):
        decode(path.read_bytes())


@pytest.mark.parametrize("where", ["before the blocks", "between blocks", "before the footer"])
def test_bytes_that_belong_to_no_part_are_found(tmp_path: Path, where: str) -> None:
    stray = b"garbage" * 9

    class Straying(ArchiveWriter):
        blocks = 0

        def write_block(self, *arguments: Any, **options: Any) -> Any:
            if self.blocks == (0 if where == "before the blocks" else 1) and where != "before the footer":
                self._write(stray)
                self._at += len(stray)
            self.blocks += 1
            return super().write_block(*arguments, **options)

    path = tmp_path / "a.ucz"
    with patch("archive.build.ArchiveWriter", Straying):
        write(path, plan_files(FILES, block=600))
    data = path.read_bytes()
    if where == "before the footer":
        data = data[:-FOOTER_SIZE] + stray + data[-FOOTER_SIZE:]
    with Archive(io.BytesIO(data)) as archive:
        assert archive.read("t/f03") == FILES[b"t/f03"]
        (problem,) = archive.verify().problems
    assert "belong to no part" in problem
    with pytest.raises(Corrupt, match="no part"):
        decode(data)


def test_a_lost_page_of_the_errata_makes_its_members_doubtful(tmp_path: Path) -> None:
    plan = plan_files({b"a": b"first" * 99, b"b": b"second" * 99}, block=495)
    path = tmp_path / "a.ucz"
    changed = plan.entries[0]._replace(mtime_ns=7)
    write(path, plan, errata=[(plan.entries[0], changed)], substituted=[0])
    data = bytearray(path.read_bytes())
    with Archive(path) as archive:
        table = archive._directory.errata
    start = table.section_at + SECTION_HEADER_SIZE
    for at in range(start + 30, start + table.payload_length + 60):
        data[at] ^= 0x55
    with Archive(io.BytesIO(data), recover=True) as archive:
        report = archive.extract(tmp_path / "out")
        assert [name for name, _ in report.failed] == [b"a"]
        assert archive.lost_entries == 0


def test_a_dictionary_of_an_unknown_codec_is_unsupported(tmp_path: Path) -> None:
    path = tmp_path / "a.ucz"
    with patch("ucompress.archive.writing.writer.code_dictionary", lambda data, _level: (9, data)):
        write(path, plan_files({b"a": b"hello" * 99}), dictionary=b"hello" * 50)
    with Archive(path) as archive:
        with pytest.raises(UnsupportedArchiveError):
            archive.read("a")
        report = archive.verify()
        assert (report.ok, report.damaged, [member.path for member in report.lost]) == (False, False, [b"a"])


def test_verify_names_hard_links_to_lost_files(tmp_path: Path) -> None:
    plan = plan_files({b"a": b"first" * 99, b"b": b"second" * 99}, block=495)
    plan.entries.append(Entry(b"c", EntryKind.HARDLINK, target=b"a"))
    path = tmp_path / "a.ucz"
    write(path, plan)
    data = bytearray(path.read_bytes())
    data[data.index(b"\xb7UCB") + 45] ^= 1
    with Archive(io.BytesIO(data)) as archive:
        report = archive.verify()
    assert [(member.path, member.block) for member in report.lost] == [(b"a", 0), (b"c", 0)]
    assert (report.damaged, report.unreadable) == (True, 2)


def test_a_section_that_must_be_known_is_told_and_stops_recovery(sound: bytes) -> None:
    """Readers who follow the directory do not see it: `verify` does, and what walks the sections."""
    data = bytes(Patch(sound).insert_section(5, CRITICAL, b"needed").data)
    with Archive(io.BytesIO(data)) as archive:
        report = archive.verify()
        assert report.problems == ["section type 5 is not known here"] and not report.damaged
    with pytest.raises(UnsupportedArchiveError, match="section type 5 is not known here"):
        Archive(io.BytesIO(data[:-FOOTER_SIZE]), recover=True)


def test_a_block_whose_number_would_need_a_table_of_gigabytes_is_refused(sound: bytes) -> None:
    change = Patch(sound).set_block(0, number=1 << 31)
    with pytest.raises(CorruptArchiveError, match="block numbers are beyond all bounds"):
        Archive(io.BytesIO(bytes(change.data[: change.footer.directory_at])), recover=True)


def test_totals_and_pages_are_those_that_the_directory_tells(sound: bytes) -> None:
    change = Patch(sound)
    change.directory.content_bytes += 1
    with Archive(io.BytesIO(bytes(change.rewrite_directory().data))) as archive:
        assert archive.verify().problems == ["the directory's totals differ from the index"]
    change = Patch(sound)
    change.directory.index.separators[0] = b"u"
    with Archive(io.BytesIO(bytes(change.rewrite_directory().data))) as archive:
        assert "not the one that the directory describes" in archive.verify().problems[0]


def test_no_block_is_larger_than_the_header_declares(sound: bytes) -> None:
    change = Patch(sound)
    header = ArchiveHeader.from_bytes(sound[:HEADER_SIZE])
    for at, byte in enumerate(replace(header, largest_block=599).to_bytes()[:56]):
        change.set_header(at, byte)
    with Archive(io.BytesIO(bytes(change.data))) as archive, pytest.raises(ArchiveError, match="larger"):
        archive.read("t/f00")
