"""Parity of what all members share (format section 4.2): XOR over stripes, a check for each stripe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ucompress.archive.format.layout import SECTION_HEADER_SIZE, check

if TYPE_CHECKING:
    from ucompress.archive.format.source import FileSource

GROUP_STRIPES = 16
_SMALLEST = 64
_LARGEST = 4096
_FEW = 128

ReadAt = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class StripePlan:
    """Where stripes lie, from the payload's length alone.

    Attributes:
        length: payload bytes.
        stripe: bytes of a stripe.
        stripes: number of data stripes.
        groups: number of groups; stripe i belongs to group i mod groups.
    """

    length: int
    stripe: int
    stripes: int
    groups: int

    @classmethod
    def of(cls, length: int) -> StripePlan:
        """The plan for a payload of `length` bytes."""
        stripe = _SMALLEST
        while stripe < _LARGEST and -(-length // stripe) > _FEW:
            stripe *= 2
        stripes = -(-length // stripe)
        return cls(length, stripe, stripes, -(-stripes // GROUP_STRIPES))

    @property
    def parity_length(self) -> int:
        """Bytes that follow the payload."""
        if not self.length:
            return 0
        return self.groups * self.stripe + 4 * (self.stripes + self.groups) + 8


def section_bytes(length: int) -> int:
    """What a protected section with a payload of `length` bytes takes in the archive."""
    return SECTION_HEADER_SIZE + length + StripePlan.of(length).parity_length


class ParityBuilder:
    """Computes the parity of a payload that is fed from beginning to end.

    Args:
        length: the payload's bytes, known ahead.
    """

    def __init__(self, length: int) -> None:
        """Memory taken: about 1/16 of the payload."""
        self._plan = StripePlan.of(length)
        self._parity = [0] * self._plan.groups
        self._checks: list[bytes] = []
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the payload."""
        data = self._rest + data
        stripe = self._plan.stripe
        whole = len(data) // stripe * stripe
        for start in range(0, whole, stripe):
            self._stripe(data[start : start + stripe])
        self._rest = data[whole:]

    def _stripe(self, data: bytes) -> None:
        group = len(self._checks) % self._plan.groups
        self._parity[group] ^= int.from_bytes(data, "little")
        self._checks.append(check(data, 4))

    def finish(self) -> bytes:
        """The bytes that follow the payload."""
        if not self._plan.length:
            return b""
        if self._rest:
            self._stripe(self._rest.ljust(self._plan.stripe, b"\0"))
        rows = [row.to_bytes(self._plan.stripe, "little") for row in self._parity]
        checks = b"".join(self._checks + [check(row, 4) for row in rows])
        return b"".join(rows) + checks + check(checks, 8)


def build_parity(payload: bytes) -> bytes:
    """The parity of a payload that is at hand as a whole."""
    builder = ParityBuilder(len(payload))
    builder.feed(payload)
    return builder.finish()


class ProtectedPayload:
    """A protected payload that is read in parts and repaired where stripes fail.

    Args:
        read_at: (offset, length) -> bytes of the archive; may return fewer at its end.
        start: offset of the payload's first byte.
        length: the payload's bytes.
    """

    def __init__(self, read_at: ReadAt, start: int, length: int) -> None:
        """Nothing is read until asked for."""
        self._read_at = read_at
        self._start = start
        self._plan = StripePlan.of(length)
        self._known_checks: bytes | None = None

    @property
    def length(self) -> int:
        """The payload's bytes."""
        return self._plan.length

    def read(self, offset: int, length: int) -> bytes:
        """The bytes as they stand in the file, unchecked."""
        return self._read_at(self._start + offset, length)

    def repair(self, offset: int, length: int) -> bytes:
        """The bytes with every damaged stripe rebuilt that its group can rebuild.

        The result is what parity yields; the caller compares its own check with it.
        """
        checks = self._checks()
        first, last = offset // self._plan.stripe, (offset + length - 1) // self._plan.stripe
        data = b"".join(self._sound(number, checks) for number in range(first, last + 1))
        start = offset - first * self._plan.stripe
        return data[start : start + length]

    def _checks(self) -> bytes | None:
        """The stripe checks, or None if they are damaged themselves; read once."""
        if self._known_checks is None:
            plan = self._plan
            count = 4 * (plan.stripes + plan.groups)
            stored = self._read_at(self._start + plan.length + plan.groups * plan.stripe, count + 8)
            self._known_checks = stored[:count] if check(stored[:count], 8) == stored[count:] else b""
        return self._known_checks or None

    def _stripe(self, number: int) -> bytes:
        """Data stripe `number`, or parity stripe `number - stripes`."""
        plan = self._plan
        if number < plan.stripes:
            start = number * plan.stripe
            data = self._read_at(self._start + start, min(plan.stripe, plan.length - start))
        else:
            data = self._read_at(
                self._start + plan.length + (number - plan.stripes) * plan.stripe, plan.stripe
            )
        return data.ljust(plan.stripe, b"\0")

    def _sound(self, number: int, checks: bytes | None) -> bytes:
        """Data stripe `number`, rebuilt from its group if it fails its check and the group allows it."""
        data = self._stripe(number)
        if checks is None or check(data, 4) == checks[4 * number : 4 * number + 4]:
            return data
        plan = self._plan
        group = number % plan.groups
        members = [n for n in range(group, plan.stripes, plan.groups) if n != number]
        rebuilt = 0
        for member in [*members, plan.stripes + group]:
            other = self._stripe(member)
            if check(other, 4) != checks[4 * member : 4 * member + 4]:
                return data
            rebuilt ^= int.from_bytes(other, "little")
        return rebuilt.to_bytes(plan.stripe, "little")


def payload_of(source: FileSource, section_at: int, length: int) -> ProtectedPayload:
    """The payload of the protected section whose header stands at `section_at`."""
    return ProtectedPayload(source.read_past, section_at + SECTION_HEADER_SIZE, length)
