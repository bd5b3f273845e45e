"""A folder's plain files, taken by one call and in columns; most entries of most trees are plain."""

from __future__ import annotations

from array import array
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from ucompress.files import list_folder
from ucompress.scan.manifest import MemberKind

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from ucompress.scan.building import Listed

_COLUMNS = 8


def take_plain(
    found: Listed, name: bytes, source: bytes, number: int, never: AbstractSet[int]
) -> tuple[list[bytes], int] | None:
    """Add the plain files of a folder to a scan: regular ones without extended attributes.

    Args:
        found: takes them.
        name: the folder's member path.
        source: where it lies.
        number: that of the input.
        never: inodes of files that may be among those never packed; they are not taken.

    Returns:
        The names of what else is in the folder, and how many bytes the files taken have; None where it
        cannot be listed like this.
    """
    try:
        names, table = list_folder(source)
    except OSError:
        return None
    numbers = array("Q", table)
    plain, inodes = (numbers[column::_COLUMNS] for column in (0, 4))
    if not never.isdisjoint(inodes):
        plain = array(
            "Q", [is_plain and inode not in never for is_plain, inode in zip(plain, inodes, strict=True)]
        )
    count = sum(plain)
    if count < len(names):
        others = [child for child, is_plain in zip(names, plain, strict=True) if not is_plain]
        names = list(compress(names, plain))
    else:
        others = []
    prefix = name + b"/"
    chosen = np.flatnonzero(np.frombuffer(plain, np.uint64))
    rows = np.frombuffer(table, np.uint64).reshape(-1, _COLUMNS)[chosen]
    found.paths.extend([prefix + child for child in names])
    for column, values in (
        (found.sizes, rows[:, 1]),
        (found.mtimes_ns, rows[:, 2]),
        (found.ctimes_ns, rows[:, 3]),
        (found.inodes, rows[:, 4]),
        (found.devices, rows[:, 5]),
        (found.modes, rows[:, 6]),
        (found.nlinks, rows[:, 7]),
        (found.inputs, np.full(count, number, np.uint64)),
        (found.kinds, np.full(count, MemberKind.FILE, np.uint8)),
    ):
        column.frombytes(values.astype(column.typecode).tobytes())
    return others, int(rows[:, 1].sum())
