# Bindings: what the planner asks of many contents at once. Follows segments.pxi.


def find_all_zero_runs(datas, minimum=4096):
    """`find_zero_runs` of many buffers of the type bytes.

    Returns a list of (number of the buffer, start, end), in order.
    """
    cdef int64_t least = _checked(minimum, "minimum", 1, _FARTHEST)
    cdef Py_ssize_t number = 0
    cdef bytes data
    cdef list found = []
    for data in datas:
        if PyBytes_GET_SIZE(data) >= least:
            found += [(number, start, end) for start, end in find_zero_runs(data, least).tolist()]
        number += 1
    return found


cdef class CopySearch:
    """Tries candidates for long copies of earlier bytes; where those stand is told in windows.

    Args:
        starts: the address at which each window begins, rising, and the end of the last one (int64).
        held: the bytes of some windows, by their numbers; looked at whenever they are needed.
        fetch: `fetch(window)` gives the bytes of one that `held` does not have; None if they are gone.

    Not for use by several threads at once.
    """

    cdef dict held
    cdef object fetch
    cdef const int64_t[::1] starts
    cdef const int64_t[:, ::1] hits
    cdef int64_t shift
    cdef int64_t until

    def __cinit__(self, starts, dict held not None, fetch):
        if len(starts) < 1:
            raise ValueError("the windows must have an end")
        self.starts = starts
        self.held = held
        self.fetch = fetch
        self.begin(np.empty((0, 2), dtype=np.int64))

    def begin(self, hits):
        """The candidates of a window come next: rows of (position in it, address), by position."""
        self.hits = hits
        self.give_up(0, 0)

    def give_up(self, shift, until):
        """Candidates with this address less position, and a position before `until`, are not tried again."""
        self.shift = shift
        self.until = until

    def next(self, row, stop, own, data, low, high, least, first_least):
        """The first candidate from `row` to `stop` that grows into a copy.

        Args:
            own: the number of the window at hand, of which `data` is the bytes.
            low, high: bytes outside [low, high) of it are not to be copied; a candidate at or
                behind `high` ends the search.
            least: the shortest copy, in bytes; `first_least` for candidates at position 0.

        Returns (its row, start of the copy, its length, window of the source, start there). The row
        alone, with a length of 0, where there is none: that of the candidate behind `high`, or `stop`.
        The source of a copy within the window ends before the copy begins.
        """
        cdef Py_ssize_t i, last = stop
        cdef int64_t bottom = low, top = high, wanted = least, first_wanted = first_least
        cdef int64_t position, address, at
        cdef size_t window
        cdef size_t here = own
        cdef size_t back = 0, forward = 0
        cdef bytes source, target = data
        if not (0 <= row <= last <= self.hits.shape[0] and 0 <= bottom <= top <= PyBytes_GET_SIZE(target)):
            raise ValueError("rows and bounds must lie in order inside candidates and window")
        for i in range(row, last):
            position = self.hits[i, 0]
            address = self.hits[i, 1]
            if position < 0:
                raise ValueError("a candidate's position must not be below 0")
            if position >= top:
                return i, 0, 0, 0, 0
            if position < bottom or (position < self.until and address - position == self.shift):
                continue
            window = self.window_of(address)
            at = address - self.starts[window]
            source = target if window == here else self.bytes_of(window)
            if source is None:
                continue
            grow_copy(
                <const uint8_t*>PyBytes_AS_STRING(target), position, bottom, top,
                <const uint8_t*>PyBytes_AS_STRING(source), at, PyBytes_GET_SIZE(source), window == here,
                &back, &forward,
            )
            if <int64_t>(back + forward) >= (wanted if position else first_wanted):
                return i, position - back, back + forward, window, at - back
            self.give_up(address - position, position + forward)
        return last, 0, 0, 0, 0

    cdef bytes bytes_of(self, size_t window):
        """The bytes of a window; None if they are gone."""
        cdef bytes source = self.held.get(window)
        if source is None:
            source = self.fetch(window)
            if source is None:
                return None
        if PyBytes_GET_SIZE(source) != self.starts[window + 1] - self.starts[window]:
            raise ValueError(f"window {window} has another length than its addresses")
        return source

    cdef size_t window_of(self, int64_t address) except? 0:
        """The window that an address lies in."""
        cdef size_t low = 0, high = self.starts.shape[0] - 1, middle
        if high == 0 or address < self.starts[0] or address >= self.starts[high]:
            raise ValueError(f"no window has the address {address}")
        while high - low > 1:
            middle = low + (high - low) // 2
            if self.starts[middle] <= address:
                low = middle
            else:
                high = middle
        return low


cdef void grow_copy(
    const uint8_t* data, size_t position, size_t low, size_t high,
    const uint8_t* source, size_t at, size_t size, bint within, size_t* back, size_t* forward,
) noexcept nogil:
    """How far data[position] = source[at] can be grown inside [low, high) of `data`, both ways.

    `within` tells that both are one buffer: then the source ends before the copy begins.
    """
    cdef size_t limit = min(high - position, size - at)
    back[0] = 0
    forward[0] = 0
    if not within:
        back[0] = uc_match_backward(data + position, source + at, min(position - low, at))
        forward[0] = uc_match_forward(data + position, source + at, limit)
    elif at < position:
        # A copy is at most as long as the distance.
        back[0] = uc_match_backward(data + position, source + at, min(position - low, at))
        back[0] = min(back[0], position - at)
        limit = min(limit, position - at - back[0])
        forward[0] = uc_match_forward(data + position, source + at, limit)
