"""A second LZ decoder, slow and obvious, written from docs/format-lz.md section by section."""

from __future__ import annotations

from typing import NamedTuple

MASK32, MASK64 = (1 << 32) - 1, (1 << 64) - 1
LITERAL, MATCH, REPEAT, NAMED = range(4)
MAX_LENGTH = 4095
PAST_SLOT = 63
NONE = 256
LATE = 16
TAUGHT = 2 << 20
LEAST = (1, 2, 2, 2, 2, 3)

Name = tuple[object, ...]


class DamagedError(ValueError):
    """The payload breaks a rule of the format."""


class RangeDecoder:
    """Section 3: the binary range decoder."""

    def __init__(self, payload: bytes) -> None:
        self.payload, self.at = payload, 0
        self.range = MASK64
        self.code = self.word() << 32 | self.word()

    def word(self) -> int:
        piece = self.payload[self.at : self.at + 4]
        self.at += 4
        return int.from_bytes(piece.ljust(4, b"\0"), "big")

    def settle(self) -> None:
        if self.range < 1 << 32:
            self.range = self.range << 32 & MASK64
            self.code = (self.code << 32 | self.word()) & MASK64

    def bit(self, p0: int) -> int:
        bound = (self.range >> 16) * p0
        if self.code < bound:
            self.range, bit = bound, 0
        else:
            self.code, self.range, bit = self.code - bound, self.range - bound, 1
        self.settle()
        return bit

    def direct(self, count: int) -> int:
        self.range >>= count
        value = min(self.code // self.range, (1 << count) - 1)
        self.code -= value * self.range
        self.settle()
        return value

    def symbol(self, bounds: list[int]) -> int:
        unit = self.range >> 15
        at = min(self.code // unit, 32767)
        value = max(v for v in range(16) if bounds[v] <= at)
        self.code -= unit * bounds[value]
        self.range = unit * (bounds[value + 1] - bounds[value])
        self.settle()
        return value

    def finished(self) -> bool:
        return len(self.payload) <= self.at <= len(self.payload) + 8


class Teacher:
    """Stands in for the decoder while priming: bits and symbols are known, only the models learn."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def bit(self, p0: int) -> int:
        return self.bits.pop(0)

    def direct(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.bits.pop(0)
        return value

    def symbol(self, bounds: list[int]) -> int:
        return self.bits.pop(0)


class Known:
    """Stands in for the decoder of one symbol that is known."""

    def __init__(self, value: int) -> None:
        self.value = value

    def symbol(self, bounds: list[int]) -> int:
        return self.value


Source = RangeDecoder | Teacher

# Section 6.
BASE = (16384, 12371, 8813, 5978, 3906, 2486, 1554, 961, 589, 360, 219, 133, 81, 49, 30, 18)
STEP = (-4013, -3558, -2835, -2072, -1420, -932, -593, -372, -229, -141, -86, -52, -32, -19, -12, -7)
RATES = (4, 3, 4, 5, 5, 5)


def mul(a: int, b: int) -> int:
    return (a * b + 16384) >> 15


def clip(v: int) -> int:
    return max(-32768, min(32767, v))


def stretch(x: int) -> int:
    x2 = mul(x, x)
    x4 = mul(x2, x2)
    more = (mul(x2, 12780) >> 2) + (mul(mul(x4, x4), 24248) >> 1)
    return (x >> 3) + mul(x >> 1, more)


def squash(z: int) -> int:
    a = min(abs(z), 8191)
    low = BASE[a >> 9] + mul(STEP[a >> 9], a % 512 * 64)
    return low if z < 0 else 32768 - low


def cell_after(cell: int, bit: int, rate: int) -> int:
    step = 32767 >> rate
    return cell - (cell >> rate) + (step if bit else -step)


def taught(weight: int, gradient: int) -> int:
    return clip(weight + ((gradient + 262144) >> 19))


def entries_after(entries: list[int], value: int, rate: int) -> list[int]:
    return [e + ((32752 * (k > value) - e) >> rate) for k, e in enumerate(entries)]


class Models:
    """Sections 4 to 6: made when first met; a name is a tuple of what tells a context apart."""

    def __init__(self) -> None:
        self.counters: dict[Name, tuple[int, int]] = {}
        self.cells: dict[Name, int] = {}
        self.weights: dict[Name, list[int]] = {}
        self.entries: dict[Name, list[int]] = {}

    def counter(self, source: Source, *name: object) -> int:
        fast, slow = self.counters.get(name, (32768, 32768))
        bit = source.bit((fast + slow) // 2)
        if bit:
            self.counters[name] = (fast - (fast >> 4), slow - (slow >> 7))
        else:
            self.counters[name] = (fast + ((65535 - fast) >> 4), slow + ((65535 - slow) >> 7))
        return bit

    def tree(self, source: Source, bits: int, *name: object) -> int:
        node = 1
        for _ in range(bits):
            node = node << 1 | self.counter(source, *name, node)
        return node - (1 << bits)

    def cumulative(self, *name: object) -> list[int]:
        return self.entries.get(name, [2047 * k for k in range(16)])

    def symbol(self, source: Source, *name: object) -> int:
        fast, slow = self.cumulative("fast", *name), self.cumulative("slow", *name)
        bounds = [(fast[k] + slow[k] + 1) // 2 + k for k in range(16)]
        value = source.symbol([*bounds, 32768])
        self.entries["fast", *name] = entries_after(fast, value, 5)
        self.entries["slow", *name] = entries_after(slow, value, 8)
        return value

    def blend(self, source: Source | Known, trees: tuple[Name, ...], weights: Name) -> int:
        w = self.weights.get(("blend", *weights), [21845, 21845])
        models = [self.cumulative(*tree) for tree in trees]
        w = [*w, 65535 - sum(w)]
        bounds = [sum(m[k] * v >> 16 for m, v in zip(models, w, strict=True)) + k for k in range(16)]
        bounds.append(32768)
        value = source.symbol(bounds)
        left, size = 65535, bounds[value + 1] - bounds[value]
        for k, m in enumerate(models[:2]):
            part = (m[value + 1] if value < 15 else 32752) - m[value]
            share = min(w[k] * part // size, left)
            left -= share
            w[k] += (share - (share >> 4) + 1365 - w[k]) >> 5
        self.weights["blend", *weights] = w[:2]
        for tree, model, rate in zip(trees, models, (5, 3, 4), strict=True):
            self.entries[tree] = entries_after(model, value, rate)
        return value

    def reverse(self, source: Source, bits: int, *name: object) -> int:
        node, value = 1, 0
        for k in range(bits):
            bit = self.counter(source, *name, node)
            node = node << 1 | bit
            value |= bit << k
        return value

    def flag(self, source: Source, cells: tuple[Name, Name, Name], weights: Name) -> int:
        w = self.weights.setdefault(weights, [13000] * 3)
        values = [self.cells.get(name, 0) for name in cells]
        t = [stretch(16 * (cell >> 4) + 8) for cell in values]
        z = max(-8192, min(8191, sum(map(mul, t, w))))
        p1 = squash(4 * (z >> 2) + 2)
        bit = source.bit(65536 - 2 * p1)
        for k, name in enumerate(cells):
            w[k] = taught(w[k], (32767 * bit - p1) * t[k])
            self.cells[name] = cell_after(values[k], bit, 4)
        return bit

    def nibble(self, source: Source, trees: tuple[Name, ...], weights: Name) -> int:
        w = self.weights.setdefault(weights, [8000] * 6)
        node, gradient = 1, [0] * 6
        for _ in range(4):
            names = [(*tree, node) for tree in trees]
            values = [self.cells.get(name, 0) for name in names]
            t = [stretch(cell) for cell in values]
            m = [mul(t[k], w[k]) for k in range(6)]
            z = clip(clip(clip(m[0] + m[1]) + clip(m[2] + m[3])) + clip(m[4] + m[5]))
            p1 = squash(z)
            bit = source.bit(65536 - 2 * p1)
            for k, name in enumerate(names):
                gradient[k] += (32767 * bit - p1) * t[k]
                self.cells[name] = cell_after(values[k], bit, RATES[k])
            node = node << 1 | bit
        self.weights[weights] = [taught(w[k], gradient[k]) for k in range(6)]
        return node - 16


class Entry(NamedTuple):
    """Section 7: one entry of a bucket."""

    place: int
    byte: int
    deep: int
    rest: int
    next: int


EMPTY = Entry(0, 0, 0, 0, 0)


class Candidates:
    """Section 7: the table of places by context."""

    def __init__(self) -> None:
        self.buckets: dict[int, list[Entry]] = {}
        self.following = 8

    @staticmethod
    def before(window: bytearray, place: int, low: int, high: int) -> int:
        """Bytes `high` to `low` back; the nearest is the most significant one."""
        bytes_ = [window[place - k] if place >= k else 0 for k in range(high, low - 1, -1)]
        return int.from_bytes(bytes(bytes_), "little")

    def context(self, window: bytearray, place: int) -> tuple[int, int, int]:
        """Bucket, rest and deep of a place."""
        hash_ = self.before(window, place, 1, 4) * 2654435761 & MASK32
        far = bytes(window[place - k] if place >= k else 0 for k in (5, 6, 7))
        deep = (int.from_bytes(far, "little") * 2654435761 & MASK32) >> 24
        return hash_ >> 16, hash_ >> 8 & 255, deep

    def enter(self, window: bytearray, place: int) -> None:
        number, rest, deep = self.context(window, place)
        low = int.from_bytes(window[place : place + 4], "little")
        high = int.from_bytes(window[place + 2 : place + 6], "little")
        following = (low * 2654435761 + high * 2246822519 & MASK32) >> 24
        new = Entry(place, window[place], deep, rest, following)
        bucket = self.buckets.setdefault(number, [EMPTY] * 8)
        at = 0
        while at < 7 and (bucket[at].byte, bucket[at].rest, bucket[at].next) != (new.byte, rest, following):
            at += 1
        self.buckets[number] = [new, *bucket[:at], *bucket[at + 1 :]]

    def enter_before(self, window: bytearray, place: int) -> None:
        while self.following + LATE <= place:
            for _ in range(8):
                self.enter(window, self.following)
                self.following += 1

    def look(self, window: bytearray, place: int) -> tuple[list[Entry], int]:
        """The candidates of a place, and how many of them share the deeper context."""
        number, rest, deep = self.context(window, place)
        entries = [e for e in self.buckets.get(number, ()) if e.place and e.rest == rest]
        near = [e for e in entries if e.deep == deep]
        return near + [e for e in entries if e.deep != deep], len(near)


def mash(*fields: int) -> int:
    """First value, then pairs of value and width."""
    v = fields[0]
    for value, width in zip(fields[1::2], fields[2::2], strict=True):
        v = v << width | value
    return (v * 0x9E3779B1 & MASK32) >> 18


def highest_bit(v: int) -> int:
    return v.bit_length() - 1


class Tokens:
    """Section 8: the state between tokens and how each is read."""

    def __init__(
        self, models: Models, table: Candidates, source: Source, past: bytes, reference: bytes = b""
    ) -> None:
        self.m, self.table, self.source = models, table, source
        self.out, self.past, self.plain = bytearray(past + reference), len(past), False
        self.quick = False
        self.history = self.run = self.last = 0
        self.recent = [1, 2, 3, 4]
        bits = max(self.past - 1, 0).bit_length()
        self.line_bits = max(bits - 8, 0)

    def look(self) -> None:
        """What is known at the window's end, before a token."""
        place = len(self.out)
        self.table.enter_before(self.out, place)
        self.found, self.deep = self.table.look(self.out, place)
        self.f0 = self.found[0].byte if self.found else NONE
        self.f1 = self.found[1].byte if len(self.found) > 1 else NONE
        self.f2 = NONE
        if self.recent[0] <= place:
            self.f2 = self.out[-self.recent[0]]
        self.c1, self.c2, self.c3 = (self.out[-k] if place >= k else 0 for k in (1, 2, 3))
        self.few = min(len(self.found), 3)

    def match_flag(self) -> int:
        state = (self.history, self.few, self.deep > 0, self.f0 == self.f2, self.f0 == self.f1)
        run = mash(self.f2, self.run, 3, self.last, 3, self.few, 2)
        cells = (("match", 0, *state), ("match", 1, mash(self.f0, self.c1, 8)), ("match", 2, run))
        return self.m.flag(self.source, cells, ("match", self.few, self.run == 0))

    def repeat_flag(self) -> int:
        agree = self.f0 == self.f2
        cells = (
            ("repeat", 0, self.history, self.few, self.deep > 0, agree),
            ("repeat", 1, mash(self.f2, self.c1, 8)),
            ("repeat", 2, self.run, self.last, self.few, agree),
        )
        return self.m.flag(self.source, cells, ("repeat", self.few, agree))

    def named_flag(self, k: int) -> int:
        entry, deep = self.found[k], int(self.deep > k)
        left = min(len(self.found) - k - 1, 3)
        same = (k > 0 and entry.byte == self.f0, entry.byte == self.f2)
        age = highest_bit(len(self.out) - entry.place)
        cells = (
            ("named", 0, k, left, deep, *same, self.history % 16),
            ("named", 1, mash(entry.byte, self.c1, 8, deep, 1, int(k > 0), 1)),
            ("named", 2, age, k, deep, self.run),
        )
        return self.m.flag(self.source, cells, ("named", k, deep))

    def older_flag(self) -> int:
        cells = (
            ("older", 0, self.history, self.few),
            ("older", 1, self.c1),
            ("older", 2, self.run, self.last),
        )
        return self.m.flag(self.source, cells, ("older", self.few))

    def literal(self) -> None:
        if self.plain:
            byte = self.source.direct(8)
        elif self.quick:
            high = self.blended(self.source, 0)
            byte = high << 4 | self.blended(self.source, 1 + high)
        else:
            high = self.half(0)
            byte = high << 4 | self.half(1 + high)
        if isinstance(self.source, Teacher):
            self.blended(Known(byte >> 4), 0)
            self.blended(Known(byte & 15), 1 + (byte >> 4))
        self.out.append(byte)
        self.history = self.history << 2 & 63
        self.run = min(self.run + 1, 7)

    def half(self, half: int) -> int:
        trees = (
            ("order1", self.c1, half),
            ("order2", mash(self.c1, self.c2, 8, half, 5)),
            ("order3", mash(self.c1, self.c2, 8, self.c3, 8, half, 5)),
            ("f0", self.f0, half),
            ("f1", self.f1, half),
            ("f2", self.f2, half),
        )
        return self.m.nibble(self.source, trees, ("literal", *self.conditions(), half > 0))

    def blended(self, source: Source | Known, half: int) -> int:
        trees = (
            ("quick1", self.c1, half),
            ("quick2", mash(self.c1, self.c2, 8, half, 5)),
            ("quick0", self.f0, half),
        )
        return self.m.blend(source, trees, ("literal", *self.conditions(), half > 0))

    def conditions(self) -> Name:
        return self.deep > 0, bool(self.found), self.f0 == self.f2, self.run == 0

    def length(self, group: int) -> int:
        v = self.m.symbol(self.source, "length", group, self.run == 0)
        if v == 15:
            slot = self.m.symbol(self.source, "long", group)
            bits = slot // 2 + 3
            v = (2 | slot & 1) << bits
            v |= self.m.tree(self.source, 3, "extra", group, slot) << (bits - 3)
            if bits > 3:
                v |= self.source.direct(bits - 3)
            v -= 1
        return v + LEAST[group]

    def offset(self, length: int) -> int:
        high = self.m.symbol(self.source, "slot", length > 3)
        slot = high << 2 | self.m.tree(self.source, 2, "slot", length > 3, high)
        if slot < 4:
            return slot + 1
        if slot == PAST_SLOT:
            place = self.m.symbol(self.source, "page")
            place = place << 4 | self.m.symbol(self.source, "page", place)
            if self.line_bits:
                place = place << self.line_bits | self.source.direct(self.line_bits)
            return len(self.out) - place
        bits = slot // 2 - 1
        v = (2 | slot & 1) << bits
        if slot < 14:
            return (v | self.m.reverse(self.source, bits, "near", slot)) + 1
        if bits > 24:
            raise DamagedError("an offset beyond every window")
        v |= self.source.direct(bits - 4) << 4
        return (v | self.m.symbol(self.source, "align")) + 1

    def copy(self, kind: int, offset: int, length: int, room: int) -> None:
        if not 1 <= offset <= len(self.out) or length > room:
            raise DamagedError("a copy from outside the window, or past the block's end")
        for _ in range(length):
            self.out.append(self.out[-offset])
        self.history = (self.history << 2 | kind) & 63
        self.run, self.last = 0, highest_bit(length) % 8
        if offset in self.recent:
            self.recent.remove(offset)
        self.recent = [offset, *self.recent[:3]]

    def named_or_repeat(self) -> tuple[int, int, int] | None:
        """Kind, offset and length, unless it is neither."""
        n = len(self.found)
        for step in ["repeat", *range(n)] if n == 0 else [0, "repeat", *range(1, n)]:
            if step == "repeat":
                if self.repeat_flag():
                    return REPEAT, self.recent[0], self.length(0)
            else:
                k = int(step)
                if self.named_flag(k):
                    group = 3 if k else 2 if self.deep else 1
                    return NAMED, len(self.out) - self.found[k].place, self.length(group)
        return None

    def token(self, room: int) -> None:
        self.look()
        if not self.match_flag():
            self.literal()
            return
        found = self.named_or_repeat()
        if found is None:
            if self.older_flag():
                index = 1 + self.m.counter(self.source, "second", self.history)
                if index > 1:
                    index += self.m.counter(self.source, "third", self.history)
                found = REPEAT, self.recent[index], self.length(4)
            else:
                length = self.length(5)
                found = MATCH, self.offset(length), length
        self.copy(*found, room)


def tree_bits(value: int, bits: int) -> list[int]:
    return [value >> k & 1 for k in reversed(range(bits))]


def length_bits(v: int) -> list[int]:
    if v < 15:
        return [v]
    v += 1
    e = v.bit_length() - 1
    return [15, 2 * e - 8 + (v >> (e - 1) & 1), *tree_bits(v & ((1 << (e - 1)) - 1), e - 1)]


def offset_bits(offset: int) -> list[int]:
    v = offset - 1
    if v < 4:
        return [0, *tree_bits(v, 2)]
    e = v.bit_length() - 1
    slot, bits = 2 * e + (v >> (e - 1) & 1), e - 1
    low, start = v & ((1 << bits) - 1), [slot >> 2, *tree_bits(slot & 3, 2)]
    if slot < 14:
        return start + tree_bits(low, bits)[::-1]
    return [*start, *tree_bits(low >> 4, bits - 4), low & 15]


def common(data: bytes, a: int, b: int) -> int:
    n = 0
    while b + n < len(data) and n < MAX_LENGTH and data[a + n] == data[b + n]:
        n += 1
    return n


def choose(tokens: Tokens, dictionary: bytes, last: dict[int, int]) -> list[int]:
    """Section 9, steps 1 to 3: the bits of the token at the window's end."""
    p, best, bits = len(tokens.out), 1, [0, *tree_bits(dictionary[len(tokens.out)], 8)]
    tokens.look()
    any_found = bool(tokens.found)
    if tokens.recent[0] <= p and (length := common(dictionary, p - tokens.recent[0], p)) >= 3:
        best, bits = length, [1, *[0] * any_found, 1, *length_bits(length - LEAST[0])]
    for k, entry in enumerate(tokens.found):
        length = common(dictionary, entry.place, p)
        if length >= 3 and length > best:
            group = 3 if k else 2 if tokens.deep else 1
            zeros = [0] * (k + 1 if k else 0)
            best, bits = length, [1, *zeros, 1, *length_bits(length - LEAST[group])]
    if p + 4 <= len(dictionary):
        key = int.from_bytes(dictionary[p : p + 4], "little") * 2654435761 % (1 << 32) >> 16
        before = last.get(key)
        last[key] = p
        if before is not None and best < 6 and (length := common(dictionary, before, p)) >= max(6, best + 3):
            zeros = [0] * (len(tokens.found) + 2)
            bits = [1, *zeros, *length_bits(length - LEAST[5]), *offset_bits(p - before)]
    return bits


def prime(dictionary: bytes) -> tuple[Models, Candidates]:
    """Section 9: models and table after the dictionary's greedy parse."""
    models, table, teacher = Models(), Candidates(), Teacher()
    tokens = Tokens(models, table, teacher, b"")
    tokens.out = bytearray(dictionary[: max(len(dictionary) - TAUGHT, 0)])
    last: dict[int, int] = {}
    while len(tokens.out) < len(dictionary):
        teacher.bits = choose(tokens, dictionary, last)
        tokens.token(MAX_LENGTH)
        assert not teacher.bits, "the parse and the grammar disagree"
    assert tokens.out == dictionary, "priming must walk the dictionary itself"
    return models, table


def decode(
    payload: bytes, size: int, dictionary: bytes = b"", reference: tuple[bytes, int] | None = None
) -> bytes:
    """Sections 2 and 10: one block, alone or after another one, given as payload and size."""
    if reference is not None:
        after = decode_coded(*reference, Tokens(*prime(dictionary), Teacher(), dictionary))
        past = bytes(after.out[len(dictionary) :])
        tokens = Tokens(after.m, after.table, Teacher(), dictionary, past)
        return bytes(decode_coded(payload, size, tokens).out[len(dictionary) + len(past) :])
    if not payload:
        if size:
            raise DamagedError("no payload")
        return b""
    first, rest = payload[0], payload[1:]
    if first == 0:
        if len(rest) != size:
            raise DamagedError("a stored block of another size")
        return rest
    tokens = decode_coded(payload, size, Tokens(*prime(dictionary), Teacher(), dictionary))
    return bytes(tokens.out[len(dictionary) :])


def decode_coded(payload: bytes, size: int, tokens: Tokens) -> Tokens:
    """A block that is not stored, put behind the window of `tokens`."""
    if payload[:1] not in (b"\x10", b"\x20", b"\x30") or len(payload) > size + 1:
        raise DamagedError("a reserved first byte, or none, or too many bytes")
    source = tokens.source = RangeDecoder(payload[1:])
    tokens.plain, tokens.quick = payload[0] == 0x20, payload[0] == 0x30
    end = len(tokens.out) + size
    while len(tokens.out) < end:
        tokens.token(end - len(tokens.out))
    if not source.finished():
        raise DamagedError("bytes are left over, or missing")
    return tokens
