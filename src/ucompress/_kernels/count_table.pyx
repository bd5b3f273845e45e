"""An ordered hash table of counts, of bounded size.

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
- Hashes spread evenly unless somebody chose the bytes so that they do not. A row that would go,
  or push others, further than LONGEST_WAY waits in a list beside the table. The full list is
  sorted and put in its place with one pass over the table; it is as long as an eighth of the
  table, so a row costs at most a sort's share and a few slots more, however hashes crowd.
- Between two such passes ways only get longer: a hash that waits once goes on waiting, so its
  waiting rows are of the same documents as its row in the table, or of later ones.
- Invariants: rows stand in strictly rising order of hash; no row's hash exceeds `threshold`;
  frequency is 0 exactly in empty slots.
- Returns are 0, or -1 when memory is short. Such a table has `failed`: rows may be missing or out
  of order, so it takes and gives no more.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, qsort, realloc
from libc.string cimport memmove, memset

cdef enum:
    SMALLEST_HOME = 64
    FEWEST_WAITING = 1024


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
    table.home = max(<size_t>SMALLEST_HOME, expected + expected // 2)
    table.room = table.home + slack(table.home)
    set_scale(table)
    table.slots = <CountRow*>calloc(table.room, sizeof(CountRow))
    return 0 if table.slots != NULL else -1


cdef void table_free(CountTable* table) noexcept nogil:
    free(table.slots)
    free(table.waiting)
    table.slots = NULL
    table.waiting = NULL


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


cdef int by_falling_hash(const void* a, const void* b) noexcept nogil:
    """For qsort: higher hashes first, then later turns."""
    cdef const CountRow* left = <const CountRow*>a
    cdef const CountRow* right = <const CountRow*>b
    if left.hash != right.hash:
        return 1 if left.hash < right.hash else -1
    return (left.reserved < right.reserved) - (left.reserved > right.reserved)


cdef int spread(CountTable* table) noexcept nogil:
    """Put the packed rows and the sorted waiting ones to their homes; 1 when they do not fit behind them."""
    cdef size_t source = table.room - table.used
    cdef size_t lowest = 0
    cdef size_t target
    cdef const CountRow* row
    cdef bint waits
    while source < table.room or table.waiting_count:
        waits = table.waiting_count > 0 and (
            source == table.room or table.waiting[table.waiting_count - 1].hash < table.slots[source].hash
        )
        row = table.waiting + (table.waiting_count - 1) if waits else table.slots + source
        if waits and row.hash > table.threshold:
            table.waiting_count -= 1
            continue
        if waits and lowest and table.slots[lowest - 1].hash == row.hash:
            join_row(table.slots + lowest - 1, row)
            table.waiting_count -= 1
            continue
        target = max(home_slot(table, row.hash), lowest)
        if target > source or (waits and target == source):
            # Writing there would overwrite rows still to be moved. All rows are still in order.
            return 1
        if waits:
            table.slots[target] = row[0]
            table.waiting_count -= 1
            table.used += 1
        else:
            if target != source:
                table.slots[target] = row[0]
                table.slots[source].frequency = 0
            source += 1
        lowest = target + 1
    return 0


cdef int resize(CountTable* table, size_t home, size_t room) noexcept nogil:
    """Give the table `home` home slots and at least `room` slots; all rows keep or find their places."""
    cdef CountRow* slots
    if table.waiting_count:
        qsort(table.waiting, table.waiting_count, sizeof(CountRow), by_falling_hash)
    while True:
        slots = <CountRow*>realloc(table.slots, room * sizeof(CountRow))
        if slots == NULL:
            table.failed = True
            return -1
        memset(slots + table.room, 0, (room - table.room) * sizeof(CountRow))
        table.slots = slots
        table.room = room
        table.home = home
        table.steps += room
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
    if table_settle(table):
        return -1
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


cdef int table_settle(CountTable* table) noexcept nogil:
    """Put the waiting rows to their places: before rows are counted or given out."""
    if table.failed:
        return -1
    return resize(table, table.home, table.room) if table.waiting_count else 0


cdef void set_top(CountTable* table) noexcept nogil:
    """Spread the homes over the hashes there are: those of a sparser sample lie in the lowest corner."""
    cdef uint64_t highest = 0
    cdef uint64_t wanted = table.threshold
    cdef size_t last = table.room
    cdef size_t i
    for i in range(table.waiting_count):
        if table.waiting[i].hash <= table.threshold:
            highest = max(highest, table.waiting[i].hash)
    while last > 0 and table.slots[last - 1].frequency == 0:
        last -= 1
    if last > 0:
        highest = max(highest, table.slots[last - 1].hash)
    # A quarter further than the rows reach: rows that come in rising order crowd few times.
    if highest < table.threshold // 2:
        wanted = highest + highest // 4 + 1
    if highest > table.top or wanted < table.top:
        table.top = wanted


cdef int relieve(CountTable* table) noexcept nogil:
    """Put the waiting rows to their places and see that fewer will have to wait."""
    cdef size_t room, together = table.used + table.waiting_count
    cdef CountRow* longer
    set_top(table)
    if together > table.home - table.home // 6:
        if make_room(table):
            return -1
    elif table_settle(table):
        return -1
    if table.capacity and table.used >= most_rows(table) and lower_threshold(table):
        return -1
    room = table.used // 8
    if room > table.waiting_room:
        longer = <CountRow*>realloc(table.waiting, room * sizeof(CountRow))
        if longer != NULL:
            table.waiting = longer
            table.waiting_room = room
    return 0


cdef int wait(CountTable* table, const CountRow* row) noexcept nogil:
    """A row whose way is too long."""
    if table.waiting == NULL:
        table.waiting = <CountRow*>calloc(FEWEST_WAITING, sizeof(CountRow))
        if table.waiting == NULL:
            table.failed = True
            return -1
        table.waiting_room = FEWEST_WAITING
    table.waiting[table.waiting_count] = row[0]
    table.waiting_count += 1
    return relieve(table) if table.waiting_count == table.waiting_room else 0


cdef int table_insert(CountTable* table, const CountRow* row, size_t at) noexcept nogil:
    """A new row at the slot where the walk from its home ended."""
    cdef size_t home = home_slot(table, row.hash)
    cdef size_t end = min(at + LONGEST_WAY, table.room)
    cdef size_t gap = at
    while gap < end and table.slots[gap].frequency:
        gap += 1
    table.steps += gap - home
    if at - home >= LONGEST_WAY or gap == end:
        return wait(table, row)
    # The rows up to the gap go right by one.
    memmove(table.slots + at + 1, table.slots + at, (gap - at) * sizeof(CountRow))
    table.slots[at] = row[0]
    table.used += 1
    if table.capacity and table.used >= most_rows(table):
        return lower_threshold(table)
    if table.used > table.home - table.home // 6:
        return make_room(table)
    return 0


cdef size_t table_size(const CountTable* table) noexcept nogil:
    """Rows that `table_rows` gives: all, or the `capacity` lowest."""
    return min(table.used, table.capacity) if table.capacity else table.used


cdef void table_rows(const CountTable* table, CountRow* out) noexcept nogil:
    """The rows in order of hash; none may be waiting."""
    cdef size_t wanted = table_size(table)
    cdef size_t written = 0
    cdef size_t i = 0
    while written < wanted:
        if table.slots[i].frequency:
            out[written] = table.slots[i]
            out[written].reserved = 0
            written += 1
        i += 1
