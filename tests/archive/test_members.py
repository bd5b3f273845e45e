"""The writer's columns against entries, and what it does for many at once against one by one."""

from __future__ import annotations

from itertools import pairwise, takewhile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.build import stored_pages
from ucompress.archive import Entry, EntryKind, Extent, Members
from ucompress.archive.format.columns import Cursor, shared_prefix, write_prefixed
from ucompress.archive.format.entry import path_problem, paths_are_sound
from ucompress.archive.format.pages import Page
from ucompress.archive.writing import index as index_module
from ucompress.archive.writing.index import IndexWriter

NAMES = st.lists(st.binary(max_size=6).map(lambda name: name.replace(b"\0", b"/")), max_size=6)
PARTS = st.sampled_from([b"", b".", b"..", b"a", b".a", b"a..", b"b\0", b"..\0"])


@given(NAMES)
def test_prefixes_against_one_byte_after_the_other(names: list[bytes]) -> None:
    cursor = Cursor(write_prefixed(names), "names")
    assert cursor.prefixed(len(names), 1 << 20) == names
    for a, b in pairwise(names):
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))
        assert shared_prefix(a, b) == len(list(alike))


@given(st.lists(st.lists(PARTS, max_size=4).map(b"/".join), max_size=4))
def test_many_paths_are_judged_as_each_of_them(paths: list[bytes]) -> None:
    assert paths_are_sound(paths) == (not any(map(path_problem, paths)))


@pytest.mark.parametrize("size", [65_535, 65_536])
def test_the_longest_path(size: int) -> None:
    assert paths_are_sound([b"a", b"b" * size]) == (path_problem(b"b" * size) is None)


def files(count: int, extents: int) -> list[Entry]:
    return [
        Entry(b"f%04d" % n, size=extents, extents=tuple(Extent(0, 2 * (n + m), 1) for m in range(extents)))
        for n in range(count)
    ]


def pages_of(entries: list[Entry]) -> list[int]:
    """How many of the entries each page has; together they have all."""
    writer = IndexWriter(0)
    with stored_pages():
        pages = [Page(page, 0, "page") for page in writer.pages(Members.of(entries))]
    assert [page.entry(number) for page in pages for number in range(len(page))] == entries
    assert writer.content_bytes == sum(entry.size for entry in entries)
    return [len(page) for page in pages]


def test_pages_end_by_entries_by_weight_and_by_extents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "PAGE_ENTRIES", 4)
    assert pages_of([]) == []
    assert pages_of(files(9, 1)) == [4, 4, 1]
    monkeypatch.setattr(index_module, "PAGE_EXTENTS", 6)
    assert pages_of(files(7, 2)) == [3, 3, 1]
    assert pages_of(files(2, 7)) == [1, 1]
    monkeypatch.setattr(index_module, "PAGE_BYTES", 2 * (64 + 5))
    assert pages_of(files(5, 2)) == [2, 2, 1]
    heavy = [entry._replace(xattrs=((b"user.x", b"?"),)) for entry in files(2, 1)]
    assert pages_of(heavy) == [1, 1]


def test_some_of_the_members_keep_what_is_theirs() -> None:
    entries = [
        Entry(b"a", EntryKind.SYMLINK, target=b"x"),
        *files(2, 3),
        Entry(b"l", EntryKind.SYMLINK, target=b"y", xattrs=((b"user.k", b"v"),)),
    ]
    chosen = Members.of(entries).only(np.array([2, 3]))
    with stored_pages():
        page = Page(next(IndexWriter(0).pages(chosen)), 0, "page")
    assert [page.entry(number) for number in range(len(page))] == entries[2:]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (Entry(b"f", size=5, extents=(Extent(0, (8 << 20) - 4, 5),)), "leaves"),
        (Entry(b"f", size=5, extents=(Extent(0, -1, 5),)), "leaves"),
        (Entry(b"f", size=0, extents=(Extent(0, 1, 0),)), "leaves"),
        (Entry(b"f", size=5, extents=(Extent(-2, 1, 5),)), "block cannot be"),
        (Entry(b"f", size=5, extents=(Extent((1 << 32) - 1, 1, 5),)), "block cannot be"),
        (Entry(b"f", size=4, extents=tuple(Extent(block, 0, 1) for block in range(4))), "4 blocks; 3 are"),
        (Entry(b"f", size=1 << 63, extents=(Extent(-1, 0, 1 << 63),)), "add up"),
        (Entry(b"f", size=1, extents=(Extent(0, 1 << 63, 1),)), "64 bits"),
        (Entry(b"f", EntryKind.DIRECTORY, size=1, extents=(Extent(0, 0, 1),)), "no file"),
        (Entry(b"f", target=b"x"), "target"),
        (Entry(b"f", EntryKind.HARDLINK, target=b"g"), "target"),
        (Entry(b"f", xattrs=((b"user.b", b""), (b"user.a", b""))), "out of order"),
    ],
)
def test_what_no_archive_may_have(entry: Entry, why: str) -> None:
    with pytest.raises(ValueError, match=why), stored_pages():
        list(IndexWriter(0).pages(Members.of([Entry(b"a"), entry])))


def test_a_missing_hash_names_its_file() -> None:
    rows = [Entry(b"a"), *files(1, 1)]
    with pytest.raises(ValueError, match="f0000"), stored_pages():
        list(IndexWriter(8).pages(Members.of(rows)))
