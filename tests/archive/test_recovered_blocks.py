"""A recovered archive whose dictionary is lost gives no bytes that the dictionary should have told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from archive.build import plan_files, write
from ucompress.archive import Archive, ArchiveHeader
from ucompress.archive.format.layout import HEADER_SIZE
from ucompress.errors import ArchiveError

WORDS = b"".join(b"key_%d = value(%d)  # %04x\n" % (n, n * n, n * 7919 % 65536) for n in range(1500))
FILES = {b"d/%d.txt" % n: WORDS[n * 900 : n * 900 + 700 + n] for n in range(20)}


@pytest.mark.parametrize("level", [1, 3, 4, 6, 7, 9])
@pytest.mark.parametrize("cut", [HEADER_SIZE, HEADER_SIZE + 9, HEADER_SIZE + 60])
def test_no_file_comes_out_wrong_where_the_dictionary_is_lost(tmp_path: Path, level: int, cut: int) -> None:
    path = tmp_path / "a.ucz"
    header = ArchiveHeader(level=level, largest_block=1 << 16, decoder_memory=32 << 20)
    write(path, plan_files(FILES, block=5000), header=header, dictionary=WORDS[: 1000 * level])
    data = path.read_bytes()
    with Archive(io.BytesIO(data[:cut] + data[cut + 8 :]), recover=True) as archive:
        for name, content in FILES.items():
            try:
                assert archive.read(name) == content
            except ArchiveError:
                continue
