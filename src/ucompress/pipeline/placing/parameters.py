"""What a plan is made by: sizes of blocks, the shortest copies and holes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ucompress.archive.format.layout import PAGE_EXTENTS_LIMIT
from ucompress.codec.levels import LZ, ZSTD, codec_of
from ucompress.config import MIB

KIB: Final = 1 << 10
NEVER: Final = 1 << 62
"""More bytes than any content has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanParameters:
    """What the plan is made by. All sizes in bytes.

    Attributes:
        block_target: decoded size at which a block ends.
        large_block_target: the same for contents that repeat much, and so decode quickly.
        dense_block_target: the same for contents that are compressed already, and so decode slowest.
        monotonous_block_target: the same for long contents that repeat themselves, and so decode quickest.
        large_from: mean `Content.repeats` from which on a block may be large; 1001 is never.
        monotonous_from: a content of so many bytes may be of that kind. It shares no block with smaller ones,
            so who reads a small file does not wait for such a block.
        whole: a content of fewer literal bytes is not split over blocks.
        reach: a content of S bytes touches at most 2 + ceil(S / reach) blocks.
        hole: the shortest run of zeros that is not stored.
        segment: the shortest copy that is not stored again; four times that where the content
            repeats much, for then storing again costs little and a second block as much as ever.
        extent: what each further extent of a copy must save, for it takes room in the index;
            four times that in the same case.
        window: contents are taken in pieces of this size; a multiple of `reach`.
        extents: the most extents of a content, as far as blocks of `block_target` allow.
    """

    block_target: int = 768 * KIB
    large_block_target: int = 1 * MIB
    dense_block_target: int = 768 * KIB
    monotonous_block_target: int = 2 * MIB
    large_from: int = 500
    monotonous_from: int = 2 * MIB
    whole: int = 256 * KIB
    reach: int = 256 * KIB
    hole: int = 4 * KIB
    segment: int = 1 * KIB
    extent: int = 512
    window: int = 4 * MIB
    extents: int = PAGE_EXTENTS_LIMIT

    def __post_init__(self) -> None:
        """Refuse values with which the bound on blocks could not be kept."""
        if self.window % self.reach or self.window < 4 * self.reach:
            raise ValueError("window must be a multiple of reach, and at least four times as large")
        targets = (
            self.block_target,
            self.large_block_target,
            self.dense_block_target,
            self.monotonous_block_target,
        )
        if min(targets) < max(2 * self.reach, self.whole):
            raise ValueError("blocks must not be smaller than twice the reach, or than whole")

    @classmethod
    def for_level(cls, level: int) -> PlanParameters:
        """The parameters of a compression level, 1 to 9.

        Levels 1 to 3 promise a file within 5 ms, so no block is larger than 2 MiB; and none is
        smaller on purpose, for the dictionary's tables are copied for every block. At levels 4 to 6 a
        block that repeats much may come after its reference, which is decoded too. Levels 7 to 9
        decode as slowly as they code, without references; what is dense there takes twice as long.
        """
        if codec_of(level) == ZSTD:
            return cls(
                block_target=2 * MIB,
                large_block_target=2 * MIB,
                dense_block_target=2 * MIB,
                large_from=400,
                monotonous_from=NEVER,
            )
        if codec_of(level) == LZ:
            return cls()
        return cls(
            block_target=1 * MIB,
            large_block_target=1280 * KIB,
            dense_block_target=512 * KIB,
            monotonous_from=NEVER,
        )

    def largest_block(self, longest: int) -> int:
        """Bytes of the largest block that there can be where no content has more than `longest`."""
        usual = max(self.block_target, self.large_block_target, self.dense_block_target)
        return max(usual, self.monotonous_block_target) if longest >= self.monotonous_from else usual
