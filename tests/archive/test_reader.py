"""Opening, finding and reading; what one file costs."""

from __future__ import annotations

import copy
import io
import pickle
import random
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from blake3 import blake3

from golden.patch import Patch
from ucompress.archive import Archive, ArchiveHeader, Entry, EntryKind, Extent, blocks_bound
from ucompress.archive.extracting import extract
from ucompress.archive.format.layout import BLOCK_HEADER_SIZE, check
from ucompress.archive.reading import hashing, lookup, opening, verify
from ucompress.archive.reading.verdict import BlockShare
from ucompress.archive.writing import index as index_module
from ucompress.codec.block import decoding_memory, decoding_threads
from ucompress.errors import (
    CorruptArchiveError,
    InputError,
    MemberNotFoundError,
    UnsafeArchiveError,
    UnsupportedArchiveError,
)

from .build import Plan, folder, hole_first, plan_files, write


def words(seed: int, size: int) -> bytes:
    return bytes(random.Random(seed).choices(b"abcdefgh \n", k=size))


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, dict[bytes, bytes]]:
    files = {b"t/%03d.txt" % number: words(number, 40 * number) for number in range(60)}
    files[b"t/twin"] = files[b"t/030.txt"]
    others = [
        folder(b"t"),
        folder(b"t/empty"),
        Entry(b"t/hard", EntryKind.HARDLINK, target=b"t/020.txt"),
        Entry(b"t/link", EntryKind.SYMLINK, target=b"../else\xff"),
    ]
    path = tmp_path / "small.ucz"
    write(path, plan_files(files, others=others, hashed=True), dictionary=words(99, 3000))
    return path, files


def test_every_member_reads_back(small: tuple[Path, dict[bytes, bytes]]) -> None:
    path, files = small
    with Archive(path) as archive:
        assert len(archive) == len(files) + 4
        assert sorted(archive) == list(archive)
        for name, content in files.items():
            assert archive.read(name) == content
            assert archive.open(name).read() == content
        assert archive["t/hard"] == files[b"t/020.txt"]
        assert archive.info("t/hard").size == len(files[b"t/020.txt"])
        assert archive.info("t/link").target == b"../else\xff"
        assert "t/empty" in archive and "t/none" not in archive and 7 not in archive
        assert archive.dictionary == words(99, 3000)
        assert archive.verify().ok


def test_members_are_named_by_text_bytes_or_paths(small: tuple[Path, dict[bytes, bytes]]) -> None:
    path, files = small
    with Archive(path) as archive:
        for name in (
            "t/030.txt",
            b"t/030.txt",
            Path("t/030.txt"),
            PurePosixPath("t", "030.txt"),
            "t/030.txt/",
        ):
            assert name in archive
            assert archive.read(name) == archive[name] == files[b"t/030.txt"]
        for wrong in (5, None, ["t/030.txt"]):
            assert wrong not in archive
            with pytest.raises(
                TypeError, match=rf"is str, bytes or os\.PathLike, not {type(wrong).__name__}"
            ):
                archive.read(wrong)
        report = archive.extract(path.parent / "out", Path("t/030.txt"))
    assert report.files == 1


def test_an_archive_is_itself_alone(small: tuple[Path, dict[bytes, bytes]]) -> None:
    """Its names can be gone through; it is no mapping, for folders and links have no content to give."""
    path, _ = small
    with Archive(path) as archive, Archive(path) as other:
        assert not isinstance(archive, Mapping)
        assert len(list(archive)) == len(archive)
        assert archive == archive and archive != other
        assert len({archive, other, archive}) == 2
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="is an open file and cannot be copied or pickled"):
                copied(archive)
        assert archive.read("t/030.txt")


def test_a_file_object_reads_the_same_and_stays_open(small: tuple[Path, dict[bytes, bytes]]) -> None:
    path, files = small
    stream = io.BytesIO(path.read_bytes())
    with Archive(stream) as archive:
        assert archive.read("t/059.txt") == files[b"t/059.txt"]
    assert not stream.closed


def test_one_file_costs_its_own_blocks_and_few_reads(tmp_path: Path) -> None:
    files = {b"d%d/f%d" % (n % 7, n): words(n, 900) for n in range(400)}
    path = tmp_path / "many.ucz"
    totals = write(path, plan_files(files), dictionary=words(5, 2000))
    for name in (b"d0/f0", b"d3/f353", b"d6/f398"):
        with Archive(path) as archive:
            blocks = {extent.block for extent in archive.entry(name).extents}
            assert archive.read(name) == files[name]
            assert archive.blocks_decoded == len(blocks) <= blocks_bound(900)
            # The end, an index page, the dictionary and the blocks: no other read.
            assert archive.reads == 3 + len(blocks)
            assert archive.bytes_read < totals.archive_bytes
            before = archive.bytes_read
            assert archive.read(name) == files[name]
            assert archive.bytes_read == before


