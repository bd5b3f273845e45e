"""What the allocator keeps, seen by the pages that the system has to give."""

import ctypes
import subprocess
import sys

import pytest

from support import SANITIZED

CHURN = """
import resource, sys
from threading import Thread
from ucompress import heap

def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        bytes(bytearray(b"x" * (40 << 20)))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def churn():
    faults(1)
    print(faults(4))
    heap.release_freed_memory()
    print(faults(1))

if sys.argv[1] == "keep":
    heap.keep_freed_memory()
thread = Thread(target=churn)
thread.start()
thread.join()
"""


def faults(mode: str) -> tuple[int, int]:
    """Page faults of four rounds after the first, and of one after memory was given back."""
    run = subprocess.run([sys.executable, "-c", CHURN, mode], capture_output=True, text=True, check=True)
    again, released = map(int, run.stdout.split())
    return again, released


@pytest.mark.skipif(SANITIZED, reason="a sanitizer has malloc to itself")
@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's allocator alone"
)
def test_kept_memory_is_not_asked_for_again_until_it_is_given_back() -> None:
    pages = (40 << 20) // 4096
    kept, released = faults("keep")
    assert kept < pages // 8
    assert released > pages // 8  # larger pages may be given at once
    without, _ = faults("default")
    assert without > 8 * max(kept, 1)
