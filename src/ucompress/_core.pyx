"""Native kernels on plain buffers: the door for code that cannot wait.

Every function takes C-contiguous buffers (bytes, memoryview, NumPy arrays) without a copy,
releases the GIL while it works, and returns bytes, NumPy arrays, numbers or tuples of these, as
`_core.pyi` says. What `_core.pxd` declares can be had by `cimport` too: `uc_*` functions on pointers.

Stability: names, parameters and dtypes listed in `_core.pyi` change only with the minor
version, and only with an entry in the changelog; private kernels in `_kernels` may change
at any time.
"""

include "_bindings/rows.pxi"
include "_bindings/buffers.pxi"
include "_bindings/patterns.pxi"
include "_bindings/repeats.pxi"
include "_bindings/tally.pxi"
include "_bindings/samples.pxi"
include "_bindings/segments.pxi"
include "_bindings/anchors.pxi"
include "_bindings/copies.pxi"
include "_bindings/similarity.pxi"
include "_bindings/lz_primed.pxi"
include "_bindings/lz.pxi"
include "_bindings/lz_references.pxi"
include "_bindings/lz_pieces.pxi"
include "_bindings/filters.pxi"
include "_bindings/mix.pxi"
include "_bindings/dictionary.pxi"
include "_bindings/files.pxi"
include "_bindings/pack.pxi"
include "_bindings/unpack.pxi"
include "_bindings/heap.pxi"
