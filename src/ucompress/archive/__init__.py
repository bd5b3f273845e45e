"""The archive: its format (`docs/format.md`), a writer that can be resumed, a reader, extraction, recovery.

Writing:
    ArchiveWriter.create(partial, ArchiveHeader(...)) / .resume(partial, state), then in this order
    write_dictionary, write_index, write_block ..., finish; sync() at any time; publish(partial, final).
Reading:
    Archive(path or seekable file): names, info, read, open, entries, extract, verify.
"""

from ucompress.archive.entry import HOLE, Entry, EntryKind, Extent, MemberInfo, show, to_name, to_path
from ucompress.archive.extract import ExtractionLimits, ExtractionReport
from ucompress.archive.layout import ArchiveHeader, blocks_bound
from ucompress.archive.reader import Archive, ArchiveStatistics
from ucompress.archive.state import WriterState, WriterTotals, choose_content_hash_bytes, publish
from ucompress.archive.verify import VerifyReport
from ucompress.archive.writer import ArchiveWriter

__all__ = [
    "HOLE",
    "Archive",
    "ArchiveHeader",
    "ArchiveStatistics",
    "ArchiveWriter",
    "Entry",
    "EntryKind",
    "Extent",
    "ExtractionLimits",
    "ExtractionReport",
    "MemberInfo",
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
