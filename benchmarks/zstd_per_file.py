"""zstd as a store of single files: one trained dictionary, one frame for each file.

    zstd_per_file.py TREE OUT              train, compress every file alone at level 19
    zstd_per_file.py --extract OUT TREE    and back

The dictionary is what `zstd --train` makes by default (112,640 bytes). OUT holds it and the frames,
each with its length and its name: the least that any store of them would need.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVEL = 19


def names_below(tree: Path) -> list[bytes]:
    """Relative names of all regular files, sorted."""
    root = os.fsencode(tree)
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - names are bytes here
            if not os.path.islink(path):  # noqa: PTH114
                found.append(os.path.relpath(path, root))
    return sorted(found)


def train(tree: Path) -> bytes:
    """Let zstd's own program train its dictionary."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "dictionary")
        subprocess.run(["zstd", "-q", "--train", "-r", str(tree), "-o", str(target)], check=True)
        return target.read_bytes()


def compress(tree: Path, out: Path) -> None:
    """Write dictionary and frames."""
    trained = train(tree)
    dictionary = zstd.ZstdDict(trained)
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: LEVEL,
        zstd.CompressionParameter.dict_id_flag: 0,
    }
    coder = zstd.ZstdCompressor(options=options, zstd_dict=dictionary.as_digested_dict)
    with out.open("wb") as stream:
        stream.write(len(trained).to_bytes(4, "little") + trained)
        for name in names_below(tree):
            frame = coder.compress(Path(tree, os.fsdecode(name)).read_bytes(), coder.FLUSH_FRAME)
            stream.write(len(name).to_bytes(2, "little") + name + len(frame).to_bytes(4, "little") + frame)


def extract(out: Path, tree: Path) -> None:
    """Write every file again."""
    with out.open("rb") as stream:
        dictionary = zstd.ZstdDict(stream.read(int.from_bytes(stream.read(4), "little")))
        while size := stream.read(2):
            name = stream.read(int.from_bytes(size, "little"))
            frame = stream.read(int.from_bytes(stream.read(4), "little"))
            path = Path(tree, os.fsdecode(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zstd.decompress(frame, zstd_dict=dictionary))


if __name__ == "__main__":
    if sys.argv[1] == "--extract":
        extract(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        compress(Path(sys.argv[1]), Path(sys.argv[2]))
