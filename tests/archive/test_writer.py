"""Writing: order, durability, and resuming to the same bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from ucompress.archive import (
    Archive,
    ArchiveHeader,
    ArchiveWriter,
    WriterState,
    choose_content_hash_bytes,
    publish,
)
from ucompress.errors import OutputError, ResumeFailedError

from .build import folder, plan_files, write

FILES = {b"t/%02d" % number: bytes([number]) * (90 + number) for number in range(30)}


def test_resuming_from_any_state_gives_the_same_bytes(tmp_path: Path) -> None:
    plan = plan_files(FILES, block=400, others=[folder(b"t")])
    whole = tmp_path / "whole.ucz"
    write(whole, plan, dictionary=b"common past" * 9)
    header = ArchiveHeader(level=1)
    blocks = [(0, data, len(data), blake3(data).digest()) for data in plan.blocks]

    def run(path: Path, stop: int, state: WriterState | None) -> WriterState | None:
        """Write with a pause after `stop` steps; None once the archive is finished."""
        steps = 0
        records = list(state.records) if state else []
        writer = ArchiveWriter.create(path, header) if state is None else ArchiveWriter.resume(path, state)
        with writer:
            if not writer.has_index:
                if writer.position == 64:
                    writer.write_dictionary(b"common past" * 9)
                writer.write_index(plan.entries)
                steps += 1
            for block in blocks[writer.blocks :]:
                if steps == stop:
                    writer.sync()
                    writer.write_block(*block)
                    return WriterState(writer.head_digest(), records)
                writer.write_block(*block)
                records.append(writer.record_digest)
                steps += 1
            writer.finish()
        return None

    direct = tmp_path / "direct.ucz"
    assert run(direct, 1000, None) is None
    for stop in (1, 2, 3):
        path = tmp_path / f"stop{stop}.ucz"
        state, rounds = run(path, stop, None), 1
        while state is not None:
            # What a killed process leaves behind the last durable byte is of no account.
            with path.open("ab") as file:
                file.write(b"rubbish" * 50)
            state = run(path, stop, state)
            rounds += 1
        assert rounds > 2
        assert path.read_bytes() == direct.read_bytes()
    with Archive(direct) as archive:
        assert {name.encode(): archive[name] for name in archive if name != "t"} == FILES


def partial_archive(path: Path) -> tuple[WriterState, list[int]]:
    """Write a partial archive; returns what it takes to resume it, and where each block ends."""
    plan = plan_files(FILES, block=400)
    records, ends = [], []
    with ArchiveWriter.create(path, ArchiveHeader(level=1)) as writer:
        with pytest.raises(ValueError, match="not written yet"):
            writer.head_digest()
        writer.write_dictionary(b"common past" * 9)
        writer.write_index(plan.entries)
        head = writer.head_digest()
        ends.append(writer.position)
        for data in plan.blocks:
            writer.write_block(0, data, len(data), blake3(data).digest())
            records.append(writer.record_digest)
            ends.append(writer.position)
        assert writer.head_digest() == head
        writer.sync()
    return WriterState(head, records), ends


def test_resume_refuses_a_head_that_is_not_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    state, ends = partial_archive(path)
    content = path.read_bytes()
    for at in range(0, ends[0], 7):
        damaged = bytearray(content)
        damaged[at] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ResumeFailedError, match=r"a\.part|archive"):
            ArchiveWriter.resume(path, state)
        assert path.read_bytes() == damaged
    path.write_bytes(content[: ends[0] - 1])
    with pytest.raises(ResumeFailedError):
        ArchiveWriter.resume(path, state)
    with pytest.raises(ResumeFailedError, match="gone"):
        ArchiveWriter.resume(tmp_path / "gone", state)


def test_resume_keeps_the_blocks_before_the_first_that_is_not_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.part"
    state, ends = partial_archive(path)
    content = path.read_bytes()
    for at in range(ends[0], ends[-1], 37):
        damaged = bytearray(content)
        damaged[at] ^= 1
        cut = content[:at]
        whole = sum(end <= at for end in ends) - 1
        for bad in (damaged, cut):
            path.write_bytes(bad)
            with ArchiveWriter.resume(path, state) as writer:
                assert (writer.blocks, writer.position) == (whole, ends[whole])
            assert path.read_bytes() == content[: ends[whole]]


def test_the_order_of_parts_is_kept(tmp_path: Path) -> None:
    plan = plan_files(FILES)
    with ArchiveWriter.create(tmp_path / "a", ArchiveHeader(level=1, largest_block=1000)) as writer:
        with pytest.raises(ValueError, match="index"):
            writer.write_block(0, b"x", 1, bytes(16))
        with pytest.raises(ValueError, match="index"):
            writer.finish()
        writer.write_index(iter(plan.entries))
        for late in (lambda: writer.write_dictionary(b"late"), lambda: writer.write_index([])):
            with pytest.raises(ValueError, match=r"before the index|already"):
                late()
        for size, digest in ((0, bytes(16)), (1001, bytes(16)), (1, bytes(15))):
            with pytest.raises(ValueError, match="block"):
                writer.write_block(0, bytes(size), size, digest)


def test_publish_replaces_at_once(tmp_path: Path) -> None:
    part, final = tmp_path / "a.part", tmp_path / "a.ucz"
    write(part, plan_files(FILES))
    content = part.read_bytes()
    publish(part, final)
    assert final.read_bytes() == content and not part.exists()
    write(part, plan_files(FILES))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/full").touch()
    with pytest.raises(OutputError, match=r"stands complete at .*a\.part"):
        publish(part, tmp_path / "folder")
    assert part.read_bytes() == content
    with pytest.raises(OutputError, match="cannot create"):
        ArchiveWriter.create(tmp_path / "none" / "a", ArchiveHeader(level=1))


def test_totals_account_for_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.ucz"
    plan = plan_files(FILES, block=500)
    totals = write(path, plan, dictionary=b"past" * 100)
    parts = totals.dictionary_bytes, totals.index_bytes, totals.block_bytes, totals.directory_bytes
    assert sum(parts) + 64 == totals.archive_bytes == path.stat().st_size
    assert totals.unique_bytes == sum(map(len, plan.blocks))
    assert totals.content_bytes == sum(map(len, FILES.values()))
    with Archive(path) as archive:
        figures = archive.statistics
        assert (figures.entries, figures.blocks) == (totals.entries, totals.blocks)
        assert figures.unique_bytes == totals.unique_bytes


def test_content_hashes_only_where_they_cost_little() -> None:
    assert choose_content_hash_bytes(20_000, 6_500_000) == 0
    assert choose_content_hash_bytes(2_842, 66_920_803) == 8
    assert choose_content_hash_bytes(17_389, 111_467_958) == 0
    assert choose_content_hash_bytes(0, 0) == 8


def test_headers_refuse_impossible_values() -> None:
    for bad in (
        ArchiveHeader(level=10),
        ArchiveHeader(content_hash_bytes=7),
        ArchiveHeader(largest_block=0),
        ArchiveHeader(largest_block=(8 << 20) + 1),
    ):
        with pytest.raises(ValueError, match="must be"):
            bad.to_bytes()


@pytest.mark.skipif(os.name != "posix", reason="only there folders confirm names")
def test_a_folder_that_does_not_confirm_a_name_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.partial").write_bytes(b"whole")
    real = os.open

    def refusing(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(OutputError, match=r"a\.ucz is complete, but .* Permission denied"):
        publish(tmp_path / "a.partial", tmp_path / "a.ucz")
    assert (tmp_path / "a.ucz").read_bytes() == b"whole"
