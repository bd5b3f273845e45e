"""What an executor may do besides running tasks: its workers may be other machines, which read by themselves.

A task here is a module-level function of two arguments: what all tasks of a phase share, and what it is to
do.
The first may be large (a dictionary) and is *lent*: an executor that can brings it to each worker once.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager

Item = TypeVar("Item")
Value = TypeVar("Value")
Result = TypeVar("Result")

Fetch: TypeAlias = "Callable[[Sequence[bytes], Sequence[int]], list[bytes]]"
"""Where files lie in the worker that asks, by their paths here and the bytes that each must have; -1: any."""


@runtime_checkable
class Remote(Protocol):
    """An executor whose workers are on other machines, or may be.

    It is a `concurrent.futures.Executor`, too. What its workers raise besides errors of ours, `OSError` and
    `MemoryError` is not a file's fault.

    Attributes:
        done_here: tasks of the run that workers saw other files for, done again on this machine.
    """

    done_here: int

    def slots(self) -> int:
        """Tasks that are worked on at the same time, as far as is known now; at least 1."""
        ...

    def hire(self, inputs: Sequence[bytes], level: int) -> AbstractContextManager[None]:
        """For the time of a run, work with workers that see the same files and make the same bytes only.

        Args:
            inputs: absolute paths that every worker must see.
            level: the compression level; every worker must have the versions of what decides its bytes.

        Raises:
            ClusterError: some do not, or there are none.
        """
        ...

    def lend(
        self,
        task: Callable[[Value, Item], Result],
        value: Value,
        in_doubt: Callable[[Result], bool] | None,
        as_expected: Callable[[Item], bool] | None,
        fetched: Callable[[Item, Fetch], Item] | None,
    ) -> AbstractContextManager[Callable[[Item], Result]]:
        """See `lent`."""
        ...


@contextmanager
def lent(
    executor: Executor,
    task: Callable[[Value, Item], Result],
    value: Value,
    *,
    in_doubt: Callable[[Result], bool] | None = None,
    as_expected: Callable[[Item], bool] | None = None,
    fetched: Callable[[Item, Fetch], Item] | None = None,
) -> Iterator[Callable[[Item], Result]]:
    """A task with its first argument, to be submitted while the context is open.

    Args:
        executor: where it will run.
        task: a function that pickles.
        value: its first argument.
        in_doubt: whether a result tells of a file that was not as expected. Where workers are elsewhere, such
            a task is done again here: this machine has made the scan, and its word counts. The same goes for
            `OSError` and for what tells that contents have changed.
        as_expected: asked after a task, where workers are elsewhere and by the worker itself: whether the
            files look as the scan saw them. If not, the task is in doubt, too.
        fetched: what a task is to do, with its files where a worker has fetched them to; None where it reads
            none. Asked by workers that see the files at a URL only.
    """
    if isinstance(executor, Remote):
        with executor.lend(task, value, in_doubt, as_expected, fetched) as lending:
            yield lending
    else:
        yield partial(task, value)


def hired(executor: Executor | None, inputs: Sequence[bytes], level: int) -> AbstractContextManager[None]:
    """See `Remote.hire`; threads and processes of this machine need no asking."""
    return executor.hire(inputs, level) if isinstance(executor, Remote) else nullcontext()
