"""The order in which contents stand, so that like stands beside like.

Blocks are coded one by one, so what helps a content must stand in its own block. The order
starts from class, extension and path, and is then grown block by block: next comes the content
that shares most with the block so far, judged by a sketch (a few of its sampled d-mers) and by
its folder. Everything is integers, and every tie goes by path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ucompress._core import NO_HASH, order_by_likeness
from ucompress.checksum import run_check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SKETCH_SIZE: Final = 16
"""Hashes in a sketch; 8 give orders 1 % worse, 32 up to 1 % better, at twice the memory."""

COMMONEST: Final = 256
"""A d-mer in more contents than this is boilerplate and tells nothing about likeness."""

FOLDER_WEIGHT: Final = 2
"""How many shared hashes a common folder (with the same extension) is worth."""

LIKENESS_BLOCK: Final = 1 << 20
"""Bytes of contents that are compared as one."""


def sketch(sample: NDArray[Any], counts: NDArray[Any], size: int = SKETCH_SIZE) -> NDArray[np.uint64]:
    """The sketch of a content: its lowest sampled hashes that tell it from others, yet not from all.

    Args:
        sample: the content's sampled d-mers, as `_core.count_patterns` gives them.
        counts: those of all contents, merged.
        size: the most hashes in the sketch.

    Returns:
        Rising hashes of d-mers that stand in 2 to `COMMONEST` contents.
    """
    hashes, documents = _documents(sample, counts)
    return np.ascontiguousarray(hashes[(documents >= 2) & (documents <= COMMONEST)][:size])


def repeats(sample: NDArray[Any], counts: NDArray[Any]) -> int:
    """How many in a thousand of a content's sampled d-mers stand in other contents, too."""
    hashes, documents = _documents(sample, counts)
    return int((documents >= 2).sum()) * 1000 // len(hashes) if len(hashes) else 0


def _documents(sample: NDArray[Any], counts: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The sample's hashes and in how many contents each stands; 0 where the counts do not say."""
    hashes = np.ascontiguousarray(sample["hash"])
    if not len(counts):
        return hashes, np.zeros(len(hashes), dtype=np.uint32)
    places = np.minimum(np.searchsorted(counts["hash"], hashes), len(counts) - 1)
    known = counts["hash"][places] == hashes
    return hashes, np.where(known, counts["documents"][places], 0)


def extension(path: bytes) -> bytes:
    """The lower-case extension of a path's last component, without the dot; empty if none."""
    name = path.rpartition(b"/")[2]
    stem, dot, suffix = name.rpartition(b".")
    return suffix.lower() if dot and stem else b""


def similarity_order(
    paths: Sequence[bytes],
    classes: Sequence[int],
    sizes: Sequence[int] = (),
    sketches: Sequence[NDArray[np.uint64]] = (),
) -> list[int]:
    """Indices of contents in the order in which they are to be stored.

    Args:
        paths: one path for each content; it settles ties, so no two should be equal.
        classes: one class for each content (`segments.TEXT`, `BINARY`, `DENSE`).
        sizes: for each content its size in bytes.
        sketches: for each content its sketch, of up to `SKETCH_SIZE` hashes; where none has
            any, the order is by class, extension and path.
    """
    suffixes = [extension(path) for path in paths]
    start = sorted(range(len(paths)), key=lambda i: (classes[i], suffixes[i], paths[i], i))
    if not any(map(len, sketches)):
        return start
    features = np.full((len(start), SKETCH_SIZE + 1), NO_HASH, dtype=np.uint64)
    for rank, i in enumerate(start):
        hashes = sketches[i][:SKETCH_SIZE]
        features[rank, : len(hashes)] = hashes
        features[rank, SKETCH_SIZE] = run_check(paths[i].rpartition(b"/")[0] + b"\0" + suffixes[i])
    order = order_by_likeness(
        features,
        [classes[i] for i in start],
        [sizes[i] for i in start],
        weights=[1] * SKETCH_SIZE + [FOLDER_WEIGHT],
        block=LIKENESS_BLOCK,
    )
    return [start[rank] for rank in order.tolist()]
