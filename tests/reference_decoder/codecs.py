"""Section 11; codecs 2 and 3 have documents of their own, and second decoders in `lz` and `mix`."""

from __future__ import annotations

import sys

from lz import oracle as lz
from mix import oracle as mix

from . import filters, limits
from .conventions import Corrupt, Unsupported, require

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def decode(
    codec_byte: int,
    coded: bytes,
    size: int,
    dictionary: bytes = b"",
    reference: tuple[bytes, int] | None = None,
    level: int | None = None,
) -> bytes:
    """What some coded bytes stand for; `level` is the header's, None for what is no block."""
    limits.coded(len(coded), size)
    codec = codec_byte & 15
    coded, undo = filters.split(codec_byte >> 4, coded)
    if codec_byte == 0:
        data = coded
    elif codec == 1:
        past = zstd.ZstdDict(dictionary, is_raw=True) if len(dictionary) >= 8 else None
        try:
            data = zstd.decompress(coded, zstd_dict=past)
        except zstd.ZstdError as error:
            raise Corrupt(str(error)) from error
    elif codec in (2, 3):
        require(codec == 2 or level is not None, "only blocks may be mixed")
        try:
            if codec == 2:
                data = lz.decode(coded, size, dictionary, reference)
            else:
                data = mix.decode(coded, size, dictionary, level)
        except lz.DamagedError as error:
            raise Corrupt(str(error)) from error
    else:
        raise Unsupported(f"codec {codec_byte}")
    require(len(data) == size, "the decoded size differs")
    return undo(data)
