"""What an archive says of one member."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from ucompress.errors import UsageError
from ucompress.limits import PATH_LIMIT

HOLE = -1
"""The block number of an extent that is zeros and stored nowhere."""

MemberName = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""What names a member: its name, its raw path, or a relative path object."""


class EntryKind(IntEnum):
    """What a member is; `CANCELLED` stands only in errata and takes a member back."""

    FILE = 0
    DIRECTORY = 1
    SYMLINK = 2
    HARDLINK = 3
    CANCELLED = 4


class Extent(NamedTuple):
    """A span of a block's decoded bytes.

    Attributes:
        block: block number, or `HOLE`.
        offset: first byte within the decoded block; 0 for a hole.
        length: bytes, at least 1.
    """

    block: int
    offset: int
    length: int


class Entry(NamedTuple):
    """One member as the index has it.

    Attributes:
        path: raw bytes, components separated by `/`, relative.
        kind: what it is.
        mode: permission bits (0 to 0o7777); file type bits are ignored by the writer.
        mtime_ns: nanoseconds since the epoch; 0 for hard links and cancelled entries.
        size: bytes of a file's content; 0 for all other kinds.
        extents: where the content is; in order, lengths add up to `size`.
        digest: BLAKE3-256 of the content, or its first bytes as read back; None if not kept.
        xattrs: (name, value) pairs, sorted by name.
        target: text of a symbolic link, or the member path that a hard link is another name of.
    """

    path: bytes
    kind: EntryKind = EntryKind.FILE
    mode: int = 0o644
    mtime_ns: int = 0
    size: int = 0
    extents: tuple[Extent, ...] = ()
    digest: bytes | None = None
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    target: bytes = b""


def xattr_bytes(entry: Entry) -> int:
    """Bytes of a member's extended attributes, names and values."""
    return sum([len(name) + len(value) for name, value in entry.xattrs])


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """One member as a reader shows it; a hard link shows the size, mode and time of its file.

    Attributes:
        name: the path as `str` (UTF-8 with surrogate escapes, as `os.fsdecode` gives on Linux).
        path: the path as raw bytes.
        kind: what it is.
        mode: permission bits.
        mtime_ns: nanoseconds since the epoch.
        size: bytes of content.
        stored_extents: extents that point to stored bytes.
        holes: bytes that are zeros and stored nowhere.
        digest: the kept bytes of the content's BLAKE3 hash, or None.
        xattrs: (name, value) pairs.
        target: link target, raw bytes.
    """

    name: str
    path: bytes
    kind: EntryKind
    mode: int
    mtime_ns: int
    size: int
    stored_extents: int
    holes: int
    digest: bytes | None
    xattrs: tuple[tuple[bytes, bytes], ...]
    target: bytes


Progress = Callable[[str, int], None]
"""Called after each file or block, from any thread, with its name and its bytes."""


def path_problem(path: bytes) -> str | None:
    """Why bytes cannot be a member's path (format section 12), or None if they can.

    Args:
        path: raw member path.
    """
    if not 0 < len(path) <= PATH_LIMIT:
        return f"it has {len(path)} bytes; 1 to {PATH_LIMIT} are allowed"
    if b"\0" in path:
        return "it holds a zero byte"
    if path.startswith(b"/"):
        return "it is absolute"
    parts = path.split(b"/")
    if b".." in parts:
        return "it holds a '..' component"
    if b"" in parts or b"." in parts:
        return "it holds an empty or '.' component"
    return None


def paths_are_sound(paths: Sequence[bytes]) -> bool:
    """Whether `path_problem` has nothing to say of any of them: all at once, which is quick."""
    framed = b"\0/" + b"/\0/".join(paths) + b"/\0"
    return not paths or (
        max(map(len, paths)) <= PATH_LIMIT
        and framed.count(b"\0") == len(paths) + 1
        and not any(wrong in framed for wrong in (b"//", b"/./", b"/../"))
    )


def link_problem(path: bytes, target: bytes) -> str | None:
    """Why bytes cannot be the target of a hard link (format section 6.8), or None if they can.

    Args:
        path: the link's raw member path.
        target: what it links to.
    """
    if problem := path_problem(target):
        return problem
    return None if target < path else "it does not come before the link"


def show(path: bytes) -> str:
    """A path for messages: readable, with unprintable and undecodable bytes escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def to_name(path: bytes) -> str:
    """The `str` form of a member path: UTF-8 with surrogate escapes, the same on every machine."""
    return path.decode("utf-8", "surrogateescape")


def to_path(name: MemberName) -> bytes:
    """The raw member path that a name as `to_name` gives it, bytes or a path mean.

    A slash at the end means nothing.

    Raises:
        TypeError: the name is none of these.
        UsageError: it is text that no path could be.
    """
    if not isinstance(name, str | bytes):
        try:
            name = os.fspath(name)
        except TypeError:
            kind = type(name).__name__
            raise TypeError(f"the name of a member is str, bytes or os.PathLike, not {kind}") from None
        if isinstance(name, str):
            name = name.replace(os.sep, "/")
    try:
        path = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise UsageError(f"the name of a member holds what no path can be written with: {name!r}") from error
    return path.rstrip(b"/") or path[:1]
