"""Finds contents by their digests."""

from __future__ import annotations

import numpy as np

from ucompress.checksum import DIGEST_BYTES


class DigestIndex:
    """Which of many contents has a digest; sorted once, 12 bytes for each content.

    Args:
        digests: BLAKE3 of each content, 32 bytes, end to end.
    """

    def __init__(self, digests: bytes | memoryview) -> None:
        """Sort the first eight bytes of each."""
        self._digests = memoryview(digests)
        begins = np.frombuffer(digests, "<u8").reshape(-1, DIGEST_BYTES // 8)[:, 0]
        order = np.argsort(begins, kind="stable")
        self._begins = begins[order]
        self._order = order.astype(np.uint32)

    def find(self, digest: bytes) -> int | None:
        """The number of the first content that has a digest; None if none has."""
        at = int(np.searchsorted(self._begins, np.frombuffer(digest, "<u8", 1)[0]))
        while at < len(self._begins) and self._begins[at].tobytes() == digest[:8]:
            number = int(self._order[at])
            if self._digests[DIGEST_BYTES * number : DIGEST_BYTES * (number + 1)] == digest:
                return number
            at += 1
        return None
