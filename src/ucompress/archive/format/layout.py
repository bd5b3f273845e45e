"""Fixed structures of the archive as `docs/format.md` has them: header, section, block, footer."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from ucompress.checksum import short_digest
from ucompress.codec.block import BLOCK_LIMIT
from ucompress.config import HIGHEST_LEVEL, LOWEST_LEVEL
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError

MAGIC: Final = b"\x89UCZ\r\n\x1a\n"
END_MAGIC: Final = b"\xb7UCZEND\n"
SECTION_MARKER: Final = b"\xb7UCS"
BLOCK_MARKER: Final = b"\xb7UCB"

VERSION_MAJOR: Final = 1
VERSION_MINOR: Final = 0

HEADER_SIZE: Final = 64
SECTION_HEADER_SIZE: Final = 32
BLOCK_HEADER_SIZE: Final = 48
PAGE_HEADER_SIZE: Final = 24
FOOTER_SIZE: Final = 144

PAGE_LIMIT: Final = 8 << 20
CODED_SLACK: Final = 64 << 10
DIRECTORY_LIMIT: Final = 1 << 30
DIRECTORY_SLACK: Final = 64 << 10
DIRECTORY_RATIO: Final = 16
DIRECTORY_CHUNK: Final = 4 << 20
PAGE_ENTRIES_LIMIT: Final = 65_536
PAGE_EXTENTS_LIMIT: Final = 1 << 20
PAGE_PATHS_LIMIT: Final = 16 << 20
SEPARATORS_LIMIT: Final = 256 << 20
BLOCKS_LIMIT: Final = (1 << 32) - 1
LARGEST: Final = (1 << 63) - 1
BYTES_PER_BLOCK: Final = 262_144
HASH_LENGTHS: Final = (0, 8, 32)
REFERENCE_LIMIT: Final = (1 << 16) - 1

SECTION_DICTIONARY: Final = 1
SECTION_INDEX: Final = 2
SECTION_ERRATA: Final = 3
SECTION_DIRECTORY: Final = 4
SECTION_RECOVERY: Final = 128

CRITICAL: Final = 1
PROTECTED: Final = 2
SUBSTITUTED: Final = 1
USER_DICTIONARY: Final = 1

ID_SIZE: Final = 8
NO_ID: Final = bytes(ID_SIZE)
UNKNOWN_ID: Final = b""
"""Of an archive whose index is lost, and its id with it."""

_HEADER = struct.Struct("<8sHHIIBBHIIQ16s8s")
_SECTION = struct.Struct("<4sBBHQ8s8s")
_BLOCK = struct.Struct("<4sIBBHII16s8s4s")
_PAGE = struct.Struct("<IIIB3s8s")
_FOOTER = struct.Struct("<64sQQ8sQ32s8s8s")


check = short_digest
"""What `docs/format.md` calls check(x, n): the first n bytes of BLAKE3-256(x)."""


def blocks_bound(size: int) -> int:
    """How many distinct blocks a file of `size` bytes may need."""
    return 2 + -(-size // BYTES_PER_BLOCK)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise CorruptArchiveError(message)


def _reserved(condition: bool, where: str) -> None:
    if not condition:
        raise UnsupportedArchiveError(f"{where} uses bits that this version does not know")


@dataclass(frozen=True, slots=True)
class ArchiveHeader:
    """Format section 3.

    Attributes:
        level: 1 to 9, information only.
        content_hash_bytes: bytes of content hash kept for a file: 0, 8 or 32.
        zstd_version: libzstd's version number for levels 1-3 (10507 for 1.5.7), else 0.
        largest_block: no block decodes to more bytes; at most 8 MiB.
        decoder_memory: bytes of working memory that decoding takes, dictionary included.
        user_dictionary: the dictionary was given by the user.
        version_minor: the format's minor version.
    """

    level: int = 6
    content_hash_bytes: int = 0
    zstd_version: int = 0
    largest_block: int = BLOCK_LIMIT
    decoder_memory: int = 0
    user_dictionary: bool = False
    version_minor: int = VERSION_MINOR

    def to_bytes(self) -> bytes:
        """The 64 bytes at the archive's start; ValueError for values that no archive may have."""
        if self.content_hash_bytes not in HASH_LENGTHS:
            raise ValueError(f"content_hash_bytes must be 0, 8 or 32, not {self.content_hash_bytes}")
        if not 1 <= self.largest_block <= BLOCK_LIMIT:
            raise ValueError(f"largest_block must be 1 to {BLOCK_LIMIT}, not {self.largest_block}")
        if not LOWEST_LEVEL <= self.level <= HIGHEST_LEVEL:
            raise ValueError(f"level must be {LOWEST_LEVEL} to {HIGHEST_LEVEL}, not {self.level}")
        fields = (
            MAGIC, VERSION_MAJOR, self.version_minor, 0, USER_DICTIONARY if self.user_dictionary else 0,
            self.level, self.content_hash_bytes, 0, self.zstd_version, self.largest_block,
            self.decoder_memory, bytes(16),
        )  # fmt: skip
        body = _HEADER.pack(*fields, bytes(8))[:56]
        return body + check(body, 8)

    @classmethod
    def from_bytes(cls, data: bytes) -> ArchiveHeader:
        """Read and check a header; corrupt and unsupported are told apart."""
        _require(data[:8] == MAGIC[: len(data[:8])] and len(data) >= 8, "not a ucompress archive")
        if len(data) >= 10 and int.from_bytes(data[8:10], "little") != VERSION_MAJOR:
            # The version is judged before the check, whose place a later version may move; a
            # damaged version field is found out only if the rest still fits this version.
            if len(data) >= HEADER_SIZE and check(data[:8] + b"\1\0" + data[10:56], 8) == data[56:64]:
                raise CorruptArchiveError("the header's version field is damaged")
            version = int.from_bytes(data[8:10], "little")
            raise UnsupportedArchiveError(
                f"format version {version} is not known here (this program reads version {VERSION_MAJOR}): "
                "use a newer ucompress"
            )
        _require(len(data) == HEADER_SIZE, "the archive ends within its header")
        _require(check(data[:56], 8) == data[56:], "the header is damaged")
        (
            _,
            _,
            minor,
            incompatible,
            compatible,
            level,
            hash_length,
            pad,
            zstd_version,
            largest,
            memory,
            pad2,
            _,
        ) = _HEADER.unpack(data)
        _reserved(incompatible == 0 and pad == 0 and not any(pad2), "the header")
        _require(hash_length in HASH_LENGTHS, f"content hashes of {hash_length} bytes do not exist")
        _require(1 <= largest <= BLOCK_LIMIT, f"blocks of {largest} bytes exceed the limit of {BLOCK_LIMIT}")
        return cls(
            level, hash_length, zstd_version, largest, memory, bool(compatible & USER_DICTIONARY), minor
        )


