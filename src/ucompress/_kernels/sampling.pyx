"""Sampled scan over d-mers.

READ ME FIRST
- A d-mer is sampled when its mixed hash is at most a threshold, so the same text is sampled
  alike wherever it stands: counts of sampled d-mers are exact, not estimates (Broder,
  "On the resemblance and containment of documents", 1997; "mod p" sketches).
- A step of the rolling hash waits for the multiplication of the step before. Four lanes,
  each on its own quarter of the span, keep the multiplier busy:

      data   |--- lane 0 ---|--- lane 1 ---|--- lane 2 ---|--- lane 3 ---|  + d - 1 bytes
      out    |s s           |s             |s s s         |s             |
      then   |s s s s s s s|                                 closed up, in order of position

- Windows of one document: `sampler_join` makes the d-mers that cross into the new window,
  `sampler_keep` remembers the last d - 1 bytes. Every d-mer is seen once.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memmove

from ucompress._kernels.hashing cimport dmer_base, dmer_hash, dmer_mix, dmer_power, dmer_roll, is_one_run


cdef void sampler_init(Sampler* sampler, size_t length, uint64_t threshold) noexcept nogil:
    """Prepare for d-mers of `length` bytes (1 to DMER_LIMIT)."""
    cdef uint64_t power = dmer_power(length)
    cdef size_t value
    sampler.length = length
    sampler.threshold = threshold
    for value in range(256):
        # The +1 of the entering byte is folded in: h' = h * BASE + enters - leaving[leaves].
        sampler.leaving[value] = power * (value + 1) - 1
    sampler_begin(sampler)


cdef void sampler_begin(Sampler* sampler) noexcept nogil:
    """Forget the document before."""
    sampler.position = 0
    sampler.kept = 0


cdef inline size_t one_lane(
    const Sampler* sampler, const uint8_t* data, size_t first, size_t last, uint64_t h, Sample* out
) noexcept nogil:
    """Samples among the d-mers at [first .. last); `h` is the raw hash of the first."""
    cdef size_t d = sampler.length
    cdef uint64_t mixed
    cdef size_t found = 0
    cdef size_t i
    for i in range(first, last):
        mixed = dmer_mix(h)
        if mixed <= sampler.threshold:
            out[found].hash = mixed
            out[found].position = i
            found += 1
        if i + 1 < last:
            h = h * dmer_base() + data[i + d] - sampler.leaving[data[i]]
    return found


cdef inline size_t close_up(Sample* out, size_t found, const Sample* lane, const Sample* end) noexcept nogil:
    """Move a lane's samples behind the `found` samples of the lanes before it."""
    cdef size_t count = end - lane
    memmove(out + found, lane, count * sizeof(Sample))
    return found + count


cdef size_t sample_span(
    const Sampler* sampler, const uint8_t* data, size_t count, Sample* out
) noexcept nogil:
    """Samples among the `count` d-mers that start at data[0 .. count), in order of position.

    Reads count + d - 1 bytes; `out` has room for `count` samples.
    """
    cdef size_t d = sampler.length
    # One d-mer is always left to `one_lane`: no lane then reads beyond the span's d-mers.
    cdef size_t lane = (count - 1) // 4 if count > 0 else 0
    cdef uint64_t base = dmer_base()
    cdef uint64_t threshold = sampler.threshold
    cdef const uint64_t* leaving = &sampler.leaving[0]
    cdef const uint8_t* p0 = data
    cdef const uint8_t* p1 = data + lane
    cdef const uint8_t* p2 = data + 2 * lane
    cdef const uint8_t* p3 = data + 3 * lane
    cdef Sample* out0 = out
    cdef Sample* out1 = out + lane
    cdef Sample* out2 = out + 2 * lane
    cdef Sample* out3 = out + 3 * lane
    cdef uint64_t h0, h1, h2, h3, mixed
    cdef size_t i, found
    if count == 0:
        return 0
    if is_one_run(data, count + d - 1) and dmer_mix(dmer_hash(data, d)) > threshold:
        return 0
    if lane < 4 * d:
        # Four first hashes from nothing would cost more than the lanes gain.
        return one_lane(sampler, data, 0, count, dmer_hash(data, d), out)
    h0 = dmer_hash(p0, d)
    h1 = dmer_hash(p1, d)
    h2 = dmer_hash(p2, d)
    h3 = dmer_hash(p3, d)
    for i in range(lane):
        mixed = dmer_mix(h0)
        if mixed <= threshold:
            out0.hash = mixed
            out0.position = i
            out0 += 1
        mixed = dmer_mix(h1)
        if mixed <= threshold:
            out1.hash = mixed
            out1.position = lane + i
            out1 += 1
        mixed = dmer_mix(h2)
        if mixed <= threshold:
            out2.hash = mixed
            out2.position = 2 * lane + i
            out2 += 1
        mixed = dmer_mix(h3)
        if mixed <= threshold:
            out3.hash = mixed
            out3.position = 3 * lane + i
            out3 += 1
        h0 = h0 * base + p0[i + d] - leaving[p0[i]]
        h1 = h1 * base + p1[i + d] - leaving[p1[i]]
        h2 = h2 * base + p2[i + d] - leaving[p2[i]]
        h3 = h3 * base + p3[i + d] - leaving[p3[i]]
    found = out0 - out
    found = close_up(out, found, out + lane, out1)
    found = close_up(out, found, out + 2 * lane, out2)
    found = close_up(out, found, out + 3 * lane, out3)
    return found + one_lane(sampler, data, 4 * lane, count, h3, out + found)


cdef size_t sampler_join(Sampler* sampler, const uint8_t* data, size_t size) noexcept nogil:
    """Append the new window's first bytes to the kept ones; d-mers that start in the kept part.

    Their bytes stand in `sampler.tail`; their first position is `position - kept`.
    """
    cdef size_t taken = min(size, sampler.length - 1)
    if sampler.kept == 0 or sampler.kept + taken < sampler.length:
        return 0
    memcpy(sampler.tail + sampler.kept, data, taken)
    return sampler.kept + taken - (sampler.length - 1)


cdef size_t keep_last(
    uint8_t* tail, size_t kept, size_t wanted, const uint8_t* data, size_t size
) noexcept nogil:
    """Turn `tail`, the last `kept` bytes of a document, into its last `wanted` after a window; how many."""
    cdef size_t old
    if size >= wanted:
        memcpy(tail, data + (size - wanted), wanted)
        return wanted
    old = min(kept, wanted - size)
    memmove(tail, tail + (kept - old), old)
    memcpy(tail + old, data, size)
    return old + size


cdef void sampler_keep(Sampler* sampler, const uint8_t* data, size_t size) noexcept nogil:
    """Keep the last d - 1 bytes of the document for the next window."""
    sampler.position += size
    sampler.kept = keep_last(sampler.tail, sampler.kept, sampler.length - 1, data, size)


cdef void hash_dmers(const uint8_t* data, size_t size, size_t length, uint64_t* out) noexcept nogil:
    """Mixed hashes of all size - length + 1 d-mers (none when the buffer is shorter)."""
    cdef uint64_t power = dmer_power(length)
    cdef uint64_t h
    cdef size_t i
    if size < length:
        return
    h = dmer_hash(data, length)
    for i in range(size - length + 1):
        out[i] = dmer_mix(h)
        if i + length < size:
            h = dmer_roll(h, data[i], data[i + length], power)
