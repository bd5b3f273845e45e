# What the C allocator keeps of freed memory.


cdef extern from "heap.h" nogil:
    void uc_keep_freed()
    void uc_release_freed()