def test_a_huge_archive_takes_four_reads_and_the_dictionary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the directory were too large for the first read, and the index had many pages."""
    monkeypatch.setattr(opening, "TAIL", 150)
    monkeypatch.setattr(index_module, "PAGE_ENTRIES", 10)
    files = {b"d%d/f%d" % (n % 7, n): words(n, 90) for n in range(500)}
    path = tmp_path / "huge.ucz"
    write(path, plan_files(files), dictionary=words(5, 2000))
    with Archive(path) as archive:
        assert archive.read("d3/f353") == files[b"d3/f353"]
        assert archive.reads == 4 + 1


def test_files_seek(small: tuple[Path, dict[bytes, bytes]]) -> None:
    path, files = small
    content = files[b"t/059.txt"]
    with Archive(path) as archive, archive.open("t/059.txt") as file:
        file.seek(-10, io.SEEK_END)
        assert file.read() == content[-10:]
        assert file.seek(100) == 100
        assert file.read(50) == content[100:150]
        assert file.tell() == 150
        assert file.seek(10**12) == 10**12
        assert file.read() == b""


def test_holes_are_zeros(tmp_path: Path) -> None:
    plan = plan_files({b"sparse": words(1, 5000)})
    plan.entries = [hole_first(plan.entries[0], 100_000)]
    path = tmp_path / "hole.ucz"
    write(path, plan)
    with Archive(path) as archive:
        assert archive.read("sparse") == bytes(100_000) + words(1, 5000)
        assert archive.info("sparse").holes == 100_000
        with archive.open("sparse") as file:
            file.seek(99_990)
            assert file.read(20) == bytes(10) + words(1, 10)


def test_what_is_missing_or_no_file_is_told(small: tuple[Path, dict[bytes, bytes]]) -> None:
    path, _ = small
    with Archive(path) as archive:
        for name in ("t/none", "", "zz", b"\xff", "t/empty", "t/link"):
            with pytest.raises(MemberNotFoundError, match=r"small\.ucz"):
                archive.read(name)
        with pytest.raises(UnsafeArchiveError, match="limit"):
            archive.read("t/059.txt", limit=100)


def test_empty_archive(tmp_path: Path) -> None:
    path = tmp_path / "empty.ucz"
    write(path, Plan())
    with Archive(path) as archive:
        assert list(archive) == [] and len(archive) == 0
        assert "a" not in archive
        assert archive.verify().ok


def test_errata_replace_and_cancel(tmp_path: Path) -> None:
    files = {b"a": words(1, 300), b"b": words(2, 300), b"c": words(3, 300)}
    plan = plan_files(files, block=300)
    planned = {entry.path: entry for entry in plan.entries}
    plan.blocks.append(b"the new content")
    new = Entry(b"b", mtime_ns=5, size=15, extents=(Extent(3, 0, 15),))
    gone = Entry(b"c", EntryKind.CANCELLED)
    path = tmp_path / "errata.ucz"
    errata = [(planned[b"b"], new), (planned[b"c"], gone)]
    totals = write(path, plan, errata=errata, substituted=[1, 2])
    with Archive(path) as archive:
        assert list(archive) == ["a", "b"] and len(archive) == 2 == totals.entries
        assert archive.read("b") == b"the new content"
        assert "c" not in archive
        assert archive.statistics.content_bytes == 315
        assert archive.verify().ok


@pytest.mark.parametrize("with_errata", [False, True])
def test_paths_are_those_of_the_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_errata: bool
) -> None:
    monkeypatch.setattr("ucompress.archive.writing.index.PAGE_ENTRIES", 7)
    monkeypatch.setattr("ucompress.archive.reading.lookup.PATHS_AT_ONCE", 5)
    plan = plan_files({b"%s/%02d" % (folder, n): b"x" for folder in (b"a", b"b", b"ba") for n in range(20)})
    path = tmp_path / "many.ucz"
    gone = [(entry, Entry(entry.path, EntryKind.CANCELLED)) for entry in plan.entries[30:33]]
    write(path, plan, errata=gone if with_errata else [])
    with Archive(path) as archive:
        for prefix in (b"", b"b", b"b/", b"b/1", b"ba/19", b"c"):
            portions = list(archive.paths(prefix))
            expected = [entry.path for entry in archive.entries(prefix)]
            assert [name for portion in portions for name in portion] == expected
            assert len(expected) == sum(
                entry.path.startswith(prefix)
                for entry in plan.entries
                if not with_errata or entry not in plan.entries[30:33]
            )
        assert list(archive) == [name.decode() for portion in archive.paths() for name in portion]


@pytest.mark.parametrize("cores", [1, 2, 64])
def test_pages_that_follow_are_decoded_while_one_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr(index_module, "PAGE_ENTRIES", 7)
    files = {b"%03d" % number: b"x" for number in range(100)}
    path, made, makers = tmp_path / "many.ucz", threading.Semaphore(0), set[str]()
    write(path, plan_files(files))

    class Told(lookup.Page):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            makers.add(threading.current_thread().name)
            made.release()

    monkeypatch.setattr(lookup, "Page", Told)
    monkeypatch.setattr(lookup, "available_cores", lambda: cores)
    begun, threads = 1 if cores == 1 else 1 + lookup.MOST_AHEAD, threading.active_count()
    with Archive(path) as archive:
        portions = archive.paths()
        next(portions)
        assert all(made.acquire(timeout=60) for _ in range(begun))
        assert not made.acquire(timeout=0.01), "no more than may be in memory"
        portions.close()
        assert threading.active_count() == threads, "whoever stops listing stops what is decoded ahead"
    with Archive(path) as archive:
        assert list(archive) == sorted(map(bytes.decode, files))
    assert (threading.current_thread().name in makers) == (cores == 1)


def test_memory_bound_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "big.ucz"
    write(path, Plan(), header=ArchiveHeader(level=1, decoder_memory=1 << 31))
    with pytest.raises(UnsupportedArchiveError, match="memory"):
        Archive(path)
    for content in (b"", b"hello", bytes(10_000), path.read_bytes()[:20]):
        other = tmp_path / "other"
        other.write_bytes(content)
        with pytest.raises(CorruptArchiveError, match="other"):
            Archive(other)


@pytest.mark.parametrize("level", [3, 6, 8])
def test_the_memory_bound_holds_whatever_the_header_declares(tmp_path: Path, level: int) -> None:
    path = tmp_path / "modest.ucz"
    plan = plan_files({b"a": b"some text that repeats, " * 99})
    write(path, plan, header=ArchiveHeader(level=level, decoder_memory=1), dictionary=b"some text")
    needed = decoding_memory(level, len(b"some text"), len(plan.blocks[0]))
    with Archive(path, memory_bound=needed) as archive:
        assert archive.read("a") == plan.blocks[0]
    with Archive(path, memory_bound=needed - 1) as archive:
        with pytest.raises(UnsupportedArchiveError, match="bytes of memory; the bound is"):
            archive.read("a")
        assert not archive.verify().ok


@pytest.mark.parametrize("level", [3, 6, 8])
def test_no_more_threads_decode_than_the_memory_bound_has_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    path, made = tmp_path / "a.ucz", []
    plan = plan_files({b"%02d" % number: b"%d repeats, " % number * 200 for number in range(6)}, block=3000)
    write(path, plan, header=ArchiveHeader(level=level), dictionary=b"some text")
    sizes = len(b"some text"), max(map(len, plan.blocks))
    one = decoding_memory(level, *sizes)

    class Recorded(ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            made.append(workers)
            super().__init__(workers)

    for module in (verify, extract):
        monkeypatch.setattr(module, "ThreadPool", Recorded)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(3), raising=False)
    for bound in (one, 2 * one, 64 * one):
        fitting = decoding_threads(bound, level, *sizes)
        for wanted in (None, 1, 8):
            made.clear()
            with Archive(path, memory_bound=bound) as archive:
                assert archive.verify(threads=wanted).ok
                archive.extract(tmp_path / f"{bound}-{wanted}", threads=wanted)
            assert made == [min(wanted or 3, fitting)] * 2


def test_a_path_that_is_no_file_is_an_input_error(tmp_path):
    for path in (tmp_path / "none.ucz", tmp_path):
        with pytest.raises(InputError, match="cannot read"):
            Archive(path)


def test_threads_that_share_a_page_read_the_same(tmp_path: Path) -> None:
    """Extents in scattered order, so that their places take every kind of argument."""
    rng, count = random.Random(1), 2000
    contents = [b"%06d" % number * 3 for number in range(count)]
    blocks, places = [bytearray() for _ in range(20)], dict[int, Extent]()
    for number in rng.sample(range(count), count):
        block = rng.randrange(len(blocks))
        places[number] = Extent(block, len(blocks[block]), 18)
        blocks[block] += contents[number]
    entries = [Entry(b"f%06d" % number, size=18, extents=(places[number],)) for number in range(count)]
    path = tmp_path / "a.ucz"
    write(path, Plan(entries, [bytes(block) for block in blocks]))
    wrong: list[object] = []
    start = threading.Barrier(4)

    def read(archive: Archive, numbers: list[int]) -> None:
        start.wait()
        try:
            wrong.extend(n for n in numbers if archive.read(f"f{n:06}") != contents[n])
        except CorruptArchiveError as error:
            wrong.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(4):
            with Archive(path) as archive:
                samples = [rng.sample(range(count), 100) for _ in range(4)]
                threads = [threading.Thread(target=read, args=(archive, sample)) for sample in samples]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


def test_pages_are_small_beside_the_cache_however_scattered_files_are(tmp_path: Path) -> None:
    scattered = tuple(Extent(0, at * 37 % 65_000, 20) for at in range(1200))
    entries = [
        Entry(b"f%02d" % number, size=24_000, extents=scattered[number:] + scattered[:number])
        for number in range(18)
    ]
    path = tmp_path / "a.ucz"
    write(path, Plan(entries, [bytes(1 << 16)]))
    with Archive(path) as archive:
        assert len(archive._directory.index) > 1
        archive.read("f00")
        before = archive.reads
        archive.read("f00")
        assert archive.reads == before


@pytest.mark.parametrize("name", ["b", "the", "block 0"])
def test_a_message_begins_with_the_archives_name_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.ucz"
    write(path, plan_files({b"a": b"text" * 99}))
    data = bytearray(path.read_bytes())
    data[data.index(b"\xb7UCB") + 53] ^= 1
    with Archive(io.BytesIO(data), name=name) as archive, pytest.raises(CorruptArchiveError) as caught:
        archive.read("a")
    assert str(caught.value).startswith(f"{name}: block 0 is damaged")


@pytest.mark.parametrize("level", [1, 3, 4, 6, 7, 8])
def test_a_file_needs_its_block_up_to_its_own_end_only(tmp_path: Path, level: int) -> None:
    """What follows may be wrong, as long as the coded bytes are those that were written."""
    files = {b"f%d" % number: words(number, 30_000) for number in range(8)}
    path = tmp_path / "a.ucz"
    plan = plan_files(files, block=1 << 18)
    write(path, plan, header=ArchiveHeader(level=level), dictionary=words(9, 20_000))
    change = Patch(path.read_bytes())
    span = change.block(0)
    change.damage(span.end - 40, 8)
    change.set_block(0, coded_check=check(bytes(change.data[span.at + BLOCK_HEADER_SIZE : span.end]), 8))
    with Archive(io.BytesIO(change.data), block_cache=0) as archive:
        assert archive.read("f0") == files[b"f0"]
        with archive.open("f3") as opened:
            assert opened.read() == files[b"f3"]
        with pytest.raises(CorruptArchiveError, match="block 0 is damaged"):
            archive.read("f7")


@pytest.mark.parametrize("level", [1, 6, 8])
def test_no_file_is_read_of_coded_bytes_that_differ_from_their_check(tmp_path: Path, level: int) -> None:
    files = {b"f%d" % number: words(number, 30_000) for number in range(8)}
    path = tmp_path / "a.ucz"
    write(path, plan_files(files, block=1 << 18), header=ArchiveHeader(level=level))
    change = Patch(path.read_bytes())
    change.damage(change.block(0).end - 1, 1)
    with Archive(io.BytesIO(change.data)) as archive:
        for name in ("f0", "f7"):
            with pytest.raises(CorruptArchiveError, match="differ from their check"):
                archive.read(name)


def test_no_block_is_decoded_more_than_twice(small: tuple[Path, dict[bytes, bytes]]) -> None:
    path, files = small
    with Archive(path) as archive:
        ends = {name: archive.entry(name).extents[-1] for name in files if archive.entry(name).extents}
        for name in sorted(ends, key=lambda name: ends[name]):
            assert archive.read(name) == files[name]
        assert archive.blocks_decoded <= 2 * archive.statistics.blocks


@pytest.mark.parametrize("threads", [1, 3])
def test_verify_decodes_each_block_once(tmp_path: Path, threads: int) -> None:
    """Whatever order the files' blocks come in, and though nothing is cached."""
    files = {b"f%02d" % number: words(number, 7000 * number) for number in range(1, 30)}
    plan = plan_files(files, block=1 << 17, others=[folder(b"d")], hashed=True)
    turned = plan.entries[-1]
    backwards = turned.extents[::-1]
    content = b"".join(plan.blocks[block][at : at + length] for block, at, length in backwards)
    plan.entries.append(turned._replace(path=b"z", extents=backwards, digest=blake3(content).digest()))
    hollow = hole_first(plan.entries[-2], 3 << 20)
    digest = blake3(bytes(3 << 20) + files[b"f29"]).digest()
    plan.entries.append(hollow._replace(path=b"zz", digest=digest))
    path = tmp_path / "a.ucz"
    write(path, plan, header=ArchiveHeader(level=1, content_hash_bytes=32))
    with Archive(path, block_cache=0) as archive:
        report = archive.verify(threads=threads)
        assert (report.problems, report.entries, report.unhashed) == ([], 32, 0)
        assert archive.blocks_decoded == archive.statistics.blocks == len(plan.blocks) > 20


