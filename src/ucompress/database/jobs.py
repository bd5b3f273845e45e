"""Jobs: what is being made, who is making it, which blocks stand already, and how far it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from ucompress.database.lease import BELIEVED, Lease
from ucompress.database.pointer import LastJob, remember_job
from ucompress.database.times import from_text, to_text, utc_now
from ucompress.errors import DatabaseError, JobBusyError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from ucompress.database.connection import Connection

JOBS_KEPT = 100
LONGEST_DIGEST = 64
LONGEST_DOCUMENT = 16 << 20
"""Most characters of a description or of numbers that are made objects of, which take some times as much."""


class JobState(Enum):
    """What is known of a job."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block that stands in the unfinished archive.

    Attributes:
        number: place among the blocks, from 0.
        offset: first byte of its record in the archive.
        coded: bytes that its record takes.
        decoded: bytes it decodes to.
        digest: digest of its record.
    """

    number: int
    offset: int
    coded: int
    decoded: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the database has it.

    Attributes:
        id: number in this database.
        key: what identifies the job.
        description: inputs, output, options and versions, as they were given.
        state: RUNNING only while its process lives.
        pid: the process that runs it; None unless it runs.
        created_at: when it was begun (aware, UTC).
        updated_at: when it last gave a sign of life (aware, UTC).
    """

    id: int
    key: bytes
    description: dict[str, Any]
    state: JobState
    pid: int | None
    created_at: datetime | None
    updated_at: datetime | None


