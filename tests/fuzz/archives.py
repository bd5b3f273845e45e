"""Targets around the archive: index pages, directories, whole archives, blocks that refer to each other.

Whatever a reader hands out must be what was packed; everything else is an error that the program knows.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

from archive.build import plan_files, stored_pages, write
from archive.test_hostile import a_directory, assert_alike, rows
from fuzz.codecs import DICTIONARY, TEXT, Case
from fuzz.mutate import EDGES, WIDE_EDGES, mutate, odd_bytes
from fuzz.rebuild import Block, PagePart, Parts, set_number
from ucompress.archive import Archive, ArchiveHeader, EntryKind
from ucompress.archive.extracting.limits import ExtractionLimits
from ucompress.archive.format.coding import decode_shared
from ucompress.archive.format.directory import Directory
from ucompress.archive.format.layout import HEADER_SIZE, PAGE_HEADER_SIZE, PageHeader, check
from ucompress.archive.format.members import Members
from ucompress.archive.writing.encode import encode_page
from ucompress.errors import ArchiveError, CompressionError

GOLDEN = Path(__file__).parents[1] / "golden"
LIMIT = 1 << 22
"""Bytes of the largest member that is read."""

Contents = dict[bytes, bytes]
Vouched = Mapping[bytes, Collection[bytes]]
"""By name, what may come out under it."""


def _built(level: int, work: Path) -> tuple[bytes, Contents]:
    """A small archive of a level: several blocks, a dictionary, references where there may be some."""
    pick = Random(level)
    files = {b"d/%d.txt" % n: TEXT[n * 900 : n * 900 + 700 + n] for n in range(6)}
    files |= {b"e/%d" % n: odd_bytes(pick, 700) for n in range(4)}
    plan = plan_files(files, block=1500, hashed=level % 2 == 0)
    header = ArchiveHeader(
        level=level, content_hash_bytes=8 * (level % 2 == 0), largest_block=1 << 16, decoder_memory=32 << 20
    )
    references = {1: 0, 2: 0} if 4 <= level <= 6 else None
    path = work / f"{level}.ucz"
    write(path, plan, header=header, dictionary=DICTIONARY[: 1000 * level], references=references)
    return path.read_bytes(), files


def _corpus(levels: range) -> list[tuple[bytes, Contents]]:
    with tempfile.TemporaryDirectory() as work:
        return [_built(level, Path(work)) for level in levels]


def _golden() -> list[tuple[bytes, Contents]]:
    """The project's sound archives, but the one whose damage is its purpose."""
    found = []
    for path in sorted((GOLDEN / "good").glob("*.ucz")):
        if path.stem == "parity_mends_dictionary_index_and_directory":
            continue
        with Archive(path) as archive:
            entries = [entry for entry in archive.entries() if entry.kind is EntryKind.FILE]
            found.append((path.read_bytes(), {entry.path: archive.read(entry.path) for entry in entries}))
    return found


def vouch(found: Iterable[Contents]) -> Vouched:
    """What may come out of archives that were put together from those with these contents."""
    vouched: dict[bytes, set[bytes]] = {}
    for contents in found:
        for name, content in contents.items():
            vouched.setdefault(name, set()).add(content)
    return vouched


