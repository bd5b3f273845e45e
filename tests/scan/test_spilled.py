"""Columns in files: the same values as in memory, whatever was let go of between."""

import errno
import mmap
import os

import numpy as np
import pytest

from tests.scan.trees import tree
from ucompress.errors import OutputError
from ucompress.pipeline.reading.distinct import ManifestNames
from ucompress.scan import MemberKind, look_again, scan
from ucompress.spill import Growing, SparseStrings, SparseStringsBuilder, Spill, StringsBuilder, taken

pytestmark = pytest.mark.skipif(not hasattr(os, "pread"), reason="everything stays in memory here")


NUMBERS = [number * 7919 % 1000 for number in range(500)]
NAMES = [b"n" * (number % 5) + b"%d" % number for number in range(500)]


def test_a_column_that_grows_gives_what_was_put_in(tmp_path):
    column = Growing("q", Spill(tmp_path, least=64))
    for number in NUMBERS:
        column.tail.append(number)
        column.settle()
        assert column[len(column) - 1] == number
    assert column.settled > len(column.tail)
    assert column[:] == NUMBERS
    assert column[-1] == NUMBERS[-1]
    with pytest.raises(IndexError):
        column[-501]
    assert column.values().tolist() == NUMBERS
    assert list(column.column()) == NUMBERS


def test_strings_are_found_by_number_slice_and_choice(tmp_path):
    builder = StringsBuilder(Spill(tmp_path, least=64))
    for first in range(0, len(NAMES), 7):
        builder.extend(NAMES[first : first + 7])
    assert len(builder) == len(NAMES)
    strings = builder.finish()
    assert not isinstance(strings, list)
    assert list(strings) == NAMES
    assert strings[13:99] == NAMES[13:99]
    assert strings[90:10:-3] == NAMES[90:10:-3]
    assert strings[-1] == NAMES[-1]
    assert strings[5:5] == []
    for numbers in ([], [3], [0, 499], [7, 5, 6, 5], list(range(100, 200, 2))):
        assert taken(strings, numbers) == taken(NAMES, numbers) == [NAMES[number] for number in numbers]


def test_strings_of_some_rows_are_found_by_row_in_memory_and_in_files(tmp_path):
    rows = dict(zip(range(3, 2003, 4), NAMES, strict=True))
    for least in (64, 1 << 20):
        builder = SparseStringsBuilder(Spill(tmp_path, least=least))
        for row, name in rows.items():
            builder.add(row, name)
        found = builder.finish()
        assert isinstance(found, SparseStrings) == (least == 64)
        assert len(found) == len(rows)
        assert list(found.items()) == list(rows.items())
        assert [found.get(row) for row in range(2010)] == [rows.get(row) for row in range(2010)]
        assert not SparseStringsBuilder(Spill(tmp_path, least=least)).finish()


def test_what_is_let_go_of_is_still_there(tmp_path):
    spill = Spill(tmp_path, least=64)
    zeros = spill.zeros(10_000, np.uint16)
    kept = spill.keep(np.arange(10_000))
    zeros[77] = 5
    spill.release()
    assert zeros[77] == 5
    assert int(zeros.sum()) == 5
    assert kept.tolist() == list(range(10_000))
    assert os.listdir(tmp_path) == []


def test_small_columns_need_no_folder(tmp_path):
    spill = Spill(tmp_path / "nowhere")
    assert spill.zeros(100, np.int64).tolist() == [0] * 100
    assert spill.keep(np.arange(9)).tolist() == list(range(9))
    with pytest.raises(OutputError, match="cannot keep"):
        spill.zeros(1 << 20, np.int64)


