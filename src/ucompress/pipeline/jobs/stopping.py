"""How a run ends other than by its archive: what is kept, and what its user is told."""

from __future__ import annotations

import errno
import shlex
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from ucompress.config import MIB
from ucompress.errors import (
    CheckpointSaveError,
    CompressionError,
    DatabaseError,
    InterruptedJobError,
    JobBusyError,
    MemoryLimitExceededError,
    OutputError,
    ParallelProcessingError,
)
from ucompress.pipeline.jobs.refusals import partial_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucompress.pipeline.jobs.job import ClaimedJob
    from ucompress.pipeline.running.context import RunContext

NO_DATABASE: Final = "nothing was kept, for there is no database to keep it in"
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def save_what_is_done(
    error: BaseException, context: RunContext, job: ClaimedJob | None
) -> CompressionError | None:
    """Checkpoint a job that stops, and give up its lease; a note of the error tells if that fails.

    A job that cannot be resumed is forgotten. Where the disk was full, a note tells what takes room on it,
    and where workers failed, what is kept.

    Returns:
        Why it failed.
    """
    unsaved = _saved(error, context, job)
    if isinstance(error, ParallelProcessingError) and unsaved is None:
        anew = "" if context.config.pipeline.enable_resume else ", without --no-resume,"
        kept = f"what was finished is kept: the same command{anew} goes on with it"
        error.add_note(_why_nothing_is_kept(context, job, None) or kept)
    return unsaved


def _saved(error: BaseException, context: RunContext, job: ClaimedJob | None) -> CompressionError | None:
    """Checkpoint a job that stops; why that failed, if it did."""
    if job is None or isinstance(error, JobBusyError):
        return None
    _note_partial(error, context)
    try:
        if not context.config.pipeline.resumable:
            context.database.jobs.discard(job.number)
            return None
        if isinstance(error, MemoryLimitExceededError) and job.progress is not None:
            # A refusal: the job stays as far as it had come.
            context.database.jobs.set_progress(job.number, job.progress)
        else:
            context.tracker.checkpoint()
        context.database.jobs.interrupt(job.number)
    except CompressionError as second:
        error.add_note(f"the checkpoint could not be saved: {second}")
        return second
    return None


def _note_partial(error: BaseException, context: RunContext) -> None:
    """Tell of an archive that found no room where its beginning is, if that was kept, and how to go on."""
    if not isinstance(error, OutputError) or getattr(error.__cause__, "errno", None) not in _NO_ROOM:
        return
    partial = partial_path(context.config.output)
    with suppress(OSError):
        size = partial.stat().st_size
        anew = "" if context.config.pipeline.enable_resume else ", without --no-resume,"
        error.add_note(
            f"{partial} keeps what was written, {size / MIB:.1f} MiB: the same command{anew} continues there "
            "once there is room; remove that file if you will not"
        )


def interrupted(
    error: BaseException, context: RunContext, job: ClaimedJob | None, unsaved: CompressionError | None
) -> InterruptedJobError:
    """What is raised for a signal: it names the command that goes on, or why there is none.

    Args:
        error: how the signal arrived here.
        context: the run.
        job: its job, if it had one.
        unsaved: why its checkpoint could not be saved, if so.
    """
    number = error.signal_number if isinstance(error, InterruptedJobError) else signal.SIGINT
    why = _why_nothing_is_kept(context, job, unsaved)
    if why is not None:
        return InterruptedJobError(f"interrupted; {why}. Run the same command again", number)
    return InterruptedJobError(
        "interrupted; the checkpoint is saved. Continue with: "
        f"ucompress resume --database {shlex.quote(str(context.database.path))}",
        number,
    )


def interrupted_analysis(error: BaseException, context: RunContext) -> InterruptedJobError:
    """What is raised for a signal while a tree is only analyzed."""
    number = error.signal_number if isinstance(error, InterruptedJobError) else signal.SIGINT
    kept = "what was analyzed is kept" if context.database.path else NO_DATABASE
    return InterruptedJobError(f"interrupted; {kept}. Run the same command again", number)


def _why_nothing_is_kept(
    context: RunContext, job: ClaimedJob | None, unsaved: CompressionError | None
) -> str | None:
    """Why a run that ended early cannot be continued where it ended; None where it can."""
    if not context.config.pipeline.resumable:
        return "nothing of the archive was kept, for what goes through a pipe cannot be continued"
    if context.database.path is None:
        return NO_DATABASE
    if job is None:
        return "nothing was kept, for nothing was done yet"
    if unsaved is not None:
        return f"the checkpoint could not be saved ({unsaved}): only what was saved before is kept"
    return None


@contextmanager
def told_as_warning(context: RunContext) -> Iterator[None]:
    """What the database is told once the archive has its name: a failure takes nothing from that."""
    try:
        yield
    except (DatabaseError, CheckpointSaveError, JobBusyError) as error:
        context.warnings.append(f"the archive is complete, but the database could not note it: {error}")
