# Bindings: columns of an index page, made of the objects that a writer has.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcpy


cdef inline Py_ssize_t _in_common(
    const char* a, Py_ssize_t a_size, const char* b, Py_ssize_t b_size
) noexcept nogil:
    """The number of leading bytes that are the same."""
    cdef Py_ssize_t limit = min(a_size, b_size), at = 0
    while at < limit and a[at] == b[at]:
        at += 1
    return at


def split_prefixed(strings):
    """What each of some strings has in common with the one before it, and what follows.

    Args:
        strings: bytes.

    Returns two bytes objects: for each string the number of leading bytes that it has in common with the
    one before, as uint64 in the machine's order; and what follows them, each closed by a zero byte.
    """
    cdef list names = list(strings)
    cdef Py_ssize_t count = len(names), number, size, common, total = 0
    cdef bytes string, before = b""
    cdef bytes shared = PyBytes_FromStringAndSize(NULL, count * sizeof(uint64_t))
    cdef uint64_t* commons = <uint64_t*>PyBytes_AS_STRING(shared)
    for number in range(count):
        string = names[number]
        size = PyBytes_GET_SIZE(string)
        common = _in_common(
            PyBytes_AS_STRING(before), PyBytes_GET_SIZE(before), PyBytes_AS_STRING(string), size
        )
        commons[number] = <uint64_t>common
        total += size - common + 1
        before = string
    cdef bytes suffixes = PyBytes_FromStringAndSize(NULL, total)
    cdef char* out = PyBytes_AS_STRING(suffixes)
    for number in range(count):
        string = names[number]
        common = <Py_ssize_t>commons[number]
        size = PyBytes_GET_SIZE(string) - common
        memcpy(out, PyBytes_AS_STRING(string) + common, <size_t>size)
        out[size] = 0
        out += size + 1
    return shared, suffixes