def exercise(data: bytes, contents: Vouched | None, pick: Random, *, forged: bool = False) -> None:
    """Read all of an archive; every content that comes out must be one of `contents`, if these are known.

    Where somebody made the checks fit what was changed (`forged`), a file may come out wrong, since it is
    read without the rest of its block; then `verify` must have found something.
    """
    vouched = None if forged else contents
    for recover in (False, True):
        with contextlib.suppress(ArchiveError), Archive(io.BytesIO(data), recover=recover) as archive:
            _ = archive.statistics
            read: Contents = {}
            for name in _names(archive):
                with contextlib.suppress(ArchiveError):
                    info = archive.info(name)
                    if info.kind not in (EntryKind.FILE, EntryKind.HARDLINK):
                        continue
                    content = archive.read(name, limit=LIMIT)
                    assert len(content) == info.size
                    if info.kind is EntryKind.FILE:
                        read[name] = content
                    if vouched is not None and info.kind is EntryKind.FILE:
                        assert content in vouched.get(name, [content])
                    with archive.open(name) as file:
                        file.seek(len(content) // 2)
                        assert file.read(99) == content[len(content) // 2 :][:99]
            report = archive.verify(threads=1)
            if contents is not None and not report.problems:
                assert all(content in contents.get(name, [content]) for name, content in read.items())
            if pick.random() < 0.3:
                _extract(archive, vouched)


def _names(archive: Archive) -> Iterator[bytes]:
    with contextlib.suppress(ArchiveError):
        for count, entry in enumerate(archive.entries()):
            yield entry.path
            if count > 200:
                return


def _extract(archive: Archive, contents: Vouched | None) -> None:
    """Nothing is written beside the target, and nothing wrong into it."""
    with tempfile.TemporaryDirectory() as work:
        target = Path(work) / "out"
        limits = ExtractionLimits(members=1000, content_bytes=LIMIT, file_bytes=LIMIT)
        with contextlib.suppress(CompressionError):
            archive.extract(target, threads=1, limits=limits)
        assert {path.name for path in Path(work).iterdir()} <= {"out"}
        for path, known in (contents or {}).items():
            written = target / path.decode("latin-1")
            if written.is_file() and not written.is_symlink():
                assert written.read_bytes() in known


def archives() -> Case:
    """Archives with bytes changed, or with parts changed and all checks made right again."""
    corpus = _corpus(range(1, 10)) + _golden()
    taken = [Parts.of(data) for data, _ in corpus]
    wholes = [data for data, _ in corpus]
    alone = [vouch([contents]) for _, contents in corpus]
    spliced = vouch(contents for _, contents in corpus)

    def case(pick: Random) -> None:
        number = pick.randrange(len(corpus))
        data = wholes[number]
        if pick.random() < 0.3:
            exercise(mutate(pick, data, wholes), spliced, pick)
            return
        parts = replace(taken[number], blocks=list(taken[number].blocks), twists=[])
        keeps_contents = True
        for _ in range(pick.choice((1, 1, 2, 3))):
            keeps_contents &= pick.choice(_TWISTS)(pick, parts, pick.choice(taken))
        with contextlib.suppress(OverflowError, ValueError):
            data = parts.to_bytes()
        exercise(data, alone[number] if keeps_contents else None, pick, forged=True)

    return case


def _twist_payload(pick: Random, parts: Parts, other: Parts) -> bool:
    """Other coded bytes, under the digest of the right ones."""
    if parts.blocks:
        at = pick.randrange(len(parts.blocks))
        header, payload = parts.blocks[at].header, parts.blocks[at].payload
        changed = mutate(pick, payload, [block.payload for block in other.blocks])
        parts.blocks[at] = Block(header, changed[: header.decoded_size + (64 << 10)])
    return True


def _twist_block(pick: Random, parts: Parts, other: Parts) -> bool:
    """Another number in a block's header, and the directory that says the same."""
    if parts.blocks:
        at = pick.randrange(len(parts.blocks))
        block = parts.blocks[at]
        changes = pick.choice(
            (
                {"codec": pick.choice((0, 1, 2, 3, 0x12, 0x22, 0x32, pick.randrange(256)))},
                {"decoded_size": max(1, block.header.decoded_size + pick.choice((-1, 1, 100, 5000)))},
                {"decoded_size": pick.choice((1, 1 << 16, 8 << 20))},
                {"reference": pick.randrange(at + 1)},
                {"reference": pick.choice((at + 1, 65535))},
                {"substituted": True},
                {"number": pick.choice((0, at + 1, 1 << 31, (1 << 32) - 1))},
            )
        )
        parts.blocks[at] = Block(replace(block.header, **changes), block.payload)
    return True


def _twist_order(pick: Random, parts: Parts, other: Parts) -> bool:
    """Blocks that are exchanged, repeated, gone, or another archive's."""
    if parts.blocks:
        at, from_ = pick.randrange(len(parts.blocks)), pick.choice((parts, other)).blocks
        action = pick.choice(("exchange", "repeat", "drop"))
        if action == "drop":
            del parts.blocks[at]
        elif action == "repeat":
            parts.blocks.insert(at, parts.blocks[at])
        elif from_:
            parts.blocks[at] = pick.choice(from_)
    return False


def _twist_page(pick: Random, parts: Parts, other: Parts) -> bool:
    """An index page that says something else."""
    if parts.index:
        at = pick.randrange(len(parts.index))
        page = parts.index[at]
        decoded = mutate(pick, page.decoded, [page.decoded for page in other.index])
        entries = pick.choice((page.entries, page.entries, page.entries + 1, 1, 65536))
        parts.index = [*parts.index[:at], PagePart(decoded, entries, page.separator), *parts.index[at + 1 :]]
    return False


def _twist_errata(pick: Random, parts: Parts, other: Parts) -> bool:
    """Errata from another archive, or of the archive's own pages."""
    parts.errata = pick.choice((other.index, parts.index, other.errata, []))
    return False


def _twist_dictionary(pick: Random, parts: Parts, other: Parts) -> bool:
    """Another dictionary, none, or coded bytes that are damaged."""
    if parts.dictionary is not None and pick.random() < 0.5:
        parts.dictionary = mutate(pick, parts.dictionary, [other.dictionary or b""])
    else:
        plain = odd_bytes(pick, 5000)
        stored = b"\0" + len(plain).to_bytes(4, "little") + check(plain, 16) + plain
        parts.dictionary = pick.choice((other.dictionary, stored, None))
    return True


def _twist_header(pick: Random, parts: Parts, other: Parts) -> bool:
    """A header's field: level, hash length, sizes, reserved bytes."""
    at = pick.choice((10, 12, 16, 20, 20, 21, 22, 24, 28, 29, 30, 31, 32, 35, 39, 40, pick.randrange(8, 56)))
    header = bytearray(parts.header)
    header[at] = pick.choice((*EDGES, pick.randrange(256)))
    parts.header = bytes(header[:HEADER_SIZE])
    return at != 21


def _twist_directory(pick: Random, parts: Parts, other: Parts) -> bool:
    """A number of the directory."""
    values = (*EDGES, *WIDE_EDGES, 1 << 62, pick.randrange(1 << 12))
    column, place, value = pick.randrange(12), pick.random(), pick.choice(values)

    def twist(directory: Directory) -> None:
        blocks, table = directory.blocks, pick.choice((directory.index, directory.errata))
        columns = (blocks.at, blocks.coded, blocks.decoded, blocks.flags, blocks.references)
        columns += (table.sizes, table.entries)
        if column < len(columns):
            if len(columns[column]):
                set_number(columns[column], int(place * len(columns[column])), value)
        elif column == 7:
            directory.entries = value
        elif column == 8:
            directory.content_bytes = value
        elif column == 9:
            directory.dictionary_at = value
        elif column == 10:
            directory.dictionary_length = value
        else:
            table.section_at = value

    parts.twists.append(twist)
    return False


_TWISTS = (
    _twist_payload,
    _twist_payload,
    _twist_block,
    _twist_block,
    _twist_order,
    _twist_page,
    _twist_page,
    _twist_errata,
    _twist_dictionary,
    _twist_header,
    _twist_directory,
    _twist_directory,
)


def references() -> Case:
    """Blocks with any reference: themselves, chains, stored ones, other codecs and filters, none at all."""
    corpus = _corpus(range(4, 7))
    taken = [Parts.of(data) for data, _ in corpus]

    def case(pick: Random) -> None:
        number = pick.randrange(len(corpus))
        contents, parts = vouch([corpus[number][1]]), replace(taken[number], twists=[])
        parts.blocks = list(parts.blocks)
        for at, block in enumerate(parts.blocks):
            header = block.header
            if pick.random() < 0.5:
                header = replace(header, reference=pick.choice((0, 1, at, pick.randrange(at + 1))))
            if pick.random() < 0.1:
                header = replace(header, codec=header.codec ^ pick.choice((1, 2, 3, 0x10, 0x20, 0x30)))
            parts.blocks[at] = Block(header, block.payload)
        if pick.random() < 0.3:
            _twist_payload(pick, parts, pick.choice(taken))
        data = parts.to_bytes()
        with contextlib.suppress(ArchiveError), Archive(io.BytesIO(data)) as archive:
            order = list(range(-1, len(parts.blocks) + 1))
            pick.shuffle(order)
            for at in order:
                with contextlib.suppress(ArchiveError):
                    assert check(archive._block_once(at), 16) == parts.blocks[at].header.digest
        exercise(data, contents, pick, forged=True)

    return case


def pages() -> Case:
    """Index pages whose checks fit: both readers refuse them, or both read the same."""
    made = []
    for seed in range(40):
        entries = rows(seed)
        with stored_pages():
            page = encode_page(Members.of(entries), 8)
        header = PageHeader.from_bytes(page[:PAGE_HEADER_SIZE])
        made.append((decode_shared(header.codec, page[PAGE_HEADER_SIZE:], header.decoded_size), len(entries)))
    others = [page for page, _ in made]

    def case(pick: Random) -> None:
        page, count = pick.choice(made)
        wrong = mutate(pick, page, others)
        count = pick.choice((count, count, count, count + 1, 1, 65536))
        assert_alike(PageHeader.wrap(0, wrong, len(wrong), count), 8)

    return case


def directories() -> Case:
    """Directories whose checks fit: what is accepted stays within the archive's bounds."""
    payload = a_directory()
    decoded = decode_shared(payload[8], payload[9:], int.from_bytes(payload[4:8], "little"))

    def case(pick: Random) -> None:
        wrong = mutate(pick, decoded)
        if pick.random() < 0.2:
            chunks = mutate(pick, payload)
        else:
            chunks = len(wrong).to_bytes(4, "little") * 2 + b"\0" + wrong
        assert_bounded(chunks)

    return case


def assert_bounded(chunks: bytes) -> None:
    """A directory's payload is refused, or what it says stays within the archive's bounds."""
    try:
        directory = Directory.from_bytes(chunks, 4000)
    except ArchiveError:
        return
    table = directory.blocks
    for number in range(len(table)):
        at = table.reference(number)
        assert at is None or (0 <= at < number and table.reference(at) is None)
    assert directory.entries <= directory.index.entry_count
