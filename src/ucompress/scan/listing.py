"""A folder's plain files, taken by one call and in columns; most entries of most trees are plain."""

from __future__ import annotations

from array import array
from itertools import compress
from typing import TYPE_CHECKING

from ucompress.files import list_folder
from ucompress.scan.manifest import MemberKind

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from ucompress.scan.manifest import Manifest

_COLUMNS = 8


def take_plain(
    found: Manifest, name: bytes, source: bytes, never: AbstractSet[int]
) -> tuple[list[bytes], int] | None:
    """Add the plain files of a folder to a scan: regular ones without extended attributes.

    Args:
        found: the scan; its last input is the folder's.
        name: the folder's member path.
        source: where it lies.
        never: inodes of files that may be among those never packed; they are not taken.

    Returns:
        The names of what else is in the folder, and how many bytes the files taken have; None where it
        cannot be listed like this.
    """
    try:
        names, table = list_folder(source)
    except OSError:
        return None
    numbers, signed = array("Q", table), array("q", table)
    plain, sizes, inodes = (numbers[column::_COLUMNS] for column in (0, 1, 4))
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
    found.paths.extend([prefix + child for child in names])
    found.kinds.frombytes(bytes((MemberKind.FILE,)) * count)
    found.sizes.extend(compress(sizes, plain))
    found.mtimes_ns.extend(compress(signed[2::_COLUMNS], plain))
    found.ctimes_ns.extend(compress(signed[3::_COLUMNS], plain))
    found.inodes.extend(compress(inodes, plain))
    found.devices.extend(compress(numbers[5::_COLUMNS], plain))
    found.modes.extend(compress(numbers[6::_COLUMNS], plain))
    found.nlinks.extend(compress(numbers[7::_COLUMNS], plain))
    found.inputs.extend([len(found.roots) - 1] * count)
    return others, sum(found.sizes[len(found.sizes) - count :])
