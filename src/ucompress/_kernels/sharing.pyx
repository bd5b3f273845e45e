# Features that two contents or more have, numbered. READ ME FIRST.
#
# All features are sorted together with their places; what stands next to its like is shared. The
# sort is by digits from the lowest on (LSD radix): stable, so a feature's contents come in rising
# order, and as quick for features that somebody chose as for hashes.
#
#     features   content 0: 70 20      sorted   20 20 70 90      number 0 is 20: contents 0, 1
#                content 1: 20 90               ^^^^^            all others are alone: -1

from libc.string cimport memset

cdef enum:
    DIGITS = 8          # of a feature, 8 bits each
    VALUES = 256


cdef bint sort_digit(const Item* items, size_t count, int digit, Item* out) noexcept nogil:
    """Sort by one digit into `out`, keeping the order of equals; False where all have the same one."""
    cdef size_t[256] starts
    cdef size_t i, here
    cdef int value
    cdef size_t before = 0
    cdef int shift = 8 * digit
    memset(starts, 0, sizeof(starts))
    for i in range(count):
        starts[(items[i].feature >> shift) & (VALUES - 1)] += 1
    if starts[(items[0].feature >> shift) & (VALUES - 1)] == count:
        return False
    for value in range(VALUES):
        here = starts[value]
        starts[value] = before
        before += here
    for i in range(count):
        here = (items[i].feature >> shift) & (VALUES - 1)
        out[starts[here]] = items[i]
        starts[here] += 1
    return True


cdef Item* sort_items(Item* items, size_t count, Item* other) noexcept nogil:
    """Sort by feature; returns which of the two arrays has the result."""
    cdef Item* swap
    cdef int digit
    for digit in range(DIGITS):
        if sort_digit(items, count, digit, other):
            swap = items
            items = other
            other = swap
    return items


cdef size_t number_shared(
    const uint64_t* features, size_t count, size_t columns, Item* scratch,
    int32_t* numbers, int64_t* starts, int32_t* postings
) noexcept nogil:
    """Number the features, of which `count` contents have `columns` each, 2^64 - 1 for none.

    With n = count * columns below 2^31: `scratch` has room for ITEM_SETS * n items; `numbers`
    receives n values, -1 where a feature is alone or none; `starts` up to n // 2 + 1, where each
    number's contents begin in `postings` and where the last one's end; `postings` up to n.
    Returns how many numbers there are.
    """
    cdef size_t total = count * columns
    cdef size_t found = 0
    cdef size_t shared = 0
    cdef int64_t posted = 0
    cdef size_t first, after, i
    cdef Item* items
    for i in range(total):
        numbers[i] = -1
        if features[i] != <uint64_t>0xFFFFFFFFFFFFFFFF:
            scratch[found].feature = features[i]
            scratch[found].place = <uint32_t>i
            found += 1
    items = sort_items(scratch, found, scratch + total) if found else scratch
    first = 0
    while first < found:
        after = first + 1
        while after < found and items[after].feature == items[first].feature:
            after += 1
        if after - first > 1:
            starts[shared] = posted
            for i in range(first, after):
                numbers[items[i].place] = <int32_t>shared
                postings[posted] = <int32_t>(items[i].place // columns)
                posted += 1
            shared += 1
        first = after
    starts[shared] = posted
    return shared
