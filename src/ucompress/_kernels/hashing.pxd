# Rolling hash over d-mers, as inline primitives. No tables, no allocation, no Python.
#
# For the d bytes at p[0..d):   h = sum over j of (p[j] + 1) * BASE^(d-1-j)   (mod 2^64)
# Rolling by one byte:          h' = h * BASE + (in + 1) - (out + 1) * BASE^d
#
# The raw sum has weak low bits (Karp and Rabin's polynomial over 2^64), so everything that
# samples or indexes by it uses `dmer_mix(h)`, the 64-bit finalizer of MurmurHash3, a
# bijection: two d-mers collide after mixing only where they collided before. Collisions can be
# made: modulo 2^64 short ones are found by lattice reduction, and Thue-Morse strings of a few
# thousand bytes collide whatever the base. Who stores a pattern verifies its bytes.

from libc.stdint cimport uint8_t, uint64_t
from libc.stddef cimport size_t
from libc.string cimport memcmp

cdef inline uint64_t dmer_base() noexcept nogil:
    return <uint64_t>0x9E3779B97F4A7C15

cdef inline uint64_t dmer_power(size_t d) noexcept nogil:
    """BASE^d, the weight of the byte that leaves a window of d bytes."""
    cdef uint64_t power = 1
    cdef size_t _j
    for _j in range(d):
        power = power * dmer_base()
    return power

cdef inline uint64_t dmer_hash(const uint8_t* p, size_t d) noexcept nogil:
    """Hash of the d bytes at p, from nothing."""
    cdef uint64_t h = 0
    cdef size_t j
    for j in range(d):
        h = h * dmer_base() + p[j] + 1
    return h

cdef inline uint64_t dmer_roll(uint64_t h, uint8_t leaves, uint8_t enters, uint64_t power) noexcept nogil:
    """Hash of the window one byte further on; `power` is dmer_power(d)."""
    return h * dmer_base() + enters + 1 - power * (<uint64_t>leaves + 1)

cdef inline uint64_t dmer_mix(uint64_t h) noexcept nogil:
    """The hash that is sampled, stored and compared."""
    h ^= h >> 33
    h = h * <uint64_t>0xFF51AFD7ED558CCD
    h ^= h >> 33
    h = h * <uint64_t>0xC4CEB9FE1A85EC53
    return h ^ (h >> 33)

cdef inline bint is_one_run(const uint8_t* p, size_t n) noexcept nogil:
    """Whether all `n` bytes, one or more, are the same: then all their d-mers have one hash."""
    return memcmp(p, p + 1, n - 1) == 0
