"""Archives with a recovery record: whatever is wrong with them, `repair` writes what they once were."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from archive.build import plan_files, write
from fuzz.codecs import TEXT, Case
from fuzz.mutate import mutate
from ucompress.archive import ArchiveHeader
from ucompress.archive.format.layout import check
from ucompress.archive.format.recovery import MARKER, STRIP_HEADER_SIZE
from ucompress.archive.writing.repair import repair
from ucompress.errors import CompressionError

PERCENTS = (3, 20, 60)


def records() -> Case:
    """Archives whose bytes, or whose record's figures with all checks made right again, are changed."""
    corpus = [_built(percent) for percent in PERCENTS]

    def case(pick: Random) -> None:
        sound = pick.choice(corpus)
        changed = bytearray(sound)
        if pick.random() < 0.4:
            changed[:] = mutate(pick, sound, corpus)
        for _ in range(pick.choice((1, 1, 2, 4))):
            _burst(pick, changed)
        if pick.random() < 0.3:
            _forge(pick, changed)
        with _mended(bytes(changed)) as mended:
            assert mended is None or mended in corpus

    return case


def _built(percent: int) -> bytes:
    files = {b"d/%d" % number: TEXT[number * 700 :][:900] for number in range(9)}
    with tempfile.TemporaryDirectory() as work:
        path = Path(work, "a.ucz")
        write(path, plan_files(files, block=1500), header=ArchiveHeader(level=1), recovery=percent)
        return path.read_bytes()


def _burst(pick: Random, data: bytearray) -> None:
    """Overwrite some bytes in a row."""
    if data:
        at, length = pick.randrange(len(data)), pick.choice((1, 9, 64, 300))
        stray = pick.randbytes(len(data[at : at + length]))
        data[at : at + len(stray)] = stray


def _forge(pick: Random, data: bytearray) -> None:
    """Other figures in all headers of the record, or in one, whose checks fit."""
    at, places = data.find(MARKER), []
    while at >= 0 and at + STRIP_HEADER_SIZE <= len(data):
        places.append(at)
        at = data.find(MARKER, at + 1)
    byte, value = pick.randrange(4, 56), pick.choice((0, 1, 255, pick.randrange(256)))
    for at in places if pick.random() < 0.5 else places[:1]:
        data[at + byte] = value
        data[at + 56 : at + 64] = check(bytes(data[at : at + 56]), 8)


@contextmanager
def _mended(data: bytes) -> Iterator[bytes | None]:
    """What `repair` writes for an archive; None where it writes nothing."""
    with tempfile.TemporaryDirectory() as work:
        path, output = Path(work, "a.ucz"), Path(work, "b.ucz")
        path.write_bytes(data)
        try:
            repair(path, output)
        except CompressionError:
            assert not output.exists()
        assert path.read_bytes() == data
        assert {entry.name for entry in Path(work).iterdir()} <= {"a.ucz", "b.ucz"}
        yield output.read_bytes() if output.exists() else None
