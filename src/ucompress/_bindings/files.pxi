# Bindings: many new files, spans of many files, their status, and what is in a folder, in one call; renaming.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from ucompress._kernels cimport beneath as _beneath
from ucompress._kernels cimport files as _files
from ucompress._kernels cimport folder as _folder
from ucompress._kernels cimport renaming as _renaming

cdef enum:
    NANO = 1_000_000_000


def write_files(folder, data, rows, kept=0):
    """Make new files from spans of one buffer; a file that cannot be made whole is not made.

    Args:
        folder: descriptor of the folder that paths start from.
        data: the buffer.
        rows: for each file (path, offset, size, mode, mtime_ns): its path, relative, as bytes without a
            zero byte; its content's place in `data`; permission bits; nanoseconds since 1970.
        kept: permission bits that a new file there gets as asked for, which the umask decides;
            other bits are set by a call of their own.

    Returns a list of (row number, errno) of the files that were not made, ascending. Nothing that exists is
    replaced (EEXIST); folders are not made (ENOENT); no link in a path is followed (ELOOP, ENOTDIR); where
    the system has no such calls every file fails with ENOSYS. Raises ValueError for a span outside the buffer
    or a path with a zero byte.
    """
    cdef list table = list(rows), paths = []  # a row may be an iterator, which owns nothing
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
            paths.append(path)
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


def read_spans(rows):
    """Bytes of spans of many files.

    Args:
        rows: for each span (path, offset, length): the path as bytes without a zero byte; bytes. A path
            that is the same object as the one before is not opened again.

    Returns a list with, for each row, its bytes or the errno for which it cannot be read: -1 where
    the file ends before, EINVAL for what is no regular file, ENOSYS where the system has no such
    calls. Links in the last place are not followed (ELOOP). The GIL is released while all are read.
    Raises ValueError for a negative number or a path with a zero byte.
    """
    return _read_spans(list(rows), NULL)


def read_and_look(rows):
    """`read_spans`, and the status of each file after that was read.

    Returns (what `read_spans` returns, what `look_at_files` returns), the latter of what was read, not of
    what has the path by then; of what cannot be read the size is 2**64 - 1.
    """
    cdef list table = list(rows)
    cdef bytes seen = bytes(len(table) * sizeof(_files.uc_status))
    return _read_spans(table, <_files.uc_status*>PyBytes_AS_STRING(seen)), seen


cdef list _read_spans(list table, _files.uc_status* seen):
    """The bytes of spans, whose statuses go to `seen` unless that is NULL."""
    cdef list paths = []  # as in `write_files`
    cdef list found = []
    cdef Py_ssize_t count = len(table), number, length
    cdef bytes path, data
    cdef size_t failed
    cdef _files.uc_span* spans = <_files.uc_span*>PyMem_Malloc(max(count, 1) * sizeof(_files.uc_span))
    if spans is NULL:
        raise MemoryError
    try:
        for number in range(count):
            path, offset, length = table[number]
            if length < 0:
                raise ValueError(f"a span of {length} bytes")
            if b"\0" in path:
                raise ValueError(f"the path {path!r} has a zero byte")
            data = PyBytes_FromStringAndSize(NULL, length)
            found.append(data)
            paths.append(path)
            spans[number].path = PyBytes_AS_STRING(path)
            spans[number].offset = _checked(offset, "offset", 0, (1 << 63) - 1)
            spans[number].data = <uint8_t*>PyBytes_AS_STRING(data)
            spans[number].size = <size_t>length
            spans[number].seen = NULL if seen is NULL else seen + number
        with nogil:
            failed = _files.uc_read_spans(spans, <size_t>count)
        if failed:
            for number in range(count):
                if spans[number].error:
                    found[number] = spans[number].error
        return found
    finally:
        PyMem_Free(spans)


