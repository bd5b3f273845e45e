"""Changes finished archives and makes the checks around the change fit again."""

from __future__ import annotations

import io
from array import array
from dataclasses import dataclass, replace

from blake3 import blake3

from archive.build import stored_pages
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    CRITICAL,
    FOOTER_SIZE,
    HEADER_SIZE,
    PROTECTED,
    SECTION_DIRECTORY,
    SECTION_HEADER_SIZE,
    BlockHeader,
    Footer,
    SectionHeader,
    check,
)
from ucompress.archive.format.parity import StripePlan, build_parity
from ucompress.archive.format.source import FileSource
from ucompress.archive.reading.opening import open_archive


@dataclass
class Span:
    """A part of an archive.

    Attributes:
        at: its first byte.
        length: bytes, headers and parity included.
    """

    at: int
    length: int

    @property
    def end(self) -> int:
        return self.at + self.length


class Patch:
    """An archive that is being changed."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        opened = open_archive(FileSource(io.BytesIO(data), "golden"), recover=False)
        assert opened.footer is not None
        self.footer, self.directory = opened.footer, opened.directory

    def section(self, at: int, length: int) -> Span:
        return Span(at, SECTION_HEADER_SIZE + length + StripePlan.of(length).parity_length)

    @property
    def dictionary(self) -> Span:
        return self.section(self.directory.dictionary_at, self.directory.dictionary_length)

    @property
    def index(self) -> Span:
        return self.section(self.directory.index.section_at, self.directory.index.payload_length)

    @property
    def tail(self) -> Span:
        return self.section(self.footer.directory_at, self.footer.directory_length)

    def block(self, number: int) -> Span:
        table = self.directory.blocks
        return Span(int(table.at[number]), BLOCK_HEADER_SIZE + int(table.coded[number]))

    def damage(self, at: int, length: int) -> Patch:
        """Turn bytes over."""
        for position in range(at, at + length):
            self.data[position] ^= 0xA5
        return self

    def set_header(self, at: int, value: int) -> Patch:
        """Set a byte of the header, in both places, and fit the checks."""
        header = self.data[:HEADER_SIZE]
        header[at] = value
        header[56:] = check(bytes(header[:56]), 8)
        self.data[:HEADER_SIZE] = header
        return self.set_footer(0, bytes(header))

    def set_footer(self, at: int, value: bytes) -> Patch:
        """Set bytes of the footer and fit its check."""
        footer = self.data[-FOOTER_SIZE:]
        footer[at : at + len(value)] = value
        footer[128:136] = check(bytes(footer[:128]), 8)
        self.data[-FOOTER_SIZE:] = footer
        return self

    def set_block(self, which: int, /, **changes: object) -> Patch:
        """Change a block's header and fit its check."""
        at = self.block(which).at
        archive_id = self.directory.archive_id
        header = BlockHeader.from_bytes(bytes(self.data[at : at + BLOCK_HEADER_SIZE]), archive_id)
        changed = replace(header, **changes)  # type: ignore[arg-type]
        self.data[at : at + BLOCK_HEADER_SIZE] = changed.to_bytes(archive_id)
        return self

    def set_block_byte(self, which: int, offset: int, value: int) -> Patch:
        """Set a byte of a block's header, whatever it means, and fit its check."""
        at = self.block(which).at
        self.data[at + offset] = value
        body = bytes(self.data[at : at + BLOCK_HEADER_SIZE - 4])
        self.data[at + len(body) : at + BLOCK_HEADER_SIZE] = check(self.directory.archive_id + body, 4)
        return self

    def set_reference(self, which: int, distance: int) -> Patch:
        """Give a block another reference, in its header and the directory."""
        self.set_block(which, reference=distance)
        self.directory.blocks.references[which] = distance
        return self.rewrite_directory()

    def insert_section(self, kind: int, flags: int, payload: bytes) -> Patch:
        """Put a section without parity before the first block."""
        at = self.block(0).at
        section = SectionHeader(kind, flags, len(payload), check(payload, 8))
        data = section.to_bytes(self.directory.archive_id) + payload
        blocks = self.directory.blocks
        self.directory.blocks = replace(blocks, at=array("q", [at + len(data) for at in blocks.at]))
        self.data[at:at] = data
        return self.rewrite_directory(len(data))

    def rewrite_directory(self, moved: int = 0) -> Patch:
        """Write directory and footer anew, after what they describe has changed."""
        at = self.footer.directory_at + moved
        with stored_pages():
            payload = self.directory.to_bytes()
        header = SectionHeader(SECTION_DIRECTORY, CRITICAL | PROTECTED, len(payload), check(payload, 8))
        footer = Footer(
            self.footer.header, at, len(payload), check(payload, 8), self.footer.tree_hash
        ).to_bytes()
        section = header.to_bytes(self.directory.archive_id) + payload + build_parity(payload)
        self.data[at:] = section + footer
        self.footer = Footer.from_bytes(footer)
        return self


def retree(change: Patch) -> bytes:
    """Fit the tree hash after the header was changed."""
    header = bytes(change.data[:64])
    hasher = blake3(header)
    hasher.update(blake3(b"").digest())
    start, length = change.directory.index.section_at + 32, change.directory.index.payload_length
    hasher.update(blake3(bytes(change.data[start : start + length])).digest())
    hasher.update(blake3(b"").digest())
    for number in range(len(change.directory.blocks)):
        at = change.block(number).at
        hasher.update(bytes(change.data[at + 20 : at + 36]))
    return bytes(change.set_footer(96, hasher.digest()).data)
