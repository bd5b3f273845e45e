"""Writing where files' contents are: the other side of `places`, for all files of a page at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive.format.entry import HOLE
from ucompress.archive.format.places import (
    AFTER,
    BEFORE,
    EMPTY,
    EXPLICIT,
    FOLLOWS,
    IN_BLOCK,
    IS_HOLE,
    NEXT_BLOCK,
    SAME_BASE,
    SAME_SUFFIX,
    TWIN,
    base_name,
    suffix_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ucompress.archive.format.members import Members

_BLOCK = 32
"""A place is one integer here, block << 32 | offset, of blocks below 2^31; -1 is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The columns of format section 6.6, in their order.

    Attributes:
        own: the contents that the page is the first to have, in order; a hash of each follows.
    """

    shapes: NDArray[np.int64]
    twins: NDArray[np.int64]
    sizes: NDArray[np.int64]
    codes: NDArray[np.int64]
    lengths: NDArray[np.int64]
    distances: NDArray[np.int64]
    block_steps: NDArray[np.int64]
    offsets: NDArray[np.int64]
    own: NDArray[np.int64]


def place_files(members: Members, paths: Sequence[bytes], contents: NDArray[np.int64]) -> Placed:
    """Describe where the contents of a page's files are.

    Args:
        members: knows the extents of the contents.
        paths: the files, in order.
        contents: the content of each; -1 if it is empty.
    """
    full = np.flatnonzero(contents >= 0)
    twin_of = np.full(len(contents), -1)
    twin_of[full] = _latest_alike(contents[full], full)
    first = (contents >= 0) & (twin_of < 0)
    own = contents[first]
    counts = members.extent_start[own + 1] - members.extent_start[own]
    ends = np.cumsum(counts)
    rows = np.repeat(members.extent_start[own] - (ends - counts), counts) + np.arange(counts.sum())
    blocks, offsets, lengths = (
        column[rows].astype(np.int64)
        for column in (members.extent_block, members.extent_offset, members.extent_length)
    )
    shapes = np.where(contents < 0, EMPTY, TWIN)
    shapes[first] = counts + 1
    sums = np.concatenate(([0], np.cumsum(lengths)))
    distances = np.flatnonzero(shapes == TWIN) - twin_of[shapes == TWIN]
    inner = np.ones(len(rows), dtype=np.bool_)
    inner[ends - 1] = False
    codes, related, steps, explicit = _place(
        [paths[at] for at in full.tolist()],
        contents[full],
        np.repeat(np.flatnonzero(first[full]), counts),
        blocks,
        offsets,
        lengths,
    )
    return Placed(
        shapes=shapes,
        twins=np.where(distances == np.concatenate(([1], distances[:-1])), 0, distances),
        sizes=sums[ends] - sums[ends - counts],
        codes=codes,
        lengths=lengths[inner],
        distances=related,
        block_steps=steps,
        offsets=explicit,
        own=own,
    )


def _place(
    paths: Sequence[bytes],
    contents: NDArray[np.int64],
    owners: NDArray[np.int64],
    blocks: NDArray[np.int64],
    offsets: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Codes, distances, block steps and offsets: for each extent the first rule that foresees it."""
    stored = blocks != HOLE
    codes = np.full(len(blocks), IS_HOLE)
    owner, block, offset = owners[stored], blocks[stored], offsets[stored]
    start = block << _BLOCK | offset
    end = start + lengths[stored]
    block_before = np.concatenate(([0], block[:-1]))
    by_base, by_suffix = _ends_before(paths, contents, owner, end)
    in_block = _latest_alike(block, end)
    foreseen = (
        (FOLLOWS, np.concatenate(([0], end[:-1]))),
        (SAME_BASE, by_base[owner]),
        (SAME_SUFFIX, by_suffix[owner]),
        (NEXT_BLOCK, (block_before + 1) << _BLOCK),
        (IN_BLOCK, np.where(in_block < 0, block << _BLOCK, in_block)),
    )
    chosen = np.select([start == place for _, place in foreseen], [code for code, _ in foreseen], EXPLICIT)
    rest = np.flatnonzero(chosen == EXPLICIT)
    after, before = _latest_equal(end, start, rest), _latest_equal(start, end, rest)
    chosen[rest] = np.select([after >= 0, before >= 0], [AFTER, BEFORE], EXPLICIT)
    related = np.where(after >= 0, after, before)
    codes[stored] = chosen
    steps = (block - block_before)[(chosen == EXPLICIT) | (chosen == IN_BLOCK)]
    return (
        codes,
        (rest - related)[related >= 0],
        steps << 1 ^ steps >> 63,
        offset[chosen == EXPLICIT],
    )


def _ends_before(
    paths: Sequence[bytes], contents: NDArray[np.int64], owner: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the last file of the same base name, and of the same suffix, before each file ends."""
    _, which = np.unique(contents, return_inverse=True)
    ends = np.full(len(paths), -1)
    ends[which[owner]] = end  # of several extents the last stays
    ends = ends[which]
    counted = ends >= 0
    bases = list(map(base_name, paths))
    found = []
    for names in (bases, list(map(suffix_of, bases))):
        latest = np.full(len(paths), -1)
        latest[counted] = _latest_alike(_numbered(names)[counted], ends[counted])
        found.append(latest)
    return found[0], found[1]


def _numbered(names: Sequence[bytes]) -> NDArray[np.int64]:
    """Numbers that are equal where the names are."""
    numbers = dict(zip(names, range(len(names)), strict=True))
    return np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))


def _latest_alike(keys: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the value of the latest row before it that has the same key; -1 where there is none."""
    order = np.argsort(keys, kind="stable")
    alike = keys[order[1:]] == keys[order[:-1]]
    latest = np.full(len(keys), -1)
    latest[order[1:][alike]] = values[order[:-1][alike]]
    return latest


def _latest_equal(
    values: NDArray[np.int64], wanted: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """For some rows the latest row before each whose value is what the row wants; -1 where there is none."""
    every = np.arange(len(values))
    keys = np.concatenate((wanted[rows], values))
    # What a row wants stands before the value of that row.
    order = np.lexsort((np.concatenate((2 * rows, 2 * every + 1)), keys))
    is_value = order >= len(rows)
    at = np.maximum.accumulate(np.where(is_value, np.arange(len(order)), -1))
    candidate = order[at]
    good = ~is_value & (at >= 0) & (keys[candidate] == keys[order])
    latest = np.full(len(rows), -1)
    latest[order[good]] = candidate[good] - len(rows)
    return latest
