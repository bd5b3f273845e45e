"""The choice of windows in plain Python, as it is described: slow, and easy to read."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from operator import itemgetter

from ucompress._core import rolling_hash

SHORTEST, LEAD, OVERHEAD, CELL, FRAGMENT = 512, 64, 4096, 512, 128
LENGTHS = (1024, 2048, 3072, 4096)


def score(weight: int, length: int) -> int:
    return (weight << 20) // (length + OVERHEAD)


@dataclass(frozen=True)
class Candidate:
    document: int
    offset: int
    length: int
    points: tuple[tuple[int, int], ...]  # place in the document, hash
    key: int
    score: int

    def order(self):
        return (-self.score, self.key, self.document, self.offset, self.length)


def places(data: bytes, wanted, length: int) -> list[tuple[int, int]]:
    return [(at, h) for at, h in enumerate(rolling_hash(data, length).tolist()) if h in wanted]


def weights(documents, wanted, length, limit):
    stands_in: dict[int, int] = {}
    for data in documents:
        for h in {h for _, h in places(data, wanted, length)}:
            stands_in[h] = stands_in.get(h, 0) + 1
    return {h: min(n - 1, limit) for h, n in stands_in.items() if n > 1}


def candidates(document, data, weight, length):
    fresh, met = [], set()
    for at, h in places(data, weight, length):
        if h not in met:
            met.add(h)
            fresh.append((at, h))
    best: dict[int, tuple[int, int, int]] = {}  # cell: score, first, end
    for first, (start, _) in enumerate(fresh):
        for most in LENGTHS:
            end = bisect_right(fresh, start + most - 2 * LEAD - length, key=itemgetter(0))
            span = max(fresh[end - 1][0] + length - start + 2 * LEAD, SHORTEST)
            value = score(sum(weight[h] for _, h in fresh[first:end]), span)
            if value > best.get(start // CELL, (0, 0, 0))[0]:
                best[start // CELL] = (value, first, end)
    for _, first, end in best.values():
        points = tuple(fresh[first:end])
        start = max(points[0][0] - LEAD, 0)
        stop = max(points[-1][0] + length + LEAD, start + SHORTEST)
        if stop > len(data):
            stop = len(data)
            start = min(start, max(stop - SHORTEST, 0))
        value = score(sum(weight[h] for _, h in points), stop - start)
        yield Candidate(document, start, stop - start, points, min(h for _, h in points), value)


def trimmed(part: Candidate, weight, covered, length):
    """The part cut down to what is not covered yet, or None; and its weight."""
    start, stop = part.offset, part.offset + part.length
    left = [(at, h) for at, h in part.points if at >= start and at + length <= stop and h not in covered]
    if not left:
        return None, 0
    low = max(left[0][0] - LEAD, start)
    high = max(left[-1][0] + length + LEAD, low + SHORTEST)
    if high > stop:
        high = stop
        low = min(low, max(high - SHORTEST, start))
    total = sum(weight[h] for _, h in left)
    return replace(part, offset=low, length=high - low, score=score(total, high - low)), total


def select(documents, hashes, size, *, threshold, length=16, limit=0xFFFF):
    """(document, offset, length) of the windows, best first."""
    weight = weights(documents, set(hashes), length, limit)
    pool: dict[int, Candidate] = {}
    for number, data in enumerate(documents):
        for candidate in candidates(number, data, weight, length):
            if candidate.key not in pool or candidate.order() < pool[candidate.key].order():
                pool[candidate.key] = candidate
    worth = min((2**64 - 1) // ((threshold >> 16) + 1), 1 << 34)
    waiting, covered, chosen, total = list(pool.values()), set(), [], 0
    while waiting and total + FRAGMENT <= size:
        waiting.sort(key=Candidate.order)
        top = waiting.pop(0)
        stop = top.offset + top.length
        overlapping = [w for w in chosen if w[0] == top.document and w[1] < stop and top.offset < w[1] + w[2]]
        taken = min(overlapping, default=None)
        if taken is not None:
            before, after = taken[1] - top.offset, stop - taken[1] - taken[2]
            sides = [
                (top.offset, before),
                (taken[1] + taken[2], after),
            ]
            for offset, part_length in sides:
                if part_length >= FRAGMENT:
                    part, gain = trimmed(
                        replace(top, offset=offset, length=part_length), weight, covered, length
                    )
                    if gain:
                        waiting.append(part)
            continue
        part, gain = trimmed(top, weight, covered, length)
        if part is None or (gain * worth) >> 14 < part.length:
            continue
        if waiting and min(waiting, key=Candidate.order).order() < part.order():
            waiting.append(part)
            continue
        part = replace(part, length=min(part.length, size - total))
        end = part.offset + part.length
        covered |= {h for at, h in part.points if at >= part.offset and at + length <= end}
        chosen.append((part.document, part.offset, part.length))
        total += part.length
    return chosen
