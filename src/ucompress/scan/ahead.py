"""Asks the system for files that will be read soon, where reading has to wait for a disk.

What the system has in memory is there at once, and asking would only cost time. What it has not keeps a
core waiting for as long as a disk or a network takes to answer, file by file. So where a few of the files to
come are not in memory, or once blocks were read from a device, threads that do nothing else open all of them,
many at a time, and ask for their bytes.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self, TypeVar

from ucompress.errors import ThreadStartError
from ucompress.scan.opening import open_source
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType

Item = TypeVar("Item")

THREADS: Final = 8
"""Files that are waited for at the same time."""

AHEAD: Final = 4
"""Items that are asked for before they are handed on."""

LOOKED_AT: Final = 4
"""Files of an item of which it is seen whether they are in memory: opening one twice takes 5 µs."""

MOST: Final = 8 << 20
"""Bytes of one file that are asked for: of a longer one the system sees how it is read."""


class ReadAhead:
    """Asks for the files of items while those before are worked on; see the module.

    Nothing happens where the system cannot be asked, and whatever goes wrong is for the reader to tell.
    """

    def __init__(self) -> None:
        """No thread is started before one is needed."""
        self._pool = ThreadPool(THREADS, thread_name_prefix="ucompress-ahead")
        self._seen = blocks_read()

    def __enter__(self) -> Self:
        """The object itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ask for nothing more."""
        self._pool.shutdown(cancel_futures=True)

    def through(self, items: Iterable[Item], paths: Callable[[Item], Sequence[bytes]]) -> Iterator[Item]:
        """The items, in their order; some are taken before they are yielded, and their files asked for."""
        taken: deque[Item] = deque()
        for item in items:
            files = paths(item)
            if self._has_waited() or any(map(is_absent, files[:: max(1, len(files) // LOOKED_AT)])):
                with suppress(ThreadStartError):
                    for first in range(THREADS):
                        self._pool.submit(ask_for, files[first::THREADS])
            taken.append(item)
            if len(taken) > AHEAD:
                yield taken.popleft()
        yield from taken

    def _has_waited(self) -> bool:
        """Whether blocks were read from a device since this was asked last."""
        before, self._seen = self._seen, blocks_read()
        return self._seen > before and hasattr(os, "posix_fadvise")


def blocks_read() -> int:
    """Blocks that this process has read from devices so far; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock


def is_absent(path: bytes) -> bool:
    """Whether the system would have to fetch a file's beginning; False where it does not tell."""
    if not hasattr(os, "RWF_NOWAIT"):
        return False
    try:
        descriptor = open_source(path)
    except OSError:
        return False
    try:
        os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def ask_for(paths: Sequence[bytes]) -> None:
    """Open files one after the other and ask the system for their bytes; errors are left to the reader."""
    for path in paths:
        try:
            descriptor = open_source(path)
        except OSError:
            continue
        try:
            os.posix_fadvise(descriptor, 0, MOST, os.POSIX_FADV_WILLNEED)
        except OSError:
            pass
        finally:
            os.close(descriptor)
