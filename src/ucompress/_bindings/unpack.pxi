# Bindings: what the columns of an index page say, as the objects that a reader hands out.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

cdef enum:
    LONGEST_PATH = 65_535

    SHAPE_EMPTY = 0
    SHAPE_TWIN = 1

    PLACE_FOLLOWS = 0
    PLACE_SAME_BASE = 1
    PLACE_SAME_SUFFIX = 2
    PLACE_NEXT_BLOCK = 3
    PLACE_HOLE = 4
    PLACE_AFTER = 5
    PLACE_BEFORE = 6
    PLACE_EXPLICIT = 7
    PLACE_IN_BLOCK = 8


cdef inline int64_t _unzigzag(uint64_t value) noexcept nogil:
    return <int64_t>((value >> 1) ^ (0 - (value & 1)))


cdef const uint64_t* _numbers_of(_Borrowed column, Py_ssize_t count, str name) except NULL:
    """The numbers of a column, which must be so many."""
    if column.size != <size_t>count * 8:
        raise ValueError(f"{name} has {column.size // 8} numbers where {count} are expected")
    return <const uint64_t*>column.data


def join_prefixed(shared, list suffixes):
    """Strings from what each has in common with the one before it, and what follows.

    Args:
        shared: for each string the leading bytes it has in common with the one before; uint64.
        suffixes: for each string the bytes that follow.

    Returns a list of bytes. Raises ValueError where a string shares more than there is.
    """
    cdef Py_ssize_t count = len(suffixes), number, common, size
    cdef _Borrowed column = _Borrowed(shared)
    cdef const uint64_t* commons = _numbers_of(column, count, "shared") if count else NULL
    cdef list joined = []
    cdef bytes before = b"", suffix, string
    for number in range(count):
        suffix = suffixes[number]
        if commons[number]:
            if commons[number] > <uint64_t>PyBytes_GET_SIZE(before):
                raise ValueError("a name shares more than there is")
            common, size = <Py_ssize_t>commons[number], PyBytes_GET_SIZE(suffix)
            string = PyBytes_FromStringAndSize(NULL, common + size)
            memcpy(PyBytes_AS_STRING(string), PyBytes_AS_STRING(before), <size_t>common)
            memcpy(PyBytes_AS_STRING(string) + common, PyBytes_AS_STRING(suffix), <size_t>size)
        else:
            string = suffix
        joined.append(string)
        before = string
    return joined


cdef bint _is_plain(const char* path, Py_ssize_t size) noexcept nogil:
    """Whether bytes can be a member's path: relative, every component a name."""
    cdef Py_ssize_t start = 0, end, length
    if not 0 < size <= LONGEST_PATH or memchr(path, 0, <size_t>size) is not NULL:
        return False
    while start <= size:
        end = start
        while end < size and path[end] != c"/":
            end += 1
        length = end - start
        if length == 0 or (length <= 2 and path[start] == c"." and path[end - 1] == c"."):
            return False
        start = end + 1
    return True


def first_bad_path(list paths):
    """The number of the first path that no member can have, or that is not above the one before; -1 for none.

    Args:
        paths: raw member paths, as bytes.
    """
    cdef Py_ssize_t number, size, before_size = 0
    cdef bytes path, before = b""
    cdef int order
    for number in range(len(paths)):
        path = paths[number]
        size = PyBytes_GET_SIZE(path)
        if not _is_plain(PyBytes_AS_STRING(path), size):
            return number
        order = memcmp(PyBytes_AS_STRING(before), PyBytes_AS_STRING(path), <size_t>min(size, before_size))
        if order > 0 or (order == 0 and before_size >= size):
            return number
        before, before_size = path, size
    return -1


