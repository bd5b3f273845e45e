# The LZ codec's door: buffers, sizes, allocation, locks and exceptions around `_kernels.lz`. Follows
# lz_primed.pxi.


cdef class _LzCoder:
    """What encoder and decoder share: one allocation, one lock, a primed dictionary kept alive.

    `left` names the block whose state is at hand: as the last one coded alone left it, or kept
    for the blocks that name it as their reference.
    """

    def __cinit__(self, *_, **__):
        self.lock = PyThread_allocate_lock()
        if self.lock is NULL:
            raise MemoryError

    def __dealloc__(self):
        uc_give_pages(self.memory)
        free(self.state)
        uc_give_pages(self.kept)
        free(self.left.payload)
        if self.lock is not NULL:
            PyThread_free_lock(self.lock)

    def forget(self):
        """Let go of the state after a reference: the next block that names it decodes it again."""
        PyThread_acquire_lock(self.lock, WAIT_LOCK)
        self.at_hand = _NOTHING
        PyThread_release_lock(self.lock)

    cdef int prepare(
        self, PrimedDictionary primed, size_t max_block, size_t max_reference, bint encode
    ) except -1:
        cdef uint32_t block = _lz_checked_size(max_block, "a block")
        cdef uint32_t reference = _lz_checked_size(max_reference, "a reference")
        cdef size_t size
        cdef _lz.lz_coder* coder
        cdef uint32_t missing = primed.missing
        if missing:
            raise ValueError(f"{missing} bytes of the dictionary are missing")
        self.primed = primed
        self.max_block = block
        self.max_reference = reference
        self.state = malloc(sizeof(_lz.lz_coder))
        if self.state is NULL:
            raise MemoryError
        coder = <_lz.lz_coder*>self.state
        size = _lz.coder_layout(coder, NULL, primed.size, block, reference, encode)
        self.nbytes = size + _lz_kept_memory(reference)
        self.memory = uc_take_pages(size + 64)
        if self.memory is NULL:
            raise MemoryError
        with nogil:
            _lz.coder_layout(coder, _lz_aligned(self.memory), primed.size, block, reference, encode)
            _lz.coder_fill(coder, <_lz.lz_primed*>primed.state, encode)
        return 0


cdef class Encoder(_LzCoder):
    """Codes blocks, each alone, with a primed dictionary as their past.

    Keep one for each thread: threads that share one wait for each other.

    Args:
        primed: made with ``encode=True``; its level is the encoder's.
        max_block, max_reference: the largest block and the largest reference in bytes, each at most 8 MiB.

    Attributes:
        primed, max_block, max_reference: as they were given.
        nbytes: bytes that it holds beside `primed`.

    Raises:
        ValueError: a block size over 8 MiB, or a dictionary primed for decoding only, or incomplete.
    """

    def __cinit__(self, PrimedDictionary primed not None, size_t max_block=1 << 20, size_t max_reference=0):
        if not primed.encodes:
            raise ValueError("this dictionary was primed for decoding only")
        self.prepare(primed, max_block, max_reference, True)

    def encode(self, data, reference=None):
        """The block's payload: never longer than the data plus one byte, empty for empty data.

        Args:
            data: the block.
            reference: payload and size of a block that was coded without one, as the further past of
                this one.

        Returns:
            Bytes that depend on data, reference, dictionary and level only.

        Raises:
            ValueError: one is over its limit, or the reference is damaged or stored.
        """
        cdef _Borrowed source = _Borrowed(data)
        cdef size_t size = source.size, coded
        cdef _Reference past = _Reference(self, reference, size)
        cdef uint8_t* out = <uint8_t*>malloc(size + 1)
        cdef int status
        if out is NULL:
            raise MemoryError
        try:
            with nogil:
                status = uc_lz_encode(self, source.data, size, &past.block, out, &coded)
            _lz_check(status)
            return PyBytes_FromStringAndSize(<char*>out, coded)
        finally:
            free(out)


cdef class Decoder(_LzCoder):
    """Decodes blocks, whatever bytes it is given, within memory known ahead.

    Keep one for each thread: threads that share one wait for each other.

    Args:
        primed: the dictionary the blocks were coded with; any level, ``encode=False`` will do.
        max_block, max_reference: the largest decoded block and reference in bytes, each at most 8 MiB.

    Attributes:
        primed, max_block, max_reference: as they were given.
        nbytes: bytes that it holds beside `primed`.
    """

    def __cinit__(self, PrimedDictionary primed not None, size_t max_block=1 << 20, size_t max_reference=0):
        self.prepare(primed, max_block, max_reference, False)

    def decode(self, payload, size_t size, reference=None, *, first=None):
        """The block's `size` bytes, or the first of them.

        Args:
            payload: what `Encoder.encode` gave.
            size: bytes of the block.
            reference: payload and size of the block that it was coded after. Its state is kept: more blocks
                after the same one, or a block right after it was decoded itself, do not decode it again.
            first: only so many bytes from the block's start are decoded and returned. Damage behind them goes
                unseen, and the block is not at hand as a reference.

        Raises:
            ValueError: damage, or block, reference or `first` is over its limit.
        """
        cdef _Borrowed source = _Borrowed(payload)
        cdef _Reference past = _Reference(self, reference, size)
        cdef size_t wanted = _first_bytes(first, size)
        cdef bytes out = PyBytes_FromStringAndSize(NULL, wanted)
        self.run(source.data, source.size, &past.block, <uint8_t*>PyBytes_AS_STRING(out), size, wanted)
        return out

    def decode_into(self, payload, out, reference=None):
        """Fills `out`, whose length is the block's size; on an error `out` is untouched."""
        cdef _Borrowed source = _Borrowed(payload)
        cdef _Borrowed target = _Borrowed(out, True)
        cdef size_t size = target.size
        cdef _Reference past = _Reference(self, reference, size)
        self.run(source.data, source.size, &past.block, <uint8_t*>target.view.buf, size, size)

    cdef int run(
        self, const uint8_t* payload, size_t length, const LzReference* reference, uint8_t* out, size_t size,
        size_t first
    ) except -1:
        cdef int status
        with nogil:
            status = uc_lz_decode(self, payload, length, reference, out, size, first)
        return _lz_check(status)


