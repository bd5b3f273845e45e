"""Walks the inputs and lists what will be packed, sorted by raw member path.

Members are named from each input's own name on, as `tar -C parent name` does. Symbolic links
are stored, never followed, also when an input itself is one. Mount points inside are crossed.
Nothing is opened here but directories, `.gitignore` files, what has attributes at the end of a very long
path, and empty files where a size of 0 may be untrue.
"""

from ucompress.scan.again import look_again, not_as_scanned, refresh
from ucompress.scan.manifest import (
    Manifest,
    MemberKind,
    ScanEntry,
    ScanNote,
    kept_identity,
    kept_time,
    other_names,
)
from ucompress.scan.opening import open_source
from ucompress.scan.walk import Progress, scan

__all__ = [
    "Manifest",
    "MemberKind",
    "Progress",
    "ScanEntry",
    "ScanNote",
    "kept_identity",
    "kept_time",
    "look_again",
    "not_as_scanned",
    "open_source",
    "other_names",
    "refresh",
    "scan",
]