class JobStore:
    """The jobs of one database. One process at a time works with a database: leases see to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held: dict[int, Lease] = {}

    def open(
        self, key: bytes, description: Mapping[str, Any], *, fresh: bool = False, remember: bool = True
    ) -> int:
        """Begin a job, or take up an interrupted one of the same key; returns its id.

        What an interrupted job had recorded is kept; what a finished one had is forgotten.

        Args:
            key: what identifies the job: everything that affects the archive's bytes.
            description: the same for people and for `resume`; JSON values only.
            fresh: forget what an interrupted job had recorded.
            remember: note the job as the user's last one.

        Raises:
            JobBusyError: a living process works on this job, or on another one in this database.
        """
        text = json.dumps(dict(description), sort_keys=True)
        lease = Lease.take(self)
        try:
            with self._connection.transaction() as sql:
                self._refuse_living(sql, key)
                job = self._enter(sql, key, text, lease, fresh)
        except BaseException:
            lease.release()
            raise
        self._held[job] = lease
        if remember and self._connection.path is not None:
            warning = remember_job(LastJob(self._connection.path, key))
            if warning:
                self._connection.warnings.append(warning)
        return job

    def finish(self, job: int) -> None:
        """Mark a job done; its blocks are no longer needed and go, its last progress stays for `status`."""
        with self._connection.transaction() as sql:
            self._own(sql, job)
            sql.execute("DELETE FROM blocks WHERE job_id = ?", (job,))
            self._leave(sql, job, JobState.DONE)
            self._forget_oldest(sql)
        self._held.pop(job).release()

    def interrupt(self, job: int) -> None:
        """Mark a job interrupted and give up its lease; everything recorded is kept."""
        with self._connection.transaction() as sql:
            self._own(sql, job)
            self._leave(sql, job, JobState.INTERRUPTED)
        self._held.pop(job).release()

    def discard(self, job: int) -> None:
        """Forget a job that nobody works on, or that this process holds, with all it recorded."""
        with self._connection.transaction() as sql:
            row = sql.execute(f"{_SELECT} WHERE id = ?", (job,)).fetchone()
            if row is not None and job not in self._held:
                _refuse_if_living(_record(row), b"")
            sql.execute("DELETE FROM jobs WHERE id = ?", (job,))
        if job in self._held:
            self._held.pop(job).release()

    def release(self) -> None:
        """Mark every job that is still held interrupted; for the end of the database."""
        for job in list(self._held):
            try:
                self.interrupt(job)
            except (DatabaseError, JobBusyError):
                # A lease that cannot be written off dies with the process all the same.
                self._held.pop(job).release()

    def record_blocks(self, job: int, rows: Iterable[BlockRow]) -> None:
        """Name blocks that are safe in the archive; durable on return. The archive must be synced before.

        Raises:
            JobBusyError: another process took the job over.
        """
        values = [(job, row.number, row.offset, row.coded, row.decoded, row.digest) for row in rows]
        with self._connection.transaction() as sql:
            self._own(sql, job)
            sql.executemany(
                "INSERT OR REPLACE INTO blocks (job_id, number, offset, coded, decoded, digest)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
            sql.execute("UPDATE jobs SET updated_at = ? WHERE id = ?", (to_text(utc_now()), job))

    def blocks(self, job: int) -> list[BlockRow]:
        """The blocks recorded, in order: the longest run from 0 on that is sound and without overlap."""
        rows = self._connection.query(
            "SELECT number, offset, coded, decoded, digest FROM blocks WHERE job_id = ? ORDER BY number",
            (job,),
        )
        sound: list[BlockRow] = []
        end = 0
        for row in rows:
            block = _block(row)
            if block is None or block.number != len(sound) or block.offset < end:
                break
            sound.append(block)
            end = block.offset + block.coded
        return sound

    def truncate_blocks(self, job: int, count: int) -> None:
        """Keep only the first `count` blocks."""
        with self._connection.transaction() as sql:
            self._own(sql, job)
            sql.execute("DELETE FROM blocks WHERE job_id = ? AND number >= ?", (job, count))

    def set_progress(self, job: int, document: Mapping[str, Any]) -> None:
        """Replace the job's progress row, which is also its sign of life.

        Args:
            job: the job.
            document: JSON values only.
        """
        now = to_text(utc_now())
        text = json.dumps(dict(document), sort_keys=True)
        with self._connection.transaction(durable=False) as sql:
            self._own(sql, job)
            sql.execute(
                "INSERT OR REPLACE INTO progress (job_id, document, updated_at) VALUES (?, ?, ?)",
                (job, text, now),
            )
            sql.execute("UPDATE jobs SET updated_at = ? WHERE id = ?", (now, job))

    def progress(self, job: int | None = None) -> dict[str, Any] | None:
        """The progress row of a job, or of the one that last gave a sign of life."""
        if job is None:
            latest = self.latest()
            if latest is None:
                return None
            job = latest.id
        rows = self._connection.query("SELECT document FROM progress WHERE job_id = ?", (job,))
        return _json_object(rows[0][0]) if rows else None

    def find(self, key: bytes) -> JobRecord | None:
        """The job of this key."""
        rows = self._connection.query(f"{_SELECT} WHERE key = ?", (key,))
        return _record(rows[0]) if rows else None

    def all(self) -> list[JobRecord]:
        """Every job, the one that last gave a sign of life first."""
        return [_record(row) for row in self._connection.query(f"{_SELECT} {_LATEST_FIRST}", (_future(),))]

    def refuse_living(self) -> None:
        """Refuse where a living process works on a job of this database.

        Raises:
            JobBusyError: names the process.
        """
        for record in self.all():
            _refuse_if_living(record, None)

    def latest(self) -> JobRecord | None:
        """The job that last gave a sign of life."""
        rows = self._connection.query(f"{_SELECT} {_LATEST_FIRST} LIMIT 1", (_future(),))
        return _record(rows[0]) if rows else None

    def _refuse_living(self, sql: sqlite3.Connection, key: bytes) -> None:
        for row in sql.execute(f"{_SELECT} WHERE state = ?", (JobState.RUNNING.value,)).fetchall():
            _refuse_if_living(_record(row), key)
        sql.execute(
            "UPDATE jobs SET state = ?, lease = NULL WHERE state = ?",
            (JobState.INTERRUPTED.value, JobState.RUNNING.value),
        )

    def _enter(self, sql: sqlite3.Connection, key: bytes, text: str, lease: Lease, fresh: bool) -> int:
        now = to_text(utc_now())
        row = sql.execute("SELECT id, state FROM jobs WHERE key = ?", (key,)).fetchone()
        if row is not None and (fresh or row[1] != JobState.INTERRUPTED.value):
            sql.execute("DELETE FROM jobs WHERE id = ?", (row[0],))
            row = None
        if row is not None:
            sql.execute(
                "UPDATE jobs SET state = ?, lease = ?, updated_at = ? WHERE id = ?",
                (JobState.RUNNING.value, lease.to_text(), now, row[0]),
            )
            return int(row[0])
        cursor = sql.execute(
            "INSERT INTO jobs (key, description, state, lease, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (key, text, JobState.RUNNING.value, lease.to_text(), now, now),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _own(self, sql: sqlite3.Connection, job: int) -> None:
        """Refuse to write to a job that is not, or no longer, ours."""
        lease = self._held.get(job)
        row = sql.execute("SELECT lease FROM jobs WHERE id = ?", (job,)).fetchone()
        if lease is None or row is None or row[0] != lease.to_text():
            raise JobBusyError(
                f"job {job} in {self._connection.name} is not held by this process, "
                "or another one took it over; nothing was written"
            )

    def _leave(self, sql: sqlite3.Connection, job: int, state: JobState) -> None:
        sql.execute(
            "UPDATE jobs SET state = ?, lease = NULL, updated_at = ? WHERE id = ?",
            (state.value, to_text(utc_now()), job),
        )

    def _forget_oldest(self, sql: sqlite3.Connection) -> None:
        sql.execute(
            f"DELETE FROM jobs WHERE state <> ? AND id NOT IN (SELECT id FROM jobs {_LATEST_FIRST} LIMIT ?)",
            (JobState.RUNNING.value, _future(), JOBS_KEPT),
        )


_SELECT = "SELECT id, key, description, state, lease, created_at, updated_at FROM jobs"
_LATEST_FIRST = "ORDER BY updated_at > ?, updated_at DESC, id DESC"
"""What is in the future was written before the clock was set back: it comes last."""


def _future() -> str:
    """The moment from which on a time cannot be true; clocks of machines differ a little."""
    return to_text(utc_now() + BELIEVED)


def _record(row: Sequence[Any]) -> JobRecord:
    number, key, description, state, lease_text, created, updated = row
    last_sign = from_text(updated)
    lease = Lease.from_text(lease_text)
    alive = state == JobState.RUNNING.value and lease is not None and lease.is_alive(last_sign)
    if alive:
        effective = JobState.RUNNING
    else:
        effective = JobState.DONE if state == JobState.DONE.value else JobState.INTERRUPTED
    return JobRecord(
        number,
        key if isinstance(key, bytes) else b"",
        _json_object(description) or {},
        effective,
        lease.pid if alive and lease is not None else None,
        from_text(created),
        last_sign,
    )


def _refuse_if_living(record: JobRecord, key: bytes | None) -> None:
    """Refuse a job that a process works on; `key` is what it stands in the way of, None: any work."""
    if record.state is JobState.RUNNING:
        other = "a job" if key is None else "another job"
        which = "this job" if record.key == key else f"{other} of this database"
        raise JobBusyError(
            f"process {record.pid} is working on {which}; wait for it to end, stop it, "
            "or choose another database with --database"
        )


def _block(row: Sequence[object]) -> BlockRow | None:
    number, offset, coded, decoded, digest = row
    if not (isinstance(number, int) and isinstance(offset, int)):
        return None
    if not (isinstance(coded, int) and isinstance(decoded, int) and isinstance(digest, bytes)):
        return None
    if min(number, offset, coded, decoded) < 0 or len(digest) > LONGEST_DIGEST:
        return None
    return BlockRow(number, offset, coded, decoded, digest)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _json_object(text: object) -> dict[str, Any] | None:
    """The object in a text; numbers that JSON does not know (NaN) make it none."""
    if not isinstance(text, str) or len(text) > LONGEST_DOCUMENT:
        return None
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