def look_at_files(paths):
    """The status of many files, no link followed.

    Args:
        paths: each as bytes without a zero byte.

    Returns 40 bytes for each path, five numbers of 64 bits in the machine's order: size in bytes, time of
    the last modification and of the last change of any kind (signed nanoseconds since 1970), inode,
    device. Of what is no regular file or cannot be told the size is 2**64 - 1 and the rest zero, as it
    is for all where the system has no such call. The GIL is released. Raises ValueError for a path with
    a zero byte.
    """
    cdef list names = list(paths)
    cdef Py_ssize_t count = len(names), number
    cdef bytes path
    cdef bytes found = bytes(count * sizeof(_files.uc_status))
    cdef _files.uc_status* told = <_files.uc_status*>PyBytes_AS_STRING(found)
    cdef const char** table = <const char**>PyMem_Malloc(max(count, 1) * sizeof(char*))
    if table is NULL:
        raise MemoryError
    try:
        for number in range(count):
            path = names[number]
            if b"\0" in path:
                raise ValueError(f"the path {path!r} has a zero byte")
            table[number] = PyBytes_AS_STRING(path)
        with nogil:
            _files.uc_look_at(table, told, <size_t>count)
        return found
    finally:
        PyMem_Free(table)


def list_folder(bytes path):
    """What is in a folder, nothing followed.

    Args:
        path: as bytes without a zero byte, at most the system's limit for one call.

    Returns (names, rows): the names as bytes, in the file system's order, and 64 bytes for each name, eight
    numbers of 64 bits in the machine's order: 1 for a plain entry, which is a regular file without extended
    attributes; then its size in bytes, time of the last modification and of the last change of any kind
    (signed nanoseconds since 1970), inode, device, mode and number of names. For any other entry all are
    zero. The GIL is released.

    Raises OSError where the folder cannot be listed, as it is everywhere where the system has no such
    calls (ENOSYS); ValueError for a path with a zero byte.
    """
    cdef _folder.uc_folder found
    cdef int error
    cdef const char* name
    if b"\0" in path:
        raise ValueError(f"the path {path!r} has a zero byte")
    name = PyBytes_AS_STRING(path)
    with nogil:
        error = _folder.uc_list_folder(name, &found)
    try:
        if error:
            raise OSError(error, "the folder cannot be listed")
        names = PyBytes_FromStringAndSize(found.names, <Py_ssize_t>found.names_size).split(b"\0")
        names.pop()
        return names, PyBytes_FromStringAndSize(
            <const char*>found.rows,
            <Py_ssize_t>(found.count * _folder.UC_FOLDER_COLUMNS * sizeof(uint64_t)),
        )
    finally:
        _folder.uc_free_folder(&found)


def open_folder(folder, path):
    """Open a folder below another one, no link in its path followed.

    Args:
        folder: descriptor of the other one.
        path: from there, as bytes without a zero byte; of any length.

    Returns a descriptor that is not inherited, or an errno as a negative number: ELOOP or ENOTDIR where a
    component is a link or no folder, EXDEV where the path leaves the folder, ENOSYS where the system has no
    such calls. The GIL is released. Raises ValueError for a path with a zero byte.
    """
    cdef bytes below = path
    cdef int descriptor = folder, opened = -1, error
    cdef const char* text = PyBytes_AS_STRING(below)
    cdef size_t length = <size_t>len(below)
    if b"\0" in below:
        raise ValueError(f"the path {below!r} has a zero byte")
    with nogil:
        error = _beneath.uc_open_beneath(descriptor, text, length, &opened)
    return -error if error else opened


def rename_new(source_folder, source, target_folder, target):
    """Give what has a name another one, unless something has that already.

    Args:
        source_folder, target_folder: descriptors of the folders that relative paths start from.
        source, target: paths as bytes without a zero byte.

    Returns 0, EEXIST where something stands at the target, ENOSYS where the system or the file system
    cannot rename without replacing, or another errno; then nothing has changed. Raises ValueError for a
    path with a zero byte.
    """
    cdef bytes old = source, new = target
    cdef int old_folder = source_folder, new_folder = target_folder, failed
    cdef const char* old_path = PyBytes_AS_STRING(old)
    cdef const char* new_path = PyBytes_AS_STRING(new)
    if b"\0" in old or b"\0" in new:
        raise ValueError(f"the path {old!r} or {new!r} has a zero byte")
    with nogil:
        failed = _renaming.uc_rename_new(old_folder, old_path, new_folder, new_path)
    return failed
