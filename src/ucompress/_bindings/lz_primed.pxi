# A dictionary made ready for the LZ codec: its bytes, at once or piece by piece, and the primed models.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.pythread cimport (
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    WAIT_LOCK,
)
from libc.stdlib cimport free, malloc

from ucompress._kernels cimport lz as _lz
from ucompress._kernels.pages cimport uc_give_pages, uc_take_pages


cdef uint32_t _lz_checked_size(size_t size, str what) except? 0xFFFFFFFF:
    if size > _lz.LZ_LIMIT:
        raise ValueError(f"{what} of {size} bytes is over the limit of {_lz.LZ_LIMIT} bytes")
    return <uint32_t>size


cdef int _lz_checked_level(int level) except -1:
    if level < 4 or level > 6:
        raise ValueError(f"level {level} is not one of the LZ codec's levels 4, 5 and 6")
    return level


cdef class PrimedDictionary:
    """A dictionary made ready for blocks: its bytes, the primed models, the encoder's index.

    Immutable once all its bytes are there; any number of encoders and decoders in any threads share one.

    Args:
        dictionary: the past of every block, best content last; 0 to 8 MiB. It is copied.
        level: 4 (quick), 5, or 6 (smallest): the shape of the index. Readers of any level decode it.
        encode: False leaves the encoder's index out: a decoder needs none.
        portable: True leaves vector instructions unused: the same bytes, later.
        size: bytes of the dictionary where these are only its first: `append` gives the rest, and until all
            are there nothing is coded with it.

    Attributes:
        level: as it was given.
        encodes: whether it has the encoder's index.
        nbytes: bytes that it holds.

    Raises:
        ValueError: a level out of range, a dictionary over 8 MiB, or larger than its size.
        MemoryError: `primed_memory(level, len(dictionary), encode=encode)` bytes could not be had.
    """

    def __cinit__(self, dictionary, int level=6, *, bint encode=True, bint portable=False, size=None):
        cdef _Borrowed source = _Borrowed(dictionary)
        cdef uint32_t whole = _lz_checked_size(source.size if size is None else size, "a dictionary")
        cdef _lz.lz_primed* primed
        self.lock = PyThread_allocate_lock()
        self.level = _lz_checked_level(level)
        self.encodes = encode
        self.size = whole
        self.state = malloc(sizeof(_lz.lz_primed))
        if self.state is NULL or self.lock is NULL:
            raise MemoryError
        primed = <_lz.lz_primed*>self.state
        self.nbytes = _lz.primed_layout(primed, NULL, level, whole, encode)
        self.memory = uc_take_pages(self.nbytes + 64)
        if self.memory is NULL:
            raise MemoryError
        with nogil:
            _lz.primed_layout(primed, _lz_aligned(self.memory), level, whole, encode)
            _lz.primed_begin(primed, portable)
        self.append(dictionary)

    def __dealloc__(self):
        uc_give_pages(self.memory)
        free(self.state)
        if self.lock is not NULL:
            PyThread_free_lock(self.lock)

    def append(self, piece):
        """Give the dictionary's next bytes and prime as far as they allow; ValueError for too many."""
        cdef _Borrowed source = _Borrowed(piece)
        cdef _lz.lz_primed* primed = <_lz.lz_primed*>self.state
        cdef bint fits
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            fits = source.size <= primed.size - primed.known
            if fits and source.size:
                _lz.primed_append(primed, source.data, <uint32_t>source.size)
            PyThread_release_lock(self.lock)
        if not fits:
            raise ValueError(f"{source.size} bytes are more than this dictionary has room for")

    @property
    def missing(self):
        """Bytes of the dictionary that were not given yet."""
        cdef _lz.lz_primed* primed = <_lz.lz_primed*>self.state
        cdef uint32_t missing
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        missing = primed.size - primed.known
        PyThread_release_lock(self.lock)
        return missing

    def __len__(self):
        return self.size


cdef inline uint8_t* _lz_aligned(void* memory) noexcept nogil:
    return <uint8_t*>((<size_t>memory + 63) & ~<size_t>63)


def primed_memory(int level, size_t dictionary_size, *, bint encode=True):
    """Bytes a `PrimedDictionary` holds, known before it is made; shared by all threads."""
    cdef _lz.lz_primed layout
    cdef uint32_t size = _lz_checked_size(dictionary_size, "a dictionary")
    return _lz.primed_layout(&layout, NULL, _lz_checked_level(level), size, encode)
