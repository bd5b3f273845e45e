"""Which paths a scan takes: inputs and their names, patterns, `.gitignore` files, what is never packed."""

from __future__ import annotations

import codecs
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from ucompress.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

WINDOWS = os.name == "nt"

SPECIAL = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What has a name and no content to pack."""

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]


LONGEST_TOLD = 200
"""Characters of a line that a warning shows."""

_NO_PATTERN = (ValueError, re.error)
"""What compiling a line raises that is no pattern."""


_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \t",
    "cntrl": "\0-\x1f\x7f",
    "digit": "0-9",
    "graph": '"-.0-~!',
    "lower": "a-z",
    "print": " -.0-~",
    "punct": ':-@[-`{-~"-.!',
    "space": " \t\0\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
"""What git's character classes stand for within brackets; none begins with a negation, or has a slash."""

_BRACKETS = re.compile(r"\\.|\[[!^]?\]?(?:[^]\[]|\[:[a-z]+:\]|\[)*?\]", re.DOTALL)
_CLASS = re.compile(r"\[:([a-z]+):\]")


def pattern_spec(patterns: Iterable[str]) -> GitIgnoreSpec | None:
    """Compile gitignore-style patterns; None when there are none.

    Raises:
        UsageError: a pattern is malformed.
    """
    lines = list(patterns)
    for line in lines:
        if (why := _fault(_spelled(line))) is not None:
            raise UsageError(f"not a gitignore-style pattern: {line}{why}")
    return _compiled(map(_spelled, lines)) if lines else None


def gitignore_spec(text: bytes) -> tuple[GitIgnoreSpec, list[str]]:
    """Compile a `.gitignore` file.

    Returns:
        What its lines come to, and a sentence on each line that is no pattern and was passed over.
    """
    content = os.fsdecode(text.removeprefix(codecs.BOM_UTF8))
    lines = [line.removesuffix("\r") for line in content.split("\n")]
    try:
        return _compiled(map(_spelled, lines)), []
    except _NO_PATTERN:
        faults = [_fault(_spelled(line)) for line in lines]
    good = [_spelled(line) for line, why in zip(lines, faults, strict=True) if why is None]
    told = [
        f"line {number} is no pattern and was passed over, all others hold: {line[:LONGEST_TOLD]}{why}"
        for number, (line, why) in enumerate(zip(lines, faults, strict=True), 1)
        if why is not None
    ]
    return _compiled(good), told


def matchable(path: bytes) -> str:
    """A member path as patterns are compared with it: a newline, which ends lines there, is a zero byte."""
    return os.fsdecode(path).replace("\n", "\0")


