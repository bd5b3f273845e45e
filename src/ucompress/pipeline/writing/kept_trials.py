"""The largest dictionary and the gains of its suffixes as far as they were measured, kept over a kill."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ucompress.pipeline.running.savepoint import Savepoint

TRIALS = "trials"
_COUNT = struct.Struct("<I")
_GAIN = struct.Struct("<Qq")


@dataclass(slots=True)
class KeptTrials:
    """A dictionary of which a suffix is being chosen.

    Attributes:
        savepoint: where it is stored.
        dictionary: the largest candidate; None until it is made.
        gains: bytes that a suffix gains, by its size, of those that have been tried.
    """

    savepoint: Savepoint
    dictionary: bytes | None = field(default=None, init=False)
    gains: dict[int, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Take up what an interrupted run has stored."""
        stored = self.savepoint.load()
        if stored is None or len(stored) < _COUNT.size:
            return
        (count,) = _COUNT.unpack_from(stored)
        first = _COUNT.size + count * _GAIN.size
        if first > len(stored):
            return
        gains = dict(_GAIN.iter_unpack(stored[_COUNT.size : first]))
        dictionary = stored[first:]
        if all(size <= len(dictionary) for size in gains):
            self.dictionary, self.gains = dictionary, gains

    def note(self) -> None:
        """The dictionary is made, or one more suffix was tried; saved when it is due."""
        self.savepoint.save_if_due(self._packed)

    def _packed(self) -> bytes:
        gains = b"".join(_GAIN.pack(*item) for item in sorted(self.gains.items()))
        return _COUNT.pack(len(self.gains)) + gains + (self.dictionary or b"")

    def forget(self) -> None:
        """The suffix is chosen, and kept elsewhere."""
        self.savepoint.forget()
