# From candidate d-mers to patterns: places and growth. Follows patterns.pxi.

from libc.stdint cimport int64_t

from ucompress._kernels.cutting cimport find_cuts as _find_cuts
from ucompress._kernels.growing cimport PLACES_LIMIT, Context, Extent, grow_group
from ucompress._kernels.locating cimport (
    Locator,
    Place,
    locator_add_packed,
    locator_begin,
    locator_forget,
    locator_free,
    locator_init,
    locator_merge,
    locator_places,
    locator_scan,
    locator_size,
)


cdef class PatternLocator:
    """Finds places of given d-mers in many documents, a bounded number of each.

    Args:
        hashes: the d-mers' hashes, as `count_patterns` gives them; a candidate's number is its
            position here. ValueError when one stands there twice.
        length: d, bytes of a d-mer, from 1 to 256.
        bound: most places kept of one candidate, from 1 to 64.

    The first places of a candidate in as many documents as there are come first, the documents
    in an order that is the same for all candidates. What is kept does not depend on how
    documents are split over locators, nor on their order. Calls from several threads wait for
    each other.
    """

    def __cinit__(self, hashes, length=16, bound=16):
        cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
        cdef size_t most = _checked(bound, "bound", 1, PLACES_LIMIT)
        cdef _Borrowed source = _Borrowed(np.ascontiguousarray(hashes, dtype=np.uint64))
        cdef int status = locator_init(
            &self.locator, <const uint64_t*>source.data, source.size // sizeof(uint64_t), most
        )
        if status > 0:
            raise ValueError("a candidate's hash is given twice")
        self.lock = PyThread_allocate_lock()
        self.scratch = <Sample*>malloc(SAMPLE_SPAN * sizeof(Sample))
        if status or self.scratch == NULL or self.lock == NULL:
            raise MemoryError("no memory for the places of patterns")
        sampler_init(&self.sampler, d, self.locator.threshold)

    def __dealloc__(self):
        locator_free(&self.locator)
        free(self.scratch)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    @property
    def nbytes(self):
        """Bytes of memory in use."""
        cdef size_t one = self.locator.bound * sizeof(Place) + 3 * sizeof(uint32_t)
        return self.locator.candidates * one + 20 * (self.locator.lookup.slot_mask + 1)

    def update(self, data, document=0):
        """Look at one whole document; another thread's comes before or after it."""
        cdef uint32_t ordinal = _checked(document, "document", 0, 0xFFFFFFFF)
        cdef _Borrowed source = _Borrowed(data)
        uc_locator_update(self, source.data, source.size, ordinal)

    def begin(self, document=0):
        """Open a document; the windows given to `feed` from here on are its bytes, in order."""
        cdef uint32_t ordinal = _checked(document, "document", 0, 0xFFFFFFFF)
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            self.document = ordinal
            sampler_begin(&self.sampler)
            locator_begin(&self.locator)
            PyThread_release_lock(self.lock)

    def feed(self, data):
        """Look at the next window of the open document; windows follow each other without overlap."""
        cdef _Borrowed source = _Borrowed(data)
        with nogil:
            locator_feed(self, source.data, source.size, NULL)

    def merge(self, places):
        """Add the places that a locator of the same candidates found in other documents."""
        cdef _Borrowed source = _Borrowed(_checked_rows(places, _dtype("PLACE_DTYPE")))
        cdef int status
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            status = locator_merge(
                &self.locator, <const Place*>source.data, source.size // sizeof(Place)
            )
            PyThread_release_lock(self.lock)
        if status:
            raise ValueError("these places belong to other candidates")

    def merge_samples(self, samples):
        """Add what packed samples tell: of each document its first places of a d-mer.

        The samples are those of documents 0, 1 and so on. Raises ValueError when one is no sample.
        """
        cdef _BorrowedMany sources
        cdef size_t i, first = 0
        cdef int status = 0
        for sources in _portions(samples):
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)
                for i in range(sources.count):
                    status = locator_add_packed(
                        &self.locator, <const uint8_t*>sources.views[i].buf, <size_t>sources.views[i].len,
                        <uint32_t>(first + i),
                    )
                    if status:
                        break
                PyThread_release_lock(self.lock)
            if status:
                raise ValueError(f"sample {first + i} is none")
            first += sources.count

    def places(self):
        """The places kept: an array of dtype PLACE_DTYPE, by candidate, lowest first."""
        return _places_of(self, False)

    def take(self):
        """`places`, which are forgotten here: the locator is ready for other documents."""
        return _places_of(self, True)


cdef object _places_of(PatternLocator locator, bint forget):
    """The places, forgotten on demand."""
    cdef _Borrowed target
    with nogil:
        PyThread_acquire_lock(locator.lock, WAIT_LOCK)
    try:
        rows = np.empty(locator_size(&locator.locator), dtype=_dtype("PLACE_DTYPE"))
        target = _Borrowed(rows, True)
        locator_places(&locator.locator, <Place*>target.data)
        if forget:
            locator_forget(&locator.locator)
    finally:
        PyThread_release_lock(locator.lock)
    return rows


cdef void locator_feed(
    PatternLocator locator, const uint8_t* data, size_t size, const uint32_t* document
) noexcept nogil:
    """Look at the next window, or at a whole document of this number."""
    PyThread_acquire_lock(locator.lock, WAIT_LOCK)
    if document != NULL:
        locator.document = document[0]
        sampler_begin(&locator.sampler)
    if document != NULL or locator.locator.turn == 0:
        locator_begin(&locator.locator)
    locator_scan(&locator.locator, &locator.sampler, data, size, locator.document, locator.scratch)
    PyThread_release_lock(locator.lock)


