"""What planning needs to know of a window before it needs the bytes: found by a worker, read when needed.

Of most windows anchors, zero runs and a check are all that the planner asks for. Whether a candidate for a
copy is one, only the bytes tell: those windows are read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import numpy as np

from ucompress.checksum import run_check
from ucompress.segments import find_all_anchors, find_all_zero_runs, find_anchors, zero_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ucompress.pipeline.analysis.file_content import FileContent


class Found(NamedTuple):
    """What a worker tells of a window.

    Attributes:
        size: bytes.
        anchors: as `find_anchors` gives them.
        holes: (start, end) of its zero runs.
        check: XXH3-64 of all bytes.
    """

    size: int
    anchors: NDArray[np.uint64]
    holes: list[tuple[int, int]]
    check: int


@dataclass(frozen=True, slots=True)
class Looking:
    """How windows are looked at.

    Attributes:
        window: the most bytes of a window.
        spacing: expected bytes from one anchor to the next.
        hole: the shortest run of zeros, in bytes.
    """

    window: int
    spacing: int
    hole: int

    def __call__(self, chunk: Iterator[FileContent]) -> list[list[Found] | None]:
        """The windows of each file of a chunk, None for one that has changed; runs in a worker."""
        return [self._file(content) for content in chunk]

    def _file(self, content: FileContent) -> list[Found] | None:
        found = []
        try:
            for data in content.windows:
                found += [
                    self._window(data[at : at + self.window]) for at in range(0, len(data), self.window)
                ]
        except OSError:
            return None
        return found if content.digest == content.file.digest else None

    def _window(self, data: bytes) -> Found:
        anchors = find_anchors(data, self.spacing)
        return Found(len(data), anchors, zero_runs(data, self.hole), run_check(data))


def some_unknown(found: list[list[Found] | None]) -> bool:
    """Whether a file of a chunk is not what was analyzed."""
    return None in found


class Look:
    """A window that a worker has looked at.

    Attributes:
        found: what it told.
    """

    __slots__ = ("_data", "_read", "found")

    def __init__(self, found: Found, read: Callable[[], bytes]) -> None:
        """`read` gives the bytes, checked; called once at most."""
        self.found = found
        self._read = read
        self._data: bytes | None = None

    def __len__(self) -> int:
        """Bytes of the window."""
        return self.found.size

    def read(self) -> bytes:
        """The bytes.

        Raises:
            ContentsChangedError: no file has them any more.
        """
        if self._data is None:
            self._data = self._read()
        return self._data


Window = bytes | Look


def bytes_of(window: Window) -> bytes:
    """A window's bytes."""
    return window if isinstance(window, bytes) else window.read()


def check_of(window: Window, start: int, length: int) -> int:
    """XXH3-64 of `length` bytes of a window from `start` on."""
    if length == len(window):
        return run_check(window) if isinstance(window, bytes) else window.found.check
    return run_check(memoryview(bytes_of(window))[start : start + length])


def checks_of(windows: Sequence[Window]) -> list[int]:
    """XXH3-64 of each of some windows."""
    return [run_check(window) if isinstance(window, bytes) else window.found.check for window in windows]


def _are_bytes(windows: Sequence[Window]) -> TypeGuard[Sequence[bytes]]:
    return Look not in map(type, windows)


class Seen(NamedTuple):
    """Windows, and what there is to know of them before earlier ones are.

    Attributes:
        windows: as they were read.
        holes: (number of the window, start, end) of zero runs, in order.
        anchors: of all, each with its position in its window.
        rows: for each window the number of its first anchor, then that of all anchors.
    """

    windows: Sequence[Window]
    holes: list[tuple[int, int, int]]
    anchors: NDArray[np.uint64]
    rows: list[int]

    @classmethod
    def of(cls, windows: Sequence[Window], hole: int, spacing: int) -> Seen:
        """Look at windows: for zero runs of at least `hole` bytes, and anchors some `spacing` bytes apart."""
        if _are_bytes(windows):
            return cls(windows, find_all_zero_runs(windows, hole), *find_all_anchors(windows, spacing))
        found = [
            w.found
            if isinstance(w, Look)
            else Found(len(w), find_anchors(w, spacing), zero_runs(w, hole), run_check(w))
            for w in windows
        ]
        holes = [(number, *run) for number, one in enumerate(found) for run in one.holes]
        rows = [0, *accumulate(len(one.anchors) for one in found)]
        return cls(windows, holes, np.concatenate([one.anchors for one in found]), rows)
