"""Sections 2, 8 and 13: a whole archive, checked in every part."""

from __future__ import annotations

from dataclasses import dataclass

from blake3 import blake3

from . import limits, sections
from .blocks import Block, read_block
from .conventions import Corrupt, check, require, reserved
from .dictionary import read_dictionary
from .directory import Directory, PageTable, read_directory
from .footer import read_footer
from .header import Header, read_header
from .index import CANCELLED, FILE, HARD_LINK, HOLE, Entry, read_pages


@dataclass
class Member:
    entry: Entry
    content: bytes | None
    """None for what is no file."""


@dataclass
class Decoded:
    header: Header
    dictionary: bytes
    members: dict[bytes, Member]
    blocks: list[bytes]


def decode(archive: bytes) -> Decoded:
    """Everything that an archive holds; Corrupt or Unsupported where anything is not as it must be."""
    read_header(archive[:64])
    footer = read_footer(archive)
    require(archive[:64] == footer.header, "header and footer differ")
    header = read_header(footer.header)
    directory, directory_section = find_directory(archive, footer.directory_at, footer.directory_check)
    hasher = blake3(footer.header)
    dictionary = b""
    if directory.dictionary_at:
        section = sections.read_section(archive, directory.dictionary_at, sections.NO_ID)
        require(section.kind == sections.DICTIONARY, "the dictionary is not where it should be")
        dictionary = read_dictionary(section)
    hasher.update(blake3(dictionary).digest())
    planned, payload = read_table(archive, directory.index, header, sections.INDEX, sections.NO_ID)
    require(check(payload, 8) == directory.archive_id, "the archive's id differs")
    hasher.update(blake3(payload).digest())
    errata, payload = [], b""
    if directory.errata.section_at:
        errata, payload = read_table(archive, directory.errata, header, sections.ERRATA, directory.archive_id)
    hasher.update(blake3(payload).digest())
    blocks = read_blocks(archive, directory, header)
    for block in blocks:
        hasher.update(block.digest)
    require(hasher.digest() == footer.tree_hash, "the tree hash differs")
    require_parts(archive, directory, directory_section, blocks)
    decoded = [block.decode(dictionary, header.level, reference_of(block, blocks)) for block in blocks]
    entries = apply_errata(planned, errata)
    for entry in planned + errata:
        require_reach(entry, blocks)
    members = {entry.path: Member(entry, content(entry, decoded, header)) for entry in entries}
    link(members)
    totals = len(entries), sum(entry.size for entry in entries)
    require(totals == (directory.entries, directory.content_bytes), "the totals differ")
    return Decoded(header, dictionary, members, decoded)


def find_directory(archive: bytes, at: int, stored: bytes) -> tuple[Directory, sections.Section]:
    """The section header is tied to an id that stands in the directory itself."""
    length = int.from_bytes(archive[at + 8 : at + 16], "little")
    start = at + 32
    end = start + length + sections.parity_length(length)
    require(end <= len(archive), "the directory goes past the end")
    payload = archive[start : start + length]
    if check(payload, 8) != stored:
        payload = sections.repair(payload, archive[start + length : end])
    require(check(payload, 8) == stored, "the directory's check differs")
    directory = read_directory(payload, len(archive))
    section = sections.read_section(archive, at, directory.archive_id)
    require(section.kind == sections.DIRECTORY, "no directory where the footer says")
    return directory, section


def read_table(
    archive: bytes, table: PageTable, header: Header, kind: int, archive_id: bytes
) -> tuple[list[Entry], bytes]:
    """The entries of an index section, compared with its page table, and the payload."""
    section = sections.read_section(archive, table.section_at, archive_id)
    require(
        section.kind == kind and len(section.payload) == table.payload_length, "not the section described"
    )
    pages = read_pages(section.payload, section.repaired, header.content_hash_length)
    require([len(page) for page in pages] == table.entries, "pages have other entries than described")
    for number, (page, separator) in enumerate(zip(pages, table.separators, strict=True)):
        require(separator <= page[0].path, "a separator is above its page")
        require(
            number == 0 or separator > pages[number - 1][-1].path, "a separator is not above the page before"
        )
    require(check(section.repaired, 8) == section.payload_check, "a payload's check differs")
    return [entry for page in pages for entry in page], section.repaired


def read_blocks(archive: bytes, directory: Directory, header: Header) -> list[Block]:
    blocks = []
    for number, at in enumerate(directory.block_at):
        block = read_block(archive, at, directory.archive_id, header.largest_block)
        described = (
            directory.coded_sizes[number],
            directory.decoded_sizes[number],
            directory.block_flags[number],
            directory.block_references[number],
        )
        require(block.number == number, "blocks are out of order")
        found = len(block.coded), block.decoded_size, block.flags, block.reference
        require(found == described, "not the block described")
        blocks.append(block)
    return blocks


def reference_of(block: Block, blocks: list[Block]) -> Block | None:
    return blocks[block.number - block.reference] if block.reference else None


def require_reach(entry: Entry, blocks: list[Block]) -> None:
    """Section 12: the blocks that a file needs, their references included."""
    touched = {block for block, _, _ in entry.extents if block != HOLE}
    require(all(block < len(blocks) for block in touched), "an extent of no block")
    needed = touched | {block - blocks[block].reference for block in touched}
    limits.blocks_of_file(entry.size, len(needed))


def require_parts(archive: bytes, directory: Directory, last: sections.Section, blocks: list[Block]) -> None:
    """Section 2: everything between header and footer is a section or a block."""
    ends = {block.at: block.end for block in blocks}
    at, archive_id = 64, sections.NO_ID
    while at < len(archive) - 144:
        if at in ends:
            at = ends[at]
            continue
        require(archive[at : at + 4] == sections.MARKER, f"{at} belongs to no part of the archive")
        section = sections.read_section(archive, at, archive_id)
        if section.kind > sections.DIRECTORY:
            reserved(not section.critical, f"section type {section.kind}")
        if at == directory.index.section_at:
            archive_id = directory.archive_id
        at = section.end
    require(at == len(archive) - 144 == last.end, "bytes between directory and footer belong to no part")


def apply_errata(planned: list[Entry], errata: list[Entry]) -> list[Entry]:
    """Section 8."""
    entries = {entry.path: entry for entry in planned}
    require(all(entry.kind != CANCELLED for entry in planned), "the index cancels an entry")
    for entry in errata:
        require(entry.path in entries, "the errata speak of an unknown path")
        entries[entry.path] = entry
    return [entry for entry in entries.values() if entry.kind != CANCELLED]


def content(entry: Entry, blocks: list[bytes], header: Header) -> bytes | None:
    if entry.kind != FILE:
        return None
    parts = []
    for block, offset, length in entry.extents:
        if block == HOLE:
            parts.append(bytes(length))
            continue
        require(block < len(blocks) and offset + length <= len(blocks[block]), "an extent leaves its block")
        parts.append(blocks[block][offset : offset + length])
    data = b"".join(parts)
    if entry.digest:
        require(
            check(data, header.content_hash_length) == entry.digest, f"the hash of {entry.path!r} differs"
        )
    return data


def link(members: dict[bytes, Member]) -> None:
    """6.8: a hard link has the content of the file that it links to."""
    for member in members.values():
        if member.entry.kind == HARD_LINK:
            origin = members.get(member.entry.target)
            if origin is None or origin.entry.kind != FILE or origin.entry.path > member.entry.path:
                raise Corrupt("a hard link to no earlier file")
            member.content = origin.content
