"""The command that gives a tree back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ucompress.cli import options as o
from ucompress.cli.declared import Option
from ucompress.cli.ending import ending_in_order
from ucompress.cli.output import complain, json_lines, tell, write_warning_document
from ucompress.cli.sources import how_to_mend, lost_with_index, opened
from ucompress.config import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucompress.archive import ExtractionLimits, ExtractionReport

HERE = Path()


def extract(
    archive: o.ArchivePath,
    members: o.Members = None,
    directory: Annotated[
        Path, Option("--directory", "-C", metavar="DIR", folder=True, help="Where to; made if missing.")
    ] = HERE,
    force: Annotated[bool, Option("--force", help="Overwrite files that exist.")] = False,
    setuid: Annotated[
        bool, Option("--setuid", help="Give back set-user-ID and set-group-ID bits; the files are yours.")
    ] = False,
    threads: o.Threads = None,
    recover: o.Recover = False,
    max_members: Annotated[
        int | None,
        Option("--max-members", metavar="N", min=0, help="Refuse more members; 100 million if not given."),
    ] = None,
    max_size: Annotated[
        int | None,
        Option(
            "--max-size",
            metavar="MB",
            min=0,
            help="Refuse more content; what the disk has free if not given.",
        ),
    ] = None,
    max_file_size: Annotated[
        int | None,
        Option(
            "--max-file-size",
            metavar="MB",
            min=0,
            help="Refuse a larger file, holes counted; 64 TiB if not given.",
        ),
    ] = None,
    max_depth: Annotated[
        int | None,
        Option(
            "--max-depth", metavar="N", min=1, help="Refuse a path of more components; 1024 if not given."
        ),
    ] = None,
    max_path: Annotated[
        int | None,
        Option("--max-path", metavar="BYTES", min=1, help="Refuse a longer path; 65535 if not given."),
    ] = None,
    max_memory: o.MaxMemory = o.DEFAULT_MAX_MEMORY,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: Annotated[bool, Option("--verbose", "-v", help="Name each file.")] = False,
) -> None:
    """Unpack all members, or some."""

    def name_it(name: str, _size: int) -> None:
        from ucompress.render.format import display_text

        tell(display_text(name))

    from ucompress.heap import keep_freed_memory

    keep_freed_memory()

    def kept() -> str:
        there = f"what was complete by then is in {os.fspath(directory)}"
        return there if os.path.lexists(directory) else "nothing was written"

    with ending_in_order(kept), opened(archive, recover=recover, memory=max_memory) as source:
        report = source.extract(
            directory,
            members or None,
            force=force,
            setuid=setuid,
            threads=threads,
            limits=_limits(max_members, max_size, max_file_size, max_depth, max_path),
            progress=name_it if verbose and not json else None,
        )
        mend = how_to_mend(source, archive) if report.damaged or report.nameless else ""
    if json:
        _tell_as_json(report, directory)
    else:
        _tell(report, directory, quiet=quiet)
    if not report.complete:
        raise report.kind(f"{_missing(report)}; {_given_back(report, members)}{mend}")


def _missing(report: ExtractionReport) -> str:
    """How many members were not given back, those without names too."""
    from ucompress.render.format import counted

    missing = []
    if lost := len(report.failed) - report.incomplete:
        missing.append(f"{counted(lost, 'member')} could not be given back")
    if report.incomplete:
        missing.append(f"{counted(report.incomplete, 'member')} could not be given back whole")
    if report.nameless:
        missing.append(lost_with_index(report.nameless))
    return "; ".join(missing)


def _given_back(report: ExtractionReport, members: list[str] | None) -> str:
    """What became of the members that are not missing."""
    if not (report.files or report.folders or report.links or report.incomplete):
        return "no member was given back"
    return f"all others{' that were asked for' if members else ''} were given back"


def _limits(
    members: int | None, size: int | None, file_size: int | None, depth: int | None, path: int | None
) -> ExtractionLimits:
    """The limits asked for, and the usual ones where none was."""
    from ucompress.archive import ExtractionLimits

    wanted = {
        "members": members,
        "content_bytes": None if size is None else size * MIB,
        "file_bytes": None if file_size is None else file_size * MIB,
        "depth": depth,
        "path_bytes": path,
    }
    return ExtractionLimits(**{name: value for name, value in wanted.items() if value is not None})


def _tell(report: ExtractionReport, directory: Path, *, quiet: bool) -> None:
    if quiet and not report.failed:
        return
    from ucompress.render.format import counted, display_path, format_bytes

    for path, message in report.failed:
        complain(f"{display_path(path)}: {message}")
    if not quiet:
        for message in (*_about_names(report), *(message for *_, message in _about_losses(report))):
            complain(message)
        kinds = ((report.files, "file"), (report.folders, "folder"), (report.links, "link"))
        counts = ", ".join(counted(number, kind) for number, kind in kinds)
        where = display_path(directory)
        if report.loose.folder:
            complain(_about_blocks(report, directory))
        tell(f"{counts}, {format_bytes(report.content_bytes)} in {where}")


def _about_blocks(report: ExtractionReport, directory: Path) -> str:
    """What is in the folder of blocks that hold bytes of members without names."""
    from ucompress.render.format import counted, display_path

    where = display_path(os.path.join(os.fsencode(directory), report.loose.folder))  # noqa: PTH118
    lost = f"; {counted(report.loose.lost, 'more block')} cannot be read" if report.loose.lost else ""
    return (
        f"{counted(report.loose.blocks, 'block')} with bytes of members without names in {where}: contents "
        f"of files one after the other, as they were packed, what files share once{lost}"
    )


def _about_names(report: ExtractionReport) -> list[str]:
    """What other systems would make of the members' names, a sentence each."""
    from ucompress.render.format import counted, display_path

    names, told = report.names, []
    if names.namesakes:
        path, earlier = map(display_path, names.namesakes[0])
        count = counted(names.namesakes_found, "member")
        told.append(
            f"{count} would meet another one where case or Unicode form does not count: {path} and {earlier}"
        )
    if names.unportable is not None:
        unportable, why = names.unportable
        count = counted(names.unportable_found, "member")
        told.append(f"{count} cannot be given back on Windows: {display_path(unportable)} has {why}")
    return told


