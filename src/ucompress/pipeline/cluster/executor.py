"""An executor over the workers of a Dask cluster.

Tasks go out as functions with paths; workers that see the tree at a URL fetch what these name. What all
tasks share goes to each worker once, as the result of a task of its own: it moves from worker to worker, and
is made again where all that had it are gone. A task whose worker dies is done by another. What a worker finds
otherwise than the scan saw is done again here.
"""

from __future__ import annotations

import logging
import stat
import uuid
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ucompress.archive import show
from ucompress.errors import ClusterError, ThreadStartError, UsageError
from ucompress.pipeline.cluster.admission import Sight, Ticket, insist_on_all, refusal, sights
from ucompress.pipeline.cluster.fetching import Tree
from ucompress.pipeline.cluster.remote import carrier, kept, retire, work
from ucompress.pipeline.cluster.watch import Watch
from ucompress.pipeline.jobs.job import worker_versions
from ucompress.pipeline.reading.contents import ContentsChangedError
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Client

    from ucompress.pipeline.running.lending import Fetch

Item = TypeVar("Item")
Value = TypeVar("Value")
Result = TypeVar("Result")

CONNECT_SECONDS = 10
PATIENCE_SECONDS = 30.0
_LOGGERS = ("distributed", "distributed.client", "distributed.core", "distributed.comm")


@dataclass(frozen=True, slots=True, eq=False)
class _Loan(Generic[Value, Item, Result]):
    """A task and its first argument, here and on the cluster; to be called here."""

    task: Callable[[Value, Item], Result]
    value: Value
    there: Any
    in_doubt: Callable[[Result], bool] | None
    as_expected: Callable[[Item], bool] | None
    fetched: Callable[[Item, Fetch], Item] | None

    def __call__(self, item: Item) -> Result:
        return self.task(self.value, item)


