"""A folder's plain files, taken by one call and in columns; most entries of most trees are plain."""

from __future__ import annotations

from array import array
from itertools import compress
from typing import TYPE_CHECKING

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
    plain, inodes = numbers[::_COLUMNS], numbers[4::_COLUMNS]
    if not never.isdisjoint(inodes):
        plain = array(
            "Q", [is_plain and inode not in never for is_plain, inode in zip(plain, inodes, strict=True)]
        )
    count = sum(plain)
    columns = [numbers[column::_COLUMNS] for column in range(1, _COLUMNS)]
    others: list[bytes] = []
    if count < len(names):
        others = [child for child, is_plain in zip(names, plain, strict=True) if not is_plain]
        names = list(compress(names, plain))
        columns = [array("Q", compress(column, plain)) for column in columns]
    prefix = name + b"/"
    found.paths.extend([prefix + child for child in names])
    sizes, mtimes_ns, ctimes_ns, inodes, devices, modes, nlinks = columns
    for signed, values in ((found.mtimes_ns, mtimes_ns), (found.ctimes_ns, ctimes_ns)):
        signed.frombytes(values.tobytes())
    for column, values in ((found.sizes, sizes), (found.inodes, inodes), (found.devices, devices)):
        column.extend(values)
    for column, values in ((found.modes, modes), (found.nlinks, nlinks)):
        column.extend(array(column.typecode, values))
    found.inputs.extend(array(found.inputs.typecode, [number]) * count)
    found.kinds.extend(array(found.kinds.typecode, [MemberKind.FILE]) * count)
    return others, sum(sizes)
