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
from ucompress.spill import IN_MEMORY, ROWS, Spill, parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Sized

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

TOGETHER: Final = 1 << 19
"""Hashes that are counted together, about."""

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
        sampled: how many different d-mers were sampled of each content.
        shared: rising, the sampled hashes that two contents or more have.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    repeats: NDArray[np.int64]
    sampled: NDArray[np.int64]
    shared: NDArray[np.uint64]


def sketches(hashes: Sequence[NDArray[np.uint64]], size: int = SKETCH_SIZE) -> list[Likeness]:
    """The sketch of each content: its lowest sampled hashes that tell it from others, yet not from all.

    Args:
        hashes: for each content its sampled d-mer hashes, rising, each once.
        size: the most hashes in a sketch.
    """
    if not hashes:
        return []
    kept, starts, repeats, *_ = sketches_of(np.concatenate(hashes), _bounds(hashes), size)
    return [
        Likeness(kept[start:end], repeat)
        for (start, end), repeat in zip(pairwise(starts.tolist()), repeats.tolist(), strict=True)
    ]


def sketches_of(
    all_hashes: NDArray[np.uint64],
    starts: NDArray[np.int64],
    size: int = SKETCH_SIZE,
    spill: Spill = IN_MEMORY,
) -> Sketches:
    """`sketches` of contents whose hashes stand end to end.

    Args:
        all_hashes: the hashes, content after content.
        starts: for each content the place of its first hash, then their number.
        size: the most hashes in a sketch.
        spill: keeps the columns.
    """
    of_hash, shared = _documents(all_hashes, spill)
    count, lowest = len(starts) - 1, [all_hashes[:0]]
    kept, repeats = spill.zeros(count + 1, np.int64), spill.zeros(count, np.int64)
    for part in _portions(starts):
        bounds = starts[part.start : part.stop + 1]
        hashes, having = all_hashes[bounds[0] : bounds[-1]], of_hash[bounds[0] : bounds[-1]]
        bounds = bounds - bounds[0]
        many = np.concatenate(([0], np.cumsum(having >= MANY)))[bounds]
        repeats[part] = np.diff(many) * 1000 // np.maximum(np.diff(bounds), 1)
        telling = (having >= 2) & (having <= COMMONEST)
        before = np.concatenate(([0], np.cumsum(telling)))
        first = telling & (before[:-1] - np.repeat(before[bounds[:-1]], np.diff(bounds)) < size)
        lowest.append(hashes[first])
        ends = np.cumsum(np.minimum(np.diff(before[bounds]), size))
        kept[part.start + 1 : part.stop + 1] = kept[part.start] + ends
        spill.release()
    return Sketches(spill.keep(np.concatenate(lowest)), kept, repeats, spill.keep(np.diff(starts)), shared)


def _documents(hashes: NDArray[np.uint64], spill: Spill) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """How often each hash stands among all, and those that stand there twice or more, rising.

    Hashes of one range are counted at a time.
    """
    documents, shared = spill.zeros(len(hashes), np.uint32), [hashes[:0]]
    if not len(hashes):
        return documents, hashes
    highest = 0
    for part in parts(len(hashes)):
        highest = max(highest, int(hashes[part].max()))
        spill.release()
    width = highest // (len(hashes) // TOGETHER + 1) + 1
    for low in range(0, highest + 1, width):
        within = []
        for part in parts(len(hashes)):
            within.append(np.flatnonzero(hashes[part] - np.uint64(low) < np.uint64(width)) + part.start)
            spill.release()
        rows = np.concatenate(within)
        values = hashes[rows]
        order = np.argsort(values, kind="stable")  # makes use of what rises: the hashes of each content
        values = values[order]
        opens = np.ones(len(values), dtype=np.bool_)
        opens[1:] = values[1:] != values[:-1]
        first = np.flatnonzero(opens)
        counts = np.diff(first, append=len(values))
        rows, having = rows[order], np.repeat(counts, counts)
        for part in parts(len(rows)):
            documents[rows[part]] = having[part]
            spill.release()
        shared.append(values[first[counts >= 2]])
    return documents, spill.keep(np.concatenate(shared))


def _portions(starts: NDArray[np.int64]) -> Iterator[slice]:
    """Contents that are worked on together: some thousand, with `TOGETHER` hashes or a little more."""
    count = len(starts) - 1
    full = np.searchsorted(starts, np.arange(0, starts[-1], TOGETHER))
    cuts = sorted({*full.tolist(), *range(0, count, ROWS), count})
    return (slice(first, after) for first, after in pairwise(cuts))


def _bounds(rows: Iterable[Sized]) -> NDArray[np.int64]:
    """Where each of some rows begins that stand end to end, then their length."""
    return np.cumsum([0, *map(len, rows)], dtype=np.int64)


def folder_and_extension(path: bytes) -> tuple[bytes, bytes]:
    """A path's folder, and the lower-case extension of what stands there, without the dot; empty if none."""
    folder, _, name = path.rpartition(b"/")
    stem, _, suffix = name.rpartition(b".")
    return folder, suffix.lower() if stem else b""


