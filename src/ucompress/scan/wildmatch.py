"""Lines of `.gitignore` files as regular expressions that match what git's wildmatch does, in linear time.

A line is cut at its slashes into components, a component at its stars into pieces of fixed length. Behind a
star the first place where a piece fits is as good as any later one, so it is kept for good, in an atomic
group: no expression goes back over what it has passed, whatever lines and names are. `**` between slashes is
a star over whole components.

Everything is bytes, held in text of one character for each (Latin-1): `?` is one byte, as in git.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final

ONE: Final = "[^/]"
"""One byte of a name."""

LONGEST: Final = 1 << 16
"""Bytes of the longest line that is looked at: paths have fewer."""

SLASH: Final = "/"
STAR: Final = "*"
ANYWHERE: Final = "**"
"""Tokens of a pattern; others are expressions that match one byte."""

_CLASSES: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \t",
    "cntrl": "\0-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@[-`{-~",
    "space": " \t\n\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
"""git's classes of characters, as within brackets."""

_ALL: Final = frozenset(map(chr, range(256)))
_HEXADECIMAL: Final = "\\x{:02x}"


def without_end(line: str) -> str:
    """A line without the spaces at its end, but for one that a backslash keeps."""
    kept = line.rstrip(" ")
    escaped = (len(kept) - len(kept.rstrip("\\"))) % 2 == 1
    return line[: len(kept) + 1] if escaped else kept


def expression_of(pattern: str, *, below: bool) -> str:
    """The expression that matches the paths that a pattern means, from their first byte to their last.

    Args:
        pattern: a line without `!` before it and the spaces behind it.
        below: whether what lies in a folder that matches is meant, too.

    Returns:
        It expects paths of folders to end with a slash, and others not to.

    Raises:
        ValueError: nothing can match the pattern; why, as half a sentence.

    Example:
        >>> re.match(expression_of("doc/*.txt", below=False), "doc/a.txt") is not None
        True
    """
    if len(pattern) > LONGEST:
        raise ValueError(f"it has {len(pattern)} bytes, more than any name")
    of_folders = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    anchored = "/" in pattern
    tokens = list(_tokens(pattern.removeprefix("/"), anchored=anchored))
    if not tokens:
        raise ValueError("it names nothing")
    start = "" if anchored else "(?:[^/]*/)*?"
    end = ("/.*" if of_folders else "(?:/.*)?") if below else "/" if of_folders else "/?"
    return rf"\A(?s:{start}{_path(tokens)}{end})\Z"


def _tokens(pattern: str, *, anchored: bool) -> Iterator[str]:
    at, fresh = 0, True
    while at < len(pattern):
        sign = pattern[at]
        at += 1
        if sign == "*":
            end = at
            while pattern[end : end + 1] == "*":
                end += 1
            whole = fresh and end > at and pattern[end : end + 1] in ("", "/")
            yield ANYWHERE if anchored and whole else STAR
            at = end
        elif sign == "?":
            yield ONE
        elif sign == "[":
            members, at = _bracket(pattern, at)
            yield _one_of(members)
        elif sign == "\\":
            if at == len(pattern):
                raise ValueError("a backslash stands at its end")
            yield SLASH if pattern[at] == "/" else re.escape(pattern[at])
            at += 1
        else:
            yield SLASH if sign == "/" else re.escape(sign)
        fresh = sign == "/"


def _path(tokens: list[str]) -> str:
    """The expression of a whole pattern: components, and stretches of them between `**`."""
    components = [list(part) for of_slash, part in groupby(tokens, SLASH.__eq__) if not of_slash]
    if tokens.count(SLASH) != len(components) - 1:
        raise ValueError("a part between slashes is empty")
    stretches: list[list[str]] = [[]]
    for component in components:
        if component == [ANYWHERE]:
            stretches.append([])
        else:
            stretches[-1].append(_component(component))
    first, *later = stretches
    text = "/".join(first)
    if not later:
        return text
    *middle, last = later
    text += "/" if first else ""
    text += "".join(f"(?>(?:[^/]*/)*?{'/'.join(parts)}/)" for parts in middle if parts)
    return text + (f"(?:[^/]*/)*?{'/'.join(last)}" if last else ".+")


def _component(tokens: list[str]) -> str:
    """The expression of what stands between two slashes."""
    pieces = [""]
    for token in tokens:
        if token == STAR:
            pieces.append("")
        else:
            pieces[-1] += token
    first, *later = pieces
    if not later:
        return first
    *middle, last = later
    text = first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + f"[^/]*{last}"
    return text if any(pieces) else "[^/]+"


def _bracket(pattern: str, at: int) -> tuple[frozenset[str], int]:
    """The bytes that an expression in brackets stands for, and where it ends; `at` is behind its bracket."""
    begin = at
    negated = pattern.startswith(("!", "^"), at)
    at += negated
    found: set[str] = set()
    before = ""
    first = True
    while first or pattern[at : at + 1] != "]":
        first = False
        if at >= len(pattern):
            raise ValueError("a bracket is not closed")
        sign = pattern[at]
        if sign == "\\":
            at += 1
            sign = _one(pattern, at)
            found.add(sign)
            before = sign
        elif sign == "-" and before and pattern[at + 1 : at + 2] not in ("", "]"):
            at += 1
            if pattern[at] == "\\":
                at += 1
            found.update(map(chr, range(ord(before), ord(_one(pattern, at)) + 1)))
            before = ""
        elif sign == "[" and pattern[at + 1 : at + 2] == ":":
            end = pattern.find("]", at + 2)
            if end < 0:
                raise ValueError("a bracket is not closed")
            name = pattern[at + 2 : end - 1]
            if end == at + 2 or pattern[end - 1] != ":":
                found.add("[")
                before = "["
            elif name not in _CLASSES:
                raise ValueError(f"there is no class [:{name}:]")
            else:
                found.update(filter(re.compile(f"[{_CLASSES[name]}]").match, _ALL))
                before, at = "", end
        else:
            found.add(sign)
            before = sign
        at += 1
    members = (_ALL - found if negated else frozenset(found)) - {"/"}
    if not members:
        raise ValueError(f"no character is one of [{pattern[begin : at + 1]}")
    return members, at + 1


def _one(pattern: str, at: int) -> str:
    if at >= len(pattern):
        raise ValueError("a bracket is not closed")
    return pattern[at]


def _one_of(members: frozenset[str]) -> str:
    listed, sign = (members, "") if len(members) <= len(_ALL) // 2 else (_ALL - members, "^")
    return f"[{sign}{''.join(map(_HEXADECIMAL.format, map(ord, sorted(listed))))}]"
