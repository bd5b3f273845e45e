# One block decoded piece by piece: who needs its first bytes need not wait for its last. Follows lz.pxi.


cdef class PieceDecoder:
    """An iterator over a block's bytes; any thread may ask for the next ones.

    Args:
        primed: the dictionary that the block was coded with; any level, ``encode=False`` will do.
        payload: what `Encoder.encode` gave without a reference; it is held until the iterator is gone.
        size: bytes of the block, at most 8 MiB.
        step: bytes of a piece at least, except the last one; a copy at its end may make it longer.

    Raises:
        ValueError: the size is over its limit; also by `next`, for damage. Only who has taken the last piece
            knows that there is none.
    """

    cdef Decoder decoder
    cdef _Borrowed source
    cdef _lz.lz_span span
    cdef uint32_t step
    cdef bytes whole  # what is left, where nothing is decoded any more

    def __cinit__(self, PrimedDictionary primed not None, payload, size_t size, size_t step=1 << 17):
        cdef int status
        self.decoder = Decoder(primed, size)
        self.source = _Borrowed(payload)
        self.step = <uint32_t>_checked(step, "a piece's size", 1, _lz.LZ_LIMIT)
        with nogil:
            _lz_teach(self.decoder, self.source.data, self.source.size)
            status = _lz.span_begin(
                &self.span, <_lz.lz_coder*>self.decoder.state, self.source.data, self.source.size,
                <uint32_t>size
            )
        if status:  # stored, empty or damaged
            self.whole = self.decoder.decode(payload, size)

    def __iter__(self):
        return self

    def __next__(self):
        """The next bytes; with what is damaged all that follows is lost."""
        cdef _lz.lz_span* span = &self.span
        cdef uint32_t begin
        cdef int status
        with nogil:  # who has the lock may wait for the interpreter's
            PyThread_acquire_lock(self.decoder.lock, WAIT_LOCK)
        try:
            if self.whole is not None:
                piece, self.whole = self.whole, b""
            else:
                begin = span.position
                with nogil:
                    status = _lz.span_decode(span, self.step)
                if status:
                    self.whole = b""
                    _lz_check(status)
                piece = PyBytes_FromStringAndSize(<char*>span.window + begin, span.position - begin)
        finally:
            PyThread_release_lock(self.decoder.lock)
        if not piece:
            raise StopIteration
        return piece
