# Exact counts of patterns. Follows patterns.pxi.

from libc.string cimport memcpy, memset

from ucompress._kernels.matching cimport (
    PATTERN_LIMIT,
    Matcher,
    Tally,
    matcher_begin,
    matcher_free,
    matcher_init,
    matcher_look,
    matcher_scan,
)


cdef class PatternTally:
    """Counts occurrences of many byte strings exactly, in many documents.

    Args:
        patterns: the byte strings, each of at least `length` and at most 65,536 bytes.
        length: d, bytes of the d-mers by which they are found; at most the shortest pattern.

    Counts add: tallies of the same patterns over different documents are merged by `merge`.
    Occurrences are compared byte by byte. Calls from several threads wait for each other.
    """

    def __cinit__(self, patterns, length=16):
        cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
        cdef list texts = [memoryview(pattern).tobytes() for pattern in patterns]
        for text in texts:
            _checked(len(text), "the length of a pattern", d, PATTERN_LIMIT)
        cdef _Borrowed joined = _Borrowed(b"".join(texts))
        cdef _Borrowed sizes = _Borrowed(np.array([len(text) for text in texts], dtype=np.uintp))
        hashes = np.empty(max(map(len, texts), default=0), dtype=np.uint64)
        cdef _Borrowed room = _Borrowed(hashes, True)
        cdef int status = matcher_init(
            &self.matcher, joined.data, <const size_t*>sizes.data, len(texts), d, <uint64_t*>room.data
        )
        self.lock = PyThread_allocate_lock()
        self.scratch = <Sample*>malloc(SAMPLE_SPAN * sizeof(Sample))
        if status or self.scratch == NULL or self.lock == NULL:
            raise MemoryError("no memory for the counts of patterns")

    def __dealloc__(self):
        matcher_free(&self.matcher)
        free(self.scratch)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    def __len__(self):
        return self.matcher.count

    @property
    def threshold(self):
        """The highest hash among the d-mers by which the patterns are found."""
        return self.matcher.sampler.threshold

    def update_sampled(self, data, sample, weight=1):
        """`update` with a document whose packed sample is at hand, which spares the scan.

        Args:
            data: the whole document.
            sample: what `PatternSampler` gave of it, for d-mers of the same length and with at least
                this tally's `threshold`. Where it does not tell all places the document is scanned.
            weight: files with these bytes.

        Raises ValueError when it is no sample, or one of a longer document.
        """
        cdef uint64_t files = _checked(weight, "weight", 0, 0xFFFFFFFF)
        cdef _Borrowed source = _Borrowed(data)
        cdef _Borrowed packed = _Borrowed(sample)
        cdef int told
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            matcher_begin(&self.matcher, files)
            told = matcher_look(&self.matcher, source.data, source.size, packed.data, packed.size)
            if told == 0:
                matcher_scan(&self.matcher, source.data, source.size, self.scratch)
            PyThread_release_lock(self.lock)
        if told < 0:
            raise ValueError("this is no sample of the document")

    def update(self, data, weight=1):
        """Count in one whole document, which stands for `weight` files with these bytes.

        Another thread's document comes before or after it.
        """
        cdef uint32_t files = _checked(weight, "weight", 0, 0xFFFFFFFF)
        cdef _Borrowed source = _Borrowed(data)
        uc_tally_update(self, source.data, source.size, files)

    def begin(self, weight=1):
        """Open a document; the windows given to `feed` from here on are its bytes, in order."""
        cdef uint64_t files = _checked(weight, "weight", 0, 0xFFFFFFFF)
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            matcher_begin(&self.matcher, files)
            PyThread_release_lock(self.lock)

    def feed(self, data):
        """Count in the next window of the open document; windows follow each other without overlap."""
        cdef _Borrowed source = _Borrowed(data)
        with nogil:
            tally_feed(self, source.data, source.size, NULL)

    def merge(self, counts):
        """Add the counts of the same patterns in other documents."""
        rows = _checked_rows(counts, _dtype("TALLY_DTYPE"))
        if <size_t>len(rows) != self.matcher.count:
            raise ValueError(f"expected counts of {self.matcher.count} patterns, not of {len(rows)}")
        cdef _Borrowed source = _Borrowed(rows)
        cdef const Tally* added = <const Tally*>source.data
        cdef size_t i
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            for i in range(self.matcher.count):
                self.matcher.tallies[i].frequency += added[i].frequency
                self.matcher.tallies[i].files += added[i].files
                self.matcher.tallies[i].disjoint += added[i].disjoint
            PyThread_release_lock(self.lock)

    def counts(self):
        """The counts so far: an array of dtype TALLY_DTYPE, in the order of the patterns."""
        return _counts_of(self, False)

    def take(self):
        """`counts`, which start again from zero here."""
        return _counts_of(self, True)


cdef object _counts_of(PatternTally tally, bint forget):
    """The counts, set to zero on demand."""
    rows = np.empty(tally.matcher.count, dtype=_dtype("TALLY_DTYPE"))
    cdef _Borrowed target = _Borrowed(rows, True)
    with nogil:
        PyThread_acquire_lock(tally.lock, WAIT_LOCK)
        memcpy(target.view.buf, tally.matcher.tallies, tally.matcher.count * sizeof(Tally))
        if forget:
            memset(tally.matcher.tallies, 0, tally.matcher.count * sizeof(Tally))
        PyThread_release_lock(tally.lock)
    return rows


cdef void tally_feed(
    PatternTally tally, const uint8_t* data, size_t size, const uint32_t* weight
) noexcept nogil:
    """Count in the next window, or a whole document that stands for so many files."""
    PyThread_acquire_lock(tally.lock, WAIT_LOCK)
    if weight != NULL:
        matcher_begin(&tally.matcher, weight[0])
    elif tally.matcher.turn == 0:
        matcher_begin(&tally.matcher, 1)
    matcher_scan(&tally.matcher, data, size, tally.scratch)
    PyThread_release_lock(tally.lock)


cdef int uc_tally_update(PatternTally tally, const uint8_t* data, size_t size, uint32_t weight) except -1:
    """`PatternTally.update` for C callers."""
    with nogil:
        tally_feed(tally, data, size, &weight)
    return 0
