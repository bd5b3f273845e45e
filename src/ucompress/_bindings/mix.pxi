# The mixing codec's door: buffers, sizes, allocation, locks and exceptions around `_kernels.mix`.

from ucompress._kernels cimport mix as _mix


cdef uint32_t _mix_checked_size(size_t size, size_t limit, str what) except? 0xFFFFFFFF:
    if size > limit:
        raise ValueError(f"{what} of {size} bytes is over the limit of {limit} bytes")
    return <uint32_t>size


cdef int _mix_checked_level(int level) except -1:
    if level < 7 or level > 9:
        raise ValueError(f"level {level} is not one of the mixing codec's levels 7, 8 and 9")
    return level


cdef class PrimedModel:
    """A dictionary made ready for blocks of the mixing codec: its bytes and what the models learned of it.

    Immutable; any number of `ModelCoder`s in any threads share one.

    Args:
        dictionary: the past of every block, best content last; 0 to 2 MiB. It is copied.
        level: 7, 8 (lean) or 9 (strong); a decoder needs the level that the blocks were coded with.
        portable: True leaves vector instructions unused: the same bytes, later.

    Attributes:
        level: as it was given.
        nbytes: bytes that it holds.

    Raises:
        ValueError: a level out of range or a dictionary over 2 MiB.
        MemoryError: `model_memory(level, len(dictionary))` bytes could not be had.
    """

    def __cinit__(self, dictionary, int level=8, *, bint portable=False):
        cdef _Borrowed source = _Borrowed(dictionary)
        cdef uint32_t size = _mix_checked_size(source.size, _mix.MIX_DICTIONARY_LIMIT, "a dictionary")
        cdef _mix.mix_primed* primed
        self.level = _mix_checked_level(level)
        self.size = size
        self.state = malloc(sizeof(_mix.mix_primed))
        if self.state is NULL:
            raise MemoryError
        primed = <_mix.mix_primed*>self.state
        self.nbytes = _mix.primed_layout(primed, NULL, level, size)
        self.memory = uc_take_pages(self.nbytes + 64)
        if self.memory is NULL:
            raise MemoryError
        with nogil:
            _mix.primed_layout(primed, _lz_aligned(self.memory), level, size)
            _mix.primed_fill(primed, source.data, portable)

    def __dealloc__(self):
        uc_give_pages(self.memory)
        free(self.state)

    def __len__(self):
        return self.size


