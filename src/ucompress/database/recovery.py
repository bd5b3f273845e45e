"""Looking at a file before SQLite opens it for writing, and moving aside what cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from ucompress.config import DEFAULT_DATABASE
from ucompress.database.bounds import BoundedConnection, DamagedFileError
from ucompress.database.schema import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    is_design_file,
    table_names,
    user_version,
)
from ucompress.errors import DatabaseError

try:
    import fcntl
except ImportError:  # Windows: a file that is open cannot be renamed there
    fcntl = None  # type: ignore[assignment]

SMALLEST_PAGE = 512
MAGIC = b"SQLite format 3\0"
IDENTITY_AT = 68
SIDECARS = ("-wal", "-shm", "-journal")


ASIDE = ("corrupt", "foreign")
"""What stands behind the name of a file that was moved aside: damaged, or a sound one of another program."""


class Verdict(Enum):
    """What a file turned out to be."""

    USABLE = "usable"
    NEWER = "newer"
    FOREIGN = "foreign"
    CORRUPT = "corrupt"


def database_files(path: str | os.PathLike[str]) -> list[Path]:
    """The files that SQLite may keep for one database: none of them is ever packed."""
    return [Path(os.fspath(path) + suffix) for suffix in ("", *SIDECARS)]


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code of an error; 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def is_damage(error: BaseException | None) -> bool:
    """Whether an error says that the file itself is bad."""
    if isinstance(error, DamagedFileError):
        return True
    return isinstance(error, sqlite3.Error) and primary_code(error) in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_TOOBIG,  # larger than anything that we write
    )


def uri(path: Path, options: str) -> str:
    """A `file:` URI; names with any bytes, `?` and `#` included, stay intact."""
    raw = os.fsencode(path)
    if os.name == "nt":
        raw = b"/" + raw.replace(b"\\", b"/")
    return f"file:{quote(raw)}?{options}"


def is_strange(path: Path) -> bool:
    """Whether a file that stands at a path never was a database of ours: somebody else's, not a damaged one.

    An empty file is nobody's. A file under the name that we choose ourselves, with SQLite's header, with
    our mark in it, or with a log beside it is one of ours, however damaged the rest is, unless it is sound
    and another program's.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False  # refused by other words when it is opened
        with path.open("rb") as file:
            head = file.read(IDENTITY_AT + 4)
    except OSError:
        return False
    mark = APPLICATION_ID.to_bytes(4, "big")
    if not head or path.name == DEFAULT_DATABASE.name:
        return False
    if head.startswith(MAGIC):
        return inspect(Path(os.path.realpath(path))) is Verdict.FOREIGN
    return head[IDENTITY_AT:] != mark and not _has_log(path)


def _has_log(path: Path) -> bool:
    try:
        return Path(f"{path}-wal").stat().st_size > 0
    except OSError:
        return False


def inspect(path: Path) -> Verdict:
    """Tell what stands in a file without changing it.

    A file without a log is read as immutable: no locks, no files beside it. With a log the truth may
    stand there, so SQLite has to read both; it still may not write. A bad verdict is always confirmed
    that way, under SQLite's locks: without them a file that another process just writes may look bad.
    """
    size = path.stat().st_size if path.exists() else 0
    if size == 0:
        return Verdict.USABLE
    if size < SMALLEST_PAGE:
        # SQLite would take it for empty and write over it.
        return Verdict.CORRUPT
    if not _has_log(path):
        verdict = _read(path, "mode=ro&immutable=1")
        if verdict in (Verdict.USABLE, Verdict.NEWER):
            return verdict
    return _read(path, "mode=ro")


def _read(path: Path, options: str) -> Verdict:
    sql = BoundedConnection(uri(path, options), uri=True)
    try:
        return _judge(sql)
    except sqlite3.Error as error:
        # Anything but damage (a lock, a log that cannot be read here) is for the real opening.
        return Verdict.CORRUPT if is_damage(error) else Verdict.USABLE
    finally:
        sql.close()


def _judge(sql: sqlite3.Connection) -> Verdict:
    identity = int(sql.execute("PRAGMA application_id").fetchone()[0])
    if identity == APPLICATION_ID:
        return Verdict.NEWER if user_version(sql) > SCHEMA_VERSION else Verdict.USABLE
    if identity == 0 and (not table_names(sql) or is_design_file(sql)):
        return Verdict.USABLE
    return Verdict.FOREIGN


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def opening_alone(folder: Path, patience: float) -> Iterator[None]:
    """Open databases of a folder one process at a time, where the system has locks on folders.

    Judging a file, moving it aside and making a new one are one step for other processes then. Those
    that have a database open already are not kept waiting.

    Args:
        folder: where the databases are.
        patience: seconds to wait for others; then it goes on without the lock: whoever may read the folder
            may hold that.
    """
    descriptor = None
    if fcntl is not None:
        # Where a folder cannot be locked, opening goes on as it can, and tells what is wrong with it.
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            _lock(descriptor, time.monotonic() + patience)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int, until: float) -> None:
    """Wait for the lock, in short steps between which signals are heard."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                return
            time.sleep(0.02)


def is_aside(name: str, database: str) -> bool:
    """Whether a file is called like one that `move_aside` took out of a database's place."""
    return name.startswith(tuple(f"{database}.{word}-" for word in ASIDE))


def move_aside(path: Path, verdict: Verdict, expected: tuple[int, int] | None) -> Path | None:
    """Rename a database with its log to `NAME.corrupt-N`, N the first free number; returns the new path.

    A sound one of another program becomes `NAME.foreign-N`. The log goes first: a log that stayed behind
    would be replayed into the new database.

    Args:
        path: the database.
        verdict: what it is.
        expected: its identity when it was judged. If another file stands there by now, another process
            has moved it already: nothing is done, and None returned.

    Raises:
        DatabaseError: the folder does not allow it.
    """
    number, word = 1, ASIDE[verdict is Verdict.FOREIGN]
    while any(os.path.lexists(f"{path}.{word}-{number}{suffix}") for suffix in ("", *SIDECARS)):
        number += 1
    target = Path(f"{path}.{word}-{number}")
    if identity(path) != expected:
        return None
    try:
        for suffix in SIDECARS:
            if os.path.lexists(f"{path}{suffix}"):
                Path(f"{path}{suffix}").rename(f"{target}{suffix}")
        path.rename(target)
    except FileNotFoundError:  # another process was quicker
        return None
    except OSError as error:
        raise DatabaseError(
            f"{path} cannot be used and could not be moved aside ({error.strerror}); "
            "choose another database with --database"
        ) from error
    return target
