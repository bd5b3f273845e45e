"""Distinct contents of a tree, and reading them back while files may change.

Files with the same bytes are one *content*, numbered by the lowest member path that has it.
Every file of a content is a source: when one has changed since it was analyzed, the bytes
are taken from another.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from ucompress.archive import show
from ucompress.checksum import digest
from ucompress.errors import InputError
from ucompress.pipeline.file_processor import read_exactly
from ucompress.scan import open_source

if TYPE_CHECKING:
    from collections.abc import Iterable

OPEN_FILES = 32


@dataclass(slots=True)
class DistinctContent:
    """One distinct content.

    Attributes:
        ordinal: its number, by lowest member path.
        path: the lowest member path that has it.
        size: bytes.
        digest: BLAKE3, 32 bytes.
        kind_class: 0 text, 1 binary, 2 already compressed.
        sources: files that have it, in member path order.
    """

    ordinal: int
    path: bytes
    size: int
    digest: bytes
    kind_class: int
    sources: list[bytes] = field(default_factory=list)

    @property
    def multiplicity(self) -> int:
        """Files that have this content."""
        return len(self.sources)


def changed_meanwhile(content: DistinctContent) -> InputError:
    """The error for a content that no file has any more, before the archive was begun."""
    return InputError(
        f"{show(content.path)} changed or vanished while the tree was analyzed; nothing was written. "
        "Run the same command again: what did not change is not read again"
    )


class ContentReader:
    """Reads spans of contents; callable as `read(content, offset, length)`.

    A few files stay open, since planners read one content in many spans. Safe from several
    threads.
    """

    def __init__(self, contents: list[DistinctContent]) -> None:
        self._contents = contents
        self._open: OrderedDict[bytes, int] = OrderedDict()
        self._lock = Lock()

    def __call__(self, content: int, offset: int, length: int) -> bytes:
        """Exactly `length` bytes of a content, from the first source that still has them.

        Raises:
            OSError: no source can be read that far.
        """
        failure: OSError | None = None
        for source in self._contents[content].sources:
            try:
                with self._lock:
                    return read_exactly(self._descriptor(source), offset, length, source)
            except OSError as error:
                failure = failure or error
        raise failure or FileNotFoundError(f"content {content} has no source")

    def checked(self, content: int) -> bytes:
        """A whole content, from the first source that still has the bytes that were analyzed.

        Raises:
            InputError: every file that had them has changed or is gone.
        """
        wanted = self._contents[content]
        for source in wanted.sources:
            with suppress(OSError), self._lock:
                data = read_exactly(self._descriptor(source), 0, wanted.size, source)
                if digest(data) == wanted.digest:
                    return data
        raise changed_meanwhile(wanted)

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


def group_contents(
    files: Iterable[tuple[bytes, bytes, int, bytes, int]],
) -> tuple[list[DistinctContent], list[int]]:
    """Distinct contents of files that come in member path order.

    Args:
        files: (member path, source, size, digest, class) of each file with at least one byte.

    Returns:
        The contents, and for each file the ordinal of its content.
    """
    contents: list[DistinctContent] = []
    by_digest: dict[bytes, int] = {}
    content_of: list[int] = []
    for path, source, size, identity, kind_class in files:
        ordinal = by_digest.setdefault(identity, len(contents))
        if ordinal == len(contents):
            contents.append(DistinctContent(ordinal, path, size, identity, kind_class))
        contents[ordinal].sources.append(source)
        content_of.append(ordinal)
    return contents, content_of
