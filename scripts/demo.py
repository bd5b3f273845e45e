"""Packs the standard library of the Python that runs this, and shows what can be done with the archive."""

from __future__ import annotations

import filecmp
import lzma
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
FOLDER = Path("build/demo").resolve()
ARCHIVE = FOLDER / f"{LIBRARY.name}.ucz"
# Other people's packages, what Python makes anew, and the static library for embedding.
LEFT_OUT = ("site-packages", "dist-packages", "__pycache__", "config-*")
UCOMPRESS = Path(sys.executable).parent / "ucompress"


def patterns_shown() -> list[str]:
    """The top patterns; a pipe gets them whole, which is more than is nice to look at."""
    return run("patterns", "-n", "5", shown=False).decode(errors="replace").splitlines()


def main() -> int:
    """Run the demonstration; returns the exit code."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    started = time.monotonic()
    title(f"Pack {LIBRARY}")
    excludes = [word for name in LEFT_OUT for word in ("--exclude", f"{name}/")]
    run("compress", LIBRARY, "-o", ARCHIVE, *excludes)

    title("What is in it")
    run("info", ARCHIVE)
    listing = run("list", ARCHIVE, shown=False).decode(errors="replace").splitlines()
    print(*listing[:6], f"... {len(listing)} lines in all", sep="\n", flush=True)

    title("One file, read back without unpacking the rest")
    member = f"{LIBRARY.name}/this.py"
    content = run("cat", ARCHIVE, member, shown=False)
    print(content.decode()[:160] + "...")
    if content != (LIBRARY / "this.py").read_bytes():
        sys.exit(f"{member} differs")

    title("What repeats")
    print(*(line[:110] for line in patterns_shown()), sep="\n", flush=True)

    title("Check everything, then unpack and compare")
    run("verify", ARCHIVE)
    run("extract", ARCHIVE, "-C", FOLDER / "out")
    compare(LIBRARY, FOLDER / "out" / LIBRARY.name)

    title("Size, beside tar | xz -9e of the same tree")
    solid, ours = solid_size(), ARCHIVE.stat().st_size
    print(f"{'ucompress -6':<16}{ours:>14,} bytes")
    print(f"{'tar | xz -9e':<16}{solid:>14,} bytes   ucompress takes {ours / solid:.3f} of it")
    print(f"\nAll of this took {time.monotonic() - started:.0f} s; the archive is {ARCHIVE}")
    return 0


def title(text: str) -> None:
    """A heading between the steps."""
    print(f"\n== {text}", flush=True)


def run(*words: str | Path, shown: bool = True) -> bytes:
    """Run one ucompress command, showing it; with `shown` its output goes to the terminal."""
    command = [str(word) for word in words]
    print("$ ucompress " + shlex.join(command), flush=True)
    pipe = None if shown else subprocess.PIPE
    done = subprocess.run([UCOMPRESS, *command], check=True, stdout=pipe, cwd=FOLDER)
    return done.stdout or b""


def compare(left: Path, right: Path) -> None:
    """End with an error unless both trees hold the same bytes; by Python where there is no `diff`."""
    if shutil.which("diff") is None:
        print(f"# no diff here: comparing {left} and {right} in Python", flush=True)
        if different := differences(left, right):
            sys.exit("differs: " + ", ".join(different))
        print("no difference")
        return
    excludes = [word for name in LEFT_OUT for word in ("-x", name)]
    command = ["diff", "-r", "--no-dereference", *excludes, str(left), str(right)]
    print("$ " + shlex.join(command), flush=True)
    subprocess.run(command, check=True)
    print("no difference")


def differences(left: Path, right: Path) -> list[str]:
    """Names that one tree has alone, or that are not the same in both."""
    paths = (path for folder in (left, right) for path in folder.iterdir())
    names = {path.name for path in paths if not is_left_out(path.name)}
    found = []
    for name in sorted(names):
        one, other = left / name, right / name
        if one.is_symlink() or other.is_symlink():
            same = one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
        elif one.is_dir() and other.is_dir():
            found += differences(one, other)
            continue
        else:
            same = one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)
        if not same:
            found.append(str(one))
    return found


def is_left_out(name: str) -> bool:
    """Whether a file or folder of this name is not packed."""
    return any(fnmatch(name, pattern) for pattern in LEFT_OUT)


def solid_size() -> int:
    """Bytes of `tar | xz -9e`; by Python's own tar and xz where the programs are missing."""
    if shutil.which("xz") and b"GNU tar" in version_of("tar"):
        excludes = [f"--exclude={name}" for name in LEFT_OUT]
        command = ["tar", "--sort=name", *excludes, "-cf", "-", "-C", str(LIBRARY.parent), LIBRARY.name]
        print("$ " + shlex.join(command) + " | xz -9e -T1 | wc -c", flush=True)
        tar = subprocess.Popen(command, stdout=subprocess.PIPE)
        packed = subprocess.run(["xz", "-9e", "-T1"], stdin=tar.stdout, stdout=subprocess.PIPE, check=True)
        tar.communicate()
        return len(packed.stdout)
    target = FOLDER / "solid.tar.xz"
    with (
        lzma.open(target, "wb", preset=9 | lzma.PRESET_EXTREME) as packed_file,
        tarfile.open(fileobj=packed_file, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        archive.add(LIBRARY, LIBRARY.name, filter=without_left_out)
    return target.stat().st_size


def without_left_out(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """What the demonstration packs, as a filter for tarfile."""
    return None if is_left_out(PurePosixPath(member.name).name) else member


def version_of(program: str) -> bytes:
    """What a program says of itself; empty when there is none."""
    if shutil.which(program) is None:
        return b""
    return subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=False).stdout


if __name__ == "__main__":
    sys.exit(main())
