"""A second LZ decoder, slow and obvious, written from docs/format-lz.md section by section."""

from __future__ import annotations

MASK64 = (1 << 64) - 1
LITERAL, MATCH, REPEAT, SHORT = range(4)
MAX_LENGTH = 4097
PAST_SLOT = 63


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

    def finished(self) -> bool:
        return len(self.payload) <= self.at <= len(self.payload) + 8


class Teacher:
    """Stands in for the decoder while priming: the bits are known, only the models learn."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def bit(self, p0: int) -> int:
        return self.bits.pop(0)

    def direct(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.bits.pop(0)
        return value


Source = RangeDecoder | Teacher


class Models:
    """Section 4: counters, made when first met; a name is a tuple of what tells a context apart."""

    def __init__(self) -> None:
        self.counters: dict[tuple[object, ...], tuple[int, int]] = {}

    def copy(self) -> Models:
        other = Models()
        other.counters = dict(self.counters)
        return other

    def pair(self, name: tuple[object, ...]) -> tuple[int, int]:
        return self.counters.get(name, (32768, 32768))

    def learn(self, name: tuple[object, ...], bit: int) -> None:
        fast, slow = self.pair(name)
        if bit:
            self.counters[name] = (fast - (fast >> 4), slow - (slow >> 7))
        else:
            self.counters[name] = (fast + ((65535 - fast) >> 4), slow + ((65535 - slow) >> 7))

    def bit(self, source: Source, *names: tuple[object, ...]) -> int:
        """One bit from the mean of the named counters, which then all learn it."""
        total = sum(fast + slow for fast, slow in map(self.pair, names))
        bit = source.bit(total // (2 * len(names)))
        for name in names:
            self.learn(name, bit)
        return bit

    def tree(self, source: Source, bits: int, *names: tuple[object, ...]) -> int:
        node = 1
        for _ in range(bits):
            node = node << 1 | self.bit(source, *((*name, node) for name in names))
        return node - (1 << bits)

    def reverse(self, source: Source, bits: int, name: tuple[object, ...]) -> int:
        node, value = 1, 0
        for k in range(bits):
            bit = self.bit(source, (*name, node))
            node = node << 1 | bit
            value |= bit << k
        return value

    def spread(self) -> None:
        """Section 6, last step: position context 0 is copied to 1, 2 and 3."""
        shared = {"match", "single", "length-match", "length-repeat"}
        for name, pair in list(self.counters.items()):
            if name[0] in shared and name[1] == 0:
                for position in (1, 2, 3):
                    self.counters[(name[0], position, *name[2:])] = pair


class Tokens:
    """Section 5: the state between tokens and how each is read."""

    def __init__(
        self, models: Models, source: Source, past: bytes, mask: int = 0, plain: bool = False
    ) -> None:
        self.m, self.source = models, source
        self.out, self.past = bytearray(past), len(past)
        self.mask, self.plain = mask, plain
        self.history, self.recent = 0, [1, 2, 3, 4]
        bits = max(self.past - 1, 0).bit_length()
        self.page_bits = min(bits, 10)
        self.line_bits = bits - self.page_bits

    def push(self, kind: int) -> None:
        self.history = (self.history << 2 | kind) & 63

    def literal(self) -> None:
        before = self.out[-1] if self.out else 0
        names: list[tuple[object, ...]] = [("literal", before)]
        if self.history & 3 != LITERAL:
            names.append(("beside", self.out[-self.recent[0]]))
        byte = self.source.direct(8) if self.plain else self.m.tree(self.source, 8, *names)
        self.out.append(byte)
        self.push(LITERAL)

    def length(self, kind: str, position: int) -> int:
        v = self.m.tree(self.source, 5, ("length-" + kind, position))
        if v >= 16:
            slot, bits = v, (v - 8) // 2 - 1
            v = (2 | slot & 1) << bits
            v |= self.m.tree(self.source, 3, ("extra-" + kind, slot)) << (bits - 3)
            if bits > 3:
                v |= self.source.direct(bits - 3)
        return v + 2

    def offset(self, length: int, reach: int) -> int:
        slot = self.m.tree(self.source, 6, ("slot", min(length - 2, 3)))
        if slot < 4:
            return slot + 1
        if slot == PAST_SLOT:
            place = self.m.tree(self.source, self.page_bits, ("page",))
            if self.line_bits:
                place = place << self.line_bits | self.source.direct(self.line_bits)
            return self.past + reach - place
        bits = slot // 2 - 1
        v = (2 | slot & 1) << bits
        if slot < 14:
            return (v | self.m.reverse(self.source, bits, ("near", slot))) + 1
        if bits > 24:
            raise DamagedError("an offset beyond every window")
        v |= self.source.direct(bits - 4) << 4
        return (v | self.m.reverse(self.source, 4, ("align",))) + 1

    def repeat_index(self) -> int:
        for k in range(3):
            if not self.m.bit(self.source, ("older", k, self.history)):
                return k
        return 3

    def copy(self, length: int, room: int) -> None:
        if not 1 <= self.recent[0] <= len(self.out) or length > room:
            raise DamagedError("a match from outside the window, or past the block's end")
        for _ in range(length):
            self.out.append(self.out[-self.recent[0]])

    def token(self, room: int) -> None:
        reach = len(self.out) - self.past
        position = reach & self.mask
        if not self.m.bit(self.source, ("match", position, self.history)):
            self.literal()
            return
        if not self.m.bit(self.source, ("repeat", self.history)):
            length = self.length("match", position)
            self.recent = [self.offset(length, reach), *self.recent[:3]]
            self.push(MATCH)
            self.copy(length, room)
            return
        index = self.repeat_index()
        if index == 0 and not self.m.bit(self.source, ("single", position, self.history)):
            self.push(SHORT)
            self.copy(1, room)
            return
        length = self.length("repeat", position)
        self.recent.insert(0, self.recent.pop(index))
        self.push(REPEAT)
        self.copy(length, room)


def tree_bits(value: int, bits: int) -> list[int]:
    return [value >> k & 1 for k in reversed(range(bits))]


def length_bits(length: int) -> list[int]:
    v = length - 2
    if v < 16:
        return tree_bits(v, 5)
    e = v.bit_length() - 1
    return tree_bits(8 + 2 * e + (v >> (e - 1) & 1), 5) + tree_bits(v & ((1 << (e - 1)) - 1), e - 1)


def offset_bits(offset: int) -> list[int]:
    v = offset - 1
    if v < 4:
        return tree_bits(v, 6)
    e = v.bit_length() - 1
    slot, bits = 2 * e + (v >> (e - 1) & 1), e - 1
    low = v & ((1 << bits) - 1)
    if slot < 14:
        return tree_bits(slot, 6) + tree_bits(low, bits)[::-1]
    return tree_bits(slot, 6) + tree_bits(low >> 4, bits - 4) + tree_bits(low & 15, 4)[::-1]


def common(data: bytes, a: int, b: int) -> int:
    n = 0
    while b + n < len(data) and n < MAX_LENGTH and data[a + n] == data[b + n]:
        n += 1
    return n


def prime(dictionary: bytes) -> Models:
    """Section 6: the models after the dictionary's greedy parse."""
    models, teacher = Models(), Teacher()
    tokens = Tokens(models, teacher, b"")
    last: dict[int, int] = {}
    while (p := len(tokens.out)) < len(dictionary):
        length, bits = 0, []
        if tokens.recent[0] <= p:
            length = common(dictionary, p - tokens.recent[0], p)
        if length >= 4:
            bits = [1, 1, 0, 1, *length_bits(length)]
        else:
            length = 0
            if p + 4 <= len(dictionary):
                key = int.from_bytes(dictionary[p : p + 4], "little") * 2654435761 % (1 << 32) >> 17
                before = last.get(key)
                last[key] = p
                length = 0 if before is None else common(dictionary, before, p)
                if before is not None and length >= 6:
                    bits = [1, 0, *length_bits(length), *offset_bits(p - before)]
        teacher.bits = bits or [0, *tree_bits(dictionary[p], 8)]
        tokens.token(MAX_LENGTH)
        assert not teacher.bits, "the parse and the grammar disagree"
    assert tokens.out == dictionary, "priming must walk the dictionary itself"
    models.spread()
    return models


def decode(payload: bytes, size: int, dictionary: bytes = b"") -> bytes:
    """Section 2: one block."""
    if not payload:
        if size:
            raise DamagedError("no payload")
        return b""
    first, rest = payload[0], payload[1:]
    if first == 0:
        if len(rest) != size:
            raise DamagedError("a stored block of another size")
        return rest
    if first not in (0x10, 0x12, 0x20, 0x22):
        raise DamagedError("a reserved first byte")
    source = RangeDecoder(rest)
    mask = 3 if first & 2 else 0
    tokens = Tokens(prime(dictionary), source, dictionary, mask, plain=first >= 0x20)
    while (made := len(tokens.out) - len(dictionary)) < size:
        tokens.token(size - made)
    if not source.finished():
        raise DamagedError("bytes are left over, or missing")
    return bytes(tokens.out[len(dictionary) :])
