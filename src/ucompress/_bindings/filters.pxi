# Bindings: filters that blocks go through before they are coded.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdlib cimport free, malloc

from ucompress._kernels cimport branches as _branches


def filter_branches(data):
    """A block with its x86-64 displacements turned into targets; equally long.

    Parameters:
        data: any C-contiguous buffer; meant for machine code, harmless for all other bytes.

    Calls and what is addressed relative to RIP then have the same bytes wherever they stand, which
    an LZ coder finds. Positions count from the first byte.

    >>> filter_branches(b"..\\xe8\\x10\\x00\\x00\\x00")
    b'..\\xe8\\x13\\x00\\x00\\x00'
    """
    cdef _Borrowed source = _Borrowed(data)
    cdef bytes out = PyBytes_FromStringAndSize(<const char*>source.data, source.size)
    cdef uint8_t* target = <uint8_t*>PyBytes_AS_STRING(out)
    with nogil:
        _branches.targets_from_displacements(target, source.size)
    return out


def restore_branches(data):
    """The block that `filter_branches` made `data` of; every buffer has one.

    >>> restore_branches(filter_branches(b"..\\xe8\\x10\\x00\\x00\\x00"))
    b'..\\xe8\\x10\\x00\\x00\\x00'
    """
    cdef _Borrowed source = _Borrowed(data)
    cdef bytes out = PyBytes_FromStringAndSize(<const char*>source.data, source.size)
    cdef uint8_t* target = <uint8_t*>PyBytes_AS_STRING(out)
    with nogil:
        _branches.displacements_from_targets(target, source.size)
    return out


cdef class BranchCounter:
    """Counts how the displacements of blocks repeat as they are, and as targets.

    Immutable; any number of threads share one.

    Parameters
    ----------
    dictionary : buffer
        The past of every block.

    Attributes
    ----------
    nbytes : int
        What it holds. A call to `repeats` takes another half a mebibyte while it lasts.
    """

    def __cinit__(self, dictionary=b""):
        cdef _Borrowed source = _Borrowed(dictionary)
        self.nbytes = sizeof(uint32_t) << _branches.RELATIVE_BITS
        self.past = <uint32_t*>malloc(self.nbytes)
        if self.past is NULL:
            raise MemoryError
        with nogil:
            _branches.note_operands(source.data, source.size, self.past)

    def __dealloc__(self):
        free(self.past)

    def repeats(self, data):
        """How many operands repeat, about.

        Returns:
            Those that stood with the same instruction before, in the block or the dictionary: what
            the filter breaks. And those that did not, but whose target stood in the block before: what it
            finds. (0, 0) where samples of the block look like no code.
        """
        cdef _Borrowed source = _Borrowed(data)
        cdef uint32_t* scratch
        cdef _branches.BranchRepeats found
        cdef bint is_code
        with nogil:
            is_code = _branches.may_hold_code(source.data, source.size)
        if not is_code:
            return 0, 0
        scratch = <uint32_t*>malloc((2 * sizeof(uint32_t)) << _branches.TARGET_BITS)
        if scratch is NULL:
            raise MemoryError
        with nogil:
            found = _branches.count_repeats(
                source.data, source.size, self.past, scratch, scratch + (1 << _branches.TARGET_BITS)
            )
        free(scratch)
        return found.relative, found.absolute
