"""Long copies, zero runs and classes of content: the kernels' face towards the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ucompress._core import (
    CopySearch,
    SegmentIndex,
    anchor_spacing,
    classify,
    classify_all,
    extend_match,
    find_all_anchors,
    find_all_zero_runs,
    find_anchors,
    find_segments,
    find_zero_runs,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

TEXT: Final = 0
BINARY: Final = 1
DENSE: Final = 2

ANCHOR_LENGTH: Final = 160

__all__ = [
    "ANCHOR_LENGTH",
    "BINARY",
    "DENSE",
    "TEXT",
    "CopySearch",
    "SegmentIndex",
    "anchor_spacing",
    "classify",
    "classify_all",
    "extend_match",
    "find_all_anchors",
    "find_all_zero_runs",
    "find_anchors",
    "find_segments",
    "find_zero_runs",
    "zero_runs",
]


def zero_runs(data: Buffer, minimum: int) -> list[tuple[int, int]]:
    """Maximal runs of at least `minimum` zero bytes as (start, end), in order."""
    runs: NDArray[np.int64] = find_zero_runs(data, minimum)
    return [(int(start), int(end)) for start, end in runs]
