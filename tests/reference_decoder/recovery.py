"""Section 14: what is left of an archive without its end."""

from __future__ import annotations

from .archive import Member, content
from .blocks import read_block
from .conventions import Corrupt
from .dictionary import read_dictionary
from .header import read_header
from .index import Entry, read_pages
from .sections import DICTIONARY, INDEX, NO_ID, read_section


def recover(archive: bytes) -> dict[bytes, Member]:
    """Members whose blocks are all there; for archives that are cut off, not for damaged blocks."""
    header = read_header(archive[:64])
    at, archive_id = 64, NO_ID
    dictionary, entries, blocks = b"", list[Entry](), list[bytes]()
    while at < len(archive):
        try:
            if archive_id == NO_ID:
                section = read_section(archive, at, NO_ID)
                if section.kind == DICTIONARY:
                    dictionary = read_dictionary(section)
                elif section.kind == INDEX:
                    pages = read_pages(section.payload, section.repaired, header.content_hash_length)
                    entries = [entry for page in pages for entry in page]
                    archive_id = section.payload_check
                at = section.end
            else:
                block = read_block(archive, at, archive_id, header.largest_block)
                blocks.append(block.decode(dictionary, header.level))
                at = block.end
        except Corrupt:
            break
    members = {}
    for entry in entries:
        try:
            members[entry.path] = Member(entry, content(entry, blocks, header))
        except Corrupt:
            continue
    return members
