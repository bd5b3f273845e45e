"""Cuts at local minima of the rolling hash.

READ ME FIRST
- A d-mer is a cut when its hash is lower than the `spacing` hashes before it and no higher than
  the `spacing` after it (Schleimer, Wilkerson and Aiken, "Winnowing", 2003). Whether it is one
  depends only on the bytes that near: whoever sees them cuts there.
- One pass with a stack of rising hashes: what stands below a hash on the stack is the nearest
  one before it that is no higher, what pops it is the nearest one after it that is lower.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t


cdef size_t find_cuts(
    const uint64_t* hashes, size_t count, size_t spacing, uint64_t* stack, uint64_t* cuts
) noexcept nogil:
    """Positions of the cuts with `spacing` hashes on both sides, in no order; how many.

    `stack` and `cuts` have room for `count` values.
    """
    cdef size_t depth = 0
    cdef size_t found = 0
    cdef size_t i, top, before
    for i in range(count + 1):
        # The end pops all that is left: nothing lower follows.
        while depth and (i == count or hashes[stack[depth - 1]] > hashes[i]):
            depth -= 1
            top = stack[depth]
            before = top - stack[depth - 1] if depth else top + 1
            if before > spacing and (i - top > spacing) and top >= spacing and top + spacing < count:
                cuts[found] = top
                found += 1
        if i < count:
            stack[depth] = i
            depth += 1
    return found