_LOSSES = {
    "setuid": "had set-user-ID or set-group-ID bits, which are given back with --setuid only",
    "other_attributes": "had attributes that are not given back, as they may give rights",
    "attributes": "had attributes that cannot be kept there",
    "modes": "did not get their modes, for the file system does not let them be set",
    "times": "did not get their times, for the file system cannot keep them",
}


def _about_losses(report: ExtractionReport) -> Iterator[tuple[str, int, bytes, str]]:
    """What members did not get back: kind, how many, the first of them, and a sentence."""
    from ucompress.render.format import counted, display_path

    for what, count, first in report.losses:
        shown = display_path(first)
        example = shown if count == 1 else f"the first is {shown}"
        yield what, count, first, f"{counted(count, 'member')} {_LOSSES[what]}: {example}"


def _tell_as_json(report: ExtractionReport, directory: Path) -> None:
    from ucompress.render.documents import damage_document, dropped_document, extracted_document

    lines = json_lines()
    for path, message in report.failed:
        lines.write(damage_document(path, message))
    for message in (
        *_about_names(report),
        *([_about_blocks(report, directory)] if report.loose.folder else ()),
    ):
        write_warning_document(message)
    for what, count, first, message in _about_losses(report):
        lines.write(dropped_document(what, first, count=count, message=message))
    lines.write(
        extracted_document(
            os.fsencode(directory),
            files=report.files,
            folders=report.folders,
            links=report.links,
            content_bytes=report.content_bytes,
            failed=len(report.failed),
            nameless=report.nameless if report.nameless >= 0 else None,
            loose_blocks=report.loose.blocks,
        )
    )
