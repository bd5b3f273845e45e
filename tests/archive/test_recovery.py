"""The recovery record against an oracle, and what `repair` makes of every kind of damage."""

from __future__ import annotations

import errno
import os
import random
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ucompress.archive.writing.repair as repair_module
from archive.build import plan_files, write
from golden.make import words
from reference_decoder import decode, recovery_record
from reference_decoder.conventions import check
from ucompress.archive import Archive, ArchiveHeader, ArchiveWriter
from ucompress.archive.format import recovery
from ucompress.archive.format.deal import Deal
from ucompress.archive.format.recovery import RecoveryPlan, StripHeader
from ucompress.archive.writing.repair import repair
from ucompress.errors import CorruptArchiveError, OutputError, UsageError


def write_archive(path: Path, *, percent: int, size: int = 40_000, seed: int = 1) -> bytes:
    """An archive with a record, of a few files of text and one of noise."""
    files = {b"tree/%02d.txt" % number: words(number, size // 10) for number in range(5)}
    files[b"tree/noise"] = random.Random(seed).randbytes(size)
    plan = plan_files(files, block=max(16_384, size // 4))
    header = ArchiveHeader(level=3, largest_block=1 << 20)
    totals = write(path, plan, header=header, recovery=percent)
    data = path.read_bytes()
    assert totals.archive_bytes == len(data)
    return data


def section(path: Path) -> tuple[int, int]:
    """Offset and length of the record's section."""
    with Archive(path) as archive:
        length = archive.statistics.recovery_bytes
        return archive._footer.directory_at - length, length


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """(path, bytes) of an archive with a record of 5 %, 10 groups' worth of sectors."""
    path = tmp_path_factory.mktemp("recovery") / "a.ucz"
    return path, write_archive(path, percent=5, size=3_000_000)


def mend(tmp_path: Path, data: bytes) -> bytes:
    """What `repair` makes of these bytes."""
    damaged, mended = tmp_path / "damaged.ucz", tmp_path / "mended.ucz"
    damaged.write_bytes(data)
    mended.unlink(missing_ok=True)
    report = repair(damaged, mended)
    assert damaged.read_bytes() == data
    assert report.sound != mended.exists()
    return data if report.sound else mended.read_bytes()


@pytest.mark.parametrize("percent", [1, 5, 40, 100])
def test_the_record_is_what_the_oracle_makes(tmp_path, percent):
    path = tmp_path / "a.ucz"
    data = write_archive(path, percent=percent, size=6000)
    at, length = section(path)
    record = recovery_record.Record.read(data[at + 32 : at + 96])
    assert data[at + 32 : at + length] == recovery_record.payload(data, at, length, record)
    assert data[at + 16 : at + 24] == check(data[at + 32 : at + length], 8)
    assert record.m >= record.k * percent / 100
    with Archive(path) as opened:
        assert opened.verify().ok
    assert decode(data).members.keys() == {b"tree/noise", *(b"tree/%02d.txt" % n for n in range(5))}


def test_any_rows_give_the_others_by_the_oracle_too():
    rng = random.Random(3)
    plan = RecoveryPlan(700, 10, 64, 1, 11, 5)
    data = [rng.randbytes(64) for _ in range(11)]
    rows = data + recovery.encoder(plan).encode(data, tuple(range(11, 16)))
    known = sorted(rng.sample(range(16), 11))
    for wanted in range(16):
        factors = recovery_record.weights(known, wanted)
        assert recovery_record.combine([rows[row] for row in known], factors) == rows[wanted]


@given(protected=st.integers(208, 1 << 40), share=st.floats(0, 1), percent=st.integers(1, 100))
def test_plans_add_up(protected, share, percent):
    plan = RecoveryPlan.of(protected, int(protected * share), percent)
    assert plan.data + plan.parity <= 256
    assert plan.parity * 100 >= plan.data * percent or plan.data + plan.parity == 256
    assert plan.parity >= 2
    sectors = -(-protected // plan.sector)
    assert sectors <= plan.groups * plan.data < sectors + plan.groups
    header = StripHeader(plan, bytes(16), bytes(8), recovery.PARITY, plan.parity - 1)
    assert StripHeader.from_bytes(header.to_bytes()) == header
    ends = [plan.strip_at(recovery.TABLE, n) + plan.table for n in range(3)]
    ends += [plan.strip_at(recovery.PARITY, n) + plan.strip for n in range(plan.parity)]
    starts = [plan.strip_at(recovery.TABLE, n) for n in range(3)]
    starts += [plan.strip_at(recovery.PARITY, n) for n in range(plan.parity)]
    assert sorted(starts) == [plan.section_at + 32, *sorted(ends)[:-1]]
    assert max(ends) == plan.section_at + plan.section_length


@pytest.mark.parametrize("share", [i / 24 for i in range(25)])
def test_a_burst_of_two_percent_is_mended_wherever_it_is(archive, tmp_path, share):
    _, whole = archive
    length = len(whole) // 50
    start = int((len(whole) - length) * share)
    data = whole[:start] + random.Random(start).randbytes(length) + whole[start + length :]
    assert mend(tmp_path, data) == whole


def refuse_sectors(monkeypatch, path: Path, sectors: set[int]) -> None:
    """Let the disk refuse some sectors of a file."""
    whole, held = os.pread, path.stat()

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        hit = [at for at in sectors if at * 4096 < offset + length and offset < at * 4096 + 4096]
        if hit and os.fstat(descriptor).st_ino == held.st_ino:
            if min(hit) * 4096 <= offset:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            length = min(hit) * 4096 - offset
        return whole(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread)


@pytest.mark.skipif(not hasattr(os, "pread"), reason="stands in for os.pread, which Windows does not have")
@pytest.mark.parametrize("seed", range(2))
def test_sectors_that_cannot_be_read_are_mended(archive, tmp_path, monkeypatch, seed):
    path, whole = archive
    refuse_sectors(monkeypatch, path, set(random.Random(seed).sample(range(len(whole) // 4096 + 1), 8)))
    report = repair(path, tmp_path / "mended.ucz")
    assert 0 < report.mended <= 16
    assert (tmp_path / "mended.ucz").read_bytes() == whole


@pytest.mark.skipif(not hasattr(os, "pread"), reason="stands in for os.pread, which Windows does not have")
def test_a_sector_of_the_record_that_cannot_be_read_is_mended(archive, tmp_path, monkeypatch):
    path, whole = archive
    at, length = section(path)
    refuse_sectors(monkeypatch, path, {(at + length // 2) // 4096})
    report = repair(path, tmp_path / "mended.ucz")
    assert report.record_mended
    assert (tmp_path / "mended.ucz").read_bytes() == whole


def test_a_sound_archive_is_compared_and_nothing_is_written(archive, tmp_path, monkeypatch):
    path, _ = archive
    with monkeypatch.context() as patched:
        patched.setattr(repair_module, "new_partial", None)
        assert repair(path, tmp_path / "mended.ucz").sound
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_hundredth_of_all_sectors_is_mended(archive, tmp_path, seed):
    _, whole = archive
    data, rng = bytearray(whole), random.Random(seed)
    for sector in rng.sample(range(len(data) // 4096), len(data) // 409_600):
        data[sector * 4096 : sector * 4096 + 4096] = rng.randbytes(4096)
    assert mend(tmp_path, bytes(data)) == whole


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """(bytes of an archive of 26 MB with a record of 5 %, its plan): 27 groups of 251 sectors."""
    path = tmp_path_factory.mktemp("large") / "a.ucz"
    files = {b"n%02d" % number: random.Random(number).randbytes(1 << 20) for number in range(25)}
    header = ArchiveHeader(level=3, largest_block=1 << 20)
    write(path, plan_files(files, block=1 << 20), header=header, recovery=5)
    at, length = section(path)
    data = path.read_bytes()
    return data, RecoveryPlan.of(len(data) - length, at, 5)


def overwritten(whole: bytes, sectors: Iterable[int]) -> bytes:
    data = bytearray(whole)
    for number in sectors:
        start = number * 4096
        data[start : start + 4096] = bytes(byte ^ 0x5A for byte in data[start : start + 4096])
    return bytes(data)


@pytest.mark.parametrize("stride", ["groups", "groups + 1", "groups / 2", "100", "128", "97", "strip"])
def test_regular_patterns_cost_no_group_more_than_chance_does(large, tmp_path, stride):
    """A hundredth of all sectors at one distance, such as that of the sectors of a group were it regular."""
    whole, plan = large
    groups = plan.groups
    step = {"groups": groups, "groups + 1": groups + 1, "groups / 2": groups // 2, "strip": groups + 1}
    distance = step.get(stride) or int(stride)
    total = len(whole) // 4096
    first = total - total // 100 * distance if stride == "strip" else 3
    hit = range(max(first, 0), total, distance)[: total // 100]
    assert mend(tmp_path, overwritten(whole, hit)) == whole


@pytest.mark.parametrize("seed", range(3))
def test_a_hundredth_of_the_sectors_of_a_large_archive_is_mended(large, tmp_path, seed):
    whole, _ = large
    total = len(whole) // 4096
    hit = random.Random(seed).sample(range(total), total // 100)
    assert mend(tmp_path, overwritten(whole, hit)) == whole


@pytest.mark.parametrize("share", [0, 0.3, 0.93, 0.955, 0.98])
def test_a_burst_of_a_large_archive_is_mended(large, tmp_path, share):
    """Of as much as the record is for where only data is hit, of 2 % where the record itself is."""
    whole, _ = large
    length = len(whole) // (20 if share < 0.9 else 50)
    start = int(len(whole) * share) + 77
    damaged = whole[:start] + random.Random(1).randbytes(length) + whole[start + length :]
    assert mend(tmp_path, damaged[: len(whole)]) == whole


def test_as_many_rows_as_there_is_parity_are_mended_and_no_more(large, tmp_path):
    whole, plan = large
    row = plan.groups * plan.sector
    for rows, enough in ((plan.parity, True), (plan.parity + 1, False)):
        damaged = bytes(rows * row) + whole[rows * row :]
        if enough:
            assert mend(tmp_path, damaged) == whole
        else:
            with pytest.raises(CorruptArchiveError, match="not enough for"):
                mend(tmp_path, damaged)


def test_checks_that_are_lost_in_every_table_cost_a_sector_of_each_group(large, tmp_path):
    whole, plan = large
    data = bytearray(whole)
    for number in range(recovery.TABLES):
        at = plan.strip_at(recovery.TABLE, number) + recovery.STRIP_HEADER_SIZE
        data[at + 5 * (4 * plan.chunk + 8)] ^= 1
    assert plan.chunk == plan.groups
    assert mend(tmp_path, bytes(data)) == whole
    data[: (plan.parity - 1) * plan.groups * plan.sector] = bytes(
        (plan.parity - 1) * plan.groups * plan.sector
    )
    assert mend(tmp_path, bytes(data)) == whole


@given(groups=st.integers(1, 5000), key=st.binary(min_size=8, max_size=8), data=st.data())
def test_each_row_is_dealt_to_all_groups(groups, key, data):
    deal, row = Deal(groups, key), data.draw(st.integers(0, 255))
    first = data.draw(st.integers(0, groups - 1))
    count = data.draw(st.integers(1, groups - first))
    dealt = [
        (place + at, first + which + at)
        for place, which, length in deal.runs(row, first, count)
        for at in range(length)
    ]
    assert [group for _, group in dealt] == list(range(first, first + count))
    assert all(deal.place(row, group) == place and deal.group(row, place) == group for place, group in dealt)


def test_rows_begin_with_groups_that_chance_could_have_chosen():
    """Of 256 rows dealt to 28 groups about nine begin with each, whatever the archive's id."""
    for number in range(20):
        deal = Deal(28, number.to_bytes(8, "little"))
        begins = Counter(deal.group(row, 0) for row in range(256))
        assert len(begins) == 28
        assert max(begins.values()) < 26


@pytest.mark.parametrize("missing", [1, 144, 4096, 60_000])
def test_what_was_cut_off_at_the_end_comes_back(archive, tmp_path, missing):
    _, whole = archive
    assert mend(tmp_path, whole[:-missing]) == whole


def test_bytes_behind_the_end_go(archive, tmp_path):
    _, whole = archive
    assert mend(tmp_path, whole + bytes(5000)) == whole


def test_a_sound_archive_is_not_copied(archive, tmp_path):
    path, _ = archive
    assert repair(path, tmp_path / "b.ucz").sound
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_is_damaged_alone_is_mended_too(archive, tmp_path):
    path, whole = archive
    at, length = section(path)
    for start in (at, at + 40, at + length // 2):
        data = whole[:start] + bytes(300) + whole[start + 300 :]
        assert mend(tmp_path, data) == whole


@settings(deadline=None, max_examples=60)
@given(changes=st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(1, 255)), min_size=1, max_size=40))
def test_flipped_bytes_give_the_archive_back_or_an_error(tmp_path_factory, small, changes):
    _, whole = small
    data = bytearray(whole)
    for at, bits in changes:
        data[at % len(data)] ^= bits
    try:
        mended = mend(tmp_path_factory.mktemp("flips"), bytes(data))
    except CorruptArchiveError:
        return
    assert mended == whole


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(path, bytes) of an archive of a few KB with a record of 10 %."""
    path = tmp_path_factory.mktemp("small") / "a.ucz"
    return path, write_archive(path, percent=10, size=5000)


def test_each_byte_of_a_small_archive_may_be_wrong(small, tmp_path):
    _, whole = small
    for at in range(0, len(whole), 41):
        data = bytearray(whole)
        data[at] ^= 0x55
        assert mend(tmp_path, bytes(data)) == whole, at


def test_too_much_damage_is_told_and_nothing_written(archive, tmp_path):
    _, whole = archive
    damaged = tmp_path / "damaged.ucz"
    half = len(whole) // 4
    damaged.write_bytes(whole[:half] + bytes(half) + whole[2 * half :])
    with pytest.raises(CorruptArchiveError, match="not enough for"):
        repair(damaged, tmp_path / "mended.ucz")
    assert list(tmp_path.iterdir()) == [damaged]


def test_verify_finds_damage_anywhere_the_record_included(tmp_path):
    path = tmp_path / "a.ucz"
    whole = write_archive(path, percent=40, size=3000)
    begin, length = section(path)
    found = set()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with Archive(path, recover=True) as archive:
            report = archive.verify(threads=1)
        assert not report.ok and report.damaged, at
        if begin + 32 <= at < begin + length:
            assert (report.lost, len(report.problems)) == ([], 1)
            assert report.problems[0].startswith("recovery record: its bytes differ")
            found.add("record")
    assert found


@pytest.mark.parametrize("content", [b"", b"\x89UCZ", b"\xb7UCR" * 100, bytes(5000)])
def test_what_has_no_record_is_told_so(tmp_path, content):
    path = tmp_path / "a.ucz"
    path.write_bytes(content)
    with pytest.raises(CorruptArchiveError, match="no recovery record"):
        repair(path, tmp_path / "b.ucz")
    assert list(tmp_path.iterdir()) == [path]


def test_a_header_that_claims_a_huge_archive_is_passed_over(tmp_path):
    plan = RecoveryPlan.of(1 << 50, 0, 1)
    data = bytes(32) + StripHeader(plan, bytes(16), bytes(8)).to_bytes()
    path = tmp_path / "a.ucz"
    path.write_bytes(data)
    with pytest.raises(CorruptArchiveError, match="no recovery record"):
        repair(path, tmp_path / "b.ucz")


def test_a_forged_digest_mends_nothing(small, tmp_path):
    """Headers of a record that agree on another digest: the mended bytes are not what they promise."""
    path, whole = small
    at, length = section(path)
    data = bytearray(whole)
    found = data.find(b"\xb7UCR", at)
    while 0 <= found < at + length:
        header = StripHeader.from_bytes(bytes(data[found : found + 64]))
        forged = StripHeader(header.plan, b"another digest..", header.archive_id, header.kind, header.number)
        data[found : found + 64] = forged.to_bytes()
        found = data.find(b"\xb7UCR", found + 1)
    damaged = tmp_path / "damaged.ucz"
    damaged.write_bytes(data)
    with pytest.raises(CorruptArchiveError, match="not those that the recovery record knows"):
        repair(damaged, tmp_path / "mended.ucz")
    assert list(tmp_path.iterdir()) == [damaged]


def test_files_of_somebody_else_are_left_alone(small, tmp_path):
    _, whole = small
    damaged, mended = tmp_path / "damaged.ucz", tmp_path / "mended.ucz"
    damaged.write_bytes(bytes(20) + whole[20:])
    foreign = [tmp_path / "mended.ucz.partial", tmp_path / ".mended.ucz.partial"]
    for path in (*foreign, mended):
        path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="left alone"):
        repair(damaged, mended)
    assert mended.read_bytes() == b"precious"
    repair(damaged, mended, force=True)
    assert mended.read_bytes() == whole
    assert [path.read_bytes() for path in foreign] == [b"precious"] * 2


def test_making_a_record_can_be_stopped(tmp_path):
    """A long step of a run, too, ends when it is told to; the whole archive is read for it."""

    class StoppedError(Exception):
        pass

    def poll():
        raise StoppedError

    plan = plan_files({b"a": words(1, 3000)})
    with ArchiveWriter.create(tmp_path / "a.ucz", ArchiveHeader(level=3)) as writer:
        writer.write_index(plan.entries)
        writer.write_block(0, plan.blocks[0], len(plan.blocks[0]), check(plan.blocks[0], 32))
        with pytest.raises(StoppedError):
            writer.finish(recovery=5, poll=poll)


def test_without_the_library_the_message_says_what_to_install(monkeypatch, small, tmp_path):
    monkeypatch.setitem(sys.modules, "zfec", None)
    with pytest.raises(UsageError, match=r"pip install 'zfec>="):
        repair(small[0], tmp_path / "b.ucz")
