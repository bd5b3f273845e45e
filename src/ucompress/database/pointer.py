"""The pointer to the last job, in the user's state folder, so that any folder's shell can find it."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_state_path

from ucompress.database.draft import draft

STATE_VARIABLE = "UCOMPRESS_STATE_DIR"
FILE_NAME = "last-job.json"
FORMAT = 1
LONGEST_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class LastJob:
    """Where the last job stands.

    Attributes:
        database: absolute path of its database.
        key: the job's key there.
    """

    database: Path
    key: bytes


def state_folder() -> Path:
    """The folder for the pointer: `UCOMPRESS_STATE_DIR`, or the platform's place for a user's state."""
    chosen = os.environ.get(STATE_VARIABLE)
    return Path(chosen) if chosen else user_state_path("ucompress", appauthor=False)


def remember_job(job: LastJob) -> str | None:
    """Write the pointer in one step; returns why not, as a warning, if the folder does not allow it."""
    document = {
        "format": FORMAT,
        "database_b64": base64.b64encode(os.fsencode(job.database)).decode("ascii"),
        "key": job.key.hex(),
    }
    folder = state_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with draft(folder / FILE_NAME, json.dumps(document).encode("ascii")) as written:
            written.replace(folder / FILE_NAME)
    except OSError as error:
        return (
            f"the last job could not be noted in {folder} ({error.strerror}); "
            f"`status` and `resume` will need --database {job.database}"
        )
    return None


def last_job() -> LastJob | None:
    """The job last begun by this user; None if there is none or the pointer cannot be read."""
    try:
        with (state_folder() / FILE_NAME).open("rb") as file:
            document = json.loads(file.read(LONGEST_BYTES))
        if document["format"] != FORMAT:
            return None
        database = os.fsdecode(base64.b64decode(document["database_b64"], validate=True))
        key = bytes.fromhex(document["key"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return LastJob(Path(database), key)
