# Bindings: filters that blocks go through before they are coded.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdlib cimport free, malloc

from ucompress._kernels cimport branches as _branches
from ucompress._kernels cimport planes as _planes


def filter_branches(data):
    """A block with its x86-64 displacements turned into targets; equally long.

    Args:
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

    Args:
        dictionary: the past of every block.

    Attributes:
        nbytes: what it holds. A call to `repeats` takes another half a mebibyte while it lasts.
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


def filter_planes(data, stride, differences=False):
    """Records of a fixed length as planes: all their first bytes, then all their second ones, and so on.

    Args:
        data: any C-contiguous buffer.
        stride: bytes of a record, 1 to 255. What is left after the last whole one stays at the end.
        differences: whether each byte of a plane is told as its difference from the one before.

    >>> filter_planes(b"a1b2c3.", 2)
    b'abc123.'
    """
    return _turned(_planes.planes_from_records, data, stride, differences)


def restore_planes(data, stride, differences=False):
    """The records that `filter_planes` made `data` of; every buffer has some.

    >>> restore_planes(b"abc123.", 2)
    b'a1b2c3.'
    """
    return _turned(_planes.records_from_planes, data, stride, differences)


ctypedef void (*_Turn)(const uint8_t*, size_t, size_t, int, uint8_t*) noexcept nogil


cdef bytes _turned(_Turn turn, data, stride, bint differences):
    cdef size_t step = _checked(stride, "stride", 1, 255)
    cdef _Borrowed source = _Borrowed(data)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, source.size)
    cdef uint8_t* target = <uint8_t*>PyBytes_AS_STRING(out)
    with nogil:
        turn(source.data, source.size, step, differences, target)
    return out


def find_stride(data):
    """How long the records of `data` probably are, from 1 to 64; 0 for text, and where nothing points to any.

    Samples are compared with what stands before them: at a record's length bytes are alike. Less than
    17 KiB are not looked at.
    """
    cdef _Borrowed source = _Borrowed(data)
    cdef size_t stride
    with nogil:
        stride = _planes.likely_stride(source.data, source.size)
        if stride and uc_classify(source.data, source.size) == 0:
            stride = 0
    return stride
