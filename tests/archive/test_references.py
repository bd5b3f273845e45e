"""Blocks that are coded after another one: what reading costs, what damage costs, what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from blake3 import blake3

from golden.patch import Patch
from ucompress.archive import Archive, ArchiveHeader, ArchiveWriter, Entry, Extent
from ucompress.codec.levels import LZ, STORED, ZSTD
from ucompress.errors import CorruptArchiveError

from .build import Plan, plan_files, write

REFERENCES = {1: 0, 2: 0, 4: 3}
HEADER = ArchiveHeader(level=6)


def words(language: int, seed: int, size: int) -> bytes:
    pick = random.Random(language)
    vocabulary = [bytes(pick.choices(b"abcdefghij", k=7)) for _ in range(90)]
    return b" ".join(random.Random(seed).choices(vocabulary, k=size))[:size]


@pytest.fixture
def plan() -> Plan:
    return plan_files({b"f%d" % number: words(number // 3, number, 3000) for number in range(6)}, block=3000)


@pytest.fixture
def path(tmp_path: Path, plan: Plan) -> Path:
    write(tmp_path / "a.ucz", plan, header=HEADER, dictionary=words(9, 9, 500), references=REFERENCES)
    return tmp_path / "a.ucz"


def test_one_file_costs_its_block_and_the_reference(path: Path, plan: Plan) -> None:
    for number, needed in enumerate((1, 2, 2, 1, 2, 1)):
        with Archive(path) as archive:
            assert archive.dictionary
            archive.info("f0")
            before = archive.reads
            assert archive.read(f"f{number}") == plan.blocks[number]
            assert archive.blocks_decoded == needed
            assert archive.reads - before == needed
            assert archive.statistics.references == 3


def test_clearing_the_cache_forgets_the_reference(path: Path, plan: Plan) -> None:
    with Archive(path) as archive:
        for _ in range(2):
            archive._blocks.clear()
            before = archive.reads
            assert archive.read("f1") == plan.blocks[1]
            assert archive.reads >= before + 2


def test_references_come_before_the_blocks_that_need_them(path: Path) -> None:
    with Archive(path) as archive:
        assert archive._block_batches([5, 4, 2, 0, 1, -1]) == [[-1], [0, 1, 2], [4], [5]]


def test_a_member_tells_the_blocks_that_it_needs(path: Path) -> None:
    with Archive(path) as archive:
        assert archive.blocks_of(archive.entry("f0")) == {0}
        assert archive.blocks_of(archive.entry("f1")) == {0, 1}


def test_references_make_the_archive_smaller(path: Path, plan: Plan, tmp_path: Path) -> None:
    alone = write(tmp_path / "b.ucz", plan, header=HEADER, dictionary=words(9, 9, 500))
    assert path.stat().st_size < 0.9 * alone.archive_bytes


def test_damage_to_a_reference_costs_what_is_coded_after_it(path: Path, plan: Plan, tmp_path: Path) -> None:
    change = Patch(path.read_bytes())
    change.damage(change.block(0).at + 60, 8)
    path.write_bytes(change.data)
    with Archive(path) as archive:
        report = archive.verify()
        assert [(member.path, member.block) for member in report.lost] == [(b"f0", 0), (b"f1", 1), (b"f2", 2)]
        with pytest.raises(CorruptArchiveError, match="coded after another one: block 0 is damaged"):
            archive.read("f1")
        extracted = archive.extract(tmp_path / "out")
        assert [name for name, _ in extracted.failed] == [b"f0", b"f1", b"f2"]
        for number in (3, 4, 5):
            assert (tmp_path / "out" / f"f{number}").read_bytes() == plan.blocks[number]


def test_a_reference_whose_header_is_lost_is_named(path: Path) -> None:
    change = Patch(path.read_bytes())
    change.damage(change.block(3).at + 8, 1)
    path.write_bytes(change.data)
    with Archive(path) as archive, pytest.raises(CorruptArchiveError, match="block 4 is coded after another"):
        archive.read("f4")


def test_recovery_finds_references_without_the_directory(path: Path, plan: Plan) -> None:
    path.write_bytes(path.read_bytes()[:-300])
    with Archive(path, recover=True) as archive:
        assert [archive.read(f"f{number}") for number in range(6)] == plan.blocks


def test_resuming_knows_what_may_be_a_reference(path: Path, tmp_path: Path, plan: Plan) -> None:
    from ucompress.archive import WriterState

    partial = tmp_path / "b.ucz.part"
    with ArchiveWriter.create(partial, HEADER) as writer:
        writer.write_index(plan.entries, {1: 0})
        head = writer.head_digest()
        for payload in (b"x" * 9, b"y" * 9):
            writer.write_block(LZ, payload, 9, blake3(payload).digest(), reference=len(payload) - 9 or None)
        record = writer.record_digest
        first = writer.read_block(0)
        assert first == (LZ, b"x" * 9, 9)
    with ArchiveWriter.create(tmp_path / "c.ucz.part", HEADER) as other:
        other.write_index(plan.entries)
        other.write_block(LZ, b"x" * 9, 9, blake3(b"x" * 9).digest())
        records = [other.record_digest, record]
    with ArchiveWriter.resume(partial, WriterState(head, records)) as writer:
        assert writer.blocks == 2
        assert writer.read_block(0) == first
        writer.write_block(LZ, b"z" * 9, 9, bytes(16), reference=0)
        with pytest.raises(ValueError, match="cannot be the reference"):
            writer.write_block(LZ, b"z" * 9, 9, bytes(16), reference=2)


@pytest.mark.parametrize(
    ("codec", "reference"), [(LZ, 3), (LZ, -1), (LZ, 1), (LZ, 2), (ZSTD, 0), (STORED, 2)]
)
def test_a_writer_refuses_references_that_no_reader_follows(
    tmp_path: Path, plan: Plan, codec: int, reference: int
) -> None:
    with ArchiveWriter.create(tmp_path / "a.part", HEADER) as writer:
        writer.write_index(plan.entries)
        writer.write_block(LZ, b"x", 9, bytes(16))
        writer.write_block(LZ, b"x", 9, bytes(16), reference=0)
        writer.write_block(STORED, b"x" * 9, 9, bytes(16))
        with pytest.raises(ValueError, match="reference"):
            writer.write_block(codec, b"x", 9, bytes(16), reference=reference)


def test_a_writer_counts_references_of_a_file(tmp_path: Path) -> None:
    extents = (Extent(1, 0, 10), Extent(3, 0, 10))
    entries = [Entry(b"file", size=20, extents=extents)]
    with (
        ArchiveWriter.create(tmp_path / "a.part", HEADER) as writer,
        pytest.raises(ValueError, match="needs 4 blocks; 3 are allowed"),
    ):
        writer.write_index(entries, {1: 0, 3: 2})
    with ArchiveWriter.create(tmp_path / "b.part", HEADER) as writer:
        writer.write_index(entries, {1: 0, 3: 0})
