"""What an archive may ask of an extraction, and what is said of one that asks for more."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ucompress.archive.format.entry import Entry, show
from ucompress.config import MIB, check_number
from ucompress.errors import UnsafeArchiveError

BYTES_PER_EXTENT = 64
"""An extent more is allowed for each so many bytes of content."""


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """What an archive may ask for; on by default.

    Attributes:
        members: number of members.
        content_bytes: stored bytes of all files together, holes not counted, with attributes and targets of
            symbolic links; None: what the target's file system has free.
        file_bytes: size of one file, holes counted.
        depth: components of a path.
        path_bytes: bytes of a path.
        extents: parts that files are put together from, beyond one for each file and one for each
            64 bytes of content.
    """

    members: int = 100_000_000
    content_bytes: int | None = None
    file_bytes: int = 1 << 46
    depth: int = 1024
    path_bytes: int = 65_535
    extents: int = 1 << 20

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.name != "content_bytes":
                check_number(field.name, value, least=0)

    def refusal(self, entry: Entry) -> UnsafeArchiveError:
        """Why a member is refused that exceeds a limit, or with which the parts of files do."""
        depth = entry.path.count(b"/") + 1
        if entry.size > self.file_bytes:
            least = f"--max-file-size {-(-entry.size // MIB)}"
            what, limit, option, field = f"has {entry.size:,} bytes", self.file_bytes, least, "file_bytes"
        elif depth > self.depth:
            what, limit, option, field = f"lies {depth:,} deep", self.depth, f"--max-depth {depth}", "depth"
        elif len(entry.path) > self.path_bytes:
            size = len(entry.path)
            least = f"--max-path {size}"
            what, limit, option, field = f"has a name of {size:,} bytes", self.path_bytes, least, "path_bytes"
        else:
            return _refused(
                f"with {show(entry.path)} the files have more than {self.extents:,} parts beyond those that "
                "their number and sizes explain",
                "extents in Python",
            )
        return _refused(
            f"{show(entry.path)} {what}, and the limit is {limit:,}", f"{option}, or {field} in Python"
        )

    def too_many(self, total: int, entry: Entry | None = None) -> UnsafeArchiveError:
        """Why members are refused that are too many.

        Args:
            total: how many the archive has.
            entry: the first beyond the limit, where some are wanted; None: all are.
        """
        what = f"the archive has {total:,} members"
        if entry is not None:
            what = f"{show(entry.path)} is member {self.members + 1:,}"
        return _refused(
            f"{what}, and the limit is {self.members:,}",
            f"--max-members {total} is enough for all, or members in Python",
        )

    def too_many_blocks(self, total: int) -> UnsafeArchiveError:
        """Why blocks of members without names are refused, which with all members would be so many files."""
        return _refused(
            f"members and blocks of those without names are {total:,}, and the limit is {self.members:,}",
            f"--max-members {total} is enough for all, or members in Python",
        )

    def no_room(self, made: int, free: int, target: bytes) -> UnsafeArchiveError:
        """Why members are refused that are more than the file system has inodes for.

        Args:
            made: files, folders and links, those that were counted so far.
            free: how many may be made.
            target: where.
        """
        return UnsafeArchiveError(
            f"there are {made:,} files, folders and links or more, and {show(target)} has room for {free:,}, "
            "however small they are; nothing was written: remove some, or choose another folder"
        )

    def too_much(self, total: int, free: int, target: bytes) -> UnsafeArchiveError:
        """Why members are refused whose files have more bytes than fit, or than are allowed.

        Args:
            total: stored bytes, those that were counted so far.
            free: how many may be written.
            target: where to.
        """
        if self.content_bytes is None:
            return UnsafeArchiveError(
                f"the files have {total:,} bytes or more, and {show(target)} has room for {free:,}; nothing "
                "was written: make room, or choose another folder"
            )
        least = f"--max-size {-(-total // MIB)} or more, or content_bytes in Python"
        return _refused(f"the files have {total:,} bytes or more, and the limit is {free:,}", least)


def _refused(why: str, option: str) -> UnsafeArchiveError:
    return UnsafeArchiveError(f"{why}; nothing was written. If you trust the archive, raise it: {option}")
