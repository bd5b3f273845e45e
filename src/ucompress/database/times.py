"""Times as the database writes them: ISO-8601, UTC, microseconds, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """An aware datetime as text of fixed width.

    Raises:
        ValueError: the datetime has no time zone, so its moment is unknown.
    """
    if moment.tzinfo is None:
        raise ValueError(f"times in the database are UTC; {moment!r} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: object) -> datetime | None:
    """The datetime that `text` names, aware, in UTC; None if it names none.

    Text without a time zone is UTC, as SQLite's own functions write it.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
