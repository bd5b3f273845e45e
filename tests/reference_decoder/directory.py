"""Section 9."""

from __future__ import annotations

from dataclasses import dataclass

from . import codecs, limits
from .conventions import Fields, number, require


@dataclass
class PageTable:
    section_at: int
    payload_length: int
    sizes: list[int]
    entries: list[int]
    separators: list[bytes]


@dataclass
class Directory:
    dictionary_at: int
    dictionary_length: int
    index: PageTable
    errata: PageTable
    block_at: list[int]
    coded_sizes: list[int]
    decoded_sizes: list[int]
    block_flags: list[int]
    block_references: list[int]
    entries: int
    content_bytes: int
    archive_id: bytes


def read_chunks(payload: bytes, limit: int) -> bytes:
    data, at = b"", 0
    while at < len(payload):
        require(at + 9 <= len(payload), "a chunk goes past the end")
        coded_size, decoded_size = number(payload[at : at + 4]), number(payload[at + 4 : at + 8])
        coded = payload[at + 9 : at + 9 + coded_size]
        require(len(coded) == coded_size and 1 <= decoded_size <= 4 * limits.MIB, "an impossible chunk")
        data += codecs.decode(payload[at + 8], coded, decoded_size)
        require(len(data) <= limit, "the directory is too large")
        at += 9 + coded_size
    return data


def read_page_table(fields: Fields, archive_size: int) -> PageTable:
    at, length, pages = fields.varint(), fields.varint(), fields.varint()
    require(pages <= archive_size // 24, "more pages than fit the archive")
    sizes, entries = fields.column(pages), fields.column(pages)
    table = PageTable(at, length, sizes, entries, fields.prefixed(pages, limits.SEPARATORS))
    require(sum(table.sizes) == length, "pages do not fill their section")
    require(table.separators == sorted(set(table.separators)), "separators are out of order")
    return table


def read_directory(payload: bytes, archive_size: int) -> Directory:
    fields = Fields(read_chunks(payload, min(limits.DIRECTORY, 65_536 + 16 * archive_size)))
    dictionary_at, dictionary_length = fields.varint(), fields.varint()
    index, errata = (read_page_table(fields, archive_size) for _ in range(2))
    count, at = fields.varint(), fields.varint()
    require(count <= archive_size // 48, "more blocks than fit the archive")
    gaps, coded, decoded, flags, references = (fields.column(count) for _ in range(5))
    require(not gaps or gaps[0] == 0, "the first block has a gap before it")
    block_at = []
    for row in range(count):
        at += gaps[row]
        block_at.append(at)
        at += 48 + coded[row]
    directory = Directory(
        dictionary_at, dictionary_length, index, errata, block_at, coded, decoded, flags, references,
        fields.varint(), fields.varint(), fields.take(8),
    )  # fmt: skip
    fields.end()
    entries, errata_entries = sum(index.entries), sum(errata.entries)
    require(entries - errata_entries <= directory.entries <= entries, "the entries do not add up")
    return directory
