"""Section 4: section headers and parity."""

from __future__ import annotations

from dataclasses import dataclass

from .conventions import check, number, require, reserved

MARKER = bytes.fromhex("B7554353")
DICTIONARY, INDEX, ERRATA, DIRECTORY = 1, 2, 3, 4
NO_ID = bytes(8)


@dataclass
class Section:
    kind: int
    critical: bool
    protected: bool
    payload: bytes
    """The payload as it stands."""

    repaired: bytes
    """The payload with every stripe that parity can rebuild."""

    payload_check: bytes
    end: int


@dataclass
class Stripes:
    length: int
    data: int
    groups: int


def stripes(payload_length: int) -> Stripes:
    length = 64
    while length < 4096 and -(-payload_length // length) > 128:
        length *= 2
    data = -(-payload_length // length)
    return Stripes(length, data, -(-data // 16))


def parity_length(payload_length: int) -> int:
    if payload_length == 0:
        return 0
    plan = stripes(payload_length)
    return plan.groups * plan.length + 4 * (plan.data + plan.groups) + 8


def read_section(archive: bytes, at: int, archive_id: bytes) -> Section:
    head = archive[at : at + 32]
    require(len(head) == 32 and head[:4] == MARKER, f"no section at {at}")
    require(check(archive_id + head[:24], 8) == head[24:], "a section's check differs")
    kind, flags, length = head[4], head[5], number(head[8:16])
    reserved(flags <= 3 and head[6:8] == bytes(2), "reserved bits of a section")
    start = at + 32
    protected = bool(flags & 2)
    end = start + length + (parity_length(length) if protected else 0)
    require(end <= len(archive), "a section goes past the end")
    payload = archive[start : start + length]
    repaired = repair(payload, archive[start + length : end]) if protected else payload
    return Section(kind, bool(flags & 1), protected, payload, repaired, head[16:24], end)


def repair(payload: bytes, parity: bytes) -> bytes:
    """Section 4.2."""
    if not payload:
        return payload
    plan = stripes(len(payload))
    split = plan.groups * plan.length
    checks, checks_check = parity[split:-8], parity[-8:]
    if check(checks, 8) != checks_check:
        return payload
    every = [
        payload[n * plan.length : (n + 1) * plan.length].ljust(plan.length, b"\0") for n in range(plan.data)
    ]
    every += [parity[g * plan.length : (g + 1) * plan.length] for g in range(plan.groups)]
    sound = [check(stripe, 4) == checks[4 * n : 4 * n + 4] for n, stripe in enumerate(every)]
    result = []
    for n in range(plan.data):
        group = n % plan.groups
        others = [m for m in range(group, plan.data, plan.groups) if m != n] + [plan.data + group]
        if not sound[n] and all(sound[m] for m in others):
            total = 0
            for m in others:
                total ^= int.from_bytes(every[m], "little")
            result.append(total.to_bytes(plan.length, "little"))
        else:
            result.append(every[n])
    return b"".join(result)[: len(payload)]
