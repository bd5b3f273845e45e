"""A second reader of `.ucz` archives, written from `docs/format.md` alone and laid out like it.

Pure Python, slow, and without a line of ucompress: where the two disagree, one of them or the
document is wrong. Module by module: `conventions` (section 1), `header` (3), `sections` (4),
`dictionary` (5), `index` (6), `blocks` (7), `directory` (9), `footer` (10), `codecs` (11), `limits` (12),
`archive` (2, 8, 13), `recovery` (14).
"""

from .archive import Decoded, Member, decode
from .conventions import Corrupt, Unsupported

__all__ = ["Corrupt", "Decoded", "Member", "Unsupported", "decode"]
