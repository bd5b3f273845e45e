"""An archive taken apart, and put together again with all its checks right, whatever was changed."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from archive.build import stored_pages
from golden.patch import Patch
from ucompress.archive.format.coding import decode_shared
from ucompress.archive.format.directory import BlockTable, Directory, PageTable
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    CRITICAL,
    HEADER_SIZE,
    NO_ID,
    PAGE_HEADER_SIZE,
    PROTECTED,
    SECTION_DICTIONARY,
    SECTION_DIRECTORY,
    SECTION_ERRATA,
    SECTION_HEADER_SIZE,
    SECTION_INDEX,
    BlockHeader,
    Footer,
    PageHeader,
    SectionHeader,
    check,
)
from ucompress.archive.format.parity import build_parity

Twist = Callable[[Directory], None]


@dataclass
class Block:
    """A block: its header, and its coded bytes."""

    header: BlockHeader
    payload: bytes


@dataclass
class PagePart:
    """An index page: what it decodes to, how many entries it claims, and its separator."""

    decoded: bytes
    entries: int
    separator: bytes


@dataclass
class Parts:
    """What an archive consists of, checks and positions left out.

    Attributes:
        header: 64 bytes.
        dictionary: the section's payload; None without one.
        index, errata: pages.
        blocks: blocks, in their order.
        totals: entries and content bytes, as the directory has them.
    """

    header: bytes
    dictionary: bytes | None
    index: list[PagePart]
    errata: list[PagePart]
    blocks: list[Block]
    totals: tuple[int, int]
    twists: list[Twist] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes) -> Parts:
        """Take a sound archive apart."""
        patch = Patch(data)
        directory = patch.directory
        at, length = directory.dictionary_at + SECTION_HEADER_SIZE, directory.dictionary_length
        blocks = []
        for number in range(len(directory.blocks)):
            span = patch.block(number)
            head, payload = (
                data[span.at : span.at + BLOCK_HEADER_SIZE],
                data[span.at + BLOCK_HEADER_SIZE : span.end],
            )
            blocks.append(Block(BlockHeader.from_bytes(head, directory.archive_id), payload))
        return cls(
            data[:HEADER_SIZE],
            data[at : at + length] if directory.dictionary_at else None,
            _pages(data, directory.index),
            _pages(data, directory.errata),
            blocks,
            (directory.entries, directory.content_bytes),
        )

    def to_bytes(self) -> bytes:
        """The archive; numbers that no field can hold are a ValueError or worse."""
        header = self.header[:56] + check(self.header[:56], 8)
        out = bytearray(header)
        dictionary_at = 0
        if self.dictionary is not None:
            dictionary_at = len(out)
            out += _section(SECTION_DICTIONARY, self.dictionary, NO_ID)
        index, payload = _table(self.index, len(out))
        archive_id = check(payload, 8)
        out += _section(SECTION_INDEX, payload, NO_ID)
        at, coded, decoded, flags, references = ([] for _ in range(5))
        for block in self.blocks:
            at.append(len(out))
            coded.append(len(block.payload))
            decoded.append(block.header.decoded_size)
            flags.append(int(block.header.substituted))
            references.append(block.header.reference)
            fitting = {"coded_size": len(block.payload), "coded_check": check(block.payload, 8)}
            out += replace(block.header, **fitting).to_bytes(archive_id) + block.payload
        errata = PageTable()
        if self.errata:
            errata, payload = _table(self.errata, len(out))
            out += _section(SECTION_ERRATA, payload, archive_id)
        table = BlockTable.of(at, coded, decoded, flags, references)
        length = len(self.dictionary or b"")
        directory = Directory(dictionary_at, length, index, errata, table, *self.totals, archive_id)
        for twist in self.twists:
            twist(directory)
        with stored_pages():
            payload = directory.to_bytes()
        directory_at = len(out)
        out += _section(SECTION_DIRECTORY, payload, archive_id)
        return (
            bytes(out) + Footer(header, directory_at, len(payload), check(payload, 8), bytes(32)).to_bytes()
        )


def _section(kind: int, payload: bytes, archive_id: bytes) -> bytes:
    head = SectionHeader(kind, CRITICAL | PROTECTED, len(payload), check(payload, 8))
    return head.to_bytes(archive_id) + payload + build_parity(payload)


def _pages(data: bytes, table: PageTable) -> list[PagePart]:
    pages = []
    for number, start in enumerate(table.starts):
        at = table.section_at + SECTION_HEADER_SIZE + start
        head = PageHeader.from_bytes(data[at : at + PAGE_HEADER_SIZE])
        coded = data[at + PAGE_HEADER_SIZE : at + PAGE_HEADER_SIZE + head.coded_size]
        decoded = decode_shared(head.codec, coded, head.decoded_size)
        pages.append(PagePart(decoded, head.entries, table.separators[number]))
    return pages


def _table(pages: list[PagePart], at: int) -> tuple[PageTable, bytes]:
    table, payload = PageTable(at), b""
    for page in pages:
        whole = PageHeader.wrap(0, page.decoded, len(page.decoded), page.entries)
        table.add(len(whole), page.entries, page.separator)
        payload += whole
    table.payload_length = len(payload)
    return table, payload


def set_number(numbers: array[int] | list[int], at: int, value: int) -> None:
    """Set one number of a column of the directory, as far as it can hold it."""
    numbers[at] = value if isinstance(numbers, list) or numbers.typecode == "Q" else value % (1 << 63)