cdef int _lz_check(int status) except -1:
    if status < 0:
        raise MemoryError
    if status:
        raise ValueError("the LZ payload is damaged, or coded with another dictionary or reference")
    return 0


cdef void _lz_teach(_LzCoder coder, const uint8_t* payload, size_t length) noexcept nogil:
    """Have the literals of a payload taught, if no payload before had such ones; no state may be left."""
    PyThread_acquire_lock(coder.primed.lock, WAIT_LOCK)
    _lz.teach_literals(<_lz.lz_primed*>coder.primed.state, <_lz.lz_coder*>coder.state, payload, length)
    PyThread_release_lock(coder.primed.lock)


cdef int uc_lz_encode(
    Encoder encoder, const uint8_t* data, size_t size, const LzReference* reference, uint8_t* out,
    size_t* coded
) noexcept nogil:
    cdef size_t past = 0 if reference is NULL else reference.size
    cdef int status = 0
    PyThread_acquire_lock(encoder.lock, WAIT_LOCK)
    if past:
        status = _lz_refer(encoder, reference)
    else:
        encoder.at_hand = _NOTHING
    if status == 0:
        coded[0] = _lz.encode_block(
            <_lz.lz_coder*>encoder.state, data, <uint32_t>size, <uint32_t>past, out
        )
    PyThread_release_lock(encoder.lock)
    return status


cdef int uc_lz_decode(
    Decoder decoder, const uint8_t* payload, size_t length, const LzReference* reference, uint8_t* out,
    size_t size, size_t first
) noexcept nogil:
    cdef size_t past = 0 if reference is NULL else reference.size
    cdef LzReference alone
    cdef int status = 0
    PyThread_acquire_lock(decoder.lock, WAIT_LOCK)
    if past:
        status = _lz_refer(decoder, reference)
    else:
        decoder.at_hand = _NOTHING
    if status == 0:
        _lz_teach(decoder, payload, length)
        status = _lz.decode_block(
            <_lz.lz_coder*>decoder.state, payload, length, <uint32_t>past, <uint32_t>size, <uint32_t>first,
            out
        )
    if (
        status == 0 and past == 0 and 0 < size <= decoder.max_reference and first == size
        and payload[0] != _lz.LZ_BLOCK_STORED
    ):
        alone.payload, alone.length, alone.size = <uint8_t*>payload, length, size
        # The block is whole. What cannot be noted is decoded again where it is named.
        _lz_leave(decoder, &alone)
    PyThread_release_lock(decoder.lock)
    return status


def compress_block(data, dictionary=b"", int level=6):
    """Codes one block of at most 8 MiB with an optional dictionary, in one call.

    Priming costs more than a small block: code many with `PrimedDictionary` and `Encoder`.
    Raises ValueError for sizes or levels out of range.
    """
    return Encoder(PrimedDictionary(dictionary, level), _Borrowed(data).size).encode(data)


def decompress_block(payload, size_t size, dictionary=b""):
    """The `size` bytes that `compress_block` coded. Raises ValueError for damage."""
    return Decoder(PrimedDictionary(dictionary, 6, encode=False), size).decode(payload, size)


def encoder_memory(int level, size_t dictionary_size, size_t block_size, size_t reference_size=0):
    """Bytes one `Encoder` holds, the shared `PrimedDictionary` not counted."""
    cdef _lz.lz_coder layout
    cdef uint32_t past = _lz_checked_size(dictionary_size, "a dictionary")
    cdef uint32_t block = _lz_checked_size(block_size, "a block")
    cdef uint32_t reference = _lz_checked_size(reference_size, "a reference")
    _lz_checked_level(level)
    cdef size_t held = _lz.coder_layout(&layout, NULL, past, block, reference, True)
    return held + _lz_kept_memory(reference)


def decoder_memory(size_t dictionary_size, size_t block_size, size_t reference_size=0):
    """Bytes one `Decoder` holds, the shared `PrimedDictionary` not counted."""
    cdef _lz.lz_coder layout
    cdef uint32_t past = _lz_checked_size(dictionary_size, "a dictionary")
    cdef uint32_t block = _lz_checked_size(block_size, "a block")
    cdef uint32_t reference = _lz_checked_size(reference_size, "a reference")
    cdef size_t held = _lz.coder_layout(&layout, NULL, past, block, reference, False)
    return held + _lz_kept_memory(reference)
