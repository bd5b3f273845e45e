"""What an archive cannot have of a member, in words; None where it can have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ucompress.limits import PATH_LIMIT, TARGET_LIMIT, XATTR_COUNT_LIMIT, XATTRS_LIMIT

if TYPE_CHECKING:
    from ucompress.scan.opening import Xattrs


def path_fault(path: bytes, whole: str = "left out") -> str | None:
    """Why a member with this path is left out; `whole` says how much is."""
    if len(path) <= PATH_LIMIT:
        return None
    return f"{whole}: its path has {len(path):,} bytes, an archive has room for {PATH_LIMIT:,}"


def target_fault(target: bytes) -> str | None:
    """Why a symbolic link is left out."""
    if 0 < len(target) <= TARGET_LIMIT:
        return None
    return f"left out: its target has {len(target):,} bytes, an archive has room for 1 to {TARGET_LIMIT:,}"


def xattrs_fault(xattrs: Xattrs) -> str | None:
    """Why a member's extended attributes are left out: all of them, for none is worth less than another."""
    size = sum(len(name) + len(value) for name, value in xattrs)
    if len(xattrs) <= XATTR_COUNT_LIMIT and size <= XATTRS_LIMIT:
        return None
    return (
        f"packed, but without its attributes: there are {len(xattrs):,} of {size:,} bytes, an archive has "
        f"room for {XATTR_COUNT_LIMIT:,} of {XATTRS_LIMIT:,}"
    )
