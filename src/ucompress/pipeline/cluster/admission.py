"""Which workers a run may use: those that make the same bytes and see the same files.

A worker is asked before the run begins, and asks itself before its first task, for it may have joined later.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ucompress.archive import show
from ucompress.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ucompress.pipeline.cluster.fetching import Tree

NAMES_LOOKED_FOR = 16
"""Entries of an input of which a worker must have one: an empty mount point has none."""

MOST_NAMED = 3
"""Workers that a refusal tells of."""

REMEDY = (
    "no archive was written; what is finished is kept: mend it, or do without such workers, and run again"
)


@dataclass(frozen=True, slots=True)
class Sight:
    """An input as it is seen here.

    Attributes:
        path: where it lies, absolute.
        form: its type, as in the mode that `stat` gives.
        names: some entries, where it is a folder.
    """

    path: bytes
    form: int
    names: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, path: bytes) -> Sight:
        """Look at an input now.

        Raises:
            OSError: it cannot be looked at.
        """
        form = stat.S_IFMT(os.lstat(path).st_mode)
        if form != stat.S_IFDIR:
            return cls(path, form)
        with os.scandir(path) as entries:
            return cls(path, form, tuple(sorted(entry.name for entry in islice(entries, NAMES_LOOKED_FOR))))

    def differs(self) -> str:
        """What is otherwise on this machine; empty if nothing is."""
        try:
            form = stat.S_IFMT(os.lstat(self.path).st_mode)
        except OSError as error:
            return f"does not see {show(self.path)} ({error.strerror or error})"
        if form != self.form:
            return f"sees something else at {show(self.path)}"
        inside = [os.path.join(self.path, name) for name in self.names]  # noqa: PTH118  bytes
        if inside and not any(map(os.path.lexists, inside)):
            return f"sees {show(self.path)} without what is in it; is it mounted there?"
        return ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a run demands of a worker.

    Attributes:
        run: names the run.
        level: the level, on which it depends which libraries decide bytes.
        versions: what decides bytes, as `worker_versions` of the level tells it.
        inputs: what must be seen.
        tree: where the only input is seen; None: at its path.
    """

    run: str
    level: int
    versions: str
    inputs: tuple[Sight, ...]
    tree: Tree | None = None


_admitted: dict[str, None] = {}


def refusal(ticket: Ticket) -> str:
    """Why this process may not work for a run; empty if it may. Runs in a worker."""
    if ticket.run in _admitted:
        return ""
    from ucompress.pipeline.jobs.job import worker_versions

    versions = worker_versions(ticket.level)
    if versions != ticket.versions:
        return f"has {versions}, but here is {ticket.versions}"
    for sight in ticket.inputs:
        if reason := sight.differs() if ticket.tree is None else ticket.tree.lacks(sight.names):
            return reason
    _admitted[ticket.run] = None
    while len(_admitted) > 64:
        with suppress(KeyError, StopIteration):  # another thread was quicker
            del _admitted[next(iter(_admitted))]
    return ""


def insist_on_all(answers: Mapping[str, object]) -> None:
    """Refuse a cluster of which a worker may not work.

    Args:
        answers: what `refusal` gave on each worker, or what it raised there, by the worker's address.

    Raises:
        ClusterError: there is no worker, or some may not work; names them.
    """
    reasons = {address: answer for address, answer in sorted(answers.items()) if answer != ""}
    if reasons:
        raise ClusterError(f"{_told(reasons)}; {REMEDY}")


def _told(reasons: Mapping[str, object]) -> str:
    told = [f"worker {address} {_reason(answer)}" for address, answer in islice(reasons.items(), MOST_NAMED)]
    more = len(reasons) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _reason(answer: object) -> str:
    if isinstance(answer, ImportError) or "No module named" in str(answer):
        return f"has no ucompress of this version ({answer})"
    return answer if isinstance(answer, str) else f"cannot be asked ({type(answer).__name__}: {answer})"


def sights(inputs: Sequence[bytes]) -> tuple[Sight, ...]:
    """The inputs as they are seen here; what cannot be looked at is left to the scan."""
    seen = []
    for path in inputs:
        with suppress(OSError):
            seen.append(Sight.of(path))
    return tuple(seen)
