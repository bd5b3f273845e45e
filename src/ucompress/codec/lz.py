"""Levels 4-6: our LZ codec, its models and match finder primed by the dictionary."""

from __future__ import annotations

import threading

from ucompress._core import Decoder, Encoder, PrimedDictionary, decoder_memory, encoder_memory, primed_memory
from ucompress.errors import CorruptArchiveError

_SMALLEST_ROOM = 1 << 20


def _room(size: int) -> int:
    """The block size that a context is made for: `size` rounded up, so that contexts are reused."""
    room = _SMALLEST_ROOM
    while room < size:
        room *= 2
    return room


class LzCompressor:
    """Codes blocks; any number of threads may call.

    Each thread that is inside a call at the same moment has its own context, kept for the next
    call; the primed dictionary is shared.

    Parameters:
        level: 4 to 6.
        dictionary: the past of every block; may be empty.
    """

    def __init__(self, level: int, dictionary: bytes = b"") -> None:
        """Prime the models and the match finder."""
        self._primed = PrimedDictionary(dictionary, level)
        self._idle: list[Encoder] = []
        self._lock = threading.Lock()

    def compress(self, data: bytes | memoryview) -> bytes:
        """The coded block, a function of data, level and dictionary alone."""
        with self._lock:
            context = self._idle.pop() if self._idle else None
        if context is None or context.max_block < len(data):
            context = Encoder(self._primed, _room(len(data)))
        payload = context.encode(data)
        with self._lock:
            self._idle.append(context)
        return payload

    @staticmethod
    def memory(level: int, dictionary_size: int, block_size: int) -> tuple[int, int]:
        """Bytes that all threads share, and bytes for each thread."""
        shared = primed_memory(level, dictionary_size, encode=True)
        return shared, encoder_memory(level, dictionary_size, _room(block_size))


class LzDecompressor:
    """Decodes blocks; any number of threads may call.

    Parameters:
        dictionary: the bytes that the blocks were coded with.
    """

    def __init__(self, dictionary: bytes = b"") -> None:
        """Prime the models."""
        self._primed = PrimedDictionary(dictionary, encode=False)
        self._idle: list[Decoder] = []
        self._lock = threading.Lock()

    def decompress(self, payload: bytes | memoryview, size: int) -> bytes:
        """The block's bytes, exactly `size` of them.

        Raises:
            CorruptArchiveError: the payload is damaged.
        """
        with self._lock:
            context = self._idle.pop() if self._idle else None
        if context is None or context.max_block < size:
            context = Decoder(self._primed, _room(size))
        try:
            return context.decode(payload, size)
        except ValueError as error:
            raise CorruptArchiveError(f"an LZ block is damaged: {error}") from error
        finally:
            with self._lock:
                self._idle.append(context)

    @staticmethod
    def memory(dictionary_size: int, block_size: int) -> int:
        """Bytes that one decoding thread needs, its primed models included."""
        primed = primed_memory(6, dictionary_size, encode=False)
        return primed + decoder_memory(dictionary_size, _room(block_size))