@dataclass(frozen=True, slots=True)
class SectionHeader:
    """Format section 4.1.

    Attributes:
        kind: section type.
        flags: `CRITICAL` and `PROTECTED` bits.
        length: payload bytes, without parity.
        payload_check: first 8 bytes of BLAKE3 of the payload; of the index, the archive's id.
    """

    kind: int
    flags: int
    length: int
    payload_check: bytes

    def to_bytes(self, archive_id: bytes) -> bytes:
        """The 32 bytes before the payload; sections up to the index take `NO_ID`."""
        fields = (SECTION_MARKER, self.kind, self.flags, 0, self.length, self.payload_check)
        body = _SECTION.pack(*fields, bytes(8))[:24]
        return body + check(archive_id + body, 8)

    @classmethod
    def from_bytes(cls, data: bytes, archive_id: bytes) -> SectionHeader:
        """Read and check a section header."""
        _require(len(data) == SECTION_HEADER_SIZE, "the archive ends within a section header")
        sound = data[:4] == SECTION_MARKER and check(archive_id + data[:24], 8) == data[24:]
        _require(sound, "a section header is damaged")
        _, kind, flags, pad, length, payload_check, _ = _SECTION.unpack(data)
        _reserved(flags & ~3 == 0 and pad == 0, "a section header")
        _require(length <= LARGEST, "a section's length exceeds the limit")
        return cls(kind, flags, length, payload_check)


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """Format section 7.

    Attributes:
        number: block number, from 0.
        codec: codec id.
        coded_size, decoded_size: bytes.
        digest: first 16 bytes of BLAKE3 of the decoded bytes.
        coded_check: first 8 bytes of BLAKE3 of the coded bytes.
        substituted: holds other bytes than the index says; the errata have the truth.
        reference: how many blocks before this one its reference stands; 0 without one.
    """

    number: int
    codec: int
    coded_size: int
    decoded_size: int
    digest: bytes
    coded_check: bytes
    substituted: bool = False
    reference: int = 0

    def to_bytes(self, archive_id: bytes) -> bytes:
        """The 48 bytes before the coded bytes."""
        flags = SUBSTITUTED if self.substituted else 0
        fields = (
            BLOCK_MARKER,
            self.number,
            self.codec,
            flags,
            self.reference,
            self.coded_size,
            self.decoded_size,
        )
        body = _BLOCK.pack(*fields, self.digest, self.coded_check, bytes(4))[:44]
        return body + check(archive_id + body, 4)

    @classmethod
    def from_bytes(cls, data: bytes, archive_id: bytes) -> BlockHeader:
        """Read and check a block header; with `UNKNOWN_ID` only whether its figures are possible."""
        _require(len(data) == BLOCK_HEADER_SIZE, "the archive ends within a block header")
        checked = archive_id == UNKNOWN_ID or check(archive_id + data[:44], 4) == data[44:]
        _require(data[:4] == BLOCK_MARKER and checked, "a block header is damaged")
        _, number, codec, flags, reference, coded, decoded, digest, coded_check, _ = _BLOCK.unpack(data)
        _reserved(flags & ~SUBSTITUTED == 0, f"block {number}")
        _require(1 <= decoded <= BLOCK_LIMIT, f"block {number} claims {decoded} bytes")
        _require(coded <= decoded + CODED_SLACK, f"block {number} claims {coded} coded bytes")
        _require(reference <= number, f"block {number} has a reference before the first block")
        substituted = bool(flags & SUBSTITUTED)
        return cls(number, codec, coded, decoded, digest, coded_check, substituted, reference)


