"""What is planned: distinct contents, one by one and in columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ucompress.similarity import SKETCH_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def no_sketch() -> NDArray[np.uint64]:
    """The sketch of a content that is like no other."""
    return np.empty(0, dtype=np.uint64)


@dataclass(slots=True, eq=False)
class Content:
    """A distinct content: what one or more files of the tree hold.

    Attributes:
        ordinal: its number, from 0 on without gaps, in the order of the lowest member paths.
        path_hint: its lowest member path.
        size: in bytes.
        digest: its BLAKE3 digest.
        kind_class: `segments.TEXT`, `BINARY` or `DENSE`.
        sketch: a few hashes of its d-mers by which likeness is judged; may be empty.
        repeats: how many in a thousand of its sampled d-mers stand in many contents.
        novel: about how many of its places begin a d-mer that it has nowhere before; None: all.
    """

    ordinal: int
    path_hint: bytes
    size: int
    digest: bytes = b""
    kind_class: int = 0
    sketch: NDArray[np.uint64] = field(default_factory=no_sketch)
    repeats: int = 0
    novel: int | None = None


class Planned(NamedTuple):
    """Distinct contents in columns, by their ordinals.

    Attributes:
        paths: `Content.path_hint` of each.
        sizes, classes, repeats, novel: as in `Content`.
        hashes: the sketches, end to end.
        starts: where each content's begins, then their number.
        sketch_size: the most hashes in a sketch.
    """

    paths: Sequence[bytes]
    sizes: NDArray[np.int64]
    classes: NDArray[np.uint8]
    repeats: NDArray[np.int64]
    novel: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    sketch_size: int = SKETCH_SIZE

    @classmethod
    def of(cls, contents: Sequence[Content]) -> Planned:
        """The columns of contents in any order.

        Raises:
            ValueError: they are not numbered from 0 on without gaps.
        """
        rows = sorted(contents, key=lambda content: content.ordinal)
        if any(content.ordinal != i for i, content in enumerate(rows)):
            raise ValueError("contents must be numbered from 0 on without gaps")
        sketches = [content.sketch for content in rows]
        return cls(
            [content.path_hint for content in rows],
            np.array([content.size for content in rows], dtype=np.int64),
            np.array([content.kind_class for content in rows], dtype=np.uint8),
            np.array([content.repeats for content in rows], dtype=np.int64),
            np.array(
                [content.size if content.novel is None else content.novel for content in rows], np.int64
            ),
            np.concatenate([no_sketch(), *sketches]),
            np.cumsum([0, *map(len, sketches)], dtype=np.int64),
        )


class Kind(IntEnum):
    """What may stand together in a block: contents of one kind only."""

    USUAL = 0
    DENSE = 1
    """Compressed already."""
    MONOTONOUS = 2
    """Long, and repeats itself so much that a large block decodes quickly."""


class Ranked:
    """The contents in the order of planning, in columns that give plain numbers.

    Attributes:
        ordinals, sizes, repeats: of each, as in `Content`.
        kinds: the `Kind` of each.
    """

    __slots__ = ("kinds", "ordinals", "repeats", "sizes")

    def __init__(
        self,
        ordinals: NDArray[np.int64],
        sizes: NDArray[np.int64],
        repeats: NDArray[np.int64],
        kinds: NDArray[np.uint8],
    ) -> None:
        """Keep the columns."""
        self.ordinals = ordinals.data
        self.sizes = sizes.data
        self.repeats = repeats.data
        self.kinds = kinds.data

    @property
    def columns(self) -> tuple[memoryview, memoryview, memoryview, memoryview]:
        """Ordinals, sizes, repeats and kinds."""
        return self.ordinals, self.sizes, self.repeats, self.kinds

    def row(self, rank: int) -> tuple[int, int, int, int]:
        """Ordinal, size, repeats and kind."""
        return self.ordinals[rank], self.sizes[rank], self.repeats[rank], self.kinds[rank]
