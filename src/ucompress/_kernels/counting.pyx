"""Bounded, mergeable counts of sampled d-mers.

READ ME FIRST
- The table is an array in order of hash with gaps (Amble and Knuth, "Ordered hash tables",
  1974, with a hash that keeps order): a row's home slot grows with its hash, a row that finds
  its home taken goes right, pushing greater hashes on. So the rows come out sorted, and the
  lowest k are found by walking.

      home:    0    1    2    3    4    5    6 | slack
      slots:  [ ] [12] [14] [ ] [31] [33] [38] | [ ] [ ]     12 and 14 share home 1

- Bottom-k (Cohen and Kaplan, "Summarizing data using bottom-k sketches", 2007): when more than
  a quarter above `capacity` rows are in use, the threshold falls to the capacity-th lowest hash
  and what lies above goes. A row that ends among the lowest k was among the lowest k at every
  moment and in every part, so nothing of it was ever dropped: any split of the documents and
  any order of merging gives the same rows.
- Invariants: rows stand in strictly rising order of hash; no row's hash exceeds `threshold`;
  frequency is 0 exactly in empty slots; the last slot may be taken, never passed.
- Returns are 0, or -1 when memory is short (the table stays sound, rows may be missing).
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memmove, memset

from ucompress._kernels.sampling cimport (
    SAMPLE_SPAN, Sample, Sampler, sample_span, sampler_join, sampler_keep,
)

cdef extern from "prefetch.h":
    void UC_PREFETCH(const void* address) noexcept nogil

cdef enum:
    SMALLEST_HOME = 64
    FIRST_CROWD = 4096  # several times the longest way in a well-spread table of millions
    LOOKAHEAD = 12  # samples between asking for a slot and using it


cdef inline uint32_t add_saturating(uint32_t a, uint32_t b) noexcept nogil:
    return a + b if a + b >= a else <uint32_t>0xFFFFFFFF


cdef inline size_t home_slot(const CountTable* table, uint64_t hash) noexcept nogil:
    return <size_t>(((min(hash, table.top) >> table.shift) * table.scale) >> 32)


cdef inline size_t slack(size_t home) noexcept nogil:
    return 64 + home // 64


cdef void set_scale(CountTable* table) noexcept nogil:
    """Map hashes 0 .. top to slots 0 .. home - 1, in order."""
    cdef uint64_t top = table.top
    table.shift = 0
    while top >> 32:
        top >>= 1
        table.shift += 1
    table.scale = (<uint64_t>table.home << 32) // (top + 1)


cdef size_t most_rows(const CountTable* table) noexcept nogil:
    return table.capacity + table.capacity // 4 + 1


cdef int table_init(CountTable* table, size_t capacity, uint64_t threshold, size_t expected) noexcept nogil:
    """An empty table with room for `expected` rows (it grows as needed)."""
    memset(table, 0, sizeof(CountTable))
    if capacity and expected > most_rows(table):
        expected = capacity
    table.capacity = capacity
    table.threshold = threshold
    table.top = threshold
    table.crowd = FIRST_CROWD
    table.home = max(<size_t>SMALLEST_HOME, expected + expected // 2)
    table.room = table.home + slack(table.home)
    set_scale(table)
    table.slots = <CountRow*>calloc(table.room, sizeof(CountRow))
    return 0 if table.slots != NULL else -1


cdef void table_free(CountTable* table) noexcept nogil:
    free(table.slots)
    table.slots = NULL


cdef void table_begin(CountTable* table) noexcept nogil:
    """From here on rows are met in another document."""
    cdef size_t i
    if table.turn == <uint32_t>0xFFFFFFFF:
        for i in range(table.room):
            table.slots[i].reserved = 0
        table.turn = 0
    table.turn += 1


cdef void pack_right(CountTable* table) noexcept nogil:
    """Move all rows to the right end, in order, without gaps."""
    cdef size_t end = table.room
    cdef size_t i = table.room
    while i > 0:
        i -= 1
        if table.slots[i].frequency:
            end -= 1
            if end != i:
                table.slots[end] = table.slots[i]
                table.slots[i].frequency = 0


cdef int spread(CountTable* table) noexcept nogil:
    """Put the packed rows to their homes; 1 when they do not fit behind them."""
    cdef size_t source, target
    cdef size_t lowest = 0
    for source in range(table.room - table.used, table.room):
        target = max(home_slot(table, table.slots[source].hash), lowest)
        if target > source:
            # Writing there would overwrite rows still to be moved. All rows are still in order.
            return 1
        if target != source:
            table.slots[target] = table.slots[source]
            table.slots[source].frequency = 0
        lowest = target + 1
    return 0


cdef int resize(CountTable* table, size_t home, size_t room) noexcept nogil:
    """Give the table `home` home slots and at least `room` slots, keeping its rows."""
    cdef CountRow* slots
    while True:
        slots = <CountRow*>realloc(table.slots, room * sizeof(CountRow))
        if slots == NULL:
            return -1
        memset(slots + table.room, 0, (room - table.room) * sizeof(CountRow))
        table.slots = slots
        table.room = room
        table.home = home
        set_scale(table)
        pack_right(table)
        if spread(table) == 0:
            return 0
        # Many hashes share few homes: give them room to the right instead.
        room += room // 2


cdef int make_room(CountTable* table) noexcept nogil:
    """Grow a table that is getting full."""
    cdef size_t home = table.home * 2
    cdef size_t enough = 0
    if table.capacity:
        # The final size is known: get there in fewer moves.
        enough = most_rows(table) + most_rows(table) // 2
        home = min(2 * home, max(enough, table.home))
    return resize(table, home, max(table.room, home + slack(home)))


cdef int lower_threshold(CountTable* table) noexcept nogil:
    """Keep the `capacity` lowest hashes."""
    cdef size_t seen = 0
    cdef size_t i
    for i in range(table.room):
        if table.slots[i].frequency == 0:
            continue
        seen += 1
        if seen == table.capacity:
            table.threshold = table.slots[i].hash
            table.top = table.threshold
        elif seen > table.capacity:
            table.slots[i].frequency = 0
    table.used = min(table.used, table.capacity)
    return resize(table, table.home, table.room)


cdef int relieve(CountTable* table) noexcept nogil:
    """Spread rows that crowd together, as those of a sparser sample do in the lowest corner."""
    cdef size_t last = table.room - 1
    cdef uint64_t highest, wanted
    while last > 0 and table.slots[last].frequency == 0:
        last -= 1
    # A quarter further than the rows reach: rows that come in rising order crowd few times.
    highest = table.slots[last].hash
    wanted = highest + highest // 4 + 1 if highest < table.threshold // 2 else table.threshold
    if highest > table.top or wanted < table.top:
        table.top = wanted
        return resize(table, table.home, table.room)
    if table.used > table.home // 4 and (table.capacity == 0 or table.home < most_rows(table)):
        return make_room(table)
    table.crowd *= 2
    return 0


cdef size_t open_slot(CountTable* table, size_t at) noexcept nogil:
    """Push the rows from `at` on to the right by one, up to the next gap; where that was, or `room`."""
    cdef size_t gap = at
    while gap < table.room and table.slots[gap].frequency:
        gap += 1
    if gap < table.room:
        memmove(table.slots + at + 1, table.slots + at, (gap - at) * sizeof(CountRow))
    return gap


cdef inline size_t walk(const CountTable* table, uint64_t hash) noexcept nogil:
    """The slot of this hash, or the one where it would have to go; `room` when past the end."""
    cdef size_t at = home_slot(table, hash)
    while at < table.room and table.slots[at].frequency and table.slots[at].hash < hash:
        at += 1
    return at


cdef inline void join_row(CountRow* into, const CountRow* row) noexcept nogil:
    into.frequency = add_saturating(into.frequency, row.frequency)
    into.documents = add_saturating(into.documents, row.documents)
    if row.document < into.document or (row.document == into.document and row.offset < into.offset):
        into.document = row.document
        into.offset = row.offset


cdef int insert(CountTable* table, const CountRow* row, size_t at) noexcept nogil:
    """A new row at the slot where the walk from its home ended."""
    cdef size_t gap = open_slot(table, at)
    while gap == table.room:
        if resize(table, table.home, table.room + table.room // 2):
            return -1
        at = walk(table, row.hash)
        gap = open_slot(table, at)
    table.slots[at] = row[0]
    table.used += 1
    if table.capacity and table.used >= most_rows(table):
        return lower_threshold(table)
    if table.used > table.home - table.home // 6:
        return make_room(table)
    if gap - home_slot(table, row.hash) > table.crowd:
        return relieve(table)
    return 0


cdef int add_samples(
    CountTable* table, const Sample* samples, size_t count, uint64_t base, uint32_t document
) noexcept nogil:
    """Count samples of one document, whose positions start at `base`."""
    cdef CountRow fresh
    cdef CountRow* row
    cdef size_t i, at
    cdef uint64_t hash
    fresh.frequency = 1
    fresh.documents = 1
    fresh.document = document
    fresh.reserved = table.turn
    for i in range(count):
        if i + LOOKAHEAD < count and samples[i + LOOKAHEAD].hash <= table.threshold:
            # A walk of average length ends in the cache line after the home slot's.
            at = home_slot(table, samples[i + LOOKAHEAD].hash)
            UC_PREFETCH(table.slots + at)
            UC_PREFETCH(table.slots + at + 2)
        hash = samples[i].hash
        if hash > table.threshold:
            continue
        at = walk(table, hash)
        if at < table.room and table.slots[at].frequency and table.slots[at].hash == hash:
            row = table.slots + at
            fresh.offset = base + samples[i].position
            fresh.documents = row.reserved != table.turn
            row.reserved = table.turn
            join_row(row, &fresh)
            continue
        fresh.hash = hash
        fresh.offset = base + samples[i].position
        fresh.documents = 1
        if insert(table, &fresh, at):
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
    for i in range(count):
        row = rows[i]
        if row.hash > table.threshold or row.frequency == 0:
            continue
        row.reserved = 0
        if document != NULL:
            row.document = document[0]
        at = walk(table, row.hash)
        if at < table.room and table.slots[at].frequency and table.slots[at].hash == row.hash:
            join_row(table.slots + at, &row)
        elif insert(table, &row, at):
            return -1
    return 0


cdef size_t table_size(const CountTable* table) noexcept nogil:
    """Rows that `table_rows` gives: all, or the `capacity` lowest."""
    return min(table.used, table.capacity) if table.capacity else table.used


cdef void table_rows(const CountTable* table, CountRow* out) noexcept nogil:
    """The rows in order of hash."""
    cdef size_t wanted = table_size(table)
    cdef size_t written = 0
    cdef size_t i = 0
    while written < wanted:
        if table.slots[i].frequency:
            out[written] = table.slots[i]
            out[written].reserved = 0
            written += 1
        i += 1
