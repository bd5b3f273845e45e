"""Names that other file systems take for one, or do not have: told before anything is written."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from ucompress.archive.format.entry import show

WINDOWS = os.name == "nt"

TOLD = 100
"""Pairs of members of one name that are listed."""

_DEVICE = re.compile(
    rb"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)(?:[1-9]|\xc2[\xb2\xb3\xb9]))[ ]*(?:\.|\Z)",
    re.IGNORECASE,
)
_SIGNS = b'<>:"|?*\\' + bytes(range(32))


def windows_objection(name: bytes) -> str:
    """Why Windows would not have a component of a path, or lead it elsewhere; empty if it has it."""
    if len(name.translate(None, _SIGNS)) != len(name):
        return "a character that Windows gives another meaning"
    if name.endswith((b".", b" ")):
        return "a dot or blank at an end, which Windows drops"
    return "a name that Windows keeps for a device" if _DEVICE.match(name) else ""


def fold(name: bytes, *, case: bool = True, form: bool = True) -> bytes:
    """What two names have in common where upper and lower case, or the forms of Unicode, do not count."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return name.lower() if case else name
    if form:
        text = unicodedata.normalize("NFD", text)
    if case:
        text = text.casefold()
    return (unicodedata.normalize("NFD", text) if form else text).encode()


class Namesakes:
    """Finds members and folders whose names differ from that of an earlier one only in case or form.

    Only names of one folder are compared: what lies below two folders of one name is told by these, be they
    members or not. As most names are of small ASCII letters, and such a name stands behind all that fold to
    it but a few, only others are kept, and those that were told: those of the folders around the last member.

    Args:
        has: whether the archive has a member of this path, or below it.
    """

    def __init__(self, has: Callable[[bytes], bool]) -> None:
        """No member has been seen."""
        self._has = has
        self._open: list[tuple[bytes, dict[bytes, bytes]]] = []
        self._around = b""

    def entered(self, path: bytes) -> list[bytes]:
        """The folders around a path that were not around the one before, the outermost first."""
        around, before = path[: path.rfind(b"/") + 1], self._around
        if around == before:
            return []
        self._around, entered, end = around, [], around.find(b"/") + 1
        while end:
            if not before.startswith(around[:end]):
                entered.append(around[: end - 1])
            end = around.find(b"/", end) + 1
        return entered

    def earlier(self, path: bytes) -> bytes | None:
        """The other path with a path's folded name, if there is one, the first time that it is asked.

        Paths come in ascending order, each after those that it has `entered`.
        """
        cut = path.rfind(b"/") + 1
        folder, name = path[:cut], path[cut:]
        while self._open and not folder.startswith(self._open[-1][0]):
            self._open.pop()
        known = self._open[-1][1] if self._open and self._open[-1][0] == folder else None
        if name.isascii() and name == name.lower():
            found = known.get(name) if known else None
        else:
            key = fold(name)
            if known is None:
                known = {}
                self._open.append((folder, known))
            found = known.setdefault(key, name)
            if found == name:
                # Some signs fold to ASCII letters; a plain name that came before was not kept.
                plain = not name.isascii() and key.isascii() and key < name and self._has(folder + key)
                found = key if plain else None
        if found is None or known is None or b"/" + name in known:
            return None
        known[b"/" + name] = name
        return folder + found


@dataclass(slots=True)
class NameNotes:
    """What is peculiar about the members' names.

    Attributes:
        namesakes: (member path, an earlier one) that differ only in case or form, the first `TOLD` of them.
        namesakes_found: how many there are.
        unportable: (member path, why) of the first member whose name Windows does not have; None without one.
        unportable_found: how many there are.
    """

    namesakes: list[tuple[bytes, bytes]] = field(default_factory=list)
    namesakes_found: int = 0
    unportable: tuple[bytes, str] | None = None
    unportable_found: int = 0


class NameCheck:
    """Decides which members the target can have: of two that are one to it, the first.

    Args:
        has: whether the archive has a member of this path, or below it.
        folds: whether the target takes names for one that differ in case, and in form; asked at most once.

    Attributes:
        notes: what was found.
        refused: why a member, and all below it, is not written.
    """

    def __init__(self, has: Callable[[bytes], bool], folds: Callable[[], tuple[bool, bool]]) -> None:
        """No member has been seen."""
        self.notes = NameNotes()
        self.refused: dict[bytes, str] = {}
        self._namesakes = Namesakes(has)
        self._ask = folds
        self._folds: tuple[bool, bool] | None = None
        self._folder = (b"", "")

    def look(self, path: bytes) -> None:
        """Note what is peculiar about a path; paths come in ascending order."""
        for folder in self._namesakes.entered(path):
            self._compare(folder)
        self._compare(path)
        notes = self.notes
        why = self._objection_of_folder(path) or windows_objection(path[path.rfind(b"/") + 1 :])
        if why:
            notes.unportable_found += 1
            notes.unportable = notes.unportable or (path, why)
            if WINDOWS:
                self.refused[path] = f"its path has {why}"

    def _compare(self, path: bytes) -> None:
        """Note whether an earlier path has the same name where case or form does not count."""
        notes, earlier = self.notes, self._namesakes.earlier(path)
        if earlier is not None:
            notes.namesakes_found += 1
            if len(notes.namesakes) < TOLD:
                notes.namesakes.append((path, earlier))
            if self._are_one(path, earlier):
                self.refused[path] = f"{show(earlier)} has the same name to this file system"

    def _objection_of_folder(self, path: bytes) -> str:
        """What Windows has against the folder of a path; most members are in that of the one before."""
        folder = path[: max(0, path.rfind(b"/"))]
        if folder != self._folder[0]:
            why = next(filter(None, map(windows_objection, folder.split(b"/"))), "")
            self._folder = folder, why
        return self._folder[1]

    def _are_one(self, path: bytes, other: bytes) -> bool:
        if self._folds is None:
            self._folds = self._ask()
        case, form = self._folds
        return fold(path, case=case, form=form) == fold(other, case=case, form=form)

    def objection(self, path: bytes) -> str | None:
        """Why a member is not written: for its own name, or that of a folder around it."""
        end = len(path)
        while end > 0:
            why = self.refused.get(path[:end])
            if why is not None:
                return why
            end = path.rfind(b"/", 0, end)
        return None
