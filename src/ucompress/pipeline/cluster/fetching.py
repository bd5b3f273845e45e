"""Files of a tree that a worker sees at a URL: fetched into a folder of its own, once for several tasks."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict, deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from ucompress.archive import show
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ucompress.pipeline.running.lending import Fetch

MOST_BYTES = 16 << 30
"""Bytes of copies in a process; and they are never more than what they leave free."""

AT_ONCE = 8
"""Files of a task that are fetched at a time: most of it is waiting."""


class SeenOtherwiseError(OSError):
    """A file does not look here as it did to the scan."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder that workers see elsewhere.

    Attributes:
        url: where, as fsspec takes it.
        root: its path where the run was begun.
    """

    url: str
    root: bytes

    @property
    def shown(self) -> str:
        """The URL without a password."""
        return re.sub(r"//[^/@]*@", "//", self.url)

    def opened(self) -> OpenTree:
        """The tree as fsspec sees it; raises what fsspec does, which may be anything."""
        from fsspec.core import url_to_fs

        return OpenTree(self, *url_to_fs(self.url))

    def lacks(self, names: Sequence[bytes]) -> str:
        """What is otherwise at the URL than in the folder, of which `names` are some entries."""
        try:
            tree = self.opened()
            if not names or any(map(tree.has, names)):
                return ""
            tree.system.info(tree.path)
        except FileNotFoundError:
            return f"finds no folder at {self.shown}"
        except Exception as error:
            return f"cannot open {self.shown} ({type(error).__name__}: {error})"
        return f"sees {self.shown} without what is in {show(self.root)}"


class OpenTree(NamedTuple):
    """A tree, the file system of fsspec that has it, and its path there."""

    tree: Tree
    system: Any
    path: str

    def place(self, name: bytes) -> str:
        """Where a file or folder lies, by its path below the tree's root.

        Raises:
            SeenOtherwiseError: its name is no text, as fsspec needs it.
        """
        try:
            text = name.decode()
        except UnicodeDecodeError as error:
            raise SeenOtherwiseError(errno.EILSEQ, "its name is no UTF-8", os.fsdecode(name)) from error
        if re.match(r"[\w+.-]+://", self.path):  # of such file systems paths are URLs, too
            text = quote(text)
        return f"{self.path.rstrip('/')}/{text}"

    def has(self, name: bytes) -> bool:
        """Whether there is something of that name."""
        try:
            self.system.info(self.place(name))
        except (FileNotFoundError, SeenOtherwiseError):
            return False
        return True


@dataclass(slots=True)
class _Copy:
    """A file that was fetched, or is being fetched by whoever holds the lock."""

    path: Path
    size: int = -1
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Copies:
    """What this process has fetched, of any number of runs; for any number of threads.

    Those that were not used for longest make room; where all that are left are in use, a file cannot be
    fetched.

    Args:
        folder: gives the folder in which the folder for them is made.
        most: bytes of all.
    """

    def __init__(self, folder: Callable[[], str | None], most: int = MOST_BYTES) -> None:
        self._where = folder
        self._most = most
        self._folder: Path | None = None
        self._names = count()
        self._copies: OrderedDict[tuple[str, str], _Copy] = OrderedDict()
        self._trees: dict[str, OpenTree] = {}
        self._lock = threading.Lock()
        self.size = 0

    @contextmanager
    def fetching(self, run: str, tree: Tree) -> Iterator[Fetch]:
        """What fetches files of a run, which stay until the context is left, at least.

        What it gives raises OSError where a file cannot be fetched, or does not have the size that it must.
        """
        used: list[str] = []

        def fetch(paths: Sequence[bytes], sizes: Sequence[int]) -> list[bytes]:
            opened = self._opened(run, tree)
            names = [opened.place(_below(tree.root, path)) for path in paths]
            wanted = dict(zip(names, sizes, strict=True))
            copies = {}
            with self._lock:
                for name in wanted:
                    copies[name] = self._copy(run, name)
                    used.append(name)
            missing = [name for name, copy in copies.items() if copy.size < 0]
            if missing:

                def fill(name: str) -> None:
                    self._fill(copies[name], opened, name, wanted[name])

                with ThreadPool(min(AT_ONCE, len(missing)), thread_name_prefix="ucompress-fetch") as pool:
                    deque(pool.map(fill, missing), maxlen=0)
            for name, size in wanted.items():
                _insist_on_size(copies[name].size, size, name)
            return [os.fsencode(copies[name].path) for name in names]

        try:
            yield fetch
        finally:
            with self._lock:
                for name in used:
                    copy = self._copies[run, name]
                    copy.users -= 1
                    if not copy.users and (copy.size < 0 or run not in self._trees):
                        self._drop((run, name))

    def forget(self, run: str) -> None:
        """Delete what was fetched for a run; what a task still uses, when that is done."""
        with self._lock:
            self._trees.pop(run, None)
            for key in [key for key, copy in self._copies.items() if key[0] == run and not copy.users]:
                self._drop(key)

    def _opened(self, run: str, tree: Tree) -> OpenTree:
        with self._lock:
            opened = self._trees.get(run)
        if opened is None:
            try:
                opened = tree.opened()
            except Exception as error:
                raise _unfetched(tree.shown, error) from error
            with self._lock:
                opened = self._trees.setdefault(run, opened)
        return opened

    def _copy(self, run: str, name: str) -> _Copy:
        """The copy of a file, from now on in use; it may be still to be fetched."""
        key = run, name
        if key not in self._copies:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="ucompress-", dir=self._where()))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            self._copies[key] = _Copy(self._folder / str(next(self._names)))
        self._copies.move_to_end(key)
        copy = self._copies[key]
        copy.users += 1
        return copy

    def _fill(self, copy: _Copy, opened: OpenTree, name: str, wanted: int) -> None:
        """Fetch a file unless another thread has done so meanwhile."""
        with copy.lock:
            if copy.size >= 0:
                return
            try:
                told = opened.system.info(name)
                if told["type"] != "file":
                    raise SeenOtherwiseError(errno.EINVAL, "no regular file", name)
                size = int(told["size"])
                _insist_on_size(size, wanted, name)
                self._make_room(size)
                try:
                    opened.system.get_file(name, str(copy.path))
                    _insist_on_size(copy.path.stat().st_size, size, name)
                except BaseException:
                    with self._lock:
                        self.size -= size
                    copy.path.unlink(missing_ok=True)
                    raise
            except OSError:
                raise
            except Exception as error:  # each file system of fsspec has its own
                raise _unfetched(name, error) from error
            copy.size = size

    def _make_room(self, size: int) -> None:
        """Charge so many bytes, and delete old copies for them."""
        assert self._folder is not None
        with self._lock:
            most = min(self._most, (self.size + shutil.disk_usage(self._folder).free) // 2)
            for key in [key for key, copy in self._copies.items() if not copy.users]:
                if self.size + size <= most:
                    break
                self._drop(key)
            if self.size + size > most:
                raise OSError(errno.ENOSPC, "no room to fetch it", str(self._folder))
            self.size += size

    def _drop(self, key: tuple[str, str]) -> None:
        copy = self._copies.pop(key)
        self.size -= max(copy.size, 0)
        with suppress(OSError):
            copy.path.unlink()


def _below(root: bytes, path: bytes) -> bytes:
    """The path of a file below the root of its tree."""
    if not path.startswith(root + b"/"):
        raise SeenOtherwiseError(errno.ENOENT, "it is not below the input", os.fsdecode(path))
    return path[len(root) + 1 :]


def _insist_on_size(size: int, wanted: int, name: str) -> None:
    if wanted not in (-1, size):
        raise SeenOtherwiseError(errno.ESTALE, f"it has {size} bytes, not {wanted}", name)


def _unfetched(name: str, error: Exception) -> OSError:
    return OSError(errno.EIO, f"cannot be fetched ({type(error).__name__}: {error})", name)
