# What analysis asks of many documents: classes; packed samples, merged to counts. Follows patterns.pxi.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdlib cimport realloc

from ucompress._kernels.counting cimport table_merge_packed
from ucompress._kernels.packing cimport (
    Packer,
    is_packed,
    packer_begin,
    packer_free,
    packer_init,
    packer_scan,
    packer_settle,
    packer_write,
)


cdef class PatternSampler:
    """Takes samples of documents: their sampled d-mers with frequencies and first places, packed.

    Args:
        length: d, bytes of a d-mer, from 1 to 256.
        threshold: highest hash that is sampled.

    A sample is bytes, and depends on the document alone: its number of d-mers (4 bytes, little endian),
    their hashes (8 bytes each, rising), and for each how often it stands there (65,535 stands for more,
    too) and its first 1,024 places, as varints. `merge_samples` and `PatternLocator.merge_samples` read
    it. Calls from several threads wait for each other; windows of two documents must not mix.
    """

    def __cinit__(self, length=16, threshold=HIGHEST_HASH):
        cdef size_t d = _checked(length, "length", 1, DMER_LIMIT)
        cdef uint64_t highest = _checked(threshold, "threshold", 0, HIGHEST_HASH)
        self.lock = PyThread_allocate_lock()
        if packer_init(&self.packer, d, highest) or self.lock == NULL:
            raise MemoryError("no memory for samples")

    def __dealloc__(self):
        packer_free(&self.packer)
        if self.lock != NULL:
            PyThread_free_lock(self.lock)

    def sample(self, data):
        """The sample of one whole document; another thread's comes before or after it."""
        cdef _Borrowed source = _Borrowed(data)
        cdef uint8_t* packed = NULL
        cdef size_t size = 0
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            packer_begin(&self.packer)
            if not packer_scan(&self.packer, source.data, source.size):
                packed = packer_pack(&self.packer, &size)
            PyThread_release_lock(self.lock)
        return _taken(packed, size)

    def begin(self):
        """Open a document; the windows given to `feed` from here on are its bytes, in order."""
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            packer_begin(&self.packer)
            PyThread_release_lock(self.lock)

    def feed(self, data):
        """Look at the next window of the open document; windows follow each other without overlap."""
        cdef _Borrowed source = _Borrowed(data)
        cdef int status
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            status = packer_scan(&self.packer, source.data, source.size)
            PyThread_release_lock(self.lock)
        if status:
            raise MemoryError("no memory for the sample of a document")

    def take(self):
        """The sample of the document so far."""
        cdef uint8_t* packed
        cdef size_t size = 0
        with nogil:
            PyThread_acquire_lock(self.lock, WAIT_LOCK)
            packed = packer_pack(&self.packer, &size)
            PyThread_release_lock(self.lock)
        return _taken(packed, size)

    def sample_all(self, documents):
        """`sample` of each of some whole documents, in one call."""
        cdef _BorrowedMany sources = _BorrowedMany(documents)
        cdef size_t* ends = <size_t*>malloc((sources.count + 1) * sizeof(size_t))
        cdef uint8_t* packed = NULL
        cdef uint8_t* larger
        cdef size_t size = 0, room = 0, needed, i
        cdef int status = 0
        cdef list found = []
        if ends == NULL:
            raise MemoryError("no memory for the samples of documents")
        try:
            with nogil:
                PyThread_acquire_lock(self.lock, WAIT_LOCK)
                for i in range(sources.count):
                    packer_begin(&self.packer)
                    status = packer_scan(
                        &self.packer, <const uint8_t*>sources.views[i].buf, <size_t>sources.views[i].len
                    )
                    if status:
                        break
                    needed = size + packer_settle(&self.packer)
                    if needed > room:
                        room = 2 * needed
                        larger = <uint8_t*>realloc(packed, room)
                        if larger == NULL:
                            status = -1
                            break
                        packed = larger
                    size += packer_write(&self.packer, packed + size)
                    ends[i] = size
                PyThread_release_lock(self.lock)
            if status:
                raise MemoryError("no memory for the samples of documents")
            size = 0
            for i in range(sources.count):
                found.append(
                    PyBytes_FromStringAndSize(<const char*>packed + size, <Py_ssize_t>(ends[i] - size))
                )
                size = ends[i]
            return found
        finally:
            free(ends)
            free(packed)


cdef uint8_t* packer_pack(Packer* packer, size_t* size) noexcept nogil:
    """The sample of the document so far, to be freed; NULL when memory is short."""
    cdef uint8_t* packed = <uint8_t*>malloc(packer_settle(packer))
    if packed != NULL:
        size[0] = packer_write(packer, packed)
    return packed


cdef bytes _taken(uint8_t* packed, size_t size):
    """A packed sample as bytes; it is freed."""
    if packed == NULL:
        raise MemoryError("no memory for the sample of a document")
    try:
        return PyBytes_FromStringAndSize(<const char*>packed, <Py_ssize_t>size)
    finally:
        free(packed)


def is_sample(data):
    """Whether the bytes have the form that `PatternSampler` gives."""
    cdef _Borrowed source = _Borrowed(data)
    return is_packed(source.data, source.size)


def merge_samples(samples, *, threshold=HIGHEST_HASH, capacity=0):
    """One table of counts from the packed samples of distinct documents.

    Args:
        samples: what `PatternSampler` gave, in any order.
        threshold: highest hash that is counted; the samples' own, or lower.
        capacity: keep this many lowest hashes; 0 keeps all.

    Rows of COUNT_DTYPE as `merge_counts` gives them; their places are unknown and 0. Raises
    ValueError where one is no sample.
    """
    cdef uint64_t highest = _checked(threshold, "threshold", 0, HIGHEST_HASH)
    cdef size_t most = _checked(capacity, "capacity", 0, 1 << 30)
    cdef _BorrowedMany sources
    cdef CountTable table
    cdef size_t i = 0, first = 0
    cdef int status
    try:
        status = table_init(&table, most, highest, 0)
        for sources in _portions(samples):
            i = 0
            with nogil:
                while status == 0 and i < sources.count:
                    status = table_merge_packed(
                        &table, <const uint8_t*>sources.views[i].buf, <size_t>sources.views[i].len
                    )
                    i += 1
            if status:
                break
            first += sources.count
        if status == 0:
            with nogil:
                status = table_settle(&table)
        if status > 0:
            raise ValueError(f"sample {first + i - 1} is none")
        if status:
            raise MemoryError("no memory for more pattern counts")
        return _table_array(&table)
    finally:
        table_free(&table)


def classify_all(documents, most):
    """`classify` of the first `most` bytes of each of some documents: a byte each."""
    cdef size_t limit = _checked(most, "most", 0, _FARTHEST)
    cdef _BorrowedMany sources = _BorrowedMany(documents)
    cdef bytes kinds = bytes(sources.count)
    cdef uint8_t* out = <uint8_t*>PyBytes_AS_STRING(kinds)
    cdef size_t i, size
    with nogil:
        for i in range(sources.count):
            size = min(<size_t>sources.views[i].len, limit)
            out[i] = <uint8_t>uc_classify(<const uint8_t*>sources.views[i].buf, size)
    return kinds
