"""Rebuilds what power failures may leave of recorded runs, and runs each command again on every state.

    make power                                                       all corners, 200 more of each command
    PYTHONPATH=src:tests:. python -m crash.power --drawn 1000 --seed 7 Job Replacing

*Corners* are all states, at every sync of a run and at its end, in which nothing unsynced is there, all of
it, one thing alone or all but one (`Disk.corners`). Others are drawn at random, after any call.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from crash.disk import Disk, State, key, moments
from crash.jobs import JOBS, Job

Case = tuple[State, int]
"""What is left, and before which call the power failed."""


def corners(job: Job) -> Iterator[Case]:
    """Each corner once."""
    seen = set[tuple[bytes, bool]]()
    for at in moments(job.done):
        for state in Disk(job.done, at).corners():
            case = key(state), at > job.kept
            if case not in seen:
                seen.add(case)
                yield state, at


def drawn(job: Job, count: int, seed: int = 0) -> Iterator[Case]:
    """Some other states; one in twenty after the last call."""
    end = len(job.done.calls)
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        at = end if number % 20 == 19 else rng.randrange(end)
        yield Disk(job.done, at).drawn(rng), at


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="*", default=list(JOBS), help=f"of {', '.join(JOBS)}")
    parser.add_argument("--drawn", type=int, default=200, help="of each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    wrong = 0
    for name in options.jobs:
        with tempfile.TemporaryDirectory(prefix="power-") as folder:
            job = JOBS[name](Path(folder).resolve())
            job.record()
            for kind, cases in (
                ("corners", corners(job)),
                ("drawn", drawn(job, options.drawn, options.seed)),
            ):
                job.seen.clear()
                failed = sum(not _holds(job, case) for case in cases)
                wrong += failed
                print(f"{name:10} {kind:8} wrong: {failed}  {dict(job.seen)}", flush=True)
    return bool(wrong)


def _holds(job: Job, case: Case) -> bool:
    try:
        job.check(*case)
    except Exception:
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
