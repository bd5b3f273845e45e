"""Section 7."""

from __future__ import annotations

from dataclasses import dataclass

from . import codecs, filters, limits
from .conventions import check, number, require, reserved

MARKER = bytes.fromhex("B7554342")


@dataclass
class Block:
    at: int
    number: int
    codec: int
    flags: int
    reference: int
    """How many blocks before it its reference stands; 0 without one."""
    decoded_size: int
    digest: bytes
    coded: bytes

    @property
    def end(self) -> int:
        return self.at + 48 + len(self.coded)

    def decode(self, dictionary: bytes, level: int, reference: Block | None = None) -> bytes:
        past = None
        if reference is not None:
            codecs_are_right = self.codec & 15 == reference.codec & 15 == 2
            require(codecs_are_right, "a block and its reference are not both of codec 2")
            require(reference.reference == 0, "a reference has a reference")
            past = filters.split(reference.codec >> 4, reference.coded)[0], reference.decoded_size
        data = codecs.decode(self.codec, self.coded, self.decoded_size, dictionary, past, level)
        require(check(data, 16) == self.digest, f"the digest of block {self.number} differs")
        return data


def read_block(archive: bytes, at: int, archive_id: bytes, largest: int) -> Block:
    head = archive[at : at + 48]
    require(len(head) == 48 and head[:4] == MARKER, f"no block at {at}")
    require(check(archive_id + head[:44], 4) == head[44:], "a block header's check differs")
    reserved(head[9] <= 1, "reserved bits of a block")
    require(number(head[10:12]) <= number(head[4:8]), "a reference before the first block")
    coded_size, decoded_size = number(head[12:16]), number(head[16:20])
    require(1 <= decoded_size <= largest, "a block is too large")
    limits.coded(coded_size, decoded_size)
    coded = archive[at + 48 : at + 48 + coded_size]
    require(len(coded) == coded_size, "a block goes past the end")
    require(check(coded, 8) == head[36:44], "a block's coded bytes differ from their check")
    return Block(
        at, number(head[4:8]), head[8], head[9], number(head[10:12]), decoded_size, head[20:36], coded
    )
