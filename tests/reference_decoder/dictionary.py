"""Section 5."""

from __future__ import annotations

from . import codecs, limits
from .conventions import Corrupt, check, number, require
from .sections import Section


def read_dictionary(section: Section) -> bytes:
    for payload in (section.payload, section.repaired):
        try:
            return decode(payload)
        except Corrupt as error:
            failure = error
    raise failure


def decode(payload: bytes) -> bytes:
    require(len(payload) >= 21, "the dictionary is too short")
    size = number(payload[1:5])
    require(1 <= size <= limits.DICTIONARY, "the dictionary has an impossible size")
    data = codecs.decode(payload[0], payload[21:], size)
    require(check(data, 16) == payload[5:21], "the dictionary's digest differs")
    return data
