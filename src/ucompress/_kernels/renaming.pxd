# Renames without replacing.

cdef extern from "renaming.h" nogil:
    int uc_rename_new(int from_folder, const char* source, int to_folder, const char* target)
