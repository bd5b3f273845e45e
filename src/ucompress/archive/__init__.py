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
    from ucompress.archive.entry import HOLE, Entry, EntryKind, Extent, MemberInfo, show, to_name, to_path
    from ucompress.archive.figures import ArchiveStatistics
    from ucompress.archive.layout import ArchiveHeader, blocks_bound
    from ucompress.archive.limits import ExtractionLimits
    from ucompress.archive.members import Members
    from ucompress.archive.outcome import ExtractionReport
    from ucompress.archive.publishing import Occupant, publish
    from ucompress.archive.reader import Archive
    from ucompress.archive.state import WriterState, WriterTotals, choose_content_hash_bytes
    from ucompress.archive.verdict import BlockShare, VerifyReport
    from ucompress.archive.writer import ArchiveWriter

_HOMES = {
    "HOLE": "ucompress.archive.entry",
    "Archive": "ucompress.archive.reader",
    "ArchiveHeader": "ucompress.archive.layout",
    "ArchiveStatistics": "ucompress.archive.figures",
    "ArchiveWriter": "ucompress.archive.writer",
    "BlockShare": "ucompress.archive.verdict",
    "Entry": "ucompress.archive.entry",
    "EntryKind": "ucompress.archive.entry",
    "Extent": "ucompress.archive.entry",
    "ExtractionLimits": "ucompress.archive.limits",
    "ExtractionReport": "ucompress.archive.outcome",
    "MemberInfo": "ucompress.archive.entry",
    "Members": "ucompress.archive.members",
    "Occupant": "ucompress.archive.publishing",
    "VerifyReport": "ucompress.archive.verdict",
    "WriterState": "ucompress.archive.state",
    "WriterTotals": "ucompress.archive.state",
    "blocks_bound": "ucompress.archive.layout",
    "choose_content_hash_bytes": "ucompress.archive.state",
    "publish": "ucompress.archive.publishing",
    "show": "ucompress.archive.entry",
    "to_name": "ucompress.archive.entry",
    "to_path": "ucompress.archive.entry",
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