def test_what_verify_may_not_hold_is_read_again(tmp_path: Path) -> None:
    plan = plan_files({b"a": 16 * words(1, 200_000)}, block=1 << 20, hashed=True)
    extents = plan.entries[0].extents[::-1]
    content = b"".join(plan.blocks[block][at : at + length] for block, at, length in extents)
    for digest, ok in ((blake3(content).digest(), True), (bytes(32), False)):
        plan.entries[0] = plan.entries[0]._replace(extents=extents, digest=digest)
        path = tmp_path / "a.ucz"
        write(path, plan, header=ArchiveHeader(level=1, content_hash_bytes=32))
        decoding = decoding_memory(1, 0, max(map(len, plan.blocks)))
        with Archive(path, block_cache=0, memory_bound=decoding + 10_000) as archive:
            assert archive.verify(threads=1).ok is ok
            assert archive.blocks_decoded > archive.statistics.blocks
        path.unlink()


def test_a_share_is_charged_for_its_own_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it does not compare for want of a budget, it tells."""
    plan = plan_files({b"a": words(1, 100_000), b"b": words(2, 100_000)}, block=100_000, hashed=True)
    assert [entry.extents[0].block for entry in plan.entries] == [0, 1]
    plan.entries[1] = plan.entries[1]._replace(digest=bytes(32))
    write(tmp_path / "a.ucz", plan, header=ArchiveHeader(level=1, content_hash_bytes=32))
    monkeypatch.setattr(hashing, "PER_BYTE", 0)
    for budget, unhashed in ((150_000, 0), (50_000, 1)):
        monkeypatch.setattr(hashing, "FREE_BYTES", budget)
        with Archive(tmp_path / "a.ucz") as archive:
            report = archive.verify(share=BlockShare(1))
            assert (report.unhashed, len(report.lost)) == (unhashed, 1 - unhashed)
            assert archive.verify().unhashed == 1 + unhashed


class Generous(io.BytesIO):
    """Gives more than it is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size) + b"more"


def test_a_file_object_that_gives_too_much_is_told(small: tuple[Path, dict[bytes, bytes]]) -> None:
    with pytest.raises(OSError, match=r"read\(\d+\) of the file object gave \d+ bytes"):
        Archive(Generous(small[0].read_bytes()))


def test_a_header_that_claims_another_level_is_read_all_the_same(
    small: tuple[Path, dict[bytes, bytes]], tmp_path: Path
) -> None:
    path, files = small
    change = Patch(path.read_bytes()).set_header(20, 200)
    with Archive(io.BytesIO(change.data)) as archive:
        assert "tree hash" in archive.verify(threads=2).problems[0]
        assert not archive.extract(tmp_path / "out", threads=2).failed
    for name, content in files.items():
        assert (tmp_path / "out" / name.decode()).read_bytes() == content


def test_an_archive_shows_what_callers_may_rely_on():
    assert {name for name in dir(Archive) if not name.startswith("_")} == set(
        """
        blocks_decoded blocks_of bytes_read close dictionary entries entry extract file has_record info
        is_doubtful lost_entries name open origin paths read reads statistics tree_hash verify
        """.split()
    )
