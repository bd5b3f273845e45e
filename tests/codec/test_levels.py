"""The table of levels is what configuration, codecs and kernels each hold to be true."""

import pytest

from ucompress._core import PrimedDictionary, PrimedModel
from ucompress.codec.block import BlockCompressor
from ucompress.codec.levels import (
    DICTIONARY_LIMIT,
    LEVELS,
    LZ,
    MIX,
    ZSTD,
    codec_of,
    estimating_level,
    may_refer,
    shared_level,
)
from ucompress.codec.mix import PAST
from ucompress.codec.zstd import PAGES, SEARCHES
from ucompress.config import HIGHEST_LEVEL, LOWEST_LEVEL
from ucompress.dictionary import SIZES

TEXT = b"the same words again and again, and then some others; " * 40


def accepted(primed) -> list[int]:
    """The levels that a kernel takes."""
    taken = []
    for level in range(12):
        try:
            primed(b"", level)
        except ValueError:
            continue
        taken.append(level)
    return taken


def levels_of(codec: int) -> list[int]:
    return [level for level in LEVELS if codec_of(level) == codec]


def test_levels_are_those_of_the_configuration() -> None:
    assert list(LEVELS) == list(range(LOWEST_LEVEL, HIGHEST_LEVEL + 1))


def test_kernels_take_the_levels_of_their_codec() -> None:
    assert levels_of(ZSTD) == [level for level in SEARCHES if level != PAGES]
    assert levels_of(LZ) == accepted(PrimedDictionary)
    assert levels_of(MIX) == accepted(PrimedModel)


@pytest.mark.parametrize("level", LEVELS)
def test_blocks_are_of_the_codec_of_their_level(level: int) -> None:
    assert BlockCompressor(level).compress(TEXT)[0] == codec_of(level)


@pytest.mark.parametrize("level", LEVELS)
def test_dictionaries_are_of_a_size_that_the_codec_uses(level: int) -> None:
    assert LEVELS[level].dictionary in SIZES
    assert LEVELS[level].dictionary <= (PAST if codec_of(level) == MIX else DICTIONARY_LIMIT)


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_shared_is_never_mixed_and_needs_no_reference(level: int) -> None:
    codecs = {codec_of(shared_level(level)), codec_of(estimating_level(level))}
    assert codecs == {ZSTD if codec_of(level) == ZSTD else LZ}
    assert may_refer(level) == (codec_of(level) == LZ)


@pytest.mark.parametrize("level", [-1, 0, 10])
def test_other_levels_do_not_exist(level: int) -> None:
    with pytest.raises(ValueError, match="choose one from 1 to 9"):
        codec_of(level)
