"""The folders that something may still be written into, so that each is finished once nothing more is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ucompress.archive.format.entry import Entry


class OpenFolders:
    """Folders of a walk over members in ascending order; few at once, for the path of each begins the next.

    Args:
        finish: called with each folder when the walk has left it, those inside before those around them.

    Attributes:
        reached: the last path of the walk.
    """

    def __init__(self, finish: Callable[[Entry], None]) -> None:
        """No folder is open."""
        self._finish = finish
        self._open: list[Entry] = []
        self.reached = b""

    def go_to(self, path: bytes) -> None:
        """Come to a path; the folders that it and all behind it are not in are finished."""
        self.reached = path
        # What is in `a` comes before `a0`, but `a-b` comes before what is in `a`.
        while self._open and path > (last := self._open[-1].path + b"/") and not path.startswith(last):
            self._finish(self._open.pop())

    def enter(self, folder: Entry) -> None:
        """Come to a folder."""
        self.go_to(folder.path)
        self._open.append(folder)

    def leave(self) -> None:
        """Finish all folders that are open."""
        while self._open:
            self._finish(self._open.pop())