def running_sums(first, steps, bint zigzagged):
    """A list of integers, each the one before and a step: sums of 64 bits in two's complement.

    Args:
        first: the first of them.
        steps: what follows it; uint64.
        zigzagged: whether the steps are signed integers in zigzag.
    """
    cdef _Borrowed column = _Borrowed(steps)
    cdef const uint64_t* values = <const uint64_t*>column.data
    cdef Py_ssize_t number
    cdef uint64_t value = <uint64_t>(<int64_t>first)
    cdef list sums = [first]
    for number in range(<Py_ssize_t>(column.size // 8)):
        value += <uint64_t>_unzigzag(values[number]) if zigzagged else values[number]
        sums.append(<int64_t>value)
    return sums


def resolve_twins(shapes, twins, sizes):
    """For each file of a page the file whose content it has, and its size.

    Args:
        shapes: format section 6.6; uint64.
        twins: distances, for each file of shape 1; uint64.
        sizes: bytes, for each file with extents of its own; uint64, below 2^63.

    Returns two lists of integers. Raises ValueError where a file repeats one that is not there, and
    where one with extents has no size.
    """
    cdef _Borrowed kinds = _Borrowed(shapes), far = _Borrowed(twins), bytes_of = _Borrowed(sizes)
    cdef Py_ssize_t count = <Py_ssize_t>(kinds.size // 8), number
    cdef const uint64_t* shape = <const uint64_t*>kinds.data
    cdef const uint64_t* twin = <const uint64_t*>far.data
    cdef const uint64_t* own = <const uint64_t*>bytes_of.data
    cdef size_t twins_left = far.size // 8, own_left = bytes_of.size // 8
    cdef uint64_t distance = 1
    cdef list source = [], resolved = []
    for number in range(count):
        if shape[number] == SHAPE_TWIN:
            if not twins_left:
                raise ValueError("a file repeats one that is not there")
            distance = twin[0] or distance
            twin, twins_left = twin + 1, twins_left - 1
            if distance > <uint64_t>number or shape[number - <Py_ssize_t>distance] == SHAPE_EMPTY:
                raise ValueError("a file repeats one that is not there")
            source.append(source[number - <Py_ssize_t>distance])
            resolved.append(resolved[number - <Py_ssize_t>distance])
        elif shape[number] == SHAPE_EMPTY:
            source.append(number)
            resolved.append(0)
        else:
            if not own_left or not own[0]:
                raise ValueError("a file with extents has no size")
            source.append(number)
            resolved.append(own[0])
            own, own_left = own + 1, own_left - 1
    return source, resolved


cdef tuple _base_and_suffix(bytes path):
    """What follows the last `/`, and of that what follows the last `.`, with it."""
    cdef const char* text = PyBytes_AS_STRING(path)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(path), at = size, dot = size
    while at > 0 and text[at - 1] != c"/":
        at -= 1
        if dot == size and text[at] == c".":
            dot = at
    return path[at:], path[dot:]


@cython.internal
@cython.final
cdef class _Places:
    """Works out the extents of a page's files; knows those before the current one that are not holes."""

    cdef const uint64_t* columns[5]
    cdef size_t left[5]
    cdef int64_t* block
    cdef int64_t* start
    cdef int64_t* end
    cdef Py_ssize_t count
    cdef int64_t largest_block
    cdef int64_t blocks
    cdef object kind
    cdef dict by_base
    cdef dict by_suffix
    cdef dict end_in

    def __cinit__(self, Py_ssize_t room, kind, int64_t blocks, int64_t largest_block):
        self.count = 0
        self.kind, self.blocks, self.largest_block = kind, blocks, largest_block
        self.by_base, self.by_suffix, self.end_in = {}, {}, {}
        self.block = <int64_t*>PyMem_Malloc(3 * max(room, 1) * sizeof(int64_t))
        if self.block is NULL:
            raise MemoryError
        self.start = self.block + max(room, 1)
        self.end = self.start + max(room, 1)

    def __dealloc__(self):
        PyMem_Free(self.block)

    cdef uint64_t next(self, int column) except? 0:
        """The next number of a column."""
        if not self.left[column]:
            raise ValueError("a column of places ends early")
        cdef uint64_t value = self.columns[column][0]
        self.left[column] -= 1
        self.columns[column] += 1
        return value

    cdef int64_t other_block(self) except? -1:
        """The block that is a step away from the last one; -1 where there can be none."""
        cdef int64_t step = _unzigzag(self.next(COLUMN_STEPS))
        cdef int64_t last = self.block[self.count - 1] if self.count else 0
        return last + step if -self.blocks <= step <= self.blocks else -1

    cdef object extent(self, int64_t length, bytes base, bytes suffix):
        """The next extent, of `length` bytes."""
        cdef uint64_t code = self.next(COLUMN_CODES), far
        cdef int64_t block = 0, offset = 0
        cdef Py_ssize_t last = self.count - 1
        if code == PLACE_HOLE:
            return new_tuple(self.kind, (-1, 0, length))
        if code == PLACE_FOLLOWS:
            if last >= 0:
                block, offset = self.block[last], self.end[last]
        elif code == PLACE_SAME_BASE or code == PLACE_SAME_SUFFIX:
            found = self.by_base.get(base) if code == PLACE_SAME_BASE else self.by_suffix.get(suffix)
            if found is None:
                raise ValueError("an extent points to a block that cannot be")
            block, offset = self.block[<Py_ssize_t>found], self.end[<Py_ssize_t>found]
        elif code == PLACE_NEXT_BLOCK:
            block = (self.block[last] if last >= 0 else 0) + 1
        elif code == PLACE_EXPLICIT:
            block = self.other_block()
            far = self.next(COLUMN_OFFSETS)
            offset = <int64_t>far if far <= <uint64_t>self.largest_block else -1
        elif code == PLACE_IN_BLOCK:
            block = self.other_block()
            offset = self.end_in.get(block, 0)
        elif code == PLACE_AFTER or code == PLACE_BEFORE:
            far = self.next(COLUMN_DISTANCES)
            if not 1 <= far <= <uint64_t>self.count:
                raise ValueError("an extent points to a block that cannot be")
            last = self.count - <Py_ssize_t>far
            block = self.block[last]
            offset = self.end[last] if code == PLACE_AFTER else self.start[last] - length
        else:
            raise ValueError("a place code does not exist")
        if not 0 <= block < self.blocks:
            raise ValueError("an extent points to a block that cannot be")
        if offset < 0 or length > self.largest_block or offset > self.largest_block - length:
            raise ValueError("an extent leaves its block")
        self.block[self.count], self.start[self.count], self.end[self.count] = block, offset, offset + length
        self.end_in[block] = offset + length
        self.count += 1
        return new_tuple(self.kind, (block, offset, length))


cdef enum:
    COLUMN_CODES = 0
    COLUMN_LENGTHS = 1
    COLUMN_DISTANCES = 2
    COLUMN_STEPS = 3
    COLUMN_OFFSETS = 4
    PLACE_COLUMNS = 5

cdef object new_tuple = tuple.__new__


def place_extents(list paths, list sources, list sizes, shapes, columns, kind, blocks, largest_block):
    """The extents of a page's files (format section 6.6).

    Args:
        paths: their paths.
        sources, sizes: as `resolve_twins` gives them.
        shapes: shape of each; uint64.
        columns: place codes, lengths, distances, steps from block to block and offsets; uint64.
        kind: a class of tuples (block number or -1 for a hole, offset, length).
        blocks: block numbers are below it.
        largest_block: bytes of the largest block.

    Returns a list with, for each file, a tuple of extents. Raises ValueError for what no page may say.
    """
    cdef Py_ssize_t count = len(paths), number, part, parts, before, last
    cdef _Borrowed kinds = _Borrowed(shapes)
    cdef const uint64_t* shape = _numbers_of(kinds, count, "shapes") if count else NULL
    cdef list held = [_Borrowed(column) for column in columns], files = [], lasts = [], extents
    if len(sources) != count or len(sizes) != count or len(held) != PLACE_COLUMNS:
        raise ValueError(
            f"{count} paths with {len(sources)} sources, {len(sizes)} sizes and {len(held)} columns"
        )
    cdef Py_ssize_t source
    cdef _Places places = _Places(<Py_ssize_t>((<_Borrowed>held[COLUMN_CODES]).size // 8), kind, blocks,
                                  largest_block)
    cdef int64_t rest, length
    cdef bytes base, suffix
    for part in range(PLACE_COLUMNS):
        places.columns[part] = <const uint64_t*>(<_Borrowed>held[part]).data
        places.left[part] = (<_Borrowed>held[part]).size // 8
    for number in range(count):
        last = -1
        if shape[number] == SHAPE_EMPTY:
            files.append(())
            lasts.append(last)
            continue
        base, suffix = _base_and_suffix(paths[number])
        if shape[number] == SHAPE_TWIN:
            source = sources[number]
            if not 0 <= source < number:
                raise ValueError(f"file {number} is a twin of file {source}, which does not come before it")
            files.append(files[source])
            last = lasts[source]
        else:
            rest, parts, extents, before = sizes[number], <Py_ssize_t>shape[number] - 1, [], places.count
            for part in range(parts):
                length = rest if part == parts - 1 else <int64_t>places.next(COLUMN_LENGTHS)
                if length <= 0 or length > rest:
                    raise ValueError("a file's extents do not add up to its size")
                rest -= length
                extents.append(places.extent(length, base, suffix))
            files.append(tuple(extents))
            if places.count > before:
                last = places.count - 1
        lasts.append(last)
        if last >= 0:
            places.by_base[base] = places.by_suffix[suffix] = last
    return files
