"""A second mixing decoder, slow and obvious, written from docs/format-mix.md section by section."""

from __future__ import annotations

import copy
import heapq
from collections import defaultdict
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from lz.oracle import DamagedError, RangeDecoder

U32, U64 = (1 << 32) - 1, (1 << 64) - 1
PAD, PAST = 64, 2 << 20
FLAT, LEAF = 256, 256


class Shape(NamedTuple):
    """Section 1: what a level is made of."""

    contexts: tuple[str, ...]
    line_bits: int
    bypass: int
    direct: bool
    fine: bool


SHAPES = {
    7: Shape(("order 2", "order 4", "word", "line start"), 16, 12, True, False),
    8: Shape(("order 2", "order 4", "order 6", "word", "line start"), 16, 12, True, False),
    9: Shape(
        (
            *(f"order {k}" for k in range(1, 7)),
            *("word", "line start", "indent", "line", "words", "word above"),
        ),
        17,
        32,
        False,
        True,
    ),
}


class Teacher:
    """Stands in for the range decoder while priming: the decisions are known, only the models learn."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def bit(self, p0: int) -> int:
        return self.bits.pop(0)


def within(v: int, least: int, most: int) -> int:
    return max(least, min(v, most))


# Section 3


@cache
def curves() -> tuple[list[int], list[int]]:
    """Squash by z + 2048, stretch by p."""
    squash, decay = [32768] * 4096, 1 << 30
    for k in range(1, 2049):
        decay = decay * 4278222805 >> 32
        low = max(16, (decay * 65536) // ((1 << 30) + decay))
        squash[2048 - k] = low
        if k < 2048:
            squash[2048 + k] = 65536 - low
    stretch = [
        next((z for z in range(-2047, 2047) if squash[z + 2048] >= 16 * p + 8), 2047) for p in range(4096)
    ]
    return squash, stretch


def squash(z: int) -> int:
    return curves()[0][z + 2048]


def stretch(p: int) -> int:
    return curves()[1][p >> 4]


def moved(p: int, bit: int, rate: int) -> int:
    return p + ((65535 * bit - p) >> rate)


# Section 4


def allowed(zeros: int, ones: int) -> bool:
    less, more = sorted((zeros, ones))
    return less <= 5 and more <= (44, 14, 9, 7, 6, 5)[less]


@cache
def histories() -> list[tuple[int, int, int]]:
    """(zeros, ones, last) of each history, in order."""
    pairs = [(zeros, ones) for zeros in range(45) for ones in range(45) if allowed(zeros, ones)]
    lasts = {pair: (0, 1) if all(pair) else (int(pair[0] == 0 and pair != (0, 0)),) for pair in pairs}
    return sorted(
        ((*pair, last) for pair in pairs for last in lasts[pair]), key=lambda h: (h[0] + h[1], h[0], h[2])
    )


@cache
def history_after(history: int, bit: int) -> int:
    counts = list(histories()[history][:2])
    counts[bit] += 1
    if counts[1 - bit] > 2:
        counts[1 - bit] = counts[1 - bit].bit_length()
    while not allowed(*counts):
        falls = bit if counts[bit] > counts[1 - bit] else 1 - bit
        counts[falls] -= 1
    return histories().index((*counts, bit))


# Section 5


class Tree:
    """A Huffman tree: children by node, and the path to each byte."""

    def __init__(self, weights: list[int]) -> None:
        heap = [(weight, byte) for byte, weight in enumerate(weights)]
        heapq.heapify(heap)
        pairs = {}
        for made in range(256, 511):
            one, zero = heapq.heappop(heap), heapq.heappop(heap)
            pairs[made] = (zero[1], one[1])
            heapq.heappush(heap, (zero[0] + one[0], made))
        self.child: list[list[int]] = [[0, 0]]
        self.path: dict[int, list[int]] = {}
        queue: list[tuple[int, list[int]]] = [(510, [])]
        for node, path in queue:
            row = []
            for bit, below in enumerate(pairs[node]):
                if below < 256:
                    self.path[below] = [*path, bit]
                    row.append(LEAF + below)
                else:
                    queue.append((below, [*path, bit]))
                    row.append(len(queue))
            self.child.append(row)


def make_trees(past: bytes) -> list[Tree]:
    pair, single = np.zeros((256, 256), int), np.zeros(256, int)
    for before, byte in zip(b"\0" + past, past, strict=False):
        pair[before, byte] += 1
        single[byte] += 1
    alone = 4096 * (single + 1) // (len(past) // 64 + 1)
    weights = 4096 * pair + alone + 4 * pair.sum(1, keepdims=True) + 256
    return [*(Tree(row) for row in weights.tolist()), Tree([1] * 256)]


# Section 6


def mash(v: int) -> int:
    v = v * 0x9E3779B1 & U32
    v ^= v >> 15
    v = v * 0x85EBCA6B & U32
    return v ^ v >> 13


class Text:
    def __init__(self, at: int) -> None:
        self.word = self.before = self.line = self.start = self.indent = 0
        self.line_at = self.above_at = at

    def after(self, b: int, at: int) -> None:
        if b > 127 or chr(b).isalnum() or b == 95:
            self.word = (self.word + b + 1) * 0x2F0B4C47 & U32
            self.word ^= self.word >> 15
        elif self.word:
            self.before, self.word = self.word, 0
        if b == 10:
            self.above_at, self.line_at = self.line_at, at
            self.line = self.start = self.indent = 0
            return
        if at - self.line_at <= 4:
            self.start = self.start * 0x2F0B4C47 + b + 1 & U32
        self.line = (self.line + b + 1) * 0x3D4D51CB & U32
        self.line ^= self.line >> 13
        if b <= 32 and self.indent == at - self.line_at - 1:
            self.indent += 1

    def hashes(self, shape: Shape, w: bytearray, flat: bool) -> list[int]:
        at = len(w)
        last = int.from_bytes(w[-4:], "little")
        above = (
            w[self.above_at + at - self.line_at] if self.above_at + at - self.line_at < self.line_at else 0
        )
        values = {
            **{f"order {k}": last >> 32 - 8 * k for k in range(1, 5)},
            "order 5": mash(last) + w[-5],
            "order 6": mash(last) + w[-6] + (w[-5] << 8),
            "word": self.word,
            "words": self.word + self.before * 0x1F123BB5,
            "word above": self.word + above * 0x3D4D51CB,
            "line start": self.start * 3,
            "line": self.line,
            "indent": (self.indent << 16) + above,
        }
        common = w[-1] * 0xC2B2AE35 + 0x27D4EB2F * flat
        return [
            mash(values[name] + common + (k + 1) * 0x61C88647 & U32) for k, name in enumerate(shape.contexts)
        ]


# Section 7


def length(n: int) -> int:
    if n < 16:
        return n
    steps = ((32, 16, 16, 4), (64, 20, 32, 16), (512, 22, 64, 128))
    return next((base + (n - least) // step for end, base, least, step in steps if n < end), 26)


def near(w: bytearray, p: int) -> int:
    return int.from_bytes(w[p - 4 : p], "little") * 0x9E3779B97F4A7C15 & U64


def far(w: bytearray, p: int) -> int:
    n, f = (int.from_bytes(w[a : a + 8], "little") for a in (p - 8, p - 23))
    return (f * 0x9E3779B97F4A7C15 + n) * 0xD6E8FEB86659FD93 & U64


class Match:
    def __init__(self) -> None:
        self.at = self.agreed = self.misses = self.long = 0

    def after(self, b: int, w: bytearray, tables: Sequence[dict[int, tuple[int, int]]]) -> None:
        p = len(w)
        if self.at and w[self.at] == b:
            self.at += 1
            self.agreed = min(self.agreed + 1, 65535)
            self.misses *= self.agreed < 16
        else:
            self.agreed = 0
            self.misses += 1
            if self.at and self.misses <= 8:
                self.at += 1
            else:
                self.at = self.misses = 0
        for long, (table, least) in enumerate(zip(tables, (5, 24), strict=True)):
            h = (far if long else near)(w, p - 1)
            entry, m = 16 * (h >> 49) + ((b * 0x9E3779B1 & U32) >> 28), ((h >> 32) + b) % 256
            q, mark = table.get(entry, (0, 0))
            if self.agreed < 16 and mark == m and q not in (0, self.at):
                equal = next((k for k in range(40) if w[q - 1 - k] != w[p - 1 - k]), 40)
                if equal >= least and equal > self.agreed:
                    self.at, self.agreed, self.misses, self.long = q, equal, 0, long
            table[entry] = p, m


# Sections 8 and 9


def p_flag() -> int:
    return 60000


def p_half() -> int:
    return 32768


class Models:
    """Everything that learns."""

    def __init__(self, shape: Shape) -> None:
        n = len(shape.contexts)
        self.shape, self.n, self.mixed, self.settled = shape, n, 0, False
        self.places: tuple[dict[int, tuple[int, int]], ...] = ({}, {})
        self.flag: defaultdict[tuple[int, ...], int] = defaultdict(p_flag)
        self.flag_weight = [[16384] * 6 for _ in range(64)]
        self.lines: dict[tuple[int, int], list[tuple[int, list[int]]]] = {}
        at_first = [
            ((5 * ones + 2) * 4194303 // (5 * (zeros + ones) + 4), 0) for zeros, ones, _ in histories()
        ]
        self.maps = [list(at_first) for _ in range(n)]
        self.own: defaultdict[tuple[int, int], int] = defaultdict(p_half)
        self.direct: defaultdict[tuple[int, int], int] = defaultdict(p_half)
        self.expect = [40000] * 64
        by_match = [12288 // n + 500] * (2 * n) + [3000, 3000, 1000, 0] + [0, 0] * shape.direct
        self.by_match = np.array([[by_match] * 32] * 2)
        self.by_slots = np.zeros((2, n + 1, 8, len(by_match)), int)
        self.by_byte = np.zeros((256, len(by_match)), int)
        self.fine: dict[tuple[int, int], list[int]] = {}

    def slot(self, context: int, line: int, check: int) -> list[int]:
        slots = self.lines.setdefault((context, line), [(0, [0] * 7)] * 7)
        for held, found in slots:
            if held == check:
                taken = next(k for k in range(7) if slots[k][1] is found and slots[k][0] == check)
                slots[taken] = (check, list(found))
                return slots[taken][1]
        taken = min(range(7), key=lambda k: slots[k][1][0])
        slots[taken] = (check, [0] * 7)
        return slots[taken][1]


class Span:
    """Bytes read one after the other behind a window."""

    def __init__(
        self, models: Models, trees: list[Tree], w: bytearray, coder: RangeDecoder | Teacher, flat: bool
    ):
        self.m, self.trees, self.w, self.coder, self.flat = models, trees, w, coder, flat
        self.match, self.text = Match(), Text(len(w))

    def read(self, known: int | None = None) -> None:
        """One byte; `known` is what a teacher says it is."""
        missed, byte = False, None
        if self.match.agreed >= self.m.shape.bypass:
            expected = self.w[self.match.at]
            if isinstance(self.coder, Teacher):
                self.coder.bits = [int(known != expected)]
            missed = bool(self.miss(expected))
            byte = None if missed else expected
            self.match.agreed *= not missed
        if byte is None:
            if known is not None and isinstance(self.coder, Teacher):
                self.coder.bits = list(self.trees[FLAT if self.flat else self.w[-1]].path[known])
            byte = self.mixed(missed)
        self.w.append(byte)
        self.text.after(byte, len(self.w))
        self.match.after(byte, self.w, self.m.places)

    def miss(self, e: int) -> int:
        m, match = self.m, self.match
        size, (c3, c2, c1) = length(match.agreed), self.w[-3:]
        keys = (
            (0, (match.misses > 0) + 2 * match.long, size),
            (1, size + 32 * match.long, e),
            (2, c1, e),
            (3, mash(c1 << 16 | e << 8 | c2) >> 16),
            (4, mash((self.text.word + 1) * 0x9E3779B1 + e & U32) >> 16),
            (5, mash(c1 << 24 | e << 16 | c2 << 8 | c3) >> 16),
        )
        weights = m.flag_weight[size + 32 * match.long]
        x = [stretch(m.flag[key]) for key in keys]
        z = sum(a * b >> 4 for a, b in zip(x, weights, strict=True))
        p0 = squash(within(z >> 12, -2047, 2047))
        bit = self.coder.bit(p0)
        error = 65535 * (1 - bit) - p0
        for k, key in enumerate(keys):
            weights[k] = within(weights[k] + ((x[k] * error + 65536) >> 17), -1048576, 1048576)
            m.flag[key] = moved(m.flag[key], 1 - bit, 6 if k < 2 else 4)
        return bit

    def mixed(self, missed: bool) -> int:
        m, n, match = self.m, self.m.n, self.match
        c1, t = self.w[-1], FLAT if self.flat else self.w[-1]
        tree, hashes = self.trees[t], self.text.hashes(m.shape, self.w, self.flat)
        path = tree.path[self.w[match.at]] if match.at else []
        agrees, size, node, d, first, x = bool(match.at), length(match.agreed), 1, 0, 0, 1
        rate = 24 if m.mixed < 65536 else 12 if m.mixed < 524288 else 6
        slots: list[list[int]] = []
        known = 0
        line = mash(int.from_bytes(self.w[-3:], "little") + (self.flat << 24)) >> 19
        while True:
            if d % 3 == 0:
                slots, x = [self.find(k, h, node, d, first) for k, h in enumerate(hashes)], 1
                known = sum(slot[0] != 0 for slot in slots)
            seen = [slot[x - 1] for slot in slots]
            left, guess = len(path) - d, path[d] if agrees else 0
            expect = 56 + min(left, 7) if missed else 2 * size + (match.misses > 0)
            inputs = []
            for k in range(n):
                p12 = m.maps[k][seen[k]][0] >> 10
                inputs += [stretch(p12 << 4), (p12 - 2048) >> 1]
            sure = [stretch(m.expect[expect]), ((m.expect[expect] >> 4) - 2048) >> 1] if agrees else [0, 0]
            inputs += [v if guess else -v for v in sure] + [stretch(m.own[t, node]), 256]
            direct = line, (node * 0x9E3779B1 & U32) >> 27
            if m.shape.direct:
                inputs += [stretch(m.direct[direct]), ((m.direct[direct] >> 4) - 2048) >> 1]
            said = (31 if left == 1 else 30) if missed and agrees else 29 if missed else (1 + size) * agrees
            sets = m.by_match[int(d >= 3), said], m.by_slots[int(d >= 3), known, x], m.by_byte[c1]
            row = np.array(inputs)
            weights = np.clip(np.clip(sets[0] + sets[1], -32768, 32767) + sets[2], -32768, 32767)
            z = within(int(row @ weights) >> 14, -2048, 2047)
            p1 = squash(z)
            bit = self.coder.bit(65536 - (self.refined(c1, node, z, p1) if m.shape.fine else p1))
            e = ((65535 * bit - p1 >> 1) * rate) >> 8
            for chosen in sets:
                chosen[:] = np.clip(chosen + ((4 * row * e + 16384) >> 15), -32768, 32767)
            for k, slot in enumerate(slots):
                slot[x - 1] = history_after(seen[k], bit)
                if not m.settled:
                    p, count = m.maps[k][seen[k]]
                    p += ((4194303 * bit - p) * (65536 // (count + 2))) >> 16
                    m.maps[k][seen[k]] = p, min(count + 1, 1023)
            if m.shape.fine:
                at = (z + 2048) + 64 >> 7
                m.fine[c1, node][at] = moved(m.fine[c1, node][at], bit, 6)
            if agrees:
                m.expect[expect] = moved(m.expect[expect], int(bit == guess), 6)
                agrees = bit == guess
            m.own[t, node] = moved(m.own[t, node], bit, 5)
            m.direct[direct] = moved(m.direct[direct], bit, 4)
            first = 2 * first + bit if d < 2 else first
            d, x, node = d + 1, 2 * x + bit, tree.child[node][bit]
            if node >= LEAF:
                m.mixed += 1
                return node - LEAF

    def find(self, context: int, h: int, node: int, d: int, first: int) -> list[int]:
        check, line = h, h >> (32 - self.m.shape.line_bits)
        if d:
            check = ((h ^ (node * 0x9E3779B1 & U32)) * 0x85EBCA6B) & U32
            check ^= check >> 16
            line ^= 1 + first
        return self.m.slot(context, line, check & 0xFFFF)

    def refined(self, c1: int, node: int, z: int, p1: int) -> int:
        at_first = [squash(min(128 * j - 2048, 2047)) for j in range(33)]
        f = self.m.fine.setdefault((c1, node), at_first)
        a, r = (z + 2048) >> 7, (z + 2048) % 128
        q = (f[a] * (128 - r) + f[a + 1] * r) >> 7
        return within((p1 + q + 1) >> 1, 16, 65520)


# Sections 10 and 2


@lru_cache(maxsize=8)
def prime(past: bytes, level: int) -> tuple[Models, list[Tree]]:
    models, trees = Models(SHAPES[level]), make_trees(past)
    span = Span(models, trees, bytearray(PAD), Teacher(), flat=False)
    for byte in past:
        span.read(byte)
    models.settled = len(past) >= 65536
    return models, trees


def decode(payload: bytes, size: int, dictionary: bytes, level: int | None = None) -> bytes:
    """The block's bytes.

    Raises:
        DamagedError: the payload breaks a rule.
    """
    if not payload or not size:
        if payload or size:
            raise DamagedError("a payload without bytes, or bytes without a payload")
        return b""
    first, flat = payload[0] & ~16, bool(payload[0] & 16)
    if payload[0] == 0:
        if len(payload) - 1 != size:
            raise DamagedError("a stored block of another size")
        return payload[1:]
    if first not in SHAPES or level not in (None, first) or len(payload) > size + 1:
        raise DamagedError("the first byte, or the length")
    past = dictionary[-PAST:]
    models, trees = prime(past, first)
    coder = RangeDecoder(payload[1:])
    span = Span(copy.deepcopy(models), trees, bytearray(PAD) + past, coder, flat)
    for _ in range(size):
        span.read()
    if not coder.finished():
        raise DamagedError("the range decoder did not end with the payload")
    return bytes(span.w[-size:])
