"""Whatever is written reads back, by the reader and by the second decoder, which knows only the document."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_decoder import decode
from reference_decoder.recovery import recover
from ucompress.archive import Archive, ArchiveHeader, Entry, EntryKind, Extent
from ucompress.archive.format.coding import code_shared
from ucompress.archive.format.layout import FOOTER_SIZE, Footer
from ucompress.archive.format.members import Members
from ucompress.archive.format.names import (
    PREFIXED,
    TABLE,
    write_names,
    write_names_prefixed,
    write_names_table,
)
from ucompress.archive.format.pages import Page
from ucompress.archive.writing import index as index_module
from ucompress.archive.writing.encode import encode_page

from .build import Plan, plan_files, stored_pages, write

COMPONENT = st.binary(min_size=1, max_size=6).filter(
    lambda part: part not in (b".", b"..") and not {0, 47} & set(part)
)
BASE = st.one_of(COMPONENT, st.sampled_from([b"a.py", b"b.py", b"__init__.py", b"c.txt", b"x"]))
PATH = st.builds(
    lambda folders, base: b"/".join([*folders, base]),
    st.lists(st.sampled_from([b"d", b"e", b"long-name"]), max_size=3),
    BASE,
)
TIME = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(0, 5).map(lambda second: (1_700_000_000 + second) * 10**9),
)
TARGET = st.binary(min_size=1, max_size=9).filter(lambda target: 0 not in target)
XATTRS = st.dictionaries(st.binary(min_size=1, max_size=4), st.binary(max_size=4), max_size=2).map(
    lambda pairs: tuple(sorted(pairs.items()))
)
EXTENTS = st.lists(
    st.one_of(
        st.builds(Extent, st.just(-1), st.just(0), st.integers(1, 1 << 40)),
        st.builds(Extent, st.integers(0, 1), st.integers(0, 3).map(lambda n: 64 * n), st.just(64)),
        st.builds(Extent, st.integers(0, (1 << 31) - 1), st.integers(0, 1 << 20), st.integers(1, 1 << 20)),
    ),
    max_size=3,
)


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Entries as no tree has them, valid all the same."""
    result = []
    for path in sorted(draw(st.sets(PATH, max_size=25))):
        kind = draw(st.sampled_from([EntryKind.FILE] * 4 + [EntryKind.DIRECTORY, EntryKind.SYMLINK]))
        entry = Entry(path, kind, draw(st.integers(0, 0o7777)), draw(TIME), xattrs=draw(XATTRS))
        if kind is EntryKind.FILE:
            extents = tuple(draw(EXTENTS))
            size = sum(extent.length for extent in extents)
            digest = random.Random(repr(extents)).randbytes(32) if extents else None
            entry = entry._replace(extents=extents, size=size, digest=digest)
        elif kind is EntryKind.SYMLINK:
            entry = entry._replace(
                target=draw(st.binary(min_size=1, max_size=9).filter(lambda t: 0 not in t))
            )
        result.append(entry)
    return result


def kept(entry: Entry, hash_length: int) -> Entry:
    """The entry with as much of its digest as the archive keeps."""
    has_digest = entry.digest and hash_length and entry.size
    return entry._replace(digest=entry.digest[:hash_length] if entry.digest and has_digest else None)