cdef int uc_locator_update(
    PatternLocator locator, const uint8_t* data, size_t size, uint32_t document
) except -1:
    """`PatternLocator.update` for C callers."""
    with nogil:
        locator_feed(locator, data, size, &document)
    return 0


cdef size_t uc_find_cuts(
    const uint64_t* hashes, size_t count, size_t spacing, uint64_t* stack, uint64_t* cuts
) noexcept nogil:
    return _find_cuts(hashes, count, spacing, stack, cuts)


def find_cuts(data, length=16, spacing=256):
    """Content-defined cuts of a buffer.

    Args:
        data: any C-contiguous buffer.
        length: d, bytes of a d-mer, from 1 to 256.
        spacing: d-mers on either side among which a cut's hash is the lowest.

    Returns the rising positions (uint64) of the d-mers whose hash is lower than the `spacing`
    hashes before and no higher than the `spacing` after; both ways that many must be there.
    """
    cdef size_t near = _checked(spacing, "spacing", 1, 1 << 30)
    hashes = rolling_hash(data, length)
    cdef _Borrowed source = _Borrowed(hashes)
    cdef _Borrowed stack = _Borrowed(np.empty_like(hashes), True)
    cuts = np.empty_like(hashes)
    cdef _Borrowed target = _Borrowed(cuts, True)
    cdef size_t found
    with nogil:
        found = uc_find_cuts(
            <const uint64_t*>source.data, source.size // sizeof(uint64_t), near,
            <uint64_t*>stack.data, <uint64_t*>target.data,
        )
    return np.sort(cuts[:found])


cdef inline bint context_fits(const Context* context, size_t size, size_t length) noexcept nogil:
    """Whether a place lies within the data and has room for its d-mer."""
    return (
        context.low <= context.start <= context.high <= size and context.high - context.start >= length
    )


cdef int uc_extend_patterns(
    const uint8_t* data, size_t size, const Context* contexts, const int64_t* groups, size_t count,
    size_t length, size_t reach, size_t support, Extent* extents
) noexcept nogil:
    """Grow `count` d-mers into two extents each; -1, and nothing written, where something does not fit."""
    cdef size_t i
    cdef int64_t row
    if length < 1 or length > DMER_LIMIT or support < 1 or support > PLACES_LIMIT or groups[0] != 0:
        return -1
    for i in range(count):
        if groups[i + 1] <= groups[i] or groups[i + 1] - groups[i] > PLACES_LIMIT:
            return -1
    for row in range(groups[count]):
        if not context_fits(contexts + row, size, length):
            return -1
    for i in range(count):
        grow_group(
            data, contexts + groups[i], <size_t>(groups[i + 1] - groups[i]), length, reach, support,
            extents + 2 * i, extents + 2 * i + 1,
        )
    return 0


def extend_patterns(data, contexts, groups, length=16, *, reach=1024, support=2):
    """Grow d-mers, each known at several places, into maximal patterns.

    Args:
        data: a buffer with the bytes around all places.
        contexts: array of dtype CONTEXT_DTYPE, one row a place: `start` of the d-mer in `data`,
            [`low`, `high`) the bytes of its document that are there, `cut` 1 when the document
            goes on before them, 2 when after, 3 for both.
        groups: rising row numbers, one more than there are d-mers: the places of d-mer i are
            rows [groups[i], groups[i + 1]), at least 1 and at most 64.
        length: bytes of a d-mer.
        reach: most bytes grown on a side.
        support: fewest places that a majority may have.

    Returns an array of dtype EXTENT_DTYPE and shape (d-mers, 2). Column 0 is the text on which
    all places agree, column 1 the one with the highest (places that agree) * (length) found by
    going on with the majority. `start` is where the d-mer stands in it. `cut` tells on which
    sides (1, 2) `reach` or the end of the data stopped the growth. Places that only collide with
    the first are left out. Raises ValueError when a row or group does not fit.
    """
    cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
    cdef size_t far = _checked(reach, "reach", 0, 1 << 30)
    cdef size_t least = _checked(support, "support", 1, PLACES_LIMIT)
    cdef _Borrowed source = _Borrowed(data)
    cdef _Borrowed rows = _Borrowed(_checked_rows(contexts, _dtype("CONTEXT_DTYPE")))
    bounds = np.ascontiguousarray(groups, dtype=np.int64)
    sizes = np.diff(bounds)
    cdef size_t count = rows.size // sizeof(Context)
    if bounds.ndim != 1 or len(bounds) < 1 or bounds[0] != 0 or bounds[len(bounds) - 1] != count:
        raise ValueError("groups must run from 0 to the number of contexts")
    if len(sizes) and not 1 <= sizes.min() <= sizes.max() <= PLACES_LIMIT:
        raise ValueError(f"a group must have from 1 to {PLACES_LIMIT} places")
    cdef const Context* context = <const Context*>rows.data
    cdef size_t i
    for i in range(count):
        if not context_fits(context + i, source.size, d):
            raise ValueError(f"context {i} does not lie within the data, or is shorter than a d-mer")
    extents = np.empty((len(sizes), 2), dtype=_dtype("EXTENT_DTYPE"))
    cdef _Borrowed target = _Borrowed(extents, True)
    cdef _Borrowed limits = _Borrowed(bounds)
    cdef size_t total = len(sizes)
    cdef int status
    with nogil:
        status = uc_extend_patterns(
            source.data, source.size, context, <const int64_t*>limits.data, total, d, far, least,
            <Extent*>target.data,
        )
    if status:
        raise ValueError("contexts or groups changed while patterns were grown")
    return extents
