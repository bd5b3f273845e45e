"""What commands answer, as JSON documents: members, archives, patterns, verification, jobs.

Each function makes one type of document; the project's `docs/json.md` describes every field.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ucompress.progress import path_fields, plain_text, raw_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ucompress.database import DatabaseFigures, JobRecord
    from ucompress.patterns import PatternEntry

JsonObject = dict[str, Any]


def member_document(
    path: bytes,
    *,
    kind: str,
    size: int,
    mode: int,
    mtime_ns: int,
    blocks: int,
    target: bytes | None = None,
    digest: bytes | None = None,
) -> JsonObject:
    """One member of an archive, as type `member`.

    Args:
        path: member path.
        kind: `file`, `directory`, `symlink` or `hardlink`.
        size: bytes of its content.
        mode: permission bits.
        mtime_ns: last change, in nanoseconds since 1970.
        blocks: number of blocks that reading it decodes.
        target: what a link points to.
        digest: content hash, where the archive has one.
    """
    return {
        "type": "member",
        **path_fields(path),
        "kind": kind,
        "size": size,
        "mode": mode,
        "mtime_ns": mtime_ns,
        **path_fields(target or None, "target"),
        "digest": digest.hex() if digest else None,
        "blocks": blocks,
    }


def info_document(
    archive: bytes,
    *,
    format_version: str,
    level: int,
    members: int,
    files: int,
    original_bytes: int,
    archive_bytes: int,
    dictionary_bytes: int | None,
    blocks: int,
    saved_bytes: Mapping[str, int | None],
    extra: dict[str, Any],
) -> JsonObject:
    """An archive as a whole, as type `info`.

    Args:
        archive: its path.
        format_version: version of the format.
        level: compression level.
        members: all entries.
        files: regular files.
        original_bytes: bytes of all files.
        archive_bytes: size of the archive.
        dictionary_bytes: size of the shared dictionary, decoded; None where it cannot be read.
        blocks: number of blocks.
        saved_bytes: bytes saved by `files`, `segments` and `coding`; None where it is not known.
        extra: further facts, as the command names them.
    """
    return {
        "type": "info",
        **path_fields(archive),
        "format_version": format_version,
        "level": level,
        "members": members,
        "files": files,
        "original_bytes": original_bytes,
        "archive_bytes": archive_bytes,
        "ratio": round(archive_bytes / original_bytes, 6) if original_bytes else 0.0,
        "dictionary_bytes": dictionary_bytes,
        "blocks": blocks,
        "saved_bytes": dict(saved_bytes),
        "extra": extra,
    }


def pattern_document(entry: PatternEntry) -> JsonObject:
    """One pattern, as type `pattern`."""
    return {
        "type": "pattern",
        "pattern_b64": base64.b64encode(entry.pattern).decode("ascii"),
        "text": _text(entry.pattern),
        "length": len(entry.pattern),
        "frequency": entry.frequency,
        "file_count": entry.file_count,
        "saved_bytes": entry.saved_bytes,
        "first_seen": _moment(entry.first_seen),
        "last_updated": _moment(entry.last_updated),
    }


def damage_document(path: bytes, message: str, *, block: int | None = None) -> JsonObject:
    """One member that cannot be read back, as type `damage`.

    Args:
        path: the member.
        message: what is wrong.
        block: the block that is damaged, where it is one.
    """
    return {"type": "damage", **path_fields(path), "message": plain_text(message), "block": block}


def verify_document(
    archive: bytes,
    *,
    members: int,
    blocks: int,
    checked_bytes: int,
    damaged: int,
    problems: int,
    first_block: int,
    next_block: int,
    total_blocks: int,
) -> JsonObject:
    """The verdict on an archive, as type `verify`.

    Args:
        archive: its path.
        members: members checked.
        blocks: blocks decoded.
        checked_bytes: bytes decoded and compared with their checksums.
        damaged: members that cannot be read back.
        problems: all that is not as it should be, repaired or not.
        first_block, next_block: which blocks were to be decoded: from the one on, before the other.
        total_blocks: blocks of the archive.
    """
    return {
        "type": "verify",
        **path_fields(archive),
        "sound": damaged == 0 and problems == 0,
        "members": members,
        "blocks": blocks,
        "checked_bytes": checked_bytes,
        "damaged": damaged,
        "problems": problems,
        "first_block": first_block,
        "next_block": next_block,
        "total_blocks": total_blocks,
    }


def dropped_document(kind: str, path: bytes, *, count: int, message: str) -> JsonObject:
    """What members did not get back, as type `dropped`.

    Args:
        kind: what it is.
        path: the first of them.
        count: how many they are.
        message: the same for people.
    """
    return {
        "type": "dropped",
        "kind": kind,
        "count": count,
        **path_fields(path),
        "message": plain_text(message),
    }


def extracted_document(
    target: bytes,
    *,
    files: int,
    folders: int,
    links: int,
    content_bytes: int,
    failed: int,
    nameless: int | None,
    loose_blocks: int,
) -> JsonObject:
    """What `extract` wrote, as type `extracted`.

    Args:
        target: the folder.
        files, folders, links: members written.
        content_bytes: bytes of the files written.
        failed: members that could not be written.
        nameless: further members, lost with their names; None where nothing tells how many.
        loose_blocks: blocks with their bytes that were written.
    """
    return {
        "type": "extracted",
        **path_fields(target),
        "files": files,
        "folders": folders,
        "links": links,
        "content_bytes": content_bytes,
        "failed": failed,
        "nameless": nameless,
        "loose_blocks": loose_blocks,
    }


def dictionary_document(path: bytes, *, size: int, samples: int, format: str) -> JsonObject:
    """What `train` made, as type `dictionary`.

    Args:
        path: the dictionary.
        size: its bytes.
        samples: files that it was made from.
        format: `raw` or `zstd`.
    """
    return {"type": "dictionary", **path_fields(path), "size": size, "samples": samples, "format": format}


def repaired_document(
    path: bytes, *, archive_bytes: int, sectors: int, sector_bytes: int, mended: int, record_mended: bool
) -> JsonObject:
    """What `repair` did, as type `repaired`.

    Args:
        path: the mended archive, or the sound one that was given.
        archive_bytes: its length.
        sectors: number of its sectors, the record's own left out.
        sector_bytes: bytes of each.
        mended: how many were damaged.
        record_mended: whether the recovery record itself was.
    """
    return {
        "type": "repaired",
        **path_fields(path),
        "archive_bytes": archive_bytes,
        "sectors": sectors,
        "sector_bytes": sector_bytes,
        "mended": mended,
        "record_mended": record_mended,
    }


def analyzed_document(database: bytes, *, patterns: int) -> JsonObject:
    """What `analyze` found, as type `analyzed`.

    Args:
        database: where the patterns stand.
        patterns: patterns of these inputs.
    """
    return {"type": "analyzed", **path_fields(database), "patterns": patterns}


def database_document(database: bytes, figures: DatabaseFigures, freed_bytes: int | None) -> JsonObject:
    """What a database holds, as type `database`.

    Args:
        database: its path.
        figures: what it holds.
        freed_bytes: bytes that `vacuum` gave back; None where it was only looked at.
    """
    return {"type": "database", **path_fields(database), **asdict(figures), "freed_bytes": freed_bytes}


def status_document(record: JobRecord, progress: JsonObject | None) -> JsonObject:
    """A job, as type `status`.

    Args:
        record: the job.
        progress: its progress row: a document of type `progress`, if it ever gave one.
    """
    return {
        "type": "status",
        "job": record.id,
        "key": record.key.hex(),
        "state": record.state.value,
        "pid": record.pid,
        "description": _described(record.description),
        "created_at": _moment(record.created_at),
        "updated_at": _moment(record.updated_at),
        "progress": progress,
    }


def _described(description: Mapping[str, Any]) -> JsonObject:
    """A job's options, its texts as paths are told."""
    document: JsonObject = {}
    for name, value in description.items():
        if isinstance(value, str):
            document |= path_fields(raw_bytes(value), name)
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            document |= _several(name, [raw_bytes(item) for item in value])
        else:
            document[name] = value
    return document


def _several(name: str, paths: list[bytes]) -> JsonObject:
    """Paths as fields: `name` as texts, and `name_b64` where one of them cannot tell its bytes."""
    texts = [path.decode("utf-8", "replace") for path in paths]
    if [text.encode("utf-8") for text in texts] == paths:
        return {name: texts}
    return {name: texts, f"{name}_b64": [base64.b64encode(path).decode("ascii") for path in paths]}


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _text(pattern: bytes) -> str | None:
    try:
        return pattern.decode("utf-8")
    except UnicodeDecodeError:
        return None
