"""Dictionaries for single buffers: trained from samples, used and exported.

A frame of ours around the blocks of one buffer says which dictionary it needs:

    magic "UCZD", version 1                  5 bytes
    dictionary: first bytes of its digest    8 bytes
    content size                             varint
    for every MiB of content: codec id (1 byte), coded size (varint), coded bytes
    check: first bytes of the content's digest (BLAKE3)   8 bytes
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from ucompress import checksum
from ucompress._core import build_dictionary
from ucompress.codec.block import BlockCompressor, BlockDecompressor
from ucompress.codec.levels import DICTIONARY_LIMIT
from ucompress.codec.varint import write_varint
from ucompress.codec.zstd import finalize
from ucompress.config import DEFAULT_DICTIONARY_SIZE, DEFAULT_LEVEL, check_number
from ucompress.errors import CorruptArchiveError, DictionaryMissingError, UnsupportedArchiveError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC: Final = b"UCZD"
VERSION: Final = 1
ID_BYTES: Final = 8
CHECK_BYTES: Final = 8
BLOCK_BYTES: Final = 1 << 20
"""The most bytes of a buffer that are coded as one block."""


class Dictionary:
    """What the buffers of one kind have in common; any number of threads may use one.

    Args:
        data: the dictionary's bytes, at most 8 MiB, best content last; may be empty.
    """

    def __init__(self, data: bytes) -> None:
        """Codecs are made when they are first needed; ValueError for too long a dictionary."""
        if len(data) > DICTIONARY_LIMIT:
            raise ValueError(f"a dictionary has at most {DICTIONARY_LIMIT} bytes, not {len(data)}")
        self.data: Final = bytes(data)
        self._digest = checksum.digest(self.data)
        self._compressors: dict[int, BlockCompressor] = {}

    def __repr__(self) -> str:
        """Size and the beginning of the id."""
        return f"<Dictionary of {len(self.data)} bytes, {self.id[:16]}>"

    def __eq__(self, other: object) -> bool:
        """Equal bytes."""
        return isinstance(other, Dictionary) and self.data == other.data

    def __hash__(self) -> int:
        """Follows the bytes."""
        return hash(self._digest)

    @property
    def id(self) -> str:
        """BLAKE3 of the bytes in hexadecimal digits."""
        return self._digest.hex()

    def compress(self, buffer: bytes | bytearray | memoryview, level: int = DEFAULT_LEVEL) -> bytes:
        """One frame for a buffer of any size.

        Args:
            buffer: any C-contiguous bytes.
            level: 1 to 3 zstd, 4 to 6 our LZ codec, 7 to 9 our mixing codec. ValueError for another.
        """
        content = memoryview(buffer).cast("B")
        compressor = self._compressors.get(level)
        if compressor is None:
            compressor = self._compressors.setdefault(level, BlockCompressor(level, self.data))
        parts = [MAGIC, bytes([VERSION]), self._digest[:ID_BYTES], write_varint(len(content))]
        for at in range(0, len(content), BLOCK_BYTES):
            codec_id, payload = compressor.compress(content[at : at + BLOCK_BYTES])
            parts += [bytes([codec_id]), write_varint(len(payload)), payload]
        parts.append(checksum.short_digest(content, CHECK_BYTES))
        return b"".join(parts)

    def decompress(self, frame: bytes | bytearray | memoryview, max_size: int | None = None) -> bytes:
        """The buffer that `compress` made a frame of.

        Args:
            frame: exactly one frame.
            max_size: the most bytes to decode; None leaves it to the memory there is. Memory is
                taken block by block, not as the frame claims.

        Raises:
            DictionaryMissingError: the frame was made with another dictionary.
            CorruptArchiveError: the frame is damaged, or claims more than `max_size`.
            UnsupportedArchiveError: a newer version of the frame.
        """
        reader = _Reader(memoryview(frame).cast("B"))
        self._check_header(reader)
        size = reader.varint()
        if max_size is not None and size > max_size:
            raise CorruptArchiveError(f"a frame holds {size} bytes; the caller's limit is {max_size}")
        blocks = []
        while size:
            length = min(size, BLOCK_BYTES)
            codec_id = reader.take(1)[0]
            payload = reader.take(reader.varint())
            blocks.append(self._decompressor.decompress(codec_id, payload, length))
            size -= length
        content = b"".join(blocks)
        if checksum.short_digest(content, CHECK_BYTES) != reader.take(CHECK_BYTES) or reader.rest:
            raise CorruptArchiveError("a frame is damaged: its content does not have the checksum it carries")
        return content

    def finalize_zstd(
        self, samples: Iterable[bytes], size: int = DEFAULT_DICTIONARY_SIZE, level: int = 3
    ) -> bytes:
        """The dictionary in zstd's own format, with entropy tables, for `zstd -D` and its libraries.

        Args:
            samples: buffers of the kind that will be coded, to take the tables from.
            size: the most bytes of the result, its header included; at least 256.
            level: the zstd level it is meant for.

        `data` itself serves zstd and brotli as raw content.
        """
        return finalize(self.data, list(samples), size, level)

    @cached_property
    def _decompressor(self) -> BlockDecompressor:
        return BlockDecompressor(self.data)

    def _check_header(self, reader: _Reader) -> None:
        """Refuse what is not a frame of this dictionary."""
        if reader.take(len(MAGIC)) != MAGIC:
            raise CorruptArchiveError("this is not a frame of a ucompress dictionary")
        version = reader.take(1)[0]
        if version != VERSION:
            raise UnsupportedArchiveError(f"a frame has version {version}; this program knows {VERSION}")
        wanted = reader.take(ID_BYTES)
        if wanted != self._digest[:ID_BYTES]:
            raise DictionaryMissingError(
                f"the frame needs the dictionary {wanted.hex()}…, and this one is {self.id[:16]}…"
            )


def train(samples: Iterable[bytes], size: int = DEFAULT_DICTIONARY_SIZE) -> Dictionary:
    """Make a dictionary of what samples have in common.

    Args:
        samples: buffers of one kind, each to be compressed alone; a few hundred or more.
        size: the most bytes of the dictionary.

    Returns:
        A dictionary of at most `size` bytes; empty when the samples share nothing.

    Raises:
        UsageError: the size is no whole number, or negative, or one buffer was given for several.
        TypeError: a sample is no buffer.
    """
    check_number("size", size, least=0)
    if isinstance(samples, str | bytes | bytearray | memoryview):
        raise UsageError(f"samples must be several buffers, not one ({type(samples).__name__})")
    return Dictionary(build_dictionary(list(samples), min(size, DICTIONARY_LIMIT)))


class _Reader:
    """Takes fields from a frame, never past its end."""

    def __init__(self, frame: memoryview) -> None:
        self.rest = frame

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self.rest):
            raise CorruptArchiveError("a frame ends too early")
        taken, self.rest = bytes(self.rest[:count]), self.rest[count:]
        return taken

    def varint(self) -> int:
        """The next number: seven bits a byte, lowest first."""
        value = shift = 0
        while shift < 63:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise CorruptArchiveError("a frame holds a number that is too long")
