"""The parsers of what an archive and a database are made of, on bytes as they come.

Where a check stands over the bytes it is made right, so that what lies behind it is reached. Bytes are
refused by the error that the parser documents, or what they mean is within its bounds.
"""

from __future__ import annotations

import contextlib
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from archive.build import stored_pages
from archive.test_hostile import a_directory, assert_alike, rows
from fuzz.archives import assert_bounded, exercise
from fuzz.codecs import DICTIONARY, TEXT
from golden.patch import Patch
from ucompress.archive import ArchiveHeader
from ucompress.archive.format.coding import code_dictionary, decode_shared
from ucompress.archive.format.layout import (
    NO_ID,
    PAGE_HEADER_SIZE,
    BlockHeader,
    Footer,
    PageHeader,
    SectionHeader,
    check,
)
from ucompress.archive.format.members import Members
from ucompress.archive.format.parity import ProtectedPayload, build_parity
from ucompress.archive.reading.blocks import read_dictionary
from ucompress.archive.writing.encode import encode_page
from ucompress.checksum import run_check
from ucompress.database import PatternDatabase
from ucompress.errors import ArchiveError, CompressionError
from ucompress.pipeline.placing.plan import Content, Plan, plan_archive

GOLDEN = Path(__file__).parents[1] / "golden" / "good"

SIZES = np.array([5, 3000, 70_000, 0, 1 << 20], dtype=np.int64)
"""Of the contents that a plan is read for."""


def headers(data: bytes) -> None:
    """u8 which | the header, its own check left out."""
    which, body = data[:1].ljust(1, b"\0")[0] % 5, data[1:]
    with contextlib.suppress(ArchiveError):
        if which == 0:
            header = ArchiveHeader.from_bytes(body[:56] + check(body[:56], 8))
            assert not 1 <= header.level <= 9 or ArchiveHeader.from_bytes(header.to_bytes()) == header
        elif which == 1:
            section = SectionHeader.from_bytes(body[:24] + check(NO_ID + body[:24], 8), NO_ID)
            assert section.to_bytes(NO_ID)[:24] == body[:24]
        elif which == 2:
            block = BlockHeader.from_bytes(body[:44] + check(NO_ID + body[:44], 4), NO_ID)
            assert block.to_bytes(NO_ID)[:44] == body[:44]
        elif which == 3:
            PageHeader.from_bytes(body).require_known("a page")
        else:
            Footer.from_bytes(body[:128] + check(body[:128], 8) + body[128:])


def page(data: bytes) -> None:
    """u8 digests (odd: 8 bytes each) | u16 entries | an index page as it is decoded."""
    head, decoded = data[:3].ljust(3, b"\0"), data[3:]
    entries = int.from_bytes(head[1:], "little") + 1
    assert_alike(PageHeader.wrap(0, decoded, len(decoded), entries), 8 * (head[0] & 1))


def directory(data: bytes) -> None:
    """A directory as it is decoded."""
    assert_bounded(len(data).to_bytes(4, "little") * 2 + b"\0" + data)


def dictionary(data: bytes) -> None:
    """u8 codec | u24 size | a dictionary as it is coded."""
    head, coded = data[:4].ljust(4, b"\0"), data[4:]
    size = int.from_bytes(head[1:], "little")
    with contextlib.suppress(ArchiveError):
        decoded = decode_shared(head[0], coded, size)
        assert len(decoded) == size
        payload = head[:1] + size.to_bytes(4, "little") + check(decoded, 16) + coded
        protected = payload + build_parity(payload)
        read = ProtectedPayload(lambda at, length: protected[at : at + length], 0, len(payload))
        assert read_dictionary(read) == decoded


def plan(data: bytes) -> None:
    """A plan's numbers, for contents of `SIZES`."""
    body = zlib.compress(data, 1)
    with contextlib.suppress(ValueError):
        read = Plan.from_bytes(b"UCPLAN\0\1" + run_check(body).to_bytes(8, "little") + body, SIZES)
        again = Plan.from_bytes(read.to_bytes(), SIZES)
        assert again.fits(SIZES) == read.fits(SIZES)
        if read.fits(SIZES):
            assert [sum(extent.length for extent in extents) for extents in read.extents] == SIZES.tolist()


def archive(data: bytes) -> None:
    """An archive: opened, listed, read, verified, and extracted."""
    exercise(data, None, Random(len(data)))


def database(data: bytes) -> None:
    """The file of a database: opened and asked for what it has, or refused."""
    with tempfile.TemporaryDirectory() as work:
        path = Path(work, "p.db")
        path.write_bytes(data)
        with contextlib.suppress(CompressionError), PatternDatabase(path) as opened:
            job = opened.jobs.latest()
            _ = opened.jobs.progress()
            if job is not None:
                opened.jobs.blocks(job.id)


def _plan_numbers() -> bytes:
    contents = [Content(k, b"%d" % k, int(size)) for k, size in enumerate(SIZES)]
    whole = plan_archive(contents, lambda number, at, length: (TEXT * 200)[at : at + length].ljust(length))
    return zlib.decompress(whole.to_bytes()[16:])


def seeds() -> dict[str, list[bytes]]:
    """Sound inputs for each target."""
    made: dict[str, list[bytes]] = {name: [] for name in TARGETS}
    for seed in range(8):
        entries = rows(seed)
        with stored_pages():
            whole = encode_page(Members.of(entries), 8)
        head = PageHeader.from_bytes(whole[:PAGE_HEADER_SIZE])
        decoded = decode_shared(head.codec, whole[PAGE_HEADER_SIZE:], head.decoded_size)
        made["page"].append(b"\1" + (len(entries) - 1).to_bytes(2, "little") + decoded)
    payload = a_directory()
    made["directory"].append(decode_shared(payload[8], payload[9:], int.from_bytes(payload[4:8], "little")))
    for level in (1, 6):
        codec, coded = code_dictionary(DICTIONARY[:900], level)
        made["dictionary"].append(bytes([codec]) + (900).to_bytes(3, "little") + coded)
    made["dictionary"].append(b"\0" + (9).to_bytes(3, "little") + b"as it is.")
    made["plan"].append(_plan_numbers())
    for path in sorted(GOLDEN.glob("*.ucz"), key=lambda path: path.stat().st_size)[:6]:
        data = path.read_bytes()
        made["archive"].append(data)
        made["headers"] += [b"\0" + data[:56], b"\4" + data[-144:][:128] + data[-8:]]
        patch = Patch(data)
        for number in range(min(1, len(patch.directory.blocks))):
            made["headers"].append(b"\2" + data[patch.block(number).at :][:44])
        made["headers"].append(b"\1" + data[patch.footer.directory_at :][:24])
        at = patch.directory.index.section_at
        made["headers"].append(b"\3" + data[at + 32 :][:PAGE_HEADER_SIZE])
    with tempfile.TemporaryDirectory() as work:
        path = Path(work, "p.db")
        with PatternDatabase(path) as made_here:
            number = made_here.jobs.open(b"k" * 16, {"as": "it was"})
            made_here.jobs.set_progress(number, {"type": "progress"})
        made["database"].append(path.read_bytes())
    return made


TARGETS: dict[str, Callable[[bytes], None]] = {
    "headers": headers,
    "page": page,
    "directory": directory,
    "dictionary": dictionary,
    "plan": plan,
    "archive": archive,
    "database": database,
}
