"""Counts of sampled d-mers: from the bytes of documents, and from other counts.

READ ME FIRST
- A sample is looked up in the ordered table of `count_table`; slots are asked for some samples
  ahead, since each is a cache line that is seldom near.
- Returns are 0, or -1 when memory is short; the table is of no use from then on. Also 1: a
  packed sample is none, and some of its rows are counted already.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from ucompress._kernels.count_table cimport (
    CountRow, CountTable, home_slot, join_row, table_holds, table_insert, table_walk,
)
from ucompress._kernels.packing cimport PackedRow, Unpacker, unpacker_next, unpacker_open
from ucompress._kernels.sampling cimport (
    SAMPLE_SPAN, Sample, Sampler, sample_span, sampler_join, sampler_keep,
)

cdef extern from "prefetch.h":
    void UC_PREFETCH(const void* address) noexcept nogil

cdef enum:
    LOOKAHEAD = 12  # samples between asking for a slot and using it


cdef int add_samples(
    CountTable* table, const Sample* samples, size_t count, uint64_t base, uint32_t document
) noexcept nogil:
    """Count samples of one document, whose positions start at `base`."""
    cdef CountRow row
    cdef size_t i, at
    row.frequency = 1
    row.documents = 1
    row.document = document
    row.reserved = table.turn
    for i in range(count):
        if i + LOOKAHEAD < count and samples[i + LOOKAHEAD].hash <= table.threshold:
            # A walk of average length ends in the cache line after the home slot's.
            at = home_slot(table, samples[i + LOOKAHEAD].hash)
            UC_PREFETCH(table.slots + at)
            UC_PREFETCH(table.slots + at + 2)
        row.hash = samples[i].hash
        if row.hash > table.threshold:
            continue
        row.offset = base + samples[i].position
        at = table_walk(table, row.hash)
        if table_holds(table, at, row.hash):
            join_row(table.slots + at, &row)
        elif table_insert(table, &row, at):
            return -1
    return 0


cdef int scan_part(
    CountTable* table, Sampler* sampler, const uint8_t* data, size_t count, uint64_t base,
    uint32_t document, Sample* scratch
) noexcept nogil:
    """Count the `count` d-mers that start in data[0 .. count)."""
    cdef size_t done = 0
    cdef size_t part, found
    while done < count:
        part = min(count - done, <size_t>SAMPLE_SPAN)
        sampler.threshold = table.threshold
        found = sample_span(sampler, data + done, part, scratch)
        if add_samples(table, scratch, found, base + done, document):
            return -1
        done += part
    return 0


cdef int table_scan(
    CountTable* table, Sampler* sampler, const uint8_t* data, size_t size, uint32_t document, Sample* scratch
) noexcept nogil:
    """Count the next window of the open document; `scratch` has room for SAMPLE_SPAN samples."""
    cdef size_t crossing
    if table.failed:
        return -1
    if size == 0:
        return 0
    crossing = sampler_join(sampler, data, size)
    if scan_part(table, sampler, sampler.tail, crossing, sampler.position - sampler.kept, document, scratch):
        return -1
    if size >= sampler.length:
        if scan_part(
            table, sampler, data, size - sampler.length + 1, sampler.position, document, scratch
        ):
            return -1
    sampler_keep(sampler, data, size)
    return 0


cdef int table_merge(
    CountTable* table, const CountRow* rows, size_t count, const uint32_t* document
) noexcept nogil:
    """Add the rows of another table; documents of the two are taken as distinct.

    `document`, unless NULL, is the number of the document that all the rows come from.
    """
    cdef CountRow row
    cdef size_t i, at
    if table.failed:
        return -1
    for i in range(count):
        row = rows[i]
        if row.hash > table.threshold or row.frequency == 0:
            continue
        row.reserved = 0
        if document != NULL:
            row.document = document[0]
        at = table_walk(table, row.hash)
        if table_holds(table, at, row.hash):
            join_row(table.slots + at, &row)
        elif table_insert(table, &row, at):
            return -1
    return 0


cdef int table_merge_packed(CountTable* table, const uint8_t* data, size_t size) noexcept nogil:
    """Add the counts of one document from its packed sample, without its places."""
    cdef Unpacker unpacker
    cdef PackedRow packed
    cdef CountRow row
    cdef uint64_t ahead
    cdef int more
    if unpacker_open(&unpacker, data, size):
        return 1
    memset(&row, 0, sizeof(row))
    row.documents = 1
    while True:
        if unpacker.left > LOOKAHEAD:
            memcpy(&ahead, unpacker.hashes + 8 * LOOKAHEAD, 8)
            UC_PREFETCH(table.slots + home_slot(table, ahead))
        more = unpacker_next(&unpacker, &packed)
        if more <= 0:
            return -more
        row.hash = packed.hash
        row.frequency = packed.times
        if table_merge(table, &row, 1, NULL):
            return -1
