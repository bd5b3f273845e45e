"""The order in which contents stand, so that like stands beside like.

Blocks are coded one by one, so what helps a content must stand in its own block. The order
starts from class, extension and path, and is then grown block by block: next comes the content,
or the unit of small ones, that shares most with the block so far, judged by a sketch (a few of
its sampled d-mers) and by its folder. Everything is integers, and every tie goes by path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ucompress._core import NO_HASH, order_by_likeness
from ucompress.checksum import run_check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SKETCH_SIZE: Final = 16
"""Hashes in a sketch; 8 give orders 1 % worse, 32 up to 1 % better, at twice the memory."""

COMMONEST: Final = 256
"""A d-mer in more contents than this is boilerplate and tells nothing about likeness."""

MANY: Final = 8
"""A d-mer in this many contents will cost next to nothing, in the archive and to a reader."""

FOLDER_WEIGHT: Final = 2
"""How many shared hashes a common folder (with the same extension) is worth."""

UNIT: Final = 8 << 10
"""Contents of one folder that are smaller than this stand together as they do by path, so many bytes of them.

Each that stands elsewhere costs the index two or three bytes, and so has to gain as many.
"""

LIKENESS_BLOCK: Final = 1 << 20
"""Bytes of contents that are compared as one."""


class Likeness(NamedTuple):
    """What tells a content's neighbours.

    Attributes:
        sketch: rising hashes of d-mers that stand in 2 to `COMMONEST` contents.
        repeats: how many in a thousand of its sampled d-mers stand in `MANY` contents or more.
    """

    sketch: NDArray[np.uint64]
    repeats: int


def sketches(hashes: Sequence[NDArray[np.uint64]], size: int = SKETCH_SIZE) -> list[Likeness]:
    """The sketch of each content: its lowest sampled hashes that tell it from others, yet not from all.

    Args:
        hashes: for each content its sampled d-mer hashes, rising, each once.
        size: the most hashes in a sketch.
    """
    if not hashes:
        return []
    return sketches_of(np.concatenate(hashes), np.cumsum([0, *map(len, hashes)]), size)


def sketches_of(
    all_hashes: NDArray[np.uint64], starts: NDArray[np.int64], size: int = SKETCH_SIZE
) -> list[Likeness]:
    """`sketches` of contents whose hashes stand end to end.

    Args:
        all_hashes: the hashes, content after content.
        starts: for each content the place of its first hash, then their number.
        size: the most hashes in a sketch.
    """
    _, which, documents = np.unique(all_hashes, return_inverse=True, return_counts=True)
    of_hash = documents[which]
    counted = np.concatenate(([0], np.cumsum(of_hash >= MANY)))
    per_thousand = np.diff(counted[starts]) * 1000 // np.maximum(np.diff(starts), 1)
    telling = (of_hash >= 2) & (of_hash <= COMMONEST)
    before = np.concatenate(([0], np.cumsum(telling)))
    first = telling & (before[:-1] - np.repeat(before[starts[:-1]], np.diff(starts)) < size)
    kept = all_hashes[first]
    ends = np.cumsum(np.minimum(np.diff(before[starts]), size)).tolist()
    return [
        Likeness(kept[start:end], repeats)
        for start, end, repeats in zip([0, *ends], ends, per_thousand.tolist(), strict=False)
    ]


def extension(path: bytes) -> bytes:
    """The lower-case extension of a path's last component, without the dot; empty if none."""
    stem, _, suffix = path[path.rfind(b"/") + 1 :].rpartition(b".")
    return suffix.lower() if stem else b""


def similarity_order(
    paths: Sequence[bytes],
    classes: Sequence[int],
    sizes: Sequence[int] = (),
    sketches: Sequence[NDArray[np.uint64]] = (),
) -> list[int]:
    """Indices of contents in the order in which they are to be stored.

    Args:
        paths: one path for each content; it settles ties, so no two should be equal.
        classes: one class for each content (`segments.TEXT`, `BINARY`, `DENSE`).
        sizes: for each content its size in bytes.
        sketches: for each content its sketch, of up to `SKETCH_SIZE` hashes; where none has
            any, the order is by class, extension and path.
    """
    suffixes = [extension(path) for path in paths]
    keys = list(zip(classes, suffixes, paths, strict=True))
    start = sorted(range(len(paths)), key=keys.__getitem__)
    if not any(map(len, sketches)):
        return start
    folders = [
        path.rpartition(b"/")[0] + b"\0" + suffix for path, suffix in zip(paths, suffixes, strict=True)
    ]
    units = _units(start, classes, sizes, folders)
    features = np.full((len(units), SKETCH_SIZE + 1), NO_HASH, dtype=np.uint64)
    _join(features, [[sketches[i] for i in unit] for unit in units])
    checks = {folder: run_check(folder) for folder in {folders[unit[0]] for unit in units}}
    features[:, SKETCH_SIZE] = np.array([checks[folders[unit[0]]] for unit in units], dtype=np.uint64)
    order = order_by_likeness(
        features,
        [classes[unit[0]] for unit in units],
        [sum(sizes[i] for i in unit) for unit in units],
        weights=[1] * SKETCH_SIZE + [FOLDER_WEIGHT],
        block=LIKENESS_BLOCK,
    )
    return [i for rank in order.tolist() for i in units[rank]]


def _units(
    start: Sequence[int], classes: Sequence[int], sizes: Sequence[int], folders: Sequence[bytes]
) -> list[list[int]]:
    """Small contents of one folder that stand together by path; larger ones alone."""
    units: list[list[int]] = []
    size, kind = UNIT, None
    for i in start:
        if size >= UNIT or sizes[i] >= UNIT or (classes[i], folders[i]) != kind:
            units.append([])
            size, kind = 0, (classes[i], folders[i])
        units[-1].append(i)
        size += sizes[i]
    return units


def _join(features: NDArray[np.uint64], sketches: Sequence[Sequence[NDArray[np.uint64]]]) -> None:
    """Put the sketch of each unit's contents together into its row: the lowest hashes of all, rising."""
    counts = [sum(map(len, unit)) for unit in sketches]
    unit = np.repeat(np.arange(len(sketches)), counts)
    hashes = np.concatenate([sketch for some in sketches for sketch in some])
    order = np.lexsort((hashes, unit))
    hashes = hashes[order]  # those of a unit still stand where they stood, for it was the first key
    fresh = np.ones(len(hashes), dtype=np.bool_)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (unit[1:] != unit[:-1])
    hashes, unit = hashes[fresh], unit[fresh]
    kept = np.bincount(unit, minlength=len(sketches))
    place = np.arange(len(hashes)) - np.repeat(np.cumsum(kept) - kept, kept)
    low = place < SKETCH_SIZE
    features[unit[low], place[low]] = hashes[low]
