"""Dictionaries made ready for a decoder of LZ blocks.

Where a dictionary is decoded first, both are done at the same time, for a first read waits for both:

    this thread      decodes a piece, hands it on
    the other one    primes with as much as it has been given

Priming goes through the dictionary once, from its first byte to its last, and decoding makes it in this
order: the models are the same whichever thread is ahead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeAlias

from ucompress._core import PrimedDictionary

Primed: TypeAlias = PrimedDictionary
"""A dictionary ready for a decoder of LZ blocks."""

_QUICK, _OTHERS = 4, 6
"""A level of those whose literals are blended, and one of the others."""

_QUICK_BLOCK = b"\x30"
"""The first byte of what is coded with the former."""


def primed_for(dictionary: bytes, coded: bytes | memoryview) -> Primed:
    """A dictionary made ready for blocks such as `coded`; the first of another kind takes longer."""
    level = _QUICK if coded[:1] == _QUICK_BLOCK else _OTHERS
    return PrimedDictionary(dictionary, level, encode=False)


def primed_on_the_way(pieces: Iterable[bytes], size: int, level: int) -> tuple[bytes, Primed | None]:
    """Take a dictionary's pieces as they come, and prime meanwhile.

    Args:
        pieces: its bytes in order; whatever making them raises comes through.
        size: how many all of them have.
        level: of the blocks that it is for; whatever it is, others can be decoded.

    Returns:
        The dictionary, and what decodes blocks with it; None for that where the pieces were fewer or more,
        or no thread could be started.
    """
    primed = PrimedDictionary(b"", level if level == _QUICK else _OTHERS, encode=False, size=size)
    given: SimpleQueue[bytes] = SimpleQueue()
    taken: list[bytes] = []

    def prime() -> None:
        with suppress(ValueError):  # more than `size`: the caller is told by what is missing
            while piece := given.get():
                primed.append(piece)

    helper = threading.Thread(target=prime, name="ucompress-prime", daemon=True)
    try:
        helper.start()
    except RuntimeError:  # the system starts no more
        return b"".join(pieces), None
    try:
        for piece in pieces:
            taken.append(piece)
            given.put(piece)
    finally:
        given.put(b"")
        helper.join()
    dictionary = b"".join(taken)
    return dictionary, None if primed.missing or len(dictionary) != size else primed
