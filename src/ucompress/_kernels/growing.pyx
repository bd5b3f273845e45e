"""Growth of d-mers into maximal patterns.

READ ME FIRST
- A group is the places of one d-mer. Places whose bytes are not those of the first place
  (collisions of the hash) are left out before anything grows.
- `core`: the text grows by a byte on a side while all places agree on that byte. It is the
  maximal repeat around the d-mer, as far as the known places tell.
- `best`: where both sides are stuck, the places that disagree with the majority are dropped
  and the rest grows on. Of all the texts on that way the one with the highest
  (places that agree) * (length) is kept: the places are a fair sample, so that is the text
  whose copies hold the most bytes. A licence that one file in twenty garbles comes out whole.

      places   ...x│def f(self):│ret...     core: 4 places * 12 bytes = 48
               ...x│def f(self):│ret...     best: 3 places * 18 bytes = 54
               ...x│def f(self):│ret...
               ...y│def f(self):│pas...

- Ties: the right side first, then the byte of the place that comes first.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memset

cdef enum:
    ENDED = 256     # the document ends here
    STARVED = 257   # the document goes on, the buffer does not

# A group while it grows.
cdef struct Group:
    const uint8_t* data
    const Context* members[64]
    size_t count
    size_t length
    size_t reach
    size_t before       # bytes grown to the left
    size_t after        # bytes grown to the right
    uint32_t cut


cdef inline int byte_before(const Group* group, const Context* member) noexcept nogil:
    if member.start - member.low > group.before:
        return group.data[member.start - group.before - 1]
    return STARVED if member.cut & CUT_BEFORE else ENDED


cdef inline int byte_after(const Group* group, const Context* member) noexcept nogil:
    cdef size_t at = member.start + group.length + group.after
    if at < member.high:
        return group.data[at]
    return STARVED if member.cut & CUT_AFTER else ENDED


cdef inline int byte_on(const Group* group, size_t i, bint after) noexcept nogil:
    return byte_after(group, group.members[i]) if after else byte_before(group, group.members[i])


cdef bint agree(Group* group, bint after) noexcept nogil:
    """Whether all members have the same next byte on this side."""
    cdef int first = byte_on(group, 0, after)
    cdef int other
    cdef size_t i
    if first == STARVED or (group.after if after else group.before) >= group.reach:
        group.cut |= CUT_AFTER if after else CUT_BEFORE
        return False
    for i in range(1, group.count):
        other = byte_on(group, i, after)
        if other == STARVED:
            group.cut |= CUT_AFTER if after else CUT_BEFORE
        if other != first:
            return False
    return first < ENDED


cdef void grow_freely(Group* group) noexcept nogil:
    """Grow on both sides while all members agree."""
    while agree(group, True):
        group.after += 1
    while agree(group, False):
        group.before += 1


cdef size_t majority(const Group* group, bint after, int* value) noexcept nogil:
    """The most frequent next byte on this side and how many members have it."""
    cdef size_t[256] counts
    cdef size_t most = 0
    cdef size_t i
    cdef int byte
    value[0] = ENDED
    if (group.after if after else group.before) >= group.reach:
        return 0
    memset(counts, 0, sizeof(counts))
    for i in range(group.count):
        byte = byte_on(group, i, after)
        if byte < ENDED:
            counts[byte] += 1
            most = max(most, counts[byte])
    for i in range(group.count):
        byte = byte_on(group, i, after)
        if byte < ENDED and counts[byte] == most:
            value[0] = byte
            return most
    return 0


cdef void keep_members(Group* group, bint after, int value) noexcept nogil:
    """Drop the members with another next byte."""
    cdef size_t kept = 0
    cdef size_t i
    for i in range(group.count):
        if byte_on(group, i, after) == value:
            group.members[kept] = group.members[i]
            kept += 1
    group.count = kept


cdef bint drop_minority(Group* group, size_t support) noexcept nogil:
    """Go on with the majority on one side; False when fewer than `support` would be left."""
    cdef int right, left
    cdef size_t agreed_right = majority(group, True, &right)
    cdef size_t agreed_left = majority(group, False, &left)
    if max(agreed_right, agreed_left) < support:
        return False
    if agreed_right >= agreed_left:
        keep_members(group, True, right)
    else:
        keep_members(group, False, left)
    return True


cdef void note(const Group* group, Extent* extent) noexcept nogil:
    extent.begin = group.members[0].start - group.before
    extent.start = group.members[0].start
    extent.end = group.members[0].start + group.length + group.after
    extent.agreed = <uint32_t>group.count


cdef void grow_group(
    const uint8_t* data, const Context* contexts, size_t count, size_t length, size_t reach,
    size_t support, Extent* core, Extent* best
) noexcept nogil:
    """Grow the d-mer of `length` bytes known at `count` places (1 to PLACES_LIMIT).

    At most `reach` bytes are grown on a side; `support` is the fewest places that `best` may
    fall back to. Both extents are written.
    """
    cdef Group group
    cdef size_t i
    memset(&group, 0, sizeof(Group))
    group.data = data
    group.length = length
    group.reach = reach
    for i in range(count):
        if memcmp(data + contexts[i].start, data + contexts[0].start, length) == 0:
            group.members[group.count] = contexts + i
            group.count += 1
    grow_freely(&group)
    note(&group, core)
    best[0] = core[0]
    while drop_minority(&group, support):
        grow_freely(&group)
        if group.count * (length + group.before + group.after) > best.agreed * (best.end - best.begin):
            note(&group, best)
    core.cut = group.cut
    best.cut = group.cut
