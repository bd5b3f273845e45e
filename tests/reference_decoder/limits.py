"""Section 12."""

from __future__ import annotations

from .conventions import require

MIB = 1 << 20
BLOCK = DICTIONARY = PAGE = 8 * MIB
DIRECTORY = 1 << 30
PAGE_PATHS = 16 * MIB
SEPARATORS = 256 * MIB
ATTRIBUTES = 4096
PAGE_ENTRIES = 65_536
PAGE_EXTENTS = 1_048_576


def path(data: bytes) -> None:
    require(1 <= len(data) <= 65_535, "a path has an impossible length")
    require(b"\0" not in data, "a path holds a zero byte")
    for component in data.split(b"/"):
        require(component not in (b"", b".", b".."), f"the path {data!r} has a bad component")


def target(data: bytes) -> None:
    require(1 <= len(data) <= 65_535, "a target has an impossible length")


def blocks_of_file(size: int, blocks: int) -> None:
    require(blocks <= 2 + (size + 262_143) // 262_144, "a file needs too many blocks")


def coded(coded_size: int, decoded_size: int) -> None:
    require(coded_size <= decoded_size + 65_536, "more coded bytes than allowed")
