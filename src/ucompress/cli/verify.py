"""The command that checks an archive: all of it, one of so many slices, or as far as time allows."""

from __future__ import annotations

import os
import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ucompress.cli import options as o
from ucompress.cli.declared import Option
from ucompress.cli.output import complain, json_lines, write_warning_document
from ucompress.cli.sources import STDIN, how_to_mend, lost_with_index, opened
from ucompress.errors import (
    ArchiveError,
    CorruptArchiveError,
    InterruptedJobError,
    OutputError,
    UnsupportedArchiveError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ucompress.archive import Archive, BlockShare, VerifyReport

KIND = "ucompress verify position"
LONGEST = 4096
SLICE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,8})")


def verify(
    archive: o.ArchivePath,
    slice: Annotated[
        str | None, Option("--slice", metavar="K/N", help="Decode only the K-th of N parts of the blocks.")
    ] = None,
    seconds: Annotated[
        int | None,
        Option("--for", metavar="SECONDS", min=1, help="Stop after so long; the next run goes on there."),
    ] = None,
    position: Annotated[
        Path | None, Option("--position", metavar="FILE", help="Where --for notes how far it came.")
    ] = None,
    threads: o.Threads = None,
    max_memory: o.MaxMemory = o.DEFAULT_MAX_MEMORY,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Check everything in an archive, or a part of it, without writing to it."""
    began = time.monotonic()
    if (seconds is None) != (position is None):
        raise UsageError("--for and --position go together: how long, and where to note how far that was")
    if position == STDIN:
        raise UsageError("--position names a file that is read and written, not - (./- if it is called -)")
    if position is not None and position.is_symlink():
        raise UsageError(
            f"{position} is a link, which is not followed; it was left alone: name a file with --position"
        ).about(position)
    if position is not None and position.exists() and not position.is_file():
        raise UsageError(
            f"{position} is no file to note a position in; it was left alone: name another with --position"
        ).about(position)
    if slice is not None and seconds is not None:
        raise UsageError("--slice and --for are two ways to check a part: give one of them")
    from ucompress.heap import keep_freed_memory

    keep_freed_memory()
    with opened(archive, memory=max_memory) as source:
        share = _share(source, slice)
        if seconds is not None and position is not None:
            from ucompress.archive import BlockShare

            way = _Way(position, source)
            share = BlockShare(way.next_block, None, lambda: time.monotonic() - began >= seconds, way.passed)
            with way.noted(json=json):
                report = source.verify(threads=threads, share=share)
        else:
            report = source.verify(threads=threads, share=share)
        if json:
            _verdict_as_json(archive, source, report, share)
        elif not quiet:
            _verdict(source, report, share)
        if not report.ok:
            raise _judged(source, report, archive)


def _share(source: Archive, slice: str | None) -> BlockShare | None:
    """The blocks of a slice; slices that follow each other have all blocks, each once."""
    if slice is None:
        return None
    from ucompress.archive import BlockShare

    found = SLICE.fullmatch(slice)
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(
            f"--slice takes K/N with K from 1 to N and at most nine digits, such as 1/10, not {slice}"
        )
    part, parts, total = int(found[1]), int(found[2]), source.statistics.blocks
    return BlockShare(total * (part - 1) // parts, total * part // parts)


def _noted(position: Path, source: Archive) -> int:
    """The block to go on from: 0 for an archive that the file does not speak of, or speaks of as done.

    Raises:
        UsageError: the file is something else; it is left as it is.
        OutputError: it cannot be read.
    """
    import json

    try:
        with position.open("rb") as file:
            data = file.read(LONGEST + 1)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise OutputError(f"cannot read {position}: {error.strerror}").about(position) from error
    try:
        noted = json.loads(data)
        kind, archive, block = noted["type"], noted["archive"], noted["next_block"]
    except (ValueError, TypeError, KeyError, RecursionError):
        kind, archive, block = None, None, 0
    if kind != KIND or type(block) is not int:
        raise UsageError(f"{position} is no position of a check; it was left untouched: name another file")
    return block if archive == source.tree_hash.hex() and 0 <= block < source.statistics.blocks else 0


class _Way:
    """How far a check has come that goes on where the last one stopped.

    Attributes:
        next_block: where to go on from.
        problems: what was found on the way.
    """

    def __init__(self, position: Path, source: Archive) -> None:
        self._position, self._source = position, source
        self.next_block = _noted(position, source)
        self.problems: Sequence[str] = ()

    def passed(self, next_block: int, problems: Sequence[str]) -> None:
        """Some blocks more are checked."""
        self.next_block, self.problems = next_block, problems

    @contextmanager
    def noted(self, *, json: bool) -> Iterator[None]:
        """Note on the way out how far it came; if a signal ends it, tell what the report would have told."""
        try:
            yield
        except InterruptedJobError as error:
            for problem in self.problems:
                if json:
                    write_warning_document(problem)
                else:
                    complain(problem)
            self._note()
            error.add_note(f"how far the check came is noted in {self._position}")
            raise
        self._note()

    def _note(self) -> None:
        """Write it in one step; behind the last block the next check begins anew."""
        import json

        from ucompress.cli.whole import write_whole

        total = self._source.statistics.blocks
        document = {
            "type": KIND,
            "archive": self._source.tree_hash.hex(),
            "next_block": self.next_block if self.next_block < total else 0,
            "blocks": total,
        }
        write_whole(self._position, json.dumps(document).encode() + b"\n")


def _judged(source: Archive, report: VerifyReport, path: Path) -> ArchiveError:
    """What a check that found something comes to."""
    what = "is damaged" if report.damaged else "needs what this program does not have"
    if report.unreadable:
        count = f"{report.unreadable:,} of {len(source):,}"
        rest = f"{count} members cannot be read; `extract` gives the others back"
    else:
        rest = "all members can still be read: `extract` them, and pack them anew"
    kind = CorruptArchiveError if report.damaged else UnsupportedArchiveError
    mend = how_to_mend(source, path) if report.damaged else ""
    return kind(f"{source.name} {what}: {rest}{mend}")


def _verdict(source: Archive, report: VerifyReport, share: BlockShare | None) -> None:
    from ucompress.render.format import counted, display_path, format_bytes

    for problem in (*report.problems, *_not_compared(report)):
        complain(problem)
    told = set(report.problems)
    for member in report.lost:
        if member.message not in told:
            complain(f"{display_path(member.path)} cannot be read: {member.message}")
    if report.nameless:
        complain(lost_with_index(report.nameless))
    if report.ok:
        counts = f"{counted(report.entries, 'member')}, {counted(report.blocks, 'block')}"
        checked = f"{counts}, {format_bytes(report.unique_bytes)}"
        sys.stdout.write(f"{source.name}: sound{_how_far(source, report, share)}: {checked} checked\n")


def _how_far(source: Archive, report: VerifyReport, share: BlockShare | None) -> str:
    """Which blocks a part of a check was about; nothing for a whole one."""
    if share is None:
        return ""
    from ucompress.render.format import counted

    total = source.statistics.blocks
    if report.next_block == share.start:
        return f" as far as was looked: none of the {counted(total, 'block')} falls into this part"
    if report.next_block == share.start + 1:
        return (
            f" as far as was looked: block {share.start:,} of {counted(total, 'block')}, which count from 0"
        )
    last = report.next_block - 1
    return f" as far as was looked: blocks {share.start:,} to {last:,} of {total:,}, which count from 0"


def _not_compared(report: VerifyReport) -> list[str]:
    """What a check left out, if anything."""
    if not report.unhashed:
        return []
    from ucompress.render.format import counted

    files = counted(report.unhashed, "file")
    return [f"{files} not compared with the content hash: too large for what the archive stores"]


def _verdict_as_json(path: Path, source: Archive, report: VerifyReport, share: BlockShare | None) -> None:
    from ucompress.render.documents import damage_document, verify_document

    lines = json_lines()
    for problem in (*report.problems, *_not_compared(report)):
        write_warning_document(problem)
    for member in report.lost:
        lines.write(damage_document(member.path, member.message, block=member.block))
    lines.write(
        verify_document(
            os.fsencode(path),
            members=report.entries,
            blocks=report.blocks,
            checked_bytes=report.unique_bytes,
            damaged=report.unreadable,
            problems=len(report.problems),
            first_block=0 if share is None else share.start,
            next_block=report.next_block,
            total_blocks=source.statistics.blocks,
        )
    )
