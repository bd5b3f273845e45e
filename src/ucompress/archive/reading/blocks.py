"""Reads blocks: one range of the file each, compared with its check, decoded with the dictionary.

A file needs its block up to its own last byte, and only so far is it decoded: that the coded bytes are those
that were written, their check tells. A block that is decoded whole is compared with its digest, too. So are
all blocks of a recovered archive: the dictionary that they were coded with may be lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ucompress.archive.format.coding import decode_and_prime, decode_shared
from ucompress.archive.format.directory import Directory
from ucompress.archive.format.entry import HOLE, Entry
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    CODED_SLACK,
    SECTION_HEADER_SIZE,
    SUBSTITUTED,
    ArchiveHeader,
    BlockHeader,
    check,
)
from ucompress.archive.format.parity import ProtectedPayload, payload_of
from ucompress.archive.format.source import FileSource
from ucompress.archive.reading.cache import ByteCache
from ucompress.codec.block import (
    BlockDecompressor,
    Reference,
    decoding_threads,
    memory_of_codec,
    shared_decoding_memory,
)
from ucompress.codec.filters import split_id
from ucompress.codec.levels import DICTIONARY_LIMIT, LZ
from ucompress.config import HIGHEST_LEVEL, LOWEST_LEVEL, MIB, available_cores, check_number
from ucompress.errors import ArchiveError, CorruptArchiveError, UnsupportedArchiveError
from ucompress.heap import reuse_freed_spans

if TYPE_CHECKING:
    from ucompress.codec.priming import Primed

_REFERENCE_CACHE = 8 << 20
"""Bytes kept of references as they are coded."""


class BlockReader:
    """Decodes blocks and keeps the last ones; any number of threads may ask.

    Args:
        source: the archive.
        directory: where its blocks are.
        header: what it declares.
        cache: bytes of decoded blocks that are kept.
        memory_bound: most bytes that decoding one block may take, whatever the header declares.
        recovered: the directory is one that was made anew of what was found.

    Attributes:
        decoded: number of blocks decoded so far; references count when they are read.
    """

    def __init__(
        self,
        source: FileSource,
        directory: Directory,
        header: ArchiveHeader,
        cache: int,
        memory_bound: int,
        *,
        recovered: bool = False,
    ) -> None:
        """Nothing is read yet."""
        self._source = source
        self._directory = directory
        self._table = directory.blocks
        self._header = header
        self._memory_bound = memory_bound
        self._recovered = recovered
        self._cache: ByteCache[bytes] = ByteCache(cache)
        self._references: ByteCache[Reference] = ByteCache(_REFERENCE_CACHE)
        self._lock = threading.Lock()
        self._dictionary: bytes | None = None
        self._primed: Primed | None = None
        self._decoder: BlockDecompressor | None = None
        self.decoded = 0

    def clear(self) -> None:
        """Drop the cached blocks, references and what was decoded of them."""
        self._cache.clear()
        self._references.clear()
        if self._decoder is not None:
            self._decoder.forget()

    @property
    def dictionary(self) -> bytes:
        """The dictionary, read and repaired when first asked for; empty if there is none."""
        return self._read_dictionary(decode_shared)

    def _read_dictionary(self, decode: Callable[[int, bytes, int], bytes]) -> bytes:
        with self._lock:
            if self._dictionary is None:
                at, length = self._directory.dictionary_at, self._directory.dictionary_length
                with self._source.explaining(at, SECTION_HEADER_SIZE + length):
                    payload = payload_of(self._source, at, length)
                    self._dictionary = read_dictionary(payload, decode) if at else b""
            return self._dictionary

    def _decode_and_prime(self, codec: int, coded: bytes, size: int) -> bytes:
        if self._memory(LZ, size, 0, 0) > self._memory_bound:
            return decode_shared(codec, coded, size)
        dictionary, self._primed = decode_and_prime(codec, coded, size, self._header.level)
        return dictionary

    def get(self, number: int, first: int) -> bytes:
        """A block's decoded bytes, at least the `first` if it has them, from the cache if they are there.

        Who asks for more than is at hand gets the whole block, so that none is decoded a third time.
        """
        cached = self._cache.get(number)
        if cached is not None and len(cached) >= min(first, self._table.decoded[number]):
            return cached
        data = self.decode(number, first if cached is None else None)
        self._cache.put(number, data, len(data))
        return data

    def decode(self, number: int, first: int | None = None) -> bytes:
        """Read, decode and check a block, past the cache.

        Args:
            number: of the block.
            first: the caller needs so many bytes, and may get more; None: all.

        Raises:
            CorruptArchiveError: it is damaged, or not there.
            UnsupportedArchiveError: decoding it would take more memory than is allowed.
        """
        header, payload = self._read(number)
        reference = self._reference(number)
        self._check_memory(header, reference)
        if self._recovered:
            first = None
        decoder = self._decompressor()
        try:
            content = decoder.decompress(header.codec, payload, header.decoded_size, reference, first)
        except CorruptArchiveError as error:
            raise CorruptArchiveError(f"block {number} is damaged: {error}") from error
        if len(content) == header.decoded_size and check(content, 16) != header.digest:
            raise CorruptArchiveError(f"block {number} is damaged: its digest differs")
        with self._lock:
            self.decoded += 1
        return content

    def _check_memory(self, header: BlockHeader, reference: Reference | None) -> None:
        behind = reference.size if reference is not None else 0
        primes = split_id(header.codec)[0] == LZ
        dictionary = self._read_dictionary(self._decode_and_prime if primes else decode_shared)
        needed = self._memory(header.codec, len(dictionary), header.decoded_size, behind)
        if needed > self._memory_bound:
            raise too_much_memory(f"decoding block {header.number}", needed, self._memory_bound)

    def _memory(self, codec: int, dictionary: int, block: int, behind: int) -> int:
        return memory_of_codec(codec, self._header.level, dictionary, block, behind)

    def threads(self, wanted: int | None) -> int:
        """How many threads may decode at the same time within the memory bound, of as many as are wanted.

        Args:
            wanted: None: as many as there are cores.

        Raises:
            UsageError: what is wanted is no number from 1 on.
        """
        if wanted is not None:
            check_number("threads", wanted, least=1)
        fitting = decoding_threads(self._memory_bound, *self._most_decoded())
        return min(wanted or available_cores(), fitting)

    def room_beside(self, threads: int) -> int:
        """Bytes of the memory bound that so many decoding threads leave."""
        shared, each = shared_decoding_memory(*self._most_decoded())
        return max(0, self._memory_bound - shared - threads * each)

    def _most_decoded(self) -> tuple[int, int, int, int]:
        """The level, and bytes of the dictionary, the largest block and the largest reference."""
        largest = max(self._table.decoded, default=0)
        behind = largest if any(self._table.references) else 0
        try:
            dictionary = len(self.dictionary)
        except ArchiveError:  # without it nothing is decoded
            dictionary = 0
        # A header may claim any level, and be read all the same.
        level = min(max(self._header.level, LOWEST_LEVEL), HIGHEST_LEVEL)
        return level, dictionary, largest, behind

    def batches(self, blocks: Iterable[int]) -> list[list[int]]:
        """Blocks, rising, put together with those that have the same reference, which comes first.

        Decoded in this order by one thread, each reference is decoded once.
        """
        references, count = self._table.references, len(self._table)
        batches: dict[int, list[int]] = {}
        for number in sorted(blocks):
            first = number - references[number] if 0 <= number < count else number
            batches.setdefault(first, []).append(number)
        return list(batches.values())

    def _reference(self, number: int) -> Reference | None:
        """The block that a block was coded after, as it is coded."""
        at = self._table.reference(number)
        if at is None:
            return None
        known = self._references.get(at)
        if known is None:
            try:
                header, payload = self._read(at)
            except CorruptArchiveError as error:
                raise CorruptArchiveError(f"block {number} is coded after another one: {error}") from error
            known = Reference(header.codec, payload, header.decoded_size)
            self._references.put(at, known, len(payload))
            with self._lock:
                self.decoded += 1
        return known

    def _read(self, number: int) -> tuple[BlockHeader, bytes]:
        """Header and coded bytes of a block, with one read."""
        table = self._table
        if number >= len(table) or table.at[number] < 0:
            raise CorruptArchiveError(f"block {number} is not there")
        coded, decoded = table.coded[number], table.decoded[number]
        data = self._source.read_at(table.at[number], BLOCK_HEADER_SIZE + coded)
        try:
            header = BlockHeader.from_bytes(data[:BLOCK_HEADER_SIZE], self._directory.archive_id)
        except CorruptArchiveError as error:
            raise CorruptArchiveError(f"block {number} is damaged: {error}") from error
        found = (
            header.number, header.coded_size, header.decoded_size, header.substituted, header.reference
        )  # fmt: skip
        if found != (
            number, coded, decoded, table.flags[number] == SUBSTITUTED, table.references[number]
        ):  # fmt: skip
            raise CorruptArchiveError(f"block {number} is not the one that the directory describes")
        if decoded > self._header.largest_block:
            raise CorruptArchiveError(f"block {number} is larger than the header declares")
        payload = data[BLOCK_HEADER_SIZE:]
        if check(payload, 8) != header.coded_check:
            raise CorruptArchiveError(f"block {number} is damaged: its coded bytes differ from their check")
        return header, payload

    def _decompressor(self) -> BlockDecompressor:
        if self._decoder is None:
            dictionary = self.dictionary
            with self._lock:
                if self._decoder is None:
                    reuse_freed_spans()
                    self._decoder = BlockDecompressor(dictionary, self._header.level, primed=self._primed)
                    self._primed = None
        return self._decoder

    def needed(self, entry: Entry) -> frozenset[int]:
        """Numbers of the blocks that hold an entry's content, and of those that they were coded after."""
        references, count = self._table.references, len(self._table)
        blocks = {extent.block for extent in entry.extents if extent.block != HOLE}
        return frozenset(blocks | {block - references[block] for block in blocks if block < count})

    def is_substituted(self, entry: Entry) -> bool:
        """Whether a block that the entry needs holds other bytes than the index says."""
        flags = self._table.flags
        blocks = {extent.block for extent in entry.extents if extent.block != HOLE}
        return any(block < len(flags) and flags[block] for block in blocks)