cdef class ModelCoder:
    """Codes and decodes blocks, each alone, with a primed dictionary as their past.

    The models are the same both ways, so one object does both. Keep one for each thread: threads that
    share one wait for each other.

    Args:
        primed: what the models know when a block begins.
        max_block: the largest block in bytes, at most 8 MiB.

    Attributes:
        primed, max_block: as they were given.
        nbytes: bytes that it holds beside `primed`.

    Raises:
        ValueError: a block size over 8 MiB.
        MemoryError: `coder_memory(level, len(primed), max_block)` bytes could not be had.
    """

    def __cinit__(self, PrimedModel primed not None, size_t max_block=1 << 20):
        cdef uint32_t block = _mix_checked_size(max_block, _mix.MIX_LIMIT, "a block")
        cdef _mix.mix_coder* coder
        self.primed = primed
        self.max_block = block
        self.lock = PyThread_allocate_lock()
        self.state = malloc(sizeof(_mix.mix_coder))
        if self.state is NULL or self.lock is NULL:
            raise MemoryError
        coder = <_mix.mix_coder*>self.state
        self.nbytes = _mix.coder_layout(coder, NULL, primed.level, primed.size, block)
        self.memory = uc_take_pages(self.nbytes + 64)
        if self.memory is NULL:
            raise MemoryError
        with nogil:
            _mix.coder_layout(coder, _lz_aligned(self.memory), primed.level, primed.size, block)
            _mix.coder_fill(coder, <_mix.mix_primed*>primed.state)

    def __dealloc__(self):
        uc_give_pages(self.memory)
        free(self.state)
        if self.lock is not NULL:
            PyThread_free_lock(self.lock)

    cdef int check(self, size_t size) except -1:
        if size > self.max_block:
            raise ValueError(f"a block of {size} bytes is over this coder's {self.max_block} bytes")
        return 0

    def encode(self, data):
        """The block's payload: never longer than the data plus one byte, empty for empty data.

        The payload depends on data, dictionary and level only. Raises ValueError for a block over
        `max_block`.
        """
        cdef _Borrowed source = _Borrowed(data)
        cdef size_t coded
        cdef uint8_t* out
        self.check(source.size)
        out = <uint8_t*>malloc(source.size + 1)
        if out is NULL:
            raise MemoryError
        with nogil:
            coded = uc_mix_encode(self, source.data, source.size, out)
        try:
            return PyBytes_FromStringAndSize(<char*>out, coded)
        finally:
            free(out)

    def decode(self, payload, size_t size, *, first=None):
        """The block's `size` bytes, or the `first` of them: then damage behind these goes unseen.

        Raises ValueError for damage, a size over `max_block`, or more bytes than the block has.
        """
        cdef _Borrowed source = _Borrowed(payload)
        cdef size_t wanted = _first_bytes(first, size)
        cdef bytes out
        self.check(size)
        out = PyBytes_FromStringAndSize(NULL, wanted)
        self.run(source.data, source.size, <uint8_t*>PyBytes_AS_STRING(out), size, wanted)
        return out

    def decode_into(self, payload, out):
        """Fills `out`, whose length is the block's size; on an error `out` is untouched."""
        cdef _Borrowed source = _Borrowed(payload)
        cdef _Borrowed target = _Borrowed(out, True)
        self.check(target.size)
        self.run(source.data, source.size, <uint8_t*>target.view.buf, target.size, target.size)

    cdef int run(
        self, const uint8_t* payload, size_t length, uint8_t* out, size_t size, size_t first
    ) except -1:
        cdef int status
        with nogil:
            status = uc_mix_decode(self, payload, length, out, size, first)
        if status:
            raise ValueError("the payload is damaged, or coded with another dictionary or level")
        return 0


cdef size_t uc_mix_encode(ModelCoder coder, const uint8_t* data, size_t size, uint8_t* out) noexcept nogil:
    cdef size_t coded
    PyThread_acquire_lock(coder.lock, WAIT_LOCK)
    coded = _mix.encode_block(<_mix.mix_coder*>coder.state, data, <uint32_t>size, out)
    PyThread_release_lock(coder.lock)
    return coded


cdef int uc_mix_decode(
    ModelCoder coder, const uint8_t* payload, size_t length, uint8_t* out, size_t size, size_t first
) noexcept nogil:
    cdef int status
    PyThread_acquire_lock(coder.lock, WAIT_LOCK)
    status = _mix.decode_block(
        <_mix.mix_coder*>coder.state, payload, length, <uint32_t>size, <uint32_t>first, out
    )
    PyThread_release_lock(coder.lock)
    return status


def model_memory(int level, size_t dictionary_size):
    """Bytes a `PrimedModel` holds, known before it is made; shared by all threads."""
    cdef _mix.mix_primed layout
    cdef uint32_t size = _mix_checked_size(dictionary_size, _mix.MIX_DICTIONARY_LIMIT, "a dictionary")
    return _mix.primed_layout(&layout, NULL, _mix_checked_level(level), size)


def coder_memory(int level, size_t dictionary_size, size_t block_size):
    """Bytes one `ModelCoder` holds, the shared `PrimedModel` not counted."""
    cdef _mix.mix_coder layout
    cdef uint32_t past = _mix_checked_size(dictionary_size, _mix.MIX_DICTIONARY_LIMIT, "a dictionary")
    cdef uint32_t block = _mix_checked_size(block_size, _mix.MIX_LIMIT, "a block")
    return _mix.coder_layout(&layout, NULL, _mix_checked_level(level), past, block)