def test_links_in_files_are_the_links_in_memory(tmp_path):
    root = tmp_path / "t"
    tree(root, {f"d{number % 5}/f{number}": b"x" * number for number in range(60)})
    for number in range(200):
        os.link(root / f"d{number % 5}" / f"f{number % 60}", root / f"d{number % 3}" / f"l{number}")
        os.symlink(f"a/{number}", root / f"d{number % 4}" / f"s{number}")
    (tmp_path / "spilled").mkdir()
    plain = scan([root])
    spilled = scan([root], spill=Spill(tmp_path / "spilled", least=256))
    assert isinstance(spilled.targets, SparseStrings)
    assert not isinstance(plain.targets, SparseStrings)
    lowest = {}
    for entry in plain:
        lowest.setdefault(entry.inode, entry.path)
        if entry.kind != MemberKind.DIRECTORY and not os.path.islink(entry.source):
            is_primary = lowest[entry.inode] == entry.path
            assert entry.kind == (MemberKind.FILE if is_primary else MemberKind.HARDLINK)
            assert entry.target == (b"" if is_primary else lowest[entry.inode])
    assert list(spilled) == list(plain)
    files = [index for index, kind in enumerate(plain.kinds) if kind == MemberKind.FILE]
    for names in (ManifestNames(plain), ManifestNames(spilled)):
        sources = names.sources(files)
        assert sum(map(len, sources)) == 260
        for index, found in zip(files, sources, strict=True):
            assert found[0] == plain.source(index)
            assert {os.stat(name).st_ino for name in found} == {plain.inodes[index]}
            assert found == sorted(found)
    for name in ("d0/f0", "d1/f1", "d2/s2"):
        (root / name).unlink()
    assert list(look_again(spilled)[0]) == list(look_again(plain)[0])


def test_a_scan_in_files_is_the_scan_in_memory(tmp_path):
    entries = {f"d{number % 7}/e{number % 3}.x/f{number}": b"x" * number for number in range(300)}
    tree(tmp_path / "t", entries | {"d1-": b"", "d1/e0.x-": b"", "d1.": b"1"})
    os.link(tmp_path / "t" / "d1.", tmp_path / "t" / "d2" / "linked")
    os.symlink("d1", tmp_path / "t" / "d3" / "to")
    (tmp_path / "spilled").mkdir()
    spill = Spill(tmp_path / "spilled", least=256)
    plain, spilled = scan([tmp_path / "t"]), scan([tmp_path / "t"], spill=spill)
    assert not isinstance(spilled.paths, list)
    assert list(spilled.paths) == plain.paths == sorted(plain.paths)
    assert list(spilled) == list(plain)
    assert spilled.sources(range(len(plain))) == plain.sources(range(len(plain)))
    (tmp_path / "t" / "d1.").unlink()
    assert list(look_again(spilled)[0]) == list(look_again(plain)[0])


def test_what_comes_back_in_pieces_is_put_together(tmp_path, monkeypatch):
    builder = StringsBuilder(Spill(tmp_path, least=64))
    builder.extend(NAMES)
    numbers = Growing("q", Spill(tmp_path, least=64))
    numbers.tail.extend(NUMBERS)
    numbers.settle()
    strings, whole = builder.finish(), os.pread
    monkeypatch.setattr(os, "pread", lambda descriptor, size, at: whole(descriptor, (size + 1) // 2, at))
    assert list(strings) == NAMES
    assert strings[7] == NAMES[7]
    assert numbers[:] == NUMBERS


@pytest.mark.parametrize("reason", ["Input/output error", "cut off"])
def test_what_cannot_be_read_back_is_told(tmp_path, monkeypatch, reason):
    builder = StringsBuilder(Spill(tmp_path, least=64))
    builder.extend(NAMES)
    strings = builder.finish()

    def refuse(descriptor, size, at):
        if reason == "cut off":
            return b""
        raise OSError(errno.EIO, reason)

    monkeypatch.setattr(os, "pread", refuse)
    with pytest.raises(OutputError, match=reason):
        strings[3]


def test_a_column_that_cannot_be_mapped_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    spill = Spill(tmp_path, least=64)
    monkeypatch.setattr(mmap, "mmap", refuse)
    with pytest.raises(OutputError, match="Cannot allocate memory"):
        spill.zeros(100, np.int64)
