# Bindings: borrowed buffers and checked arguments.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

import itertools
import operator


@cython.internal
@cython.final
cdef class _Borrowed:
    """A C-contiguous buffer, held for as long as this object lives."""

    cdef Py_buffer view
    cdef const uint8_t* data
    cdef size_t size

    def __cinit__(self, source, bint writable=False):
        PyObject_GetBuffer(source, &self.view, PyBUF_WRITABLE if writable else PyBUF_SIMPLE)
        self.data = <const uint8_t*>self.view.buf
        self.size = <size_t>self.view.len

    def __dealloc__(self):
        PyBuffer_Release(&self.view)


@cython.internal
@cython.final
cdef class _BorrowedMany:
    """C-contiguous buffers, held for as long as this object lives."""

    cdef list sources
    cdef Py_buffer* views
    cdef size_t count

    def __cinit__(self, sources):
        self.sources = list(sources)
        self.views = <Py_buffer*>PyMem_Calloc(len(self.sources) + 1, sizeof(Py_buffer))
        if self.views == NULL:
            raise MemoryError
        for source in self.sources:
            PyObject_GetBuffer(source, &self.views[self.count], PyBUF_SIMPLE)
            self.count += 1

    def __dealloc__(self):
        cdef size_t i
        for i in range(self.count):
            PyBuffer_Release(&self.views[i])
        PyMem_Free(self.views)


def _portions(sources):
    """The buffers of an iterable, some thousand held at a time."""
    following = iter(sources)
    while portion := list(itertools.islice(following, 4096)):
        yield _BorrowedMany(portion)


cdef size_t _first_bytes(object first, size_t size) except? 0:
    """How many bytes of a block of `size` are wanted: all of them where it is not said."""
    return size if first is None else _checked(first, "first", 0, size)


cdef object _checked(object value, str name, object lowest, object highest):
    """The integer itself, or a ValueError that names the parameter and its range."""
    number = operator.index(value)
    if not lowest <= number <= highest:
        raise ValueError(f"{name} must be from {lowest} to {highest}, not {number}")
    return number


cdef object _checked_rows(object rows, object dtype):
    """The rows as a C-contiguous array of this dtype, without a copy where they are one."""
    array = np.asarray(rows)
    if array.dtype != dtype or array.ndim != 1:
        raise ValueError(f"rows must be a one-dimensional array of dtype {dtype}, not {array.dtype}")
    return np.ascontiguousarray(array)
