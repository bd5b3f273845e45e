# Rows: the dtypes of arrays that go in and out, and NumPy itself, loaded when it is first needed.
# Decoding needs neither: a process that only reads an archive starts in half the time.

cimport cython


@cython.internal
@cython.final
cdef class _Numpy:
    """Stands for the module `numpy`."""

    def __getattr__(self, name):
        import numpy

        return getattr(numpy, name)


np = _Numpy()

_FIELDS = {
    "COUNT_DTYPE": {
        "names": ["hash", "offset", "frequency", "documents", "document", "reserved"],
        "formats": ["<u8", "<u8", "<u4", "<u4", "<u4", "<u4"],
    },
    "PLACE_DTYPE": {
        "names": ["order", "offset", "document", "candidate"],
        "formats": ["<u8", "<u8", "<u4", "<u4"],
    },
    "CONTEXT_DTYPE": {"names": ["start", "low", "high", "cut"], "formats": ["<u8", "<u8", "<u8", "<u8"]},
    "EXTENT_DTYPE": {
        "names": ["begin", "start", "end", "agreed", "cut"],
        "formats": ["<u8", "<u8", "<u8", "<u4", "<u4"],
    },
    "TALLY_DTYPE": {"names": ["frequency", "files", "disjoint"], "formats": ["<u8", "<u8", "<u8"]},
    "WINDOW_DTYPE": {
        "names": ["offset", "score", "document", "length"],
        "formats": ["<u8", "<u8", "<u4", "<u4"],
    },
}
_dtypes = {}


cdef object _dtype(str name):
    """The dtype of this name, the same object each time."""
    if name not in _dtypes:
        _dtypes[name] = np.dtype(_FIELDS[name])
    return _dtypes[name]


def __getattr__(name):
    """The dtypes as names of this module (PEP 562)."""
    if name not in _FIELDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _dtype(name)
