"""Commands that read an archive and write nothing to disk: list, info, cat."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from ucompress.cli import options as o
from ucompress.cli.declared import Argument, Option
from ucompress.cli.output import (
    binary_stdout,
    complain,
    json_lines,
    refuse_stdout,
    write_path,
    write_paths,
    write_table,
    write_warning_document,
)
from ucompress.cli.sources import member_path, opened, refuse_lost, selected
from ucompress.errors import ArchiveError, CorruptArchiveError, UnsupportedArchiveError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ucompress.archive import Archive, Entry
    from ucompress.archive.reading.redundancy import LeftOut

PIECE = 1 << 20
LETTERS = "-dlh"
_KINDS = ("files", "folders", "symbolic links", "hard links")
_SCALES = {"files": "whole files", "segments": "segments", "coding": "coding"}


def list_members(
    archive: o.ArchivePath,
    members: o.Members = None,
    long: Annotated[bool, Option("--long", "-l", help="Mode, size and time too.")] = False,
    null: Annotated[bool, Option("--null", "-0", help="End names with a zero byte.")] = False,
    recover: o.Recover = False,
    json: o.Json = False,
) -> None:
    """List members in the order of their bytes."""
    with opened(archive, recover=recover) as source:
        if json:
            _list_as_json(source, members)
        elif not (long or members):
            write_paths(source.paths(), end=b"\0" if null else b"\n")
        else:
            for entry in selected(source, members, _complain_of_lost):
                arrow = b" -> " + entry.target if long and entry.target else b""
                before = _columns(source, entry) if long else ""
                write_path(entry.path, before=before, after=arrow, end=b"\0" if null else b"\n")
        refuse_lost(source, archive)


def info(archive: o.ArchivePath, recover: o.Recover = False, json: o.Json = False) -> None:
    """Show sizes and what an archive is made of."""
    from ucompress.archive import EntryKind
    from ucompress.archive.reading.redundancy import RedundancyCount

    with opened(archive, recover=recover) as source:
        kinds = dict.fromkeys(EntryKind, 0)
        content, counted = 0, RedundancyCount(source.statistics.unique_bytes)
        for entry in source.entries():
            kinds[entry.kind] += 1
            content += entry.size
            counted.add(entry)
        if json:
            _info_as_json(source, archive, kinds[EntryKind.FILE], content, counted.result())
        else:
            rows = _figures(source, content, counted.result())
            write_table(rows + [(name, f"{kinds[EntryKind(at)]:,}") for at, name in enumerate(_KINDS)])
        refuse_lost(source, archive)


def cat(
    archive: o.ArchivePath,
    members: Annotated[list[str], Argument(metavar="MEMBER", help="Files in the archive.")],
    recover: o.Recover = False,
    force: Annotated[bool, Option("--force", help="Write binary content to a terminal too.")] = False,
    max_memory: o.MaxMemory = o.DEFAULT_MAX_MEMORY,
) -> None:
    """Write members to standard output; only their own blocks are decoded."""
    with opened(archive, recover=recover, memory=max_memory) as source:
        paths = [member_path(member) for member in members]
        for path in paths:
            source.file(path)  # all names are known before the first byte goes out
        for path in paths:
            _copy(source, path, force=force)


def _complain_of_lost(path: bytes, message: str) -> None:
    from ucompress.render.format import display_path

    complain(f"{display_path(path)}: {message}")


def _columns(source: Archive, entry: Entry) -> str:
    try:
        origin = source.origin(entry)
    except CorruptArchiveError:
        if not source.lost_entries:
            raise
        origin = entry  # a hard link to a file without a name
    seconds, nanoseconds = divmod(origin.mtime_ns, 10**9)
    when = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{LETTERS[entry.kind]}{origin.mode:04o} {origin.size:>14,} {when}.{nanoseconds:09d} "


def _list_as_json(source: Archive, members: list[str] | None) -> None:
    from ucompress.render.documents import damage_document, member_document

    lines = json_lines()

    def tell_damage(path: bytes, message: str) -> None:
        lines.write(damage_document(path, message))

    for entry in selected(source, members, tell_damage):
        try:
            info = source.info(entry.path)
        except CorruptArchiveError as error:
            if not source.lost_entries:
                raise
            tell_damage(entry.path, str(error))
            continue
        lines.write(
            member_document(
                info.path,
                kind=info.kind.name.lower(),
                size=info.size,
                mode=info.mode,
                mtime_ns=info.mtime_ns,
                target=info.target or None,
                digest=info.digest,
                blocks=len(source.blocks_of(entry)),
            )
        )


def _figures(source: Archive, content: int, left_out: LeftOut) -> list[tuple[str, str]]:
    from ucompress.render.format import format_bytes

    figures = source.statistics
    rows = [
        ("archive", format_bytes(figures.archive_bytes)),
        ("original", format_bytes(content)),
    ]
    if content and not source.recovered:
        rows.append(("ratio", f"{figures.archive_bytes / content:.4f}"))
    saved = _saved(source, left_out)
    rows += [
        (f"saved by {_SCALES[by]}", format_bytes(size)) for by, size in saved.items() if size is not None
    ]
    rows += [
        ("unique", format_bytes(figures.unique_bytes)),
        ("blocks", f"{figures.blocks:,}, {format_bytes(figures.block_bytes)} in the archive"),
        ("references", f"{figures.references:,} of the blocks are coded after another one"),
        ("dictionary", _dictionary(source)),
        ("index", f"{format_bytes(figures.index_bytes)} in the archive"),
        ("recovery", _recovery(source)),
        ("level", str(figures.level)),
        ("memory to decode", format_bytes(figures.decoder_memory)),
    ]
    return rows


def _saved(source: Archive, left_out: LeftOut) -> dict[str, int | None]:
    """What each scale saved; None where blocks may be lost, whose bytes nothing else tells."""
    known = not source.recovered
    return {
        "files": left_out.files,
        "segments": left_out.segments if known else None,
        "coding": source.statistics.unique_bytes - source.statistics.archive_bytes if known else None,
    }


def _dictionary(source: Archive) -> str:
    from ucompress.render.format import format_bytes

    coded = source.statistics.dictionary_bytes
    if not coded:
        return "none"
    try:
        size = format_bytes(len(source.dictionary))
    except CorruptArchiveError:
        size = "damaged"
    except UnsupportedArchiveError:
        size = "of a codec that this program does not have"
    return f"{size}, {format_bytes(coded)} in the archive"


def _recovery(source: Archive) -> str:
    from ucompress.render.format import format_bytes

    size = source.statistics.recovery_bytes
    return f"a record of {format_bytes(size)}, for `repair`" if size else "no record"


def _info_as_json(source: Archive, path: Path, files: int, content: int, left_out: LeftOut) -> None:
    from ucompress.archive.format.layout import VERSION_MAJOR
    from ucompress.render.documents import info_document

    figures = source.statistics
    try:
        dictionary_bytes = len(source.dictionary)
    except ArchiveError as error:
        dictionary_bytes = None
        write_warning_document(str(error))
    json_lines().write(
        info_document(
            os.fsencode(path),
            format_version=f"{VERSION_MAJOR}.{source.header.version_minor}",
            level=figures.level,
            members=figures.entries,
            files=files,
            original_bytes=content,
            archive_bytes=figures.archive_bytes,
            dictionary_bytes=dictionary_bytes,
            blocks=figures.blocks,
            saved_bytes=_saved(source, left_out),
            extra={
                "unique_bytes": figures.unique_bytes,
                "block_bytes": figures.block_bytes,
                "references": figures.references,
                "dictionary_coded_bytes": figures.dictionary_bytes,
                "index_bytes": figures.index_bytes,
                "recovery_bytes": figures.recovery_bytes,
                "content_hash_bytes": figures.content_hash_bytes,
                "decoder_memory_bytes": figures.decoder_memory,
            },
        )
    )


def _copy(source: Archive, path: bytes, *, force: bool) -> None:
    from ucompress.render.format import display_path

    member = display_path(path)
    with source.open(path) as file:
        piece = file.read(PIECE)
        if sys.stdout.isatty() and not force and not _is_text(piece):
            raise UsageError(
                f"{member} is binary and would go to the terminal: send it to a file, or use --force"
            )
        refuse_stdout(member, force=True)
        with binary_stdout(member) as stream:
            while piece:
                stream.write(piece)
                piece = file.read(PIECE)


def _is_text(piece: bytes) -> bool:
    """Whether bytes may go to a terminal: UTF-8 (cut anywhere at the end) without control characters."""
    try:
        text = piece.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(piece) - 3:
            return False
        text = piece[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\n\r\f" for character in text)
