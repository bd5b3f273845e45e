"""Files that have bytes although their size is told as 0, as in /proc: they would be packed empty."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import numpy as np

from ucompress.files import read_and_look
from ucompress.scan.building import reordered
from ucompress.scan.manifest import MemberKind, ScanNote

if TYPE_CHECKING:
    from collections.abc import Callable

    from ucompress.scan.manifest import Manifest

_AT_ONCE: Final = 4096
_LOOKS: Final = 2
"""Times that a file must look like one of them: meanwhile one may have been cut to nothing."""


def without_unsized(manifest: Manifest, progress: Callable[[int, int, bytes], None] | None) -> Manifest:
    """A scan without such files, which become errors of it.

    Args:
        manifest: the scan, its hard links not told apart yet.
        progress: as of `scan`; called now and then.
    """
    devices, sizes = np.asarray(manifest.devices), np.asarray(manifest.sizes)
    empty = np.flatnonzero((np.asarray(manifest.kinds) == MemberKind.FILE) & (sizes == 0))
    # Asked for nothing else, `unique` would load NumPy's masked arrays first.
    among, _ = np.unique(devices[empty], return_counts=True)
    doubtful = [device for device in among.tolist() if _may_be_untrue(device)]
    empty = empty[np.isin(devices[empty], np.array(doubtful, np.uint64))]
    unsized: list[int] = []
    for first in range(0, len(empty), _AT_ONCE):
        if first and progress is not None:
            progress(len(manifest), int(sizes.sum()), manifest.paths[int(empty[first])])
        unsized += _with_bytes(manifest, empty[first : first + _AT_ONCE].tolist())
    if not unsized:
        return manifest
    why = "left out: its size is told as 0, and yet it has bytes"
    manifest.errors.extend(ScanNote(manifest.paths[index], why) for index in unsized)
    return reordered(manifest, np.delete(np.arange(len(manifest)), unsized).tolist(), manifest.spill)


def _may_be_untrue(device: int) -> bool:
    """Whether files of a device may be made up as they are read: on Linux, such devices are no real ones."""
    return sys.platform != "linux" or os.major(device) == 0


def _with_bytes(manifest: Manifest, rows: list[int]) -> list[int]:
    """Those of some entries of which a byte can be read, while their size is 0."""
    for _ in range(_LOOKS):
        if rows:
            _, seen = read_and_look([(path, 0, 1) for path in manifest.sources(rows)])
            sizes = np.frombuffer(seen, np.uint64)[:: len(seen) // 8 // len(rows)]
            rows = [row for row, size in zip(rows, sizes.tolist(), strict=True) if size == 0]
    return rows
