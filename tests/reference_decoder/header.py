"""Section 3."""

from __future__ import annotations

from dataclasses import dataclass

from . import limits
from .conventions import Unsupported, check, number, require, reserved

MAGIC = bytes.fromhex("8955435A0D0A1A0A")


@dataclass
class Header:
    level: int
    content_hash_length: int
    zstd_version: int
    largest_block: int
    decoder_memory: int


def read_header(data: bytes) -> Header:
    require(data[:8] == MAGIC, "no magic")
    if number(data[8:10]) != 1:
        as_version_1 = data[:8] + b"\1\0" + data[10:56]
        require(check(as_version_1, 8) != data[56:64], "the version field is damaged")
        raise Unsupported("another major version")
    require(len(data) == 64 and check(data[:56], 8) == data[56:], "the header's check differs")
    reserved(number(data[12:16]) == 0, "an incompatible feature")
    reserved(data[22:24] == bytes(2) and data[40:56] == bytes(16), "reserved bytes")
    header = Header(
        level=data[20],
        content_hash_length=data[21],
        zstd_version=number(data[24:28]),
        largest_block=number(data[28:32]),
        decoder_memory=number(data[32:40]),
    )
    require(header.content_hash_length in (0, 8, 32), "no such hash length")
    require(1 <= header.largest_block <= limits.BLOCK, "blocks are too large")
    return header
