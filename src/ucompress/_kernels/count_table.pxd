# The table behind the counts of d-mers: rows in order of hash, with gaps. See count_table.pyx.

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t

cdef enum:
    LONGEST_WAY = 512     # slots that are looked at, or moved, for one hash

# One counted d-mer; COUNT_DTYPE in Python. A slot with frequency 0 is empty.
cdef packed struct CountRow:
    uint64_t hash
    uint64_t offset       # of the lowest known place
    uint32_t frequency    # positions, saturating
    uint32_t documents    # documents that contain it, saturating
    uint32_t document     # of the lowest known place
    uint32_t reserved     # 0; inside a table the turn of the last document counted, or 0 where merged

cdef struct CountTable:
    CountRow* slots
    size_t room           # slots allocated
    size_t home           # slots that hashes map to; the rest takes what is pushed past the end
    size_t used
    size_t capacity       # most rows given out; 0 is no bound
    uint64_t threshold    # hashes above it are not counted; falls when the table is full
    uint64_t top          # home slots spread over the hashes up to here; higher ones go last
    unsigned int shift    # with `scale`: from a hash to its home slot
    uint64_t scale
    uint32_t turn         # number of the current document, never 0 while one is open
    CountRow* waiting     # rows whose way was too long, several of one hash perhaps
    size_t waiting_count
    size_t waiting_room
    bint failed           # memory was short once
    uint64_t steps        # slots gone past or moved for new rows: what crowded hashes cost

cdef int table_init(CountTable* table, size_t capacity, uint64_t threshold, size_t expected) noexcept nogil
cdef void table_free(CountTable* table) noexcept nogil
cdef void table_begin(CountTable* table) noexcept nogil
cdef int table_insert(CountTable* table, const CountRow* row, size_t at) noexcept nogil
cdef int table_settle(CountTable* table) noexcept nogil
cdef size_t table_size(const CountTable* table) noexcept nogil
cdef void table_rows(const CountTable* table, CountRow* out) noexcept nogil


cdef inline size_t home_slot(const CountTable* table, uint64_t hash) noexcept nogil:
    return <size_t>(((min(hash, table.top) >> table.shift) * table.scale) >> 32)


cdef inline size_t table_walk(const CountTable* table, uint64_t hash) noexcept nogil:
    """The slot of this hash, or the one where it would have to go, or where the way is too long."""
    cdef size_t at = home_slot(table, hash)
    cdef size_t end = min(at + LONGEST_WAY, table.room)
    while at < end and table.slots[at].frequency and table.slots[at].hash < hash:
        at += 1
    return at


cdef inline bint table_holds(const CountTable* table, size_t at, uint64_t hash) noexcept nogil:
    """Whether the slot where a walk ended is that of the hash."""
    return at < table.room and table.slots[at].frequency != 0 and table.slots[at].hash == hash


cdef inline uint32_t add_saturating(uint32_t a, uint32_t b) noexcept nogil:
    return a + b if a + b >= a else <uint32_t>0xFFFFFFFF


cdef inline void join_row(CountRow* into, const CountRow* row) noexcept nogil:
    """Add what another row of the same hash counted; a document of the same turn counts once."""
    into.frequency = add_saturating(into.frequency, row.frequency)
    if row.reserved == 0 or row.reserved != into.reserved:
        into.documents = add_saturating(into.documents, row.documents)
    if row.reserved:
        into.reserved = row.reserved
    if row.document < into.document or (row.document == into.document and row.offset < into.offset):
        into.document = row.document
        into.offset = row.offset
