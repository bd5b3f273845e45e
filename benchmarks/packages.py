"""Packages from PyPI, npm and Debian by their ordinary clients, unpacked; no code of a package runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from calendar import timegm
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

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
