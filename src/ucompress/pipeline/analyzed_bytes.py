"""The bytes that are planned with are those that were analyzed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ucompress.checksum import Digest, run_check
from ucompress.pipeline.contents import ContentsChangedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucompress.pipeline.analyzer import Analysis
    from ucompress.pipeline.contents import ContentReader


class AnalyzedBytes:
    """Contents as the planner reads them, checked against what was analyzed.

    A plan made from other bytes than the digests say would give files the bytes of another
    moment. The planner walks each content from its beginning to its end, a large one in windows;
    what it reads besides, to compare copies, are windows that it has walked before.
    """

    def __init__(self, analysis: Analysis, reader: ContentReader) -> None:
        self._contents = analysis.contents
        self._reader = reader
        self._walked = -1
        self._reached = 0
        self._digest = Digest()
        self._sources: set[bytes] = set()
        self._checks: dict[tuple[int, int, int], int] = {}

    def whole(self, contents: Sequence[int]) -> list[bytes]:
        """All bytes of some contents, read at once.

        Raises:
            ContentsChangedError: one is not what was analyzed any more.
        """
        return self._reader.many_checked(contents)

    def note(self, content: int, offset: int, length: int, check: int) -> None:
        """The XXH3-64 of bytes of a content that had its digest when they were looked at."""
        self._checks[content, offset, length] = check

    def __call__(self, content: int, offset: int, length: int) -> bytes:
        """Exactly `length` bytes of a content.

        Raises:
            ContentsChangedError: the content is not what was analyzed any more.
        """
        held = self._reader.held(content, offset, length)
        if held is not None:
            return held
        size = int(self._contents.sizes[content])
        if offset == 0 and length == size:
            return self._reader.checked(content)
        check = self._checks.get((content, offset, length))
        if check is not None:
            return self._reader.matching(content, offset, length, check)
        data, source = self._reader.sourced(content, offset, length)
        self._checks[content, offset, length] = run_check(data)
        if offset == 0 and content != self._walked:
            self._walked, self._reached, self._digest, self._sources = content, 0, Digest(), set()
        if content == self._walked and offset == self._reached:
            self._digest.update(data)
            self._sources.add(source)
            self._reached += length
            if self._reached == size and self._digest.digest() != self._contents.digest(content):
                raise ContentsChangedError(self._contents.sources(content), self._sources)
        return data
