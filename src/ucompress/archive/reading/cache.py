"""A cache bounded in bytes, for decoded blocks and pages."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class ByteCache(Generic[V]):
    """Keeps what was used last, up to a number of bytes; any number of threads may use it.

    Args:
        limit: bytes of all values together; a single larger value is not kept.
    """

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._limit = limit
        self._held = 0
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The value, or None."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: V, weight: int) -> None:
        """Keep a value of `weight` bytes, and let go of the ones unused for longest."""
        if weight > self._limit:
            return
        with self._lock:
            old = self._values.pop(key, None)
            self._held += weight - (old[1] if old else 0)
            self._values[key] = value, weight
            while self._held > self._limit:
                _, (_, lost) = self._values.popitem(last=False)
                self._held -= lost

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._values.clear()
            self._held = 0
