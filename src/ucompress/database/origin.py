"""Whether a database is this user's own: nobody else's may say what a file holds, or what a job has done.

A database carries a random name and a proof, the name's hash under a key that lies in the user's state
folder. Where the proof does not fit, somebody else made it, as when it came with a folder from elsewhere:
what it says of files and jobs is dropped, its patterns stay, for no archive depends on them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from blake3 import blake3

from ucompress.database.bounds import DamagedFileError
from ucompress.database.draft import draft
from ucompress.database.pointer import state_folder
from ucompress.files import sync_folder

if TYPE_CHECKING:
    import sqlite3

KEY_FILE = "database-key"
KEY_BYTES = 32
NAME_BYTES = 16
# No index is asked which rows there are: that of a stranger may not know all.
_DISTRUST = (
    "UPDATE processed_files NOT INDEXED SET checksum = NULL WHERE checksum IS NOT NULL",
    "DELETE FROM artifacts",
    "DELETE FROM jobs",
    # Those of jobs that are not there, but whose number the next one may get.
    "DELETE FROM blocks",
    "DELETE FROM progress",
    "DELETE FROM checkpoints WHERE job_id IS NOT NULL",
)
_BELIEVED = (
    "SELECT 1 FROM processed_files NOT INDEXED WHERE checksum IS NOT NULL LIMIT 1",
    "SELECT 1 FROM artifacts NOT INDEXED LIMIT 1",
    "SELECT 1 FROM jobs NOT INDEXED LIMIT 1",
)


def claim(sql: sqlite3.Connection, name: str) -> str | None:
    """Make an open database this user's own; returns a warning if something had to be dropped for it.

    Args:
        sql: the connection, outside any transaction.
        name: the database's name in the warning.

    Raises:
        DamagedFileError: what should go stays, as constraints of somebody else's tables can have it.
    """
    key = _key()
    if _is_own(sql, key):
        return None
    sql.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process of this user may have claimed it meanwhile.
        dropped = 0 if _is_own(sql, key) else _distrust(sql, key)
        sql.execute("COMMIT")
    except BaseException:
        if sql.in_transaction:
            sql.execute("ROLLBACK")
        raise
    if not dropped:
        return None
    if key is None:
        return (
            f"what {name} knew of files and jobs was not used: the folder {state_folder()} cannot be "
            "written, so nothing proves whose it is. UCOMPRESS_STATE_DIR names another folder"
        )
    return (
        f"{name} was made by somebody else, or under another UCOMPRESS_STATE_DIR: what it knew of files and "
        "jobs was not used, its patterns are kept"
    )


def is_own(sql: sqlite3.Connection) -> bool:
    """Whether this user has made an open database of our schema."""
    return _is_own(sql, _key())


def _is_own(sql: sqlite3.Connection, key: bytes | None) -> bool:
    row = sql.execute("SELECT name, proof FROM origin").fetchone()
    return row is not None and key is not None and row[1] == _proof(row[0], key)


def _distrust(sql: sqlite3.Connection, key: bytes | None) -> int:
    """Drop what archives depend on, and give the database a name of ours; how many rows that concerned."""
    dropped = sum(sql.execute(statement).rowcount for statement in _DISTRUST)
    if any(sql.execute(question).fetchone() for question in _BELIEVED):
        raise DamagedFileError("its tables keep what is taken out of them")
    sql.execute("DELETE FROM origin")
    if key is not None:
        name = os.urandom(NAME_BYTES)
        sql.execute("INSERT INTO origin (name, proof) VALUES (?, ?)", (name, _proof(name, key)))
    return dropped


def _proof(name: object, key: bytes) -> bytes | None:
    return blake3(name, key=key).digest() if isinstance(name, bytes) else None


def _key() -> bytes | None:
    """The user's key, made when it is first needed; None where it cannot be kept."""
    path = state_folder() / KEY_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            key = path.read_bytes()
            if len(key) == KEY_BYTES:
                return key
            path.unlink()  # cut off or overwritten: what it proved is lost
        # The first of two processes wins; a link, unlike a rename, replaces nothing.
        with draft(path, os.urandom(KEY_BYTES)) as made, suppress(FileExistsError):
            os.link(made, path)
        with suppress(OSError):  # a key that is lost costs what the database knows of files and jobs
            sync_folder(path.parent)
        return path.read_bytes()
    except OSError:
        return None
