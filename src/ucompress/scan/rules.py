"""Which paths a scan takes: inputs and their names, patterns, `.gitignore` files, what is never packed."""

from __future__ import annotations

import codecs
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from ucompress.errors import InputError, UsageError
from ucompress.scan.wildmatch import expression_of, without_end

if TYPE_CHECKING:
    from pathspec import PathSpec
    from pathspec.pattern import RegexPattern

    Spec = PathSpec[RegexPattern]

WINDOWS = os.name == "nt"

SPECIAL = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What has a name and no content to pack."""

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]


LINES_TOGETHER = 64
"""Lines of which one expression is made."""

LONGEST_TOLD = 200
"""Characters of a line that a warning shows."""


def pattern_spec(patterns: Iterable[str], *, below: bool) -> Spec | None:
    """Compile gitignore-style patterns; None when there are none.

    Args:
        patterns: one to a text, as on a command line.
        below: whether a folder that matches makes all in it match.

    Raises:
        UsageError: one is malformed.
    """
    lines = list(patterns)
    compiled = []
    for line in lines:
        if line.startswith("#"):
            raise UsageError(f"a pattern that begins with # is a comment: {line} (write \\# for a name)")
        if not without_end(line):
            raise UsageError(f"not a gitignore-style pattern: {line!r} (it names nothing)")
        try:
            compiled.append(_line(matchable(os.fsencode(line)), below=below))
        except ValueError as error:
            raise UsageError(f"not a gitignore-style pattern: {line} ({error})") from error
    return _spec(compiled) if lines else None


def gitignore_spec(text: bytes) -> tuple[Spec, list[str]]:
    """Compile a `.gitignore` file; for git, too, a line ends at a zero byte.

    Returns:
        What its lines come to, and a sentence on each line that is no pattern and was passed over.
    """
    compiled, told = [], []
    for number, line in enumerate(text.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        line = line.removesuffix(b"\r").partition(b"\0")[0]
        try:
            compiled.append(_line(matchable(line), below=False))
        except ValueError as error:
            shown = os.fsdecode(line)[:LONGEST_TOLD]
            told.append(
                f"line {number} is no pattern and was passed over, all others hold: {shown} ({error})"
            )
    return _spec(compiled), told


def matchable(path: bytes) -> str:
    """A member path as patterns are compared with it: a character for each byte."""
    return path.decode("latin-1")


def _line(text: str, *, below: bool) -> tuple[str, bool] | None:
    """A line's expression, and whether what it matches is taken; None for one that is blank or a comment.

    Raises:
        ValueError: it is no pattern.
    """
    pattern = without_end(text)
    if not pattern or pattern.startswith("#"):
        return None
    return expression_of(pattern.removeprefix("!"), below=below), not pattern.startswith("!")


def _spec(lines: Iterable[tuple[str, bool] | None]) -> Spec:
    """What lines come to; the expressions of neighbours that agree are one, which is quicker."""
    from pathspec import PathSpec
    from pathspec.pattern import RegexPattern

    patterns = []
    for taken, alike in groupby(filter(None, lines), key=itemgetter(1)):
        expressions = [expression for expression, _ in alike]
        for at in range(0, len(expressions), LINES_TOGETHER):
            together = "|".join(expressions[at : at + LINES_TOGETHER])
            patterns.append(RegexPattern(re.compile(together), taken))
    return PathSpec(patterns, backend="simple")


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

    def __init__(self, spec: Spec, base: int, outer: Ignore | None) -> None:
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
