"""Trees for scans, and what was found in them."""

from __future__ import annotations

import os
from pathlib import Path

POSIX = os.name == "posix"


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def names(manifest) -> list[str]:
    return [os.fsdecode(path) for path in manifest.paths]
