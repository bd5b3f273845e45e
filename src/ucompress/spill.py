"""Columns over very many files, in temporary files without a name: what is not looked at takes no memory.

A column of at least `LEAST` bytes is mapped from such a file, a smaller one stands in memory like any other.
What was touched stays resident until `Spill.release`, which costs nothing but reading it again from the
system's cache. The files are gone with the process, however it ends.
"""

from __future__ import annotations

import mmap
import os
import threading
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from ucompress.errors import OutputError
from ucompress.nameless import NamelessFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

LEAST = 1 << 18
"""Bytes from which on a column is kept in a file."""

STRING_BYTES, STRINGS_FACTOR = 41, 16
"""What a string in memory takes beside its bytes; how much more strings may take there than a column."""

ROWS = 1 << 16
"""Rows of columns that are worked on together."""

AT_ONCE = 4096
"""Strings that are made together."""

Column: TypeAlias = "array[int] | memoryview"
"""Plain numbers by their places, whether in memory or mapped."""

_CAN_SPILL = hasattr(os, "pread") and hasattr(mmap.mmap, "madvise")


class Spill:
    """Makes columns, and lets go of the memory that those in files take; for any number of threads.

    Args:
        folder: where the files are made; None keeps everything in memory.
        least: bytes from which on a column is kept in a file.
    """

    def __init__(self, folder: Path | None = None, least: int = LEAST) -> None:
        self.folder = folder if _CAN_SPILL else None
        self.least = least
        self._maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
        self._lock = threading.Lock()

    def takes(self, size: int) -> bool:
        """Whether a column of `size` bytes is kept in a file."""
        return self.folder is not None and size >= self.least

    def zeros(self, count: int, dtype: DTypeLike) -> NDArray[Any]:
        """A column of `count` zeros; OutputError where there is no room for it."""
        dtype = np.dtype(dtype)
        size = count * dtype.itemsize
        if not self.takes(size):
            return np.zeros(count, dtype=dtype)
        file = self.file()
        try:
            # What is mapped must be there: a page that cannot be had would end the process.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.descriptor, 0, size)
            else:
                os.ftruncate(file.descriptor, size)
        except OSError as error:
            raise self._failure(error) from error
        return self.mapped(file, count, dtype)

    def keep(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values as a column of their own, or themselves where they are few.

        Raises:
            OutputError: there is no room for it.
        """
        if not self.takes(values.nbytes):
            return values
        column = self.zeros(len(values), values.dtype)
        column[:] = values
        self.release()
        return column

    def gathered(self, values: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
        """The values of some rows as a column.

        Raises:
            OutputError: there is no room for it.
        """
        column = self.zeros(len(rows), values.dtype)
        for part in parts(len(rows)):
            column[part] = values[rows[part]]
            self.release()
        return column

    def release(self) -> None:
        """Let go of the memory of all columns in files; their values stay."""
        with self._lock:
            maps = list(self._maps)
        for mapping in maps:
            mapping.madvise(mmap.MADV_DONTNEED)

    def file(self) -> NamelessFile:
        """A new file without a name.

        Raises:
            OutputError: it cannot be made.
        """
        try:
            return NamelessFile(self.folder)
        except OSError as error:
            raise self._failure(error) from error

    def write(self, file: NamelessFile, data: bytes | array[int]) -> None:
        """Append to a file of this spill.

        Raises:
            OutputError: there is no room for it.
        """
        view = memoryview(data).cast("B")
        try:
            while view:
                view = view[os.write(file.descriptor, view) :]
        except OSError as error:
            raise self._failure(error) from error

    def mapped(self, file: NamelessFile, count: int, dtype: DTypeLike) -> NDArray[Any]:
        """The whole of a file of this spill as a column; OutputError where it cannot be mapped."""
        dtype = np.dtype(dtype)
        try:
            mapping = mmap.mmap(file.descriptor, count * dtype.itemsize)
        except OSError as error:
            raise self._failure(error) from error
        with self._lock:
            self._maps.add(mapping)
        return np.ndarray(count, dtype, buffer=mapping)

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"cannot keep what is known of the files in {self.folder}: {error.strerror}; nothing was written"
        )


def parts(count: int) -> Iterator[slice]:
    """`count` rows in parts that are worked on together."""
    return (slice(first, min(first + ROWS, count)) for first in range(0, count, ROWS))


IN_MEMORY = Spill()
"""Keeps everything in memory."""


class Growing(Sequence[int]):
    """A column of numbers that grows at its end.

    Attributes:
        tail: the latest numbers, to append to; those before are settled.
        settled: how many those before are.
    """

    def __init__(self, typecode: str, spill: Spill = IN_MEMORY) -> None:
        """`typecode` as of `array`."""
        self.tail = array(typecode)
        self.settled = 0
        self._spill = spill
        self._file: NamelessFile | None = None

    def __len__(self) -> int:
        """Numbers so far."""
        return self.settled + len(self.tail)

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

    def __getitem__(self, index: int | slice) -> int | list[int]:
        """A number, or some."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = index if index >= 0 else index + len(self)
        if at >= self.settled:
            return self.tail[at - self.settled]
        if at < 0 or self._file is None:
            raise IndexError(f"index {index} of {len(self)}")
        width = self.tail.itemsize
        return array(self.tail.typecode, self._file.read(at * width, width))[0]

    def settle(self) -> None:
        """Move the numbers to a file if they are many."""
        if self._spill.takes(len(self.tail) * self.tail.itemsize):
            self._flush()

    def _flush(self) -> None:
        if self._file is None:
            self._file = self._spill.file()
        self._spill.write(self._file, self.tail)
        self.settled += len(self.tail)
        del self.tail[:]

    def values(self) -> NDArray[Any]:
        """All numbers; after this nothing is appended any more."""
        dtype = np.dtype(self.tail.typecode)
        if self._file is None:
            return np.array(self.tail, dtype=dtype)
        self._flush()
        return self._spill.mapped(self._file, len(self), dtype)

    def column(self) -> Column:
        """All numbers, as plain ones; after this nothing is appended any more."""
        return self.tail if self._file is None else self.values().data


class Strings(Sequence[bytes]):
    """Byte strings in a file, each made when asked for."""

    def __init__(self, file: NamelessFile, ends: NDArray[np.int64]) -> None:
        """`ends` tells where each ends in the file; the next one begins there."""
        self._file = file
        self._ends = ends

    def __len__(self) -> int:
        """Number of strings."""
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """A string, or a list of them."""
        if isinstance(index, slice):
            numbers = range(*index.indices(len(self)))
            return self._neighbours(numbers) if numbers.step == 1 else [self[at] for at in numbers]
        number = range(len(self))[index]
        begin = int(self._ends[number - 1]) if number else 0
        return self._file.read(begin, int(self._ends[number]) - begin)

    def __iter__(self) -> Iterator[bytes]:
        """The strings in order."""
        for first in range(0, len(self), AT_ONCE):
            yield from self[first : first + AT_ONCE]

    def take(self, numbers: Sequence[int]) -> list[bytes]:
        """The strings of some numbers; those of neighbours are read together."""
        if not numbers:
            return []
        lowest, after = min(numbers), max(numbers) + 1
        if after - lowest > 4 * len(numbers):
            return [self[number] for number in numbers]
        near = self._neighbours(range(lowest, after))
        return [near[number - lowest] for number in numbers]

    def _neighbours(self, numbers: range) -> list[bytes]:
        if not numbers:
            return []
        begin = int(self._ends[numbers.start - 1]) if numbers.start else 0
        ends = (self._ends[numbers.start : numbers.stop] - begin).tolist()
        data = self._file.read(begin, ends[-1])
        return [data[start:end] for start, end in zip((0, *ends), ends, strict=False)]


class StringsBuilder:
    """Byte strings that come one after the other: a list while they are few."""

    def __init__(self, spill: Spill = IN_MEMORY) -> None:
        self._spill = spill
        self._file: NamelessFile | None = None
        self._ends = Growing("q", spill)
        self._end = 0
        self._tail: list[bytes] = []
        self._size = 0

    def __len__(self) -> int:
        """Strings so far."""
        return len(self._ends) + len(self._tail)

    def extend(self, strings: Sequence[bytes]) -> None:
        """Add some."""
        self._tail.extend(strings)
        self._size += sum(map(len, strings))
        if self._spill.takes((self._size + STRING_BYTES * len(self._tail)) // STRINGS_FACTOR):
            self._flush()

    def _flush(self) -> None:
        if self._file is None:
            self._file = self._spill.file()
        lengths = np.fromiter(map(len, self._tail), np.int64, len(self._tail))
        self._ends.tail.frombytes((np.cumsum(lengths) + self._end).tobytes())
        self._ends.settle()
        for first in range(0, len(self._tail), AT_ONCE):
            self._spill.write(self._file, b"".join(self._tail[first : first + AT_ONCE]))
        self._end += self._size
        self._size = 0
        self._tail.clear()

    def finish(self) -> Sequence[bytes]:
        """All of them; after this nothing is added any more."""
        if self._file is None:
            return self._tail
        self._flush()
        return Strings(self._file, self._ends.values())


def taken(strings: Sequence[bytes], numbers: Sequence[int]) -> list[bytes]:
    """The strings of some numbers."""
    if isinstance(strings, Strings):
        return strings.take(numbers)
    return [strings[number] for number in numbers]


class SparseStrings(Mapping[int, bytes]):
    """Byte strings of some of many rows, by the rows' numbers, which ascend."""

    def __init__(self, rows: Column, strings: Sequence[bytes]) -> None:
        """`rows` has the number of each string's row."""
        self._rows = rows
        self._strings = strings

    def __len__(self) -> int:
        """Number of strings."""
        return len(self._rows)

    def __iter__(self) -> Iterator[int]:
        """The rows that have one, in order."""
        return iter(self._rows)

    def __getitem__(self, row: int) -> bytes:
        """The string of a row."""
        at = bisect_left(self._rows, row)
        if at == len(self._rows) or self._rows[at] != row:
            raise KeyError(row)
        return self._strings[at]


class SparseStringsBuilder:
    """Byte strings of some rows, which come in order: a dict while they are few."""

    def __init__(self, spill: Spill = IN_MEMORY) -> None:
        self._rows = Growing("q", spill)
        self._strings = StringsBuilder(spill)

    def add(self, row: int, string: bytes) -> None:
        """The string of a row beyond those before."""
        self._rows.tail.append(row)
        self._rows.settle()
        self._strings.extend((string,))

    def finish(self) -> Mapping[int, bytes]:
        """All of them; after this nothing is added any more."""
        rows, strings = self._rows.column(), self._strings.finish()
        return (
            SparseStrings(rows, strings)
            if isinstance(strings, Strings)
            else dict(zip(rows, strings, strict=True))
        )
