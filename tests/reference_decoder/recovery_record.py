"""Section 14.1, slowly: parity by the polynomial's values, checks of all sectors."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from reference_decoder.conventions import check


def _tables() -> tuple[list[int], list[int]]:
    powers, logarithms, value = [0] * 510, [0] * 256, 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = value
        logarithms[value] = exponent
        value <<= 1
        if value > 255:
            value ^= 0b100011101
    return powers, logarithms


POWERS, LOGARITHMS = _tables()


def times(a: int, b: int) -> int:
    """Product in the field."""
    return POWERS[LOGARITHMS[a] + LOGARITHMS[b]] if a and b else 0


def over(a: int, b: int) -> int:
    """Quotient in the field; b is not 0."""
    return POWERS[LOGARITHMS[a] + 255 - LOGARITHMS[b]] if a else 0


def point(row: int) -> int:
    """x_row."""
    return POWERS[row - 1] if row else 0


def weights(known: list[int], wanted: int) -> list[int]:
    """By what the bytes of the known rows are multiplied, to sum up to that of the wanted row (Lagrange)."""
    found = []
    for row in known:
        weight = 1
        for other in known:
            if other != row:
                weight = over(times(weight, point(wanted) ^ point(other)), point(row) ^ point(other))
        found.append(weight)
    return found


def combine(sectors: list[bytes], factors: list[int]) -> bytes:
    """The weighted sum of sectors, byte by byte."""
    total = bytearray(len(sectors[0]))
    for sector, factor in zip(sectors, factors, strict=True):
        for at, byte in enumerate(sector):
            total[at] ^= times(byte, factor)
    return bytes(total)


@dataclass
class Record:
    """The figures of a strip's header."""

    kind: int
    number: int
    k: int
    m: int
    s: int
    g: int
    protected: int
    section_at: int
    digest: bytes
    archive_id: bytes

    @classmethod
    def read(cls, header: bytes) -> Record:
        assert header[:4] == b"\xb7UCR"
        assert header[10:12] == bytes(2)
        assert check(header[:56], 8) == header[56:]
        kind, number, k, m, s = struct.unpack_from("<BBBBH", header, 4)
        g, protected, at = struct.unpack_from("<IQQ", header, 12)
        return cls(kind, number, k, m, s, g, protected, at, header[32:48], header[48:56])


def place_of(record: Record, row: int, group: int) -> int:
    """Where a group's sector stands in a row."""
    shift = int.from_bytes(check(record.archive_id + bytes([row]), 8), "little") % record.g
    return (group - shift) % record.g


def payload(archive: bytes, section_at: int, section_length: int, record: Record) -> bytes:
    """The section's payload, made from the protected bytes and the figures alone."""
    protected = archive[:section_at] + archive[section_at + section_length :]
    k, m, s, g = record.k, record.m, record.s, record.g
    padded = protected.ljust(k * g * s, b"\0")
    data = [[padded[(row * g + place) * s :][:s] for place in range(g)] for row in range(k)]
    parity = []
    for i in range(m):
        factors = weights(list(range(k)), k + i)
        strip = [b""] * g
        for group in range(g):
            sectors = [data[row][place_of(record, row, group)] for row in range(k)]
            strip[place_of(record, k + i, group)] = combine(sectors, factors)
        parity.append(strip)
    checks = b"".join(check(sector, 4) for row in (*data, *parity) for sector in row)
    step = 4 * min(max(g, 16), 1022)
    chunks = [checks[at : at + step] for at in range(0, len(checks), step)]
    table = b"".join(chunk + check(chunk, 8) for chunk in chunks)

    def header(kind: int, number: int) -> bytes:
        body = b"\xb7UCR" + struct.pack("<BBBBHHI", kind, number, k, m, s, 0, g)
        body += struct.pack("<QQ", len(protected), section_at) + check(protected, 16) + record.archive_id
        return body + check(body, 8)

    strips = [header(1, i) + b"".join(parity[i]) for i in range(m)]
    half = -(-m // 2)
    tables = [header(0, i) + table for i in range(3)]
    return b"".join([tables[0], *strips[:half], tables[1], *strips[half:], tables[2]])
