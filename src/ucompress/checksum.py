"""Digests and checks: BLAKE3 for identity, XXH3 for noticing that bytes changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import blake3 as _blake3
import xxhash

if TYPE_CHECKING:
    from typing_extensions import Buffer

DIGEST_BYTES = 32
SHORT_DIGEST_BYTES = 16


def digest(data: Buffer) -> bytes:
    """BLAKE3 of `data`, 32 bytes: the identity of a content (O'Connor et al., 2020)."""
    return _blake3.blake3(data).digest()


def short_digest(data: Buffer, length: int = SHORT_DIGEST_BYTES) -> bytes:
    """The first `length` bytes of `digest(data)`: strong enough to tell damage from soundness."""
    return _blake3.blake3(data).digest(length)


def run_check(data: Buffer) -> int:
    """XXH3-64 of `data`: whether bytes are still those that were planned. Not against malice."""
    return xxhash.xxh3_64_intdigest(data)


class Digest:
    """BLAKE3 over bytes that come in pieces."""

    __slots__ = ("_hasher",)

    def __init__(self) -> None:
        """Start with no bytes."""
        self._hasher = _blake3.blake3()

    def update(self, data: Buffer) -> None:
        """Take the next bytes."""
        self._hasher.update(data)

    def digest(self, length: int = DIGEST_BYTES) -> bytes:
        """The first `length` bytes of the digest of everything so far."""
        return self._hasher.digest(length)