def order_of(
    paths: Sequence[bytes],
    classes: NDArray[np.integer[Any]],
    sizes: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    starts: NDArray[np.int64],
    size: int = SKETCH_SIZE,
    spill: Spill = IN_MEMORY,
) -> NDArray[np.int64]:
    """Indices of contents in the order in which they are to be stored.

    Args:
        paths: one path for each content; it settles ties, so no two should be equal.
        classes: one class for each content (`segments.TEXT`, `BINARY`, `DENSE`).
        sizes: for each content its size in bytes.
        hashes, starts: their sketches, as in `Sketches`; where none has any hash, the order is by class,
            extension and path.
        size: most hashes of a sketch.
        spill: keeps the columns that are made.
    """
    start, folders, named = _by_name(paths, classes, spill)
    if not len(hashes):
        return start
    classes, sizes = spill.gathered(classes, start), spill.gathered(sizes, start)
    first = _units(classes, folders, sizes)
    features = np.full((len(first), size + 1), NO_HASH, dtype=np.uint64)
    units = _of_units(hashes, starts, start, first)
    spill.release()
    _join(features, *units)
    del units
    features[:, size] = np.array([run_check(name) for name in named], dtype=np.uint64)[folders[first]]
    order = order_by_likeness(
        features,
        classes[first],
        np.add.reduceat(sizes, first),
        weights=[1] * size + [FOLDER_WEIGHT],
        block=LIKENESS_BLOCK,
    )
    del features
    lengths = np.diff(first, append=len(start))[order]
    ordered, done = spill.zeros(len(start), np.int64), 0
    for part in parts(len(order)):
        counts = lengths[part]
        ends = np.cumsum(counts)
        places = np.repeat(first[order[part]] - ends + counts, counts) + np.arange(ends[-1])
        ordered[done : done + len(places)] = start[places]
        done += len(places)
        spill.release()
    return ordered


def _by_name(
    paths: Sequence[bytes], classes: NDArray[np.integer[Any]], spill: Spill
) -> tuple[NDArray[np.int64], NDArray[np.int32], list[bytes]]:
    """The order by class, extension and path; in it the number of each one's folder and extension; these."""
    suffixes, folders, named = _names(paths)
    ranks = _ranks(paths)
    start = spill.keep(np.lexsort((suffixes, classes) if ranks is None else (ranks, suffixes, classes)))
    return start, spill.gathered(folders, start), named


def _of_units(
    hashes: NDArray[np.uint64], starts: NDArray[np.int64], start: NDArray[np.int64], first: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """The sketches' hashes in the order `start`, and of each the unit of its content."""
    rows, units = [], []
    for part in parts(len(start)):
        begins = starts[start[part]]
        counts = starts[start[part] + 1] - begins
        ends = np.cumsum(counts)
        rows.append((np.repeat(begins - ends + counts, counts) + np.arange(ends[-1])).astype(np.uint32))
        unit = np.searchsorted(first, np.arange(part.start, part.stop), side="right") - 1
        units.append(np.repeat(unit, counts).astype(np.int32))
    return hashes[np.concatenate(rows)], np.concatenate(units)


def _names(paths: Sequence[bytes]) -> tuple[NDArray[np.int32], NDArray[np.int32], list[bytes]]:
    """Of each path the rank of its extension and the number of its folder and extension; and these."""
    folders: dict[tuple[bytes, bytes], int] = {}
    numbered = (folders.setdefault(named, len(folders)) for named in map(folder_and_extension, paths))
    numbers = np.fromiter(numbered, np.int32, len(paths))
    suffixes = [suffix for _, suffix in folders]
    ranks = {suffix: rank for rank, suffix in enumerate(sorted(set(suffixes)))}
    ranked = np.array([ranks[suffix] for suffix in suffixes], dtype=np.int32)
    return ranked[numbers], numbers, [folder + b"\0" + suffix for folder, suffix in folders]


def _ranks(paths: Sequence[bytes]) -> NDArray[np.int64] | None:
    """The place of each path among all of them in order; None where they are in order."""
    if all(map(lt, paths, islice(paths, 1, None))):
        return None
    ranks = np.empty(len(paths), dtype=np.int64)
    ranks[sorted(range(len(paths)), key=paths.__getitem__)] = np.arange(len(paths))
    return ranks


def _units(
    classes: NDArray[np.integer[Any]], folders: NDArray[np.int32], sizes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The first content of each unit: small contents of one folder stand together, larger ones alone."""
    alike = np.zeros(len(sizes), dtype=np.bool_)
    alike[1:] = (classes[1:] == classes[:-1]) & (folders[1:] == folders[:-1])
    first = array("q")
    size = UNIT
    for at, (joins, length) in enumerate(zip(alike.data, sizes.data, strict=True)):
        if size >= UNIT or length >= UNIT or not joins:
            first.append(at)
            size = 0
        size += length
    return np.frombuffer(first, np.int64)


def _join(features: NDArray[np.uint64], hashes: NDArray[np.uint64], unit: NDArray[np.int32]) -> None:
    """Put the sketch of each unit's contents together into its row: the lowest hashes of all, rising."""
    hashes = hashes[np.lexsort((hashes, unit))]  # a unit's stay where they stood, for units rise
    fresh = np.ones(len(hashes), dtype=np.bool_)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (unit[1:] != unit[:-1])
    hashes, unit = hashes[fresh], unit[fresh]
    kept = np.bincount(unit, minlength=len(features))
    place = np.arange(len(hashes)) - np.repeat(np.cumsum(kept) - kept, kept)
    low = place < features.shape[1] - 1
    features[unit[low], place[low]] = hashes[low]
