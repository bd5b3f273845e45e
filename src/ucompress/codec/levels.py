"""What each level is: its codec, and how large a dictionary serves it. Whoever asks by level asks here."""

from __future__ import annotations

from typing import Final, NamedTuple

STORED: Final = 0
ZSTD: Final = 1
LZ: Final = 2
MIX: Final = 3

REFERRING: Final = frozenset({LZ})
"""Codecs whose blocks may have a reference, which is of the same codec."""

DICTIONARY_LIMIT: Final = 8 << 20
"""The largest dictionary of any archive, in bytes, whoever made it."""


class Level(NamedTuple):
    """How a level codes blocks.

    Attributes:
        codec: id of its codec.
        dictionary: bytes of the largest dictionary that is made for it. Priming costs the reader, so
            stronger codecs get smaller ones.
    """

    codec: int
    dictionary: int


LEVELS: Final = {
    1: Level(ZSTD, DICTIONARY_LIMIT),
    2: Level(ZSTD, DICTIONARY_LIMIT),
    3: Level(ZSTD, DICTIONARY_LIMIT),
    4: Level(LZ, 4 << 20),
    5: Level(LZ, 4 << 20),
    6: Level(LZ, 4 << 20),
    7: Level(MIX, 1 << 20),
    8: Level(MIX, 1 << 20),
    9: Level(MIX, 2 << 20),
}


def codec_of(level: int) -> int:
    """Id of a level's codec; ValueError for a level that does not exist."""
    if level not in LEVELS:
        raise ValueError(f"there is no level {level}: choose one from {min(LEVELS)} to {max(LEVELS)}")
    return LEVELS[level].codec


def may_refer(level: int) -> bool:
    """Whether blocks of a level may be coded after another one."""
    return codec_of(level) in REFERRING


def decodes_quickly(level: int) -> bool:
    """Whether what a level codes is decoded in a small part of the time that coding it takes."""
    return codec_of(level) != MIX


def shared_level(level: int) -> int:
    """The level of what all members of an archive share, its index and dictionary: never a mixing one.

    Beside zstd it is zstd: our LZ codec at its smallest would take a third of the whole run, and readers
    ten times as long.
    """
    return 3 if codec_of(level) == ZSTD else 6


def estimating_level(level: int) -> int:
    """The level that tells quickly how large something becomes at `shared_level`."""
    return 3 if codec_of(level) == ZSTD else 4
