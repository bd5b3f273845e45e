"""The command that mends a damaged archive."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ucompress.cli import options as o
from ucompress.cli.declared import Argument, Option
from ucompress.cli.ending import ending_in_order
from ucompress.cli.output import json_lines, tell
from ucompress.cli.sources import STDIN
from ucompress.errors import ArchiveError, CorruptArchiveError, UsageError

if TYPE_CHECKING:
    from ucompress.archive.writing.repair import RepairReport


def repair(
    archive: Annotated[Path, Argument(metavar="ARCHIVE", help="The archive; it is left as it is.")],
    output: Annotated[
        Path | None,
        Option(
            "--output", "-o", metavar="OUT", help="The mended archive. [ARCHIVE's name with .repaired.ucz]"
        ),
    ] = None,
    force: Annotated[bool, Option("--force", help="Replace any file at the output's name.")] = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Mend a damaged archive by its recovery record, into a new file."""
    from ucompress.archive.writing.repair import repair as mend
    from ucompress.pipeline.jobs.refusals import refuse_to_replace

    if archive == STDIN:
        raise UsageError("repair needs an archive by its name, not on standard input")
    if output == STDIN:
        raise UsageError(
            "repair writes no archive to standard output: name a file with -o (./- if it is called -)"
        )
    target = output or archive.with_suffix(".repaired.ucz")
    if target.exists() and archive.exists() and target.samefile(archive):
        raise UsageError(f"{target} is the damaged archive itself; name another file with -o")
    if target.is_dir():
        raise UsageError(f"the output {target} is a folder; name a file with -o").about(target)
    if not force:
        refuse_to_replace(target, archives=False)
    with ending_in_order("nothing was written"):
        try:
            report = mend(archive, target, force=force)
        except ArchiveError as error:
            if error.path is None:
                error.about(archive)
            sound = _sound_without_record(archive) if isinstance(error, CorruptArchiveError) else None
            if sound is None:
                raise
            report = sound
    if json:
        from ucompress.render.documents import repaired_document

        json_lines().write(
            repaired_document(
                os.fsencode(archive if report.sound else target),
                archive_bytes=report.archive_bytes,
                sectors=report.sectors,
                sector_bytes=report.sector_bytes,
                mended=report.mended,
                record_mended=report.record_mended,
            )
        )
    elif not quiet:
        tell(_told(report, archive, target))


def _sound_without_record(archive: Path) -> RepairReport | None:
    """The report on an archive that has no record and needs none; None on any other."""
    from ucompress.archive import Archive
    from ucompress.archive.writing.repair import RepairReport

    try:
        with Archive(archive) as source:
            if source.has_record or not source.verify().ok:
                return None
            return RepairReport(source.statistics.archive_bytes, 0, 0, mended=0, record_mended=False)
    except ArchiveError:
        return None


def _told(report: RepairReport, archive: Path, target: Path) -> str:
    from ucompress.render.format import counted, display_path

    if report.sound and not report.sectors:
        return f"{display_path(archive)}: sound, but without a recovery record; nothing was written"
    if report.sound:
        return f"{display_path(archive)}: every sector is sound; nothing was written"
    what = counted(report.mended, "damaged sector") if report.mended else "a damaged recovery record"
    return f"{what} mended: the archive as it was is {display_path(target)}"
