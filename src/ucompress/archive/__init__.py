"""The archive: its format (`docs/format.md`), a writer that can be resumed, a reader, extraction, recovery.

Writing:
    ArchiveWriter.create(partial, ArchiveHeader(...)) / .resume(partial, state), then in this order
    write_dictionary, write_index, write_block ..., finish; sync() at any time; publish(partial, final).
Reading:
    Archive(path or seekable file): names, info, read, open, entries, extract, verify.

Names are loaded when they are first used: who reads need not load what writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ucompress.lazy import loader_of

if TYPE_CHECKING:
    from ucompress.archive.archive import Archive
    from ucompress.archive.extracting.limits import ExtractionLimits
    from ucompress.archive.extracting.outcome import ExtractionReport
    from ucompress.archive.format.entry import (
        HOLE,
        Entry,
        EntryKind,
        Extent,
        MemberInfo,
        show,
        to_name,
        to_path,
    )
    from ucompress.archive.format.figures import ArchiveStatistics
    from ucompress.archive.format.layout import ArchiveHeader, blocks_bound
    from ucompress.archive.format.members import Members
    from ucompress.archive.format.state import WriterState, WriterTotals, choose_content_hash_bytes
    from ucompress.archive.reading.verdict import BlockShare, VerifyReport
    from ucompress.archive.writing.publishing import Occupant, publish
    from ucompress.archive.writing.writer import ArchiveWriter

_HOMES = {
    "HOLE": "ucompress.archive.format.entry",
    "Archive": "ucompress.archive.archive",
    "ArchiveHeader": "ucompress.archive.format.layout",
    "ArchiveStatistics": "ucompress.archive.format.figures",
    "ArchiveWriter": "ucompress.archive.writing.writer",
    "BlockShare": "ucompress.archive.reading.verdict",
    "Entry": "ucompress.archive.format.entry",
    "EntryKind": "ucompress.archive.format.entry",
    "Extent": "ucompress.archive.format.entry",
    "ExtractionLimits": "ucompress.archive.extracting.limits",
    "ExtractionReport": "ucompress.archive.extracting.outcome",
    "MemberInfo": "ucompress.archive.format.entry",
    "Members": "ucompress.archive.format.members",
    "Occupant": "ucompress.archive.writing.publishing",
    "VerifyReport": "ucompress.archive.reading.verdict",
    "WriterState": "ucompress.archive.format.state",
    "WriterTotals": "ucompress.archive.format.state",
    "blocks_bound": "ucompress.archive.format.layout",
    "choose_content_hash_bytes": "ucompress.archive.format.state",
    "publish": "ucompress.archive.writing.publishing",
    "show": "ucompress.archive.format.entry",
    "to_name": "ucompress.archive.format.entry",
    "to_path": "ucompress.archive.format.entry",
}

__all__ = [
    "HOLE",
    "Archive",
    "ArchiveHeader",
    "ArchiveStatistics",
    "ArchiveWriter",
    "BlockShare",
    "Entry",
    "EntryKind",
    "Extent",
    "ExtractionLimits",
    "ExtractionReport",
    "MemberInfo",
    "Members",
    "Occupant",
    "VerifyReport",
    "WriterState",
    "WriterTotals",
    "blocks_bound",
    "choose_content_hash_bytes",
    "publish",
    "show",
    "to_name",
    "to_path",
]


__getattr__ = loader_of(globals(), _HOMES)
