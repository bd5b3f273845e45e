"""What the columns of an index page say, worked out in one call each: paths, times, sizes, places."""

from __future__ import annotations

from ucompress._core import first_bad_path, join_prefixed, place_extents, resolve_twins, running_sums

__all__ = ["first_bad_path", "join_prefixed", "place_extents", "resolve_twins", "running_sums"]