@given(entries(), st.sampled_from([0, 8, 32]))
def test_pages_give_back_every_entry(rows: list[Entry], hash_length: int) -> None:
    if not rows:
        return
    page = Page(encode_page(Members.of(rows), hash_length), hash_length, "page")
    kept = [
        row._replace(digest=row.digest[:hash_length] if row.digest and hash_length else None) for row in rows
    ]
    assert [page.entry(number) for number in range(len(page))] == kept


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Trees of small files, with their extents shuffled, doubled and split."""
    names = draw(st.lists(PATH, unique=True, max_size=20))
    contents = draw(st.lists(st.binary(max_size=300), min_size=1, max_size=6))
    order = draw(st.randoms(use_true_random=False))
    order.shuffle(names)
    files = {name: order.choice(contents) for name in names}
    return plan_files(files, block=draw(st.sampled_from([64, 500, 5000])), hashed=True)


@given(plans(), st.sampled_from([0, 8, 32]), st.booleans(), st.integers(1, 7))
def test_both_readers_agree(
    tmp_path_factory: pytest.TempPathFactory, plan: Plan, hash_length: int, with_dictionary: bool, page: int
) -> None:
    path = tmp_path_factory.mktemp("agree") / "a.ucz"
    header = ArchiveHeader(level=2, content_hash_bytes=hash_length)
    with stored_pages(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "PAGE_ENTRIES", page)
        write(path, plan, header=header, dictionary=b"dictionary" * 20 if with_dictionary else b"")
    data = path.read_bytes()
    decoded = decode(data)
    with Archive(path) as archive:
        assert list(archive.entries()) == [kept(entry, hash_length) for entry in plan.entries]
        assert [member.content for member in decoded.members.values()] == [archive.read(n) for n in archive]
        assert list(decoded.members) == [entry.path for entry in archive.entries()]
        assert archive.verify(threads=1).ok
    footer = Footer.from_bytes(data[-FOOTER_SIZE:])
    for length in (footer.directory_at, footer.directory_at * 2 // 3):
        left = recover(data[:length]) if length > 64 else {}
        try:
            archive = Archive(io.BytesIO(data[:length]), recover=True)
        except Exception:
            assert left == {}
            continue
        for name, member in left.items():
            assert archive.read(name) == member.content


def test_times_and_kinds_by_the_second_decoder(tmp_path: Path) -> None:
    rows = [
        Entry(b"a", EntryKind.DIRECTORY, 0o711, -5),
        Entry(b"b", EntryKind.SYMLINK, 0o777, 10**18, target=b"\xff/..", xattrs=((b"user.k", b"v"),)),
        Entry(b"c", mode=0o640, mtime_ns=(1 << 63) - 1, size=3, extents=(Extent(-1, 0, 3),)),
        Entry(b"d", EntryKind.HARDLINK, 0o640, target=b"c"),
    ]
    path = tmp_path / "a.ucz"
    with stored_pages():
        write(path, Plan(rows))
    decoded = decode(path.read_bytes())
    for row in rows:
        entry = decoded.members[row.path].entry
        assert (entry.kind, entry.mode, entry.mtime_ns) == (row.kind, row.mode, row.mtime_ns)
        assert (entry.target, entry.xattrs) == (row.target, row.xattrs)
    assert decoded.members[b"d"].content == bytes(3)


def named_pages() -> dict[str, list[bytes]]:
    """Paths of trees where base names recur in many folders, and where each stands once."""
    generator = random.Random(5)
    words = [bytes(generator.choices(b"abcdefghij", k=9)) for _ in range(300)]
    recurring = sorted(
        b"%03d/" % folder + base for folder in range(40) for base in generator.sample(words, 50)
    )
    single = [b"%03d/page-%04d.html" % (number // 50, number) for number in range(2000)]
    return {"recurring": recurring, "single": single}


@pytest.mark.parametrize("level", [3, 6])
@pytest.mark.parametrize(("tree", "smaller"), [("recurring", TABLE), ("single", PREFIXED)])
def test_names_take_the_coding_that_is_smaller(tree: str, smaller: int, level: int) -> None:
    paths = named_pages()[tree]
    both = write_names_prefixed(paths), write_names_table(paths)
    coded = {names[0]: len(code_shared(names, level)[1]) for names in both}
    assert min(coded, key=coded.__getitem__) == smaller
    assert write_names(paths, level)[0] == smaller


def test_similar_neighbours_cost_no_place(tmp_path: Path) -> None:
    """By path, by base name, by suffix: before coding, the place of a file is one code and nothing else."""
    generator = random.Random(4)
    names = [b"d%02d/f%d.%s" % (n // 8, n % 8, (b"txt", b"py")[n % 2]) for n in range(800)]
    sizes = {name: generator.randrange(1, 250) for name in names}
    orders = {
        "path": names,
        "base": sorted(names, key=lambda name: (name[4:], name)),
        "suffix": sorted(names, key=lambda name: (name[-3:], name)),
    }
    lengths = {}
    for order, ordered in orders.items():
        rows, at = [], 0
        for name in ordered:
            rows.append(Entry(name, size=sizes[name], extents=(Extent(0, at, sizes[name]),)))
            at += sizes[name]
        rows.sort(key=lambda row: row.path)
        with stored_pages():
            page = encode_page(Members.of(rows), 0)
        lengths[order] = len(page)
        read = Page(page, 0, "page")
        assert [read.entry(number) for number in range(800)] == rows
    assert max(lengths.values()) <= min(lengths.values()) + len(names) + 60
