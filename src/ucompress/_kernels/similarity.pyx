# The order in which like stands beside like. READ ME FIRST.
#
# Blocks are coded one by one, so what a content shares with others helps only those in its
# own block. A block is therefore grown greedily: the next content is the one that shares the
# most features with all that is in the block so far, not only with the last one (which loses
# 1-3 % of the size). A feature is a hash of a d-mer from a content's sketch, or its folder.
#
#     block       score of what is left
#     [a b]       0: e        the highest non-empty list, its head: d
#                 1: c f
#                 2: d g
#
# Scores are small integers, so the candidates stand in one doubly linked list for each score:
# a change of score is O(1). A feature is looked up once for each block, and then raises at
# most `span` contents, those nearest in the given order. Where nothing is like, the first
# content that is left comes next. No floats, no ties left open: the order is a function of
# the features and of the order in which the contents are given.

cdef struct Lists:
    int32_t[1024] heads     # first content of each score, -1 is none
    int32_t highest         # no list above it has a content


cdef void unlink(Likeness* like, Lists* lists, int32_t item) noexcept nogil:
    """Take a content out of the list of its score."""
    cdef int32_t after = like.next[item]
    cdef int32_t before = like.previous[item]
    if before >= 0:
        like.next[before] = after
    else:
        lists.heads[like.scores[item]] = after
    if after >= 0:
        like.previous[after] = before


cdef void raise_score(Likeness* like, Lists* lists, int32_t item, uint16_t weight) noexcept nogil:
    """Give a content a higher score; it becomes the head of its new list."""
    cdef int32_t head
    if like.scores[item]:
        unlink(like, lists, item)
    like.scores[item] += weight
    head = lists.heads[like.scores[item]]
    like.next[item] = head
    like.previous[item] = -1
    if head >= 0:
        like.previous[head] = item
    lists.heads[like.scores[item]] = item
    if like.scores[item] > lists.highest:
        lists.highest = like.scores[item]


cdef void forget(Likeness* like, Lists* lists) noexcept nogil:
    """Set all scores to zero."""
    cdef int32_t item
    while lists.highest > 0:
        item = lists.heads[lists.highest]
        while item >= 0:
            like.scores[item] = 0
            item = like.next[item]
        lists.heads[lists.highest] = -1
        lists.highest -= 1


cdef int64_t drop_done(Likeness* like, int32_t feature) noexcept nogil:
    """Take contents that are placed out of a feature's list; returns how many are left."""
    cdef int64_t start = like.starts[feature]
    cdef int64_t kept = start
    cdef int64_t i
    for i in range(start, like.ends[feature]):
        if not like.done[like.postings[i]]:
            like.postings[kept] = like.postings[i]
            kept += 1
    like.ends[feature] = kept
    return kept - start


cdef void raise_sharers(
    Likeness* like, Lists* lists, int32_t current, size_t span, int32_t block
) noexcept nogil:
    """Raise what shares a feature with the content that was just placed."""
    cdef int32_t feature, item
    cdef int64_t left, low, high, middle, i
    cdef size_t column
    for column in range(like.columns):
        feature = like.features[current * like.columns + column]
        if feature < 0 or like.seen[feature] == block:
            continue
        like.seen[feature] = block
        left = drop_done(like, feature)
        low = like.starts[feature]
        high = like.ends[feature]
        if left > <int64_t>span:
            while low < high:
                middle = low + (high - low) // 2
                if like.postings[middle] < current:
                    low = middle + 1
                else:
                    high = middle
            low -= <int64_t>(span // 2)
            if low > like.ends[feature] - <int64_t>span:
                low = like.ends[feature] - <int64_t>span
            if low < like.starts[feature]:
                low = like.starts[feature]
            high = low + <int64_t>span
        # From the end on, so that among equals the first becomes the head.
        for i in range(high - low):
            item = like.postings[high - 1 - i]
            if like.classes[item] == like.classes[current]:
                raise_score(like, lists, item, like.weights[column])


cdef void order_by_likeness(Likeness* like, size_t span, int64_t block, int32_t* order) noexcept nogil:
    """Fill `order` with the numbers of all contents; a block is `block` bytes."""
    cdef Lists lists
    cdef size_t placed = 0
    cdef int32_t current = 0
    cdef int32_t unplaced = 0
    cdef int32_t number = 1
    cdef int64_t fill = 0
    cdef int i
    for i in range(SCORES):
        lists.heads[i] = -1
    lists.highest = 0
    while placed < like.count:
        while lists.highest > 0 and lists.heads[lists.highest] < 0:
            lists.highest -= 1
        if lists.highest > 0:
            current = lists.heads[lists.highest]
            unlink(like, &lists, current)
            like.scores[current] = 0
        else:
            while like.done[unplaced]:
                unplaced += 1
            current = unplaced
        like.done[current] = 1
        order[placed] = current
        placed += 1
        fill += like.sizes[current]
        if fill >= block:
            # What follows is compared with the last content only, until there is more.
            fill = 0
            number += 1
            forget(like, &lists)
        raise_sharers(like, &lists, current, span, number)
