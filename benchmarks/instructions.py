"""Instructions a byte of each decoder, as callgrind counts them: `instructions.py ARCHIVE...`.

Decodes the blocks of each archive once under valgrind, and counts what the codec's own function does: neither
the interpreter nor reading, hashing and priming. The figures do not depend on what else the machine does, so
they tell what a change did where seconds cannot. One line an archive; up to `--blocks` of its blocks, spread
evenly over it.

    ucompress compress TREE -6 -o tree.ucz && python benchmarks/instructions.py tree.ucz
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FUNCTIONS = "*decode_block*"
DECODE = """
import sys
from ucompress.archive import Archive

with Archive(sys.argv[1], block_cache=0) as archive:
    count = len(archive._directory.blocks)
    wanted = min(count, int(sys.argv[2]))
    sizes = [len(archive._block_once(n * count // wanted)) for n in range(wanted)]
print(sum(sizes), len(sizes))
"""


def main() -> int:
    """Count and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("archives", type=Path, nargs="+")
    parser.add_argument("--blocks", type=int, default=2, help="blocks decoded of each archive [2]")
    options = parser.parse_args()
    for archive in options.archives:
        with tempfile.TemporaryDirectory() as folder:
            words = [
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"),
                f"--toggle-collect={FUNCTIONS}",
                *(sys.executable, "-c", DECODE, str(archive), str(options.blocks)),
            ]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        counted = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or counted is None:
            sys.exit(f"{archive}: {done.stderr[-1000:]}")
        size, blocks = map(int, done.stdout.split())
        told = f"{int(counted[1]) / size:8.1f} instructions a byte"
        print(f"{archive.name:24} {told}, {blocks} blocks, {size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
