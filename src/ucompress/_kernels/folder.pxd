# Lists a folder with the status of all that is in it.

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t


cdef extern from "folder.h" nogil:
    enum:
        UC_FOLDER_COLUMNS
    ctypedef struct uc_folder:
        char* names
        size_t names_size
        uint64_t* rows
        size_t count
    int uc_list_folder(const char* path, uc_folder* found)
    void uc_free_folder(uc_folder* folder)