def too_much_memory(what: str, needed: int, bound: int) -> UnsupportedArchiveError:
    """Why something is not decoded that takes `needed` bytes of memory where `bound` are allowed."""
    return UnsupportedArchiveError(
        f"{what} takes {needed} bytes of memory; the bound is {bound}: --max-memory {-(-needed // MIB)} is "
        "enough (in Python memory_bound)"
    )


def read_dictionary(
    payload: ProtectedPayload, decode: Callable[[int, bytes, int], bytes] = decode_shared
) -> bytes:
    """The dictionary, repaired if need be.

    Args:
        payload: its section's.
        decode: gives its bytes by codec, coded bytes and size; asked a second time if the first were damaged.
    """
    failure: ArchiveError = CorruptArchiveError("the dictionary is damaged beyond repair")
    for read in (payload.read, payload.repair):
        data = read(0, min(payload.length, 21 + DICTIONARY_LIMIT + CODED_SLACK))
        size = int.from_bytes(data[1:5], "little")
        if len(data) != payload.length or len(data) < 21 or not 1 <= size <= DICTIONARY_LIMIT:
            continue
        try:
            decoded = decode(data[0], data[21:], size)
        except UnsupportedArchiveError as error:
            failure = error
            continue
        except ArchiveError:
            continue
        if check(decoded, 16) == data[5:21]:
            return decoded
    raise failure
