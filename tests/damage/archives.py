"""Three small archives a level, and what each of their bytes belongs to."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from archive.build import folder, plan_files, write
from ucompress.archive import ArchiveHeader, Entry, EntryKind
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    FOOTER_SIZE,
    HEADER_SIZE,
    NO_ID,
    SECTION_INDEX,
    BlockHeader,
    SectionHeader,
)
from ucompress.archive.format.source import FileSource
from ucompress.archive.reading.salvage import read_part
from ucompress.codec.block import decoding_memory

KINDS = ("text", "mixed", "referenced")
SCALE = {7: 0.45, 8: 0.35, 9: 0.15}
"""Share of the usual size, at levels whose decoders take long to prime."""
BLOCK = 1200


@dataclass(frozen=True, slots=True)
class Part:
    """A run of an archive's bytes: the header, a section, a block, the footer.

    Attributes:
        begin, end: offsets.
        name: what it is.
        block: a block's number; None for other parts.
    """

    begin: int
    end: int
    name: str
    block: int | None = None


@dataclass
class Made:
    """An archive and what a reader must find in it.

    Attributes:
        level, kind: which one.
        data: its bytes.
        contents: of its files, by path.
        needs: the blocks that a file takes bytes from, and those that these are coded after.
        entries: all members, by path.
        parts: of which it is made, in their order.
        memory: bytes of memory that it declares.
    """

    level: int
    kind: str
    data: bytes
    contents: dict[bytes, bytes]
    needs: dict[bytes, set[int]]
    entries: dict[bytes, Entry]
    memory: int
    parts: list[Part] = field(default_factory=list)

    @property
    def index_end(self) -> int:
        """Offset behind the index: what stands before it is needed by all files."""
        return next(part.end for part in self.parts if part.name == "index")


def make(level: int, kind: str, folder_path: Path) -> Made:
    """One archive."""
    chance = random.Random(f"{level}/{kind}")
    files = _files(chance, kind, SCALE.get(level, 1.0))
    others = [
        folder(b"t"),
        Entry(b"t/hard", EntryKind.HARDLINK, target=min(files)),
        Entry(b"t/link", EntryKind.SYMLINK, target=b"f1", xattrs=((b"user.a", b"1"),)),
    ]
    plan = plan_files(files, block=BLOCK, others=others, hashed=kind == "mixed")
    dictionary = _text(chance, 400) if kind == "text" else b""
    references = {}
    if kind == "referenced" and 4 <= level <= 6:
        references = dict.fromkeys(range(1, len(plan.blocks)), 0)
    memory = decoding_memory(level, len(dictionary), 1 << 20, BLOCK if references else 0)
    header = ArchiveHeader(
        level=level,
        content_hash_bytes=8 if kind == "mixed" else 0,
        zstd_version=10507 if level <= 3 else 0,
        largest_block=1 << 20,
        decoder_memory=memory,
    )
    path = folder_path / f"{level}-{kind}.ucz"
    write(path, plan, header=header, dictionary=dictionary, references=references or None)
    data = path.read_bytes()
    needs = {
        entry.path: {extent.block for extent in entry.extents}
        | {references[extent.block] for extent in entry.extents if extent.block in references}
        for entry in plan.entries
        if entry.kind is EntryKind.FILE
    }
    entries = {entry.path: entry for entry in plan.entries}
    return Made(level, kind, data, files, needs, entries, memory, list(_parts(path)))


def _files(chance: random.Random, kind: str, scale: float) -> dict[bytes, bytes]:
    count, size = max(3, int(12 * scale)), 650
    if kind == "mixed":
        count = max(3, int(10 * scale))
        contents = [chance.randbytes(size) if at % 2 else _text(chance, size) for at in range(count)]
    elif kind == "referenced":
        text = _text(chance, 2 * size)
        contents = [text[at * 7 :][:size] + _text(chance, size // 2) for at in range(count)]
    else:
        contents = [_text(chance, size + 40 * at) for at in range(count)]
    return {b"t/f%02d" % at: content for at, content in enumerate(contents)}


def _text(chance: random.Random, size: int) -> bytes:
    words = [bytes(chance.choices(b"abcdefghijklmnop", k=chance.randrange(3, 9))) for _ in range(60)]
    return b" ".join(chance.choices(words, k=size // 3))[:size]


def _parts(path: Path) -> list[Part]:
    names = {1: "dictionary", 2: "index", 3: "errata", 4: "directory"}
    parts, archive_id = [Part(0, HEADER_SIZE, "header")], NO_ID
    with path.open("rb") as file:
        source = FileSource(file, path.name)
        while parts[-1].end < source.size - FOOTER_SIZE:
            at = parts[-1].end
            part, end = read_part(source, at, archive_id)
            if isinstance(part, BlockHeader):
                assert end == at + BLOCK_HEADER_SIZE + part.coded_size
                parts.append(Part(at, end, "block", part.number))
            else:
                assert isinstance(part, SectionHeader)
                parts.append(Part(at, end, names[part.kind]))
                archive_id = part.payload_check if part.kind == SECTION_INDEX else archive_id
        parts.append(Part(parts[-1].end, source.size, "footer"))
    return parts
