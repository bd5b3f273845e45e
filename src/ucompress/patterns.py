"""What repeats in a corpus: byte patterns with exact counts.

Three passes, each of which can be split over documents, threads or machines:

1. count sampled d-mers (`PatternCounter`, `count_patterns`, `merge_counts`), and take the most
   widely spread as candidates (`select_candidates`);
2. find some places of each (`PatternLocator`) and grow them into maximal patterns (`grow`);
3. count those exactly (`PatternTally`) and keep what is worth keeping (`entries`).

`find_patterns` does all three in one thread:

>>> documents = [b"def main(argv):  # here\\n", b"import os\\ndef main(argv):\\n", b"\\ndef main(argv): pass"]
>>> found = find_patterns(documents, min_frequency=3, length=8)
>>> found[0].pattern, found[0].frequency, found[0].file_count, found[0].saved_bytes
(b'def main(argv):', 3, 3, 30)
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ucompress._core import (
    CONTEXT_DTYPE,
    COUNT_DTYPE,
    HIGHEST_HASH,
    PatternCounter,
    PatternLocator,
    PatternSampler,
    PatternTally,
    count_patterns,
    extend_patterns,
    find_cuts,
    is_sample,
    merge_counts,
    merge_samples,
    rolling_hash,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    Rows: TypeAlias = NDArray[np.void]
    ReadMany: TypeAlias = Callable[[Sequence[tuple[int, int, int]]], Sequence[bytes]]

__all__ = [
    "COUNT_DTYPE",
    "HIGHEST_HASH",
    "PatternCounter",
    "PatternEntry",
    "PatternLocator",
    "PatternSampler",
    "PatternTally",
    "count_patterns",
    "entries",
    "find_patterns",
    "grow",
    "is_sample",
    "merge_counts",
    "merge_samples",
    "select_candidates",
]

LONGEST_PATTERN = 1024
CANDIDATES = 4096

_NEAR = 128  # bytes read around a place at first
_FAR = 1280  # and where the pattern is longer than that
_GAP = 4096  # places nearer than this are read together
_HELD_BYTES = 1 << 25  # bytes around places that are in memory at a time, about
_READ_BYTES = 1 << 20  # asked for in one call
_CUT_SPACING = 256  # bytes on either side that a cut of a long repeat dominates


@dataclass(frozen=True, slots=True)
class PatternEntry:
    """One byte string that repeats, with exact counts.

    Attributes:
        pattern: the bytes.
        frequency: positions at which it stands, overlapping ones included, over all files;
            duplicate files each count.
        file_count: files that contain it.
        first_seen: when it was first stored (aware, UTC).
        last_updated: when its counts were last measured (aware, UTC).
        saved_bytes: bytes that one shared copy saves: (occurrences that do not overlap - 1) * length.
    """

    pattern: bytes
    frequency: int
    file_count: int
    first_seen: datetime
    last_updated: datetime
    saved_bytes: int = 0


def select_candidates(counts: Rows, min_frequency: int = 3, limit: int = CANDIDATES) -> Rows:
    """The counted d-mers from which patterns are grown, best first.

    Parameters:
        counts: rows of COUNT_DTYPE.
        min_frequency: fewest positions.
        limit: most rows given back.

    Ordered by documents, then frequency (high to low), ties by hash.
    """
    rows = counts[counts["frequency"] >= min_frequency]
    order = np.lexsort((rows["hash"], ~rows["frequency"], ~rows["documents"]))
    return rows[order[:limit]]


def grow(
    places: Rows, read: ReadMany, sizes: ArrayLike, length: int = 16, *, min_frequency: int = 3
) -> list[bytes]:
    """Grow located d-mers into maximal patterns.

    Parameters:
        places: rows of PLACE_DTYPE as `PatternLocator.places` gives them.
        read: gives the bytes of each span (document, offset, length) of a list.
        sizes: size of each document in bytes, by document number.
        length: bytes of a d-mer.
        min_frequency: fewest places on which a pattern may rest.

    A pattern grows by a byte on a side while all known places agree; where they do not, also the
    majority's text is followed, and kept if its copies hold more bytes. Repeats longer than
    `LONGEST_PATTERN` are cut where their content says so: all d-mers of one repeat give the same
    pieces. Returns distinct patterns, those of better candidates first.
    """
    groups = np.flatnonzero(np.diff(places["candidate"].astype(np.int64), prepend=-1, append=1 << 32))
    every = np.arange(len(groups) - 1)
    reader = _Reader(places, groups, read, np.asarray(sizes, dtype=np.int64), length)
    support = max(2, min(min_frequency, 8))
    near = [texts for batch in _batches(every, _NEAR) for texts in reader.grow(batch, _NEAR, support)]
    longer = every[[texts is None for texts in near]]
    far = iter([texts for batch in _batches(longer, _FAR) for texts in reader.grow(batch, _FAR, support)])
    found: dict[bytes, None] = {}
    for texts in near:
        found.update(dict.fromkeys(texts if texts is not None else next(far) or ()))
    return list(found)


def _batches(numbers: NDArray[np.int64], reach: int) -> list[NDArray[np.int64]]:
    """The numbers in parts, so that the bytes around a part's places stay within `_HELD_BYTES`."""
    step = max(1, _HELD_BYTES // (64 * reach))
    return [numbers[i : i + step] for i in range(0, len(numbers), step)]


def _portions(spans: list[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """The spans in lists of at most `_READ_BYTES` bytes, or of one span."""
    portion: list[tuple[int, int, int]] = []
    size = 0
    for span in spans:
        if portion and size + span[2] > _READ_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(span)
        size += span[2]
    if portion:
        yield portion


@dataclass(frozen=True, slots=True)
class _Reader:
    """Places by candidate, and the means to read around them."""

    places: Rows
    groups: NDArray[np.int64]
    read: ReadMany
    sizes: NDArray[np.int64]
    length: int

    def grow(self, chosen: NDArray[np.int64], reach: int, support: int) -> list[list[bytes] | None]:
        """Patterns of the chosen groups; None where more than `_NEAR` bytes on a side are wanted."""
        members = np.concatenate([np.arange(self.groups[i], self.groups[i + 1]) for i in chosen])
        bounds = np.concatenate(([0], np.cumsum(self.groups[chosen + 1] - self.groups[chosen])))
        data, contexts = self.contexts(self.places[members], reach)
        extents = extend_patterns(data, contexts, bounds, self.length, reach=reach, support=support)
        pairs: list[list[tuple[int, ...]]] = extents.tolist()
        return [
            None
            if reach == _NEAR and any(cut for *_, cut in pair)
            else [_piece(data[b:e], s - b, self.length) for b, s, e, *_ in dict.fromkeys(pair)]
            for pair in pairs
        ]

    def contexts(self, places: Rows, reach: int) -> tuple[bytes, Rows]:
        """The bytes around the places, and where each place stands in them."""
        offset = places["offset"].astype(np.int64)
        document = places["document"].astype(np.int64)
        size = self.sizes[document]
        low = np.maximum(offset - reach, 0)
        high = np.minimum(offset + self.length + reach, size)
        order = np.lexsort((offset, document))
        opens = np.ones(len(order), dtype=bool)
        opens[1:] = (np.diff(document[order]) != 0) | (low[order][1:] > high[order][:-1])
        first = np.flatnonzero(opens)
        begins, ends = low[order][first], high[order][np.append(first[1:], len(order)) - 1]
        shift = np.cumsum(ends - begins) - ends
        of = np.empty(len(order), dtype=np.int64)
        of[order] = np.cumsum(opens) - 1
        contexts = np.empty(len(places), dtype=CONTEXT_DTYPE)
        contexts["start"] = offset + shift[of]
        contexts["low"] = low + shift[of]
        contexts["high"] = high + shift[of]
        contexts["cut"] = (low > 0) + 2 * (high < size)
        return b"".join(self.ranges(document[order][first], begins, ends)), contexts

    def ranges(
        self, documents: NDArray[np.int64], begins: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> Iterator[bytes]:
        """The ranges' bytes; those that stand near each other in a document share a read."""
        opens = np.ones(len(documents), dtype=bool)
        opens[1:] = (np.diff(documents) != 0) | (begins[1:] > ends[:-1] + _GAP)
        bounds = np.append(np.flatnonzero(opens), len(documents)).tolist()
        low, high = begins.tolist(), ends.tolist()
        spans = [
            (int(documents[first]), low[first], high[after - 1] - low[first])
            for first, after in itertools.pairwise(bounds)
        ]
        parts = itertools.chain.from_iterable(self.read(some) for some in _portions(spans))
        for part, (first, after) in zip(parts, itertools.pairwise(bounds), strict=True):
            base = low[first]
            for begin, end in zip(low[first:after], high[first:after], strict=True):
                yield part[begin - base : end - base]


def _piece(text: bytes, at: int, length: int) -> bytes:
    """The repeat itself or, when it is too long, the piece of it that holds the d-mer at `at`.

    Cuts stand where a d-mer's hash is the lowest for `_CUT_SPACING` bytes around (local minima,
    as in Schleimer, Wilkerson and Aiken, "Winnowing", 2003): whoever sees the same bytes around
    cuts at the same places. Neighbouring pieces share length - 1 bytes.
    """
    if len(text) <= LONGEST_PATTERN:
        return text
    cuts = find_cuts(text, length, _CUT_SPACING)
    after = int(np.searchsorted(cuts, at, side="right"))
    left = int(cuts[after - 1]) if after else 0
    right = int(cuts[after]) + length - 1 if after < len(cuts) else len(text)
    if at + length - left > LONGEST_PATTERN:
        left = at
    return text[left : min(right, left + LONGEST_PATTERN)]


def entries(
    patterns: Sequence[bytes], counts: Rows, min_frequency: int = 3, *, now: datetime | None = None
) -> list[PatternEntry]:
    """Database rows for exactly counted patterns, most bytes saved first.

    Parameters:
        patterns: distinct byte strings.
        counts: rows of TALLY_DTYPE, one for each pattern.
        min_frequency: rarer patterns are left out.
        now: the time to note (aware); the present by default.

    A pattern that stands inside a longer one is left out unless it is at least a quarter more
    frequent: it would tell the reader nothing new.
    """
    moment = now or datetime.now(UTC)
    frequent = np.flatnonzero(counts["frequency"] >= min_frequency).tolist()
    kept = [patterns[i] for i in frequent]
    frequency = counts["frequency"][frequent].tolist()
    inside = _contained(kept, frequency)
    result = []
    for i, row in enumerate(frequent):
        if i in inside:
            continue
        saved = (int(counts["disjoint"][row]) - 1) * len(kept[i])
        files = int(counts["files"][row])
        result.append(PatternEntry(kept[i], frequency[i], files, moment, moment, saved))
    result.sort(key=lambda entry: (-entry.saved_bytes, entry.pattern))
    return result


def _contained(patterns: list[bytes], frequency: list[int]) -> set[int]:
    """Numbers of the patterns that stand in a longer one and are hardly more frequent."""
    if not patterns:
        return set()
    length = min(16, *map(len, patterns))
    hashes = [rolling_hash(pattern, length) for pattern in patterns]
    anchors = np.array([row.min() for row in hashes], dtype=np.uint64)
    anchored: dict[int, list[int]] = {}
    for i, anchor in enumerate(anchors.tolist()):
        anchored.setdefault(anchor, []).append(i)
    everything = np.concatenate(hashes)
    likely = np.zeros(1 << 16, dtype=np.bool_)
    likely[anchors & 0xFFFF] = True
    met = np.flatnonzero(likely[(everything & 0xFFFF).astype(np.uint16)])
    met = met[np.isin(everything[met], anchors)]
    owner = np.searchsorted(np.cumsum([len(row) for row in hashes]), met, side="right")
    inside: set[int] = set()
    for value, longer in set(zip(everything[met].tolist(), owner.tolist(), strict=True)):
        for i in anchored[value]:
            if len(patterns[i]) >= len(patterns[longer]) or 4 * frequency[i] >= 5 * frequency[longer]:
                continue
            if patterns[i] in patterns[longer]:
                inside.add(i)
    return inside


def find_patterns(
    documents: Sequence[bytes],
    *,
    min_frequency: int = 3,
    length: int = 16,
    threshold: int = HIGHEST_HASH,
    limit: int = CANDIDATES,
) -> list[PatternEntry]:
    """Patterns of documents held in memory: all three passes in one thread.

    Parameters:
        documents: the byte strings.
        min_frequency: fewest positions of a pattern.
        length: shortest pattern, in bytes.
        threshold: highest d-mer hash that is sampled.
        limit: most d-mers from which patterns are grown.
    """
    counter = PatternCounter(length, threshold)
    for number, document in enumerate(documents):
        counter.update(document, number)
    candidates = select_candidates(counter.counts(), min_frequency, limit)
    locator = PatternLocator(candidates["hash"], length)
    for number, document in enumerate(documents):
        locator.update(document, number)
    patterns = grow(
        locator.places(),
        lambda spans: [documents[number][offset : offset + size] for number, offset, size in spans],
        [len(document) for document in documents],
        length,
        min_frequency=min_frequency,
    )
    tally = PatternTally(patterns, length)
    for document in documents:
        tally.update(document)
    return entries(patterns, tally.counts(), min_frequency)
