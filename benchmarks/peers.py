"""The tools that are measured side by side: their commands, nothing else.

Each tool packs one tree into one place and unpacks it again, as one process (or one pipeline of processes)
whose CPU is counted whole. Commands are templates: `{tree}` is the tree's name below `{parent}`, `{out}`
the archive, `{dir}` an empty folder to unpack into, `{member}` one file's name as the tool knows it. All
peers run on one thread; ours takes the threads it likes: CPU seconds tell the truth all the same.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass

from measure import TAR_OPTIONS

PYTHON = shlex.quote(sys.executable)
TAR = f"tar {TAR_OPTIONS} -C {{parent}} -cf - {{tree}}"
UNTAR = "tar -C {dir} -xf -"


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to pack a tree.

    Attributes:
        name: as in the tables.
        program: what must be installed.
        compress, extract: shell commands.
        decode: decoding to nowhere, for tools that offer it, ours with all it verifies.
        read: one member to standard output, in a new process.
        unpacked: where below `{dir}` the tree stands after `extract`.
        links: whether symbolic links are kept.
        version: command that prints the version.
        slow: left out with `--fast`.
    """

    name: str
    program: str
    compress: str
    extract: str
    decode: str = ""
    read: str = ""
    unpacked: str = "{tree}"
    links: bool = True
    version: str = "{program} --version"
    slow: bool = False


def solid(name: str, coder: str, decoder: str, version: str = "", slow: bool = False) -> Tool:
    """A stream coder over tar."""
    program = coder.split()[0]
    return Tool(
        name,
        program,
        f"{TAR} | {coder} > {{out}}",
        f"{decoder} < {{out}} | {UNTAR}",
        f"{decoder} < {{out}} > /dev/null",
        f"{decoder} < {{out}} | tar -xO --occurrence=1 -f - {{member}}",
        version=version or f"{program} --version",
        slow=slow,
    )


def seven_zip(name: str, method: str) -> Tool:
    """7-Zip with one of its methods, solid, links stored as links.

    It refuses to write a link that leads out of its own folder and ends with 2 for that; the comparison that
    follows is on files, so that nothing else can be missing.
    """
    program = "7z"
    return Tool(
        name,
        program,
        f"cd {{parent}} && {program} a -t7z {method} -mx=9 -mmt=1 -snl -bd -y {{out}}.7z {{tree}}"
        " && mv {out}.7z {out}",
        f"{program} x -bd -y -o{{dir}} {{out}} || test $? -eq 2",
        f"{program} t -bd -mmt=1 {{out}}",
        f"{program} e -so -bd {{out}} {{member}}",
        links=False,
        version=f"{program} i | sed -n 2p",
    )


def ours(level: int) -> Tool:
    """Our own program at one level; the database is new for every run."""
    program = f"{PYTHON} -m ucompress"
    return Tool(
        f"ucompress -{level}",
        sys.executable,
        f"{program} compress {{parent}}/{{tree}} -o {{out}} -{level} --database {{work}}/patterns.db -q",
        f"{program} extract {{out}} -C {{dir}} -q",
        f"{program} verify {{out}} -q",
        f"{program} cat {{out}} {{member}}",
        version=f"{program} --version",
    )


TOOLS = (
    *(ours(level) for level in range(1, 10)),
    solid("xz -9e", "xz -9e -T1", "xz -dc -T1"),
    solid("zstd -9", "zstd -9 -T1 -q", "zstd -dc -q"),
    solid("zstd -19 --long=31", "zstd -19 --long=31 -T1 -q", "zstd -dc -q --long=31"),
    Tool(
        "zstd -19 per file",
        "zstd",
        f"cd {{parent}} && {PYTHON} {{here}}/zstd_per_file.py {{tree}} {{out}}",
        f"{PYTHON} {{here}}/zstd_per_file.py --extract {{out}} {{dir}}/{{tree}}",
        links=False,
    ),
    seven_zip("7-Zip LZMA2", "-m0=lzma2"),
    seven_zip("7-Zip PPMd", "-m0=PPMd"),
    solid("bzip3", "bzip3 -e -j 1 -b 16", "bzip3 -d -j 1"),
    solid("bzip3 -b 256", "bzip3 -e -j 1 -b 256", "bzip3 -d -j 1"),
    Tool(
        "mksquashfs zstd",
        "mksquashfs",
        "mksquashfs {parent}/{tree} {out} -comp zstd -Xcompression-level 19 -b 1M -processors 1 -noappend"
        " -no-progress -quiet -no-xattrs",
        "unsquashfs -p 1 -n -q -d {dir}/{tree} {out}",
        "",
        "unsquashfs -cat {out} {inner}",
        version="mksquashfs -version | head -n 1",
    ),
    Tool(
        "zpaq -m4",
        "zpaq",
        "cd {parent} && zpaq add {out}.zpaq {tree} -m4 -t1 && mv {out}.zpaq {out}",
        "ln {out} {out}.zpaq && zpaq x {out}.zpaq -to {dir} -t1 && rm {out}.zpaq",
        links=False,
        version="zpaq 2>&1 | head -n 1",
        slow=True,
    ),
    Tool(
        "zpaq -m5",
        "zpaq",
        "cd {parent} && zpaq add {out}.zpaq {tree} -m5 -t1 && mv {out}.zpaq {out}",
        "ln {out} {out}.zpaq && zpaq x {out}.zpaq -to {dir} -t1 && rm {out}.zpaq",
        links=False,
        version="zpaq 2>&1 | head -n 1",
        slow=True,
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}
BASE = "xz -9e"
QUICK = ("ucompress -3", "ucompress -6", "xz -9e", "zstd -9", "zstd -19 --long=31")
USUAL = (
    *(
        "ucompress -1",
        "ucompress -3",
        "ucompress -4",
        "ucompress -6",
        "ucompress -8",
        "ucompress -9",
        "xz -9e",
        "zstd -9",
        "zstd -19 --long=31",
    ),
    *(
        "zstd -19 per file",
        "7-Zip LZMA2",
        "7-Zip PPMd",
        "bzip3",
        "bzip3 -b 256",
        "mksquashfs zstd",
        "zpaq -m4",
    ),
)


def installed(tool: Tool) -> bool:
    """Whether the tool's program is on this machine."""
    return shutil.which(tool.program) is not None
