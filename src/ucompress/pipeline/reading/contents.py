"""Reading distinct contents back while files may change.

Every file of a content is a source: when one has changed since it was analyzed, the bytes
are taken from another.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress
from itertools import repeat
from threading import Lock
from typing import TYPE_CHECKING

from ucompress.archive import show
from ucompress.checksum import digest, run_check
from ucompress.errors import PipelineError
from ucompress.pipeline.reading.distinct import Contents
from ucompress.pipeline.reading.held import HeldContents
from ucompress.pipeline.reading.spans import read_exactly, read_many
from ucompress.pipeline.reading.spilled import NOWHERE
from ucompress.scan import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ucompress.pipeline.reading.distinct import DistinctContent

SPANS_TOGETHER = 128
"""Spans of contents that are read together; then the columns that tell of them are let go of."""

OPEN_FILES = 32


class ContentsChangedError(PipelineError):
    """Before the archive was begun, files turned out to be not what was analyzed any more.

    The survey looks at the files again and does over what was built on them.

    Attributes:
        sources: files whose bytes are not to be taken as known.
    """

    def __init__(self, sources: Iterable[bytes]) -> None:
        self.sources = frozenset(sources)
        super().__init__(f"{len(self.sources)} files changed, among them {show(min(self.sources))}")


class GivenUp:
    """Contents that changed before coding began, where no further round is made for that.

    What is planned of them is not to be relied on, and neither is what others share with it: their bytes
    stand in no block, and errata store their files as these are found then. Safe from several threads.

    Attributes:
        contents: their ordinals.
    """

    __slots__ = ("_allowed", "contents")

    def __init__(self, *, allowed: bool = False) -> None:
        """None yet; where not `allowed`, there will be none."""
        self._allowed = allowed
        self.contents: set[int] = set()

    def add(self, changed: Sequence[DistinctContent]) -> None:
        """Give up contents of which a source was found changed.

        Raises:
            ContentsChangedError: there are some, and that is not allowed.
        """
        if changed and not self._allowed:
            raise ContentsChangedError(source for content in changed for source in content.sources)
        self.contents.update(content.ordinal for content in changed)


class ContentReader:
    """Reads spans of contents; callable as `read(content, offset, length)`.

    What is held in memory is taken from there. A few files stay open, since planners read one
    content in many spans. Safe from several threads. Where contents may be given up, methods give zeros for
    bytes that no source has, and raise no `ContentsChangedError`.
    """

    def __init__(
        self,
        contents: Sequence[DistinctContent],
        held: HeldContents | None = None,
        given_up: GivenUp | None = None,
    ) -> None:
        self._contents = Contents.of(contents)
        self._held = HeldContents() if held is None else held
        self._given_up = GivenUp() if given_up is None else given_up
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self._lock = Lock()

    def __call__(self, content: int, offset: int, length: int) -> bytes:
        """`length` bytes of a content: held, or unchecked from the first source that can be read that far.

        Raises:
            ContentsChangedError: no source can.
        """
        data = self.held(content, offset, length)
        return self._first(content, offset, length, lambda data: True) if data is None else data

    def give_up(self, content: int) -> None:
        """What was read of a content is not what was analyzed.

        Raises:
            ContentsChangedError: it cannot be given up.
        """
        self._given_up.add([self._contents[content]])

    def is_given_up(self, content: int) -> bool:
        """Whether bytes of a content may be others than those that were analyzed."""
        return content in self._given_up.contents

    def held(self, content: int, offset: int, length: int) -> bytes | None:
        """`length` bytes of a content if it is held, or spilled; these are what was analyzed."""
        place = int(self._contents.places[content])
        if place != NOWHERE:
            return self._held.spilled.read([(place + offset, length)])[0]
        return self._held.span(self._contents.digest(content), offset, length)

    def checked(self, content: int) -> bytes:
        """A whole content: held, or from the first source that still has the bytes that were analyzed.

        Raises:
            ContentsChangedError: every file that had them has changed or is gone.
        """
        size, wanted = int(self._contents.sizes[content]), self._contents.digest(content)
        data = self.held(content, 0, size)
        if data is None:
            data = self._first(content, 0, size, lambda data: digest(data) == wanted)
        return data

    def matching(self, content: int, offset: int, length: int, check: int) -> bytes:
        """The bytes of a content whose XXH3-64 is `check`, from the first source that still has them.

        Raises:
            ContentsChangedError: no source has them.
        """
        data = self.held(content, offset, length)
        if data is None:
            data = self._first(content, offset, length, lambda data: run_check(data) == check)
        return data

    def many(self, spans: Sequence[tuple[int, int, int]]) -> list[bytes]:
        """`self(*span)` of each span (content, offset, length); all are read, and in memory, at once.

        Not for several threads: what was looked at is let go of.

        Raises:
            ContentsChangedError: no source of a content can be read that far.
        """
        found: list[bytes] = []
        for first in range(0, len(spans), SPANS_TOGETHER):
            portion = spans[first : first + SPANS_TOGETHER]

            def is_right(row: int, data: bytes, portion: Sequence[tuple[int, int, int]] = portion) -> bool:
                self._keep_whole(*portion[row][:2], data)
                return True

            tried = self._tried([span[0] for span in portion], [span[1:] for span in portion], is_right)
            found += [
                self(*span) if data is None else data for data, span in zip(tried, portion, strict=True)
            ]
            self._contents.spill.release()
        return found

    def many_checked(self, contents: Sequence[int]) -> list[bytes]:
        """`checked` of each content; all are read, and in memory, at once.

        Raises:
            ContentsChangedError: every file that had a content has changed or is gone.
        """
        sizes = self._contents.sizes[list(contents)].tolist()

        def is_right(row: int, data: bytes) -> bool:
            wanted = self._contents.digest(contents[row])
            if digest(data) != wanted:
                return False
            self._held.keep(wanted, data)
            return True

        tried = self._tried(contents, list(zip(repeat(0), sizes, strict=False)), is_right)
        return [
            self.checked(content) if data is None else data
            for data, content in zip(tried, contents, strict=True)
        ]

    def many_matching(self, runs: Sequence[tuple[int, int, int, int]]) -> list[bytes]:
        """`matching` of each run (content, offset, length, check); all are read, and in memory, at once.

        Raises:
            ContentsChangedError: no source has a run's bytes.
        """

        def is_right(row: int, data: bytes) -> bool:
            content, offset, _, check = runs[row]
            if run_check(data) != check:
                return False
            self._keep_whole(content, offset, data)
            return True

        contents = [content for content, _, _, _ in runs]
        tried = self._tried(contents, [(offset, length) for _, offset, length, _ in runs], is_right)
        return [self.matching(*run) if data is None else data for data, run in zip(tried, runs, strict=True)]

    def _keep_whole(self, content: int, offset: int, data: bytes) -> None:
        """Hold bytes that were read if they are all of a content, and those that were analyzed."""
        whole, wanted = int(self._contents.sizes[content]), self._contents.digest(content)
        if (offset, len(data)) != (0, whole) or not self._held.has_room(len(data)):
            return
        if digest(data) == wanted:
            self._held.keep(wanted, data)

    def _tried(
        self,
        contents: Sequence[int],
        spans: Sequence[tuple[int, int]],
        is_right: Callable[[int, bytes], bool],
    ) -> list[bytes | None]:
        """What is held or spilled of each content's span (offset, length), or what its first source has.

        None where that cannot be read, or `is_right` says no to (number of the span, bytes).
        """
        known = self._contents
        found = self._held.found(known.all_digests(contents), known.all_places(contents), spans)
        missing = [row for row, data in enumerate(found) if data is None]
        if missing:
            wanted = [contents[row] for row in missing]
            # Spans of one content that follow each other share the path, and with it one opening.
            paths = dict(zip(wanted, known.first_sources(wanted), strict=True))
            read = read_many([(paths[contents[row]], *spans[row]) for row in missing])
            for row, data in zip(missing, read, strict=True):
                if isinstance(data, bytes) and is_right(row, data):
                    found[row] = data
        return found

    def _first(self, content: int, offset: int, length: int, is_right: Callable[[bytes], bool]) -> bytes:
        for source in self._contents.sources(content):
            with suppress(OSError):
                with self._lock:
                    data = read_exactly(self._descriptor(source), offset, length, source)
                if is_right(data):
                    return data
        self.give_up(content)
        return bytes(length)

    def _descriptor(self, path: bytes) -> int:
        descriptor = self._open.pop(path, None)
        if descriptor is None:
            descriptor = open_source(path)
            if len(self._open) >= OPEN_FILES:
                os.close(self._open.popitem(last=False)[1])
        self._open[path] = descriptor
        return descriptor

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            while self._open:
                os.close(self._open.popitem()[1])