class DaskExecutor(Executor):
    """Runs tasks on a Dask cluster whose workers see the files at the same paths, or at a URL.

    Args:
        cluster: the scheduler's address, such as `tcp://host:8786`; or a `distributed.Client`, left open.
        tree: where workers see the only input of a run, a folder, as fsspec takes it, such as
            `s3://bucket/tree`; None: at its path.
        patience: seconds without any worker after which a run gives up.

    Attributes:
        done_here: tasks of the last run that workers saw other files for, done again on this machine.

    Raises:
        UsageError: dask is not installed.
        ClusterError: no scheduler answers at the address.

    Example:
        >>> with DaskExecutor("tcp://head:8786") as executor:  # doctest: +SKIP
        ...     ucompress.compress("/shared/src", "src.ucz", executor=executor)
    """

    def __init__(
        self, cluster: str | Client, *, tree: str | None = None, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._owned = isinstance(cluster, str)
        self._client: Client = _connected(cluster) if isinstance(cluster, str) else cluster
        self._carry = carrier()
        self._url = tree
        self._ticket: Ticket | None = None
        self._here = ThreadPool(1, thread_name_prefix="ucompress-here")
        self._watch = Watch(self._client, patience)
        self.done_here = 0

    def slots(self) -> int:
        """Threads of all workers that are there now; at least 1."""
        return self._watch.slots()

    def is_connected(self) -> bool:
        """Whether the scheduler is there, as far as is known."""
        return self._watch.is_connected()

    @contextmanager
    def hire(self, inputs: Sequence[bytes], level: int) -> Iterator[None]:
        """See `Remote.hire`."""
        seen = sights(inputs)
        tree = None if self._url is None else _the_tree(self._url, inputs, seen)
        ticket = Ticket(uuid.uuid4().hex, level, worker_versions(level), seen, tree)
        self._watch.insist_on_workers()
        try:
            answers = self._client.run(refusal, ticket, on_error="return")
        except (OSError, TimeoutError) as error:
            raise self._watch.lost(error) from error
        insist_on_all(answers)
        self._ticket, self.done_here = ticket, 0
        try:
            yield
        finally:
            self._ticket = None
            if self.is_connected():
                with suppress(Exception):  # a courtesy: workers may be gone, or gone on
                    self._client.run(retire, ticket.run, wait=False, on_error="ignore")

    @contextmanager
    def lend(
        self,
        task: Callable[[Value, Item], Result],
        value: Value,
        in_doubt: Callable[[Result], bool] | None,
        as_expected: Callable[[Item], bool] | None,
        fetched: Callable[[Item, Fetch], Item] | None,
    ) -> Iterator[Callable[[Item], Result]]:
        """See `lent`."""
        import dask

        # Dask advises against what is sent along with a task; this is the one task that it is for.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "64MB"}):
            there = self._sent(kept, value)
        try:
            yield _Loan(task, value, there, in_doubt, as_expected, fetched)
        finally:
            with suppress(Exception):  # the scheduler may be gone, and its memory with it
                there.release()

    def submit(self, task: Callable[..., Result], /, *arguments: Any, **options: Any) -> Future[Result]:
        """As every executor; a task that was lent takes what workers have of it."""
        outcome: Future[Result] = Future()
        if isinstance(task, _Loan):
            (item,) = arguments
            loan = self._ticket, task.task, task.as_expected, task.fetched
            sent = self._sent(work, *loan, item, lent=(task.there,))
            again = partial(task, item)
            flight = _Flight(self, outcome, sent, again, task.in_doubt)
        else:
            sent = self._sent(task, *arguments, **options)
            flight = _Flight(self, outcome, sent, None, None)
        self._watch.add(outcome)
        outcome.add_done_callback(flight.forget)
        sent.add_done_callback(flight.land)
        return outcome

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the connection, if it was made here; the cluster goes on."""
        self._watch.stop()
        self._here.shutdown(wait, cancel_futures=cancel_futures)
        if self._owned:
            with suppress(Exception):  # a scheduler that is gone cannot be told good-bye
                self._client.close(timeout=2)

    def do_here(self, outcome: Future[Result], again: Callable[[], Result]) -> None:
        """Give an outcome what the task makes of the files as this machine sees them."""
        self.done_here += 1

        def redo() -> None:
            try:
                _settle(outcome, again())
            except BaseException as error:
                _fail(outcome, error)

        try:
            self._here.submit(redo)
        except (RuntimeError, ThreadStartError) as error:  # shut down meanwhile, or no thread to be had
            _fail(outcome, error)

    def explained(self, error: BaseException) -> BaseException:
        """An error of a task as one that tells what to do, where it is the cluster's fault."""
        from distributed import CancelledError, KilledWorker

        if isinstance(error, KilledWorker):
            return ClusterError(
                f"{error.allowed_failures + 1} workers died over one task, one after the other, the last "
                f"of them {error.last_worker.address}; they may have too little memory. No archive was "
                "written: run the same command again, with or without --dask"
            )
        if isinstance(error, CancelledError) or not self.is_connected():
            return self._watch.lost(error)
        return error

    def _sent(
        self, function: Callable[..., Any], *arguments: Any, lent: tuple[Any, ...] = (), **options: Any
    ) -> Any:
        """A future of the cluster, of a call with what futures in `lent` give, and then the arguments."""
        import cloudpickle

        packed = cloudpickle.dumps((function, arguments, options))
        key = f"{getattr(function, '__name__', 'task')}-{uuid.uuid4().hex}"
        try:
            return self._client.submit(self._carry, packed, *lent, key=key, pure=False)
        except Exception as error:
            if not self.is_connected():
                raise self._watch.lost(error) from error
            raise


class _Flight(Generic[Result]):
    """One task on its way; once that is over it holds nothing more, for its future holds it."""

    def __init__(
        self,
        executor: DaskExecutor,
        outcome: Future[Result],
        sent: Any,
        again: Callable[[], Result] | None,
        in_doubt: Callable[[Result], bool] | None,
    ) -> None:
        self.executor = executor
        self.outcome: Future[Result] | None = outcome
        self.sent = sent
        self.again = again
        self.in_doubt = in_doubt

    def land(self, sent: Any) -> None:
        """The task is done, or lost; called by a thread of Dask's."""
        outcome, again = self.outcome, self.again
        if outcome is None or outcome.done():
            return
        try:
            result: Result = sent.result()
            doubtful = self.in_doubt is not None and self.in_doubt(result)
        except (OSError, ContentsChangedError) as error:
            if again is not None and self.executor.is_connected():
                self.executor.do_here(outcome, again)
            else:
                _fail(outcome, self.executor.explained(error))
        except BaseException as error:
            _fail(outcome, self.executor.explained(error))
        else:
            if again is not None and doubtful:
                self.executor.do_here(outcome, again)
            else:
                _settle(outcome, result)

    def forget(self, outcome: Future[Result]) -> None:
        """Nobody waits any more: the cluster need not go on, or keep the result."""
        sent, self.sent, self.outcome, self.again = self.sent, None, None, None
        if outcome.cancelled():
            outcome.set_running_or_notify_cancel()  # who waits for it is told
        with suppress(Exception):  # the scheduler may be gone
            if outcome.cancelled():
                sent.cancel()
            sent.release()


def _the_tree(url: str, inputs: Sequence[bytes], seen: Sequence[Sight]) -> Tree:
    """The only input as workers see it.

    Raises:
        UsageError: there are several, or it is no folder.
    """
    tree = Tree(url, inputs[0])
    if len(inputs) != 1:
        raise UsageError(
            f"workers see one folder at {tree.shown}, but {len(inputs)} inputs are named; nothing was read: "
            "name the folder that they are in, or pack them one by one"
        )
    if seen and not stat.S_ISDIR(seen[0].form):
        raise UsageError(
            f"workers see a folder at {tree.shown}, but {show(inputs[0])} is none; nothing was read: "
            "name the folder"
        )
    return tree


def _settle(outcome: Future[Result], result: Result) -> None:
    with suppress(InvalidStateError):  # cancelled, or given up
        outcome.set_result(result)


def _fail(outcome: Future[Any], error: BaseException) -> None:
    with suppress(InvalidStateError):
        outcome.set_exception(error)


def _connected(address: str) -> Client:
    """A client of the scheduler at an address."""
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            f"work on a cluster needs dask ({error}): "
            "pip install 'dask>=2026.1,<2027' 'distributed>=2026.1,<2027' 'fsspec>=2025.1,<2028'; "
            "nothing was read"
        ) from error
    for name in _LOGGERS:  # what goes wrong is told once, and by us
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        # Else it keeps its last 1,000 messages, and with them what tasks were to do.
        with dask.config.set({"distributed.admin.low-level-log-length": 0}):
            return Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="ucompress")
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({error}); nothing was read, and nothing written. "
            "Start one with `dask scheduler`, or run the command without --dask"
        ) from error
