"""Sequences whose items are made when asked for: a view of columns, one object at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Rows(Sequence[T]):
    """A read-only sequence.

    Args:
        count: its length.
        make: makes the item at a place, 0 to count - 1.
    """

    __slots__ = ("_count", "_make")

    def __init__(self, count: int, make: Callable[[int], T]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        """Number of items."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        """An item, or a list of some."""
        if isinstance(index, slice):
            return [self._make(at) for at in range(*index.indices(self._count))]
        return self._make(range(self._count)[index])
