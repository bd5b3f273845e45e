"""What a writer remembers of the blocks that it has written."""

from __future__ import annotations

from dataclasses import dataclass, field

from ucompress.archive.format.directory import BlockTable
from ucompress.archive.format.layout import BLOCK_HEADER_SIZE, REFERENCE_LIMIT, SUBSTITUTED, BlockHeader
from ucompress.codec.block import Reference, can_refer


@dataclass(slots=True)
class WrittenBlocks:
    """The blocks of an archive that is being written, in columns.

    Attributes:
        at: offset of each block's header.
        coded, decoded: sizes in bytes.
        codecs: codec id of each.
        digests: the digests of all, one after the other.
    """

    at: list[int] = field(default_factory=list)
    coded: list[int] = field(default_factory=list)
    decoded: list[int] = field(default_factory=list)
    codecs: bytearray = field(default_factory=bytearray)
    digests: bytearray = field(default_factory=bytearray)
    _flags: list[int] = field(default_factory=list)
    _references: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self.at)

    def note(self, at: int, header: BlockHeader) -> int:
        """Append a block whose header stands at `at`; the offset behind it."""
        self.at.append(at)
        self.coded.append(header.coded_size)
        self.decoded.append(header.decoded_size)
        self.codecs.append(header.codec)
        self.digests += header.digest
        self._flags.append(SUBSTITUTED if header.substituted else 0)
        self._references.append(header.reference)
        return at + BLOCK_HEADER_SIZE + header.coded_size

    def distance(self, codec_id: int, reference: int | None) -> int:
        """How far before the next block its reference stands; 0 without one.

        Raises:
            ValueError: readers would not follow it.
        """
        if reference is None:
            return 0
        distance = len(self) - reference
        if not 1 <= distance <= min(len(self), REFERENCE_LIMIT) or self._references[reference]:
            raise ValueError(f"block {reference} cannot be the reference of block {len(self)}")
        if not can_refer(codec_id, self.codecs[reference]):
            raise ValueError(
                f"block {len(self)} of codec {codec_id} cannot have one of codec "
                f"{self.codecs[reference]} as its reference"
            )
        return distance

    def as_reference(self, number: int, payload: bytes) -> Reference:
        """A block, whose coded bytes are `payload`, as the past of others."""
        return Reference(self.codecs[number], payload, self.decoded[number])

    def table(self) -> BlockTable:
        """The columns that the directory has."""
        return BlockTable.of(self.at, self.coded, self.decoded, self._flags, self._references)
