"""What runs in a worker of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ucompress.errors import ClusterError
from ucompress.pipeline.cluster.admission import REMEDY, Ticket, refusal
from ucompress.pipeline.cluster.fetching import Copies, SeenOtherwiseError
from ucompress.pipeline.writing.coding import release_compressor

if TYPE_CHECKING:
    from collections.abc import Callable

    from ucompress.pipeline.running.lending import Fetch

Item = TypeVar("Item")
Value = TypeVar("Value")
Result = TypeVar("Result")


def kept(value: Value) -> Value:
    """The value itself: as a task's result it stays on a worker, and is made again if that dies."""
    return value


def carrier() -> Callable[..., object]:
    """A function that calls what is packed, `(function, arguments, options)`, after what was lent.

    Made here, it has no name in a module and travels as code: so the scheduler, which unpacks functions but
    not bytes, need not have this package.
    """

    def carry(packed: bytes, *lent: object) -> object:
        import pickle

        function, arguments, options = pickle.loads(packed)
        return function(*lent, *arguments, **options)

    return carry


def _folder() -> str | None:
    """Where this worker keeps files of its own; None: where the system does."""
    from distributed import get_worker

    try:
        return str(get_worker().local_directory)
    except ValueError:  # no worker's thread
        return None


_copies = Copies(_folder)


def work(
    value: Value,
    ticket: Ticket | None,
    task: Callable[[Value, Item], Result],
    as_expected: Callable[[Item], bool] | None,
    fetched: Callable[[Item, Fetch], Item] | None,
    item: Item,
) -> Result:
    """`task(value, item)`, where this worker may do it.

    Raises:
        ClusterError: it may not.
        SeenOtherwiseError: files do not look as the scan saw them.
    """
    if ticket is not None and (reason := refusal(ticket)):
        raise ClusterError(f"worker {_address()} {reason}; {REMEDY}")
    if ticket is None or ticket.tree is None or fetched is None:
        return _insisted(task(value, item), as_expected, item)
    with _copies.fetching(ticket.run, ticket.tree) as fetch:
        item = fetched(item, fetch)
        return _insisted(task(value, item), as_expected, item)


def _insisted(result: Result, as_expected: Callable[[Item], bool] | None, item: Item) -> Result:
    """The result of a task on an item, whose files still look as expected."""
    if as_expected is not None and not as_expected(item):
        raise SeenOtherwiseError
    return result


async def retire(run: str) -> None:
    """Free what tasks of a run have left in this process; awaited by nobody."""
    release_compressor()
    _copies.forget(run)


def _address() -> str:
    from distributed import get_worker

    return str(get_worker().address)
