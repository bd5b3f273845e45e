"""Analyzing: each file is read once for its digest, class and d-mer sample; then patterns are counted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ucompress import _core
from ucompress.pipeline import samples
from ucompress.pipeline.file_processor import FileContent, FileToRead, ParallelFileProcessor
from ucompress.segments import classify

if TYPE_CHECKING:
    pass
