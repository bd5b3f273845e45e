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
    TALLY_DTYPE,
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
    "TALLY_DTYPE",
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
CANDIDATES = 2048

_NEAR = 128  # bytes read around a place at first
_FAR = 1280  # and where the pattern is longer than that
_GAP = 4096  # places nearer than this are read together
_HELD_BYTES = 1 << 25  # bytes around places that are in memory at a time, about
_READ_BYTES = 1 << 20  # asked for in one call
_CUT_SPACING = 256  # bytes on either side that a cut of a long repeat dominates
_PAIRS = 1 << 18  # of patterns that are compared at a time, about


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

    Args:
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

    Args:
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
        begins, ends = (bound.tolist() for bound in _pieces(data, extents, self.length))
        starved = [reach == _NEAR and any(cuts) for cuts in extents["cut"].tolist()]
        return [
            None if wants_more else [data[b:e] for b, e in dict.fromkeys(zip(begin, end, strict=True))]
            for wants_more, begin, end in zip(starved, begins, ends, strict=True)
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


def _pieces(data: bytes, extents: Rows, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each extent's pattern begins and ends: a piece around its d-mer where the extent is too long.

    Cuts stand where a d-mer's hash is the lowest for `_CUT_SPACING` bytes around (local minima,
    as in Schleimer, Wilkerson and Aiken, "Winnowing", 2003): whoever sees the same bytes around
    cuts at the same places. Neighbouring pieces share length - 1 bytes.
    """
    begins, ends = extents["begin"].astype(np.int64), extents["end"].astype(np.int64)
    long = ends - begins > LONGEST_PATTERN
    begin, start, end = begins[long], extents["start"][long].astype(np.int64), ends[long]
    cuts = _cuts(data, begin, end, length)
    # No two cuts are within the spacing, so at most one is too near to either end of an extent.
    lowest, highest = begin + _CUT_SPACING, end - length - _CUT_SPACING
    before = cuts[np.searchsorted(cuts, np.minimum(start, highest), side="right") - 1]
    after = cuts[np.searchsorted(cuts, np.maximum(start, lowest - 1), side="right")]
    left = np.where(before >= lowest, before, begin)
    right = np.where(after <= highest, after + length - 1, end)
    left = np.where(start + length - left > LONGEST_PATTERN, start, left)
    begins[long], ends[long] = left, np.minimum(right, left + LONGEST_PATTERN)
    return begins, ends


def _cuts(data: bytes, begins: NDArray[np.int64], ends: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """The cuts in the extents, those that overlap taken together; rising, one before and one after all."""
    order = np.argsort(begins)
    begins, ends = begins[order], np.maximum.accumulate(ends[order])
    apart = begins[1:] >= ends[:-1]
    firsts = np.concatenate([begins[:1], begins[1:][apart]]).tolist()
    afters = np.concatenate([ends[:-1][apart], ends[-1:]]).tolist()
    found = [
        first + find_cuts(memoryview(data)[first:after], length, _CUT_SPACING).astype(np.int64)
        for first, after in zip(firsts, afters, strict=True)
    ]
    return np.concatenate([[-1], *found, [len(data)]]).astype(np.int64)


def entries(
    patterns: Sequence[bytes], counts: Rows, min_frequency: int = 3, *, now: datetime | None = None
) -> list[PatternEntry]:
    """Database rows for exactly counted patterns, most bytes saved first.

    Args:
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


def _contained(patterns: list[bytes], frequency: Sequence[int]) -> set[int]:
    """Numbers of the patterns that stand in a longer one and are hardly more frequent."""
    inside: set[int] = set()
    if not patterns:
        return inside
    sizes = np.array([len(pattern) for pattern in patterns])
    counts = np.asarray(frequency, dtype=np.int64)
    length = min(16, int(sizes.min()))
    ends = np.cumsum(sizes)
    begins, lasts = ends - sizes, ends - length
    hashes = rolling_hash(b"".join(patterns), length)
    hashes[(ends[:-1, None] - np.arange(1, length)).ravel()] = HIGHEST_HASH  # run over a pattern's end
    for shorter, longer, start in _meetings(hashes, begins, ends):
        wanted = (sizes[shorter] < sizes[longer]) & (4 * counts[shorter] < 5 * counts[longer])
        wanted &= (start >= begins[longer]) & (start + sizes[shorter] <= ends[longer])
        shorter, longer, start = shorter[wanted], longer[wanted], start[wanted]
        same = hashes[start] == hashes[begins[shorter]]
        same &= hashes[start + sizes[shorter] - length] == hashes[lasts[shorter]]
        for i, j in zip(shorter[same].tolist(), longer[same].tolist(), strict=True):
            if i not in inside and patterns[i] in patterns[j]:
                inside.add(i)
    return inside


def _meetings(
    hashes: NDArray[np.uint64], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Columns (pattern, pattern in which it may stand, where it would begin), some at a time.

    A pattern's anchor, the first of its d-mers with the lowest hash, stands in whatever contains the
    pattern. `hashes` are those of all patterns' d-mers, one pattern behind the other.
    """
    anchors = np.minimum.reduceat(hashes, begins)
    by_anchor = np.argsort(anchors, kind="stable")
    likely = np.zeros(1 << 16, dtype=np.bool_)
    likely[anchors & 0xFFFF] = True
    met = np.flatnonzero(likely[(hashes & 0xFFFF).astype(np.uint16)])
    first = np.searchsorted(anchors[by_anchor], hashes[met], side="left")
    sharing = np.searchsorted(anchors[by_anchor], hashes[met], side="right") - first
    owner = np.searchsorted(ends, met, side="right")
    own = hashes[met] == anchors[owner]
    where = np.zeros(len(anchors), dtype=np.int64)
    where[owner[own][::-1]] = (met - begins[owner])[own][::-1]
    total = np.cumsum(sharing)
    for rows in np.split(np.arange(len(met)), np.searchsorted(total, np.arange(_PAIRS, total[-1], _PAIRS))):
        many = sharing[rows]
        rank = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
        shorter = by_anchor[np.repeat(first[rows], many) + rank]
        yield shorter, np.repeat(owner[rows], many), np.repeat(met[rows], many) - where[shorter]


def find_patterns(
    documents: Sequence[bytes],
    *,
    min_frequency: int = 3,
    length: int = 16,
    threshold: int = HIGHEST_HASH,
    limit: int = CANDIDATES,
) -> list[PatternEntry]:
    """Patterns of documents held in memory: all three passes in one thread.

    Args:
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
