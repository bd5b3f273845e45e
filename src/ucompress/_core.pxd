# The public C API: real functions `uc_*` and `cdef class`es, never aliases of private modules.
