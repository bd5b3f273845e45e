"""One SQLite connection under one lock: opening, transactions, and errors in people's words."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucompress.config import MEMORY
from ucompress.database.bounds import LARGEST_VALUE, BoundedConnection, DamagedFileError, within_limit
from ucompress.database.origin import claim, is_own
from ucompress.database.recovery import (
    Verdict,
    identity,
    inspect,
    is_damage,
    move_aside,
    opening_alone,
    primary_code,
    uri,
)
from ucompress.database.schema import (
    SCHEMA_VERSION,
    has_only_our_schema,
    has_our_schema,
    migrate,
    table_names,
    user_version,
)
from ucompress.errors import DatabaseError, DatabaseVersionError, JobBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FULL_CHECK_BYTES = 64 << 20  # larger files are not read whole just to open them
LOG_LIMIT_BYTES = 16 << 20
PAGE_BYTES = 4096
ATTEMPTS = 4

LEFT = "and was left untouched: name another with --database PATH"
OTHER = "choose another database with --database PATH, or --database :memory: to keep nothing"


class Connection:
    """The only connection of a `PatternDatabase`; every method may be called from any thread.

    Args:
        path: the file, or `:memory:`.
        read_only: never write, never create.
        begin_anew: move a damaged or foreign file aside and begin a new one; else it is refused, untouched.
        busy_timeout: seconds to wait for another process's transaction.
        cache_bytes: bound on SQLite's page cache.

    Raises:
        DatabaseError: the file cannot be opened or written.
        DatabaseVersionError: a newer program wrote it; it is untouched.
        JobBusyError: another process held it for longer than `busy_timeout`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        begin_anew: bool = True,
        busy_timeout: float = 10.0,
        cache_bytes: int = 4 << 20,
    ) -> None:
        self.path = None if os.fspath(path) == MEMORY else Path(os.path.realpath(path))
        self.read_only = read_only
        self._begin_anew = begin_anew
        self.warnings: list[str] = []
        self._busy_timeout = busy_timeout
        self._cache_bytes = cache_bytes
        self.lock = threading.RLock()
        self._durable = True
        self._inside = False
        self._closed = False
        try:
            with self._explained():
                self._sql = self._open()
        except OSError as error:
            raise DatabaseError(f"{self.name} cannot be opened ({error.strerror}); {OTHER}").about(
                path
            ) from error
        except (DatabaseError, JobBusyError) as error:
            if self.path is not None:
                error.about(self.path)
            raise

    @property
    def name(self) -> str:
        """The database as messages name it."""
        return str(self.path) if self.path else "the database in memory"

    def close(self) -> None:
        """Close the connection; harmless when done twice."""
        with self.lock:
            self._closed = True
            self._sql.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def query(
        self, statement: str, values: Sequence[Any] = (), *, bounded: bool = False
    ) -> list[tuple[Any, ...]]:
        """All rows of a SELECT.

        Args:
            statement, values: the question.
            bounded: it bounds its rows itself, or they are this user's own; others have `ANSWER_LIMIT`.

        Raises:
            DatabaseError: the database refused, or the rows are beyond the bound.
        """
        with self.lock, self._explained():
            cursor = self._sql.execute(statement, values)
            return cursor.fetchall() if bounded else list(within_limit(cursor))

    @contextmanager
    def larger_values(self, size: int) -> Iterator[None]:
        """Within, values of up to `size` bytes are read and written, not only of `LARGEST_VALUE`."""
        with self.lock:
            self._sql.bound(size)
            try:
                yield
            finally:
                self._sql.bound()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it happens, or nothing of it.

        Inside another transaction of the same thread it becomes part of that one.

        Args:
            durable: wait until the disk has it. What can be made again need not wait; it stays
                consistent after a power failure either way.
        """
        with self.lock, self._explained():
            if self._inside:
                yield self._sql
                return
            # All of it inside `try`: a signal may raise at any point, and a transaction left open would
            # swallow every later one.
            try:
                self._inside = True
                self._set_durable(durable)
                self._sql.execute("BEGIN IMMEDIATE")
                yield self._sql
                self._sql.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    if self._sql.in_transaction:
                        self._sql.execute("ROLLBACK")
                raise
            finally:
                self._inside = False

    def rewrite(self) -> None:
        """Write the file anew without what nothing uses, its log emptied; done whole or not at all."""
        with self.lock, self._explained():
            self._set_durable(True)
            self._sql.execute("VACUUM")
            self._sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _set_durable(self, durable: bool) -> None:
        if durable is not self._durable:
            self._sql.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def _open(self) -> BoundedConnection:
        if self.path is None:
            return self._prepare(self._connect(MEMORY))
        if self.read_only:
            return self._open_to_read(self.path)
        with opening_alone(self.path.parent, self._busy_timeout):
            for _ in range(ATTEMPTS):
                sql = self._open_to_write(self.path)
                if sql is not None:
                    return sql
        raise DamagedFileError("it stays damaged, however often it is moved aside")

    def _open_to_write(self, path: Path) -> BoundedConnection | None:
        """The connection; None if a bad file was moved aside and it is worth trying again."""
        self._refuse_what_is_no_file(path)
        judged = identity(path)
        verdict = inspect(path)
        if verdict is Verdict.NEWER:
            raise self._newer()
        if not self._begin_anew:
            self._refuse_unsound(path, verdict)
        if verdict is Verdict.USABLE:
            try:
                return self._prepare(self._connect(uri(path, "mode=rwc")))
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
            verdict = Verdict.CORRUPT
        self._set_aside(path, verdict, judged)
        return None

    def _connect(self, target: str) -> BoundedConnection:
        return BoundedConnection(
            target, uri=True, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )

    def _prepare(self, sql: BoundedConnection) -> BoundedConnection:
        """Configure, migrate and check a connection for writing; closes it on failure."""
        try:
            self._configure(sql)
            self._patiently(lambda: sql.execute("PRAGMA journal_mode = WAL"))
            sql.execute("PRAGMA synchronous = FULL")
            self._patiently(lambda: migrate(sql))
            if user_version(sql) > SCHEMA_VERSION:
                raise self._newer()
            self._check(sql)
            if self.path is not None:
                self._patiently(lambda: self._claim(sql))
        except BaseException:
            sql.close()
            raise
        return sql

    def _claim(self, sql: sqlite3.Connection) -> None:
        warning = claim(sql, self.name)
        if warning is not None:
            self.warnings.append(warning)

    def _configure(self, sql: sqlite3.Connection) -> None:
        # No memory map: it turns a truncation by another process into SIGBUS, and with a log it can
        # lose writes when two connections checkpoint at once.
        sql.execute("PRAGMA mmap_size = 0")
        sql.text_factory = _text
        sql.execute(f"PRAGMA cache_size = {-max(64, self._cache_bytes >> 10)}")
        sql.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}")
        # SQLite's own bound of 4 MB makes whoever writes wait for the disk four times as often.
        sql.execute(f"PRAGMA wal_autocheckpoint = {LOG_LIMIT_BYTES // PAGE_BYTES}")
        sql.execute("PRAGMA foreign_keys = ON")
        sql.execute("PRAGMA trusted_schema = OFF")
        sql.execute("PRAGMA cell_size_check = ON")

    def _patiently(self, action: Any) -> None:
        """Do `action`, again while another process is in the way: these steps do not wait by themselves."""
        deadline = time.monotonic() + self._busy_timeout
        while True:
            try:
                action()
                return
            except sqlite3.Error as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(0.02)

    def _check(self, sql: sqlite3.Connection) -> None:
        """Raise SQLite's own error for damage if the file is not sound."""
        sound = has_our_schema(sql)
        if sound and self.path is not None and not has_only_our_schema(sql) and not is_own(sql):
            raise DamagedFileError("it is somebody else's, and what it says of its tables is not ours alone")
        if sound and self.path is not None and self.path.stat().st_size <= FULL_CHECK_BYTES:
            sound = sql.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
        if not sound:
            raise DamagedFileError("its tables are damaged")

    def _open_to_read(self, path: Path) -> BoundedConnection:
        if not path.exists():
            raise DatabaseError(f"there is no database at {path}")
        self._refuse_what_is_no_file(path)
        verdict = inspect(path)
        if verdict is Verdict.NEWER:
            raise self._newer()
        self._refuse_unusable(path, verdict)
        sql = self._connect(uri(path, _to_read(path)))
        try:
            self._configure(sql)
            sql.execute("PRAGMA query_only = ON")
            version = user_version(sql)
        except sqlite3.Error:
            # A folder that cannot be written has no room for SQLite's shared index of the log. Without
            # a log nobody writes, and the file can be read as it stands.
            sql.close()
            if Path(f"{path}-wal").exists():
                raise
            sql = self._connect(uri(path, "mode=ro&immutable=1"))
            try:
                version = user_version(sql)
            except sqlite3.Error:
                sql.close()
                raise
        if version < SCHEMA_VERSION:
            what = f"of an earlier version ({version})" if version or table_names(sql) else "empty as yet"
            sql.close()
            raise DatabaseError(f"{path} is {what}; the next run that writes to it brings it up to date")
        if not has_our_schema(sql):
            sql.close()
            raise DatabaseError(f"{path} is damaged, {LEFT}")
        return sql

    def _refuse_unusable(self, path: Path, verdict: Verdict) -> None:
        if verdict is not Verdict.USABLE:
            raise DatabaseError(f"{path} is no database of ucompress, or damaged, {LEFT}")

    def _refuse_unsound(self, path: Path, verdict: Verdict) -> None:
        """Refuse what would be moved aside, before anything is written to it."""
        self._refuse_unusable(path, verdict)
        sql = self._connect(uri(path, _to_read(path)))
        try:
            sql.execute("PRAGMA query_only = ON")
            sound = sql.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
        finally:
            sql.close()
        if not sound:
            raise DatabaseError(f"{path} is damaged, {LEFT}")

    def _refuse_what_is_no_file(self, path: Path) -> None:
        """A device, pipe or folder is neither a database nor ours to rename."""
        if not path.parent.is_dir():
            raise DatabaseError(f"the folder {path.parent} does not exist; make it, or {OTHER}")
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise DatabaseError(f"{path} is not a regular file and was left untouched; {OTHER}")

    def _set_aside(self, path: Path, verdict: Verdict, judged: tuple[int, int] | None) -> None:
        if not self._begin_anew:
            raise DatabaseError(f"{path} is damaged, {LEFT}")
        target = move_aside(path, verdict, judged)
        if target is None:
            return
        what = "was not a database of ucompress" if verdict is Verdict.FOREIGN else "was damaged"
        self.warnings.append(f"{path} {what}; it was moved to {target} and a new database was begun")

    def _newer(self) -> DatabaseVersionError:
        return DatabaseVersionError(
            f"{self.name} was written by a newer ucompress and was left untouched; "
            f"use that version, or {OTHER}"
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            explained = self._explain(error)
            raise (explained.about(self.path) if self.path else explained) from error

    def _explain(self, error: sqlite3.Error) -> DatabaseError | JobBusyError:
        code = primary_code(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return JobBusyError(
                f"{self.name} is being written by another process (waited {self._busy_timeout:g} s); "
                f"nothing was changed. Wait for it to end, or {OTHER}"
            )
        if code == sqlite3.SQLITE_FULL:
            return DatabaseError(
                f"no space left for {self.name}; what was saved before is kept. Make room, or {OTHER}"
            )
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return DatabaseError(f"{self.name} cannot be opened for writing ({error}); {OTHER}")
        if code == sqlite3.SQLITE_TOOBIG:
            return DatabaseError(
                f"{self.name} holds a value of more than {LARGEST_VALUE:,} bytes, which is not ours; "
                f"it is a cache: move it away and run again, or {OTHER}"
            )
        if is_damage(error):
            return DatabaseError(
                f"{self.name} is damaged ({error}); it is a cache: move it away and run again, or {OTHER}"
            )
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL):
            what = "disk fails" if code == sqlite3.SQLITE_IOERR else "locks of the file system fail"
            return DatabaseError(
                f"the {what} under {self.name} ({error}); what was saved before is kept there. Run the "
                f"same command again once that is mended, or {OTHER}"
            )
        return DatabaseError(f"{self.name}: {error}")


def _to_read(path: Path) -> str:
    """How SQLite is to open a file that is only read, so that nothing is left beside it.

    A connection that may not write makes a log and its index, too, and cannot remove them. One that may
    does so when it closes, if it was the last. Where a log stands already, it stays as it is.
    """
    if Path(f"{path}-wal").exists():
        return "mode=ro"
    return (
        "mode=rw" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "mode=ro&immutable=1"
    )


def _text(raw: bytes) -> str:
    """Text as it stands; stray bytes in a damaged file must not stop a whole query."""
    return raw.decode("utf-8", "replace")
