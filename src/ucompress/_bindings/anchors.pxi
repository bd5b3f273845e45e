# Bindings: the anchors of many buffers. Follows segments.pxi.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc

from ucompress._kernels cimport segments as _segments


cdef struct _Place:
    const uint8_t* data
    size_t size
    size_t last           # the number of anchors up to its end


def find_all_anchors(datas, spacing, length=ANCHOR_LENGTH):
    """`find_anchors` of many buffers of the type bytes.

    Returns the anchors of all, positions being those in their buffer, and for each buffer the number of its
    first row, then that of all rows.
    """
    cdef list table = list(datas)
    cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
    cdef size_t apart = _checked(spacing, "spacing", 1, _FARTHEST)
    cdef size_t count = len(table), number, room = 0, found = 0
    cdef bytes data
    cdef _segments.AnchorRule rule
    cdef Anchor* anchors = NULL
    cdef _Place* places = <_Place*>malloc((count + 1) * sizeof(_Place))
    _make_rule(&rule, apart, d)
    try:
        if places == NULL:
            raise MemoryError("no memory for anchors")
        for number in range(count):
            data = table[number]
            places[number].data = <const uint8_t*>PyBytes_AS_STRING(data)
            places[number].size = PyBytes_GET_SIZE(data)
            room += anchor_room(places[number].size, apart)
        anchors = <Anchor*>malloc((room + 1) * sizeof(Anchor))
        if anchors == NULL:
            raise MemoryError("no memory for anchors")
        with nogil:
            for number in range(count):
                found += _segments.find_anchors(
                    &rule, places[number].data, places[number].size, anchors + found, room - found
                )
                places[number].last = found
        return _copied(anchors, found, np.uint64, 2), [0, *[places[number].last for number in range(count)]]
    finally:
        free(anchors)
        free(places)
