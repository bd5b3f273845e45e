"""Which block each block is coded after: its reference, by the d-mers that both have.

A block coded after another one starts from the state that coding that one has left, and so pays less
for what both have. Its reader decodes two blocks instead of one, so a reference must save its share,
and none has a reference itself.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from ucompress._core import count_patterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

LENGTH: Final = 16
"""Bytes of a d-mer."""

DENSEST: Final = 64
"""At most one d-mer in so many is sampled."""

MOST_SAMPLES: Final = 1 << 20
"""So many d-mers of all blocks together are looked at, about."""

COMMONEST: Final = 8
"""A d-mer of more blocks than this is left out: one or the other of them has it in any case."""

LEAST_SHARE: Final = 64
"""A reference must have one in so many of a block's d-mers: it saves 1 % of the block then."""

FEWEST: Final = 6
"""And so many sampled ones: of a large tree a block has a hundred or two, and three in common say little."""

FARTHEST: Final = (1 << 16) - 1
"""How many blocks a reference may stand before a block."""


def sampling_rate(size: int) -> int:
    """One d-mer in so many is sampled where `size` bytes stand in all blocks."""
    rate = DENSEST
    while size // rate > MOST_SAMPLES:
        rate *= 2
    return rate


def sample(data: bytes, rate: int) -> Hashes:
    """Hashes of a block's sampled d-mers, rising, each once."""
    rows = count_patterns(data, LENGTH, threshold=(1 << 64) // rate - 1)
    hashes: Hashes = rows["hash"].astype(np.uint64)
    return hashes


def without(hashes: Hashes, known: Hashes) -> Hashes:
    """Those hashes that are not among `known`; both rise."""
    if not len(known):
        return hashes
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    new: Hashes = hashes[known[at] != hashes]
    return new


def choose_references(
    samples: Sequence[Hashes], needs: Iterable[tuple[frozenset[int], int]], fewest: int = 1
) -> dict[int, int]:
    """The blocks to be coded after another one, and after which.

    Args:
        samples: for each block the hashes of its sampled d-mers, without the dictionary's.
        needs: the blocks that a file takes bytes from, and how many it may need with their references;
            files of one block need not be told.
        fewest: d-mers that a block and its reference must both have.

    Returns:
        For each such block its reference: an earlier block, which has none.
    """
    return _Chooser(_shared(samples, fewest), needs).choose()


def _shared(samples: Sequence[Hashes], fewest: int) -> dict[int, dict[int, int]]:
    """For each block the later ones that share enough with it, and how many d-mers."""
    sizes = np.array([len(hashes) for hashes in samples], dtype=np.int64)
    shared: dict[int, dict[int, int]] = defaultdict(dict)
    if not sizes.sum():
        return shared
    hashes = np.concatenate(samples)
    order = np.argsort(hashes, kind="stable")
    hashes, blocks = hashes[order], np.repeat(np.arange(len(samples)), sizes)[order]
    starts = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1])))
    counts = np.diff(np.append(starts, len(hashes)))
    usable = np.repeat((counts >= 2) & (counts <= COMMONEST), counts)
    hashes, blocks = hashes[usable], blocks[usable]
    pairs = np.empty(0, dtype=np.int64)
    times = np.empty(0, dtype=np.int64)
    for step in range(1, COMMONEST):
        same = hashes[step:] == hashes[:-step]
        found, count = np.unique(
            blocks[:-step][same] * len(samples) + blocks[step:][same], return_counts=True
        )
        merged, which = np.unique(np.concatenate((pairs, found)), return_inverse=True)
        times = np.bincount(which, np.concatenate((times, count)), len(merged)).astype(np.int64)
        pairs = merged
    before, after = pairs // len(samples), pairs % len(samples)
    enough = (times >= fewest) & (times * LEAST_SHARE >= sizes[after]) & (after - before <= FARTHEST)
    columns = (before[enough].tolist(), after[enough].tolist(), times[enough].tolist())
    for reference, block, number in zip(*columns, strict=True):
        shared[reference][block] = number
    return shared


class _Chooser:
    """Takes references greedily: next comes the one that all its blocks together gain most by."""

    def __init__(
        self, shared: dict[int, dict[int, int]], needs: Iterable[tuple[frozenset[int], int]]
    ) -> None:
        self._shared = shared
        self._needs: dict[int, list[tuple[frozenset[int], int]]] = defaultdict(list)
        for need in sorted(set(needs), key=lambda need: (sorted(need[0]), need[1])):
            for block in need[0]:
                self._needs[block].append(need)
        self._chosen: dict[int, int] = {}
        self._taken: set[int] = set()

    def choose(self) -> dict[int, int]:
        """Choose until every reference serves a block.

        One whose blocks have all found a better one may have a reference itself: then all are asked again.
        Each one that is taken adds to the gain, so this ends.
        """
        while True:
            self._choose()
            idle = self._taken.difference(self._chosen.values())
            if not idle:
                return self._chosen
            self._taken -= idle

    def _choose(self) -> None:
        """Lazy greedy choice: what a reference is worth only falls as others are taken."""
        queue = [(-sum(blocks.values()), reference) for reference, blocks in sorted(self._shared.items())]
        heapq.heapify(queue)
        while queue:
            _, reference = queue[0]
            blocks, worth = self._blocks_of(reference)
            if worth <= 0:
                heapq.heappop(queue)
            elif len(queue) > 1 and (-worth, reference) > min(queue[1:3]):
                heapq.heapreplace(queue, (-worth, reference))
            else:
                heapq.heappop(queue)
                self._take(reference, blocks)

    def _gain(self, block: int) -> int:
        """What a block gains by the reference it has."""
        reference = self._chosen.get(block)
        return 0 if reference is None else self._shared[reference][block]

    def _blocks_of(self, reference: int) -> tuple[list[int], int]:
        """The blocks that would be better off with a reference, and by how much all together."""
        worth = -self._gain(reference)
        blocks = []
        for block, number in self._shared[reference].items():
            gain = number - self._gain(block)
            if gain > 0 and block not in self._taken and self._is_allowed(block, reference):
                blocks.append(block)
                worth += gain
        return blocks, worth

    def _take(self, reference: int, blocks: list[int]) -> None:
        self._taken.add(reference)
        self._chosen.pop(reference, None)
        for block in blocks:
            # One file may need several of these blocks, and have room for one reference more only.
            if self._is_allowed(block, reference):
                self._chosen[block] = reference

    def _is_allowed(self, block: int, reference: int) -> bool:
        """Whether all files that need the block may need the reference, too."""
        for blocks, most in self._needs[block]:
            others = (self._chosen.get(other, other) for other in blocks if other != block)
            if len(blocks | {reference, *others}) > most:
                return False
        return True
