"""The command that gives a tree back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ucompress.cli import options as o
from ucompress.cli.declared import Option
from ucompress.cli.ending import ending_in_order
from ucompress.cli.output import complain, json_lines, tell
from ucompress.cli.sources import opened

if TYPE_CHECKING:
    from ucompress.archive import ExtractionReport

HERE = Path()


def extract(
    archive: o.ArchivePath,
    members: o.Members = None,
    directory: Annotated[
        Path, Option("--directory", "-C", metavar="DIR", help="Where to; made if missing.")
    ] = HERE,
    force: Annotated[bool, Option("--force", help="Overwrite files that exist.")] = False,
    threads: o.Threads = None,
    recover: o.Recover = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: Annotated[bool, Option("--verbose", "-v", help="Name each file.")] = False,
) -> None:
    """Unpack all members, or some."""

    def name_it(name: str, _size: int) -> None:
        from ucompress.render.format import display_text

        tell(display_text(name))

    kept = f"what was complete by then is in {os.fspath(directory)}"
    with opened(archive, recover=recover) as source, ending_in_order(kept):
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
