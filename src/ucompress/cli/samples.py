"""Reads samples for a dictionary, and tells what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ucompress.cli.output import complain, json_lines, tell
from ucompress.config import MIB
from ucompress.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ucompress.progress import Notice

MOST_BYTES = 128 * MIB
"""Bytes of samples that are held at a time: a dictionary learns little from more."""


@dataclass(slots=True)
class Samples:
    """What was found of some samples.

    Attributes:
        contents: their bytes, or as many as fit, in the order of their names.
        unreadable: how many could not be read.
        notices: what there is to tell.
    """

    contents: list[bytes] = field(default_factory=list)
    unreadable: int = 0
    notices: list[Notice] = field(default_factory=list)

    def report(self, *, json: bool, quiet: bool) -> None:
        """Tell it: errors in any case, the rest unless it is to be quiet."""
        from ucompress.progress import Severity, notice_document
        from ucompress.render.format import display_path
        from ucompress.render.plain import notice_line

        for notice in self.notices:
            if json:
                json_lines().write(notice_document(notice))
            elif notice.severity is not Severity.NOTICE:
                where = "" if notice.path is None else f"{display_path(notice.path)}: "
                complain(f"{where}{notice.message}")
            elif not quiet:
                tell(notice_line(notice))


def read_samples(paths: Sequence[Path]) -> Samples:
    """Read files and folders of samples; of each file only the beginning where all would be too much.

    Raises:
        InputError: a path does not exist.
        UsageError: there are no files in any.
    """
    from ucompress.progress import Notice, Severity
    from ucompress.scan import MemberKind, open_source, scan
    from ucompress.scan.rules import locator

    found = Samples()

    def fail(path: bytes, reason: str) -> None:
        found.unreadable += 1
        found.notices.append(Notice(reason, path, Severity.ERROR))

    manifest, where = scan(paths), locator(paths)
    for note in manifest.notices:
        found.notices.append(Notice(note.message, where(note.path)))
    for note in manifest.errors:
        fail(where(note.path), note.message)
    files = [entry for entry in manifest if entry.kind is MemberKind.FILE and entry.size]
    if not files and not found.unreadable:
        raise UsageError("there are no bytes in these samples: name files, or folders of files")
    sizes = [entry.size for entry in files]
    share = share_of_each(sizes, MOST_BYTES)
    if share < max(sizes, default=0):
        much = f"the samples have {sum(sizes):,} bytes: at most the first {share:,} of each are looked at"
        found.notices.append(Notice(much, severity=Severity.WARNING))
    for entry in files:
        try:
            with open(open_source(entry.source), "rb") as file:
                content = file.read(min(entry.size, share))
        except OSError as error:
            fail(entry.source, error.strerror or str(error))
        else:
            if content:
                found.contents.append(content)
    return found


def share_of_each(sizes: Sequence[int], most: int) -> int:
    """The largest number of bytes that may be taken of each file so that all together are at most `most`."""
    left = most
    for rank, size in enumerate(sorted(sizes)):
        fair = left // (len(sizes) - rank)
        if size > fair:
            return fair
        left -= size
    return max(sizes, default=0)
