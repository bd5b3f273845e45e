"""Checkpoints: how far a run had come, newest last, so many of them and no more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ucompress.database.times import to_text, utc_now
from ucompress.errors import CheckpointSaveError, DatabaseError, JobBusyError
from ucompress.progress import PipelinePhase, PipelineState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucompress.database.connection import Connection

HISTORY = 100  # checkpoints kept for each job


class CheckpointTable:
    """Saves and loads pipeline states. A state belongs to a job, or to none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, state: PipelineState, job: int | None) -> None:
        """Save a state durably and drop the oldest beyond `HISTORY`.

        Raises:
            CheckpointSaveError: the database refused; earlier checkpoints are kept.
        """
        row = (
            state.phase.value,
            state.files_processed,
            state.total_files,
            state.patterns_found,
            _path_value(state.current_file),
            to_text(utc_now()),
            job,
        )
        try:
            with self._connection.transaction() as sql:
                sql.execute(
                    "INSERT INTO checkpoints (phase, files_processed, total_files, patterns_found,"
                    " current_file, created_at, job_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
                sql.execute(
                    "DELETE FROM checkpoints WHERE job_id IS ? AND id NOT IN"
                    " (SELECT id FROM checkpoints WHERE job_id IS ? ORDER BY id DESC LIMIT ?)",
                    (job, job, HISTORY),
                )
        except (DatabaseError, JobBusyError) as error:
            raise CheckpointSaveError(str(error)) from error

    def load(self, job: int | None) -> PipelineState | None:
        """The newest sound state of a job, or of the whole database for None."""
        where, values = ("", ()) if job is None else ("WHERE job_id = ?", (job,))
        rows = self._connection.query(
            "SELECT phase, files_processed, total_files, patterns_found, current_file"
            f" FROM checkpoints {where} ORDER BY id DESC LIMIT ?",
            (*values, HISTORY),
        )
        return next((state for state in map(_state, rows) if state is not None), None)


def _path_value(path: Path | None) -> str | bytes | None:
    """Text where the name is UTF-8, else its bytes: SQLite keeps bytes in a TEXT column as they are."""
    if path is None:
        return None
    raw = os.fsencode(path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def _state(row: Sequence[object]) -> PipelineState | None:
    phase, done, total, patterns, path = row
    if phase not in [known.value for known in PipelinePhase]:
        return None
    name = PipelinePhase(str(phase))
    if not (isinstance(done, int) and isinstance(total, int) and isinstance(patterns, int)):
        return None
    if min(done, total, patterns) < 0 or not isinstance(path, str | bytes | None):
        return None
    raw = path.encode("utf-8") if isinstance(path, str) else path
    return PipelineState(name, done, total, patterns, None if raw is None else Path(os.fsdecode(raw)))
