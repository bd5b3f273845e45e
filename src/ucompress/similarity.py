"""The order in which contents stand, so that like stands beside like.

Blocks are coded one by one, so what helps a content must stand in its own block. The order
starts from class, extension and path, and is then grown block by block: next comes the content,
or the unit of small ones, that shares most with the block so far, judged by a sketch (a few of
its sampled d-mers) and by its folder. Everything is integers, and every tie goes by path.
"""

from __future__ import annotations

from array import array
from itertools import islice, pairwise
from operator import lt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ucompress._core import NO_HASH, order_by_likeness
from ucompress.checksum import run_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Sized

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


class Sketches(NamedTuple):
    """`Likeness` of many contents in columns.

    Attributes:
        hashes: the sketches' hashes, content after content.
        starts: for each content the place of its first hash, then their number.
        repeats: as in `Likeness`.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    repeats: NDArray[np.int64]


def sketches(hashes: Sequence[NDArray[np.uint64]], size: int = SKETCH_SIZE) -> list[Likeness]:
    """The sketch of each content: its lowest sampled hashes that tell it from others, yet not from all.

    Args:
        hashes: for each content its sampled d-mer hashes, rising, each once.
        size: the most hashes in a sketch.
    """
    if not hashes:
        return []
    kept, starts, repeats = sketches_of(np.concatenate(hashes), _bounds(hashes), size)
    return [
        Likeness(kept[start:end], repeat)
        for (start, end), repeat in zip(pairwise(starts.tolist()), repeats.tolist(), strict=True)
    ]


def sketches_of(
    all_hashes: NDArray[np.uint64], starts: NDArray[np.int64], size: int = SKETCH_SIZE
) -> Sketches:
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
    ends = np.cumsum(np.minimum(np.diff(before[starts]), size))
    return Sketches(all_hashes[first], np.concatenate(([0], ends)), per_thousand)


def _bounds(rows: Iterable[Sized]) -> NDArray[np.int64]:
    """Where each of some rows begins that stand end to end, then their length."""
    return np.cumsum([0, *map(len, rows)], dtype=np.int64)


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
    hashes = np.concatenate(sketches) if len(sketches) else np.empty(0, dtype=np.uint64)
    starts = _bounds(sketches) if len(sketches) else np.zeros(len(paths) + 1, dtype=np.int64)
    kinds, lengths = np.array(classes, dtype=np.int64), np.array(sizes, dtype=np.int64)
    order: list[int] = order_of(paths, kinds, lengths, hashes, starts).tolist()
    return order


def order_of(
    paths: Sequence[bytes],
    classes: NDArray[np.integer[Any]],
    sizes: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    starts: NDArray[np.int64],
) -> NDArray[np.int64]:
    """`similarity_order` of contents in columns; sketches as in `Sketches`."""
    suffixes, folders, named = _names(paths)
    start = np.lexsort((_ranks(paths), suffixes, classes))
    if not len(hashes):
        return start
    first = _units(classes[start], folders[start], sizes[start])
    features = np.full((len(first), SKETCH_SIZE + 1), NO_HASH, dtype=np.uint64)
    counts = np.diff(starts)[start]
    rows = np.repeat(starts[:-1][start] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    of_unit = np.cumsum(np.bincount(first, minlength=len(start))) - 1
    _join(features, hashes[rows], np.repeat(of_unit, counts))
    features[:, SKETCH_SIZE] = np.array([run_check(name) for name in named], dtype=np.uint64)[
        folders[start[first]]
    ]
    order = order_by_likeness(
        features,
        classes[start[first]],
        np.add.reduceat(sizes[start], first),
        weights=[1] * SKETCH_SIZE + [FOLDER_WEIGHT],
        block=LIKENESS_BLOCK,
    )
    lengths = np.diff(first, append=len(start))[order]
    places = np.repeat(first[order] - np.cumsum(lengths) + lengths, lengths) + np.arange(len(start))
    return start[places]


def _names(paths: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64], list[bytes]]:
    """Of each path the rank of its extension and the number of its folder and extension; and these."""
    suffixes: dict[bytes, int] = {}
    folders: dict[bytes, int] = {}
    numbers, places = array("q"), array("q")
    for path in paths:
        suffix = extension(path)
        numbers.append(suffixes.setdefault(suffix, len(suffixes)))
        folder = path[: max(path.rfind(b"/"), 0)] + b"\0" + suffix
        places.append(folders.setdefault(folder, len(folders)))
    ranks = np.empty(len(suffixes), dtype=np.int64)
    ranks[[suffixes[suffix] for suffix in sorted(suffixes)]] = np.arange(len(suffixes))
    return ranks[np.frombuffer(numbers, np.int64)], np.frombuffer(places, np.int64), list(folders)


def _ranks(paths: Sequence[bytes]) -> NDArray[np.int64]:
    """The place of each path among all of them in order."""
    ranks = np.arange(len(paths))
    if not all(map(lt, paths, islice(paths, 1, None))):
        ranks[sorted(range(len(paths)), key=paths.__getitem__)] = np.arange(len(paths))
    return ranks


def _units(
    classes: NDArray[np.integer[Any]], folders: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The first content of each unit: small contents of one folder stand together, larger ones alone."""
    alike = np.zeros(len(sizes), dtype=np.bool_)
    alike[1:] = (np.diff(classes.astype(np.int64)) == 0) & (np.diff(folders) == 0)
    first = array("q")
    size = UNIT
    for at, (joins, length) in enumerate(zip(alike.data, sizes.data, strict=True)):
        if size >= UNIT or length >= UNIT or not joins:
            first.append(at)
            size = 0
        size += length
    return np.frombuffer(first, np.int64)


def _join(features: NDArray[np.uint64], hashes: NDArray[np.uint64], unit: NDArray[np.int64]) -> None:
    """Put the sketch of each unit's contents together into its row: the lowest hashes of all, rising."""
    hashes = hashes[np.lexsort((hashes, unit))]  # a unit's stay where they stood, for units rise
    fresh = np.ones(len(hashes), dtype=np.bool_)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (unit[1:] != unit[:-1])
    hashes, unit = hashes[fresh], unit[fresh]
    kept = np.bincount(unit, minlength=len(features))
    place = np.arange(len(hashes)) - np.repeat(np.cumsum(kept) - kept, kept)
    low = place < SKETCH_SIZE
    features[unit[low], place[low]] = hashes[low]