@dataclass(frozen=True, slots=True)
class PageHeader:
    """Format section 6.1.

    Attributes:
        coded_size, decoded_size: bytes.
        entries: number of entries, at least 1.
        codec: codec id.
        check: first 8 bytes of BLAKE3 of the 16 bytes before it and the coded bytes.
        reserved: what has no meaning yet.
    """

    coded_size: int
    decoded_size: int
    entries: int
    codec: int
    check: bytes
    reserved: bytes

    @classmethod
    def wrap(cls, codec: int, coded: bytes, decoded_size: int, entries: int) -> bytes:
        """A whole page: header and coded bytes."""
        body = _PAGE.pack(len(coded), decoded_size, entries, codec, bytes(3), bytes(8))[:16]
        return body + check(body + coded, 8) + coded

    @classmethod
    def from_bytes(cls, data: bytes) -> PageHeader:
        """Read a page header; whoever has the coded bytes compares `check`, then calls `require_known`."""
        _require(len(data) == PAGE_HEADER_SIZE, "the archive ends within an index page")
        coded, decoded, entries, codec, pad, stored = _PAGE.unpack(data)
        _require(1 <= entries <= PAGE_ENTRIES_LIMIT, f"an index page claims {entries} entries")
        _require(decoded <= PAGE_LIMIT, f"an index page claims {decoded} bytes")
        _require(coded <= decoded + CODED_SLACK, f"an index page claims {coded} coded bytes")
        return cls(coded, decoded, entries, codec, stored, pad)

    def require_known(self, what: str) -> None:
        """Raise UnsupportedArchiveError where a sound page needs a meaning for its reserved bytes."""
        _reserved(self.reserved == bytes(3), what)


@dataclass(frozen=True, slots=True)
class Footer:
    """Format section 10.

    Attributes:
        header: the header's 64 bytes.
        directory_at: offset of the directory's section header.
        directory_length: its payload's bytes.
        directory_check: first 8 bytes of BLAKE3 of that payload.
        tree_hash: BLAKE3-256 over what the archive says.
    """

    header: bytes
    directory_at: int
    directory_length: int
    directory_check: bytes
    tree_hash: bytes

    def to_bytes(self) -> bytes:
        """The archive's last 144 bytes."""
        fields = (
            self.header,
            self.directory_at,
            self.directory_length,
            self.directory_check,
            0,
            self.tree_hash,
        )
        body = _FOOTER.pack(*fields, bytes(8), END_MAGIC)[:128]
        return body + check(body, 8) + END_MAGIC

    @classmethod
    def from_bytes(cls, data: bytes) -> Footer:
        """Read and check a footer."""
        _require(
            len(data) == FOOTER_SIZE and data[-8:] == END_MAGIC, "the archive has no end: it is truncated"
        )
        _require(check(data[:128], 8) == data[128:136], "the footer is damaged")
        header, at, length, directory_check, previous, tree_hash, _, _ = _FOOTER.unpack(data)
        _reserved(previous == 0, "the footer")
        _require(at <= LARGEST and length <= LARGEST, "the footer's positions exceed the limit")
        return cls(header, at, length, directory_check, tree_hash)
