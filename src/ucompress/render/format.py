"""Numbers, durations and paths as people read them: one place for all commands."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
ELLIPSIS = "…"
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def format_bytes(count: float) -> str:
    """A number of bytes with three significant digits, such as "1.50 MiB"; whole below 1 KiB."""
    sign, size = ("-", -count) if count < 0 else ("", count)
    if size < 1024:
        return f"{sign}{round(size)} B"
    unit = 0
    # 999.5 rounds to 1000, which has four digits: that belongs to the next unit.
    while size >= 999.5 and unit < len(UNITS) - 1:
        size /= 1024
        unit += 1
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{sign}{size:.{digits}f} {UNITS[unit]}"


def format_rate(bytes_per_second: float) -> str:
    """A rate such as "12.3 MiB/s"."""
    return f"{format_bytes(bytes_per_second)}/s"


def format_count(count: int) -> str:
    """A number with thousands set apart, such as "12,345"."""
    return f"{count:,}"


def counted(count: int, thing: str) -> str:
    """A number of things: "1 file", "2 files"; for words that take an s."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def format_seconds(seconds: float | timedelta) -> str:
    """A duration: "0.42 s" and "7.1 s" below ten seconds, "42 s" below a minute, then "3:07", "1:02:03"."""
    value = seconds if isinstance(seconds, int | float) else seconds.total_seconds()
    value = max(0.0, value)
    if value < 9.95:
        return f"{value:.2f} s" if value < 0.995 else f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def format_percent(fraction: float) -> str:
    """A part of the whole such as "43.2 %"; 100.0 % only for all of it."""
    percent = fraction * 100
    return f"{99.9 if 99.95 <= percent < 100 else percent:.1f} %"


def display_path(path: bytes | str | Path) -> str:
    """A path that can neither disturb a terminal nor hide what it is: the unprintable is escaped."""
    text = path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else os.fspath(path)
    return display_text(text)


def display_text(text: str) -> str:
    """Text with everything unprintable (control characters, direction marks, stray bytes) escaped."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def display_width(text: str) -> int:
    """Columns that printable text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def excerpt(pattern: bytes, width: int | None) -> str:
    """A pattern in quotes on one line, text as it is, the rest escaped; cut at `width` columns, or whole."""
    text = "".join(map(_spelled, pattern.decode("utf-8", "surrogateescape")))
    if width is None or display_width(text) <= width - 2:
        return f'"{text}"'
    room = width - 2  # for the quote and what stands for the rest
    while display_width(text) > room:
        text = text[:room] if len(text) > room else text[:-1]
    return f'"{text}{ELLIPSIS}'


def _spelled(character: str) -> str:
    """A character as Python would spell it between double quotes."""
    return ESCAPES.get(character) or display_text(character)


def shorten_path(path: bytes | str | Path, width: int, ellipsis: str = ELLIPSIS) -> str:
    """A path in at most `width` columns: folders in the middle go first, then the begin of the name.

    Args:
        path: the path; it is made displayable first.
        width: columns at hand.
        ellipsis: what stands for the part left out.
    """
    text = display_path(path)
    if display_width(text) <= width:
        return text
    room = width - display_width(ellipsis)
    if room <= 0:
        return ellipsis[: max(0, width)]
    first, _, rest = text.partition("/")
    name = rest.rpartition("/")[2]
    left = room - display_width(first) - 1
    if first and name and left > display_width(name):
        # At least the name and its slash fit behind "first/…".
        return f"{first}/{ellipsis}{_tail(rest, left, at_slash=True)}"
    return ellipsis + _tail(text, room, at_slash=False)


def _tail(text: str, width: int, *, at_slash: bool) -> str:
    """The longest end of `text` in `width` columns; one that begins with a slash, if asked for."""
    taken = 0
    begin = len(text)
    best = begin
    while begin > 0 and taken + _columns(text[begin - 1]) <= width:
        begin -= 1
        taken += _columns(text[begin])
        if not at_slash or text[begin] == "/":
            best = begin
    return text[best:]
