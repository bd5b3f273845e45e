"""The shared dictionary: which bytes all blocks have as their past, and how many of them pay.

The windows are chosen from the planned blocks, since what repeats inside one block is found
there without help. They stand best last, so that every suffix of the dictionary is the best
smaller dictionary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ucompress._core import DictionaryBuilder
from ucompress.codec.block import BlockCompressor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

KIB: Final = 1 << 10
MIB: Final = 1 << 20

SIZES: Final = (64 * KIB, 256 * KIB, 1 * MIB, 2 * MIB, 4 * MIB, 8 * MIB)
"""Sizes a dictionary may have, besides 0."""

SHARE: Final = 10
"""A dictionary has at most one part in `SHARE` of the bytes that are coded with it."""


def size_limit(level: int, unique_bytes: int) -> int:
    """The largest dictionary that a level may use for so many unique bytes; 0 for none.

    Priming costs the reader, so stronger codecs get smaller dictionaries.
    """
    most = 8 * MIB if level <= 3 else 4 * MIB
    fitting = [size for size in SIZES if size <= min(most, unique_bytes // SHARE)]
    return fitting[-1] if fitting else 0


def builder(counts: NDArray[np.void], size: int, *, length: int, threshold: int) -> DictionaryBuilder:
    """Takes blocks by `offer(data, number)`, from any thread and in any order.

    Args:
        counts: d-mer counts over the corpus.
        size: the largest dictionary that will be wanted, in bytes.
        length: bytes in a d-mer.
        threshold: the highest hash that was sampled.
    """
    return DictionaryBuilder(counts, length, max(1, size), threshold=threshold)


def assemble(builder: DictionaryBuilder, size: int, read: Callable[[int, int, int], bytes]) -> bytes:
    """The dictionary of at most `size` bytes, best windows last.

    Args:
        builder: has been offered every block.
        size: in bytes.
        read: `read(block, offset, length)` gives these decoded bytes.
    """
    chosen = builder.select(size)
    columns = (chosen[name].tolist() for name in ("document", "offset", "length"))
    windows = [read(*place) for place in zip(*columns, strict=True)]
    return b"".join(reversed(windows))


def choose_suffix(
    dictionary: bytes, level: int, sample: Sequence[bytes], unique_bytes: int
) -> tuple[bytes, int]:
    """The suffix of a dictionary that makes the smallest archive, its own coded size charged.

    Args:
        dictionary: the largest candidate.
        level: the compression level.
        sample: some of the blocks, whole.
        unique_bytes: bytes of all blocks.

    Returns:
        The suffix, perhaps empty, and the bytes that it is expected to save.
    """
    sampled = sum(map(len, sample))
    if not sampled:
        return b"", 0
    quick = 4 if level > 3 else 1
    alone = BlockCompressor(quick)
    without = sum(len(alone.compress(block)[1]) for block in sample) * unique_bytes // sampled
    best, least = b"", without
    worse = 0
    for size in SIZES:
        suffix = dictionary[-size:]
        own = len(alone.compress(suffix)[1])
        primed = BlockCompressor(quick, suffix)
        coded = sum(len(primed.compress(block)[1]) for block in sample) * unique_bytes // sampled
        if coded + own < least:
            best, least, worse = suffix, coded + own, 0
        else:
            worse += 1
        if worse == 2 or size >= len(dictionary):
            break
    return best, without - least
