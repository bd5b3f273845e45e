"""The command that gives a tree back."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ucompress.cli import options as o
from ucompress.cli.output import complain, json_lines, tell
from ucompress.cli.sources import opened
from ucompress.errors import InterruptedJobError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from ucompress.archive import ExtractionReport

HERE = Path()


def extract(
    archive: o.ArchivePath,
    members: o.Members = None,
    directory: Annotated[
        Path, typer.Option("--directory", "-C", metavar="DIR", help="Where to; made if missing.")
    ] = HERE,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    threads: o.Threads = None,
    recover: o.Recover = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name each file.")] = False,
) -> None:
    """Unpack all members, or some."""

    def name_it(name: str, _size: int) -> None:
        from ucompress.render.format import display_text

        tell(display_text(name))

    with opened(archive, recover=recover) as source, _ending_in_order(directory):
        report = source.extract(
            directory,
            members or None,
            force=force,
            threads=threads,
            progress=name_it if verbose and not json else None,
        )
    if json:
        _tell_as_json(report, directory)
    else:
        _tell(report, directory, quiet=quiet)
    if report.failed:
        from ucompress.render.format import counted

        raise report.kind(f"{counted(len(report.failed), 'member')} could not be given back; all others were")


@contextmanager
def _ending_in_order(directory: Path) -> Iterator[None]:
    """Within, SIGTERM ends the command like Ctrl-C: what is complete gets its name, nothing else stays.

    Raises:
        InterruptedJobError: the signal came; a second one ends the process at once.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before)
        where = os.fspath(directory)
        raise InterruptedJobError(f"stopped by SIGTERM; what was complete by then is in {where}", number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(report: ExtractionReport, directory: Path, *, quiet: bool) -> None:
    if quiet and not report.failed:
        return
    from ucompress.render.format import counted, display_path, format_bytes

    for path, message in report.failed:
        complain(f"{display_path(path)}: {message}")
    if not quiet:
        kinds = ((report.files, "file"), (report.folders, "folder"), (report.links, "link"))
        counts = ", ".join(counted(number, kind) for number, kind in kinds)
        where = display_path(directory)
        tell(f"{counts}, {format_bytes(report.content_bytes)} in {where}")


def _tell_as_json(report: ExtractionReport, directory: Path) -> None:
    from ucompress.render.documents import damage_document, extracted_document

    lines = json_lines()
    for path, message in report.failed:
        lines.write(damage_document(path, message))
    lines.write(
        extracted_document(
            os.fsencode(directory),
            files=report.files,
            folders=report.folders,
            links=report.links,
            content_bytes=report.content_bytes,
            failed=len(report.failed),
        )
    )
