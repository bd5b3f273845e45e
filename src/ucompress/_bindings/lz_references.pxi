# Blocks that are coded after another one: whose state a coder has at hand. Follows lz.pxi.

from libc.string cimport memcmp, memcpy


cdef enum:
    _NOTHING
    _LEFT
    _KEPT


cdef class _Reference:
    """A reference argument, borrowed; of size 0 where there is none."""
    cdef _Borrowed source
    cdef LzReference block

    def __cinit__(self, _LzCoder coder not None, reference, size_t size):
        cdef str kind = type(coder).__name__.lower()
        self.block.payload = NULL
        self.block.length = self.block.size = 0
        if reference is not None:
            payload, decoded = reference
            self.source = _Borrowed(payload)
            self.block.payload = <uint8_t*>self.source.data
            self.block.length = self.source.size
            self.block.size = _checked(decoded, "a reference's size", 1, _lz.LZ_LIMIT)
        if size > coder.max_block:
            raise ValueError(f"a block of {size} bytes is over this {kind}'s {coder.max_block} bytes")
        if self.block.size > coder.max_reference:
            raise ValueError(
                f"a reference of {self.block.size} bytes is over this {kind}'s {coder.max_reference} bytes"
            )


cdef int _lz_refer(_LzCoder coder, const LzReference* reference) noexcept nogil:
    """Bring the state after a reference to hand; 0, 1 for damage, -1 without memory."""
    cdef _lz.lz_coder* state = <_lz.lz_coder*>coder.state
    cdef bint known = (
        coder.at_hand != _NOTHING and coder.left.size == reference.size
        and coder.left.length == reference.length
        and memcmp(coder.left.payload, reference.payload, reference.length) == 0
    )
    if known and coder.at_hand == _KEPT:
        return 0
    if coder.kept is NULL:
        coder.kept = uc_take_pages(_lz.model_bytes() + 64)
        if coder.kept is NULL:
            return -1
        state.kept = <_lz.lz_model*>_lz_aligned(coder.kept)
    if not known:
        coder.at_hand = _NOTHING
        _lz_teach(coder, reference.payload, reference.length)
        if _lz.decode_reference(state, reference.payload, reference.length, <uint32_t>reference.size):
            return 1
        if _lz_leave(coder, reference) != 0:
            return -1
    _lz.keep(state)
    coder.at_hand = _KEPT
    return 0


cdef int _lz_leave(_LzCoder coder, const LzReference* block) noexcept nogil:
    """Note which block, coded alone, has left the state at hand; -1, and none at hand, without memory."""
    cdef uint8_t* payload = <uint8_t*>malloc(block.length + 1)
    coder.at_hand = _NOTHING
    if payload is NULL:
        return -1
    free(coder.left.payload)
    memcpy(payload, block.payload, block.length)
    coder.left = block[0]
    coder.left.payload = payload
    coder.at_hand = _LEFT
    return 0


cdef size_t _lz_kept_memory(size_t reference):
    """The state after a reference, and its payload; 0 where there is none."""
    return _lz.model_bytes() + reference if reference else 0
