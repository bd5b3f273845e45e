"""The bytes that are planned with are those that were analyzed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ucompress.checksum import Digest, run_check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.reading.contents import ContentReader


class AnalyzedBytes:
    """Contents as the planner reads them, checked against what was analyzed.

    A plan made from other bytes than the digests say would give files the bytes of another
    moment. The planner walks each content from its beginning to its end, a large one in windows;
    what it reads again, to compare copies, are windows that it has walked before.

    Where contents may be given up, methods raise no `ContentsChangedError`: the walk goes on with the bytes
    there are, or zeros, and nothing of such a content is given again.
    """

    def __init__(self, analysis: Analysis, reader: ContentReader) -> None:
        self._contents = analysis.contents
        self._reader = reader
        self._digest: Digest | None = None
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
        """The next `length` bytes of the content that is walked, or the first of another.

        Raises:
            ContentsChangedError: the content is not what was analyzed any more.
        """
        size = int(self._contents.sizes[content])
        if length == size:
            return self._reader.checked(content)
        data = self._reader.held(content, offset, length)
        if offset == 0:
            self._digest = Digest() if data is None else None
        if self._digest is None:
            # What could be held can be read whole, should it have given way meanwhile.
            return self._reader.checked(content)[offset : offset + length] if data is None else data
        if data is None:
            data = self._reader(content, offset, length)
        self.note(content, offset, length, run_check(data))
        self._digest.update(data)
        if offset + length == size and self._digest.digest() != self._contents.digest(content):
            self._reader.give_up(content)
        return data

    def again(self, content: int, offset: int, length: int) -> bytes | None:
        """The bytes of a window that was walked before; None where they are not to be had any more.

        Raises:
            ContentsChangedError: the content is not what was analyzed any more.
        """
        check = self._checks.get((content, offset, length))
        data = self._reader.held(content, offset, length)
        if data is not None:
            if check is not None and run_check(data) != check:
                return None  # it had other bytes when it was walked
        elif check is not None:
            data = self._reader.matching(content, offset, length, check)
        else:
            data = self._reader.checked(content)[offset : offset + length]
        return None if self._reader.is_given_up(content) else data