def _compiled(lines: Iterable[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines)


def _fault(line: str) -> str | None:
    """Why a line is no pattern, as far as there is more to say than that; None where it is one."""
    try:
        _compiled([line])
    except re.error as error:
        return f" ({error.msg})"
    except ValueError:
        return ""
    return None


def _spelled(line: str) -> str:
    """A line as what compiles it has to see it to make of it what git does.

    That is, without the spaces at its end, and without them only; and without character classes.
    """
    kept = line.replace("\n", "\0").rstrip(" ")
    before, last = kept[:-1], kept[-1:]
    if _escapes_next(kept):
        kept += " " * (len(kept) < len(line))
    elif last.isspace():
        kept = f"{before[:-1] if _escapes_next(before) else before}[{last}]"
    if "[:" not in kept:
        return kept
    end = kept.rfind("]") + 1  # behind it no bracket is closed: nothing to look for
    return _BRACKETS.sub(_without_classes, kept[:end]) + kept[end:]


def _without_classes(found: re.Match[str]) -> str:
    """An expression in brackets with the signs of its classes; an escaped sign as it is."""
    if found[0].startswith("\\"):
        return found[0]
    return "[" + _CLASS.sub(lambda name: _CLASSES.get(name[1], name[0]), found[0][1:])


def _escapes_next(text: str) -> bool:
    """Whether a backslash at the end is not escaped itself."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def named_inputs(inputs: Iterable[AnyPath]) -> list[tuple[bytes, bytes]]:
    """Pair each input with the first part of its members' paths; `.` and `..` take the real folder's name.

    Raises:
        UsageError: an input has no name, or two have the same.
    """
    named: dict[bytes, bytes] = {}
    for source in map(os.fsencode, inputs):
        name = os.path.basename(source.rstrip(b"/\\" if WINDOWS else b"/"))
        if name in (b"", b".", b".."):
            name = os.path.basename(os.path.realpath(source))
        if not name:
            raise UsageError(f"{os.fsdecode(source)} has no name of its own: name the folders inside it")
        if name in named:
            raise UsageError(
                f"{os.fsdecode(named[name])} and {os.fsdecode(source)} would both be packed as "
                f"{os.fsdecode(name)}; nothing was written: rename one, or pack them one by one"
            )
        named[name] = source
    return list(named.items())


def locator(inputs: Iterable[AnyPath]) -> Callable[[bytes], bytes]:
    """What tells where a member lies in the file system: below the input that has its first part.

    Raises:
        UsageError: as `named_inputs`.
    """
    places = dict(named_inputs(inputs))

    def where(path: bytes) -> bytes:
        name, slash, rest = path.partition(b"/")
        return places.get(name, name) + slash + rest

    return where


def look_at_input(source: bytes) -> os.stat_result:
    """What an input is that was named, a link itself if it is one.

    Raises:
        InputError: it does not exist or cannot be looked at; or it is a FIFO, a socket or a device, or a
            link to a FIFO, as the shell makes for `<(...)`: nothing of it would be packed.
    """
    path = os.fsdecode(source)
    try:
        status = os.lstat(source)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; nothing was written").about(
            source
        ) from error
    mode = stat.S_IFMT(status.st_mode)
    if mode == stat.S_IFLNK:
        with suppress(OSError):
            mode = stat.S_IFMT(os.stat(source).st_mode)
        if mode != stat.S_IFIFO:
            return status
    if mode in SPECIAL:
        raise InputError(
            f"{path} is {SPECIAL[mode]}, which is never packed; nothing was written: name files and folders, "
            f"or pack what it gives as standard input: `ucompress compress - -o OUT < {shlex.quote(path)}`"
        ).about(source)
    return status


class NeverPacked:
    """The files never packed, by where they are: whatever path leads there, and before they exist.

    Attributes:
        names: by a folder's identity, the names in it.
        files: by identity, files that are not packed under other names either, and where they are. Those are
            what a run writes to; an output is replaced, so that another name of it keeps what it was.
    """

    def __init__(
        self, paths: Iterable[str | os.PathLike[str]], output: str | os.PathLike[str] | None = None
    ) -> None:
        self.names: dict[tuple[int, int], set[bytes]] = {}
        self.files: dict[tuple[int, int], bytes] = {}
        for path in map(os.fsencode, paths):
            self._add(path)
        if output is not None:
            self._add(os.fsencode(output), is_replaced=True)

    def has(self, path: bytes, status: os.stat_result) -> bool:
        """Whether a path leads to one of them."""
        place = _place(path)
        is_here = place is not None and place[1] in self.names.get(place[0], ())
        return stat.S_ISREG(status.st_mode) and (is_here or (status.st_dev, status.st_ino) in self.files)

    def _add(self, path: bytes, *, is_replaced: bool = False) -> None:
        place = _place(path)
        if place is None:
            return
        self.names.setdefault(place[0], set()).add(place[1])
        try:
            status = os.lstat(path) if is_replaced else os.stat(path)
        except OSError:
            return
        if stat.S_ISREG(status.st_mode) and not (is_replaced and status.st_nlink > 1):
            self.files[status.st_dev, status.st_ino] = path


def _place(path: bytes) -> tuple[tuple[int, int], bytes] | None:
    """The identity of the folder in which a path ends, and the name in it; None without such a folder."""
    folder, name = os.path.split(path)
    try:
        status = os.stat(folder or b".")
    except OSError:
        return None
    return (status.st_dev, status.st_ino), name


class Ignore:
    """The `.gitignore` files that hold in one directory, deepest first."""

    __slots__ = ("base", "outer", "spec")

    def __init__(self, spec: GitIgnoreSpec, base: int, outer: Ignore | None) -> None:
        self.spec = spec
        self.base = base
        self.outer = outer

    def ignores(self, name: str) -> bool:
        """Whether a member path (directories with a final slash) is ignored."""
        level: Ignore | None = self
        while level is not None:
            verdict = level.spec.check_file(name[level.base :]).include
            if verdict is not None:
                return verdict
            level = level.outer
        return False
