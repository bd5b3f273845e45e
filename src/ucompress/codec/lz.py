"""Levels 4-6: our LZ codec, its models and match finder primed by the dictionary."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from ucompress._core import (
    Decoder,
    Encoder,
    PieceDecoder,
    PrimedDictionary,
    decoder_memory,
    encoder_memory,
    primed_memory,
)
from ucompress.errors import CorruptArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Past = tuple[bytes | memoryview, int]
    """A reference: payload and decoded size."""

_SMALLEST_ROOM = 1 << 20

_PIECE = 256 << 10
"""Bytes of a block that is decoded piece by piece: few enough that who takes them has work at once."""

Context = TypeVar("Context", Encoder, Decoder)


def _room(size: int) -> int:
    """The block size that a context is made for: `size` rounded up, so that contexts are reused."""
    room = _SMALLEST_ROOM
    while room < size:
        room *= 2
    return room


class _Contexts(Generic[Context]):
    """Contexts kept for the next call; the one that has a reference's state at hand serves it first.

    Args:
        make: a context for blocks and references of so many bytes.
        largest_reference: bytes of the largest reference that is expected, for which each has room at once.
    """

    def __init__(self, make: Callable[[int, int], Context], largest_reference: int) -> None:
        self._make: Callable[[int, int], Context] = make
        self._behind = _room(largest_reference) if largest_reference else 0
        self._idle: list[tuple[Context, Past | None]] = []
        self._lock = threading.Lock()

    @contextmanager
    def use(self, size: int, reference: Past | None, left: Past | None) -> Iterator[Context]:
        """A context that has room for a block and its reference, kept afterwards, whatever happens.

        Args:
            size: bytes of the block.
            reference: the block that this one is coded after, if any.
            left: the block whose state the context has at hand if all goes well; after an error it is
                kept as one that has none.
        """
        context, past = self._take(size, reference), None
        try:
            yield context
            past = left
        finally:
            with self._lock:
                self._idle.append((context, past))

    def _take(self, size: int, reference: Past | None) -> Context:
        block, behind = _room(size), max(self._behind, _room(reference[1]) if reference else 0)
        with self._lock:
            at = next((i for i, (_, past) in enumerate(self._idle) if reference and past == reference), -1)
            context = self._idle.pop(at)[0] if self._idle else None
        if context is not None:
            if context.max_block >= block and context.max_reference >= behind:
                return context
            block, behind = max(block, context.max_block), max(behind, context.max_reference)
            del context  # before there is a larger one
        return self._make(block, behind)

    def forget(self) -> None:
        """Let go of the states after references."""
        with self._lock:
            for context, _ in self._idle:
                context.forget()


class LzCompressor:
    """Codes blocks; any number of threads may call.

    Each thread that is inside a call at the same moment has its own context, kept for the next
    call; the primed dictionary is shared.

    Args:
        level: 4 to 6.
        dictionary: the past of every block; may be empty.
        largest_reference: bytes of the largest reference that is expected; 0 for none.
    """

    def __init__(self, level: int, dictionary: bytes = b"", largest_reference: int = 0) -> None:
        """Prime the models and the match finder."""
        primed = PrimedDictionary(dictionary, level)
        self._contexts = _Contexts(
            lambda block, reference: Encoder(primed, block, reference), largest_reference
        )

    def compress(self, data: bytes | memoryview, reference: Past | None = None) -> bytes:
        """The coded block, a function of data, reference, level and dictionary alone."""
        with self._contexts.use(len(data), reference, left=reference) as context:
            return context.encode(data, reference)

    @staticmethod
    def memory(level: int, dictionary_size: int, block_size: int, reference_size: int = 0) -> tuple[int, int]:
        """Bytes that all threads share, and bytes for each thread."""
        shared = primed_memory(level, dictionary_size, encode=True)
        behind = _room(reference_size) if reference_size else 0
        return shared, encoder_memory(level, dictionary_size, _room(block_size), behind)


class LzDecompressor:
    """Decodes blocks; any number of threads may call.

    Args:
        primed: the dictionary that the blocks were coded with.
        largest_reference: bytes of the largest reference that is expected; 0 for none.
    """

    def __init__(self, primed: PrimedDictionary, largest_reference: int = 0) -> None:
        """A context is made when the first block comes."""
        self._primed = primed
        self._contexts = _Contexts(
            lambda block, reference: Decoder(primed, block, reference), largest_reference
        )

    def decompress(
        self,
        payload: bytes | memoryview,
        size: int,
        first: int | None = None,
        reference: Past | None = None,
    ) -> bytes:
        """The block's bytes, exactly `size` of them, or the `first`.

        The state after a reference, or after a block that may be one, is kept as long as its context
        does nothing else.

        Raises:
            CorruptArchiveError: the payload, or the reference's, is damaged.
        """
        left = reference or ((payload, size) if first is None else None)
        try:
            with self._contexts.use(size, reference, left) as context:
                return context.decode(payload, size, reference, first=first)
        except ValueError as error:
            raise CorruptArchiveError(str(error)) from error

    def pieces(self, payload: bytes | memoryview, size: int) -> Iterator[bytes]:
        """The bytes of a block without a reference as they are decoded, in a context of their own.

        Raises:
            CorruptArchiveError: the payload is damaged; pieces that were given may be wrong.
        """
        try:
            yield from PieceDecoder(self._primed, payload, size, _PIECE)
        except ValueError as error:
            raise CorruptArchiveError(str(error)) from error

    def forget(self) -> None:
        """Let go of the states after references: the next block that names one decodes it again."""
        self._contexts.forget()

    @staticmethod
    def memory(dictionary_size: int, block_size: int, reference_size: int = 0) -> tuple[int, int]:
        """Bytes that all decoding threads share, and bytes for each thread."""
        primed = primed_memory(6, dictionary_size, encode=False)
        behind = _room(reference_size) if reference_size else 0
        return primed, decoder_memory(dictionary_size, _room(block_size), behind)
