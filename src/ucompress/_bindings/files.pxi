# Bindings: many new files in one call.

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t, uint32_t

from ucompress._kernels cimport files as _files

cdef enum:
    NANO = 1_000_000_000


def write_files(folder, data, rows, kept=0):
    """Make new files from spans of one buffer; a file that cannot be made whole is not made.

    Parameters:
        folder: descriptor of the folder that paths start from.
        data: the buffer.
        rows: for each file (path, offset, size, mode, mtime_ns): its path, relative, as bytes without a
            zero byte; its content's place in `data`; permission bits; nanoseconds since 1970.
        kept: permission bits that a new file there gets as asked for, which the umask decides;
            other bits are set by a call of their own.

    Returns a list of (row number, errno) of the files that were not made, ascending. Nothing that exists is
    replaced (EEXIST); folders are not made (ENOENT); where the system has no such calls every file
    fails with ENOSYS. Raises ValueError for a span outside the buffer or a path with a zero byte.
    """
    cdef list table = list(rows)
    cdef Py_ssize_t count = len(table), number, offset, size
    cdef int descriptor = folder
    cdef uint32_t bits = _checked(kept, "kept", 0, 0o7777)
    cdef _Borrowed source = _Borrowed(data)
    cdef bytes path
    cdef int64_t mtime_ns
    cdef size_t failed
    cdef _files.uc_file* files = <_files.uc_file*>PyMem_Malloc(max(count, 1) * sizeof(_files.uc_file))
    if files is NULL:
        raise MemoryError
    try:
        for number in range(count):
            path, offset, size, mode, mtime_ns = table[number]
            if offset < 0 or size < 0 or <size_t>offset > source.size \
                    or <size_t>size > source.size - <size_t>offset:
                raise ValueError(f"{size} bytes at {offset} are not in a buffer of {source.size}")
            if b"\0" in path:
                raise ValueError(f"the path {path!r} has a zero byte")
            files[number].path = PyBytes_AS_STRING(path)
            files[number].data = source.data + offset
            files[number].size = <size_t>size
            files[number].seconds = mtime_ns // NANO
            files[number].nanoseconds = <int32_t>(mtime_ns % NANO)
            if files[number].nanoseconds < 0:  # C rounds towards zero
                files[number].seconds -= 1
                files[number].nanoseconds += NANO
            files[number].mode = mode
        with nogil:
            failed = _files.uc_write_files(descriptor, bits, files, <size_t>count)
        if not failed:
            return []
        return [(number, files[number].error) for number in range(count) if files[number].error]
    finally:
        PyMem_Free(files)
