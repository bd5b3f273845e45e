"""Levels 7-9: our mixing codec, its models primed by the dictionary."""

from __future__ import annotations

import threading
from typing import Final

from ucompress._core import ModelCoder, PrimedModel, coder_memory, model_memory
from ucompress.errors import CorruptArchiveError

PAST: Final = 2 << 20
"""Bytes at a dictionary's end that the models are primed with: more would keep readers waiting."""

_SMALLEST_ROOM = 1 << 20
_LEVEL_MASK = 15
_STORED = 0


def _room(size: int) -> int:
    """The block size that a context is made for: `size` rounded up, so that contexts are reused."""
    room = _SMALLEST_ROOM
    while room < size:
        room *= 2
    return room


class _Contexts:
    """One coder for each thread that is inside a call at the same moment, kept for the next call."""

    def __init__(self, primed: PrimedModel) -> None:
        self._primed = primed
        self._idle: list[ModelCoder] = []
        self._lock = threading.Lock()

    def take(self, size: int) -> ModelCoder:
        """A coder for blocks of `size` bytes."""
        with self._lock:
            coder = self._idle.pop() if self._idle else None
        return ModelCoder(self._primed, _room(size)) if coder is None or coder.max_block < size else coder

    def give(self, coder: ModelCoder) -> None:
        """Keep a coder for the next call."""
        with self._lock:
            self._idle.append(coder)


class MixCompressor:
    """Codes blocks; any number of threads may call.

    Args:
        level: 7 to 9.
        dictionary: the past of every block, its last `PAST` bytes; may be empty.
    """

    def __init__(self, level: int, dictionary: bytes = b"") -> None:
        """Prime the models."""
        self._contexts = _Contexts(PrimedModel(dictionary[-PAST:], level))

    def compress(self, data: bytes | memoryview) -> bytes:
        """The coded block, a function of data, level and dictionary alone."""
        coder = self._contexts.take(len(data))
        payload = coder.encode(data)
        self._contexts.give(coder)
        return payload

    @staticmethod
    def memory(level: int, dictionary_size: int, block_size: int) -> tuple[int, int]:
        """Bytes that all threads share, and bytes for each thread."""
        past = min(dictionary_size, PAST)
        return model_memory(level, past), coder_memory(level, past, _room(block_size))


class MixDecompressor:
    """Decodes blocks; any number of threads may call.

    The models of one level are kept, those of the last block.

    Args:
        dictionary: the bytes that the blocks were coded with.
        level: what all blocks must have been coded at; None leaves it open.
    """

    def __init__(self, dictionary: bytes = b"", level: int | None = None) -> None:
        """Nothing is primed yet."""
        self._dictionary = dictionary[-PAST:]
        self._level = level
        self._lock = threading.Lock()
        self._primed: tuple[int, _Contexts] | None = None

    def decompress(self, payload: bytes | memoryview, size: int, first: int | None = None) -> bytes:
        """The block's bytes, exactly `size` of them, or the `first`.

        Raises:
            CorruptArchiveError: the payload is damaged, or of a level that it must not have.
        """
        if not payload:
            raise CorruptArchiveError("the mixed payload has no bytes")
        if payload[0] == _STORED:
            if len(payload) - 1 != size:
                raise CorruptArchiveError("the mixed payload is stored, in another size")
            return bytes(payload[1:])[:first]
        level = payload[0] & _LEVEL_MASK
        if self._level not in (None, level):
            raise CorruptArchiveError(f"a mixed block is of level {level} instead of {self._level}")
        contexts = self._of_level(level)
        coder = contexts.take(size)
        try:
            return coder.decode(payload, size, first=first)
        except ValueError as error:
            raise CorruptArchiveError(str(error)) from error
        finally:
            contexts.give(coder)

    def _of_level(self, level: int) -> _Contexts:
        with self._lock:
            if self._primed is None or self._primed[0] != level:
                self._primed = None
                try:
                    self._primed = level, _Contexts(PrimedModel(self._dictionary, level))
                except ValueError as error:
                    raise CorruptArchiveError(f"a mixed block is of level {level}: {error}") from error
            return self._primed[1]

    @staticmethod
    def memory(level: int, dictionary_size: int, block_size: int) -> tuple[int, int]:
        """Bytes that all decoding threads share, and bytes for each thread."""
        return MixCompressor.memory(level, dictionary_size, block_size)
