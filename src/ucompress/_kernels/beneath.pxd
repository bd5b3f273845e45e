# Opens folders below one, no link followed.

from libc.stddef cimport size_t


cdef extern from "beneath.h" nogil:
    int uc_open_beneath(int folder, const char* path, size_t length, int* opened)
