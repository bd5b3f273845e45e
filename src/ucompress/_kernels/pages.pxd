# Large memory in pages of the system's own.

cdef extern from "pages.h" nogil:
    void* uc_take_pages(size_t bytes)
    void uc_give_pages(void* memory)
