"""Section 11; codec 2 is in `docs/format-lz.md`, and its second decoder in `tests/lz/oracle.py`."""

from __future__ import annotations

import sys

from lz import oracle

from . import filters, limits
from .conventions import Corrupt, Unsupported, require

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def decode(codec_byte: int, coded: bytes, size: int, dictionary: bytes = b"") -> bytes:
    limits.coded(len(coded), size)
    filter_id, codec = codec_byte >> 4, codec_byte & 15
    if codec_byte == 0:
        data = coded
    elif codec == 1:
        past = zstd.ZstdDict(dictionary, is_raw=True) if len(dictionary) >= 8 else None
        try:
            data = zstd.decompress(coded, zstd_dict=past)
        except zstd.ZstdError as error:
            raise Corrupt(str(error)) from error
    elif codec == 2:
        try:
            data = oracle.decode(coded, size, dictionary)
        except oracle.DamagedError as error:
            raise Corrupt(str(error)) from error
    else:
        raise Unsupported(f"codec {codec_byte}")
    require(len(data) == size, "the decoded size differs")
    return filters.undo(filter_id, data)
